/* need.h: one open claim on the person by one session, and the reasons it consists of.
 *
 * A need is open while one of its reasons is. Reasons are keyed (thread, kind, request); so duplicates are
 * impossible by construction. A closed reason is kept for a while: the same request asked again within
 * 10 s is the same need. */
#ifndef RULES_NEED_H
#define RULES_NEED_H

#include "event.h"
#include "policy.h"
#include "reason.h"
#include "record.h"

struct rules;
struct session;
struct line;

/* What the rules make of a need now: the result of the rule walk (walk.h). */
struct treatment {
    enum urgency urgency;
    uint32_t to; /* bits of receiver slots */
    int64_t settle_ms;
    enum slot slot;
    int64_t batch_ms;
    const struct rule *times; /* SLOT_TIMES, SLOT_DIGEST: whose times they are */
    int64_t at_most_ms;
    uint32_t group_by;
    bool silent;
    int64_t expire_ms;
    uint32_t inhibit;
    int64_t repeat_ms;
    int repeat_times;
    const struct rule *escalate; /* whose steps they are, or NULL */
    uint32_t slot_focuses;       /* the focuses the slot's rule was written for (focus slots) */
    uint32_t walls;              /* the focuses that are on and not open for it */
    const struct reason *reason; /* the reason that counted */
};

/* Where a need stands in the judgement: the line of rules.md section 5 that applied. */
enum verdict {
    VERDICT_RESOLVED,
    VERDICT_ACKED,
    VERDICT_SNOOZED,
    VERDICT_TOLD,
    VERDICT_DROP,     /* to nobody: the board only */
    VERDICT_CRITICAL, /* due at once */
    VERDICT_WALLED,
    VERDICT_INHIBITED, /* not yet */
    VERDICT_UNSETTLED,
    VERDICT_HELD, /* ready, waiting in its slot */
    VERDICT_DUE,
    VERDICTS
};

/* In this order, because with thousands of needs it is the memory that a look touches that costs: what every look
 * touches stands together. */
struct need {
    struct record record;
    uint64_t session_id;
    int64_t resolved_ms; /* 0: open */
    struct reason *reasons;
    struct session *session;
    struct line *lines; /* its places in alerts */

    enum kind kind; /* of its most urgent open reason */
    enum verdict verdict;
    bool acked;
    bool told;
    bool rings;            /* told audibly; false: silently */
    bool behind;           /* a wall stands: focus, time of day, snooze */
    bool inhibited;        /* the person looks at it, or has just done so */
    bool looked_at;        /* right now */
    bool seen;             /* it was open before they came */
    bool timed;            /* walled until a time of day */
    bool released;         /* a wall or a focus ended: due as soon as it may */
    bool gathers;          /* due for a cause that gathers: batch, release, start, recovery */
    bool telling;          /* is in this look's list of what is due … */
    bool rides;            /* … only because something else is told */
    bool dirty;            /* is in the list of those to look at now */
    bool in_untold;        /* … of the open, untold needs of its verdict */
    bool in_short;         /* … of told needs that wait for room in a budget */
    uint32_t to;           /* receiver slots it was told on: frozen at the first tell */
    uint32_t delivered;    /* receiver slots that have it */
    uint32_t owed;         /* receiver slots on which a rise still has to ring */
    uint32_t pending;      /* receiver slots of `to` that still wait for budget */
    uint32_t walls;        /* the focuses that wall it */
    uint32_t slot_focuses; /* the focuses its slot was set for at the last look */
    int64_t opened_ms;
    int64_t last_ms; /* last reason or confirmation */
    int64_t told_ms;
    int64_t rung_ms;            /* its last ring */
    int64_t snoozed_until_ms;   /* 0: not snoozed */
    int64_t inhibited_until_ms; /* after they left */
    int64_t walled_since_ms;    /* 0: no wall stands */
    int64_t walled_ms;          /* walled time before that */
    int64_t behind_since_ms;    /* of these the walls alone, without the person's own look … */
    int64_t behind_ms;          /* … the same */
    int64_t hold_wall_ms;       /* the time of day it is held to; 0: not known yet */
    int64_t due_ms;             /* when it is to be told, as far as known now; NEVER_MS: no bound */
    int64_t look_ms;            /* when it is to be looked at again */
    int heap_at;                /* its place in the heap of looks, -1: none */
    struct need *next_dirty;
    struct treatment treatment; /* of the last look; not kept */

    int64_t opened_wall_ms;
    char *resolved_by;        /* the evidence, one sentence */
    char *told_by;            /* why then: half a sentence */
    int64_t repeats;          /* rings again, so far */
    int64_t escalated;        /* steps done: each once per need */
    int64_t hold_times;       /* of which times hold_wall_ms is one: their hash */
    struct need *prev, *next; /* all, by id */
    struct need *next_in_session;
    struct need *next_untold, *prev_untold;
    struct need *next_short, *prev_short;
    struct need *older_resolved, *younger_resolved;
};

extern const struct noun noun_need;

/* Applies an event to the need of its session. `may_open`: the event is not a late one. */
void need_take(struct rules *rules, struct session *session, const struct event *event,
               int64_t at_ms, bool may_open);
/* Closes every reason; `why` is the evidence, one sentence. */
void need_resolve(struct rules *rules, struct need *need, const char *why);
/* By the person: leaves its alerts, stays on the board. snooze: until an instant. */
void need_ack(struct rules *rules, struct need *need);
void need_snooze(struct rules *rules, struct need *need, int64_t until_ms);
/* It is told, or closed: it is no longer in the list of what is untold. */
void need_leave_untold(struct rules *rules, struct need *need);
/* What the look makes of it; an untold one goes to the list of that verdict. */
void need_judged(struct rules *rules, struct need *need, enum verdict verdict);
/* Every open, untold need is judged again in this step. */
void need_touch_untold(struct rules *rules);
/* Marks it for the look of this step. */
void need_touch(struct rules *rules, struct need *need);
/* Joins and parts it with the core's lists (also when restored). */
void need_join(struct rules *rules, struct need *need);
void need_drop(struct rules *rules, struct need *need);

/* The most urgent open reason (the oldest of them), or of a resolved need the last one; never NULL. */
const struct reason *need_reason(const struct need *need);
/* How often it was said, over all its open reasons. */
int64_t need_count(const struct need *need);
bool need_open(const struct need *need);
/* Time since it opened, without the time behind walls. */
int64_t need_waited(const struct need *need, int64_t steady_ms);
/* The same, but the time in which the person looked at it, or answered from the board, counts: how long its session
 * has stood still while the person was there. */
int64_t need_stood(const struct need *need, int64_t steady_ms);
/* Order in which needs are named: urgency, kind, age. */
int need_compare(const struct need *a, const struct need *b);

#endif
