/* tmux.c: which pane of which tmux server the person looks at: see signals.h.
 *
 * Nothing is polled, and no client is attached. Each server is asked once, and given hooks (at an index of our own,
 * beside the person's) that count and do `wait-for -S`; a `tmux wait-for` of ours sleeps in the server until one fires,
 * lists the clients, and is started again. The count is what tells of changes in between: of signals that nobody waits
 * for tmux keeps the first, and a second takes it back.
 *
 *   DEAD --a socket appears in the folder--> ASKING --listed--> WAITING --a hook fires, listed--> WAITING
 *   ASKING --it does not answer, three times--> DEAD       WAITING --the server ends--> ASKING
 *
 * A client is in front if its terminal's window (WINDOWID of its environment) or its tty is. Where neither is known,
 * tmux has to tell whether its terminal has the focus, which it does with `set -g focus-events on`. */
#include "changes.h"
#include "signals.h"

#include <dirent.h>
#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SERVERS_MAX = 16,
    CLIENTS_MAX = 64, /* of one server; more are not looked at */
    TRIES = 3,
    TRY_MS = 300,
    PAUSE_MS = 100, /* between two questions: whatever moves the focus more often than that is no person */
    DETAILS = 6,
};
#define CHANNEL "quietbell-presence"
#define COUNT "@quietbell_changes"
#define HOOK "set-option -gF " COUNT " \"#{e|+:#{" COUNT "},1}\" ; wait-for -S " CHANNEL
#define HOOK_INDEX "[8477]"
#define FORMAT                                                                                     \
    "#{client_pid}\t#{client_flags}\t#{client_activity}\t#{pane_id}\t#{client_tty}\t#{focus-events}"

enum life { LIFE_FREE, LIFE_DEAD, LIFE_ASKING, LIFE_WAITING };

struct client {
    gint64 pid, activity_s, window; /* window 0: it has none */
    bool focused, tells;            /* has the focus, if its server is told of it */
    char pane[64], tty[64];
};

static struct server {
    enum life life;
    char path[512];
    struct client clients[CLIENTS_MAX];
    int n_clients, tries;
    gint64 count; /* of changes, when they were listed */
    GSubprocess *asking;
    GCancellable *cancel;
    guint timer;
} servers[SERVERS_MAX];

static void look_again(void);

static struct tmux {
    char folder[400];
    int fd; /* inotify, -1: none */
    guint watch;
    struct again again;
} tmux = {.fd = -1, .again = {.run = look_again}};

static void ask(struct server *server);

/* ---- which pane is in front -------------------------------------------------------------------------------- */

static bool is_in_front(const struct client *client, gint64 window, const char *tty)
{
    if (window > 0 && client->window > 0)
        return client->window == window;
    if (*tty)
        return strcmp(client->tty, tty) == 0;
    return client->tells && client->focused;
}

bool tmux_front(gint64 window, const char *tty, struct pane *pane)
{
    const struct client *best = NULL;

    for (struct server *server = servers; server < servers + SERVERS_MAX; server++) {
        for (int i = 0; server->life == LIFE_WAITING && i < server->n_clients; i++) {
            const struct client *client = &server->clients[i];
            if (!is_in_front(client, window, tty) || (best && best->activity_s > client->activity_s))
                continue;
            best = client;
            *pane = (struct pane){server->path, client->pane};
        }
    }
    return best != NULL;
}

static void tell_seen(void)
{
    int n_servers = 0, n_clients = 0, deaf = 0;

    for (const struct server *server = servers; server < servers + SERVERS_MAX; server++) {
        n_servers += server->life == LIFE_WAITING;
        n_clients += server->life == LIFE_WAITING ? server->n_clients : 0;
        for (int i = 0; server->life == LIFE_WAITING && i < server->n_clients; i++)
            deaf += !server->clients[i].tells && !server->clients[i].window;
    }
    if (n_servers == 0)
        presence_seen(SIGNAL_TMUX, "no server in %s", tmux.folder);
    else
        presence_seen(SIGNAL_TMUX, "%d server%s, %d client%s%s", n_servers,
                      n_servers == 1 ? "" : "s", n_clients, n_clients == 1 ? "" : "s",
                      deaf ? "; `set -g focus-events on` is missing in tmux.conf" : "");
}

/* ---- what a server says -------------------------------------------------------------------------------------- */

/* WINDOWID of a process's environment, as it was when it began. */
static gint64 window_of(gint64 pid)
{
    char path[64], *environment = NULL;
    gsize len = 0;
    gint64 window = 0;

    snprintf(path, sizeof path, "/proc/%lld/environ", (long long)pid);
    if (!g_file_get_contents(path, &environment, &len, NULL))
        return 0;
    for (gsize at = 0; at < len; at += strlen(environment + at) + 1) {
        if (g_str_has_prefix(environment + at, "WINDOWID="))
            window = g_ascii_strtoll(environment + at + strlen("WINDOWID="), NULL, 10);
    }
    g_free(environment);
    return window;
}

static bool read_client(const char *line, struct client *client)
{
    gchar **part = g_strsplit(line, "\t", DETAILS);
    bool good =
        g_strv_length(part) == DETAILS && part[3][0] == '%' && !strstr(part[1], "control-mode");

    if (good) {
        *client = (struct client){.pid = g_ascii_strtoll(part[0], NULL, 10),
                                  .activity_s = g_ascii_strtoll(part[2], NULL, 10),
                                  .focused = strstr(part[1], "focused") != NULL,
                                  .tells = *part[5] == '1'};
        client->window = window_of(client->pid);
        g_strlcpy(client->pane, part[3], sizeof client->pane);
        g_strlcpy(client->tty, part[4], sizeof client->tty);
    }
    g_strfreev(part);
    return good;
}

/* The count, and a line for each client. */
static void take_list(struct server *server, const char *list)
{
    gchar **lines = g_strsplit(list, "\n", CLIENTS_MAX + 2);

    server->n_clients = 0;
    server->count = lines[0] ? g_ascii_strtoll(lines[0], NULL, 10) : 0;
    for (int i = 1; lines[0] && lines[i] && server->n_clients < CLIENTS_MAX; i++)
        server->n_clients += read_client(lines[i], &server->clients[server->n_clients]);
    g_strfreev(lines);
    presence_front();
    tell_seen();
}

/* ---- asking ------------------------------------------------------------------------------------------------- */

static gboolean on_timer(gpointer to)
{
    struct server *server = to;
    server->timer = 0;
    ask(server);
    return G_SOURCE_REMOVE;
}

static void forget(struct server *server)
{
    server->life = LIFE_DEAD;
    server->n_clients = 0;
    presence_front();
    tell_seen();
}

static void on_answer(GObject *source, GAsyncResult *result, gpointer to)
{
    struct server *server = to;
    char *output = NULL;
    bool read =
        g_subprocess_communicate_utf8_finish(G_SUBPROCESS(source), result, &output, NULL, NULL);

    if (g_cancellable_is_cancelled(server->cancel)) {
        g_free(output);
        return;
    }
    bool good = read && g_subprocess_get_successful(G_SUBPROCESS(source));
    g_clear_object(&server->asking);
    if (good) {
        server->tries = 0;
        server->life = LIFE_WAITING;
        take_list(server, output ? output : "");
    } else if (server->life == LIFE_WAITING) {
        server->life = LIFE_ASKING;
    } else if (++server->tries >= TRIES) {
        forget(server);
    }
    g_free(output);
    if (server->life != LIFE_DEAD)
        server->timer = g_timeout_add(good ? PAUSE_MS : TRY_MS, on_timer, server);
}

/* Appends one command of tmux to the arguments, and the sign for another. */
static void add(GPtrArray *argv, const char *const *words)
{
    for (; *words; words++)
        g_ptr_array_add(argv, g_strdup(*words));
    g_ptr_array_add(argv, g_strdup(";"));
}
#define ADD(argv, ...) add(argv, (const char *const[]){__VA_ARGS__, NULL})

static void add_hooks(GPtrArray *argv)
{
    static const char *const hooks[] = {
        "client-focus-in" HOOK_INDEX,        "client-focus-out" HOOK_INDEX,
        "client-attached" HOOK_INDEX,        "client-detached" HOOK_INDEX,
        "client-session-changed" HOOK_INDEX, "session-window-changed" HOOK_INDEX,
        "window-pane-changed" HOOK_INDEX};

    ADD(argv, "set-option", "-g", COUNT, "0");
    for (size_t i = 0; i < G_N_ELEMENTS(hooks); i++)
        ADD(argv, "set-hook", "-g", hooks[i], HOOK);
}

/* The first time: hooks, and the list. Later: wait for a hook unless one has fired since, and the list. */
static void ask(struct server *server)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    char unchanged[64];

    g_ptr_array_add(argv, g_strdup("tmux"));
    g_ptr_array_add(argv, g_strdup("-S"));
    g_ptr_array_add(argv, g_strdup(server->path));
    snprintf(unchanged, sizeof unchanged, "#{==:#{" COUNT "},%lld}", (long long)server->count);
    if (server->life == LIFE_ASKING)
        add_hooks(argv);
    else
        ADD(argv, "if-shell", "-F", unchanged, "wait-for " CHANNEL);
    ADD(argv, "show-options", "-gv", COUNT);
    ADD(argv, "list-clients", "-F", FORMAT);
    g_ptr_array_add(argv, NULL);
    server->asking =
        g_subprocess_newv((const gchar *const *)argv->pdata,
                          G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, NULL);
    g_ptr_array_free(argv, TRUE);
    if (server->asking)
        g_subprocess_communicate_utf8_async(server->asking, NULL, server->cancel, on_answer, server);
    else
        forget(server); /* no tmux here */
}

/* ---- the folder of sockets ----------------------------------------------------------------------------------- */

static void look_at(const char *name)
{
    char path[512];
    struct stat status;
    struct server *room = NULL, *server = NULL;

    if (*name == '.' || snprintf(path, sizeof path, "%s/%s", tmux.folder, name) >= (int)sizeof path ||
        stat(path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return;
    for (struct server *each = servers; each < servers + SERVERS_MAX; each++) {
        if (each->life != LIFE_FREE && strcmp(each->path, path) == 0)
            server = each;
        else if (!room && (each->life == LIFE_FREE || each->life == LIFE_DEAD))
            room = each;
    }
    server = server ? server : room;
    if (!server || server->life == LIFE_ASKING || server->life == LIFE_WAITING)
        return;
    g_strlcpy(server->path, path, sizeof server->path);
    if (!server->cancel)
        server->cancel = g_cancellable_new();
    server->life = LIFE_ASKING;
    server->tries = 0;
    ask(server);
}

static void look_at_all(void)
{
    DIR *dir = opendir(tmux.folder);

    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        look_at(entry->d_name);
    if (dir)
        closedir(dir);
    tell_seen();
}

static gboolean on_change(gint fd, GIOCondition condition, gpointer unused)
{
    struct changes changes;

    (void)condition, (void)unused;
    changes_read(&changes, fd);
    for (const struct inotify_event *event; (event = changes_next(&changes));) {
        if (event->mask & IN_IGNORED) { /* the folder is gone */
            again_later(&tmux.again);
            return G_SOURCE_CONTINUE;
        }
    }
    look_at_all();
    return G_SOURCE_CONTINUE;
}

/* As tmux writes it into TMUX: without symbolic links. */
static void spell(char folder[400])
{
    char *real = realpath(folder, NULL);

    if (real && strlen(real) < 400)
        strcpy(folder, real);
    free(real);
}

/* The folder is made as tmux itself makes it, so that its first server is seen without looking again and again. */
static void look_again(void)
{
    struct stat status;

    mkdir(tmux.folder, 0700);
    spell(tmux.folder);
    if (lstat(tmux.folder, &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != getuid() ||
        inotify_add_watch(tmux.fd, tmux.folder, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0) {
        presence_seen(SIGNAL_TMUX, "no folder %s", tmux.folder);
        again_later(&tmux.again);
        return;
    }
    again_found(&tmux.again);
    look_at_all();
}

void tmux_open(void)
{
    const char *folder = around_env("TMUX_TMPDIR");

    snprintf(tmux.folder, sizeof tmux.folder, "%s/tmux-%u", folder && *folder ? folder : "/tmp",
             (unsigned)getuid());
    char *program = g_find_program_in_path("tmux");
    if (!program) {
        presence_seen(SIGNAL_TMUX, "no tmux on this machine");
        return;
    }
    g_free(program);
    tmux.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (tmux.fd < 0)
        return;
    tmux.watch = g_unix_fd_add(tmux.fd, G_IO_IN, on_change, NULL);
    look_again();
}

/* What sleeps in a server would sleep there for ever. */
void tmux_close(void)
{
    for (struct server *server = servers; server < servers + SERVERS_MAX; server++) {
        g_clear_handle_id(&server->timer, g_source_remove);
        if (server->cancel)
            g_cancellable_cancel(server->cancel);
        if (server->asking)
            g_subprocess_force_exit(server->asking);
        g_clear_object(&server->asking);
        g_clear_object(&server->cancel);
        server->life = LIFE_FREE;
    }
    again_stop(&tmux.again);
    g_clear_handle_id(&tmux.watch, g_source_remove);
    if (tmux.fd >= 0)
        close(tmux.fd);
    tmux.fd = -1;
}
