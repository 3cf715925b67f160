/* json_read.c: see json_read.h. One pass over the bytes; a string without escapes is copied once.
 *
 * Why a reader of our own, where a well-kept library is there: jansson's lexer takes every byte by a call through a
 * pointer and into a buffer that grows. On the bench's 1 KB event it took half of all the time of the loop's thread
 * (callgrind: some 150 instructions a byte, this one about ten), and the loop's thread is what the others wait for.
 *
 * Why it may be trusted: it never judges. It knows the plain grammar of RFC 8259 and gives up, with NULL, at all that
 * is wrong or only unusual; then jansson reads the same text from its beginning, and its verdict counts. What it does
 * take must be what jansson takes: tests/unit/test_json_read.c and tests/fuzz/fuzz_json_read.c hold the two side by
 * side. */
#include "router/json_read.h"

#include "rules/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX_LEN = 128, DIGITS_MAX = 18 };

struct json_reader {
    const char *at, *end;
    int depth;
};

static json_t *read_value(struct json_reader *in);

static void skip_space(struct json_reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r'))
        in->at++;
}

static bool take(struct json_reader *in, char c)
{
    if (in->at >= in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

/* Eight bytes at once: a byte's high bit is set where the byte is 0, after `^ quote` where it is a quote, and after
 * `- 0x20` where it is below that. What carries into the next byte may only say "look closer". */
size_t json_plain_run(const char *text, size_t len)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= len; i += sizeof word) {
        memcpy(&word, text + i, sizeof word);
        uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
        uint64_t found =
            ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
        if (found & high)
            break;
    }
    while (i < len && text[i] != '"' && text[i] != '\\' && (unsigned char)text[i] >= 0x20)
        i++;
    return i;
}

static size_t plain_run(const struct json_reader *in)
{
    return json_plain_run(in->at, (size_t)(in->end - in->at));
}

/* Four hexadecimal digits; -1: they are none. */
static int32_t hex4(struct json_reader *in)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    int32_t value = 0;
    if (in->end - in->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const char *digit = memchr(digits, *in->at++, sizeof digits - 1);
        if (!digit)
            return -1;
        value = value * 16 + (int32_t)(digit - digits) - (digit - digits >= 16 ? 6 : 0);
    }
    return value;
}

/* Behind "\u": the character as UTF-8; how many bytes, 0: none we take. */
static size_t read_unicode(struct json_reader *in, char *out)
{
    int32_t c = hex4(in);
    if (c >= 0xd800 && c < 0xdc00) {
        if (!take(in, '\\') || !take(in, 'u'))
            return 0;
        int32_t low = hex4(in);
        if (low < 0xdc00 || low > 0xdfff)
            return 0;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c < 0xe000) {
        return 0;
    }
    if (c <= 0)
        return 0;
    if (c < 0x80)
        return out[0] = (char)c, 1;
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
    return n;
}

/* A string with escapes, which never grows: up to the closing quote. */
static json_t *read_escaped(struct json_reader *in)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t room = 0, n = 0;
    for (const char *at = in->at; at < in->end && *at != '"'; at += *at == '\\' ? 2 : 1)
        room += *at == '\\' ? 2 : 1;
    char *text = must_grow(NULL, room + 1);
    for (;;) {
        size_t run = plain_run(in);
        memcpy(text + n, in->at, run);
        n += run;
        in->at += run;
        if (take(in, '"'))
            break;
        if (!take(in, '\\') || in->at >= in->end)
            goto fail;
        char c = *in->at++;
        const char *known = c ? strchr(from, c) : NULL;
        size_t more = known ? 1 : c == 'u' ? read_unicode(in, text + n) : 0;
        if (more == 0)
            goto fail;
        if (known)
            text[n] = to[known - from];
        n += more;
    }
    json_t *value = json_stringn_nocheck(text, n);
    free(text);
    return value;
fail:
    free(text);
    return NULL;
}

static json_t *read_string(struct json_reader *in)
{
    size_t run = plain_run(in);
    if (in->at + run >= in->end || in->at[run] != '"')
        return read_escaped(in);
    json_t *value = json_stringn_nocheck(in->at, run);
    in->at += run + 1;
    return value;
}

static json_t *read_members(struct json_reader *in)
{
    json_t *object = json_object();
    size_t n = 0;
    skip_space(in);
    if (take(in, '}'))
        return object;
    do {
        skip_space(in);
        if (!take(in, '"'))
            goto fail;
        const char *key = in->at;
        size_t run = plain_run(in);
        if (run > KEY_MAX_LEN || key + run >= in->end || key[run] != '"') /* with an escape, too */
            goto fail;
        in->at += run + 1;
        skip_space(in);
        json_t *value = take(in, ':') ? read_value(in) : NULL;
        if (!value || json_object_setn_new_nocheck(object, key, run, value) != 0)
            goto fail;
        if (json_object_size(object) != ++n) /* a duplicate */
            goto fail;
        skip_space(in);
    } while (take(in, ','));
    if (take(in, '}'))
        return object;
fail:
    json_decref(object);
    return NULL;
}

static json_t *read_items(struct json_reader *in)
{
    json_t *array = json_array();
    skip_space(in);
    if (take(in, ']'))
        return array;
    do {
        json_t *value = read_value(in);
        if (!value || json_array_append_new(array, value) != 0)
            goto fail;
        skip_space(in);
    } while (take(in, ','));
    if (take(in, ']'))
        return array;
fail:
    json_decref(array);
    return NULL;
}

static json_t *read_number(struct json_reader *in)
{
    bool minus = take(in, '-');
    const char *first = in->at;
    json_int_t value = 0;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9' && in->at - first < DIGITS_MAX)
        value = value * 10 + (*in->at++ - '0');
    size_t digits = (size_t)(in->at - first);
    if (digits == 0 || (digits > 1 && *first == '0'))
        return NULL;
    if (in->at < in->end && strchr("0123456789.eE", *in->at)) /* longer, or a real number */
        return NULL;
    return json_integer(minus ? -value : value);
}

static json_t *read_word(struct json_reader *in, const char *word, json_t *value)
{
    size_t len = strlen(word);
    if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
        return NULL;
    in->at += len;
    return value;
}

static json_t *read_value(struct json_reader *in)
{
    json_t *value = NULL;
    skip_space(in);
    if (in->at >= in->end)
        return NULL;
    switch (*in->at) {
    case '"':
        in->at++;
        return read_string(in);
    case '{':
    case '[':
        if (in->depth-- > 0)
            value = *in->at++ == '{' ? read_members(in) : read_items(in);
        in->depth++;
        return value;
    case 't':
        return read_word(in, "true", json_true());
    case 'f':
        return read_word(in, "false", json_false());
    case 'n':
        return read_word(in, "null", json_null());
    default: /* a number, or nothing: bytes are not our enum */
        return read_number(in);
    }
}

json_t *json_read(const char *text, size_t len, int depth)
{
    struct json_reader in = {text, text + len, depth};
    json_t *value = read_value(&in);
    skip_space(&in);
    if (value && in.at < in.end) {
        json_decref(value);
        value = NULL;
    }
    return value;
}
