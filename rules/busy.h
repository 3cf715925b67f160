/* busy.h: what a calendar says: spans of wall time in which the person is busy.
 *
 * The shell reads the calendar and expands it over a horizon; the core is told the spans (INPUT_CALENDAR), keeps
 * them with their focus, and knows nothing of recurrences or time zones. A list is in order, its spans neither
 * touch nor overlap, and it has at most BUSY_MAX of them. */
#ifndef RULES_BUSY_H
#define RULES_BUSY_H

#include <stdbool.h>
#include <stdint.h>

enum { BUSY_MAX = 512, BUSY_TEXT = BUSY_MAX * 42 };

struct busy {
    int64_t from_wall_ms, until_wall_ms; /* [from, until) */
};

/* Puts spans in order, joins those that touch or overlap, drops empty ones and what is beyond BUSY_MAX. Returns
 * how many are left. */
int busy_merge(struct busy *spans, int n);
/* As the store keeps a list: "from until from until". Heap. */
char *busy_text(const struct busy *spans, int n);
/* And back, up to the first thing that is none; heap, NULL if there are none. */
struct busy *busy_read(const char *text, int *n);
bool busy_on(const struct busy *spans, int n, int64_t wall_ms);
/* The first beginning or end after a wall instant, or NEVER_MS. */
int64_t busy_next(const struct busy *spans, int n, int64_t wall_ms);

#endif
