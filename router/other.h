/* other.h: the same past under another configuration: what the core would have done.
 *
 * It is fed with what came from outside: events, what the person did, presence, deaths, starts. What the core itself
 * brought about in the recorded past (looks, deliveries) it is not: deadlines are kept by a clock of its own, and
 * every receiver is up and takes what it is given at once. The person is taken to have done what they did, whenever
 * they were told.
 *
 * Ids: an input keeps its number, spread so that there is room for what happens in between; other_need() gives the
 * id by which the recorded past knows a need. */
#ifndef ROUTER_OTHER_H
#define ROUTER_OTHER_H

#include "router/fold.h"

/* A step was made; the effects, and what they are about, live within the call. */
typedef void (*other_cb)(void *arg, const struct moment *now, const struct effects *effects);

struct other {
    struct fold fold;
    const char *file;
    char *text;
    uint64_t base, seq, n; /* the recorded numbers; steps since */
    struct moment now;
    int64_t deadline_ms;
    other_cb heard;
    void *arg;
    uint32_t calendars; /* slots of focuses whose calendar was read */
    int64_t lost;       /* commands that could not be obeyed here */
};

/* Reads the configuration; -errno with problems. Then rows, as for a fold, into other->fold. */
int other_open(struct other *other, const char *file, other_cb heard, void *arg,
               struct problems *problems);
void other_close(struct other *other);
/* The rows are there: goes on from this moment. `seq`: the base's number. A base that is one has its policy now. */
int other_begin(struct other *other, const struct moment *now, uint64_t seq, bool policy);
/* Keeps every deadline before a moment, and moves there. */
void other_run(struct other *other, const struct moment *until);
/* An input of the recorded past at its moment; runs until then first. */
int other_input(struct other *other, const struct moment *now, uint64_t seq, int type,
                const struct input *input);
/* The person's act on one need, by its recorded id. */
void other_command(struct other *other, const struct command *command, uint64_t need_id);
uint64_t other_need(const struct other *other, uint64_t id);

#endif
