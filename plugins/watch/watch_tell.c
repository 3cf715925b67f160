/* watch_tell.c - see watch_tell.h. */
#include "watch_tell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
    WINDOW = 16,               /* messages that are out … */
    WINDOW_BYTES = 256 * 1024, /* … and their bytes */
    RETRY_MS = 1000,
};

struct sent {
    char *text; /* owned; NULL: free */
    size_t len;
    uint64_t id;
    int64_t again_ms; /* the host said: later */
};

static struct kit *host;
static struct sent window[WINDOW];
static size_t window_bytes;
static uint64_t last_id;

static int64_t now_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct sent *free_slot(void)
{
    for (int i = 0; i < WINDOW && window_bytes < WINDOW_BYTES; i++) {
        if (!window[i].text)
            return &window[i];
    }
    return NULL;
}

bool tell_room(void)
{
    return free_slot() != NULL;
}

static json_t *message_of(const struct sight *sight, json_t *content)
{
    static const char *const formats[] = {"json", "json-lines", "log", "name"};
    char hex[17];
    json_t *message;

    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)(last_id + 1));
    message = json_pack("{ss ss sI ss ss sb sO}", "type", PROTOCOL_FILE, "id", hex, "at_ms",
                        (json_int_t)now_ms(CLOCK_REALTIME), "path", sight->path, "format",
                        formats[sight->format], "gone", json_is_null(content), "content", content);
    if (message && sight->head && *sight->head)
        json_object_set_new(message, "head", json_string(sight->head));
    if (message && sight->mtime_ms > 0)
        json_object_set_new(message, "mtime_ms", json_integer(sight->mtime_ms));
    if (message && sight->first)
        json_object_set_new(message, "first", json_true());
    return message;
}

bool tell(const struct sight *sight)
{
    struct sent *sent = free_slot();
    json_t *value = sight->content ? json_stringn(sight->content, sight->len) : json_null();
    json_t *message = value ? message_of(sight, value) : NULL;
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    size_t bytes = text ? strlen(text) : 0;

    json_decref(value);
    if (!text || bytes > PROTOCOL_LINE_MAX) {
        free(text);
        json_decref(message);
        return false;
    }
    *sent = (struct sent){text, bytes, ++last_id, 0};
    window_bytes += bytes;
    kit_send(host, message);
    return true;
}

void tell_acked(const json_t *ack)
{
    uint64_t id = strtoull(kit_string(ack, "id"), NULL, 16);
    bool ok = json_is_true(json_object_get(ack, "ok"));

    for (int i = 0; i < WINDOW; i++) {
        struct sent *sent = &window[i];
        if (!sent->text || sent->id != id)
            continue;
        if (!ok && json_is_true(json_object_get(ack, "retry"))) {
            sent->again_ms = now_ms(CLOCK_MONOTONIC) + RETRY_MS;
            return;
        }
        if (!ok)
            kit_log("the host refuses what a file says: %s", kit_string(ack, "error"));
        window_bytes -= sent->len;
        free(sent->text);
        sent->text = NULL;
        return;
    }
}

int tell_again(void)
{
    int64_t now = now_ms(CLOCK_MONOTONIC), wait = -1;

    for (int i = 0; i < WINDOW; i++) {
        struct sent *sent = &window[i];
        if (!sent->text || !sent->again_ms)
            continue;
        if (sent->again_ms <= now) {
            sent->again_ms = 0;
            kit_send(host, json_loadb(sent->text, sent->len, 0, NULL));
        } else if (wait < 0 || sent->again_ms - now < wait) {
            wait = sent->again_ms - now;
        }
    }
    return (int)wait;
}

void tell_open(struct kit *kit)
{
    host = kit;
    if (getrandom(&last_id, sizeof last_id, 0) != sizeof last_id)
        abort();
    last_id &= ~(uint64_t)0 << 24; /* room to count */
}

void tell_close(void)
{
    for (int i = 0; i < WINDOW; i++) {
        free(window[i].text);
        window[i].text = NULL;
    }
}
