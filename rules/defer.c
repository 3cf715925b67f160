/* defer.c: see defer.h. Costs are in millionths of a second of focus per second of waiting. */
#include "defer.h"

const struct deferral defer_defaults = {
    .few = 3,
    .weight = {[KIND_PERMISSION] = 2000,
               [KIND_QUESTION] = 2000,
               [KIND_PLAN] = 2000,
               [KIND_LOGIN] = 1500,
               [KIND_FAILURE] = 1500,
               [KIND_LIMIT] = 1500,
               [KIND_STALLED] = 2000,
               [KIND_CUSTOM] = 1500,
               [KIND_REVIEW] = 1000},
    .waiting = 200,
    .growth = 500,
    .middle_s = 240,
    .breakpoint_s = 60,
    .recall = 600,
    .every_s = 139,
    .patience = 2000,
    .reluctance = 1500,
    .service_s = {[KIND_PERMISSION] = 20,
                  [KIND_QUESTION] = 60,
                  [KIND_PLAN] = 60,
                  [KIND_LOGIN] = 90,
                  [KIND_FAILURE] = 90,
                  [KIND_LIMIT] = 90,
                  [KIND_STALLED] = 60,
                  [KIND_CUSTOM] = 60,
                  [KIND_REVIEW] = 90},
    .critical_s = 90,
    .setup_s = 25,
    .grace_s = 120,
    .late_s = 300,
    .silent_s = 300,
    .stalled_s = 610,
};

enum { THOUSAND = 1000, MILLION = 1000000 };

/* exp(-x) in millionths, x in thousandths: a table by eighths, straight lines between, and halving beyond it. */
static int64_t exp_minus(int64_t x)
{
    static const int64_t eighths[] = {1000000, 882497, 778801, 687289, 606531,
                                      535261,  472367, 416862, 367879};
    if (x < 0)
        x = 0;
    int64_t whole = x / THOUSAND, part = (x % THOUSAND) * 8;
    int64_t low = eighths[part / THOUSAND], high = eighths[part / THOUSAND + 1];
    int64_t value = low - (low - high) * (part % THOUSAND) / THOUSAND;
    for (; whole > 0 && value > 0; whole--)
        value = value * 367879 / MILLION;
    return value;
}

/* What all of it costs a second, how fast that grows in a second (both millionths), and when the first bound is
 * reached. */
struct sum {
    int64_t rate, slope, bound_ms;
};

static struct sum add_up(const struct deferral *numbers, const struct waiting *list, int n,
                         int64_t later_ms)
{
    struct sum sum = {0, 0, INT64_MAX};
    for (int i = 0; i < n; i++) {
        int64_t at_most_ms = list[i].at_most_ms > THOUSAND ? list[i].at_most_ms : THOUSAND;
        int64_t waited_ms = list[i].waited_ms + later_ms;
        int64_t left_ms = list[i].at_most_ms - waited_ms;
        int64_t weight = numbers->waiting * numbers->weight[list[i].kind];
        int64_t growth = weight * numbers->growth / THOUSAND;
        int64_t age_ms = waited_ms < at_most_ms ? waited_ms : at_most_ms;
        sum.rate += weight + growth * age_ms / at_most_ms;
        sum.slope += growth * THOUSAND / at_most_ms;
        if (left_ms < sum.bound_ms)
            sum.bound_ms = left_ms;
    }
    return sum;
}

/* What letting this breakpoint pass would cost: waiting for the next one that is seen, and the chance that a
 * bound forces an interruption in the middle before it. */
static bool worth_the_breakpoint(const struct deferral *numbers, const struct sum *sum)
{
    int64_t dearer = (numbers->middle_s - numbers->breakpoint_s) * MILLION;
    int64_t wait = sum->rate * numbers->every_s * THOUSAND / numbers->recall;
    int64_t x = sum->bound_ms / THOUSAND * numbers->recall / numbers->every_s;
    int64_t forced = dearer / MILLION * exp_minus(x);
    return wait + forced >= numbers->reluctance * numbers->breakpoint_s * THOUSAND;
}

/* The very first millisecond, up to a last one, at which the threshold is reached: the same whenever it is asked. The
 * rate never falls, so it is found by halving. */
static int64_t crossing(const struct deferral *numbers, const struct waiting *list, int n,
                        int64_t threshold, int64_t last_ms)
{
    int64_t before_ms = 0, at_ms = last_ms;
    while (at_ms - before_ms > 1) {
        int64_t half_ms = before_ms + (at_ms - before_ms) / 2;
        if (add_up(numbers, list, n, half_ms).rate >= threshold)
            at_ms = half_ms;
        else
            before_ms = half_ms;
    }
    return at_ms;
}

/* Without breakpoints there is nothing to wait for but company: break in when what has been waited for so far costs as
 * much as breaking in does. So the two are in balance whatever comes how often. */
static bool worth_by_now(const struct deferral *numbers, const struct waiting *list, int n,
                         int64_t *again_ms)
{
    int64_t cost = 0, rate = 0, bound_ms = INT64_MAX; /* in millionths; the cost in thousandths of them */
    for (int i = 0; i < n; i++) {
        int64_t weight = numbers->waiting * numbers->weight[list[i].kind];
        int64_t left_ms = list[i].at_most_ms - list[i].waited_ms;
        cost += weight * list[i].waited_ms; /* of a thousandth */
        rate += weight;
        bound_ms = left_ms < bound_ms ? left_ms : bound_ms;
    }
    int64_t left = numbers->middle_s * MILLION * THOUSAND - cost;
    if (left <= 0 || bound_ms <= 0)
        return true;
    *again_ms = bound_ms;
    if (rate > 0 && (left + rate - 1) / rate < bound_ms)
        *again_ms = (left + rate - 1) / rate;
    return false;
}

bool defer_tell(const struct deferral *numbers, const struct waiting *list, int n,
                int64_t breakpoint_ago_ms, int64_t *again_ms)
{
    *again_ms = INT64_MAX;
    if (n == 0)
        return false;
    if (numbers->recall <= 0)
        return worth_by_now(numbers, list, n, again_ms);
    struct sum sum = add_up(numbers, list, n, 0);
    int64_t threshold = numbers->patience * numbers->recall *
                        (numbers->middle_s - numbers->breakpoint_s) / numbers->every_s;
    if (sum.bound_ms <= 0 || sum.rate >= threshold)
        return true;
    if (breakpoint_ago_ms >= 0) {
        struct sum then = add_up(numbers, list, n, -breakpoint_ago_ms);
        if (worth_the_breakpoint(numbers, &then))
            return true;
    }
    *again_ms = sum.bound_ms;
    if (add_up(numbers, list, n, sum.bound_ms).rate >= threshold)
        *again_ms = crossing(numbers, list, n, threshold, sum.bound_ms);
    return false;
}
