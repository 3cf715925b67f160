/* oracle.c: a clairvoyant, for scale: it sees the true needs, the next breakpoint and the calendar, and knows
 * service times only by their means. Of ORACLE_TRIES pairs of thresholds the best of each seed counts. */
#include "world.h"

struct oracle {
    struct candidate base;
    const struct world *world;
    double middle, breakpoint;
};

const double oracle_tries[ORACLE_TRIES][2] = {{.5, .4}, {.5, 1},   {1, .4},
                                              {1, 1},   {1.6, .4}, {1.6, 1}};

static int open_needs(const struct world *world, int *list)
{
    int n = 0;
    for (int a = 0; a < world->workload->n_agents; a++) {
        if (world->agents[a].open && !world->agents[a].taken && !world_need(world, a)->self_ms)
            list[n++] = a;
    }
    return n;
}

/* The lower the earlier; what is critical has its own order. */
static double rank(const struct world *world, int a)
{
    const struct workload *w = world->workload;
    enum bench_kind kind = world_need(world, a)->kind;
    double age_s = (double)(world->t_ms - world->agents[a].raised_ms) / 1000.0;
    bool elsewhere = world->agents[a].repository != world->repository;
    if (kind == BENCH_CRIT)
        return (double)world->agents[a].raised_ms;
    return -w->cost.weight[kind] * (1 + age_s / w->cost.bound_s[kind]) /
           (w->human.service_s[kind] + (elsewhere ? w->human.setup_s : 0));
}

static bool before(const struct world *world, int a, int b)
{
    bool a_critical = world_need(world, a)->kind == BENCH_CRIT;
    bool b_critical = world_need(world, b)->kind == BENCH_CRIT;
    return a_critical != b_critical ? a_critical : rank(world, a) < rank(world, b);
}

/* They are at the board: keep it in order; what is critical breaks in. */
static void engaged(struct oracle *oracle, const int *open, int n)
{
    const struct world *world = oracle->world;
    int list[AGENTS_MAX];
    for (int i = 0; i < n; i++) {
        int at = i;
        for (; at > 0 && before(world, open[i], list[at - 1]); at--)
            list[at] = list[at - 1];
        list[at] = open[i];
    }
    candidate_effect(&oracle->base, STEP_LIST, list, n);
    for (int i = 0; i < n; i++) {
        if (world_need(world, open[i])->kind == BENCH_CRIT &&
            world->agents[open[i]].raised_ms == world->t_ms)
            candidate_alert(&oracle->base, &open[i], 1);
    }
}

/* When own work is next interrupted anyhow. */
static int64_t next_break(const struct world *world)
{
    int n;
    const struct period *calendar = draws_calendar(world->draws, &n);
    int64_t end_ms = world->chunk_end_ms;
    for (int i = 0; i < n; i++) {
        if (world->t_ms < calendar[i].from_ms && calendar[i].from_ms < end_ms)
            end_ms = calendar[i].from_ms;
    }
    return end_ms;
}

static double cost_of_waiting(const struct world *world, const int *open, int n, double wait_s)
{
    double cost = 0.0;
    for (int i = 0; i < n; i++) {
        enum bench_kind kind = world_need(world, open[i])->kind;
        int64_t age_ms = world_present_ms(world, world->t_ms) -
                         world_present_ms(world, world->agents[open[i]].raised_ms);
        cost += world->kappa * world->workload->cost.weight[kind] * wait_s;
        if (age_ms <= world->late_ms[kind] &&
            (double)world->late_ms[kind] < (double)age_ms + wait_s * 1000 + 30000 * n)
            cost += world->workload->cost.late_s;
    }
    return cost;
}

static void own_work(struct oracle *oracle, const int *open, int n)
{
    const struct world *world = oracle->world;
    int64_t t_ms = world->t_ms, end_ms = next_break(world);
    double window_ms = world->workload->human.breakpoint_window_s * 1000;
    bool at_breakpoint = (double)(t_ms - world->bound_ms) <= window_ms;
    double cost = cost_of_waiting(world, open, n, (double)(end_ms - t_ms) / 1000.0);
    double bar = at_breakpoint ? oracle->breakpoint * world->breakpoint_s
                               : oracle->middle * (world->middle_s - world->breakpoint_s);
    if (n > 0 && cost >= bar && cost > 0) {
        candidate_effect(&oracle->base, STEP_LIST, open, n);
        candidate_alert(&oracle->base, open, n);
        oracle->base.deadline_ms = STEP_NEVER;
        return;
    }
    oracle->base.deadline_ms = end_ms + 1;
    for (int i = 0; i < n; i++) {
        int64_t late_ms = world->agents[open[i]].raised_ms +
                          world->late_ms[world_need(world, open[i])->kind] - 40000;
        if (t_ms < late_ms && late_ms < oracle->base.deadline_ms)
            oracle->base.deadline_ms = late_ms;
    }
}

static void oracle_take(struct candidate *candidate, const struct bench_input *input)
{
    struct oracle *oracle = (struct oracle *)candidate;
    int open[AGENTS_MAX], n;
    if (input->event == STEP_INIT) {
        candidate_effect(candidate, STEP_LIST, NULL, 0);
        return;
    }
    n = open_needs(oracle->world, open);
    switch (oracle->world->state) {
    case HUMAN_OWN:
        own_work(oracle, open, n);
        return;
    case HUMAN_ENGAGED:
        engaged(oracle, open, n);
        break;
    case HUMAN_AWAY:
        break;
    }
    candidate->deadline_ms = STEP_NEVER;
}

static const struct candidate_class class = {oracle_take, NULL};

struct candidate *oracle_new(const struct world *world, double middle, double breakpoint)
{
    struct oracle *oracle = (struct oracle *)allocate_candidate(&class, sizeof *oracle);
    oracle->world = world;
    oracle->middle = middle;
    oracle->breakpoint = breakpoint;
    return &oracle->base;
}
