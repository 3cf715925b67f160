/* presence.c - the sensor that tells whether the person is there, where they look, and whether they want quiet.
 *
 *   X server  ─ x11.c ────────┐
 *   sway      ─ sway.c ───────┤
 *   tmux      ─ tmux.c ───────┤
 *   logind, screen saver ─────┼─▶ presence_…() ─▶ tell() ─▶ {"type":"presence"}: only what changed
 *   notification server ──────┤
 *   microphone.c, commits.c ──┘
 *
 * Every signal is optional, and each is pushed to us: when nothing happens, nothing here wakes up. The first
 * report comes FIRST_MS after the start, when those that are there have answered, and says everything; so what an
 * earlier run left behind is put right.
 *
 * Settings: idle_ms (after which the person is idle), away_ms (and away); off: an array of signals' names. */
#include "signals.h"

#include <glib-unix.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    FIRST_MS = 500,
    IDLE_MS = 5 * 60 * 1000,
    AWAY_MS = 30 * 60 * 1000,
    WHAT_MAX = 160,
    PLACE_MAX = 512,
    AGAIN_FIRST_S = 2,
    AGAIN_MOST_S = 3600,
};

static const char *const signal_names[SIGNALS] = {
    "x11", "sway", "tmux", "logind", "screensaver", "desktop", "microphone", "commits"};

struct front {
    char tmux[PLACE_MAX], pane[64], window[32], tty[64];
};

/* What is told, or to be told. */
struct report {
    const char *state;
    bool dnd, microphone;
    struct front front;
};

static struct sensor {
    struct kit kit;
    GMainLoop *loop;
    guint out_watch, first, away;
    gint64 idle_ms, away_ms;
    bool off[SIGNALS];
    bool open, telling; /* the signals are open; the first report is out */

    char seen[SIGNALS][WHAT_MAX];
    bool seen_changed, changed;
    bool idle_known[IDLERS], idle[IDLERS], locked[LOCKERS], asleep, gone_away;
    bool dnd, microphone;
    char breakpoint[64];
    struct report told;
} sensor;

/* ---- what the signals say ------------------------------------------------------------------------- */

void presence_seen(enum signal signal, const char *format, ...)
{
    char what[WHAT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (strcmp(what, sensor.seen[signal]) == 0)
        return;
    strcpy(sensor.seen[signal], what);
    sensor.seen_changed = true;
}

/* As the first one tells that knows. */
static bool is_idle(void)
{
    for (int i = 0; i < IDLERS; i++) {
        if (sensor.idle_known[i])
            return sensor.idle[i];
    }
    return false;
}

static gboolean on_away(gpointer unused)
{
    (void)unused;
    sensor.away = 0;
    sensor.gone_away = sensor.changed = true;
    return G_SOURCE_REMOVE;
}

void presence_idle(enum idler idler, bool known, bool idle)
{
    bool was = is_idle();

    sensor.idle_known[idler] = known;
    sensor.idle[idler] = idle;
    sensor.changed = true;
    if (is_idle() && !sensor.away && !sensor.gone_away && sensor.away_ms > sensor.idle_ms)
        sensor.away = g_timeout_add(MIN(sensor.away_ms - sensor.idle_ms, G_MAXINT), on_away, NULL);
    if (is_idle())
        return;
    sensor.gone_away = false;
    if (was)
        sensor.locked[LOCKER_ASKED] = false; /* whoever asked to lock: somebody works here again */
    g_clear_handle_id(&sensor.away, g_source_remove);
}

void presence_locked(enum locker locker, bool locked)
{
    sensor.locked[locker] = locked;
    sensor.changed = true;
}

void presence_asleep(bool asleep)
{
    sensor.asleep = asleep;
    sensor.changed = true;
}

void presence_dnd(bool dnd)
{
    sensor.dnd = dnd;
    sensor.changed = true;
}

void presence_microphone(bool in_use)
{
    if (sensor.microphone && !in_use)
        presence_breakpoint("you left a call");
    sensor.microphone = in_use;
    sensor.changed = true;
}

void presence_front(void)
{
    sensor.changed = true;
}

void presence_breakpoint(const char *what)
{
    g_strlcpy(sensor.breakpoint, what, sizeof sensor.breakpoint);
    sensor.changed = true;
}

/* ---- looking again later ---------------------------------------------------------------------------- */

static gboolean on_again(gpointer to)
{
    struct again *again = to;

    again->timer = 0;
    again->run();
    return G_SOURCE_REMOVE;
}

void again_later(struct again *again)
{
    guint wait_s = AGAIN_FIRST_S;

    if (again->timer)
        return;
    for (int i = 0; i < again->tries && wait_s < AGAIN_MOST_S; i++)
        wait_s *= 4;
    again->tries++;
    again->timer = g_timeout_add_seconds(MIN(wait_s, AGAIN_MOST_S), on_again, again);
}

void again_found(struct again *again)
{
    again->tries = 0;
}

void again_stop(struct again *again)
{
    g_clear_handle_id(&again->timer, g_source_remove);
}

/* ---- merging ------------------------------------------------------------------------------------------- */

static const char *state_now(void)
{
    if (sensor.asleep)
        return "away";
    for (int i = 0; i < LOCKERS; i++) {
        if (sensor.locked[i])
            return "locked";
    }
    if (!is_idle())
        return "active";
    return sensor.gone_away ? "away" : "idle";
}

/* The terminal of the only program that a terminal window runs: /dev/pts/3. "" if there are several, or none. */
static void tty_of(gint64 pid, char tty[64])
{
    char path[64], *children = NULL;
    int found = 0;

    *tty = '\0';
    snprintf(path, sizeof path, "/proc/%lld/task/%lld/children", (long long)pid, (long long)pid);
    if (!g_file_get_contents(path, &children, NULL, NULL))
        return;
    gchar **ids = g_strsplit(g_strstrip(children), " ", 64);
    for (int i = 0; ids[i]; i++) {
        snprintf(path, sizeof path, "/proc/%.20s/fd/0", ids[i]);
        char *stdin_of = g_file_read_link(path, NULL);
        if (stdin_of && g_str_has_prefix(stdin_of, "/dev/pts/") && strcmp(stdin_of, tty) != 0) {
            g_strlcpy(tty, stdin_of, 64);
            found++;
        }
        g_free(stdin_of);
    }
    g_strfreev(ids);
    g_free(children);
    if (found > 1)
        *tty = '\0';
}

/* The place in front: a window, the terminal in it, and the tmux pane that it shows. */
static void front_now(struct front *front)
{
    gint64 window = x11_window(), pid = 0;
    struct pane pane;

    memset(front, 0, sizeof *front);
    if (sway_front(&window, &pid) && window <= 0 && pid > 0)
        tty_of(pid, front->tty);
    if (window > 0)
        snprintf(front->window, sizeof front->window, "%lld", (long long)window);
    if (tmux_front(window, front->tty, &pane)) {
        g_strlcpy(front->tmux, pane.socket, sizeof front->tmux);
        g_strlcpy(front->pane, pane.pane, sizeof front->pane);
    }
}

static json_t *front_json(const struct front *front)
{
    json_t *json = json_object();

    if (*front->tmux)
        json_object_set_new(json, "tmux", json_string(front->tmux));
    if (*front->pane)
        json_object_set_new(json, "pane", json_string(front->pane));
    if (*front->window)
        json_object_set_new(json, "window", json_string(front->window));
    if (*front->tty)
        json_object_set_new(json, "tty", json_string(front->tty));
    return json;
}

/* ---- telling ------------------------------------------------------------------------------------------- */

static bool is_off(enum signal first, enum signal second)
{
    return sensor.off[first] && sensor.off[second];
}

/* Puts into `message` what is not as it was told; of what no signal is on, nothing. */
static void tell_changes(json_t *message, const struct report *now, const struct report *told)
{
    bool state_off = is_off(SIGNAL_LOGIND, SIGNAL_SCREENSAVER) && sensor.off[SIGNAL_X11];
    bool front_off = is_off(SIGNAL_TMUX, SIGNAL_SWAY) && sensor.off[SIGNAL_X11];

    if (!state_off && g_strcmp0(now->state, told->state) != 0)
        json_object_set_new(message, "state", json_string(now->state));
    if (!sensor.off[SIGNAL_DESKTOP] && (!told->state || now->dnd != told->dnd))
        json_object_set_new(message, "dnd", json_boolean(now->dnd));
    if (!sensor.off[SIGNAL_MICROPHONE] && (!told->state || now->microphone != told->microphone))
        json_object_set_new(message, "microphone", json_boolean(now->microphone));
    if (!front_off && (!told->state || memcmp(&now->front, &told->front, sizeof now->front) != 0))
        json_object_set_new(message, "front", front_json(&now->front));
    if (*sensor.breakpoint)
        json_object_set_new(message, "breakpoint", json_string(sensor.breakpoint));
}

static void tell(void)
{
    struct report now = {.dnd = sensor.dnd, .microphone = sensor.microphone};
    json_t *message = json_pack("{s:s}", "type", PROTOCOL_PRESENCE);

    front_now(&now.front);
    if (sensor.told.state && memcmp(&now.front, &sensor.told.front, sizeof now.front) != 0)
        sensor.locked[LOCKER_ASKED] = false; /* nobody goes elsewhere on a locked screen */
    now.state = state_now();
    tell_changes(message, &now, &sensor.told);
    sensor.told = now;
    sensor.changed = false;
    *sensor.breakpoint = '\0';
    if (json_object_size(message) > 1)
        kit_send(&sensor.kit, message);
    else
        json_decref(message);
}

static void tell_signals(void)
{
    json_t *signals = json_object();

    for (int i = 0; i < SIGNALS; i++) {
        if (!sensor.off[i] && *sensor.seen[i])
            json_object_set_new(signals, signal_names[i], json_string(sensor.seen[i]));
    }
    sensor.seen_changed = false;
    kit_send(&sensor.kit, json_pack("{s:s, s:o}", "type", PROTOCOL_SIGNALS, "signals", signals));
}

/* ---- life ----------------------------------------------------------------------------------------------- */

static void read_off(const json_t *names)
{
    size_t i;
    const json_t *name;

    json_array_foreach(names, i, name)
    {
        for (int signal = 0; signal < SIGNALS; signal++) {
            if (g_strcmp0(json_string_value(name), signal_names[signal]) == 0)
                sensor.off[signal] = true;
        }
    }
}

static gint64 duration(const json_t *settings, const char *key, gint64 otherwise)
{
    json_int_t value = json_integer_value(json_object_get(settings, key));
    return value > 0 ? value : otherwise;
}

static void hello(struct kit *kit, const char *receiver, const json_t *settings)
{
    (void)kit, (void)receiver;
    sensor.idle_ms = duration(settings, "idle_ms", IDLE_MS);
    sensor.away_ms = duration(settings, "away_ms", AWAY_MS);
    read_off(json_object_get(settings, "off"));
}

static gboolean on_first(gpointer unused)
{
    (void)unused;
    sensor.first = 0;
    sensor.telling = sensor.changed = true;
    return G_SOURCE_REMOVE;
}

/* The X server may be slow to answer: nothing is opened before "ready" is out. */
static gboolean on_open(gpointer unused)
{
    (void)unused;
    sensor.open = true;
    if (!sensor.off[SIGNAL_X11])
        x11_open(sensor.idle_ms);
    if (!sensor.off[SIGNAL_SWAY])
        sway_open();
    if (!sensor.off[SIGNAL_TMUX])
        tmux_open();
    bus_open(!sensor.off[SIGNAL_LOGIND], !sensor.off[SIGNAL_SCREENSAVER], !sensor.off[SIGNAL_DESKTOP]);
    if (!sensor.off[SIGNAL_MICROPHONE])
        microphone_open("/dev/snd", "/proc/asound");
    if (!sensor.off[SIGNAL_COMMITS])
        commits_open();
    sensor.first = g_timeout_add(FIRST_MS, on_first, NULL);
    return G_SOURCE_REMOVE;
}

static void ready(struct kit *kit)
{
    (void)kit;
    g_idle_add(on_open, NULL);
}

static void other(struct kit *kit, const char *type, const json_t *message)
{
    (void)kit;
    if (!sensor.open)
        return;
    if (strcmp(type, PROTOCOL_FOLDERS) == 0 && !sensor.off[SIGNAL_COMMITS])
        commits_follow(json_object_get(message, "folders"));
    else if (strcmp(type, PROTOCOL_SWITCH) == 0 && !sensor.off[SIGNAL_DESKTOP])
        desktop_switch(json_is_true(json_object_get(message, "dnd")));
}

/* ---- the loop --------------------------------------------------------------------------------------------- */

static gboolean on_host_takes(gint fd, GIOCondition condition, gpointer unused)
{
    (void)fd, (void)condition, (void)unused;
    kit_write(&sensor.kit);
    if (sensor.kit.over)
        g_main_loop_quit(sensor.loop);
    if (kit_wants_write(&sensor.kit))
        return G_SOURCE_CONTINUE;
    sensor.out_watch = 0;
    return G_SOURCE_REMOVE;
}

/* Called before the loop sleeps: tells what the turn has changed. */
static gboolean before_sleep(GSource *source, gint *timeout_ms)
{
    (void)source;
    *timeout_ms = -1;
    if (sensor.telling && sensor.changed)
        tell();
    if (sensor.telling && sensor.seen_changed)
        tell_signals();
    if (kit_wants_write(&sensor.kit) && !sensor.out_watch)
        sensor.out_watch = g_unix_fd_add(KIT_OUT, G_IO_OUT | G_IO_HUP | G_IO_ERR, on_host_takes, NULL);
    if (sensor.kit.over)
        g_main_loop_quit(sensor.loop);
    return FALSE;
}

static gboolean on_host_says(gint fd, GIOCondition condition, gpointer unused)
{
    (void)fd, (void)condition, (void)unused;
    if (kit_read(&sensor.kit))
        return G_SOURCE_CONTINUE;
    g_main_loop_quit(sensor.loop);
    return G_SOURCE_REMOVE;
}

static gboolean never_ready(GSource *source)
{
    (void)source;
    return FALSE;
}

static void serve(void)
{
    static GSourceFuncs funcs = {.prepare = before_sleep, .check = never_ready};
    GSource *source = g_source_new(&funcs, sizeof(GSource));

    g_source_attach(source, NULL);
    g_unix_fd_add(KIT_IN, G_IO_IN | G_IO_HUP | G_IO_ERR, on_host_says, NULL);
    g_main_loop_run(sensor.loop);
    g_source_destroy(source);
    g_source_unref(source);
}

int main(void)
{
    static const struct kit_plugin plugin = {.name = "presence",
                                             .version = QUIETBELL_VERSION,
                                             .can = KIT_SENSOR,
                                             .hello = hello,
                                             .ready = ready,
                                             .other = other};

    kit_init(&sensor.kit, &plugin, &sensor);
    sensor.loop = g_main_loop_new(NULL, FALSE);
    serve();
    if (sensor.open) {
        x11_close();
        sway_close();
        tmux_close();
        bus_close();
        microphone_close();
        commits_close();
    }
    int status = kit_finish(&sensor.kit);
    g_main_loop_unref(sensor.loop);
    return status;
}
