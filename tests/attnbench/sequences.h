/* sequences.h: random inputs, likely and unlikely ones, for comparing the ways that lead to our rules: in this program,
 * as `quietbell step`, cut and restored. */
#ifndef ATTNBENCH_SEQUENCES_H
#define ATTNBENCH_SEQUENCES_H

#include <stdint.h>
#include <stdio.h>

struct sequences {
    const char *policy;
    uint64_t first; /* seed */
    int n;
};

/* Each begins with a line "= SEED", then as lines_trace() has it. */
void sequences_trace(const struct sequences *sequences);
/* Our policy (under a configuration, or NULL) beside a core that is cut and restored (one_core.h). Says on stdout
 * what was compared. Returns how many differences there were. */
long sequences_cut(const struct sequences *sequences, const char *configuration);
/* Writes PATH.SEED, a journal, for each; on stdout after "= SEED" what `quietbell replay --json` has to print. */
void sequences_journal(const struct sequences *sequences, const char *configuration, const char *path);

#endif
