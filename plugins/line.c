/* line.c - the line framer (see line.h).
 *
 * Held bytes lie in data[start, used). line_feed() moves them to the front and appends; line_next()
 * cuts at the next newline. `seen` remembers how far the search came, so that a long line fed in
 * small pieces is searched once.
 */
#include "line.h"

#include <stdlib.h>
#include <string.h>

enum {
    LINE_FIRST = 512
}; /* first allocation: most lines of the protocol fit after one doubling or two */

static void drop_all(struct line_buf *buf)
{
    free(buf->data);
    buf->data = NULL;
    buf->size = buf->start = buf->used = buf->seen = 0;
}

void line_init(struct line_buf *buf, size_t cap)
{
    memset(buf, 0, sizeof *buf);
    buf->cap = cap;
}

void line_release(struct line_buf *buf)
{
    drop_all(buf);
    buf->skipping = false;
}

size_t line_pending(const struct line_buf *buf)
{
    return buf->used - buf->start;
}

/* Room for `count` more bytes and the NUL that line_last() writes behind them. */
static void reserve(struct line_buf *buf, size_t count)
{
    size_t held = line_pending(buf);
    size_t need = held + count + 1;
    size_t size = buf->size ? buf->size : LINE_FIRST;

    if (buf->start > 0) {
        memmove(buf->data, buf->data + buf->start, held);
        buf->start = 0;
        buf->used = held;
    }
    if (need <= buf->size)
        return;
    if (need <= held || need > (size_t)-1 / 2)
        abort();
    while (size < need)
        size *= 2;
    if (size > buf->cap + 1 && need <= buf->cap + 1)
        size = buf->cap + 1;
    buf->data = realloc(buf->data, size);
    if (!buf->data)
        abort();
    buf->size = size;
}

void line_feed(struct line_buf *buf, const void *bytes, size_t count)
{
    const char *from = bytes;

    if (buf->skipping && line_pending(buf) == 0 && count > 0) {
        const char *end = memchr(from, '\n', count);
        if (!end)
            return;
        buf->skipping = false;
        count -= (size_t)(end + 1 - from);
        from = end + 1;
    }
    if (count == 0)
        return;
    reserve(buf, count);
    memcpy(buf->data + buf->used, from, count);
    buf->used += count;
}

/* Cuts data[start, start + len) out; `step` is 1 when a newline follows it. */
static enum line_got cut(struct line_buf *buf, size_t len, size_t step, char **line, size_t *out)
{
    char *at = buf->data + buf->start;

    buf->start += len + step;
    buf->seen = 0;
    if (len > buf->cap)
        return LINE_TOO_LONG;
    at[len] = '\0';
    *line = at;
    *out = len;
    return LINE_READY;
}

enum line_got line_next(struct line_buf *buf, char **line, size_t *len)
{
    *line = NULL;
    *len = 0;
    while (line_pending(buf) > 0) {
        char *at = buf->data + buf->start;
        size_t held = line_pending(buf);
        char *end = memchr(at + buf->seen, '\n', held - buf->seen);

        if (buf->skipping) {
            if (!end)
                break;
            buf->skipping = false;
            buf->start += (size_t)(end + 1 - at);
            buf->seen = 0;
            continue;
        }
        if (end)
            return cut(buf, (size_t)(end - at), 1, line, len);
        if (held > buf->cap) {
            drop_all(buf);
            buf->skipping = true;
            return LINE_TOO_LONG;
        }
        buf->seen = held;
        return LINE_NONE;
    }
    drop_all(buf);
    return LINE_NONE;
}

enum line_got line_last(struct line_buf *buf, char **line, size_t *len)
{
    *line = NULL;
    *len = 0;
    if (buf->skipping || line_pending(buf) == 0)
        return LINE_NONE;
    return cut(buf, line_pending(buf), 0, line, len);
}
