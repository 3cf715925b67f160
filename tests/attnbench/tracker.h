/* tracker.h: what the baselines know of each agent: at most one open need, from raw events (SPEC section 7). */
#ifndef ATTNBENCH_TRACKER_H
#define ATTNBENCH_TRACKER_H

#include "candidate.h"

struct roll { /* of agents, in the order in which they came */
    int n;
    int agents[AGENTS_MAX];
};

struct tracked {
    bool open;
    enum bench_kind kind;
    int64_t since_ms;
    int by; /* the enum step_event that opened it, or TRACKED_STALLED */
    bool was_closed;
    int64_t closed_ms;
    int closed_by;
    bool heard; /* it was active at heard_ms */
    int64_t heard_ms;
    int repository; /* -1: not known */
};
enum { TRACKED_STALLED = STEP_EVENTS };

struct tracker {
    struct tracked agent[AGENTS_MAX];
    struct roll open, heard;
    bool engaged, away;
    int repository; /* of what was answered last in this engagement, or -1 */
    struct step_world world;
};

/* Before it is told, a kind waits so long. */
extern const int64_t settle_ms[BENCH_KINDS];

void tracker_init(struct tracker *tracker);
/* Takes an input; says which agent's need it opened, and which it closed, or -1. */
void tracker_take(struct tracker *tracker, const struct bench_input *input, int *opened, int *closed);
/* It is silent: opens a need that nobody told of. */
void tracker_open(struct tracker *tracker, int agent, enum bench_kind kind, int64_t since_ms, int by);
void tracker_forget(struct tracker *tracker, int agent); /* that it was heard */

/* The open needs' agents: critical first, then the oldest. Returns how many. */
int tracker_by_age(const struct tracker *tracker, int *out);
/* Critical by age, then by weight and age per second of service. */
int tracker_by_worth(const struct tracker *tracker, int64_t t_ms, int *out);

bool same_list(const int *a, int n_a, const int *b, int n_b);

#endif
