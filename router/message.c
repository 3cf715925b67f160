/* message.c: see message.h. First the bytes (message_scan), then the members (message_take). */
#include "message.h"

#include "json_read.h"
#include "plain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const message_names[] = {"hook", "event", "command", "follow", "file"};
const struct words word_message = {"message type", MESSAGES, message_names};

static void fill(struct refusal *refusal, const char *at, const char *format, va_list args)
{
    char raw[2 * sizeof refusal->error];
    vsnprintf(raw, sizeof raw, format, args);
    plain_line(raw, refusal->error, sizeof refusal->error);
    plain_line(at, refusal->at, sizeof refusal->at);
}

int refuse(struct refusal *refusal, const char *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(refusal, at, format, args);
    va_end(args);
    return -EINVAL;
}

static int too_much(struct refusal *refusal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static int too_much(struct refusal *refusal, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(refusal, "", format, args);
    va_end(args);
    return -EMSGSIZE;
}

/* ---- the bytes ----------------------------------------------------------------------------------- */

/* The length of the well-formed UTF-8 character at p (Unicode 15, table 3-7), or 0. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0; /* no overlong forms */
    if (p[0] == 0xed)
        high = 0x9f; /* no surrogates */
    if (p[0] == 0xf0)
        low = 0x90;
    if (p[0] == 0xf4)
        high = 0x8f; /* nothing above U+10FFFF */
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    }
    return n;
}

static int check_utf8(const unsigned char *p, size_t len, struct refusal *refusal)
{
    for (size_t i = 0; i < len;) {
        uint64_t word;
        while (i + sizeof word <= len) { /* eight bytes of ASCII without NUL at once */
            memcpy(&word, p + i, sizeof word);
            if ((word | (word - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080))
                break;
            i += sizeof word;
        }
        if (i == len)
            break;
        size_t n = p[i] < 0x80 ? 1 : utf8_length(p + i, len - i);
        if (n == 0)
            return refuse(refusal, "", "byte %zu is no valid UTF-8", i + 1);
        if (p[i] == 0)
            return refuse(refusal, "", "byte %zu is NUL", i + 1);
        i += n;
    }
    return 0;
}

bool message_is_utf8(const char *text, size_t len)
{
    struct refusal refusal;
    return check_utf8((const unsigned char *)text, len, &refusal) == 0;
}

/* Where the string that begins before `i` ends: behind its closing quote, or len. */
static size_t skip_string(const char *line, size_t len, size_t i)
{
    while (i < len) {
        const char *quote = memchr(line + i, '"', len - i);
        if (!quote)
            return len;
        size_t end = (size_t)(quote - line), slashes = 0;
        while (end - slashes > i && line[end - slashes - 1] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return end + 1;
        i = end + 1;
    }
    return len;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Counts depth and values without understanding more: every value but the first follows a bracket or a comma. */
static int check_shape(const char *line, size_t len, struct refusal *refusal)
{
    int depth = 0, values = 1;
    for (size_t i = 0; i < len;) {
        char c = line[i++];
        if (c == '"') {
            i = skip_string(line, len, i);
            continue;
        }
        if (c == '{' || c == '[') {
            if (++depth > MESSAGE_DEPTH_MAX)
                return too_much(refusal, "nested deeper than %d", MESSAGE_DEPTH_MAX);
            while (i < len && is_space(line[i]))
                i++;
            values += i < len && line[i] != '}' && line[i] != ']';
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == ',') {
            values++;
        }
        if (values > MESSAGE_VALUES_MAX)
            return too_much(refusal, "more than %d values", MESSAGE_VALUES_MAX);
    }
    return 0;
}

int message_scan(const char *line, size_t len, struct refusal *refusal)
{
    if (len > MESSAGE_SIZE_MAX)
        return too_much(refusal, "longer than %d KiB", MESSAGE_SIZE_MAX / 1024);
    int error = check_utf8((const unsigned char *)line, len, refusal);
    return error ? error : check_shape(line, len, refusal);
}

/* ---- the members --------------------------------------------------------------------------------- */

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    }
    return "?";
}

static int refuse_member(struct refusal *refusal, const char *key, const char *what, const char *got)
{
    char at[32];
    snprintf(at, sizeof at, "/%s", key);
    return refuse(refusal, at, "%s %s%s", key, what, got);
}

/* A string member. Missing: NULL, which is an error only if it must be there, as is "". */
static int get_string(const json_t *json, const char *key, bool must, const char **out,
                      struct refusal *refusal)
{
    const json_t *value = json_object_get(json, key);
    *out = NULL;
    if (!value)
        return must ? refuse_member(refusal, key, "is missing", "") : 0;
    if (!json_is_string(value))
        return refuse_member(refusal, key, "must be a string, not ", type_name(value));
    if (must && json_string_length(value) == 0)
        return refuse_member(refusal, key, "is empty", "");
    *out = json_string_value(value);
    return 0;
}

static int get_object(const json_t *json, const char *key, const json_t **out, struct refusal *refusal)
{
    const json_t *value = json_object_get(json, key);
    *out = NULL;
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_object(value))
        return refuse_member(refusal, key, "must be an object, not ", type_name(value));
    *out = value;
    return 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int get_id(struct message *out, struct refusal *refusal)
{
    const char *text;
    int error = get_string(out->json, "id", false, &text, refusal);
    if (error || !text)
        return error;
    for (int i = 0; i < 16; i++) {
        int digit = hex_value(text[i]);
        if (digit < 0)
            return refuse(refusal, "/id", "id must be 16 hexadecimal digits");
        out->id = out->id << 4 | (uint64_t)digit;
    }
    if (text[16])
        return refuse(refusal, "/id", "id must be 16 hexadecimal digits");
    out->has_id = true;
    return 0;
}

static int get_at_ms(struct message *out, struct refusal *refusal)
{
    const json_t *value = json_object_get(out->json, "at_ms");
    if (!value)
        return 0;
    if (!json_is_integer(value))
        return refuse(refusal, "/at_ms", "at_ms must be a whole number of milliseconds, not %s",
                      type_name(value));
    out->at_ms = json_integer_value(value);
    if (out->at_ms <= 0 || out->at_ms > (INT64_C(1) << 53))
        return refuse(refusal, "/at_ms", "at_ms is no instant in milliseconds since 1970");
    return 0;
}

static int get_hook(struct message *out, struct refusal *refusal)
{
    int error = get_string(out->json, "agent", true, &out->agent, refusal);
    if (!error)
        error = get_string(out->json, "event", false, &out->event, refusal);
    if (!error)
        error = get_object(out->json, "payload", &out->payload, refusal);
    if (!error)
        error = get_object(out->json, "context", &out->context, refusal);
    if (error)
        return error;
    if (!out->event)
        out->event = "";
    if (out->payload)
        return 0;
    if (json_object_get(out->json, "payload_text")) {
        refuse(refusal, "/payload_text", "the payload is no JSON");
        return -ENOTSUP;
    }
    return refuse(refusal, "/payload", "payload is missing");
}

static int get_event(struct message *out, struct refusal *refusal)
{
    const char *session;
    int error = get_string(out->json, "agent", true, &out->agent, refusal);
    if (!error)
        error = get_string(out->json, "session", true, &session, refusal);
    return error ? error : get_object(out->json, "context", &out->context, refusal);
}

/* `content` is text or an object; null, or gone: true, is a file that is not there any more. */
static int get_file(struct message *out, struct refusal *refusal)
{
    const char *head;
    const json_t *content = json_object_get(out->json, "content");
    int error = get_string(out->json, "path", true, &out->path, refusal);
    if (!error)
        error = get_string(out->json, "head", false, &head, refusal);
    if (error)
        return error;
    out->gone = json_is_true(json_object_get(out->json, "gone")) || !content || json_is_null(content);
    if (!out->gone && !json_is_string(content) && !json_is_object(content))
        return refuse(refusal, "/content", "content must be a string or an object, not %s",
                      type_name(content));
    return 0;
}

static int get_members(struct message *out, struct refusal *refusal)
{
    const char *type;
    int error = get_string(out->json, "type", true, &type, refusal);
    if (!error)
        error = get_id(out, refusal);
    if (!error)
        error = get_at_ms(out, refusal);
    if (error)
        return error;
    int found = word_find(&word_message, type);
    if (found < 0)
        return refuse(refusal, "/type",
                      "unknown type \"%.40s\"; known are hook, event, command, follow", type);
    out->type = (enum message_type)found;
    switch (out->type) {
    case MESSAGE_HOOK:
        return get_hook(out, refusal);
    case MESSAGE_EVENT:
        return get_event(out, refusal);
    case MESSAGE_COMMAND:
        return get_string(out->json, "command", true, &out->command, refusal);
    case MESSAGE_FILE:
        return get_file(out, refusal);
    case MESSAGE_FOLLOW:
    case MESSAGES:
        break;
    }
    return 0;
}

int message_take(struct message *out, json_t *json, struct refusal *refusal)
{
    *out = (struct message){.json = json};
    int error = json_is_object(json)
                    ? get_members(out, refusal)
                    : refuse(refusal, "", "a message must be an object, not %s", type_name(json));
    if (error)
        message_clear(out);
    return error;
}

int message_parse(struct message *out, const char *line, size_t len, struct refusal *refusal)
{
    *out = (struct message){0};
    int error = message_scan(line, len, refusal);
    if (error)
        return error;
    json_error_t why;
    json_t *json = json_read(line, len, MESSAGE_DEPTH_MAX);
    if (!json)
        json = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!json) {
        char *near = strstr(why.text, " near ");
        if (near)
            *near = '\0'; /* what follows is the sender's own text */
        return refuse(refusal, "", "no JSON: %s at byte %d", why.text, why.position);
    }
    return message_take(out, json, refusal);
}

void message_clear(struct message *message)
{
    json_decref(message->json);
    *message = (struct message){0};
}
