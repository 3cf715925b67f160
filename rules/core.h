/* core.h: the core's state, for the files of rules/ only.
 *
 * The map of a step (rules.c): an input touches sessions (session.c) and needs (need.c); the look judges
 * every touched or due need (judge.c, by the rules: walk.c, when: agenda.c, behind which walls: focus.c);
 * what is due is told (tell.c) in alerts (alert.c), which fall back where a receiver is down (receiver.c).
 * Every change of a kept noun is marked with core_changed(). */
#ifndef RULES_CORE_H
#define RULES_CORE_H

#include "heard.h"
#include "ring.h"
#include "rules.h"
#include "table.h"
#include "text.h"

enum {
    CORE_SESSIONS_MAX = 20000,
    CORE_BYTES_MAX = 21 << 20, /* of what is kept: beyond it sessions go, ended ones first */
    CORE_SESSION_BYTES = 700,  /* what a session costs beside its texts, measured … */
    CORE_NEED_BYTES = 900,     /* … and a need with a reason, an alert and its lines */
    CORE_RESOLVED_MAX = 256,   /* resolved needs kept for `why` */
    CORE_THREADS_MAX = 64,     /* per session */
    CORE_REASONS_MAX = 64,     /* per need */
    REASON_SIZE = 160
};

#define TIE_MS 2         /* two clocks round apart by so much */
#define REOPEN_MS 10000  /* the same request within it is the same need */
#define SILENCE_MS 10000 /* a notice alone opens only after so much other silence */
#define ENDED_KEEP_MS 3600000
#define GATHER_MS 900 /* P5 leaves 1 s: what settles within it is told in one look */
#define CRITICAL_GIVE_UP_MS 60000
#define HOUR_MS 3600000
#define BREAKPOINT_MS 4000 /* so long a breakpoint lasts */
#define ENGAGED_MS 60000   /* so long after the last act the person still answers from the board */
#define STEP_MS 1000   /* by so much the wall clock may drift until times of day are counted anew */
#define LEFT_MS 15000  /* what was seen in passing stays inhibited for so long … */
#define SEEN_MS 120000 /* … and what was open before the person came, for so long */
#define SLEPT_MS 60000 /* a look that comes so late: the machine slept, and the agents with it */

struct planned {
    int64_t look_ms; /* the need's own, or earlier: a later one is followed only when it comes first */
    struct need *need;
};

struct agenda { /* needs by when they are to be looked at: a heap */
    struct planned *heap;
    int n, capacity;
};

struct rules {
    /* of this step */
    struct moment now;
    uint64_t seq;
    unsigned next_n;
    enum heard heard;
    const struct session *heard_of;
    bool gather;  /* a start: what fell due meanwhile is one alert */
    bool waiting; /* the last look put off what was due */
    int64_t ahead_ms; /* of the steady clock: where the wall clock was when times of day were last counted */
    struct effects effects;
    int effects_capacity;
    char (*reasons)[REASON_SIZE]; /* the effects' sentences */

    struct policy *policy;
    int receiver_slot[POLICY_RECEIVERS_MAX], focus_slot[POLICY_FOCUSES_MAX];
    struct receiver *receivers[RECEIVER_SLOTS];
    struct focus *focuses[FOCUS_SLOTS];
    uint32_t focuses_on;
    struct person *person;                                          /* made with the first policy */
    struct ring *rings[RECEIVER_SLOTS], *last_ring[RECEIVER_SLOTS]; /* of the last hour, oldest first */
    int n_rings[RECEIVER_SLOTS];
    struct need *short_of_room; /* told, and waits for room in the budget of a receiver … */
    uint32_t less_room;         /* … of these in this look, which have rung */
    bool few;         /* so few sessions are alive that nothing is held for a breakpoint */
    bool defer_again; /* what waits for a breakpoint has changed */
    int64_t defer_ms; /* when waiting will have become dearer than breaking in */

    struct table sessions_by_name, sessions_by_id, needs_by_id, alerts_by_id, alerts_by_key;
    struct session *first_session, *last_session;
    struct session *oldest_live, *youngest_live, *oldest_ended, *youngest_ended;
    struct session *longest_silent, *last_heard; /* of those whose silence is watched */
    struct need *first_need, *last_need;
    struct need *untold[VERDICTS]; /* open and untold, by verdict: a look costs what may be told */
    int n_untold[VERDICTS];
    struct need *oldest_resolved, *youngest_resolved; /* by when they were */
    struct need *dirty;
    struct agenda agenda;
    struct alert *first_alert, *last_alert;
    struct alert **touched; /* in this look */
    int n_touched, touched_capacity;
    struct need **due; /* in this look */
    int n_due, due_capacity;
    int n_sessions, n_live, n_needs, n_resolved, n_alerts, n_down;

    struct record *changed;
    int64_t bytes, shed;

    const struct need **named; /* rules_alert_needs() */
    int named_capacity;

    struct record **restoring; /* rows being restored */
    int n_restoring, restoring_capacity;
};

uint64_t core_id(struct rules *rules);
void core_changed(struct rules *rules, void *record);
void core_gone(struct rules *rules, void *record);
/* A new effect of this step; the reason is copied and cut. */
struct effect *core_effect(struct rules *rules, enum effect_type type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* agenda.c */
void agenda_set(struct agenda *agenda, struct need *need, int64_t look_ms);
void agenda_remove(struct agenda *agenda, struct need *need);
struct need *agenda_due(struct agenda *agenda, int64_t steady_ms);
int64_t agenda_deadline(struct agenda *agenda);

/* walk.c: what the rules make of a need now; receiver indexes of a policy as slots. */
uint32_t walk_receivers(const struct rules *rules, uint32_t indexes);
struct walk_trace {                   /* for explaining */
    const struct rule *by[SET_KEYS];  /* the rule that set each key, or NULL: the default */
    const struct rule *opened, *shut; /* the last rule that opened, or shut, a focus for it */
};
/* trace may be NULL. */
void walk_need(const struct rules *rules, const struct need *need, struct treatment *out,
               struct walk_trace *trace);

/* judge.c: the judgement of one need, line by line; sets verdict, due_ms and the next look. */
void judge_need(struct rules *rules, struct need *need);
/* A ring leaves less room on its receiver: whoever waits for it there is looked at when there is some again. */
void judge_room(struct rules *rules);

/* wait.c: what is held for a good moment: is it now? */
void wait_look(struct rules *rules);
/* Sessions came or went: where few are alive, nothing is held. */
bool wait_few(const struct rules *rules);
/* The same for one need: and the person is not in another session just now. */
bool wait_pays_not(const struct rules *rules, const struct need *need);

/* again.c: told needs: rises, repeats, escalations, and receivers that waited for budget */
void again_look(struct rules *rules, struct need *need);
int64_t again_deadline(const struct rules *rules, const struct need *need);
/* Joins it with, or parts it from, the list of told needs that wait for room. */
void again_follow_room(struct rules *rules, struct need *need);
void again_leave_room(struct rules *rules, struct need *need);

/* tell.c: notes that a need is due; tells what is due, and what rides along. */
void tell_note(struct rules *rules, struct need *need);
void tell_due(struct rules *rules);
/* What the last look put off is judged again: whom it waits for may be gone. */
void tell_again(struct rules *rules);
/* The alert in which a need is told on a receiver: where it stands already, or by its group; `gathered`: the one for
 * everything. */
struct alert *tell_alert(struct rules *rules, struct need *need, int receiver, bool gathered);

/* silence.c: a working session that is silent for longer than any normal gap has probably lost its word. */
/* Something was heard of it; or it came, went, changed its state, has another need. */
void silence_heard(struct rules *rules, struct session *session, const struct event *event,
                   int64_t at_ms);
void silence_follow(struct rules *rules, struct session *session);
void silence_part(struct rules *rules, struct session *session);
/* Opens `stalled` for those that are silent for too long; the next instant at which one will be. */
void silence_look(struct rules *rules);
int64_t silence_deadline(const struct rules *rules);

/* explain.c needs the judgement's line without its traces */
enum verdict judge_line(const struct rules *rules, const struct need *need, int64_t *due_ms,
                        bool *gathers);

#endif
