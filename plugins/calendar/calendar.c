/* calendar.c - the sensor that reads calendars: when is the person busy?
 *
 *   hello {settings: calendars} -> due -> expander (a process, calendar_expand.h) -> {"type":"calendar"} -> ack
 *   inotify on their folders, the clock ------^
 *
 * Settings: calendars: [{focus, file}]. Each is read when it changes, once a day (only the coming two weeks are
 * told), and when the wall clock is set. A file that cannot be used is told as a `problem`; what was told before
 * holds. When nothing changes it sleeps. */
#include "../kit.h"
#include "calendar_expand.h"
#include "calendar_look.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CALENDARS_MAX = 32,
    OUTPUT_MAX = 128 * 1024,
    PATIENCE_MS = 30000, /* for the expander; its own limits end it sooner */
    AGAIN_MS = 5000,     /* after the host could not store it */
};

static struct calendar {
    char *focus, *file;
    bool due;
    int64_t again_ms; /* monotonic; 0: not */
} calendars[CALENDARS_MAX];
static int n_calendars;

static struct { /* the expander that runs */
    struct calendar *calendar;
    pid_t pid;
    int out;
    int64_t until_ms;
    char text[OUTPUT_MAX + 1];
    size_t used;
} expander;

static uint64_t next_id;

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t steady_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* ---- telling ------------------------------------------------------------------------------------------- */

static void tell(struct kit *kit, const struct calendar *calendar, json_t *message)
{
    char id[24];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)next_id++);
    json_object_set_new(message, "type", json_string("calendar"));
    json_object_set_new(message, "id", json_string(id));
    json_object_set_new(message, "focus", json_string(calendar->focus));
    kit_send(kit, message);
}

static void tell_result(struct kit *kit, int status)
{
    json_t *said = json_loadb(expander.text, expander.used, 0, NULL);
    bool good = json_is_object(said) &&
                (json_is_array(json_object_get(said, "busy")) || *kit_string(said, "problem"));
    if (!good) {
        json_decref(said);
        said = json_pack("{ss}", "problem",
                         WIFSIGNALED(status) ? "it takes too long to read" : "what reads it failed");
    }
    tell(kit, expander.calendar, said);
}

/* ---- the expander -------------------------------------------------------------------------------------- */

static void expand(struct calendar *calendar)
{
    char from[24], until[24];
    int out[2];
    int64_t now = clock_ms(CLOCK_REALTIME);
    calendar->due = false;
    calendar->again_ms = 0;
    snprintf(from, sizeof from, "%lld", (long long)(now - LOOK_BACK_MS));
    snprintf(until, sizeof until, "%lld", (long long)(now + LOOK_AHEAD_MS));
    if (pipe2(out, O_CLOEXEC) != 0) {
        calendar->again_ms = steady_ms() + AGAIN_MS;
        return;
    }
    expander.pid = fork();
    if (expander.pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        execl("/proc/self/exe", "calendar", "--expand", calendar->file, from, until, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    if (expander.pid < 0) {
        close(out[0]);
        calendar->again_ms = steady_ms() + AGAIN_MS;
        return;
    }
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    expander.calendar = calendar;
    expander.out = out[0];
    expander.used = 0;
    expander.until_ms = steady_ms() + PATIENCE_MS;
}

static void expander_end(struct kit *kit, bool kill_it)
{
    int status = 0;
    if (kill_it)
        kill(expander.pid, SIGKILL);
    while (waitpid(expander.pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(expander.out);
    if (kit)
        tell_result(kit, status);
    expander.pid = 0;
    expander.calendar = NULL;
}

static void expander_read(struct kit *kit)
{
    ssize_t n = read(expander.out, expander.text + expander.used, OUTPUT_MAX - expander.used);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        expander.used += (size_t)n;
    if (n <= 0 || expander.used == OUTPUT_MAX)
        expander_end(kit, n > 0);
}

/* ---- the host ------------------------------------------------------------------------------------------ */

static void hello(struct kit *kit, const char *receiver, const json_t *settings)
{
    size_t i;
    const json_t *item;
    (void)kit, (void)receiver;
    json_array_foreach(json_object_get(settings, "calendars"), i, item)
    {
        const char *focus = kit_string(item, "focus"), *file = kit_string(item, "file");
        if (!*focus || !*file || n_calendars == CALENDARS_MAX)
            continue;
        calendars[n_calendars++] =
            (struct calendar){.focus = strdup(focus), .file = strdup(file), .due = true};
        look_add(file);
    }
    look_begin();
}

static void ack(struct kit *kit, const json_t *message)
{
    (void)kit;
    if (json_is_true(json_object_get(message, "ok")) ||
        !json_is_true(json_object_get(message, "retry")))
        return;
    for (int i = 0; i < n_calendars; i++) /* rare enough to read them all again */
        calendars[i].again_ms = steady_ms() + AGAIN_MS;
}

/* ---- the loop ------------------------------------------------------------------------------------------ */

/* What is to be read now, one after another; returns how long nothing is to be done, -1: for ever. */
static int next_step(struct kit *kit)
{
    int64_t now = steady_ms(), until = look_due(now);
    uint32_t changed = look_changed(now);
    for (int i = 0; i < n_calendars; i++) {
        struct calendar *calendar = &calendars[i];
        bool again = calendar->again_ms && calendar->again_ms <= now;
        if (again) /* it is due now, perhaps behind another: no time is awaited any more */
            calendar->again_ms = 0;
        calendar->due |= changed >> i & 1 || again;
        if (calendar->due && !expander.pid && kit->ready)
            expand(calendar);
        if (calendar->again_ms && calendar->again_ms < until)
            until = calendar->again_ms;
    }
    if (expander.pid && expander.until_ms <= now)
        expander_end(kit, true);
    if (expander.pid && expander.until_ms < until)
        until = expander.until_ms;
    if (until == INT64_MAX)
        return -1;
    return until <= now ? 0 : until - now > INT_MAX ? INT_MAX : (int)(until - now);
}

static int run(struct kit *kit)
{
    while (!kit->over) {
        int wait_ms = next_step(kit);
        struct pollfd fds[] = {{.fd = KIT_IN, .events = POLLIN},
                               {.fd = kit_wants_write(kit) ? KIT_OUT : -1, .events = POLLOUT},
                               {.fd = expander.pid ? expander.out : -1, .events = POLLIN},
                               {.fd = look_events(), .events = POLLIN},
                               {.fd = look_clock(), .events = POLLIN}};
        if (poll(fds, sizeof fds / sizeof *fds, wait_ms) < 0 && errno != EINTR)
            break;
        if (fds[4].revents && look_clock_read()) {
            for (int i = 0; i < n_calendars; i++)
                calendars[i].due = true;
        }
        if (fds[3].revents)
            look_read();
        if (fds[2].revents)
            expander_read(kit);
        if (fds[1].revents)
            kit_write(kit);
        if (fds[0].revents)
            kit_read(kit);
    }
    if (expander.pid)
        expander_end(NULL, true);
    return kit_finish(kit);
}

int main(int argc, char **argv)
{
    static const struct kit_plugin plugin = {
        .name = "calendar", .version = QUIETBELL_VERSION, .can = KIT_SENSOR, .hello = hello, .ack = ack};
    struct kit kit;
    if (argc > 1 && strcmp(argv[1], "--expand") == 0)
        return expand_main(argc - 2, argv + 2);
    if (getrandom(&next_id, sizeof next_id, 0) != sizeof next_id)
        next_id = (uint64_t)clock_ms(CLOCK_REALTIME) << 20;
    kit_init(&kit, &plugin, NULL);
    int status = run(&kit);
    for (int i = 0; i < n_calendars; i++) {
        free(calendars[i].focus);
        free(calendars[i].file);
    }
    look_end();
    return status;
}
