/* deferral.c: the reference's bounded deferral, in floating point: bd (the prototype), bd_noboard, bd2 (the
 * improved one), silent (bd2's board, and never an alert). Our own policy is another program's code (product.c);
 * these are what it is measured against. The order of additions is the reference's, for the last bit. */
#include "tracker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct numbers {
    double patience;   /* factor on the threshold in the middle */
    double reluctance; /* on the cost at a breakpoint */
    double growth;     /* of the weight with age, in the threshold */
    double forced;     /* how much the chance of being forced counts */
    double tail_s;     /* so long after the board is left is a breakpoint */
    int64_t stall_ms;  /* so long a silence is a question; 0: no watchdog */
    int64_t soft_ms;   /* so long a silence is worth a look, at the end of the board */
    bool board, batches, silent;
};

static const struct numbers prototype = {.patience = 1, .growth = 1, .board = true};
static const struct numbers improved = {.patience = 1.6,
                                        .reluctance = 1.2,
                                        .growth = .5,
                                        .forced = 1,
                                        .tail_s = 4,
                                        .stall_ms = 610000,
                                        .soft_ms = 300000,
                                        .board = true,
                                        .batches = true};

struct deferral_policy {
    struct candidate base;
    struct numbers numbers;
    struct tracker tracker;
    double per_s, dearer, cost[STEP_KINDS]; /* of breakpoints; of the middle; of waiting */
    int needs;
    bool listed;
    int last[AGENTS_MAX], n_last;
    int64_t live; /* the alert that stands, 0: none */
    bool shown[AGENTS_MAX];
    bool seen[AGENTS_MAX]; /* and left: not again before seen_ms */
    int64_t seen_ms[AGENTS_MAX];
    int64_t engaged_ms, back_ms; /* -1: never */
};

/* ---- the order of the board: batches by repository ----------------------------------------------------- */

struct item {
    int agent;
    double rank, weight, service_s;
};

static double item_weight(const struct tracker *tracker, const struct tracked *tracked,
                          int64_t t_ms, double total_s)
{
    const struct step_world *w = &tracker->world;
    int k = (int)tracked->kind;
    double age_s = (double)(t_ms - tracked->since_ms) / 1000.0;
    double weight = w->weight[k] * (1 + 0.3 * age_s / w->at_most_s[k]);
    double slack_s = w->at_most_s[k] + w->grace_s - age_s;
    if (0 < slack_s && slack_s < total_s + 60)
        weight += 1.0 * w->late_s / w->kappa / (total_s + 60);
    return weight;
}

/* The items of one repository, best first. */
static int items_of(const struct tracker *tracker, int repository, int64_t t_ms, double total_s,
                    const bool *done, struct item *list)
{
    int n = 0;
    for (int i = 0; i < tracker->open.n; i++) {
        int a = tracker->open.agents[i];
        const struct tracked *tracked = &tracker->agent[a];
        if (tracked->repository != repository || tracked->kind == BENCH_CRIT || done[a])
            continue;
        struct item item = {a, 0, item_weight(tracker, tracked, t_ms, total_s),
                            tracker->world.service_s[tracked->kind]};
        item.rank = -item.weight / item.service_s;
        int at = n++;
        for (; at > 0 && (item.rank < list[at - 1].rank ||
                          (item.rank == list[at - 1].rank &&
                           number_compare(item.agent, list[at - 1].agent) < 0));
             at--)
            list[at] = list[at - 1];
        list[at] = item;
    }
    return n;
}

/* The repositories of what is open, in the order of their names. */
static int repositories_of(const struct tracker *tracker, int *list)
{
    int n = 0;
    for (int i = 0; i < tracker->open.n; i++) {
        int repository = tracker->agent[tracker->open.agents[i]].repository, at = 0;
        while (at < n && number_compare(list[at], repository) < 0)
            at++;
        if (at < n && list[at] == repository)
            continue;
        memmove(list + at + 1, list + at, (size_t)(n - at) * sizeof *list);
        list[at] = repository;
        n++;
    }
    return n;
}

/* The prefix of a repository's items that is worth most a second goes to the list. False: nothing is left. */
static bool next_batch(const struct tracker *tracker, int64_t t_ms, double total_s, int *current,
                       bool *done, int *out, int *n)
{
    int repositories[AGENTS_MAX + 1], n_repositories = repositories_of(tracker, repositories);
    struct item best[AGENTS_MAX], list[AGENTS_MAX];
    double best_worth = -1;
    int n_best = 0, best_repository = -1;
    for (int r = 0; r < n_repositories; r++) {
        int n_items = items_of(tracker, repositories[r], t_ms, total_s, done, list);
        double weight = 0, time_s = repositories[r] == *current ? 0 : tracker->world.setup_s;
        bool better = false;
        for (int i = 0; i < n_items; i++) {
            weight += list[i].weight;
            time_s += list[i].service_s;
            if (weight / time_s <= best_worth)
                continue;
            best_worth = weight / time_s;
            n_best = i + 1;
            better = true;
        }
        if (!better)
            continue;
        best_repository = repositories[r];
        memcpy(best, list, sizeof best);
    }
    for (int i = 0; i < n_best; i++) {
        out[(*n)++] = best[i].agent;
        done[best[i].agent] = true;
    }
    *current = best_repository;
    return n_best > 0;
}

static int silent_agents(const struct deferral_policy *policy, int64_t t_ms, int *out)
{
    const struct tracker *tracker = &policy->tracker;
    int n = 0;
    for (int i = 0; i < tracker->heard.n; i++) {
        int a = tracker->heard.agents[i], at = n;
        if (tracker->agent[a].open || t_ms - tracker->agent[a].heard_ms <= policy->numbers.soft_ms)
            continue;
        for (; at > 0 && number_compare(a, out[at - 1]) < 0; at--)
            out[at] = out[at - 1];
        out[at] = a;
        n++;
    }
    return n;
}

static int order(const struct deferral_policy *policy, int64_t t_ms, int *out)
{
    const struct tracker *tracker = &policy->tracker;
    bool done[AGENTS_MAX] = {false};
    int n = 0, by_age[AGENTS_MAX], n_open, current = tracker->repository;
    double total_s = 0;
    if (!policy->numbers.batches)
        return tracker_by_worth(tracker, t_ms, out);
    for (int i = 0; i < tracker->open.n; i++)
        total_s += tracker->world.service_s[tracker->agent[tracker->open.agents[i]].kind];
    n_open = tracker_by_age(tracker, by_age);
    for (int i = 0; i < n_open && tracker->agent[by_age[i]].kind == BENCH_CRIT; i++)
        out[n++] = by_age[i];
    if (n > 0)
        current = tracker->agent[out[n - 1]].repository;
    while (next_batch(tracker, t_ms, total_s, &current, done, out, &n))
        ;
    return n + silent_agents(policy, t_ms, out + n);
}

/* ---- now, or when? ----------------------------------------------------------------------------------- */

struct held { /* what is settled and waits */
    int n;
    double rate, slope;
    int64_t oldest_ms, bound_ms, next_ms;
};

static void sooner(int64_t *a, int64_t b)
{
    *a = b < *a ? b : *a;
}

/* True: one of them is to be told whatever the rest says. */
static bool add_up(const struct deferral_policy *policy, int64_t t_ms, struct held *held)
{
    const struct tracker *tracker = &policy->tracker;
    for (int i = 0; i < tracker->open.n; i++) {
        int a = tracker->open.agents[i];
        const struct tracked *tracked = &tracker->agent[a];
        int k = (int)tracked->kind;
        int64_t due_ms = tracked->since_ms + settle_ms[k];
        if (policy->seen[a] && policy->seen_ms[a] > due_ms)
            due_ms = policy->seen_ms[a];
        if (due_ms > t_ms) {
            sooner(&held->next_ms, due_ms);
            continue;
        }
        double at_most_ms = tracker->world.at_most_s[k] * 1000.0;
        int64_t bound_ms = tracked->since_ms + (int64_t)at_most_ms;
        if (tracked->kind == BENCH_CRIT || bound_ms <= t_ms)
            return true;
        held->n++;
        sooner(&held->next_ms, bound_ms);
        sooner(&held->bound_ms, bound_ms);
        sooner(&held->oldest_ms, tracked->since_ms);
        double growth = policy->numbers.growth;
        held->rate += policy->cost[k] * (1 + growth * (double)(t_ms - tracked->since_ms) / at_most_ms);
        held->slope += policy->cost[k] / at_most_ms * growth;
    }
    return false;
}

/* What letting this breakpoint pass would cost is more than it costs. */
static bool worth_it(const struct deferral_policy *policy, const struct held *held, int64_t t_ms)
{
    double skip = held->rate / policy->per_s;
    double left_s = (double)(held->bound_ms - t_ms) / 1000.0;
    if (policy->numbers.forced != 0)
        skip += policy->numbers.forced * policy->dearer *
                exp(-policy->per_s * (left_s > 0 ? left_s : 0.0));
    return skip >= policy->numbers.reluctance * policy->tracker.world.c_bp_s;
}

static bool decide(struct deferral_policy *policy, const struct bench_input *input, int64_t *next_ms)
{
    const struct step_world *w = &policy->tracker.world;
    struct held held = {0, 0, 0, STEP_NEVER, STEP_NEVER, STEP_NEVER};
    int64_t t_ms = input->t_ms, again_ms = STEP_NEVER;
    bool breakpoint = input->event == STEP_BREAKPOINT;
    *next_ms = STEP_NEVER;
    if (policy->numbers.silent)
        return false;
    if (input->event == STEP_ENGAGED && w->sensor)
        policy->back_ms = t_ms;
    if (w->sensor && policy->numbers.tail_s > 0 && policy->back_ms >= 0 &&
        (double)(t_ms - policy->back_ms) <= policy->numbers.tail_s * 1000)
        breakpoint = true;
    if (add_up(policy, t_ms, &held))
        return true;
    *next_ms = held.next_ms;
    if (held.n == 0)
        return false;
    if (w->sensor) {
        double threshold = policy->numbers.patience * policy->per_s * policy->dearer;
        if ((breakpoint && worth_it(policy, &held, t_ms)) || held.rate >= threshold)
            return true;
        if (held.slope > 0)
            again_ms = t_ms + (int64_t)((threshold - held.rate) / held.slope) + 1;
    } else {
        double seconds = (double)t_ms / 1000.0;
        double often = policy->needs / (seconds > 600.0 ? seconds : 600.0);
        double cost = w->kappa * 1.5;
        double wait_s = 1.0 * sqrt(2 * w->c_mid_s / (cost * (often > 1e-4 ? often : 1e-4)));
        again_ms = held.oldest_ms + (int64_t)(wait_s * 1000);
        if (again_ms <= t_ms)
            return true;
    }
    sooner(next_ms, again_ms);
    return false;
}

/* ---- the way of an input ----------------------------------------------------------------------------- */

static void on_init(struct deferral_policy *policy)
{
    const struct step_world *w = &policy->tracker.world;
    policy->per_s = w->sensor ? w->recall / w->bp_mean_s : 0.0;
    policy->dearer = w->c_mid_s - w->c_bp_s;
    for (int k = 0; k < STEP_KINDS; k++)
        policy->cost[k] = w->kappa * w->weight[k];
}

/* The human saw these and left them: not again before their next bound. */
static void on_left(struct deferral_policy *policy, int64_t t_ms)
{
    const struct tracker *tracker = &policy->tracker;
    for (int i = 0; i < tracker->open.n; i++) {
        int a = tracker->open.agents[i];
        const struct tracked *tracked = &tracker->agent[a];
        double at_most_ms = tracker->world.at_most_s[tracked->kind] * 1000.0;
        if (!policy->numbers.board && !policy->shown[a])
            continue;
        if (policy->engaged_ms >= 0 && tracked->since_ms < policy->engaged_ms) {
            policy->seen[a] = true;
            policy->seen_ms[a] = t_ms + (int64_t)(at_most_ms > 120000 ? at_most_ms : 120000);
        } else if (tracked->since_ms < t_ms) { /* just answered? Its "resolved" may be lost */
            policy->seen[a] = true;
            policy->seen_ms[a] = t_ms + 15000;
        }
    }
    if (policy->live)
        candidate_effect(&policy->base, STEP_WITHDRAW, NULL, 0)->id = policy->live;
    policy->live = 0;
}

/* An agent that is silent for longer than any normal gap: its event was probably lost. */
static int stalled(struct deferral_policy *policy, int64_t t_ms)
{
    struct tracker *tracker = &policy->tracker;
    for (int i = 0; policy->numbers.stall_ms && i < tracker->heard.n; i++) {
        int a = tracker->heard.agents[i];
        if (tracker->agent[a].open || t_ms - tracker->agent[a].heard_ms < policy->numbers.stall_ms)
            continue;
        tracker_open(tracker, a, BENCH_QUESTION, t_ms, TRACKED_STALLED);
        return a;
    }
    return -1;
}

static void list_board(struct deferral_policy *policy, int64_t t_ms, bool always)
{
    int list[AGENTS_MAX], n = order(policy, t_ms, list);
    if (!always && policy->listed && same_list(list, n, policy->last, policy->n_last))
        return;
    policy->listed = true;
    policy->n_last = n;
    memcpy(policy->last, list, (size_t)n * sizeof *list);
    candidate_effect(&policy->base, STEP_LIST, list, n);
}

static void fire(struct deferral_policy *policy, int64_t t_ms)
{
    int list[AGENTS_MAX], n;
    if (policy->numbers.board) {
        list_board(policy, t_ms, true);
        n = policy->n_last;
        memcpy(list, policy->last, (size_t)n * sizeof *list);
    } else {
        n = tracker_by_age(&policy->tracker, list);
    }
    policy->live = candidate_alert(&policy->base, list, n)->id;
    memset(policy->shown, 0, sizeof policy->shown);
    for (int i = 0; i < n; i++)
        policy->shown[list[i]] = true;
}

static int64_t next_stall(const struct deferral_policy *policy)
{
    const struct tracker *tracker = &policy->tracker;
    int64_t next_ms = STEP_NEVER;
    for (int i = 0; policy->numbers.stall_ms && i < tracker->heard.n; i++) {
        const struct tracked *tracked = &tracker->agent[tracker->heard.agents[i]];
        if (!tracked->open)
            sooner(&next_ms, tracked->heard_ms + policy->numbers.stall_ms);
    }
    return next_ms;
}

/* Its alert stands, or they are at the board, or away: only what is critical breaks in. */
static bool busy(struct deferral_policy *policy, int opened)
{
    const struct tracker *tracker = &policy->tracker;
    if (!tracker->engaged && !tracker->away && !policy->live)
        return false;
    if (opened >= 0 && tracker->agent[opened].kind == BENCH_CRIT && !tracker->away)
        candidate_alert(&policy->base, &opened, 1);
    policy->base.deadline_ms = STEP_NEVER;
    return true;
}

static void deferral_take(struct candidate *candidate, const struct bench_input *input)
{
    struct deferral_policy *policy = (struct deferral_policy *)candidate;
    struct tracker *tracker = &policy->tracker;
    int opened, closed;
    tracker_take(tracker, input, &opened, &closed);
    if (input->event == STEP_SESSION_END)
        tracker_forget(tracker, input->agent);
    if (opened < 0)
        opened = stalled(policy, input->t_ms);
    if (input->event == STEP_INIT) {
        on_init(policy);
        return;
    }
    policy->needs += opened >= 0;
    if (closed >= 0)
        policy->seen[closed] = false;
    if (input->event == STEP_ENGAGED && !input->on)
        on_left(policy, input->t_ms);
    if (input->event == STEP_ENGAGED && input->on) {
        policy->engaged_ms = input->t_ms;
        policy->listed = false;
    }
    if (policy->numbers.board && (tracker->engaged || !policy->listed))
        list_board(policy, input->t_ms, false);
    if (busy(policy, opened))
        return;
    if (decide(policy, input, &candidate->deadline_ms)) {
        fire(policy, input->t_ms);
        candidate->deadline_ms = STEP_NEVER;
    } else {
        sooner(&candidate->deadline_ms, next_stall(policy));
    }
}

static const struct candidate_class deferral = {deferral_take, NULL};

struct candidate *deferral_new(const char *name)
{
    struct numbers numbers =
        strncmp(name, "bd2", 3) == 0 || strcmp(name, "silent") == 0 ? improved : prototype;
    if (strcmp(name, "bd") != 0 && strcmp(name, "bd2") != 0 && strcmp(name, "silent") != 0 &&
        strcmp(name, "bd_noboard") != 0)
        return NULL;
    struct deferral_policy *policy =
        (struct deferral_policy *)allocate_candidate(&deferral, sizeof *policy);
    numbers.silent = strcmp(name, "silent") == 0;
    numbers.board = strcmp(name, "bd_noboard") != 0;
    tracker_init(&policy->tracker);
    policy->numbers = numbers;
    policy->engaged_ms = policy->back_ms = -1;
    return &policy->base;
}
