/* line.h - the line framer: bytes in, complete lines out.
 *
 * Used wherever quietbell reads "one JSON object per line": the plugins, the plugin host, the
 * socket.
 *
 *     struct line_buf in;
 *     line_init(&in, PROTOCOL_LINE_MAX);
 *     line_feed(&in, bytes, count);                   on every read
 *     while ((got = line_next(&in, &line, &len)) != LINE_NONE)
 *         got == LINE_READY ? take(line, len) : complain("line over 256 KiB");
 *     line_release(&in);
 *
 * Memory: nothing before the first feed; at most cap + 1 bytes + what was fed since the last
 * LINE_NONE; and nothing that outlives LINE_NONE but an unfinished line. So a peer that sends
 * without a newline costs its cap, a quiet peer costs nothing. Running out of memory aborts.
 */
#ifndef QUIETBELL_LINE_H
#define QUIETBELL_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum line_got {
    LINE_NONE,  /* no complete line is left: feed more */
    LINE_READY, /* *line, *len: one line without its newline */
    LINE_TOO_LONG, /* a line longer than the cap; told once, as soon as it is known, and skipped to its end */
};

struct line_buf {
    char *data;    /* owned; NULL while nothing is held */
    size_t size;   /* bytes allocated */
    size_t start;  /* first byte not yet taken */
    size_t used;   /* one past the last byte held */
    size_t seen;   /* bytes after start known to hold no newline */
    size_t cap;    /* longest line allowed, in bytes, without its newline */
    bool skipping; /* inside an over-long line: drop everything up to its newline */
};

void line_init(struct line_buf *buf, size_t cap);

/* Frees what is held and leaves an empty buffer with the same cap, ready for another peer. */
void line_release(struct line_buf *buf);

/* Takes all `count` bytes. Ends the life of a line that line_next() gave. */
void line_feed(struct line_buf *buf, const void *bytes, size_t count);

/* The next line. `*line` points into the buffer, ends with NUL (a line may hold NULs of its own:
 * trust *len), may be written to, and lives until the next call on this buffer. An empty line is a
 * line of length 0; a carriage return before the newline stays (it is white space to JSON). */
enum line_got line_next(struct line_buf *buf, char **line, size_t *len);

/* At the end of the stream, after LINE_NONE: the last line, if it lacks its newline. LINE_NONE if
 * there is none. */
enum line_got line_last(struct line_buf *buf, char **line, size_t *len);

/* Bytes held and not yet taken: what a peer costs now. */
size_t line_pending(const struct line_buf *buf);

#endif
