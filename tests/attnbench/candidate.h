/* candidate.h: a policy under measurement. It sees what the line protocol of SPEC section 6 would show it, and
 * nothing else (but the oracle, which is no policy); it answers with effects and a deadline. The words are those of
 * router/step.h, with agents by number. */
#ifndef ATTNBENCH_CANDIDATE_H
#define ATTNBENCH_CANDIDATE_H

#include "router/step.h"

#include "workload.h"

struct bench_input {
    int64_t t_ms;
    enum step_event event;
    int agent;      /* where there is one, or -1 */
    int repository; /* of session_start */
    bool crit, sub, on;
    enum absence why;               /* of away */
    const struct step_world *world; /* of init */
    int n_agents;                   /* of init */
};

struct bench_effect {
    enum step_effect_type type;
    int64_t id; /* of the alert, >= 0 */
    bool audible;
    int n_items;
    int items[AGENTS_MAX];
};

struct candidate {
    const struct candidate_class *class;
    struct bench_effect *effects; /* of the last input, in order */
    int n_effects, capacity;
    int64_t deadline_ms; /* STEP_NEVER: none */
    int64_t last_id;     /* of the alerts it made */
};

struct candidate_class {
    void (*take)(struct candidate *candidate, const struct bench_input *input);
    void (*release)(struct candidate *candidate); /* what it owns beside itself; may be NULL */
};

struct world;

/* A baseline by its name, our own policy ("quietbell"), or a program ("exec:COMMAND"). NULL: no such name. */
struct candidate *candidate_new(const char *name, const struct world *world);
void candidate_free(struct candidate *candidate);
void candidate_take(struct candidate *candidate, const struct bench_input *input);

/* For candidates: one more effect of this input. */
struct bench_effect *candidate_effect(struct candidate *candidate, enum step_effect_type type,
                                      const int *items, int n);
/* An audible alert of its own. */
struct bench_effect *candidate_alert(struct candidate *candidate, const int *items, int n);

/* "a10" before "a2": how the reference sorts names. */
int number_compare(int a, int b);

/* ---- the candidates, by file ------------------------------------------------------------------------- */

struct candidate *allocate_candidate(const struct candidate_class *class, size_t size);

struct candidate *simple_new(const char *name); /* naive filter oneper urgency board gcmu am digestN */
struct candidate *deferral_new(const char *name); /* bd bd2 bd_noboard silent */
struct candidate *oracle_new(const struct world *world, double middle, double breakpoint);
struct candidate *product_new(const char *configuration); /* NULL: the default */
struct candidate *process_new(const char *command);

/* The factors of the threshold in the middle and at a breakpoint that the oracle tries. */
enum { ORACLE_TRIES = 6 };
extern const double oracle_tries[ORACLE_TRIES][2];

#endif
