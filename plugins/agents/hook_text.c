/* hook_text.c - see hook_text.h. */
#include "hook_text.h"

#include <string.h>

unsigned text_char_size(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 3;
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

bool text_char_byte_ok(unsigned char lead, unsigned at, unsigned char byte)
{
    unsigned char low = 0x80, high = 0xBF;
    if (at == 1) { /* no overlong forms, no surrogates, nothing beyond U+10FFFF */
        if (lead == 0xE0)
            low = 0xA0;
        else if (lead == 0xED)
            high = 0x9F;
        else if (lead == 0xF0)
            low = 0x90;
        else if (lead == 0xF4)
            high = 0x8F;
    }
    return byte >= low && byte <= high;
}

size_t text_char_len(const unsigned char *bytes, size_t n)
{
    unsigned size = text_char_size(bytes[0]);
    if (size == 0 || size > n)
        return 0;
    for (unsigned i = 1; i < size; i++)
        if (!text_char_byte_ok(bytes[0], i, bytes[i]))
            return 0;
    return size;
}

size_t text_escape_control(char *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    const char *name = c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\r' ? "\\r" : NULL;
    if (name) {
        memcpy(out, name, 2);
        return 2;
    }
    memcpy(out, c ? "\\u00" : "\\uff", 4);
    out[4] = c ? hex[c >> 4] : 'f';
    out[5] = c ? hex[c & 15] : 'd';
    return 6;
}

void text_put(struct text *text, const char *bytes, size_t n)
{
    if (n > text->cap - text->len)
        return;
    memcpy(text->buf + text->len, bytes, n);
    text->len += n;
}

void text_puts(struct text *text, const char *string)
{
    text_put(text, string, strlen(string));
}

void text_number(struct text *text, unsigned long long number)
{
    char digits[24];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    text_put(text, digits + at, sizeof digits - at);
}

void text_string(struct text *text, const char *bytes, size_t n, size_t max, bool more)
{
    if (text->cap - text->len < max + 2)
        max = text->cap - text->len > 16 ? text->cap - text->len - 16 : 0;
    text_put(text, "\"", 1);
    size_t start = text->len, cut = text->len;
    size_t i = 0;
    while (i < n) {
        unsigned char c = (unsigned char)bytes[i];
        char unit[8];
        size_t size = 1, used = 1;
        if (c < 0x20) {
            size = text_escape_control(unit, c);
        } else if (c == '"' || c == '\\') {
            unit[0] = '\\', unit[1] = (char)c, size = 2;
        } else if (c < 0x80) {
            unit[0] = (char)c;
        } else if ((used = text_char_len((const unsigned char *)bytes + i, n - i))) {
            memcpy(unit, bytes + i, size = used);
        } else {
            memcpy(unit, TEXT_REPLACEMENT, size = 3);
            used = 1;
        }
        if (text->len + size - start > max)
            break;
        text_put(text, unit, size);
        i += used;
        if (text->len - start + TEXT_ELLIPSIS_LEN <= max)
            cut = text->len;
    }
    if (i < n || more) {
        text->len = cut;
        text_puts(text, TEXT_ELLIPSIS);
    }
    text_put(text, "\"", 1);
}

void text_name(struct text *text, const char *name)
{
    if (text->len > 0 && text->buf[text->len - 1] != '{')
        text_put(text, ",", 1);
    text_put(text, "\"", 1);
    text_puts(text, name);
    text_put(text, "\":", 2);
}

void text_member(struct text *text, const char *name, const char *value, size_t max)
{
    if (!value || !*value)
        return;
    text_name(text, name);
    text_string(text, value, strlen(value), max, false);
}
