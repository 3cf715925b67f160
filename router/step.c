/* step.c: see step.h. The world's words as events of the core, the core's effects as the world's words; and the list,
 * which is the core's board with the silent sessions at its end. */
#include "step.h"

#include "config.h"
#include "rules/rules.h"
#include "rules/table.h"
#include "rules/text.h"
#include "yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN_MS                                                                                   \
    INT64_C(1795424400000) /* the world's zero: a Monday, 09:00 UTC; no instant of the core is 0 */
#define AGAIN_MS                                                                                   \
    2000 /* a hook comes twice within it: agents here have no request ids to tell it by */

static const char *const step_names[] = {
    "init",        "session_start", "session_end", "working", "progress", "resolved",
    "permission",  "failed",        "question",    "plan",    "finished", "permission_notice",
    "idle_notice", "breakpoint",    "engaged",     "away",    "tick"};
const struct words step_words = {"ev", STEP_EVENTS, step_names};

// clang-format off
const struct step_world step_world_unsaid = {
    .kappa = -1, .c_mid_s = -1, .c_bp_s = -1,
    .weight = {-1, -1, -1, -1, -1}, .at_most_s = {-1, -1, -1, -1, -1}, .service_s = {-1, -1, -1, -1, -1},
    .setup_s = -1, .grace_s = -1, .late_s = -1, .recall = -1, .bp_mean_s = -1, .sensor = true,
};
// clang-format on

struct agent {
    char *name;
    bool asking;                   /* something of it is open, as far as its own words tell */
    enum step_event asked;         /* what it asked last … */
    int64_t asked_ms, answered_ms; /* … when, and when that was over */
    char request[24];
    int64_t n_requests;
    struct agent *next;
};

struct step {
    struct rules *rules;
    struct policy *policy; /* until the first input */
    bool own_numbers;      /* of the configuration, whatever the world says */
    char **receivers;
    int n_receivers;
    struct table agents;
    struct agent *first_agent;
    struct moment now;
    uint64_t seq;
    int64_t deadline_ms; /* on the core's clock */
    bool engaged;

    uint64_t *alerts; /* known ones, the core's ids: the world's are their places, from 1 */
    int n_alerts, alerts_capacity;

    struct step_effects effects;
    struct step_effect *list;
    int list_capacity;
    const char **items; /* of all effects, one after the other … */
    int *starts;        /* … where each effect's begin */
    int n_items, items_capacity;
    const char **board; /* the last list */
    int n_board, board_capacity;
    const struct need **needs;
    const struct session **silent;
    int room;
};

/* ---- what the world is told ----------------------------------------------------------------------- */

static struct step_effect *effect_new(struct step *step, enum step_effect_type type)
{
    if (step->effects.n == step->list_capacity) {
        step->list_capacity = step->list_capacity ? step->list_capacity * 2 : 16;
        step->list = must_grow(step->list, (size_t)step->list_capacity * sizeof *step->list);
        step->starts = must_grow(step->starts, (size_t)step->list_capacity * sizeof *step->starts);
    }
    int i = step->effects.n++;
    step->list[i] = (struct step_effect){.type = type};
    step->starts[i] = step->n_items;
    return &step->list[i];
}

static bool same_agent(const void *item, const void *key)
{
    return strcmp(((const struct agent *)item)->name, key) == 0;
}

static struct agent *agent_get(struct step *step, const char *name)
{
    uint64_t hash = text_hash(TEXT_HASH, name);
    struct agent *agent = table_find(&step->agents, hash, same_agent, name);
    if (agent)
        return agent;
    agent = must_alloc(sizeof *agent);
    agent->name = must_copy(name);
    agent->answered_ms = INT64_MIN / 2;
    agent->next = step->first_agent;
    step->first_agent = agent;
    table_add(&step->agents, hash, agent);
    return agent;
}

static void add_item(struct step *step, const struct session *session)
{
    if (step->n_items == step->items_capacity) {
        step->items_capacity = step->items_capacity ? step->items_capacity * 2 : 64;
        step->items = must_grow(step->items, (size_t)step->items_capacity * sizeof *step->items);
    }
    step->items[step->n_items++] = agent_get(step, text_or(session->session, ""))->name;
    step->list[step->effects.n - 1].n_items++;
}

static int64_t alert_number(struct step *step, uint64_t id, bool *known)
{
    for (int i = step->n_alerts - 1; i >= 0; i--) {
        if (step->alerts[i] == id)
            return *known = true, i + 1;
    }
    if (step->n_alerts == step->alerts_capacity) {
        step->alerts_capacity = step->alerts_capacity ? step->alerts_capacity * 2 : 64;
        step->alerts = must_grow(step->alerts, (size_t)step->alerts_capacity * sizeof *step->alerts);
    }
    step->alerts[step->n_alerts++] = id;
    *known = false;
    return step->n_alerts;
}

static void say_alert(struct step *step, const struct effect *effect)
{
    bool known;
    int n;
    const struct alert *alert = rules_alert_find(step->rules, effect->alert_id);
    if (effect->type == EFFECT_ALERT && !alert)
        return;
    int64_t number = alert_number(step, effect->alert_id, &known);
    bool gone = effect->type == EFFECT_ALERT_WITHDRAWN;
    struct step_effect *said = effect_new(step, gone    ? STEP_WITHDRAW
                                                : known ? STEP_UPDATE
                                                        : STEP_CREATE);
    said->id = number;
    said->audible = effect->audible;
    if (gone)
        return;
    const struct need *const *needs = rules_alert_needs(step->rules, alert, &n);
    for (int i = 0; i < n; i++)
        add_item(step, needs[i]->session);
}

static bool same_board(const struct step *step, int start)
{
    int n = step->n_items - start;
    for (int i = 0; i < n && n == step->n_board;
         i++) { /* names are known once: the same text is the same place */
        if (step->items[start + i] != step->board[i])
            return false;
    }
    return n == step->n_board;
}

/* The whole live board: said if it is another than last time, or anyway. */
static void say_list(struct step *step, bool anyway)
{
    struct rules_counts counts = rules_counts(step->rules);
    int room = counts.needs + counts.sessions + 1;
    if (room > step->room) {
        step->room = room * 2;
        step->needs = must_grow(step->needs, (size_t)step->room * sizeof *step->needs);
        step->silent = must_grow(step->silent, (size_t)step->room * sizeof *step->silent);
        step->board = must_grow(step->board, (size_t)step->room * sizeof *step->board);
    }
    int start = step->n_items;
    effect_new(step, STEP_LIST);
    int n_needs = rules_board(step->rules, &step->now, step->needs);
    for (int i = 0; i < n_needs; i++)
        add_item(step, step->needs[i]->session);
    int n_silent = rules_silent(step->rules, &step->now, step->silent);
    for (int i = 0; i < n_silent; i++)
        add_item(step, step->silent[i]);
    if (!anyway && same_board(step, start)) {
        step->n_items = start;
        step->effects.n--;
        return;
    }
    step->n_board = step->n_items - start;
    for (int i = 0; i < step->n_board; i++)
        step->board[i] = step->items[start + i];
}

/* ---- steps of the core ----------------------------------------------------------------------------- */

static void core_step(struct step *step, struct input *input);

static void deliver(struct step *step, uint64_t alert_id, int64_t version)
{
    static const enum outcome_type types[] = {OUTCOME_HANDED, OUTCOME_DELIVERED};
    for (int i = 0; i < 2; i++) {
        const struct alert *alert = rules_alert_find(step->rules, alert_id);
        const struct receiver *receiver =
            alert ? rules_receiver_at(step->rules, (int)alert->receiver) : NULL;
        if (!receiver)
            return;
        core_step(step, &(struct input){.type = INPUT_OUTCOME,
                                        .outcome = {.type = types[i],
                                                    .receiver = receiver->name,
                                                    .alert_id = alert_id,
                                                    .version = version}});
    }
}

/* One input, and the deliveries that it leads to. */
static void core_step(struct step *step, struct input *input)
{
    input->seq = ++step->seq;
    const struct effects *effects = rules_step(step->rules, &step->now, input);
    step->deadline_ms = effects->deadline_ms;
    int n = 0;
    struct effect *alerts = effects->n ? must_alloc((size_t)effects->n * sizeof *alerts) : NULL;
    for (int i = 0; i < effects->n; i++) {
        const struct effect *effect = &effects->list[i];
        if (effect->type != EFFECT_ALERT && effect->type != EFFECT_ALERT_WITHDRAWN)
            continue;
        if (effect->type == EFFECT_ALERT_WITHDRAWN || effect->deliver)
            say_alert(step, effect);
        if (effect->deliver)
            alerts[n++] = *effect;
    }
    rules_committed(step->rules);
    for (int i = 0; i < n; i++)
        deliver(step, alerts[i].alert_id, alerts[i].version);
    free(alerts);
}

/* ---- the world's words as events ------------------------------------------------------------------- */

static void set_part(int64_t *thousandths, double value)
{
    if (value >= 0 && value < 1e6) /* what is larger is no number of the world, and would not fit */
        *thousandths = (int64_t)(value * 1000 + 0.5);
}

static void set_seconds(int64_t *seconds, double value)
{
    if (value >= 0 && value < 1e6)
        *seconds = (int64_t)(value + 0.5);
}

static void take_world(struct deferral *numbers, const struct step_world *world)
{
    static const enum step_kind of[KINDS] = {
        [KIND_PERMISSION] = STEP_PERM, [KIND_QUESTION] = STEP_QUES, [KIND_PLAN] = STEP_QUES,
        [KIND_LOGIN] = STEP_ERROR,     [KIND_FAILURE] = STEP_ERROR, [KIND_LIMIT] = STEP_ERROR,
        [KIND_STALLED] = STEP_QUES,    [KIND_CUSTOM] = STEP_ERROR,  [KIND_REVIEW] = STEP_DONE};
    for (int kind = 0; kind < KINDS; kind++) {
        set_part(&numbers->weight[kind], world->weight[of[kind]]);
        set_seconds(&numbers->service_s[kind], world->service_s[of[kind]]);
    }
    set_seconds(&numbers->critical_s, world->service_s[STEP_CRIT]);
    set_part(&numbers->waiting, world->kappa);
    set_seconds(&numbers->middle_s, world->c_mid_s);
    set_seconds(&numbers->breakpoint_s, world->c_bp_s);
    set_seconds(&numbers->setup_s, world->setup_s);
    set_seconds(&numbers->grace_s, world->grace_s);
    set_seconds(&numbers->late_s, world->late_s);
    set_part(&numbers->recall, world->sensor ? world->recall : 0);
    set_seconds(&numbers->every_s, world->bp_mean_s);
    numbers->few =
        0; /* here the person is in a task of their own, whenever they are neither engaged nor away */
}

static void begin(struct step *step, const struct step_world *world)
{
    if (world && !step->own_numbers)
        take_world(&step->policy->deferral, world);
    core_step(step, &(struct input){.type = INPUT_POLICY, .policy = step->policy});
    step->policy = NULL;
    for (int i = 0; i < step->n_receivers; i++) {
        struct outcome up = {
            .type = OUTCOME_UP, .receiver = step->receivers[i], .updates = true, .withdraws = true};
        core_step(step, &(struct input){.type = INPUT_OUTCOME, .outcome = up});
    }
}

static void agent_speaks(struct step *step, const struct step_input *input, struct event *event)
{
    event->at_wall_ms = step->now.wall_ms;
    event->agent = "agent";
    event->session = agent_get(step, text_or(input->agent, ""))->name;
    event->repository = input->repository;
    event->source = word_name(&step_words, input->event);
    event->talks = TALKS_ALWAYS;
    core_step(step, &(struct input){.type = INPUT_EVENT, .event = event});
}

/* It has the turn, or is over: what it asked is answered. */
static void goes_on(struct step *step, const struct step_input *input, struct event event)
{
    struct agent *agent = agent_get(step, text_or(input->agent, ""));
    if (agent->asking)
        agent->answered_ms = step->now.steady_ms;
    agent->asking = false;
    agent_speaks(step, input, &event);
}

/* The same within AGAIN_MS is the same request, or the late twin of one that is answered; anything else is a new
 * request, and tells that the one before is over: here an agent asks one thing at a time. */
static void asks(struct step *step, const struct step_input *input, enum kind kind, enum state state)
{
    int64_t now = step->now.steady_ms;
    struct agent *agent = agent_get(step, text_or(input->agent, ""));
    bool same = input->event == agent->asked;
    struct event event = {.opens = OPENS_REASON,
                          .kind = kind,
                          .state = state,
                          .urgency = input->crit ? URGENCY_CRITICAL : URGENCY_UNSET};
    if (same && !agent->asking && now - agent->answered_ms < AGAIN_MS) {
        event = (struct event){.opens = CONFIRMS_REASON, .kind = kind};
    } else if (!same || !agent->asking || now - agent->asked_ms >= AGAIN_MS) {
        snprintf(agent->request, sizeof agent->request, "%lld", (long long)++agent->n_requests);
        agent->asked_ms = now;
        agent->asked = input->event;
        agent->asking = true;
        event.closes = CLOSES_MAIN;
    }
    event.request = agent->request;
    agent_speaks(step, input, &event);
}

static void finishes(struct step *step, const struct step_input *input)
{
    struct event event = {.thread = "sub", .opens = OPENS_REASON, .kind = KIND_REVIEW};
    if (input->sub)
        agent_speaks(step, input, &event);
    else
        asks(step, input, KIND_REVIEW, STATE_DONE);
}

static void notices(struct step *step, const struct step_input *input, enum kind kind)
{
    struct agent *agent = agent_get(step, text_or(input->agent, ""));
    struct event event = {.opens = CONFIRMS_REASON, .kind = kind, .request = "notice"};
    agent->asking = true;
    agent_speaks(step, input, &event);
}

static void person(struct step *step, const struct presence_input presence)
{
    core_step(step, &(struct input){.type = INPUT_PRESENCE, .presence = presence});
}

static void take(struct step *step, const struct step_input *input)
{
    switch (input->event) {
    case STEP_INIT: /* begin() took it */
        break;
    case STEP_SESSION_START:
        goes_on(step, input, (struct event){.starts = true, .state = STATE_STARTED});
        break;
    case STEP_SESSION_END:
        goes_on(step, input, (struct event){.ends = true});
        break;
    case STEP_WORKING:
    case STEP_PROGRESS:
    case STEP_RESOLVED:
        goes_on(step, input, (struct event){.closes = CLOSES_MAIN, .state = STATE_WORKING});
        break;
    case STEP_PERMISSION:
        asks(step, input, KIND_PERMISSION, STATE_BLOCKED);
        break;
    case STEP_FAILED:
        asks(step, input, KIND_FAILURE, STATE_FAILED);
        break;
    case STEP_QUESTION:
        asks(step, input, KIND_QUESTION, STATE_BLOCKED);
        break;
    case STEP_PLAN:
        asks(step, input, KIND_PLAN, STATE_BLOCKED);
        break;
    case STEP_FINISHED:
        finishes(step, input);
        break;
    case STEP_PERMISSION_NOTICE:
        notices(step, input, KIND_PERMISSION);
        break;
    case STEP_IDLE_NOTICE:
        notices(step, input, KIND_REVIEW);
        break;
    case STEP_BREAKPOINT:
        person(step, (struct presence_input){.breakpoint = "a breakpoint"});
        break;
    case STEP_ENGAGED:
        step->engaged = input->on;
        person(step, (struct presence_input){.says = PRESENCE_SAYS_ENGAGED, .engaged = input->on});
        break;
    case STEP_AWAY:
        person(step, (struct presence_input){.says = PRESENCE_SAYS_STATE,
                                             .state = input->on ? PRESENCE_AWAY : PRESENCE_ACTIVE});
        break;
    case STEP_TICK:
        core_step(step, &(struct input){.type = INPUT_TICK});
        break;
    case STEP_EVENTS:
        break;
    }
}

const struct step_effects *step_take(struct step *step, const struct step_input *input)
{
    bool first = step->policy != NULL;
    step->effects.n = step->n_items = 0;
    if (BEGIN_MS + input->t_ms > step->now.wall_ms)
        step->now.wall_ms = step->now.steady_ms = BEGIN_MS + input->t_ms;
    if (first)
        begin(step, input->event == STEP_INIT ? input->world : NULL);
    take(step, input);
    if (first || step->engaged)
        say_list(step, first || input->event == STEP_ENGAGED);
    for (int i = 0; i < step->effects.n; i++) /* only now they stay where they are */
        step->list[i].items = step->list[i].n_items ? step->items + step->starts[i] : NULL;
    step->effects.list = step->list;
    step->effects.deadline_ms =
        step->deadline_ms == NEVER_MS ? STEP_NEVER : step->deadline_ms - BEGIN_MS;
    return &step->effects;
}

/* ---- life ------------------------------------------------------------------------------------------ */

static struct config *load(const char *file, struct problems *problems)
{
    static const char standing[] = "preset: default\n";
    struct config *config = NULL;
    char *text;
    size_t len;
    if (!file)
        return config_parse(&config, standing, sizeof standing - 1, "preset default", NULL,
                            CONFIG_RECORDED, problems) == 0
                   ? config
                   : NULL;
    int error = yaml_read_file(file, YAML_SIZE_MAX, &text, &len);
    if (error) {
        problem_set(problems, &(struct problem_at){.file = file, .key = ""}, NULL, "%s",
                    strerror(-error));
        return NULL;
    }
    error = config_parse(&config, text, len, file, NULL, CONFIG_RECORDED, problems);
    free(text);
    return error ? NULL : config;
}

struct step *step_new(const char *file, struct problems *problems)
{
    struct problems ignored = {0};
    struct config *config = load(file, problems ? problems : &ignored);
    problems_clear(&ignored);
    if (!config)
        return NULL;
    struct step *step = must_alloc(sizeof *step);
    step->rules = rules_new();
    step->policy = config->policy;
    step->own_numbers = file != NULL;
    step->now =
        (struct moment){.wall_ms = BEGIN_MS, .steady_ms = BEGIN_MS, .next_offset_ms = NEVER_MS};
    step->deadline_ms = NEVER_MS;
    step->receivers = must_alloc(sizeof *step->receivers * (size_t)(config->n_receivers + 1));
    for (int i = 0; i < config->n_receivers; i++)
        step->receivers[step->n_receivers++] = must_copy(config->receivers[i].name);
    config->policy = NULL;
    config_free(config);
    return step;
}

void step_free(struct step *step)
{
    if (!step)
        return;
    rules_free(step->rules);
    policy_free(step->policy);
    for (int i = 0; i < step->n_receivers; i++)
        free(step->receivers[i]);
    for (struct agent *agent = step->first_agent, *next; agent; agent = next) {
        next = agent->next;
        free(agent->name);
        free(agent);
    }
    table_clear(&step->agents);
    free(step->receivers);
    free(step->alerts);
    free(step->list);
    free(step->starts);
    free(step->items);
    free(step->board);
    free(step->needs);
    free(step->silent);
    free(step);
}
