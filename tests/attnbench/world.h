/* world.h: one simulated day: agents that work and ask, their noisy hooks, one human, and what it all costs.
 *
 * world.c has the agents and the clock, human.c the human, SPEC sections 4 and 5 what they do. The policy is a
 * candidate (candidate.h): the world tells it what its hooks and sensors say, never what is true. */
#ifndef ATTNBENCH_WORLD_H
#define ATTNBENCH_WORLD_H

#include "candidate.h"
#include "draws.h"
#include "metrics.h"
#include "queue.h"

#include <stdio.h>

struct world_options {
    bool sensor;       /* of breakpoints */
    double kappa;      /* < 0: the workload's */
    double cost_scale; /* of interruptions */
    FILE *trace;       /* the line protocol is written there, NULL: not */
};

enum human_state {
    HUMAN_OWN,     /* at their own work */
    HUMAN_ENGAGED, /* with the agents */
    HUMAN_AWAY
};

struct shown { /* an alert */
    bool there;
    int n_items;
    int items[AGENTS_MAX];
};

struct inbox { /* agents named in alerts, in order of naming, where there is no board */
    int n;
    int agents[AGENTS_MAX];
    int64_t by[AGENTS_MAX]; /* the alert, or INBOX_SEEN */
};
#define INBOX_SEEN INT64_C(-1) /* seen by the human's own scan */

struct world {
    const struct workload *workload;
    struct draws *draws;
    struct candidate *candidate;
    struct world_options options;
    double kappa, middle_s, breakpoint_s, meeting_s;
    int64_t late_ms[BENCH_KINDS]; /* waiting longer is late */
    int64_t t_ms;
    struct queue queue;
    int64_t deadline_ms, deadline_token;

    struct agent {
        int repository;
        int k;      /* the number of its need */
        bool open;  /* need k was raised and not closed */
        bool taken; /* the human serves it */
        int64_t raised_ms, handled_ms, work_end_ms, epoch;
    } agents[AGENTS_MAX];

    enum human_state state;
    int64_t token; /* what was planned under an older one does not happen */
    int chunk;     /* the number of the stretch of own work … */
    int64_t chunk_end_ms, chunk_left_ms;
    int64_t bound_ms; /* the last breakpoint, or return to own work */
    int64_t own_since_ms, engaged_since_ms;
    bool hit;       /* this engagement served something */
    int repository; /* where the human is, or -1 */
    enum absence why;
    bool absence_waits; /* until the current item is done */
    struct period absence;
    int current, suspended; /* agents, or -1 */
    int64_t current_end_ms; /* of the service; -1: still setting up */
    int64_t suspended_ms;   /* what is left of it */

    bool has_board;
    int board[AGENTS_MAX], n_board;
    struct inbox inbox;
    struct shown *alerts; /* by id */
    int n_alerts;

    /* counts and sums of the day */
    struct metrics count;
    double cost_s, looks_s; /* lost focus by interruption costs, by looking */
    double weighted_ms, blocked_ms;
    int64_t own_ms;
};

/* A whole day under a policy; false: there is no such policy. */
bool world_run(const struct workload *workload, struct draws *draws, const char *policy,
               const struct world_options *options, struct metrics *out);

/* ---- for the world's own files and the oracle -------------------------------------------------------- */

const struct drawn_need *world_need(const struct world *world, int agent);
/* Time of presence: t without the absences before it. */
int64_t world_present_ms(const struct world *world, int64_t t_ms);
/* Tells the policy, and lets happen what it answers. */
void world_tell(struct world *world, struct bench_input input);
void world_plan(struct world *world, int64_t t_ms, struct happening happening);
/* The need is closed: served, or by the agent itself. */
void world_close(struct world *world, int agent, bool served);
/* It waits no longer: service starts, or the day ends. */
void world_record(struct world *world, int agent);

/* human.c */
void human_begin(struct world *world);
void human_effect(struct world *world, const struct bench_effect *effect);
void human_happening(struct world *world, const struct happening *happening);

#endif
