/* client.c: the talk with the daemon: one connection, a line a message, a line an answer.
 *
 * Plain blocking steps with poll() before each: the daemon gets patience_ms of silence, then it is called
 * away. Answers come from our own daemon, and yet every text in them is made inert before it is shown. */
#include "client.h"

#include "host.h"
#include "paths.h"
#include "plain.h"
#include "rules/text.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECT_STEP_MS = 50, ANSWER_MAX = 64 << 20 };

/* ---- saying what went wrong ------------------------------------------------------------------------ */

int client_fail(int code, const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fputs("quietbell: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

int client_usage(const struct client *client, const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fprintf(stderr, "quietbell %s: ", client->command->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nusage: quietbell %s%s%s\n", client->command->name,
            *client->command->args ? " " : "", client->command->args);
    return CLIENT_USAGE;
}

int client_print_json(json_t *json)
{
    json_dumpf(json, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    json_decref(json);
    return CLIENT_OK;
}

static json_t *refusal(const char *error)
{
    json_t *json = json_object();
    json_object_set_new(json, "ok", json_false());
    json_object_set_new(json, "error", plain_json(error));
    return json;
}

/* The daemon is not there, or does not answer: says so and how to start it. */
static int away(const struct client *client, const char *socket, const char *reason)
{
    char text[512];

    snprintf(text, sizeof text, "quietbelld is not reachable at %s: %s", socket, reason);
    if (client->json)
        client_print_json(refusal(text));
    client_fail(CLIENT_AWAY, "%s", text);
    fputs("start it with `quietbelld` in a terminal, or `systemctl --user start quietbelld.socket`\n",
          stderr);
    return CLIENT_AWAY;
}

/* ---- the connection ------------------------------------------------------------------------------- */

/* A connected descriptor, or a negative errno. A full backlog (a stopped daemon) is waited for. */
static int connect_to(const char *path, int patience_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    for (int waited_ms = 0;; waited_ms += CONNECT_STEP_MS) {
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
            return fd;
        if ((errno != EAGAIN && errno != EINTR) || waited_ms >= patience_ms)
            break;
        poll(NULL, 0, CONNECT_STEP_MS);
    }
    int error = errno == EAGAIN ? ETIMEDOUT : errno;
    close(fd);
    return -error;
}

/* Connects if there is no connection. CLIENT_OK, or CLIENT_AWAY after saying so. */
static int client_connect(struct client *client)
{
    char *first = NULL;
    int first_error = -ENOENT;

    if (client->fd >= 0)
        return CLIENT_OK;
    if (client->socket) {
        client->fd = connect_to(client->socket, client->patience_ms);
        if (client->fd < 0)
            return away(client, client->socket, strerror(-client->fd));
        client->at = must_copy(client->socket);
        return CLIENT_OK;
    }
    for (int i = 0;; i++) {
        char *path = paths_socket(i);
        if (!path)
            break;
        client->fd = connect_to(path, client->patience_ms);
        if (client->fd >= 0) {
            client->at = path;
            break;
        }
        /* Tell of the candidate where something stands, else of the first. */
        if (!first || (first_error == -ENOENT && client->fd != -ENOENT)) {
            free(first);
            first = path;
            first_error = client->fd;
        } else
            free(path);
    }
    int code = client->fd >= 0
                   ? CLIENT_OK
                   : away(client, first ? first : "its socket",
                          first_error == -ENOENT ? "it does not run" : strerror(-first_error));
    free(first);
    return code;
}

void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    free(client->at);
    free(client->input);
    client->at = client->input = NULL;
    client->n_input = client->room_input = 0;
}

/* 0, or a negative errno: -ETIMEDOUT after too long a silence. */
static int wait_for(int fd, short events, int patience_ms)
{
    struct pollfd poller = {.fd = fd, .events = events};
    for (;;) {
        int n = poll(&poller, 1, patience_ms);
        if (n > 0)
            return 0;
        if (n == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

static int send_all(int fd, const char *bytes, size_t n, int patience_ms)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes += sent;
            n -= (size_t)sent;
        } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return -errno;
        } else {
            int error = wait_for(fd, POLLOUT, patience_ms);
            if (error)
                return error;
        }
    }
    return 0;
}

/* Reads up to a newline; *line is heap. What comes after it stays for the next call. */
static int read_line(struct client *client, char **line)
{
    size_t seen = 0;
    for (;;) {
        char *end = client->n_input > seen
                        ? memchr(client->input + seen, '\n', client->n_input - seen)
                        : NULL;
        if (end) {
            *end = '\0';
            *line = must_copy(client->input);
            size_t taken = (size_t)(end + 1 - client->input);
            client->n_input -= taken;
            memmove(client->input, end + 1, client->n_input);
            return 0;
        }
        seen = client->n_input;
        if (client->room_input - client->n_input < 65536) {
            if (client->room_input >= ANSWER_MAX)
                return -EMSGSIZE;
            client->room_input = client->room_input ? client->room_input * 2 : 131072;
            client->input = must_grow(client->input, client->room_input);
        }
        int error = wait_for(client->fd, POLLIN, client->patience_ms);
        if (error)
            return error;
        ssize_t n =
            read(client->fd, client->input + client->n_input, client->room_input - client->n_input);
        if (n == 0)
            return -ECONNRESET;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        client->n_input += n > 0 ? (size_t)n : 0;
    }
}

/* ---- messages ------------------------------------------------------------------------------------- */

json_t *client_command(const char *command)
{
    char id[17];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)host_random());
    return json_pack("{s:s, s:s, s:I, s:s}", "type", "command", "id", id, "at_ms",
                     (json_int_t)host_wall_ms(), "command", command);
}

/* Every text in an answer is made inert, in place: line ends may stay, the printers fold them. */
static void clean(json_t *json)
{
    const char *key;
    json_t *value;
    size_t i;

    json_object_foreach(json, key, value)
    {
        if (json_is_string(value))
            json_object_set_new(json, key, plain_json_lines(json_string_value(value)));
        else
            clean(value);
    }
    json_array_foreach(json, i, value)
    {
        if (json_is_string(value))
            json_array_set_new(json, i, plain_json_lines(json_string_value(value)));
        else
            clean(value);
    }
}

int client_talk(struct client *client, json_t *message, json_t **answer)
{
    char *line = json_dumps(message, JSON_COMPACT);
    json_error_t problem;

    *answer = NULL;
    json_decref(message);
    int code = client_connect(client);
    if (code) {
        free(line);
        return code;
    }
    size_t len = strlen(line);
    line[len] = '\n'; /* in place of the NUL: the length is known */
    int error = send_all(client->fd, line, len + 1, client->patience_ms);
    free(line);
    line = NULL;
    if (!error || error == -EPIPE) { /* it may have said why before it hung up */
        int got = read_line(client, &line);
        error = got == 0 || !error ? got : error;
    }
    if (error)
        return away(client, client->at, error == -ETIMEDOUT ? "it does not answer" : strerror(-error));
    *answer = json_loads(line, JSON_REJECT_DUPLICATES, &problem);
    free(line);
    if (!json_is_object(*answer)) {
        json_decref(*answer);
        *answer = NULL;
        return away(client, client->at, "what answers there is no quietbelld");
    }
    clean(*answer);
    return CLIENT_OK;
}

int client_ask(struct client *client, json_t *message, json_t **answer)
{
    int code = client_talk(client, message, answer);
    if (code || client_flag(*answer, "ok"))
        return code;
    const char *error = client_text(*answer, "error"), *at = client_text(*answer, "at");
    client_fail(CLIENT_REFUSED, "%s%s%s%s", *error ? error : "refused without a reason",
                *at ? " (at " : "", at, *at ? ")" : "");
    if (client->json)
        client_print_json(json_incref(*answer));
    json_decref(*answer);
    *answer = NULL;
    return CLIENT_REFUSED;
}

int client_ask_all(struct client *client, const char *command, bool all, json_t **answer)
{
    json_int_t from = 0;
    *answer = NULL;
    do {
        json_t *message = client_command(command), *page;
        if (all)
            json_object_set_new(message, "all", json_true());
        if (from)
            json_object_set_new(message, "from", json_integer(from));
        int code = client_ask(client, message, &page);
        if (code) {
            json_decref(*answer);
            *answer = NULL;
            return code;
        }
        json_int_t next = client_number(page, "next");
        from = next > from ? next : 0;
        json_object_del(page, "next");
        if (*answer) {
            json_array_extend(json_object_get(*answer, command), json_object_get(page, command));
            json_decref(page);
        } else
            *answer = page;
    } while (from);
    return CLIENT_OK;
}
