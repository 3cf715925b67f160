/* need.h: one open claim on the person by one session, and the reasons it consists of.
 *
 * A need is open while one of its reasons is. Reasons are keyed (thread, kind, request); so duplicates are
 * impossible by construction. A closed reason is kept for a while: the same request asked again within
 * 10 s is the same need. */
#ifndef RULES_NEED_H
#define RULES_NEED_H

#include "event.h"
#include "policy.h"
#include "record.h"

struct rules;
struct session;
struct line;

struct reason {
    struct record record;
    uint64_t need_id;
    char *thread, *request, *title, *text, *tool;
    enum kind kind;
    enum urgency urgency; /* the event's own */
    int64_t opened_ms, opened_wall_ms;
    int64_t last_ms;   /* last confirmed */
    int64_t closed_ms; /* 0: open */
    int64_t count;     /* how often it was said */
    struct need *need;
    struct reason *next; /* in its need, oldest first */
};

/* What the rules make of a need now: the result of the rule walk (walk.h). */
struct treatment {
    enum urgency urgency;
    uint32_t to; /* bits of receiver slots */
    int64_t settle_ms;
    enum slot slot;
    int64_t batch_ms;
    int64_t at_most_ms;
    uint32_t group_by;
    bool silent;
    int64_t expire_ms;
    uint32_t slot_focuses;           /* the focuses the slot's rule was written for (focus slots) */
    uint32_t walls;                  /* the focuses that are on and not open for it */
    const struct rule *by[SET_KEYS]; /* the rule that set each key, or NULL: the default */
    const struct rule *opened, *shut; /* the last rule that opened, or shut, a focus for it */
    const struct reason *reason;      /* the reason that counted */
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

struct need {
    struct record record;
    uint64_t session_id;
    enum kind kind; /* of its most urgent open reason */
    int64_t opened_ms, opened_wall_ms;
    int64_t last_ms;     /* last reason or confirmation */
    int64_t resolved_ms; /* 0: open */
    char *resolved_by;   /* the evidence, one sentence */
    bool acked;
    int64_t snoozed_until_ms; /* 0: not snoozed */
    bool told;
    int64_t told_ms;
    bool rings;              /* told audibly; false: silently */
    uint32_t to;             /* receiver slots it was told on: frozen at the first tell */
    uint32_t delivered;      /* receiver slots that have it */
    bool owed;               /* a rise that still has to ring */
    int64_t walled_since_ms; /* 0: no wall stands */
    int64_t walled_ms;       /* walled time before that */
    uint32_t walls;          /* the focuses that wall it */
    uint32_t slot_focuses;   /* the focuses its slot was set for at the last look */
    bool released;           /* a wall or a focus ended: due as soon as it may */

    struct treatment treatment; /* of the last look; not kept */
    enum verdict verdict;
    int64_t due_ms; /* when it is to be told, as far as known now; NEVER_MS: no bound */
    bool gathers;   /* due for a cause that gathers: batch, release, start, recovery */
    bool telling;   /* is in this look's list of what is due */

    struct session *session;
    struct need *prev, *next; /* all, by id */
    struct need *next_in_session;
    struct reason *reasons;
    struct line *lines; /* its places in alerts */
    int64_t look_ms;    /* when it is to be looked at again */
    int heap_at;        /* its place in the heap of looks, -1: none */
    bool dirty;         /* is in the list of those to look at now */
    struct need *next_dirty;
    struct need *next_untold, *prev_untold; /* the list of open, untold needs */
    bool in_untold;
};

extern const struct noun noun_need, noun_reason;

/* Applies an event to the need of its session. `may_open`: the event is not a late one. */
void need_take(struct rules *rules, struct session *session, const struct event *event,
               int64_t at_ms, bool may_open);
/* Closes every reason; `why` is the evidence, one sentence. */
void need_resolve(struct rules *rules, struct need *need, const char *why);
/* By the person: leaves its alerts, stays on the board. snooze: until an instant. */
void need_ack(struct rules *rules, struct need *need);
void need_snooze(struct rules *rules, struct need *need, int64_t until_ms);
/* It is told in this look, on every receiver of its treatment; on those in `gathered` in the alert for
 * everything. */
void need_told(struct rules *rules, struct need *need, bool rings, uint32_t gathered);
/* Marks it for the look of this step. */
void need_touch(struct rules *rules, struct need *need);
/* Joins and parts it with the core's lists (also when restored). */
void need_join(struct rules *rules, struct need *need);
void need_drop(struct rules *rules, struct need *need);
void need_add_reason(struct need *need, struct reason *reason);

/* The most urgent open reason (the oldest of them), or of a resolved need the last one; never NULL. */
const struct reason *need_reason(const struct need *need);
/* How often it was said, over all its open reasons. */
int64_t need_count(const struct need *need);
bool need_open(const struct need *need);
/* Time since it opened, without the time behind walls. */
int64_t need_waited(const struct need *need, int64_t steady_ms);
/* Order in which needs are named: urgency, kind, age. */
int need_compare(const struct need *a, const struct need *b);
void need_free(struct need *need);

#endif
