/* event_json.c: see event_json.h. One table of fields; both ways walk it. */
#include "event_json.h"

#include "json_read.h"
#include "rules/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum type { TYPE_TEXT, TYPE_INT, TYPE_BOOL, TYPE_WORD };

static const struct event_field {
    const char *key;
    enum type type;
    size_t offset;
    const struct words *words; /* TYPE_WORD: an enum, so an int */
} fields[] = {
#define TEXT(member)                                                                               \
    {                                                                                              \
#member, TYPE_TEXT, offsetof(struct event, member), NULL                                   \
    }
#define PLACE(member)                                                                              \
    {                                                                                              \
#member, TYPE_TEXT, offsetof(struct event, place.member), NULL                             \
    }
#define INT(member)                                                                                \
    {                                                                                              \
#member, TYPE_INT, offsetof(struct event, member), NULL                                    \
    }
#define BOOL(member)                                                                               \
    {                                                                                              \
#member, TYPE_BOOL, offsetof(struct event, member), NULL                                   \
    }
#define WORD(member)                                                                               \
    {                                                                                              \
#member, TYPE_WORD, offsetof(struct event, member), &word_##member                         \
    }
    INT(at_wall_ms), TEXT(host),       TEXT(agent),       TEXT(session),    TEXT(thread),
    TEXT(request),   TEXT(source),     BOOL(starts),      WORD(closes),     TEXT(closes_request),
    WORD(opens),     WORD(kind),       BOOL(ends),        WORD(state),      WORD(urgency),
    BOOL(waking),    BOOL(unattended), BOOL(prompt),      TEXT(title),      TEXT(text),
    TEXT(tool),      TEXT(task),       TEXT(cwd),         TEXT(repository), TEXT(worktree),
    TEXT(branch),    INT(during),      INT(closes_kinds), BOOL(observed),   PLACE(tmux),
    PLACE(pane),     PLACE(window),    PLACE(tty),        PLACE(kitty),     PLACE(kitty_socket),
    PLACE(wezterm),  PLACE(term),      INT(pid),          INT(pid_start),
};
enum { FIELDS = sizeof fields / sizeof *fields };

static void set(json_t *json, const char *key, json_t *value)
{
    if (json_object_set_new_nocheck(json, key, value) != 0)
        abort();
}

/* A value, or NULL: nothing to write. */
static json_t *to_json(const struct event_field *field, const void *at)
{
    switch (field->type) {
    case TYPE_TEXT: {
        const char *text = *(const char *const *)at;
        return text_empty(text) ? NULL : json_string(text);
    }
    case TYPE_INT:
        return *(const int64_t *)at ? json_integer(*(const int64_t *)at) : NULL;
    case TYPE_BOOL:
        return *(const bool *)at ? json_true() : NULL;
    case TYPE_WORD:
        return *(const int *)at ? json_string(word_name(field->words, *(const int *)at)) : NULL;
    }
    return NULL;
}

json_t *event_to_json(const struct event *event)
{
    json_t *json = json_object();
    if (!json)
        abort();
    for (int i = 0; i < FIELDS; i++) {
        json_t *value = to_json(&fields[i], (const char *)event + fields[i].offset);
        if (value)
            set(json, fields[i].key, value);
    }
    return json;
}

/* ---- as text ------------------------------------------------------------------------------------------ */

/* A text that is being written. It is kept between events: what is handed out is a copy of just the right size. */
struct scratch {
    char *text;
    size_t n, room;
};

static void make_room(struct scratch *out, size_t more)
{
    if (out->n + more <= out->room)
        return;
    out->room = 2 * (out->n + more);
    out->text = must_grow(out->text, out->room);
}

static void put(struct scratch *out, const char *bytes, size_t n)
{
    make_room(out, n);
    memcpy(out->text + out->n, bytes, n);
    out->n += n;
}

/* The escapes are those of jansson: the short ones where there are any, "\u001F" else. */
static void put_string(struct scratch *out, const char *text)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    size_t length = strlen(text);
    make_room(out, 6 * length + 2);
    char *at = out->text + out->n;
    *at++ = '"';
    for (;;) {
        size_t run = json_plain_run(text, length);
        memcpy(at, text, run);
        at += run;
        if (run == length)
            break;
        unsigned char c = (unsigned char)text[run];
        const char *known = strchr(from, c);
        if (known) {
            *at++ = '\\';
            *at++ = to[known - from];
        } else {
            at += snprintf(at, 7, "\\u%04X", c);
        }
        text += run + 1;
        length -= run + 1;
    }
    *at++ = '"';
    out->n = (size_t)(at - out->text);
}

/* Behind what was written comes `,"key":`. */
static void put_key(struct scratch *out, const char *key)
{
    if (out->n > 1)
        put(out, ",", 1);
    put_string(out, key);
    put(out, ":", 1);
}

/* As printf's %lld, at a tenth of its cost. */
static void put_int(struct scratch *out, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        digits[--at] = '-';
    put(out, digits + at, sizeof digits - at);
}

static void put_field(struct scratch *out, const struct event_field *field, const void *at)
{
    const char *text = NULL;
    switch (field->type) {
    case TYPE_TEXT:
        text = *(const char *const *)at;
        break;
    case TYPE_WORD:
        text = *(const int *)at ? word_name(field->words, *(const int *)at) : NULL;
        break;
    case TYPE_INT:
        if (*(const int64_t *)at) {
            put_key(out, field->key);
            put_int(out, *(const int64_t *)at);
        }
        return;
    case TYPE_BOOL:
        if (*(const bool *)at) {
            put_key(out, field->key);
            put(out, "true", 4);
        }
        return;
    }
    if (!text_empty(text)) {
        put_key(out, field->key);
        put_string(out, text);
    }
}

char *event_to_text(const struct event *event)
{
    static struct scratch out;
    out.n = 0;
    put(&out, "{", 1);
    for (int i = 0; i < FIELDS; i++)
        put_field(&out, &fields[i], (const char *)event + fields[i].offset);
    put(&out, "}", 2); /* and its end */
    char *text = must_grow(NULL, out.n);
    return memcpy(text, out.text, out.n);
}

/* ---- and back ----------------------------------------------------------------------------------------- */

static int from_json(const struct event_field *field, const json_t *value, void *at)
{
    int word;
    switch (field->type) {
    case TYPE_TEXT:
        if (!json_is_string(value))
            return -EINVAL;
        *(const char **)at = json_string_value(value);
        break;
    case TYPE_INT:
        if (!json_is_integer(value))
            return -EINVAL;
        *(int64_t *)at = json_integer_value(value);
        break;
    case TYPE_BOOL:
        if (!json_is_boolean(value))
            return -EINVAL;
        *(bool *)at = json_is_true(value);
        break;
    case TYPE_WORD:
        word = word_find(field->words, json_string_value(value));
        if (word < 0)
            return -EINVAL;
        *(int *)at = word;
        break;
    }
    return 0;
}

int event_from_json(const json_t *json, struct event *event)
{
    *event = (struct event){0};
    if (!json_is_object(json))
        return -EINVAL;
    for (int i = 0; i < FIELDS; i++) {
        const json_t *value = json_object_get(json, fields[i].key);
        int error = value ? from_json(&fields[i], value, (char *)event + fields[i].offset) : 0;
        if (error)
            return error;
    }
    return 0;
}
