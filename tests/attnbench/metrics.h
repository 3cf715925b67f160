/* metrics.h: what a day cost (one seed), and the figures made of many days (SPEC section 8). All are doubles, the
 * counts too: they are added up, and compared with the reference's, bit by bit. */
#ifndef ATTNBENCH_METRICS_H
#define ATTNBENCH_METRICS_H

enum metric { /* of one day */
              M_NEEDS,
              M_SERVED,
              M_HOURS, /* present */
              M_INTERRUPTIONS,
              M_MIDDLE,
              M_BREAKPOINT,
              M_MEETING,
              M_POPUPS,
              M_EMPTY,
              M_WASTED,
              M_SELF_CHECKS,
              M_PREEMPTIONS,
              M_FALSE_LOOKS,
              M_SWITCHES,
              M_WEIGHTED_BLOCKED_MIN,
              M_BLOCKED_MIN,
              M_LATE,
              M_CRITICAL,
              M_CRITICAL_LATE,
              M_LOST_MIN,
              M_LOST_BY_COST_MIN,
              M_OWN_MIN,
              M_J,
              METRICS
};
extern const char *const metric_names[METRICS]; /* the reference's */

struct metrics {
    double value[METRICS];
};

enum figure { /* of a block of days: ratios of sums, or means a day */
              F_INTERRUPTIONS_PER_H,
              F_MIDDLE_PER_H,
              F_MIDDLE_SHARE,
              F_POPUPS_PER_NEED,
              F_EMPTY_PER_POPUP,
              F_WASTED,
              F_WEIGHTED_BLOCKED_MIN,
              F_LATE,
              F_CRITICAL_LATE,
              F_SWITCHES,
              F_NEEDS_PER_H,
              F_LOST_MIN,
              F_OWN_MIN,
              F_J,
              FIGURES
};
extern const char *const figure_names[FIGURES]; /* the reference's */

struct figures {
    double value[FIGURES];
};

struct figures figures_of(const struct metrics *days, int n);

#endif
