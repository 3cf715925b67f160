/* step.h: the rules in a simulated world: one person, some agents, a day (`quietbell step`, AttnBench).
 *
 * Told what agents and the person do, it answers with what the person would be shown. Behind it is the very core
 * that the daemon runs, under a configuration like any other: nothing is judged here. The world's words become the
 * core's: an agent is a session of its own name, `failed` opens a failure, `finished` a review, `crit` is urgency
 * critical, a `finished` of a sub-agent opens nothing, notices confirm; `engaged` is answering from the board,
 * `away` is presence away (a wall, through the focus of that name), `breakpoint` is a breakpoint. Every receiver is
 * up, edits, takes back, and has what it is given at once. No I/O, no clock, no JSON: client_step.c has the lines.
 *
 *     struct step *step = step_new(NULL, NULL);
 *     step_take(step, &(struct step_input){.t_ms = 0, .event = STEP_INIT, .world = &world});
 *     effects = step_take(step, &(struct step_input){.t_ms = 5000, .event = STEP_PERMISSION, .agent = "a3"});
 *     … apply effects->list in order; no other input until effects->deadline_ms: send STEP_TICK then …
 *     step_free(step);
 *
 * One struct step is one world (a seed): threads may each have their own, nothing is shared. The same inputs give
 * the same effects. */
#ifndef ROUTER_STEP_H
#define ROUTER_STEP_H

#include "rules/word.h"

#include <stdbool.h>
#include <stdint.h>

struct step;
struct problems;

/* The words of the line protocol, in this order (step_words). */
enum step_event {
    STEP_INIT, /* world; first, once; may be left out: then the configuration's numbers hold */
    STEP_SESSION_START,     /* agent, repository */
    STEP_SESSION_END,       /* agent */
    STEP_WORKING,           /* agent: it has the turn; closes what it asked */
    STEP_PROGRESS,          /* agent: the same */
    STEP_RESOLVED,          /* agent: what it asked is answered */
    STEP_PERMISSION,        /* agent, crit */
    STEP_FAILED,            /* agent, crit */
    STEP_QUESTION,          /* agent */
    STEP_PLAN,              /* agent */
    STEP_FINISHED,          /* agent, sub: only a sub-agent of it */
    STEP_PERMISSION_NOTICE, /* agent */
    STEP_IDLE_NOTICE,       /* agent */
    STEP_BREAKPOINT,        /* the person has just finished something */
    STEP_ENGAGED,           /* on: the person answers from the board */
    STEP_AWAY,              /* on: the person is away */
    STEP_TICK,              /* the deadline has come */
    STEP_EVENTS
};
extern const struct words step_words;

/* What the world says of itself at init: the numbers of `policy:`. A member < 0 is not said: the configuration's
 * number stays. They are taken only under the embedded default; a configuration of one's own has its own. In such a
 * world the person is in a task of their own whenever they are neither engaged nor away, i.e. known to be in another
 * than the one that asks: so `few` is 0, whatever the number of agents. */
enum step_kind { STEP_CRIT, STEP_PERM, STEP_QUES, STEP_ERROR, STEP_DONE, STEP_KINDS };
struct step_world {
    double kappa;              /* cost of a second of waiting of weight 1, in seconds of focus */
    double c_mid_s, c_bp_s;    /* cost of breaking in in the middle of something, at a breakpoint */
    double weight[STEP_KINDS]; /* h */
    double at_most_s[STEP_KINDS]; /* D; not taken: bounds are the rules' */
    double service_s[STEP_KINDS]; /* S */
    double setup_s, grace_s, late_s;
    double recall, bp_mean_s; /* of the breakpoints so many are seen (0: none), mean time between them */
    bool sensor;              /* false: no breakpoint is ever seen (recall 0) */
};
/* Nothing is said: every member -1, sensor true. */
extern const struct step_world step_world_unsaid;

struct step_input {
    int64_t t_ms; /* since the world began; going back counts as standing still */
    enum step_event event;
    const char *agent, *repository; /* borrowed; NULL is "" */
    bool crit, sub, on;
    const struct step_world *world;
};

enum step_effect_type {
    STEP_CREATE,   /* a new alert: id, audible, items */
    STEP_UPDATE,   /* a newer version of it replaces it: id, audible, items */
    STEP_WITHDRAW, /* it is gone: id */
    STEP_LIST /* the whole live board, best first, replaces the last one: items. Sent at init, at engaged-on,
                      and while engaged whenever the order changes */
};

struct step_effect {
    enum step_effect_type type;
    int64_t id;               /* from 1, in the order of creation */
    bool audible;             /* this version is a ring: one popup */
    const char *const *items; /* n_items names of agents, most urgent first */
    int n_items;
};

#define STEP_NEVER INT64_MAX

struct step_effects {
    const struct step_effect *list; /* to be applied in order; valid until the next step_take() */
    int n;
    int64_t deadline_ms; /* on the world's clock; replaces the last one. STEP_NEVER: none */
};

/* `file` is a configuration; NULL: the embedded preset `default`. NULL with at least one problem if it cannot be
 * read (problems may be NULL). Secrets are not read. */
struct step *step_new(const char *file, struct problems *problems);
void step_free(struct step *step);

/* Never NULL; belongs to the step. */
const struct step_effects *step_take(struct step *step, const struct step_input *input);

#endif
