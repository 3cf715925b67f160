/* history.h: random histories for properties (test_properties.c): a policy made of optional rules, and a list of
 * turns, each a small record of numbers. Everything follows from them, so that a history that breaks a property
 * can be made smaller turn by turn, rule by rule, and printed.
 *
 * A play is the shell's part: ticks exactly at the core's deadlines, inputs before deadlines at equal times, and
 * what a receiver that is up is to be handed is handed over and delivered at once. */
#ifndef TESTS_HISTORY_H
#define TESTS_HISTORY_H

#include "stage.h"

#include <stdbool.h>
#include <stdint.h>

enum { TURNS_MAX = 64, HISTORY_SESSIONS = 6, HISTORY_RULES = 20 };

enum act {
    ACT_EVENT,
    ACT_COMMAND,
    ACT_PRESENCE,
    ACT_RECEIVER,
    ACT_GONE,
    ACT_RELOAD,
    ACT_NOTHING,
    ACTS
};

struct turn {
    int64_t after_ms; /* since the turn before */
    enum act act;
    uint32_t dice; /* decides the rest */
};

struct history {
    uint64_t seed;
    uint32_t rules; /* bits: which of the HISTORY_RULES optional rules the policy has */
    uint32_t other; /* the same after a reload with another policy */
    struct turn turns[TURNS_MAX];
    int n;
};

void history_random(struct history *history, uint64_t seed);
/* One line a turn. */
void history_print(const struct history *history);

/* What a play does beside it. */
struct twist {
    int reload_before; /* the same policy is loaded again before this turn; -1: never */
    int cut_before; /* the core is thrown away before this turn, and a fresh one restored from what it marked; -1 */
    int idle_rule; /* a rule that matches nothing stands at this place of the policy; -1: none */
};

struct play {
    const struct history *history;
    struct twist twist;
    struct rules *rules;
    struct moment now;
    uint64_t seq;
    int64_t deadline_ms;
    uint32_t in_force; /* the rules of the policy in force */
    bool up[3];
    int turn;
    bool twisted;       /* the twist was done */
    struct stage store; /* only its rows, and its core: this one */
    /* After each step. False ends the play. */
    bool (*after)(void *arg, const struct play *play, const struct input *input,
                  const struct effects *effects);
    void *arg;
};

/* Plays it from a fresh core, then two hours on. False: `after` ended it. */
bool history_play(const struct history *history, struct twist twist,
                  bool (*after)(void *arg, const struct play *play, const struct input *input,
                                const struct effects *effects),
                  void *arg);

/* Makes a history that fails smaller, while `fails` says that it still does. */
void history_shrink(struct history *history, bool (*fails)(const struct history *history));

extern const char *const history_receivers[3];

#endif
