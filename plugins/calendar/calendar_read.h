/* calendar_read.h: a calendar file's text as spans in which the person is busy.
 *
 * Counts: every VEVENT that is neither TRANSP:TRANSPARENT nor STATUS:CANCELLED (nor X-MICROSOFT-CDO-BUSYSTATUS:FREE),
 * with RRULE, RDATE, EXDATE, EXRULE and the occurrences that RECURRENCE-ID puts elsewhere; and the busy periods of
 * VFREEBUSY. RFC 5545 through libical; times through calendar_zone.h. */
#ifndef QUIETBELL_CALENDAR_READ_H
#define QUIETBELL_CALENDAR_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    READ_EVENTS_MAX = 50000,
    READ_OCCURRENCES_MAX = 100000, /* of one rule, counted from its beginning */
    READ_SPANS_MAX = 200000,       /* before they are joined */
    READ_NOTES_MAX = 8,
    READ_TEXT_MAX = 160
};

struct spans {
    struct { /* [from, until), seconds since 1970 */
        int64_t from, until;
    } * list; /* heap */
    int n, size;
};

struct read_state {
    int64_t from, until;  /* what does not touch [from, until) is left out */
    volatile int *event;  /* set to the number of the event in hand, from 1; may be NULL */
    const bool *left_out; /* events by number that are not to be tried again; may be NULL */

    struct spans spans;
    int n_events;
    char notes[READ_NOTES_MAX][READ_TEXT_MAX]; /* what was left out, or guessed, and why; not yet inert */
    int n_notes, more_notes;
    char problem[READ_TEXT_MAX]; /* why nothing of it can be used; "" if it can */
};

/* Fills spans, notes or problem. The text ends with NUL; length is without it. False: a problem. */
bool calendar_read(struct read_state *state, const char *text, size_t length);
/* calendar_spans.c: adds one, unless it is empty or beyond what is wanted. */
void spans_add(struct read_state *state, int64_t from, int64_t until);
/* Puts the spans in order and joins those that touch. */
void spans_join(struct spans *spans);

#endif
