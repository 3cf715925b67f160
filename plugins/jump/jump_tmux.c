/* jump_tmux.c - a pane of tmux: the right socket, the right client, and the terminal around it.
 *
 * The client is the one that the person used last. Its process knows the terminal it runs in: WINDOWID and
 * the like stand in its environment, while those of the pane are as old as its session. */
#include "jump_way.h"

#include "../inert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TMUX_MS = 1500, OUT_MAX = 16384, ENVIRON_MAX = 128 * 1024 };

static bool is_pane(const char *text)
{
    uint32_t number;
    return text && text[0] == '%' && jump_number(text + 1, &number);
}

/* tmux -S SOCKET with the arguments that follow. As jump_run(). */
static int tmux(const char *socket, char out[OUT_MAX], const char *const args[])
{
    const char *argv[16] = {"tmux", "-S", socket};
    for (int i = 0; i < 12 && args[i]; i++)
        argv[3 + i] = args[i];
    return jump_run(argv, TMUX_MS, out, OUT_MAX);
}

static bool tmux_failed(struct jump_result *result, int status, const char *out)
{
    if (status == -ENOENT)
        return jump_fail(result, "tmux is not installed, or not in PATH");
    if (status == -ETIMEDOUT)
        return jump_fail(result, "tmux does not answer");
    if (strstr(out, "no server running") || strstr(out, "error connecting"))
        return jump_fail(result, "its tmux server is gone");
    char *said = inert_text(out, 160, 0, INERT_ONE_LINE);
    jump_fail(result, "tmux refused: %s", *said ? said : "without a reason");
    free(said);
    return false;
}

/* " -S SOCKET", or nothing for the person's usual one. */
static const char *socket_option(const char *socket, char *buf, size_t size)
{
    char usual[64];
    snprintf(usual, sizeof usual, "/tmp/tmux-%u/default", (unsigned)getuid());
    buf[0] = '\0';
    if (strcmp(socket, usual) != 0)
        snprintf(buf, size, " -S %s", socket);
    return buf;
}

/* ---- the client ---------------------------------------------------------------------------- */

struct tmux_client {
    long long activity_s, pid;
    bool focused;
    char name[128];
};

/* "ACTIVITY CONTROL PID FLAGS NAME"; a name may hold spaces. */
static bool read_client(const char *line, struct tmux_client *client)
{
    char *end;
    client->activity_s = strtoll(line, &end, 10);
    long long control = strtoll(end, &end, 10);
    client->pid = strtoll(end, &end, 10);
    if (*end != ' ' || client->pid <= 0)
        return false;
    const char *flags = end + 1, *name = strchr(flags, ' '), *focus = strstr(flags, "focused");
    if (!name || !name[1] || strlen(name + 1) >= sizeof client->name)
        return false;
    snprintf(client->name, sizeof client->name, "%s", name + 1);
    client->focused = focus && focus < name;
    return !control && client->name[0] != '-'; /* control mode: a program, nobody looks at it */
}

/* The one used last; of the same second, the one that has the focus. */
static bool find_client(char *list, struct tmux_client *found)
{
    bool any = false;
    char *rest = NULL;
    for (char *line = strtok_r(list, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        struct tmux_client client;
        if (!read_client(line, &client))
            continue;
        if (!any || client.activity_s > found->activity_s ||
            (client.activity_s == found->activity_s && client.focused && !found->focused))
            *found = client;
        any = true;
    }
    return any;
}

/* ---- the terminal around it ---------------------------------------------------------------- */

/* A variable of an environment as /proc shows it, or NULL. */
static const char *value_in(const char *environ, size_t len, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = environ; at < environ + len; at += strlen(at) + 1) {
        if (strncmp(at, name, n) == 0 && at[n] == '=' && at[n + 1])
            return at + n + 1;
    }
    return NULL;
}

static size_t read_environ(long long pid, char *buf, size_t size)
{
    char path[64];
    size_t len = 0;
    ssize_t n;
    snprintf(path, sizeof path, "/proc/%lld/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
        len += (size_t)n;
    close(fd);
    buf[len] = '\0';
    return len;
}

/* Brings the terminal in which that client runs to the front, if it is known and on this screen. */
static void raise_terminal(const struct tmux_client *client, struct jump_result *result)
{
    static char environ[ENVIRON_MAX];
    static const char *const screens[] = {"DISPLAY", "XAUTHORITY", "SWAYSOCK"};
    struct jump_result outer = {0};
    size_t len = read_environ(client->pid, environ, sizeof environ);

    if (len == 0 || value_in(environ, len, "SSH_CONNECTION"))
        return; /* the person sits at another machine's screen */
    for (size_t i = 0; i < sizeof screens / sizeof *screens; i++) {
        const char *value = value_in(environ, len, screens[i]);
        if (value)
            setenv(screens[i], value, 1);
    }
    const struct jump_place around = {.window = value_in(environ, len, "WINDOWID"),
                                      .kitty = value_in(environ, len, "KITTY_WINDOW_ID"),
                                      .kitty_socket = value_in(environ, len, "KITTY_LISTEN_ON"),
                                      .wezterm = value_in(environ, len, "WEZTERM_PANE"),
                                      .pid = client->pid};
    jump_terminal(&around, &outer);
    if (outer.ok)
        result->also = outer.by;
}

/* ---- the jump ------------------------------------------------------------------------------ */

/* A pane that is gone is no error to `display-message`: it prints nothing then. */
static bool pane_is_there(const struct jump_place *place, struct jump_result *result)
{
    char out[OUT_MAX];
    int status =
        tmux(place->tmux, out,
             (const char *const[]){"display-message", "-p", "-t", place->pane, "#{pane_id}", NULL});
    size_t n = strlen(place->pane);
    if (status == 0 && strncmp(out, place->pane, n) == 0 && out[n] == '\n')
        return true;
    if (status == 0 || strstr(out, "find pane"))
        return jump_fail(result, "pane %s is gone", place->pane);
    return tmux_failed(result, status, out);
}

void jump_tmux(const struct jump_place *place, struct jump_result *result)
{
    char out[OUT_MAX], option[300];
    struct tmux_client client;
    int status;

    result->by = "tmux";
    if (!is_pane(place->pane)) {
        jump_fail(result, "what its hook calls a tmux pane is none");
        return;
    }
    if (!jump_own_socket(place->tmux)) {
        jump_fail(result, "its tmux server is gone (no socket of yours is where it was)");
        return;
    }
    if (!pane_is_there(place, result))
        return;
    status = tmux(place->tmux, out,
                  (const char *const[]){"list-clients", "-F",
                                        "#{client_activity} #{client_control_mode} #{client_pid} "
                                        "#{?client_flags,#{client_flags},-} #{client_name}",
                                        NULL});
    if (status != 0) {
        tmux_failed(result, status, out);
        return;
    }
    if (!find_client(out, &client)) {
        jump_fail(result, "no terminal is attached to its tmux: tmux%s attach -t %s",
                  socket_option(place->tmux, option, sizeof option), place->pane);
        return;
    }
    status = tmux(place->tmux, out,
                  (const char *const[]){"switch-client", "-c", client.name, "-t", place->pane, NULL});
    if (status != 0) {
        tmux_failed(result, status, out);
        return;
    }
    result->ok = true;
    raise_terminal(&client, result);
}
