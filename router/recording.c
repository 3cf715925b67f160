/* recording.c: see recording.h. */
#include "recording.h"

#include "rules/table.h"
#include "rules/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- raw rows ------------------------------------------------------------------------------------ */

static void set(json_t *json, const char *key, json_t *value)
{
    if (json_object_set_new(json, key, value) != 0)
        abort();
}

/* A member of `from`, if it is there, as `key` of `to`. */
static void copy(json_t *to, const char *key, const json_t *from, const char *from_key)
{
    json_t *value = json_object_get(from, from_key);
    if (value && !json_is_null(value))
        set(to, key, json_incref(value));
}

/* proc(5): the number of a controlling terminal; devices.txt: 136 to 143 are /dev/pts/N. */
static void raw_tty(json_t *place, const json_t *parent)
{
    json_int_t tty = json_integer_value(json_object_get(parent, "tty_nr")), major = tty >> 8 & 0xff;
    if (major >= 136 && major <= 143)
        set(place, "tty", json_sprintf("/dev/pts/%d", (int)((major - 136) * 256 + (tty & 0xff))));
}

static json_t *raw_place(const json_t *env, const json_t *parent)
{
    json_t *place = json_object();
    const char *tmux = json_string_value(json_object_get(env, "TMUX"));
    if (tmux) /* "socket,pid,session" */
        set(place, "tmux", json_stringn(tmux, strcspn(tmux, ",")));
    copy(place, "pane", env, "TMUX_PANE");
    copy(place, "window", env, "WINDOWID");
    copy(place, "kitty", env, "KITTY_WINDOW_ID");
    copy(place, "wezterm", env, "WEZTERM_PANE");
    copy(place, "term", env, "TERM_PROGRAM");
    raw_tty(place, parent);
    return place;
}

static json_t *raw_context(const json_t *raw)
{
    json_t *context = json_object(), *marks = json_array(), *value;
    json_t *env = json_object_get(raw, "env");
    json_t *parent = json_array_get(json_object_get(raw, "ancestry"), 0);
    const char *name;
    json_object_foreach(env, name, value) json_array_append_new(marks, json_string(name));
    set(context, "marks", marks);
    set(context, "place", raw_place(env, parent));
    copy(context, "pid", parent, "pid");
    copy(context, "pid", raw, "ppid");
    copy(context, "cwd", raw, "cwd");
    copy(context, "cwd", raw, "hook_cwd");
    return context;
}

static bool is_raw(const json_t *json)
{
    return !json_object_get(json, "type") && json_is_integer(json_object_get(json, "received_at_ns"));
}

/* The payload: stdin, else the last argument (Codex's notify). */
static const char *raw_text(const json_t *raw)
{
    const json_t *argv = json_object_get(raw, "argv");
    const char *text = text_or(json_string_value(json_object_get(raw, "stdin")), "");
    if (*text || json_array_size(argv) == 0)
        return text;
    return text_or(json_string_value(json_array_get(argv, json_array_size(argv) - 1)), "");
}

/* The message that the hook client would have sent. */
static json_t *raw_message(const json_t *raw)
{
    json_t *message = json_object();
    const char *text = raw_text(raw);
    json_t *payload = json_loads(*text ? text : "{}", 0, NULL);
    set(message, "type", json_string("hook"));
    set(message, "at_ms",
        json_integer(json_integer_value(json_object_get(raw, "received_at_ns")) / 1000000));
    set(message, "agent", json_string("claude-code"));
    copy(message, "agent", raw, "agent");
    const char *event = text_or(json_string_value(json_object_get(raw, "event")), "");
    const char *source =
        strrchr(event, ':'); /* "event:session.idle": which of the bench's recorders it was */
    set(message, "event", json_string(source ? source + 1 : event));
    set(message, "context", raw_context(raw));
    if (payload)
        set(message, "payload", payload);
    else
        set(message, "payload_text", json_string(text));
    return message;
}

/* ---- lines --------------------------------------------------------------------------------------- */

struct reading {
    struct recording *out;
    FILE *complaints;
    const char *path;
    int line;
    int64_t at_ms; /* of the message before */
};

static void complain(struct reading *reading, int error, const struct refusal *refusal)
{
    if (error == -ENOTSUP)
        reading->out->quarantined++;
    else
        reading->out->refused++;
    fprintf(reading->complaints, "%s:%d: %s%s%s%s\n", reading->path, reading->line,
            error == -ENOTSUP ? "to quarantine: " : "", refusal->error, *refusal->at ? " at " : "",
            refusal->at);
}

static void add(struct reading *reading, const struct message *message)
{
    struct recording *out = reading->out;
    if ((out->n & (out->n - 1)) == 0) /* full at every power of two */
        out->list = must_grow(out->list, (size_t)(out->n ? out->n * 2 : 1) * sizeof *out->list);
    out->list[out->n++] = (struct recorded){*message, reading->line};
    reading->at_ms = message->at_ms;
}

/* A raw row: 1 it was one (taken, skipped or complained about), 0 it is none. */
static int take_raw(struct reading *reading, const char *line, size_t len)
{
    struct message message;
    struct refusal refusal;
    if (!memmem(line, len, "\"received_at_ns\"", 16))
        return 0;
    json_t *raw = json_loadb(line, len, 0, NULL);
    if (!raw || !is_raw(raw)) {
        json_decref(raw);
        return 0;
    }
    const char *event = json_string_value(json_object_get(raw, "event"));
    if (event && *event != '@') {
        int error = message_take(&message, raw_message(raw), &refusal);
        if (error)
            complain(reading, error, &refusal);
        else
            add(reading, &message);
    }
    json_decref(raw);
    return 1;
}

static void take_line(struct reading *reading, const char *line, size_t len)
{
    struct message message;
    struct refusal refusal;
    while (len > 0 && strchr(" \t\r\n", line[len - 1]))
        len--;
    if (len == 0 || take_raw(reading, line, len))
        return;
    int error = message_parse(&message, line, len, &refusal);
    if (error)
        return complain(reading, error, &refusal);
    if (!message.at_ms)
        message.at_ms = reading->at_ms;
    if (!message.at_ms) {
        error = refuse(&refusal, "/at_ms", "at_ms is missing in the first message");
        message_clear(&message);
        return complain(reading, error, &refusal);
    }
    add(reading, &message);
}

static int compare(const void *a, const void *b)
{
    const struct recorded *x = a, *y = b;
    if (x->message.at_ms != y->message.at_ms)
        return x->message.at_ms < y->message.at_ms ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static bool same_id(const void *item, const void *key)
{
    return ((const struct recorded *)item)->message.id == *(const uint64_t *)key;
}

/* A message that was both read and spooled counts once: the first of those with the same id. */
static void drop_known(struct recording *recording)
{
    struct table ids = {0};
    int kept = 0;
    for (int i = 0; i < recording->n; i++) {
        struct message *message = &recording->list[i].message;
        uint64_t hash = table_mix(message->id);
        if (message->has_id && table_find(&ids, hash, same_id, &message->id)) {
            message_clear(message);
            continue;
        }
        if (kept != i)
            recording->list[kept] = recording->list[i];
        if (message->has_id)
            table_add(&ids, hash, &recording->list[kept]);
        kept++;
    }
    recording->n = kept;
    table_clear(&ids);
}

int recording_load(struct recording *out, const char *path, FILE *complaints)
{
    *out = (struct recording){0};
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    struct reading reading = {out, complaints, path, 0, 0};
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    errno = 0;
    while ((len = getline(&line, &size, file)) >= 0) {
        reading.line++;
        take_line(&reading, line, (size_t)len);
        errno = 0;
    }
    int error = ferror(file) ? -(errno ? errno : EIO) : 0;
    free(line);
    fclose(file);
    if (out->n)
        qsort(out->list, (size_t)out->n, sizeof *out->list, compare);
    drop_known(out);
    return error;
}

void recording_clear(struct recording *recording)
{
    for (int i = 0; i < recording->n; i++)
        message_clear(&recording->list[i].message);
    free(recording->list);
    *recording = (struct recording){0};
}
