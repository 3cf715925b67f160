/* draws.h: all that is random in one (workload, seed): the k-th need of each agent, the k-th stretch of own work,
 * the calendar. The same whatever the policy does (SPEC section 3); drawn when first asked for. */
#ifndef ATTNBENCH_DRAWS_H
#define ATTNBENCH_DRAWS_H

#include "random.h"
#include "workload.h"

enum raw_event { RAW_PERMISSION, RAW_QUESTION, RAW_PLAN, RAW_FAILED, RAW_FINISHED };

struct sub_stop { /* of a sub-agent, while its parent works */
    int64_t after_ms, progress_ms;
    bool unmarked; /* looks like the agent's own */
};

struct drawn_need {
    int64_t work_ms; /* before it */
    enum bench_kind kind;
    enum raw_event raw;
    bool critical;
    int64_t service_ms;
    int64_t self_ms;      /* after which it resumes by itself; 0: never */
    bool lost;            /* its hook */
    int64_t duplicate_ms; /* 0: none */
    int64_t notice_ms;
    bool race;                /* the notice may come after the answer */
    int64_t resolved_lost_ms; /* progress instead of resolved, so much later; 0: resolved */
    int64_t progress_ms, progress_every_ms;
    struct sub_stop *subs;
    int n_subs;
    bool ends; /* the session, when served */
    int64_t gap_ms;
};

struct drawn_chunk {
    int64_t ms;
    bool sensed, self_check;
};

struct period {
    int64_t from_ms, to_ms;
    enum absence why;
};

struct draws;

struct draws *draws_new(const struct workload *workload, uint64_t seed);
void draws_free(struct draws *draws);

/* The pointer holds until the next call. */
const struct drawn_need *draws_need(struct draws *draws, int agent, int k);
struct drawn_chunk draws_chunk(struct draws *draws, int k);
int64_t draws_start(const struct draws *draws, int agent);
/* Absences in the calendar's order; n is set. */
const struct period *draws_calendar(const struct draws *draws, int *n);
/* When the sensor sees a breakpoint where there is none. */
const int64_t *draws_false_hits(const struct draws *draws, int *n);
/* How much shorter work is at that time. */
double draws_scale(const struct draws *draws, int64_t at_ms);
/* The first of everything, as JSON on stdout. */
void draws_show(const struct workload *workload, uint64_t seed, int n_needs, int n_chunks);

#endif
