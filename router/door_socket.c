/* door_socket.c: see door.h. Each line of a client takes a ticket; tickets are filled in any order and sent in
 * the order of the lines, so that a client may send many before it reads. A client is freed when its handle
 * is closed and no ticket waits.
 *
 * Long because what holds one client back concerns all of them: the caps are read in one piece. */
#include "router/door.h"
#include "router/host.h"
#include "router/log.h"
#include "router/quarantine.h"
#include "router/query.h"
#include "plugins/line.h"
#include "rules/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct client;

struct ticket { /* one line, and its answer when it is there */
    struct client *client;
    char *answer;
    struct ticket *next;
};

struct client {
    struct door_socket *door;
    uv_pipe_t pipe;
    struct line_buf in;
    size_t held;   /* of door->unparsed */
    size_t unsent; /* of door->unsent */
    struct ticket *tickets, **tickets_end;
    int pending;
    bool closing, closed, reading;
    bool ended;  /* it sends no more; it may read on */
    bool asking; /* a command of it waits for its answer, which may be large: one at a time */
    struct client *next, **at;
};

struct door_socket {
    uv_pipe_t listener;
    struct router *router;
    char *path;
    bool made; /* the socket file is ours to remove */
    struct client *clients;
    int n_clients;
    size_t unparsed, unsent;
    bool closing, listener_closed;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

/* ---- the end of a client ------------------------------------------------------------------------------ */

static void door_free_if_done(struct door_socket *door)
{
    if (!door->closing || !door->listener_closed || door->clients)
        return;
    void (*on_closed)(void *arg) = door->on_closed;
    void *arg = door->closed_arg;
    if (door->made)
        unlink(door->path);
    free(door->path);
    free(door);
    on_closed(arg);
}

static void free_if_done(struct client *client)
{
    struct door_socket *door = client->door;
    if (!client->closed || client->tickets)
        return;
    *client->at = client->next;
    if (client->next)
        client->next->at = client->at;
    door->n_clients--;
    router_counts(door->router)->clients = door->n_clients;
    line_release(&client->in);
    free(client);
    door_free_if_done(door);
}

static void on_client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    client->closed = true;
    free_if_done(client);
}

static void close_client(struct client *client)
{
    if (client->closing)
        return;
    client->door->unsent -= client->unsent;
    client->door->unparsed -= client->held;
    client->unsent = client->held = 0;
    client->closing = true;
    uv_close((uv_handle_t *)&client->pipe, on_client_closed);
}

/* ---- answers -------------------------------------------------------------------------------------------- */

struct sending {
    uv_write_t request;
    struct client *client;
    char *text;
    size_t length; /* what is left of it */
};

static void start_reading(struct client *client);

static struct client *most_unsent(const struct door_socket *door)
{
    struct client *most = door->clients;
    for (struct client *client = door->clients; client; client = client->next)
        most = client->unsent > most->unsent ? client : most;
    return most;
}

/* An answer counts from when it is there until it is written. Whoever reads least goes first. */
static void count_unsent(struct client *client, size_t length)
{
    struct door_socket *door = client->door;
    while (door->unsent > DOOR_UNREAD_MAX) {
        log_error("a client was closed: it does not read its answers");
        close_client(most_unsent(door));
    }
    if (client->closing)
        return;
    client->unsent += length;
    door->unsent += length;
}

static void uncount_unsent(struct client *client, size_t length)
{
    if (client->closing)
        return;
    client->unsent -= length;
    client->door->unsent -= length;
}

static void on_sent(uv_write_t *request, int status)
{
    struct sending *sending = request->data;
    struct client *client = sending->client;
    uncount_unsent(client, sending->length);
    free(sending->text);
    free(sending);
    if (status < 0 || (client->ended && !client->tickets && client->unsent == 0))
        close_client(client);
    else
        start_reading(client);
}

/* Takes over the text. */
static void send_text(struct client *client, char *text)
{
    uv_buf_t buf = uv_buf_init(text, (unsigned)strlen(text));
    int sent = client->closing ? 0 : uv_try_write((uv_stream_t *)&client->pipe, &buf, 1);
    if (sent > 0) { /* perhaps not all */
        buf.base += sent;
        buf.len -= (size_t)sent;
    }
    if (buf.len > 0)
        count_unsent(client, buf.len);
    if (client->closing || buf.len == 0) {
        free(text);
        return;
    }
    struct sending *sending = must_alloc(sizeof *sending);
    sending->client = client;
    sending->text = text;
    sending->length = buf.len;
    sending->request.data = sending;
    if (uv_write(&sending->request, (uv_stream_t *)&client->pipe, &buf, 1, on_sent) < 0) {
        free(text);
        free(sending);
        close_client(client);
    }
}

/* Sends what is answered at the head of the line. */
static void flush(struct client *client)
{
    while (client->tickets && client->tickets->answer) {
        struct ticket *ticket = client->tickets;
        client->tickets = ticket->next;
        client->pending--;
        uncount_unsent(client, strlen(ticket->answer));
        send_text(client, ticket->answer);
        free(ticket);
    }
    if (!client->tickets)
        client->tickets_end = &client->tickets;
    if (client->closed)
        return free_if_done(client);
    if ((client->door->closing || (client->ended && client->unsent == 0)) && !client->tickets)
        close_client(client);
    else if (!client->reading && client->pending < DOOR_PENDING_MAX / 2)
        start_reading(client);
}

static char *answer_text(json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT);
    size_t length = text ? strlen(text) : 0;
    json_decref(answer);
    if (!text)
        return must_copy("{\"ok\":false,\"error\":\"the answer is no UTF-8\"}\n");
    text = must_grow(text, length + 2);
    memcpy(text + length, "\n", 2);
    return text;
}

static void set_answer(struct ticket *ticket, char *text)
{
    ticket->answer = text;
    count_unsent(ticket->client, strlen(text));
}

static void on_command_answer(void *owner, json_t *answer)
{
    struct ticket *ticket = owner;
    ticket->client->asking = false;
    set_answer(ticket, answer_text(answer));
    flush(ticket->client);
}

static void fill(struct ticket *ticket, const struct answer *answer)
{
    char ok[48];
    if (answer->ok) {
        snprintf(ok, sizeof ok, "{\"ok\":true,\"seq\":%llu}\n", (unsigned long long)answer->seq);
        set_answer(ticket, must_copy(ok));
        return;
    }
    json_t *refused =
        json_pack("{s:b, s:s, s:s}", "ok", 0, "error", answer->error, "at", text_or(answer->at, ""));
    if (refused && answer->retry)
        json_object_set_new(refused, "retry", json_true());
    set_answer(ticket,
               answer_text(refused ? refused : json_pack("{s:b, s:s}", "ok", 0, "error", "refused")));
}

static void on_answer(void *owner, struct arrival *arrival, const struct answer *answer)
{
    struct ticket *ticket = owner;
    (void)arrival;
    fill(ticket, answer);
    flush(ticket->client);
}

/* ---- lines ---------------------------------------------------------------------------------------------- */

static struct ticket *take_ticket(struct client *client)
{
    struct ticket *ticket = must_alloc(sizeof *ticket);
    ticket->client = client;
    *client->tickets_end = ticket;
    client->tickets_end = &ticket->next;
    client->pending++;
    return ticket;
}

static void refuse_line(struct client *client, struct ticket *ticket, const char *error, const char *at)
{
    const struct answer answer = {.error = error, .at = at};
    router_counts(client->door->router)->refused++;
    fill(ticket, &answer);
    flush(client);
}

static void take_line(struct client *client, const char *line, size_t length)
{
    struct message message;
    struct refusal refusal;
    struct ticket *ticket = take_ticket(client);
    int status = message_parse(&message, line, length, &refusal);
    if (status == -ENOTSUP) /* a hook whose payload is no JSON: kept, with its reason */
        quarantine_text(host_wall_ms(), line, length, refusal.error);
    if (status < 0)
        return refuse_line(client, ticket, refusal.error, refusal.at);
    if (message.type == MESSAGE_COMMAND) {
        client->asking = true;
        router_command(client->door->router, &message, on_command_answer, ticket);
        message_clear(&message);
        return;
    }
    if (message.type == MESSAGE_FOLLOW) {
        message_clear(&message);
        return refuse_line(client, ticket, "follow is not there yet: ask `status` again", "/type");
    }
    char *raw = must_grow(NULL, length + 1);
    memcpy(raw, line, length);
    struct arrival *arrival = arrival_message(&message, raw, length);
    arrival->answer = on_answer;
    arrival->owner = ticket;
    router_offer(client->door->router, arrival);
}

static struct client *most_held(const struct door_socket *door)
{
    struct client *most = door->clients;
    for (struct client *client = door->clients; client; client = client->next)
        most = client->held > most->held ? client : most;
    return most;
}

/* Whoever holds most goes first, so that a good client does not pay for the others. */
static void account(struct client *client)
{
    struct door_socket *door = client->door;
    if (client->closing)
        return;
    size_t held = client->in.size; /* what it costs, not what is left to read */
    door->unparsed += held - client->held;
    client->held = held;
    while (door->unparsed > DOOR_UNPARSED_MAX) {
        struct client *most = most_held(door);
        log_error("a client was closed: more than %d MiB of half lines are held open",
                  DOOR_UNPARSED_MAX >> 20);
        send_text(most, must_copy("{\"ok\":false,\"error\":\"too many half lines are held open\",\"at\":\"\","
                                  "\"retry\":true}\n"));
        close_client(most);
        line_release(&most->in); /* now: it will be some time until it is freed */
    }
}

/* A client with many unanswered lines, and everybody while the queue is full, is read on later. */
static bool must_wait(const struct client *client)
{
    return client->asking || client->pending >= DOOR_PENDING_MAX ||
           client->unsent > DOOR_UNREAD_WAIT || router_full(client->door->router);
}

static void take_lines(struct client *client)
{
    char *line;
    size_t length;
    enum line_got got;
    while (!client->closing && !must_wait(client) &&
           (got = line_next(&client->in, &line, &length)) != LINE_NONE) {
        if (got == LINE_TOO_LONG)
            refuse_line(client, take_ticket(client), "a line has at most 256 KiB", "");
        else if (length > 0)
            take_line(client, line, length);
    }
    if (!client->closing && must_wait(client) && client->reading) {
        client->reading = false;
        uv_read_stop((uv_stream_t *)&client->pipe);
    }
    account(client);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    static char bytes[64 * 1024]; /* read and fed at once */
    (void)handle, (void)size;
    *buf = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct client *client = stream->data;
    if (n < 0) { /* it has gone, or said all it had to say: answers still reach a half-closed one */
        client->reading = false;
        uv_read_stop(stream);
        client->ended = true;
        if (n == UV_EOF && (client->tickets || client->unsent))
            return;
        close_client(client);
        return;
    }
    if (n == 0)
        return;
    line_feed(&client->in, buf->base, (size_t)n);
    take_lines(client);
}

static void start_reading(struct client *client)
{
    if (client->closing || client->reading || must_wait(client))
        return;
    client->reading = true;
    take_lines(client); /* whole lines may be waiting since it was stopped */
    if (client->reading && !client->closing &&
        uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) < 0)
        close_client(client);
}

static void on_room(void *arg)
{
    struct door_socket *door = arg;
    for (struct client *client = door->clients, *next; client; client = next) {
        next = client->next;
        start_reading(client);
    }
}

/* ---- clients -------------------------------------------------------------------------------------------- */

static bool welcome(const struct door_socket *door, struct client *client)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    int fd;
    if (uv_fileno((uv_handle_t *)&client->pipe, &fd) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    if (peer.uid == getuid() || router_accepts(door->router, peer.uid))
        return true;
    log_error("a connection of user %u was refused", (unsigned)peer.uid);
    return false;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct door_socket *door = listener->data;
    if (status < 0)
        return;
    struct client *client = must_alloc(sizeof *client);
    client->door = door;
    client->tickets_end = &client->tickets;
    line_init(&client->in, MESSAGE_SIZE_MAX);
    uv_pipe_init(listener->loop, &client->pipe, 0);
    client->pipe.data = client;
    client->next = door->clients;
    client->at = &door->clients;
    if (client->next)
        client->next->at = &client->next;
    door->clients = client;
    router_counts(door->router)->clients = ++door->n_clients;
    if (uv_accept(listener, (uv_stream_t *)&client->pipe) < 0)
        return close_client(client);
    if (!welcome(door, client)) {
        send_text(
            client,
            must_copy("{\"ok\":false,\"error\":\"this is another user's quietbelld\",\"at\":\"\"}\n"));
        return close_client(client);
    }
    if (door->n_clients > DOOR_CLIENTS_MAX) {
        send_text(client, must_copy("{\"ok\":false,\"error\":\"too many clients are connected\",\"at\":\"\","
                                    "\"retry\":true}\n"));
        return close_client(client);
    }
    start_reading(client);
}

/* ---- the door ------------------------------------------------------------------------------------------- */

/* The socket that systemd opened for us: the only one it was told to hand over. */
static int handed_over(void)
{
    const char *pid = host_env("LISTEN_PID"), *fds = host_env("LISTEN_FDS");
    char own[24];
    snprintf(own, sizeof own, "%ld", (long)getpid());
    return pid && fds && strcmp(pid, own) == 0 && strcmp(fds, "1") == 0 ? 3 : -1;
}

/* A socket file is left over from a daemon that died, or somebody listens. */
static int clear_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat there;
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    if (lstat(path, &there) != 0)
        return 0;
    if (!S_ISSOCK(there.st_mode))
        return -EEXIST;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    bool answers = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN;
    close(fd);
    if (answers)
        return -EADDRINUSE;
    return unlink(path) == 0 ? 0 : -errno;
}

/* Whoever owns the folder can put another socket there. One like /tmp, where nobody can, will do. */
static int check_folder(const char *path)
{
    struct stat there;
    char *folder = must_copy(path), *slash = strrchr(folder, '/');
    if (slash && slash > folder)
        *slash = '\0';
    int status = slash && stat(folder, &there) != 0 ? -errno : 0;
    if (slash && status == 0 && there.st_uid != geteuid() && !(there.st_mode & S_ISVTX)) {
        log_error("%s belongs to another user", folder);
        status = -EPERM;
    }
    free(folder);
    return status;
}

static int bind_path(struct door_socket *door, const char *path)
{
    int status = paths_make_above(path);
    if (status == 0)
        status = check_folder(path);
    if (status == 0)
        status = clear_path(path);
    if (status < 0)
        return status;
    mode_t old = umask(0177);
    status = uv_pipe_bind(&door->listener, path);
    umask(old);
    door->made = status == 0;
    return status;
}

int door_socket_open(struct door_socket **out, uv_loop_t *loop, struct router *router, const char *path)
{
    struct door_socket *door = must_alloc(sizeof *door);
    int fd = handed_over();
    door->router = router;
    door->path = must_copy(path);
    uv_pipe_init(loop, &door->listener, 0);
    door->listener.data = door;
    *out = door;
    int status = fd >= 0 ? uv_pipe_open(&door->listener, fd) : bind_path(door, path);
    if (status == 0)
        status = uv_listen((uv_stream_t *)&door->listener, 128, on_connection);
    router_on_room(router, on_room, door);
    return status;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct door_socket *door = handle->data;
    door->listener_closed = true;
    door_free_if_done(door);
}

void door_socket_close(struct door_socket *door, void (*closed)(void *arg), void *arg)
{
    door->closing = true;
    door->on_closed = closed;
    door->closed_arg = arg;
    router_on_room(door->router, NULL, NULL);
    for (struct client *client = door->clients, *next; client; client = next) {
        next = client->next;
        if (!client->tickets)
            close_client(client);
    }
    uv_close((uv_handle_t *)&door->listener, on_listener_closed);
}
