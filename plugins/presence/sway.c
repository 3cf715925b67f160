/* sway.c: the window in front under sway, by its socket (sway-ipc(7)): see signals.h.
 *
 * "i3-ipc", length, type, JSON. Subscribed are windows and workspaces; after any of them that may move the focus
 * the tree is asked for once. i3 needs no such part: it is an X11 window manager, and x11.c sees it. */
#include "signals.h"

#include <errno.h>
#include <glib-unix.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    MESSAGE_SUBSCRIBE = 2,
    MESSAGE_TREE = 4,
    HEAD = 14,
    BODY_MAX = 4 << 20,
    DEPTH_MAX = 64,
};
#define EVENT_BIT 0x80000000u
static const char MAGIC[] = "i3-ipc";

static void connect_to_it(void);

static struct sway {
    int fd; /* -1: none */
    guint watch;
    GByteArray *in;
    bool asked, ask_again; /* the tree is asked for; and has to be once more */
    bool known;
    gint64 window, pid; /* of what is focused */
    struct again again;
} sway = {.fd = -1, .again = {.run = connect_to_it}};

bool sway_front(gint64 *window, gint64 *pid)
{
    if (!sway.known)
        return false;
    *window = sway.window;
    *pid = sway.pid;
    return true;
}

static void hang_up(const char *why)
{
    g_clear_handle_id(&sway.watch, g_source_remove);
    if (sway.fd >= 0)
        close(sway.fd);
    sway.fd = -1;
    g_byte_array_set_size(sway.in, 0);
    sway.known = sway.asked = sway.ask_again = false;
    presence_front();
    presence_seen(SIGNAL_SWAY, "no %s", why);
}

/* Small, and rarely sent: a socket that does not take it at once is as good as dead. */
static bool say(uint32_t type, const char *body)
{
    char message[256];
    uint32_t len = (uint32_t)strlen(body);

    memcpy(message, MAGIC, 6);
    memcpy(message + 6, &len, 4);
    memcpy(message + 10, &type, 4);
    memcpy(message + HEAD, body, len);
    return send(sway.fd, message, HEAD + len, MSG_NOSIGNAL) == (ssize_t)(HEAD + len);
}

static void ask_tree(void)
{
    if (sway.asked) {
        sway.ask_again = true;
        return;
    }
    sway.asked = say(MESSAGE_TREE, "");
}

/* ---- what it says --------------------------------------------------------------------------------------- */

static const json_t *find_focused(const json_t *node, int depth)
{
    static const char *const below[] = {"nodes", "floating_nodes"};
    const json_t *child, *found = NULL;
    size_t i;

    if (json_is_true(json_object_get(node, "focused")))
        return node;
    for (int list = 0; list < 2 && depth < DEPTH_MAX && !found; list++) {
        json_array_foreach(json_object_get(node, below[list]), i, child)
        {
            if (!found)
                found = find_focused(child, depth + 1);
        }
    }
    return found;
}

/* An empty workspace may be what is focused: then nothing is in front. */
static void take_tree(const json_t *tree)
{
    const json_t *focused = find_focused(tree, 0);
    bool is_window = json_is_integer(json_object_get(focused, "pid"));
    gint64 window = is_window ? json_integer_value(json_object_get(focused, "window")) : 0;
    gint64 pid = is_window ? json_integer_value(json_object_get(focused, "pid")) : 0;

    sway.asked = false;
    if (!sway.known || window != sway.window || pid != sway.pid)
        presence_front();
    sway.known = true;
    sway.window = window;
    sway.pid = pid;
    presence_seen(SIGNAL_SWAY, "the window in front");
    if (sway.ask_again) {
        sway.ask_again = false;
        ask_tree();
    }
}

static void take_event(const json_t *event)
{
    const char *change = json_string_value(json_object_get(event, "change"));
    static const char *const moves[] = {"focus", "close", "empty", "init", "new"};

    for (size_t i = 0; i < G_N_ELEMENTS(moves); i++) {
        if (g_strcmp0(change, moves[i]) == 0)
            ask_tree();
    }
}

/* True if a whole message was taken; false with `in` as it is, or on what is none of theirs. */
static bool take_message(bool *good)
{
    uint32_t len, type;

    if (sway.in->len < HEAD)
        return false;
    memcpy(&len, sway.in->data + 6, 4);
    memcpy(&type, sway.in->data + 10, 4);
    *good = memcmp(sway.in->data, MAGIC, 6) == 0 && len <= BODY_MAX;
    if (!*good || sway.in->len < HEAD + len)
        return false;
    json_t *body = json_loadb((const char *)sway.in->data + HEAD, len, 0, NULL);
    g_byte_array_remove_range(sway.in, 0, HEAD + len);
    if (type == MESSAGE_TREE)
        take_tree(body);
    else if (type & EVENT_BIT)
        take_event(body);
    json_decref(body);
    return true;
}

/* ---- the connection --------------------------------------------------------------------------------------- */

static gboolean on_readable(gint fd, GIOCondition condition, gpointer unused)
{
    guint8 bytes[16384];
    bool good = true;

    (void)condition, (void)unused;
    ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (got > 0)
        g_byte_array_append(sway.in, bytes, (guint)got);
    while (got > 0 && take_message(&good))
        ;
    if (got > 0 && good)
        return G_SOURCE_CONTINUE;
    hang_up("sway any more");
    again_later(&sway.again);
    return G_SOURCE_REMOVE;
}

/* A folder of somebody else may hold any socket: what listens has to be ours, too. */
static bool is_ours(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid();
}

static int open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (!path || !*path || strlen(path) >= sizeof address.sun_path)
        return -1;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); /* a full backlog is EAGAIN */
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 && is_ours(fd))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void connect_to_it(void)
{
    const char *path = around_env("SWAYSOCK");

    sway.fd = open_socket(path);
    if (sway.fd < 0 || !say(MESSAGE_SUBSCRIBE, "[\"window\",\"workspace\"]")) {
        hang_up(path && *path ? "answer of sway" : "sway: SWAYSOCK is not set");
        again_later(&sway.again);
        return;
    }
    again_found(&sway.again);
    ask_tree();
    sway.watch = g_unix_fd_add(sway.fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, NULL);
}

void sway_open(void)
{
    sway.in = g_byte_array_new();
    connect_to_it();
}

void sway_close(void)
{
    if (!sway.in)
        return;
    again_stop(&sway.again);
    hang_up("sway");
    g_byte_array_unref(sway.in);
    sway.in = NULL;
}
