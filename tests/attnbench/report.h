/* report.h: what was measured, as tables for people, and as JSON. */
#ifndef ATTNBENCH_REPORT_H
#define ATTNBENCH_REPORT_H

#include "measure.h"

/* Some workloads, measured alike. */
struct block {
    struct measure *measures;
    int n;
};

/* The mean over the block's workloads of a policy's figure, or of its ratio to another policy's (NULL: itself). */
double block_figure(const struct block *block, const char *policy, enum figure figure,
                    const char *reference);

/* One line a policy. `title` stands above. */
void report_figures(const struct block *block, const char *title, const char *const *policies, int n);
/* What a policy is to the others: interruptions, those in the middle, waiting, J. */
void report_ratios(const struct block *block, const char *const *policies, int n);
/* SPEC section 9: the targets of a policy; the first of the blocks counts, the others show how far it varies.
 * Returns how many gates were missed. */
int report_targets(const struct block *blocks, int n_blocks, const char *policy);
/* Policies on workloads that are kept out of tuning. */
void report_held_out(const struct block *block, const char *const *policies, int n);
/* J against the filter where no hook is lost, doubled or late. */
void report_clean(const struct block *block, const char *const *policies, int n);

/* Every day of every policy, with all metrics: {"W1":{"quietbell":[{"seed":1,…}]}}. */
void report_json(const struct block *block);

#endif
