/* human.c: the human of a simulated day (SPEC section 5): own work in stretches, looks at the agents, meetings and
 * lunch; what an alert costs them, and whom they serve next. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

static int64_t in_ms(double seconds)
{
    return (int64_t)(seconds * 1000);
}

static bool open_critical(const struct world *world, int a)
{
    return world->agents[a].open && world_need(world, a)->kind == BENCH_CRIT;
}

/* ---- the inbox --------------------------------------------------------------------------------------- */

static int inbox_at(const struct inbox *inbox, int agent)
{
    for (int i = 0; i < inbox->n; i++) {
        if (inbox->agents[i] == agent)
            return i;
    }
    return -1;
}

static void inbox_add(struct inbox *inbox, int agent, int64_t by)
{
    if (inbox_at(inbox, agent) >= 0)
        return;
    inbox->agents[inbox->n] = agent;
    inbox->by[inbox->n++] = by;
}

static void inbox_remove(struct inbox *inbox, int agent)
{
    int i = inbox_at(inbox, agent);
    if (i < 0)
        return;
    inbox->n--;
    for (; i < inbox->n; i++) {
        inbox->agents[i] = inbox->agents[i + 1];
        inbox->by[i] = inbox->by[i + 1];
    }
}

/* It was put there by this alert, which no longer names it. */
static void inbox_take_back(struct inbox *inbox, int agent, int64_t by)
{
    int i = inbox_at(inbox, agent);
    if (i >= 0 && inbox->by[i] == by)
        inbox_remove(inbox, agent);
}

/* ---- between own work, the agents, and away ---------------------------------------------------------- */

static void to_own(struct world *world)
{
    world->state = HUMAN_OWN;
    world->repository = -1;
    world->own_since_ms = world->bound_ms = world->t_ms;
    world->chunk_end_ms = world->t_ms + world->chunk_left_ms;
    world->token++;
    world_plan(world, world->chunk_end_ms,
               (struct happening){.type = HAPPENS_CHUNK, .token = world->token});
}

static void leave_own(struct world *world)
{
    world->chunk_left_ms = world->chunk_end_ms - world->t_ms;
    world->own_ms += world->t_ms - world->own_since_ms;
    world->token++;
}

static void tell_engaged(struct world *world, bool on)
{
    world_tell(world, (struct bench_input){.event = STEP_ENGAGED, .agent = -1, .on = on});
}

static void tell_away(struct world *world, bool on)
{
    world_tell(world,
               (struct bench_input){.event = STEP_AWAY, .agent = -1, .on = on, .why = world->why});
}

static void go_away(struct world *world, enum absence why)
{
    world->state = HUMAN_AWAY;
    world->why = why;
    world->token++;
    tell_away(world, true);
}

/* A look of their own accord, at a breakpoint or on return. */
static void self_check(struct world *world)
{
    world->state = HUMAN_ENGAGED;
    world->hit = true;
    world->token++;
    double look_s = world->has_board
                        ? world->workload->human.glance_s
                        : world->workload->human.scan_agent_s * world->workload->n_agents;
    world->looks_s += look_s;
    tell_engaged(world, true);
    world_plan(world, world->t_ms + in_ms(look_s),
               (struct happening){.type = HAPPENS_ARRIVAL, .token = world->token});
}

void human_begin(struct world *world)
{
    world->chunk_left_ms = draws_chunk(world->draws, 0).ms;
    to_own(world);
}

/* ---- whom to serve ----------------------------------------------------------------------------------- */

/* How long it takes to get into that agent's repository. */
static int64_t set_up(struct world *world, int a)
{
    if (world->agents[a].repository == world->repository)
        return 0;
    world->count.value[M_SWITCHES]++;
    world->repository = world->agents[a].repository;
    return in_ms(world->workload->human.setup_s);
}

static void false_look(struct world *world, int a)
{
    world->agents[a].handled_ms = world->t_ms;
    world->count.value[M_FALSE_LOOKS]++;
    world->looks_s += world->workload->human.look_s;
    world_plan(world, world->t_ms + in_ms(world->workload->human.look_s),
               (struct happening){.type = HAPPENS_LOOKED, .token = world->token});
}

static int choose_from_board(const struct world *world)
{
    for (int i = 0; i < world->n_board; i++) {
        const struct agent *agent = &world->agents[world->board[i]];
        if (agent->open ? agent->raised_ms > agent->handled_ms
                        : agent->handled_ms < world->engaged_since_ms)
            return world->board[i];
    }
    return -1;
}

static int choose_from_inbox(struct world *world)
{
    struct inbox *inbox = &world->inbox;
    int chosen = inbox->n > 0 ? inbox->agents[0] : -1;
    for (int i = 0; i < inbox->n; i++) {
        if (open_critical(world, inbox->agents[i])) {
            chosen = inbox->agents[i];
            break;
        }
    }
    if (chosen >= 0)
        inbox_remove(inbox, chosen);
    return chosen;
}

static void resume(struct world *world)
{
    int a = world->suspended;
    world->suspended = -1;
    int64_t end_ms = world->t_ms + set_up(world, a) + world->suspended_ms;
    world->current = a;
    world->current_end_ms = end_ms;
    world_plan(world, end_ms,
               (struct happening){.type = HAPPENS_SERVED, .token = world->token, .agent = a});
}

static void disengage(struct world *world)
{
    if (!world->hit)
        world->count.value[M_WASTED]++;
    world->inbox.n = 0;
    to_own(world);
    tell_engaged(world, false);
}

/* Engaged, and free: what next? */
static void pick(struct world *world)
{
    world->current = -1;
    if (world->suspended >= 0) { /* back to what something critical broke into */
        resume(world);
        return;
    }
    if (world->absence_waits) {
        world->absence_waits = false;
        if (world->t_ms < world->absence.to_ms) {
            tell_engaged(world, false);
            go_away(world, world->absence.why);
            return;
        }
    }
    int a = world->has_board ? choose_from_board(world) : choose_from_inbox(world);
    if (a < 0) {
        disengage(world);
        return;
    }
    if (!world->agents[a].open) {
        false_look(world, a);
        return;
    }
    int64_t set_up_ms = set_up(world, a);
    world->current = a;
    world->current_end_ms = -1;
    world_plan(world, world->t_ms + set_up_ms,
               (struct happening){.type = HAPPENS_SERVICE, .token = world->token, .agent = a});
}

/* ---- alerts ------------------------------------------------------------------------------------------ */

static struct shown *shown(struct world *world, int64_t id)
{
    if (id < 0 || id > 1000000)
        abort(); /* candidates count their alerts */
    while (world->n_alerts <= id) {
        int n = world->n_alerts ? world->n_alerts * 2 : 64;
        world->alerts = realloc(world->alerts, (size_t)n * sizeof *world->alerts);
        if (!world->alerts)
            abort();
        memset(world->alerts + world->n_alerts, 0,
               (size_t)(n - world->n_alerts) * sizeof *world->alerts);
        world->n_alerts = n;
    }
    return &world->alerts[id];
}

static bool names(const struct bench_effect *effect, int agent)
{
    for (int i = 0; i < effect->n_items; i++) {
        if (effect->items[i] == agent)
            return true;
    }
    return false;
}

/* An alert in the middle of own work, or at a breakpoint. */
static void interrupt(struct world *world)
{
    if (world->t_ms - world->bound_ms <= in_ms(world->workload->human.breakpoint_window_s)) {
        world->count.value[M_BREAKPOINT]++;
        world->cost_s += world->breakpoint_s;
    } else {
        world->count.value[M_MIDDLE]++;
        world->cost_s += world->middle_s;
    }
    leave_own(world);
    world->state = HUMAN_ENGAGED;
    world->hit = false;
    world->token++;
    world_plan(world, world->t_ms + in_ms(world->workload->human.react_s),
               (struct happening){.type = HAPPENS_ARRIVAL, .token = world->token, .alerted = true});
}

/* An alert while engaged: only something critical may break into what is being served. */
static void break_in(struct world *world, const struct bench_effect *alert)
{
    for (int i = 0; i < alert->n_items; i++) {
        int a = alert->items[i];
        if (!open_critical(world, a) || world->agents[a].taken)
            continue;
        world_plan(world, world->t_ms + in_ms(world->workload->human.react_s),
                   (struct happening){.type = HAPPENS_PREEMPTION, .token = world->token, .agent = a});
        return;
    }
}

static void ring(struct world *world, const struct bench_effect *alert)
{
    bool open = false;
    for (int i = 0; i < alert->n_items; i++)
        open |= world->agents[alert->items[i]].open;
    world->count.value[M_POPUPS]++;
    world->count.value[M_EMPTY] += !open;
    switch (world->state) {
    case HUMAN_OWN:
        interrupt(world);
        return;
    case HUMAN_ENGAGED:
        break_in(world, alert);
        return;
    case HUMAN_AWAY:
        if (world->why == ABSENCE_MEETING) {
            world->count.value[M_MEETING]++;
            world->cost_s += world->meeting_s;
        }
        return;
    }
}

static void take_back(struct world *world, const struct bench_effect *effect)
{
    struct shown *alert = shown(world, effect->id);
    for (int i = 0; alert->there && i < alert->n_items; i++)
        inbox_take_back(&world->inbox, alert->items[i], effect->id);
    alert->there = false;
}

void human_effect(struct world *world, const struct bench_effect *effect)
{
    if (effect->type == STEP_LIST) {
        world->has_board = true;
        world->n_board = effect->n_items;
        memcpy(world->board, effect->items, (size_t)effect->n_items * sizeof *effect->items);
        return;
    }
    if (effect->type == STEP_WITHDRAW) {
        take_back(world, effect);
        return;
    }
    struct shown *alert = shown(world, effect->id);
    for (int i = 0; effect->type == STEP_UPDATE && alert->there && i < alert->n_items; i++) {
        if (!names(effect, alert->items[i]))
            inbox_take_back(&world->inbox, alert->items[i], effect->id);
    }
    alert->there = true;
    alert->n_items = effect->n_items;
    memcpy(alert->items, effect->items, (size_t)effect->n_items * sizeof *effect->items);
    for (int i = 0; i < effect->n_items; i++)
        inbox_add(&world->inbox, effect->items[i], effect->id);
    if (effect->audible)
        ring(world, effect);
}

/* ---- what happens to the human ----------------------------------------------------------------------- */

/* A stretch of own work is done: a true breakpoint. */
static void on_chunk(struct world *world)
{
    struct drawn_chunk done = draws_chunk(world->draws, world->chunk++);
    world->bound_ms = world->t_ms;
    world->chunk_end_ms = world->t_ms + draws_chunk(world->draws, world->chunk).ms;
    if (done.self_check) {
        world->cost_s += world->breakpoint_s;
        world->count.value[M_SELF_CHECKS]++;
        leave_own(world);
        self_check(world);
        return;
    }
    world_plan(world, world->chunk_end_ms,
               (struct happening){.type = HAPPENS_CHUNK, .token = world->token});
    if (done.sensed && world->options.sensor)
        world_plan(world, world->t_ms + in_ms(world->workload->human.sensor_lag_s),
                   (struct happening){.type = HAPPENS_SENSED, .token = world->token});
}

static void on_arrival(struct world *world, bool alerted)
{
    world->engaged_since_ms = world->t_ms;
    if (alerted)
        tell_engaged(world, true);
    for (int a = 0; !alerted && !world->has_board && a < world->workload->n_agents; a++) {
        if (world->agents[a].open)
            inbox_add(&world->inbox, a, INBOX_SEEN);
    }
    pick(world);
}

static void on_service(struct world *world, int a)
{
    struct agent *agent = &world->agents[a];
    if (!agent->open) {
        false_look(world, a);
        return;
    }
    agent->taken = true;
    world->hit = true;
    world->count.value[M_SERVED]++;
    world_record(world, a);
    world->current = a;
    world->current_end_ms = world->t_ms + world_need(world, a)->service_ms;
    world_plan(world, world->current_end_ms,
               (struct happening){.type = HAPPENS_SERVED, .token = world->token, .agent = a});
}

static void on_served(struct world *world, int a)
{
    world->agents[a].handled_ms = world->t_ms;
    inbox_remove(&world->inbox, a);
    world_close(world, a, true);
    pick(world);
}

/* Something critical takes the place of what is being set up or served. */
static void on_preemption(struct world *world, int a)
{
    int b = world->current;
    if (b < 0 || world->suspended >= 0 || !world->agents[a].open || world->agents[a].taken)
        return;
    if (b == a || open_critical(world, b))
        return;
    world->count.value[M_PREEMPTIONS]++;
    if (world->current_end_ms >= 0) {
        int64_t left_ms = world->current_end_ms - world->t_ms;
        world->suspended = b;
        world->suspended_ms = left_ms < 1 ? 1 : left_ms;
    }
    world->token++;
    inbox_remove(&world->inbox, a);
    int64_t set_up_ms = set_up(world, a);
    world->current = a;
    world->current_end_ms = -1;
    world_plan(world, world->t_ms + set_up_ms,
               (struct happening){.type = HAPPENS_SERVICE, .token = world->token, .agent = a});
}

static void on_absence(struct world *world, const struct happening *h)
{
    if (world->state == HUMAN_OWN) {
        leave_own(world);
        go_away(world, h->why);
    } else if (world->state == HUMAN_ENGAGED) {
        world->absence_waits = true;
        world->absence = (struct period){.to_ms = h->until_ms, .why = h->why};
    }
}

static void on_absence_end(struct world *world)
{
    world->absence_waits = false;
    if (world->state != HUMAN_AWAY)
        return;
    self_check(world);
    tell_away(world, false);
}

/* Not planned under a token, or under the one that is in force. */
static void on_planned(struct world *world, const struct happening *h)
{
    bool own = world->state == HUMAN_OWN;
    if (h->type == HAPPENS_CHUNK && own)
        on_chunk(world);
    else if ((h->type == HAPPENS_SENSED || h->type == HAPPENS_FALSE) && own)
        world_tell(world, (struct bench_input){.event = STEP_BREAKPOINT, .agent = -1});
    else if (h->type == HAPPENS_ARRIVAL)
        on_arrival(world, h->alerted);
    else if (h->type == HAPPENS_SERVICE)
        on_service(world, h->agent);
    else if (h->type == HAPPENS_SERVED)
        on_served(world, h->agent);
    else if (h->type == HAPPENS_LOOKED)
        pick(world);
    else if (h->type == HAPPENS_PREEMPTION && world->state == HUMAN_ENGAGED)
        on_preemption(world, h->agent);
}

void human_happening(struct world *world, const struct happening *h)
{
    if (h->type == HAPPENS_ABSENCE)
        on_absence(world, h);
    else if (h->type == HAPPENS_ABSENCE_END)
        on_absence_end(world);
    else if (h->type == HAPPENS_FALSE || h->token == world->token)
        on_planned(world, h);
}
