/* measure.h: many days: a workload under some policies with some seeds, in a few processes. */
#ifndef ATTNBENCH_MEASURE_H
#define ATTNBENCH_MEASURE_H

#include "world.h"

enum { POLICIES_MAX = 40 };

struct measure {
    struct workload workload;
    const char *const *policies; /* "X_nosensor" is X in a world without a sensor; "oracle": the best of its tries */
    int n_policies;
    uint64_t first_seed;
    int n_seeds;
    struct world_options options;
    int jobs;
    struct metrics *days; /* made by measure_run(): [policy * n_seeds + seed] */
};

/* Returns 0, or -1 with a message on stderr. Free with measure_release(). */
int measure_run(struct measure *measure);
void measure_release(struct measure *measure);
/* NULL: that policy was not measured. */
const struct metrics *measure_days(const struct measure *measure, const char *policy);
/* The figures of a policy; all zero if it was not measured. */
struct figures measure_figures(const struct measure *measure, const char *policy);

#endif
