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

/* A line of the file as a message: 1; 0: there is none in it; or negative errno and why. */
static int read_line(const char *line, size_t len, struct message *out, struct refusal *refusal)
{
    while (len > 0 && strchr(" \t\r\n", line[len - 1]))
        len--;
    if (len == 0)
        return 0;
    json_t *raw = memmem(line, len, "\"received_at_ns\"", 16) ? json_loadb(line, len, 0, NULL) : NULL;
    if (!raw || !is_raw(raw)) {
        json_decref(raw);
        int error = message_parse(out, line, len, refusal);
        return error ? error : 1;
    }
    const char *event = json_string_value(json_object_get(raw, "event"));
    int got = event && *event != '@' ? message_take(out, raw_message(raw), refusal) : 1;
    bool skipped = !event || *event == '@';
    json_decref(raw);
    return skipped ? 0 : got ? got : 1;
}

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

static void add(struct reading *reading, const struct message *message, off_t at)
{
    struct recording *out = reading->out;
    if ((out->n & (out->n - 1)) == 0) /* full at every power of two */
        out->list = must_grow(out->list, (size_t)(out->n ? out->n * 2 : 1) * sizeof *out->list);
    out->list[out->n++] =
        (struct recorded){message->at_ms, message->id, at, reading->line, message->has_id};
    reading->at_ms = message->at_ms;
}

static void take_line(struct reading *reading, const char *line, size_t len, off_t at)
{
    struct message message;
    struct refusal refusal;
    int got = read_line(line, len, &message, &refusal);
    if (got < 0)
        return complain(reading, got, &refusal);
    if (got == 0)
        return;
    if (!message.at_ms)
        message.at_ms = reading->at_ms;
    if (message.at_ms)
        add(reading, &message, at);
    else
        complain(reading, refuse(&refusal, "/at_ms", "at_ms is missing in the first message"),
                 &refusal);
    message_clear(&message);
}

static int compare(const void *a, const void *b)
{
    const struct recorded *x = a, *y = b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static bool same_id(const void *item, const void *key)
{
    return ((const struct recorded *)item)->id == *(const uint64_t *)key;
}

/* A message that was both read and spooled counts once: the first of those with the same id. */
static void drop_known(struct recording *recording)
{
    struct table ids = {0};
    int kept = 0;
    for (int i = 0; i < recording->n; i++) {
        struct recorded *recorded = &recording->list[i];
        uint64_t hash = table_mix(recorded->id);
        if (recorded->has_id && table_find(&ids, hash, same_id, &recorded->id))
            continue;
        recording->list[kept] = *recorded;
        if (recorded->has_id)
            table_add(&ids, hash, &recording->list[kept]);
        kept++;
    }
    recording->n = kept;
    table_clear(&ids);
}

/* A pipe is read once: what is to be read again lies in a file of its own. */
static int make_seekable(FILE **file)
{
    char buf[65536];
    size_t n;
    if (fseeko(*file, 0, SEEK_SET) == 0)
        return 0;
    FILE *copy = tmpfile();
    if (!copy)
        return -errno;
    while ((n = fread(buf, 1, sizeof buf, *file)) > 0)
        fwrite(buf, 1, n, copy);
    int error = ferror(*file) || ferror(copy) || fflush(copy) ? -EIO : 0;
    fclose(*file);
    *file = copy;
    rewind(copy);
    return error;
}

int recording_load(struct recording *out, const char *path, FILE *complaints)
{
    *out = (struct recording){.file = fopen(path, "re")};
    if (!out->file)
        return -errno;
    int error = make_seekable(&out->file);
    struct reading reading = {out, complaints, path, 0, 0};
    ssize_t len;
    errno = 0;
    while (!error && (len = getline(&out->text, &out->size, out->file)) >= 0) {
        reading.line++;
        take_line(&reading, out->text, (size_t)len, out->at);
        out->at += len;
        errno = 0;
    }
    if (!error && ferror(out->file))
        error = -(errno ? errno : EIO);
    if (out->n)
        qsort(out->list, (size_t)out->n, sizeof *out->list, compare);
    drop_known(out);
    return error;
}

int recording_get(struct recording *recording, int i, struct message *out)
{
    const struct recorded *recorded = &recording->list[i];
    struct refusal refusal;
    if (recorded->at != recording->at && fseeko(recording->file, recorded->at, SEEK_SET) != 0)
        return -errno;
    ssize_t len = getline(&recording->text, &recording->size, recording->file);
    recording->at = recorded->at + (len > 0 ? len : 0);
    if (len < 0 || read_line(recording->text, (size_t)len, out, &refusal) != 1)
        return -EIO;
    out->at_ms = recorded->at_ms;
    return 0;
}

void recording_clear(struct recording *recording)
{
    if (recording->file)
        fclose(recording->file);
    free(recording->text);
    free(recording->list);
    *recording = (struct recording){0};
}
