/* focus.h: a named do-not-disturb state: its schedule, its calendar, the person's own hand, and whether it is on.
 *
 * On iff the hand says so, else iff the local minute's label lies in its schedule, or its calendar says busy, or the
 * person is as it names. The hand's `off` lasts until all of these are off. */
#ifndef RULES_FOCUS_H
#define RULES_FOCUS_H

#include "busy.h"
#include "moment.h"
#include "policy.h"
#include "record.h"

enum { FOCUS_SLOTS = 32 };
enum hand { HAND_NONE, HAND_ON, HAND_OFF };
extern const struct words word_hand;

struct focus {
    struct record record;
    char *name;
    int64_t slot;
    bool declared;
    enum hand hand;
    int64_t until_ms; /* of the hand's on; 0: until switched off */
    bool on;
    int64_t since_wall_ms; /* when it last went on or off */
    char *calendar;        /* whose spans these are, as the policy wrote it */
    char *busy;            /* busy_text() */

    const struct policy_focus *rule; /* of the policy in force; NULL: not declared */
    struct busy *spans;              /* read from busy */
    int n_spans;
};

extern const struct noun noun_focus;

struct rules;

/* What a calendar says from now on; it replaces what it said before. Borrowed. */
struct calendar_input {
    const char *focus;
    const struct busy *busy; /* in any order */
    int n;
};

void focus_calendar(struct rules *rules, const struct calendar_input *input);
/* Of a restored focus. */
void focus_join(struct focus *focus);

void focus_configure(struct rules *rules, const struct policy *policy);
struct focus *focus_find(const struct rules *rules, const char *name);
/* By hand; for_ms 0: until switched off. */
void focus_hand(struct rules *rules, struct focus *focus, enum hand hand, int64_t for_ms);
/* Sees which focuses are on at this moment; every need is looked at again if one went on or off. */
void focus_look(struct rules *rules);
/* The next steady instant at which one may go on or off. */
int64_t focus_deadline(const struct rules *rules);
/* When it will go on or off by schedule and calendar, as far as is known; NEVER_MS: never. Wall time. */
int64_t focus_turns(const struct focus *focus, const struct moment *now);
/* Whether its calendar says busy. */
bool focus_busy(const struct focus *focus, int64_t wall_ms);
void focus_free(struct focus *focus);

/* Whether a schedule is on at a moment, and the next wall instant at which that may change. */
bool span_on(const struct span *times, int n, const struct moment *now);
/* The wall instant of the first of these times of the local day (minutes) after a moment. */
int64_t focus_next_time(const int16_t *times_min, int n, const struct moment *after);
int64_t span_next(const struct span *times, int n, const struct moment *now);

#endif
