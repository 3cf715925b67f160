/* calendar_look.h: when to read the calendars again: a file has changed, a day has passed, the clock was set.
 *
 * Folders are watched, not files, because files are replaced by renaming; where a file is a link, its target's
 * folder too. What cannot be watched is looked at once a minute. */
#ifndef QUIETBELL_CALENDAR_LOOK_H
#define QUIETBELL_CALENDAR_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#define LOOK_DAY_MS INT64_C(86400000)
#define LOOK_AHEAD_MS (14 * LOOK_DAY_MS) /* so far they are expanded … */
#define LOOK_BACK_MS (2 * LOOK_DAY_MS)   /* … and so far back: the clock may be set a bit */

enum { LOOK_FILES_MAX = 32 };

/* Files, in the order of their bits; then begin. */
void look_add(const char *file);
void look_begin(void);
void look_end(void);

/* The descriptors to wait for, -1: none. */
int look_events(void);
int look_clock(void);
/* Takes what the first said. */
void look_read(void);
/* The same of the second. True: read all again. */
bool look_clock_read(void);
/* When look_changed() is to be asked, in CLOCK_MONOTONIC; INT64_MAX: not. */
int64_t look_due(int64_t steady_ms);
/* The files that have changed since they were last asked for, as bits. */
uint32_t look_changed(int64_t steady_ms);

#endif
