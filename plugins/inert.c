/* inert.c - text from agents made harmless (see inert.h).
 *
 * One pass: read a character, decide (keep, drop, space, newline, U+FFFD), append. The cut is
 * remembered as the last place where "…" still fits, so that it needs no second pass.
 */
#include "inert.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char ELLIPSIS[] = "\xe2\x80\xa6";
static const char REPLACEMENT[] = "\xef\xbf\xbd";

struct sink {
    char *text;
    size_t used, chars;            /* written so far */
    size_t max_bytes, max_chars;   /* (size_t)-1: no limit */
    size_t room_bytes, room_chars; /* the last place where the ellipsis still fits */
    bool full;
};

long inert_char(const char *text, size_t *len)
{
    const unsigned char *at = (const unsigned char *)text;
    static const long least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t want = at[0] < 0x80   ? 1
                  : at[0] < 0xc2 ? 0
                  : at[0] < 0xe0 ? 2
                  : at[0] < 0xf0 ? 3
                  : at[0] < 0xf5 ? 4
                                 : 0;
    long code;

    *len = at[0] ? 1 : 0;
    if (want == 1)
        return at[0];
    if (want == 0)
        return -1;
    code = at[0] & (0x7f >> want);
    for (size_t i = 1; i < want; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return -1;
        code = code << 6 | (at[i] & 0x3f);
    }
    if (code < least[want] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return -1;
    *len = want;
    return code;
}

/* Bytes of the terminal escape sequence at `text` (which begins with ESC): CSI up to its final
 * byte; OSC, DCS, SOS, PM and APC up to their terminator, if there is one: an unterminated one must
 * not swallow the text behind it. */
static size_t escape_length(const char *text)
{
    size_t i = 2;

    if (text[1] == '[') {
        while (text[i] >= 0x20 && text[i] <= 0x3f)
            i++;
        return text[i] >= 0x40 && text[i] <= 0x7e ? i + 1 : 2;
    }
    if (text[1] && strchr("]PX^_", text[1])) {
        for (; text[i] && text[i] != '\n'; i++) {
            if (text[i] == '\a')
                return i + 1;
            if (text[i] == '\033' && text[i + 1] == '\\')
                return i + 2;
        }
    }
    return 1;
}

static bool is_bidi(long code)
{
    return code == 0x061c || code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

static void append(struct sink *sink, const char *bytes, size_t count)
{
    if (sink->full)
        return;
    if (count > sink->max_bytes - sink->used || sink->chars >= sink->max_chars) {
        sink->full = true;
        return;
    }
    memcpy(sink->text + sink->used, bytes, count);
    sink->used += count;
    sink->chars++;
    if (sink->max_bytes - sink->used >= sizeof ELLIPSIS - 1 && sink->max_chars > sink->chars) {
        sink->room_bytes = sink->used;
        sink->room_chars = sink->chars;
    }
}

/* Takes white space off the end; in one-line text also a double space. */
static void trim_end(struct sink *sink)
{
    while (sink->used > 0 && (sink->text[sink->used - 1] == ' ' || sink->text[sink->used - 1] == '\n'))
        sink->used--;
}

static void space(struct sink *sink)
{
    if (sink->used > 0 && sink->text[sink->used - 1] != ' ' && sink->text[sink->used - 1] != '\n')
        append(sink, " ", 1);
}

static void newline(struct sink *sink, enum inert_lines lines)
{
    if (lines == INERT_ONE_LINE)
        space(sink);
    else if (sink->used > 0)
        append(sink, "\n", 1);
}

static void take(struct sink *sink, const char *text, enum inert_lines lines)
{
    size_t len;

    for (; *text && !sink->full; text += len) {
        long code = inert_char(text, &len);

        if (code < 0) {
            append(sink, REPLACEMENT, sizeof REPLACEMENT - 1);
        } else if (code == '\033') {
            len = escape_length(text);
        } else if (code == '\n' || code == '\r' || code == 0x2028 || code == 0x2029 || code == 0x85) {
            if (code == '\r' && text[1] == '\n')
                len = 2;
            newline(sink, lines);
        } else if (code == '\t' || code == '\v' || code == '\f') {
            space(sink);
        } else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || is_bidi(code)) {
            continue;
        } else if (code == ' ' && sink->used == 0) {
            continue;
        } else {
            append(sink, text, len);
        }
    }
}

char *inert_text(const char *text, size_t bytes, size_t chars, enum inert_lines lines)
{
    size_t length = text ? strlen(text) : 0;
    struct sink sink = {.max_bytes = bytes ? bytes : (size_t)-1,
                        .max_chars = chars ? chars : (size_t)-1};
    size_t room = length * 3; /* every byte a U+FFFD */

    if (room > sink.max_bytes)
        room = sink.max_bytes;
    sink.text = malloc(room + sizeof ELLIPSIS);
    if (!sink.text)
        abort();
    if (length)
        take(&sink, text, lines);
    if (sink.full) {
        sink.used = sink.room_bytes;
        trim_end(&sink);
        if (sink.max_bytes - sink.used >= sizeof ELLIPSIS - 1) {
            memcpy(sink.text + sink.used, ELLIPSIS, sizeof ELLIPSIS - 1);
            sink.used += sizeof ELLIPSIS - 1;
        }
    } else {
        trim_end(&sink);
    }
    sink.text[sink.used] = '\0';
    return sink.text;
}
