/* plain.c: text made inert, and its width on a screen. See plain.h.
 *
 * What is inert is decided in plugins/inert.c, for the router and the plugins alike. Here white space is
 * folded, and columns are counted. The tables hold ranges, sorted; they are short on purpose: what is
 * missing in them only bends a column. */
#include "plain.h"

#include "plugins/inert.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct range {
    long from, to;
};

/* No column of their own: combining marks, zero-width characters, variation selectors, tags. */
static const struct range narrow[] = {
    {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},     {0x64b, 0x65f},
    {0x180b, 0x180f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f},   {0x2060, 0x206f},
    {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0000, 0xe0fff},
};

/* Two columns: East Asian wide and full-width, emoji. */
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x2705, 0x2705},
    {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},
    {0xa000, 0xa4cf},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
    {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
    {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

static bool in_ranges(const struct range *table, size_t n, long c)
{
    for (size_t i = 0; i < n && table[i].from <= c; i++) {
        if (c <= table[i].to)
            return true;
    }
    return false;
}

#define IN(table, c) in_ranges(table, sizeof table / sizeof *table, c)

/* Folds runs of spaces into one, and of line ends (with spaces around them) into two at most; in place. */
static void fold(char *text)
{
    char *out = text;

    for (const char *p = text; *p;) {
        int breaks = 0;
        if (*p != ' ' && *p != '\n') {
            *out++ = *p++;
            continue;
        }
        for (; *p == ' ' || *p == '\n'; p++)
            breaks += *p == '\n';
        if (breaks == 0)
            *out++ = ' ';
        for (int i = 0; i < breaks && i < 2; i++)
            *out++ = '\n';
    }
    *out = '\0';
}

static char *clean(const char *text, char *buf, size_t size, enum inert_lines lines)
{
    char *inert = inert_text(text, 0, 0, lines);
    fold(inert);
    char *fitting = inert_text(inert, size - 1, 0, lines); /* cuts; the rest is inert already */
    memcpy(buf, fitting, strlen(fitting) + 1);
    free(fitting);
    free(inert);
    return buf;
}

char *plain_line(const char *text, char *buf, size_t size)
{
    return clean(text, buf, size, INERT_ONE_LINE);
}

char *plain_lines(const char *text, char *buf, size_t size)
{
    return clean(text, buf, size, INERT_LINES);
}

static int width_of(long c)
{
    return IN(narrow, c) ? 0 : IN(wide, c) ? 2 : 1;
}

int plain_width(const char *text)
{
    int width = 0;
    size_t len;
    for (long c; (c = inert_char(text, &len)) != 0; text += len)
        width += width_of(c);
    return width;
}

#define ELLIPSIS "…"

char *plain_cut(const char *text, int columns, char *buf, size_t size)
{
    size_t at = 0, fits = 0, len; /* fits: up to where there is still room for the ellipsis */
    int width = 0;

    for (long c; (c = inert_char(text + at, &len)) != 0; at += len) {
        width += width_of(c);
        if (width > columns || at + len + 1 > size) {
            while (fits > 0 && text[fits - 1] == ' ')
                fits--;
            snprintf(buf, size, "%.*s%s", (int)fits, text, columns > 0 ? ELLIPSIS : "");
            return buf;
        }
        if (width < columns && at + len + sizeof ELLIPSIS <= size)
            fits = at + len;
    }
    memcpy(buf, text, at);
    buf[at] = '\0';
    return buf;
}

char *plain_join(char *buf, size_t size, const char *separator, ...)
{
    va_list parts;
    size_t used = 0;

    buf[0] = '\0';
    va_start(parts, separator);
    for (const char *part; (part = va_arg(parts, const char *));) {
        size_t len = strlen(part), gap = used ? strlen(separator) : 0;
        if (len == 0)
            continue;
        if (used + gap + len + 1 > size)
            break;
        memcpy(buf + used, separator, gap);
        memcpy(buf + used + gap, part, len + 1);
        used += gap + len;
    }
    va_end(parts);
    return buf;
}

char *plain_age(int64_t ms, char *buf, size_t size)
{
    long long s = ms < 0 ? 0 : (long long)(ms / 1000);

    if (s < 60)
        snprintf(buf, size, "%lld s", s);
    else if (s < 3600)
        snprintf(buf, size, "%lld min", s / 60);
    else if (s < 48 * 3600)
        snprintf(buf, size, "%lld h", s / 3600);
    else
        snprintf(buf, size, "%lld d", s / 86400);
    return buf;
}

/* What is kept of any one text in an answer. The core's own caps are lower. */
enum { JSON_TEXT_MAX = 4096 };

static json_t *json_of(const char *text, enum inert_lines lines)
{
    char buf[JSON_TEXT_MAX];
    json_t *json = json_string_nocheck(clean(text, buf, sizeof buf, lines));
    if (!json)
        abort();
    return json;
}

json_t *plain_json(const char *text)
{
    return json_of(text, INERT_ONE_LINE);
}

json_t *plain_json_lines(const char *text)
{
    return json_of(text, INERT_LINES);
}
