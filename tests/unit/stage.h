/* stage.h: a core on a stage, for unit tests and scenarios: a clock that is moved by hand, receivers that
 * deliver as they are told to, and a store beside it that takes over what the core says it changed.
 *
 * The stage plays the shell's part as `quietbell replay` and the daemon do: at equal times inputs precede
 * deadlines; ticks come exactly at the core's deadlines; a version that is worth handing over is handed
 * over at once, and its outcome is the next input. Every effect is kept as a `happening`. */
#ifndef TESTS_STAGE_H
#define TESTS_STAGE_H

#include "rules/rules.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
/* Monday 2024-01-01 00:00 UTC, where a stage's clock begins. */
#define STAGE_MONDAY_MS INT64_C(1704067200000)

enum happened {
    HAPPENED_OPENED,
    HAPPENED_CHANGED,
    HAPPENED_RESOLVED,
    HAPPENED_ALERT,
    HAPPENED_WITHDRAWN,
    HAPPENED_RECEIVED, /* arrived later, or otherwise, than its decision said */
    HAPPENED_REFUSED,
    HAPPENED_SHED
};

struct named { /* a need, as an alert names it */
    char session[32];
    enum kind kind;
};

struct happening {
    enum happened what;
    int64_t wall_ms, steady_ms;
    int32_t utc_offset_s;
    char receiver[40];
    int alert; /* the receiver's first alert is 1, whatever its id */
    int64_t version;
    bool audible, deliver;
    enum urgency urgency;
    char group[80]; /* "*", or the group as a person reads it */
    struct named needs[24];
    int n_needs;
    char reason[160];
    bool claimed; /* somebody expected it */
};

/* How a receiver takes what it is handed. */
enum manner { MANNER_DELIVERS, MANNER_FAILS, MANNER_REFUSES, MANNER_HANGS };

struct stage_receiver {
    char name[40];
    enum manner manner;
    bool down; /* its plugin is: nothing is handed over */
    int alerts;
};

struct stage_alert {
    uint64_t id;
    struct stage_receiver *receiver;
    int number;
    int64_t version, decided_ms; /* of the newest decision */
    bool audible;
};

struct row; /* of the store */

struct stage {
    struct rules *rules; /* NULL: the daemon is stopped */
    struct moment now;
    uint64_t seq;
    int64_t deadline_ms;
    void (*zone)(struct moment *now); /* reads the zone for each moment; NULL: stage_offset_at() says */
    int ticks;
    int idle_ticks; /* one after another, at one moment */

    struct policy *(*policy)(void *arg); /* makes the one in force */
    void *policy_arg;

    struct stage_receiver receivers[POLICY_RECEIVERS_MAX * 2];
    int n_receivers;
    struct stage_alert *alerts;
    int n_alerts;
    struct happening *happened;
    int n_happened, happened_capacity, n_read; /* by stage_text() */
    struct row *rows;
    int n_rows, rows_capacity;
    char *text; /* stage_text() */
};

/* That moment. */
extern const struct moment stage_monday;

/* Starts a core with a policy at a moment; NULL: stage_monday. */
void stage_init(struct stage *stage, const struct moment *now, struct policy *(*policy)(void *arg),
                void *arg);
void stage_release(struct stage *stage);

/* One input now, its deliveries with it. */
void stage_step(struct stage *stage, struct input input);
void stage_event(struct stage *stage, const struct event *event);
void stage_command(struct stage *stage, struct command command);
/* Loads stage->policy() again. */
void stage_reload(struct stage *stage);
/* To a steady instant: every deadline before it; with `with`, also those at it. */
void stage_to(struct stage *stage, int64_t steady_ms, bool with);
/* For a while, deadlines at its end included. */
void stage_pass(struct stage *stage, int64_t ms);
/* The offset changes at a wall instant. Call it before that. */
void stage_offset_at(struct stage *stage, int64_t wall_ms, int32_t offset_s);

struct stage_receiver *stage_receiver(struct stage *stage, const char *name);
/* Its plugin comes or goes. */
void stage_up(struct stage *stage, const char *name, bool up, const char *reason);
void stage_manner(struct stage *stage, const char *name, enum manner manner);

/* The daemon stops: only the store is left. It starts: restored, then the spool (events), the dead
 * (gone), and one look. */
void stage_stop(struct stage *stage);
void stage_start(struct stage *stage, const struct event *spool, int n_spool,
                 const struct input *gone, int n_gone);
/* The store takes over what the core changed; it forgets everything. */
void stage_save(struct stage *stage);
void stage_forget(struct stage *stage);
/* Puts the store's rows into a core that has none. Returns the rows that fit nowhere. */
int stage_restore(const struct stage *stage, struct rules *rules);
/* Whether the store holds what the core holds, field by field; if not, says where in why. */
bool stage_kept(const struct stage *stage, char *why, size_t size);

const struct session *stage_session(const struct stage *stage, const char *name);
/* The session's newest need, or NULL. */
const struct need *stage_need(const struct stage *stage, const char *name);

/* "09:00:02 popup#1 v1 rings normal in payments: a1 permission" */
void happening_text(const struct happening *happening, char *buf, size_t size);
/* The alerts and their ends (all: everything else, too) since the last call, a line each. */
const char *stage_text(struct stage *stage, bool all);

/* ---- policies by hand ------------------------------------------------------------------------------ */

/* An empty policy with one receiver "popup" that can update and withdraw. */
struct policy *plain_policy(void);
int policy_receiver(struct policy *policy, const char *name, bool updates, int fallback,
                    int64_t give_up_ms);
int policy_focus(struct policy *policy, const char *name, const struct span *times, int n);
struct rule *policy_rule(struct policy *policy, const char *name);
/* Adds a glob to a condition. */
void policy_match(struct match *match, enum match_field field, const char *glob);

#endif
