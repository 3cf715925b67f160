/* workload.h: a workload file: how many agents, how they work, how noisy their hooks are, what the human is like
 * and what things cost. SPEC section 2; what a file leaves out has the defaults there. */
#ifndef ATTNBENCH_WORKLOAD_H
#define ATTNBENCH_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#define DAY_MS INT64_C(28800000) /* the working day that is simulated */

enum { AGENTS_MAX = 64, ABSENCES_MAX = 16 };

/* What an agent truly needs. BENCH_SELF resolves by itself. */
enum bench_kind {
    BENCH_CRIT,
    BENCH_PERM,
    BENCH_QUESTION,
    BENCH_ERROR,
    BENCH_DONE,
    BENCH_SELF,
    BENCH_KINDS
};
extern const char *const bench_kind_names[BENCH_KINDS];

enum absence { ABSENCE_MEETING, ABSENCE_LUNCH };

struct workload {
    char name[64];
    int n_agents, repositories;
    struct {
        double median_ms, sigma;
        double cumulative[BENCH_KINDS]; /* of the mix */
        double sub_per_h;               /* sub-agents that stop */
    } agent[AGENTS_MAX];
    struct {
        enum absence why;
        double start_s, length_s;
    } calendar[ABSENCES_MAX];
    int n_calendar;
    double calendar_jitter_s;
    struct { /* of the hooks */
        double idle_s, notice_low_s, notice_high_s, notice_race, lost, duplicate, resolved_lost,
            sub_per_h, sub_unmarked, self_tail, session_end, progress_low_s, progress_high_s;
    } noise;
    struct {
        double chunk_median_s, chunk_sigma, recall, false_per_h, sensor_lag_s, breakpoint_window_s,
            react_s, self_check, scan_agent_s, glance_s, look_s, setup_s, service_sigma;
        double service_s[BENCH_KINDS];
    } human;
    struct {
        double kappa, middle_s, breakpoint_s, meeting_s, late_s, grace_s;
        double weight[BENCH_KINDS];  /* h: of a second of waiting; SELF has none */
        double bound_s[BENCH_KINDS]; /* D */
    } cost;
    bool phased; /* calm and burst phases */
    double calm_mean_s, burst_mean_s, burst_scale;
};

/* Reads a file. Returns 0, or -1 with a message on stderr. */
int workload_read(const char *path, struct workload *workload);

#endif
