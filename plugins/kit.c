/* kit.c - the plugin kit (see kit.h).
 *
 * kit_read() -> take_line() -> one take_*() per message type, found in the table `messages`.
 *
 * Not blocking: stdout and stderr may be shared with others, so their flags stay as they are.
 * Instead poll() is asked first and at most PIPE_BUF bytes are written, which Linux takes whole
 * when a pipe polls writable; a socket is written to with MSG_DONTWAIT.
 */
#include "kit.h"

#include "inert.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_SIZE = 64 * 1024,
    OUT_MAX = 1024 * 1024, /* unread answers; a host that lets more pile up is hanging */
    FINISH_MS = 500,       /* the host waits two seconds after stop */
    LOG_MAX = 1000,
};

static int64_t steady_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Writes a part without blocking: bytes written, -EAGAIN when the reader is slow, another -errno
 * when it is gone. */
static ssize_t write_some(int fd, const char *bytes, size_t count)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    size_t part = count < PIPE_BUF ? count : PIPE_BUF;
    ssize_t done;

    if (poll(&ready, 1, 0) <= 0)
        return -EAGAIN;
    done = send(fd, bytes, part, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done < 0 && errno == ENOTSOCK)
        done = write(fd, bytes, part);
    if (done < 0)
        return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
    return done;
}

void kit_log(const char *format, ...)
{
    char text[LOG_MAX + 1];
    char *safe;
    size_t used;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    safe = inert_text(text, LOG_MAX, 0, INERT_ONE_LINE);
    used = strlen(safe);
    safe[used] = '\n';
    (void)write_some(STDERR_FILENO, safe, used + 1);
    free(safe);
}

const char *kit_string(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

void kit_init(struct kit *kit, const struct kit_plugin *plugin, void *self)
{
    memset(kit, 0, sizeof *kit);
    kit->plugin = plugin;
    kit->self = self;
    line_init(&kit->in, PROTOCOL_LINE_MAX);
    signal(SIGPIPE, SIG_IGN);
}

/* ---- to the host ---- */

bool kit_wants_write(const struct kit *kit)
{
    return kit->out_used > 0;
}

void kit_write(struct kit *kit)
{
    while (kit->out_used > 0) {
        ssize_t done = write_some(KIT_OUT, kit->out, kit->out_used);
        if (done == -EAGAIN)
            return;
        if (done < 0) {
            kit->out_used = 0;
            kit->over = true;
            return;
        }
        kit->out_used -= (size_t)done;
        memmove(kit->out, kit->out + done, kit->out_used);
    }
}

static void queue(struct kit *kit, const char *text, size_t count)
{
    size_t need = kit->out_used + count + 1;

    if (need > OUT_MAX) {
        if (!kit->stuck)
            kit_log("the host does not read: giving up");
        kit->stuck = kit->over = true;
        return;
    }
    if (need > kit->out_size) {
        size_t size = kit->out_size ? kit->out_size : 1024;
        while (size < need)
            size *= 2;
        kit->out = realloc(kit->out, size);
        if (!kit->out)
            abort();
        kit->out_size = size;
    }
    memcpy(kit->out + kit->out_used, text, count);
    kit->out_used += count;
    kit->out[kit->out_used++] = '\n';
}

void kit_send(struct kit *kit, json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    size_t count = text ? strlen(text) : 0;

    json_decref(message);
    if (!text)
        kit_log("a message could not be made: not sent");
    else if (count > PROTOCOL_LINE_MAX)
        kit_log("a message of %zu bytes is over the limit: not sent", count);
    else
        queue(kit, text, count);
    free(text);
    kit_write(kit);
}

void kit_result(struct kit *kit, const char *id, const char *outcome, int64_t after_ms,
                const char *reason)
{
    json_t *message = json_pack("{ss ss ss}", "type", PROTOCOL_RESULT, "id", id, "outcome", outcome);

    if (message && after_ms > 0)
        json_object_set_new(message, "after_ms", json_integer(after_ms));
    if (message && reason) {
        char *safe = inert_text(reason, PROTOCOL_REASON_MAX, 0, INERT_ONE_LINE);
        json_object_set_new(message, "reason", json_string(safe));
        free(safe);
    }
    kit_send(kit, message);
}

void kit_acted(struct kit *kit, const char *alert, int64_t version, const char *action, int64_t for_ms)
{
    json_t *message = json_pack("{ss ss sI ss}", "type", PROTOCOL_ACTED, "alert", alert, "version",
                                (json_int_t)version, "action", action);

    if (message && for_ms > 0)
        json_object_set_new(message, "for_ms", json_integer(for_ms));
    kit_send(kit, message);
}

void kit_closed(struct kit *kit, const char *alert, int64_t version, const char *by)
{
    kit_send(kit, json_pack("{ss ss sI ss}", "type", PROTOCOL_CLOSED, "alert", alert, "version",
                            (json_int_t)version, "by", by));
}

/* ---- from the host ---- */

static void take_hello(struct kit *kit, const json_t *message)
{
    const struct kit_plugin *plugin = kit->plugin;
    const json_t *settings = json_object_get(message, "settings");
    json_t *can = json_array();

    if (kit->ready) {
        kit_log("a second hello: ignored");
        json_decref(can);
        return;
    }
    if (plugin->can & KIT_UPDATE)
        json_array_append_new(can, json_string(PROTOCOL_CAN_UPDATE));
    if (plugin->can & KIT_WITHDRAW)
        json_array_append_new(can, json_string(PROTOCOL_CAN_WITHDRAW));
    kit_send(kit, json_pack("{ss si ss ss ss so}", "type", PROTOCOL_MANIFEST, "protocol",
                            PROTOCOL_VERSION, "name", plugin->name, "version", plugin->version, "role",
                            plugin->can & KIT_SENSOR ? PROTOCOL_ROLE_SENSOR : PROTOCOL_ROLE_SENDER,
                            "can", can));
    if (json_integer_value(json_object_get(message, "protocol")) != PROTOCOL_VERSION) {
        kit_log("the host speaks another protocol than %d: not serving", PROTOCOL_VERSION);
        return;
    }
    if (plugin->hello) {
        json_t *none = json_object();
        plugin->hello(kit, kit_string(message, "receiver"), json_is_object(settings) ? settings : none);
        json_decref(none);
    }
    kit->ready = true;
    kit_send(kit, json_pack("{ss}", "type", PROTOCOL_READY));
    if (plugin->ready)
        plugin->ready(kit);
}

static enum kit_urgency urgency_of(const char *word)
{
    if (strcmp(word, "low") == 0)
        return KIT_LOW;
    return strcmp(word, "critical") == 0 ? KIT_CRITICAL : KIT_NORMAL;
}

/* The checks common to deliver, update and withdraw; answers itself and gives NULL if one fails. */
static const char *checked_id(struct kit *kit, const json_t *message, const json_t *alert)
{
    const char *id = json_string_value(json_object_get(message, "id"));

    if (!id) {
        kit_log("%s without id: ignored", kit_string(message, "type"));
        return NULL;
    }
    if (!kit->ready) {
        kit_result(kit, id, PROTOCOL_RETRY, 0, "not ready: no hello came before");
        return NULL;
    }
    if (!*kit_string(alert, "id")) {
        kit_result(kit, id, PROTOCOL_FAILED, 0, "the alert has no id");
        return NULL;
    }
    return id;
}

static void take_deliver(struct kit *kit, const json_t *message)
{
    const json_t *json = json_object_get(message, "alert");
    const char *id = checked_id(kit, message, json);
    const json_t *needs = json_object_get(json, "needs");
    struct kit_alert alert = {.json = json};

    if (!id)
        return;
    if (needs && !json_is_array(needs)) {
        kit_result(kit, id, PROTOCOL_FAILED, 0, "the alert's needs are not an array");
        return;
    }
    alert.id = kit_string(json, "id");
    alert.version = json_integer_value(json_object_get(json, "version"));
    alert.audible = json_is_true(json_object_get(json, "audible"));
    alert.update = strcmp(kit_string(message, "type"), PROTOCOL_UPDATE) == 0;
    alert.urgency = urgency_of(kit_string(json, "urgency"));
    alert.title = kit_string(json, "title");
    alert.body = kit_string(json, "body");
    if (kit->plugin->deliver)
        kit->plugin->deliver(kit, id, &alert);
    else
        kit_result(kit, id, PROTOCOL_FAILED, 0, "a sensor shows no alerts");
}

static void take_withdraw(struct kit *kit, const json_t *message)
{
    const json_t *alert = json_object_get(message, "alert");
    const char *id = checked_id(kit, message, alert);

    if (!id)
        return;
    if (!kit->plugin->withdraw)
        kit_result(kit, id, PROTOCOL_FAILED, 0, "this plugin cannot withdraw");
    else
        kit->plugin->withdraw(kit, id, kit_string(alert, "id"),
                              json_integer_value(json_object_get(alert, "version")));
}

static void take_ack(struct kit *kit, const json_t *message)
{
    if (kit->plugin->ack)
        kit->plugin->ack(kit, message);
}

static void take_stop(struct kit *kit, const json_t *message)
{
    (void)message;
    kit->over = true;
}

static const struct {
    const char *type;
    void (*take)(struct kit *, const json_t *);
} messages[] = {
    {PROTOCOL_HELLO, take_hello},    {PROTOCOL_DELIVER, take_deliver},
    {PROTOCOL_UPDATE, take_deliver}, {PROTOCOL_WITHDRAW, take_withdraw},
    {PROTOCOL_ACK, take_ack},        {PROTOCOL_STOP, take_stop},
};

static void take_line(struct kit *kit, const char *line, size_t len)
{
    json_error_t error;
    json_t *message;
    const char *type;

    if (len == 0)
        return;
    message = json_loadb(line, len, 0, &error);
    type = kit_string(message, "type");
    if (!json_is_object(message)) {
        kit_log("a line from the host is not a JSON object: ignored (%s)",
                message ? "another value" : error.text);
        json_decref(message);
        return;
    }
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        if (strcmp(type, messages[i].type) == 0) {
            messages[i].take(kit, message);
            json_decref(message);
            return;
        }
    }
    if (kit->plugin->other)
        kit->plugin->other(kit, type, message);
    else
        kit_log("unknown type '%.40s' from the host: ignored", type);
    json_decref(message);
}

bool kit_read(struct kit *kit)
{
    static char bytes[READ_SIZE];
    ssize_t count = read(KIT_IN, bytes, sizeof bytes);
    enum line_got got;
    char *line;
    size_t len;

    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return !kit->over;
    if (count <= 0) {
        kit->over = true;
        return false;
    }
    line_feed(&kit->in, bytes, (size_t)count);
    while (!kit->over && (got = line_next(&kit->in, &line, &len)) != LINE_NONE) {
        if (got == LINE_TOO_LONG)
            kit_log("a line from the host is over %d bytes: ignored", PROTOCOL_LINE_MAX);
        else
            take_line(kit, line, len);
    }
    kit_write(kit);
    return !kit->over;
}

int kit_run(struct kit *kit)
{
    while (!kit->over) {
        struct pollfd fds[2] = {{.fd = KIT_IN, .events = POLLIN},
                                {.fd = kit_wants_write(kit) ? KIT_OUT : -1, .events = POLLOUT}};

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            kit_write(kit);
        if (fds[0].revents)
            kit_read(kit);
    }
    return kit_finish(kit);
}

int kit_finish(struct kit *kit)
{
    int64_t until = steady_ms() + FINISH_MS;
    int64_t left;

    while (!kit->stuck && kit_wants_write(kit) && (left = until - steady_ms()) > 0) {
        struct pollfd out = {.fd = KIT_OUT, .events = POLLOUT};
        if (poll(&out, 1, (int)left) < 0 && errno != EINTR)
            break;
        kit_write(kit);
    }
    line_release(&kit->in);
    free(kit->out);
    kit->out = NULL;
    kit->out_used = kit->out_size = 0;
    return kit->stuck ? 1 : 0;
}
