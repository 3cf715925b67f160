/* event_json.c: see event_json.h. One table of fields; both ways walk it. */
#include "event_json.h"

#include "json_read.h"
#include "json_write.h"
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
    PLACE(wezterm),  PLACE(term),      INT(pid),          INT(pid_start),   WORD(talks),
    INT(busy),
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

static void put_field(struct json_text *out, const struct event_field *field, const void *at)
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
            json_put_key(out, field->key);
            json_put_int(out, *(const int64_t *)at);
        }
        return;
    case TYPE_BOOL:
        if (*(const bool *)at) {
            json_put_key(out, field->key);
            json_put(out, "true", 4);
        }
        return;
    }
    if (!text_empty(text)) {
        json_put_key(out, field->key);
        json_put_string(out, text);
    }
}

char *event_to_text(const struct event *event)
{
    static struct json_text out; /* kept between events: what is handed out is a copy of just the right size */
    out.n = 0;
    json_put(&out, "{", 1);
    for (int i = 0; i < FIELDS; i++)
        put_field(&out, &fields[i], (const char *)event + fields[i].offset);
    json_put(&out, "}", 2); /* and its end */
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

/* ---- and back, from text ------------------------------------------------------------------------------ */

struct text_reader {
    char *at, *end;
};

static void skip_space(struct text_reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t'))
        in->at++;
}

static bool take(struct text_reader *in, char c)
{
    skip_space(in);
    if (in->at >= in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

/* Four hexadecimal digits, or -1. */
static int32_t take_hex(struct text_reader *in)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++, in->at++) {
        char c = in->at < in->end ? *in->at : 'x';
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            value = value * 16 + ((c | 32) - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/* Behind "\u": writes the character, which is no longer than its escape. */
static char *take_unicode(struct text_reader *in, char *to)
{
    int32_t c = take_hex(in);
    if (c >= 0xd800 && c < 0xdc00) {
        bool pair = in->end - in->at > 2 && in->at[0] == '\\' && in->at[1] == 'u';
        in->at += pair ? 2 : 0;
        int32_t low = pair ? take_hex(in) : -1;
        c = low >= 0xdc00 && low < 0xe000 ? 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00) : -1;
    }
    if (c <= 0 || (c >= 0xdc00 && c < 0xe000))
        return NULL;
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    *to++ = (char)((more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0) | c >> 6 * more);
    while (more-- > 0)
        *to++ = (char)(0x80 | (c >> 6 * more & 0x3f));
    return to;
}

/* A string, decoded where it stands and ended by NUL; NULL: it is none. */
static char *take_string(struct text_reader *in)
{
    static const char from[] = "\"\\bfnrt/", means[] = "\"\\\b\f\n\r\t/";
    if (!take(in, '"'))
        return NULL;
    char *begin = in->at, *to = begin;
    for (;;) {
        size_t run = json_plain_run(in->at, (size_t)(in->end - in->at));
        if (to != in->at)
            memmove(to, in->at, run);
        to += run;
        in->at += run;
        if (in->end - in->at < 2)
            return NULL;
        char c = *in->at++;
        if (c == '"')
            break;
        if (c != '\\')
            return NULL;
        c = *in->at++;
        const char *known = memchr(from, c, sizeof from - 1);
        if (known)
            *to++ = means[known - from];
        else if (c != 'u' || !(to = take_unicode(in, to)))
            return NULL;
    }
    *to = '\0';
    return begin;
}

static bool take_int(struct text_reader *in, int64_t *value)
{
    skip_space(in);
    bool minus = take(in, '-');
    int digits = 0;
    *value = 0;
    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9' && digits < 19; digits++) {
        if (*value > (INT64_MAX - 9) / 10)
            return false;
        *value = *value * 10 + (*in->at++ - '0');
    }
    *value = minus ? -*value : *value;
    return digits > 0;
}

static bool take_bool(struct text_reader *in, bool *value)
{
    skip_space(in);
    *value = in->end - in->at >= 4 && memcmp(in->at, "true", 4) == 0;
    if (!*value && (in->end - in->at < 5 || memcmp(in->at, "false", 5) != 0))
        return false;
    in->at += *value ? 4 : 5;
    return true;
}

/* A member whose key we do not know: of a later time. */
static bool skip_value(struct text_reader *in)
{
    int64_t number;
    bool is;
    skip_space(in);
    char c = in->at < in->end ? *in->at : '\0';
    return c == '"'               ? take_string(in) != NULL
           : c == 't' || c == 'f' ? take_bool(in, &is)
                                  : take_int(in, &number);
}

static bool take_field(struct text_reader *in, const struct event_field *field, void *at)
{
    const char *text;
    int word;
    switch (field->type) {
    case TYPE_TEXT:
        return (*(const char **)at = take_string(in)) != NULL;
    case TYPE_INT:
        return take_int(in, at);
    case TYPE_BOOL:
        return take_bool(in, at);
    case TYPE_WORD:
        text = take_string(in);
        word = text ? word_find(field->words, text) : -1;
        *(int *)at = word;
        return word >= 0;
    }
    return false;
}

/* The field of a key. The writer keeps the order of the table, so it is mostly the next one. */
static int find_field(const char *key, int next)
{
    for (int i = 0; i < FIELDS; i++, next++) {
        next = next == FIELDS ? 0 : next;
        if (fields[next].key[0] == key[0] && strcmp(fields[next].key, key) == 0)
            return next;
    }
    return -1;
}

int event_from_text(char *text, size_t len, struct event *event)
{
    struct text_reader in = {text, text + len};
    int field = 0;
    *event = (struct event){0};
    if (!take(&in, '{'))
        return -EINVAL;
    if (take(&in, '}'))
        return 0;
    do {
        const char *key = take_string(&in);
        if (!key || !take(&in, ':'))
            return -EINVAL;
        int found = find_field(key, field);
        if (found < 0 ? !skip_value(&in)
                      : !take_field(&in, &fields[found], (char *)event + fields[found].offset))
            return -EINVAL;
        field = found < 0 ? field : found + 1;
    } while (take(&in, ','));
    return take(&in, '}') ? 0 : -EINVAL;
}
