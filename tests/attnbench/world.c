/* world.c: agents, hooks, and the clock; see world.h. The order in which things are planned and told decides what
 * comes first at equal times: it is the reference's. */
#include "world.h"

#include "lines.h"

#include <stdlib.h>

static const enum step_event raw_words[] = {
    [RAW_PERMISSION] = STEP_PERMISSION, [RAW_QUESTION] = STEP_QUESTION, [RAW_PLAN] = STEP_PLAN,
    [RAW_FAILED] = STEP_FAILED,         [RAW_FINISHED] = STEP_FINISHED,
};

const struct drawn_need *world_need(const struct world *world, int agent)
{
    return draws_need(world->draws, agent, world->agents[agent].k);
}

int64_t world_present_ms(const struct world *world, int64_t t_ms)
{
    int n;
    const struct period *calendar = draws_calendar(world->draws, &n);
    int64_t present_ms = t_ms;
    for (int i = 0; i < n; i++) {
        if (t_ms > calendar[i].from_ms)
            present_ms -= (calendar[i].to_ms < t_ms ? calendar[i].to_ms : t_ms) - calendar[i].from_ms;
    }
    return present_ms;
}

void world_plan(struct world *world, int64_t t_ms, struct happening happening)
{
    happening.t_ms = t_ms;
    queue_put(&world->queue, happening);
}

void world_tell(struct world *world, struct bench_input input)
{
    struct candidate *candidate = world->candidate;
    input.t_ms = world->t_ms;
    candidate_take(candidate, &input);
    if (world->options.trace)
        lines_trace(world->options.trace, &input, candidate);
    for (int i = 0; i < candidate->n_effects; i++)
        human_effect(world, &candidate->effects[i]);
    if (candidate->deadline_ms == world->deadline_ms)
        return;
    world->deadline_ms = candidate->deadline_ms;
    world->deadline_token++;
    if (world->deadline_ms != STEP_NEVER)
        world_plan(world, world->deadline_ms > world->t_ms ? world->deadline_ms : world->t_ms + 1,
                   (struct happening){.type = HAPPENS_TICK, .token = world->deadline_token});
}

static void tell(struct world *world, enum step_event event, int agent)
{
    world_tell(world, (struct bench_input){.event = event, .agent = agent});
}

/* ---- agents ------------------------------------------------------------------------------------------ */

static void start_work(struct world *world, int a)
{
    struct agent *agent = &world->agents[a];
    const struct drawn_need *need = world_need(world, a);
    int64_t work_ms = need->work_ms, t_ms = world->t_ms;
    agent->epoch++;
    if (world->workload->phased) {
        work_ms = rounded((double)work_ms * draws_scale(world->draws, t_ms));
        work_ms = work_ms < 500 ? 500 : work_ms;
    }
    agent->work_end_ms = t_ms + work_ms;
    world_plan(world, agent->work_end_ms, (struct happening){.type = HAPPENS_NEED, .agent = a});
    struct happening progress = {.type = HAPPENS_PROGRESS, .agent = a, .token = agent->epoch};
    if (need->progress_ms < work_ms)
        world_plan(world, t_ms + need->progress_ms, progress);
    for (int i = 0; i < need->n_subs; i++) {
        const struct sub_stop *sub = &need->subs[i];
        struct happening raw = {.type = HAPPENS_RAW,
                                .agent = a,
                                .token = agent->epoch,
                                .event = STEP_FINISHED,
                                .sub = !sub->unmarked};
        if (sub->after_ms >= work_ms - 1000)
            continue;
        world_plan(world, t_ms + sub->after_ms, raw);
        raw.event = STEP_PROGRESS;
        if (sub->unmarked && sub->after_ms + sub->progress_ms < work_ms)
            world_plan(world, t_ms + sub->after_ms + sub->progress_ms, raw);
    }
}

void world_close(struct world *world, int a, bool served)
{
    struct agent *agent = &world->agents[a];
    const struct drawn_need need = *world_need(world, a);
    agent->open = agent->taken = false;
    agent->k++;
    if (need.ends && served) {
        agent->epoch++;
        tell(world, STEP_SESSION_END, a);
        world_plan(world, world->t_ms + need.gap_ms,
                   (struct happening){.type = HAPPENS_START, .agent = a});
        return;
    }
    start_work(world, a);
    bool asked = need.raw == RAW_PERMISSION || need.raw == RAW_QUESTION || need.raw == RAW_PLAN;
    if (!asked || (!served && need.raw == RAW_PLAN))
        tell(world, STEP_WORKING, a);
    else if (need.resolved_lost_ms)
        world_plan(world, world->t_ms + need.resolved_lost_ms,
                   (struct happening){
                       .type = HAPPENS_RAW, .agent = a, .token = agent->epoch, .event = STEP_PROGRESS});
    else
        tell(world, STEP_RESOLVED, a);
}

void world_record(struct world *world, int a)
{
    const struct drawn_need *need = world_need(world, a);
    if (need->kind == BENCH_SELF)
        return;
    int64_t raised_ms = world->agents[a].raised_ms;
    int64_t wait_ms = world_present_ms(world, world->t_ms) - world_present_ms(world, raised_ms);
    bool late = wait_ms > world->late_ms[need->kind];
    world->count.value[M_NEEDS]++;
    world->count.value[M_LATE] += late;
    world->count.value[M_CRITICAL] += need->kind == BENCH_CRIT;
    world->count.value[M_CRITICAL_LATE] += late && need->kind == BENCH_CRIT;
    world->weighted_ms += world->workload->cost.weight[need->kind] * (double)wait_ms;
    world->blocked_ms += (double)(world->t_ms - raised_ms);
}

/* ---- what happens to agents -------------------------------------------------------------------------- */

static void on_need(struct world *world, int a)
{
    struct agent *agent = &world->agents[a];
    const struct drawn_need *need = world_need(world, a);
    enum step_event event = raw_words[need->raw];
    struct happening notice = {.type = HAPPENS_NOTICE, .agent = a, .token = -1, .event = event};
    int64_t t_ms = world->t_ms;
    agent->open = true;
    agent->raised_ms = t_ms;
    if (need->self_ms)
        world_plan(world, t_ms + need->self_ms,
                   (struct happening){.type = HAPPENS_SELF, .agent = a, .token = agent->k});
    notice.crit = need->critical;
    if (need->duplicate_ms && !need->lost) /* it may land after the request is gone */
        world_plan(world, t_ms + need->duplicate_ms, notice);
    notice.crit = false;
    notice.token = agent->k;
    if (need->raw == RAW_PERMISSION) {
        notice.event = STEP_PERMISSION_NOTICE;
        world_plan(world, t_ms + need->notice_ms, notice);
    } else if (need->raw == RAW_FINISHED || need->raw == RAW_FAILED) {
        notice.event = STEP_IDLE_NOTICE;
        world_plan(world, t_ms + (int64_t)(world->workload->noise.idle_s * 1000), notice);
    }
    if (!need->lost)
        world_tell(world, (struct bench_input){.event = event, .agent = a, .crit = need->critical});
}

static void on_notice(struct world *world, const struct happening *h)
{
    const struct agent *agent = &world->agents[h->agent];
    bool late = h->event == STEP_PERMISSION_NOTICE && h->token >= 0 && agent->k == h->token + 1 &&
                !agent->open && draws_need(world->draws, h->agent, (int)h->token)->race;
    if (h->token < 0 || (agent->open && agent->k == h->token) || late)
        world_tell(world, (struct bench_input){.event = h->event, .agent = h->agent, .crit = h->crit});
}

static void on_progress(struct world *world, const struct happening *h)
{
    const struct agent *agent = &world->agents[h->agent];
    if (agent->epoch != h->token || agent->open)
        return;
    int64_t next_ms = world->t_ms + world_need(world, h->agent)->progress_every_ms;
    if (next_ms < agent->work_end_ms)
        world_plan(world, next_ms, *h);
    tell(world, STEP_PROGRESS, h->agent);
}

static void on_raw(struct world *world, const struct happening *h)
{
    const struct agent *agent = &world->agents[h->agent];
    if (agent->epoch != h->token || (h->event == STEP_PROGRESS && agent->open))
        return;
    world_tell(world, (struct bench_input){.event = h->event,
                                           .agent = h->agent,
                                           .sub = h->event == STEP_FINISHED && h->sub});
}

static void on_start(struct world *world, int a)
{
    world_tell(world, (struct bench_input){.event = STEP_SESSION_START,
                                           .agent = a,
                                           .repository = world->agents[a].repository});
    tell(world, STEP_WORKING, a);
    start_work(world, a);
}

static void on_tick(struct world *world, const struct happening *h)
{
    if (h->token != world->deadline_token)
        return;
    world->deadline_ms = STEP_NEVER;
    tell(world, STEP_TICK, -1);
}

static void on_self(struct world *world, const struct happening *h)
{
    const struct agent *agent = &world->agents[h->agent];
    if (agent->open && agent->k == h->token && !agent->taken)
        world_close(world, h->agent, false);
}

static void happens(struct world *world, const struct happening *h)
{
    switch (h->type) {
    case HAPPENS_NEED:
        on_need(world, h->agent);
        return;
    case HAPPENS_RAW:
        on_raw(world, h);
        return;
    case HAPPENS_NOTICE:
        on_notice(world, h);
        return;
    case HAPPENS_SELF:
        on_self(world, h);
        return;
    case HAPPENS_PROGRESS:
        on_progress(world, h);
        return;
    case HAPPENS_START:
        on_start(world, h->agent);
        return;
    case HAPPENS_TICK:
        on_tick(world, h);
        return;
    case HAPPENS_CHUNK:
    case HAPPENS_SENSED:
    case HAPPENS_FALSE:
    case HAPPENS_ARRIVAL:
    case HAPPENS_SERVICE:
    case HAPPENS_SERVED:
    case HAPPENS_LOOKED:
    case HAPPENS_ABSENCE:
    case HAPPENS_ABSENCE_END:
    case HAPPENS_PREEMPTION:
        human_happening(world, h);
        return;
    }
}

/* ---- a day ------------------------------------------------------------------------------------------- */

static void init(struct world *world)
{
    const struct workload *w = world->workload;
    world->kappa = world->options.kappa < 0 ? w->cost.kappa : world->options.kappa;
    world->middle_s = w->cost.middle_s * world->options.cost_scale;
    world->breakpoint_s = w->cost.breakpoint_s * world->options.cost_scale;
    world->meeting_s = w->cost.meeting_s * world->options.cost_scale;
    for (int k = 0; k < BENCH_KINDS; k++)
        world->late_ms[k] = (int64_t)((w->cost.bound_s[k] + w->cost.grace_s) * 1000);
    for (int a = 0; a < w->n_agents; a++) {
        world->agents[a].repository = a % w->repositories;
        world->agents[a].raised_ms = world->agents[a].handled_ms = -1;
    }
    world->deadline_ms = STEP_NEVER;
    world->repository = world->current = world->suspended = -1;
    world->engaged_since_ms = -1;
}

static void tell_init(struct world *world)
{
    const struct workload *w = world->workload;
    struct step_world told = {.kappa = world->kappa,
                              .c_mid_s = world->middle_s,
                              .c_bp_s = world->breakpoint_s,
                              .setup_s = w->human.setup_s,
                              .grace_s = w->cost.grace_s,
                              .late_s = w->cost.late_s,
                              .recall = world->options.sensor ? w->human.recall : 0,
                              .bp_mean_s = 139,
                              .sensor = world->options.sensor};
    for (int k = 0; k < STEP_KINDS; k++) {
        told.weight[k] = w->cost.weight[k];
        told.at_most_s[k] = w->cost.bound_s[k];
        told.service_s[k] = w->human.service_s[k];
    }
    world_tell(world, (struct bench_input){
                          .event = STEP_INIT, .agent = -1, .world = &told, .n_agents = w->n_agents});
}

static void plan_day(struct world *world)
{
    int n;
    for (int a = 0; a < world->workload->n_agents; a++)
        world_plan(world, draws_start(world->draws, a),
                   (struct happening){.type = HAPPENS_START, .agent = a});
    const struct period *calendar = draws_calendar(world->draws, &n);
    for (int i = 0; i < n; i++) {
        world_plan(world, calendar[i].from_ms,
                   (struct happening){.type = HAPPENS_ABSENCE,
                                      .why = calendar[i].why,
                                      .until_ms = calendar[i].to_ms});
        world_plan(world, calendar[i].to_ms, (struct happening){.type = HAPPENS_ABSENCE_END});
    }
    const int64_t *hits = draws_false_hits(world->draws, &n);
    for (int i = 0; i < n && world->options.sensor; i++)
        world_plan(world, hits[i], (struct happening){.type = HAPPENS_FALSE});
}

static void sum_up(struct world *world, struct metrics *out)
{
    double *value = world->count.value;
    double lost_s = world->cost_s + world->looks_s;
    double weighted_s = world->weighted_ms / 1000.0;
    value[M_HOURS] = (double)world_present_ms(world, DAY_MS) / 3600000.0;
    value[M_INTERRUPTIONS] = value[M_MIDDLE] + value[M_BREAKPOINT] + value[M_MEETING];
    value[M_MIDDLE] += value[M_MEETING];
    value[M_WEIGHTED_BLOCKED_MIN] = weighted_s / 60.0;
    value[M_BLOCKED_MIN] = world->blocked_ms / 1000.0 / 60.0;
    value[M_LOST_MIN] = lost_s / 60.0;
    value[M_LOST_BY_COST_MIN] = world->cost_s / 60.0;
    value[M_OWN_MIN] = (double)world->own_ms / 60000.0;
    value[M_J] =
        (lost_s + world->kappa * weighted_s + world->workload->cost.late_s * value[M_LATE]) / 60.0;
    *out = world->count;
}

bool world_run(const struct workload *workload, struct draws *draws, const char *policy,
               const struct world_options *options, struct metrics *out)
{
    struct world world = {.workload = workload, .draws = draws, .options = *options};
    struct happening next;
    init(&world);
    world.candidate = candidate_new(policy, &world);
    if (!world.candidate)
        return false;
    tell_init(&world);
    plan_day(&world);
    human_begin(&world);
    while (queue_next(&world.queue, &next) && next.t_ms < DAY_MS) {
        world.t_ms = next.t_ms;
        happens(&world, &next);
    }
    world.t_ms = DAY_MS;
    if (world.state == HUMAN_OWN)
        world.own_ms += DAY_MS - world.own_since_ms;
    for (int a = 0; a < workload->n_agents; a++) {
        if (world.agents[a].open && !world.agents[a].taken)
            world_record(&world, a);
    }
    sum_up(&world, out);
    candidate_free(world.candidate);
    queue_release(&world.queue);
    free(world.alerts);
    return true;
}
