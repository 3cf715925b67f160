/* json_write.c: see json_write.h. */
#include "router/json_write.h"

#include "router/json_read.h"
#include "rules/text.h"

#include <stdio.h>
#include <string.h>

static void make_room(struct json_text *out, size_t more)
{
    if (out->n + more <= out->room)
        return;
    out->room = 2 * (out->n + more);
    out->text = must_grow(out->text, out->room);
}

void json_put(struct json_text *out, const char *bytes, size_t n)
{
    make_room(out, n);
    memcpy(out->text + out->n, bytes, n);
    out->n += n;
}

/* The escapes are those of jansson: the short ones where there are any, "\u001F" else. */
void json_put_string(struct json_text *out, const char *text)
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

void json_put_key(struct json_text *out, const char *key)
{
    if (out->n > 0 && out->text[out->n - 1] != '{')
        json_put(out, ",", 1);
    json_put_string(out, key);
    json_put(out, ":", 1);
}

/* As printf's %lld, at a tenth of its cost. */
void json_put_int(struct json_text *out, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        digits[--at] = '-';
    json_put(out, digits + at, sizeof digits - at);
}
