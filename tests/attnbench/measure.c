/* measure.c: see measure.h. The days are independent: each process takes every n-th seed and writes into memory that
 * all share, so the result does not depend on how many there are. */
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t size_of(const struct measure *measure)
{
    return (size_t)measure->n_policies * (size_t)measure->n_seeds * sizeof *measure->days;
}

/* The oracle's thresholds are chosen in hindsight, for each day. */
static bool best_oracle(const struct measure *measure, struct draws *draws, struct metrics *best)
{
    struct world_options options = measure->options;
    options.sensor = true;
    for (int i = 0; i < ORACLE_TRIES; i++) {
        char name[32];
        struct metrics day;
        snprintf(name, sizeof name, "oracle:%d", i);
        if (!world_run(&measure->workload, draws, name, &options, &day))
            return false;
        if (i == 0 || day.value[M_J] < best->value[M_J])
            *best = day;
    }
    return true;
}

static bool run_policy(const struct measure *measure, struct draws *draws, const char *policy,
                       struct metrics *day)
{
    static const char blind[] = "_nosensor";
    struct world_options options = measure->options;
    char name[512];
    size_t length = strlen(policy), tail = sizeof blind - 1;
    if (strcmp(policy, "oracle") == 0)
        return best_oracle(measure, draws, day);
    if (length > tail && strcmp(policy + length - tail, blind) == 0) {
        options.sensor = false;
        length -= tail;
    }
    snprintf(name, sizeof name, "%.*s", (int)length, policy);
    if (world_run(&measure->workload, draws, name, &options, day))
        return true;
    fprintf(stderr, "attnbench: there is no policy \"%s\"\n", name);
    return false;
}

/* Every jobs-th day from `first`. */
static bool run_days(struct measure *measure, int first)
{
    bool good = true;
    for (int s = first; s < measure->n_seeds && good; s += measure->jobs) {
        struct draws *draws = draws_new(&measure->workload, measure->first_seed + (uint64_t)s);
        for (int p = 0; p < measure->n_policies && good; p++)
            good = run_policy(measure, draws, measure->policies[p],
                              &measure->days[p * measure->n_seeds + s]);
        draws_free(draws);
    }
    return good;
}

static int await(const pid_t *children, int n)
{
    int rc = 0, status;
    for (int i = 0; i < n; i++) {
        if (waitpid(children[i], &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            rc = -1;
    }
    return rc;
}

int measure_run(struct measure *measure)
{
    pid_t children[64];
    if (measure->jobs < 1 || measure->options.trace)
        measure->jobs = 1;
    if (measure->jobs > 64)
        measure->jobs = 64;
    measure->days =
        mmap(NULL, size_of(measure), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (measure->days == MAP_FAILED)
        abort();
    if (measure->jobs == 1)
        return run_days(measure, 0) ? 0 : -1;
    fflush(NULL);
    for (int j = 0; j < measure->jobs; j++) {
        children[j] = fork();
        if (children[j] < 0)
            abort();
        if (children[j] == 0)
            _exit(run_days(measure, j) ? 0 : 1);
    }
    return await(children, measure->jobs);
}

void measure_release(struct measure *measure)
{
    if (measure->days)
        munmap(measure->days, size_of(measure));
    measure->days = NULL;
}

const struct metrics *measure_days(const struct measure *measure, const char *policy)
{
    for (int p = 0; p < measure->n_policies; p++) {
        if (strcmp(measure->policies[p], policy) == 0)
            return measure->days + p * measure->n_seeds;
    }
    return NULL;
}

struct figures measure_figures(const struct measure *measure, const char *policy)
{
    const struct metrics *days = measure_days(measure, policy);
    return days ? figures_of(days, measure->n_seeds) : (struct figures){{0}};
}
