/* one_core.h: looks over the shoulder of our policy: every input that router/step.c gives to its core, and every effect.
 *
 * The program is linked with --wrap=rules_step, so each step of a core comes by here. While it listens, a second core
 * gets the same inputs; it is cut at random, and goes on from the records that the first part left behind, as a
 * daemon does that was started again (router/fold.h). Nothing that it decides may differ. Or the inputs are written
 * as a journal, for `quietbell replay`, and what is decided as replay would print it. */
#ifndef ATTNBENCH_ONE_CORE_H
#define ATTNBENCH_ONE_CORE_H

#include "rules/rules.h"

#include <stdio.h>

struct one_core_counts {
    long inputs, effects, cuts;
    long decisions_differ, deadlines_differ;
};

/* Listens to the next core that is made, under a configuration (NULL: the default). `cut_one_in`: about every how many
 * inputs it is cut, 0: never. `journal` may be NULL; what replay prints goes to stdout then. */
void one_core_listen(const char *configuration, uint64_t seed, int cut_one_in, FILE *journal);
/* Adds to the counts; the first differences are told on stderr. */
void one_core_end(struct one_core_counts *counts);

/* Made by the linker of the core's own; see above. */
const struct effects *__real_rules_step(struct rules *rules, const struct moment *now,
                                        const struct input *input);
const struct effects *__wrap_rules_step(struct rules *rules, const struct moment *now,
                                        const struct input *input);

#endif
