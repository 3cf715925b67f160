/* metrics.c: see metrics.h. */
#include "metrics.h"

const char *const metric_names[METRICS] = {
    "needs",      "served",   "hours",        "ints",        "mid",        "bp",
    "meet",       "popups",   "empty",        "wasted",      "selfchecks", "preempts",
    "falselooks", "switches", "wblocked_min", "blocked_min", "late",       "crit",
    "crit_late",  "lost_min", "lost_c_min",   "own_min",     "J",
};

const char *const figure_names[FIGURES] = {
    "int_per_h",       "mid_per_h",
    "mid_share",       "popups_per_need",
    "empty_per_popup", "wasted_per_int",
    "wblocked_min",    "late",
    "crit_late",       "switch_per_served",
    "needs_per_h",     "lost_min",
    "own_min",         "J",
};

static double ratio(double a, double b)
{
    return b != 0 ? a / b : 0;
}

struct figures figures_of(const struct metrics *days, int n)
{
    double s[METRICS] = {0};
    for (int d = 0; d < n; d++) {
        for (int m = 0; m < METRICS; m++)
            s[m] += days[d].value[m];
    }
    return (struct figures){{
        [F_INTERRUPTIONS_PER_H] = ratio(s[M_INTERRUPTIONS], s[M_HOURS]),
        [F_MIDDLE_PER_H] = ratio(s[M_MIDDLE], s[M_HOURS]),
        [F_MIDDLE_SHARE] = ratio(s[M_MIDDLE], s[M_INTERRUPTIONS]),
        [F_POPUPS_PER_NEED] = ratio(s[M_POPUPS], s[M_NEEDS]),
        [F_EMPTY_PER_POPUP] = ratio(s[M_EMPTY], s[M_POPUPS]),
        [F_WASTED] = ratio(s[M_WASTED], s[M_INTERRUPTIONS]),
        [F_WEIGHTED_BLOCKED_MIN] = s[M_WEIGHTED_BLOCKED_MIN] / n,
        [F_LATE] = ratio(s[M_LATE], s[M_NEEDS]),
        [F_CRITICAL_LATE] = ratio(s[M_CRITICAL_LATE], s[M_CRITICAL]),
        [F_SWITCHES] = ratio(s[M_SWITCHES], s[M_SERVED]),
        [F_NEEDS_PER_H] = ratio(s[M_NEEDS], s[M_HOURS]),
        [F_LOST_MIN] = s[M_LOST_MIN] / n,
        [F_OWN_MIN] = s[M_OWN_MIN] / n,
        [F_J] = s[M_J] / n,
    }};
}
