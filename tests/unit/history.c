/* history.c: see history.h. */
#include "history.h"

#include "rules/table.h"

#include <stdio.h>
#include <string.h>

const char *const history_receivers[3] = {"popup", "team", "phone"};

/* ---- chance -------------------------------------------------------------------------------------- */

static uint32_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 32);
}

/* A part of a turn's dice: each use takes its own. */
static unsigned dice(const struct turn *turn, int part, unsigned n)
{
    uint64_t mixed = table_mix(((uint64_t)turn->dice << 8) + (unsigned)part);
    return (unsigned)(mixed >> 40) % n;
}

static enum act random_act(unsigned n)
{
    return n < 68   ? ACT_EVENT
           : n < 80 ? ACT_COMMAND
           : n < 87 ? ACT_PRESENCE
           : n < 92 ? ACT_RECEIVER
           : n < 94 ? ACT_GONE
           : n < 97 ? ACT_RELOAD
                    : ACT_NOTHING;
}

void history_random(struct history *history, uint64_t seed)
{
    static const int64_t pauses[] = {0,          0,          200,         800,
                                     1500,       3000,       10000,       30 * SECOND,
                                     2 * MINUTE, 6 * MINUTE, 25 * MINUTE, 90 * MINUTE};
    uint64_t state = table_mix(seed + 1);
    *history = (struct history){.seed = seed};
    history->rules = draw(&state) & draw(&state);
    history->other = draw(&state) & draw(&state);
    history->n = 6 + (int)(draw(&state) % (TURNS_MAX - 6));
    for (int i = 0; i < history->n; i++) {
        struct turn *turn = &history->turns[i];
        turn->after_ms = pauses[draw(&state) % (draw(&state) % 8 ? 9 : 12)];
        turn->act = random_act(draw(&state) % 100);
        turn->dice = draw(&state);
    }
}

/* ---- the policy ------------------------------------------------------------------------------------ */

enum { POPUP, TEAM, PHONE };
enum { DND, NIGHT, AWAY };

static void receivers_of(struct policy *policy, uint32_t rules)
{
    policy_receiver(policy, "team", false, POPUP, 5 * MINUTE);
    policy_receiver(policy, "phone", true, TEAM, MINUTE);
    policy->receivers[POPUP].fallback = TEAM;
    policy->receivers[POPUP].budget = rules & 1 ? 3 : 0;
    policy->receivers[TEAM].budget = rules & 2 ? 2 : 0;
}

static void set_slot(struct rule *rule, enum slot slot, int64_t ms)
{
    rule->sets |= 1u << SET_SLOT;
    rule->slot = slot;
    rule->batch_ms = ms;
}

/* What optional rule n sets, and when it applies. */
static void fill_rule(struct rule *rule, int n)
{
    static const char *const kinds[] = {"permission", "question", "review", "failure", "limit"};
    if (n >= 2 && n < 12)
        policy_match(&rule->match, MATCH_KIND, kinds[n % 5]);
    if (n >= 12)
        policy_match(&rule->match, MATCH_REPOSITORY, n % 2 ? "repo1" : "repo*");
    if (n >= 14) {
        rule->during = n % 3 ? DURING_NAMED : DURING_ANY;
        rule->focuses = 1u << (n % 2 ? DND : NIGHT);
    }
    switch (n) {
    case 0:
        set_slot(rule, SLOT_NEVER, 0);
        break;
    case 1:
        rule->sets = 1u << SET_AT_MOST | 1u << SET_SETTLE;
        rule->at_most_ms = 2 * MINUTE;
        rule->settle_ms = 7 * SECOND;
        break;
    case 2:
    case 16:
        set_slot(rule, SLOT_BATCH, 4 * MINUTE);
        break;
    case 3:
    case 14:
        rule->sets = 1u << SET_URGENCY;
        rule->urgency = URGENCY_CRITICAL;
        break;
    case 4:
        rule->sets = 1u << SET_SILENT;
        rule->silent = true;
        break;
    case 5:
        rule->sets = 1u << SET_REPEAT;
        rule->repeat_ms = 3 * MINUTE;
        rule->repeat_times = 2;
        break;
    case 6:
        rule->sets = 1u << SET_ESCALATE;
        rule->n_escalate = 1;
        rule->escalate[0].after_ms = 5 * MINUTE;
        rule->escalate[0].to = 1u << PHONE;
        break;
    case 7:
        rule->sets = 1u << SET_ALSO;
        rule->also = 1u << TEAM;
        break;
    case 8:
        rule->sets = 1u << SET_GROUP_BY;
        rule->group_by = GROUP_SESSION;
        break;
    case 9:
        rule->sets = 1u << SET_TO;
        rule->to = 1u << TEAM;
        break;
    case 10:
        set_slot(rule, SLOT_DIGEST, 0);
        rule->n_times = 4;
        for (int i = 0; i < 4; i++)
            rule->times_min[i] = (int16_t)(i * 30 + 5);
        break;
    case 11:
        rule->sets = 1u << SET_INHIBIT;
        rule->inhibit = 0;
        break;
    case 12:
        rule->sets = 1u << SET_TO; /* the board only */
        break;
    case 13:
        set_slot(rule, SLOT_FOCUS_END, 0);
        break;
    case 15:
        rule->sets = 1u << SET_TO;
        rule->to = 1u << PHONE;
        break;
    case 17:
        set_slot(rule, SLOT_NEVER, 0);
        break;
    case 18:
        set_slot(rule, SLOT_FOCUS_END, 0);
        break;
    default:
        rule->sets = 1u << SET_GROUP_BY;
        break;
    }
}

static void idle_rule(struct policy *policy)
{
    struct rule *rule = policy_rule(policy, "matches nothing");
    policy_match(&rule->match, MATCH_AGENT, "nobody");
    rule->sets = 1u << SET_URGENCY | 1u << SET_TO;
    rule->urgency = URGENCY_CRITICAL;
    rule->to = 1u << PHONE;
    rule->stop = true;
}

static struct policy *make_policy(uint32_t rules, int idle_at)
{
    struct policy *policy = plain_policy();
    receivers_of(policy, rules >> 20);
    policy_focus(policy, "dnd", NULL, 0);
    policy_focus(policy, "night", &(struct span){0x7f, 30, 95}, 1);
    policy->focuses[policy_focus(policy, "away", NULL, 0)].presence =
        1u << PRESENCE_LOCKED | 1u << PRESENCE_AWAY;
    for (int n = 0; n < HISTORY_RULES; n++) {
        if (n == idle_at)
            idle_rule(policy);
        if (!(rules & 1u << n))
            continue;
        char name[24];
        snprintf(name, sizeof name, "rule %d", n);
        fill_rule(policy_rule(policy, name), n);
    }
    return policy;
}

/* ---- a play ---------------------------------------------------------------------------------------- */

static bool step(struct play *play, struct input input)
{
    input.seq = ++play->seq;
    const struct effects *effects = rules_step(play->rules, &play->now, &input);
    play->deadline_ms = effects->deadline_ms;
    return play->after(play->arg, play, &input, effects);
}

static int receiver_index(const struct play *play, const struct alert *alert)
{
    const struct receiver *receiver = rules_receiver_at(play->rules, (int)alert->receiver);
    for (int i = 0; receiver && i < 3; i++) {
        if (strcmp(receiver->name, history_receivers[i]) == 0)
            return i;
    }
    return -1;
}

static const struct alert *to_hand_over(const struct play *play)
{
    for (const struct alert *alert = rules_alert_next(play->rules, NULL); alert;
         alert = rules_alert_next(play->rules, alert)) {
        int receiver = receiver_index(play, alert);
        if (receiver >= 0 && play->up[receiver] && alert->queued > alert->delivered && !alert->handed)
            return alert;
    }
    return NULL;
}

static bool outcome(struct play *play, enum outcome_type type, int receiver, uint64_t alert_id,
                    int64_t version)
{
    struct outcome outcome = {.type = type,
                              .receiver = history_receivers[receiver],
                              .alert_id = alert_id,
                              .version = version,
                              .updates = receiver != TEAM,
                              .withdraws = receiver != TEAM};
    return step(play, (struct input){.type = INPUT_OUTCOME, .outcome = outcome});
}

/* One step and the deliveries that follow from it. */
static bool take(struct play *play, struct input input)
{
    if (!step(play, input))
        return false;
    for (const struct alert *alert; (alert = to_hand_over(play));) {
        int receiver = receiver_index(play, alert);
        uint64_t id = alert->record.id;
        int64_t version = alert->queued;
        if (!outcome(play, OUTCOME_HANDED, receiver, id, version) ||
            !outcome(play, OUTCOME_DELIVERED, receiver, id, version))
            return false;
    }
    if (play->twist.cut_before < 0)
        rules_committed(play->rules);
    else
        stage_save(&play->store);
    return true;
}

static void move(struct play *play, int64_t steady_ms)
{
    play->now.wall_ms += steady_ms - play->now.steady_ms;
    play->now.steady_ms = steady_ms;
}

static bool pass(struct play *play, int64_t ms)
{
    int64_t until = play->now.steady_ms + ms;
    while (play->deadline_ms < until) {
        move(play, play->deadline_ms > play->now.steady_ms ? play->deadline_ms : play->now.steady_ms);
        if (!take(play, (struct input){.type = INPUT_TICK}))
            return false;
    }
    move(play, until);
    return true;
}

static const struct need *need_of(const struct play *play, unsigned session)
{
    char name[8];
    snprintf(name, sizeof name, "s%u", session);
    for (const struct session *at = rules_session_next(play->rules, NULL); at;
         at = rules_session_next(play->rules, at)) {
        if (strcmp(at->session, name) == 0)
            return at->need;
    }
    return NULL;
}

static bool play_event(struct play *play, const struct turn *turn)
{
    static const enum kind kinds[] = {KIND_PERMISSION, KIND_QUESTION, KIND_REVIEW, KIND_FAILURE,
                                      KIND_LIMIT};
    static const char *const requests[] = {"", "r1", "r2"}, *const threads[] = {"", "", "", "t1"};
    char session[8], repository[8], pane[8];
    unsigned which = dice(turn, 0, HISTORY_SESSIONS), how = dice(turn, 1, 10);
    snprintf(session, sizeof session, "s%u", which);
    snprintf(repository, sizeof repository, "repo%u", which % 3);
    snprintf(pane, sizeof pane, "%%%u", which);
    struct event event = {.at_wall_ms = play->now.wall_ms,
                          .agent = "claude-code",
                          .session = session,
                          .repository = repository,
                          .place = {.pane = pane},
                          .pid = 100 + which,
                          .source = "history",
                          .title = dice(turn, 2, 2) ? "one" : "two",
                          .thread = threads[dice(turn, 3, 4)],
                          .request = requests[dice(turn, 4, 3)],
                          .kind = kinds[dice(turn, 5, 5)]};
    if (how < 5)
        event.opens = OPENS_REASON;
    else if (how < 6)
        event.opens = CONFIRMS_REASON;
    else if (how < 9)
        event.closes = dice(turn, 6, 2) ? CLOSES_SESSION : CLOSES_MAIN;
    else
        event.ends = true;
    if (how == 8)
        event.prompt = true, event.thread = "";
    if (dice(turn, 7, 12) == 0)
        event.urgency = URGENCY_CRITICAL;
    if (dice(turn, 8, 6) == 0)
        event.at_wall_ms -= 1000 * (1 + dice(turn, 9, 40));
    return take(play, (struct input){.type = INPUT_EVENT, .event = &event});
}

static bool play_command(struct play *play, const struct turn *turn)
{
    const struct need *need = need_of(play, dice(turn, 0, HISTORY_SESSIONS));
    struct command command = {.type = (enum command_type)dice(turn, 1, COMMANDS),
                              .need_id = need ? need->record.id : 0,
                              .for_ms = (1 + (int64_t)dice(turn, 2, 20)) * MINUTE,
                              .focus = dice(turn, 3, 2) ? "dnd" : "night"};
    return take(play, (struct input){.type = INPUT_COMMAND, .command = command});
}

static bool play_presence(struct play *play, const struct turn *turn)
{
    char pane[8] = "";
    if (dice(turn, 0, 2))
        snprintf(pane, sizeof pane, "%%%u", dice(turn, 1, HISTORY_SESSIONS));
    struct presence_input presence = {
        .says = 1 + dice(turn, 2, 15),
        .state = dice(turn, 3, 2) ? PRESENCE_ACTIVE
                                  : (enum presence)(PRESENCE_ACTIVE + dice(turn, 4, 4)),
        .engaged = dice(turn, 5, 3) == 0,
        .front = {.pane = pane},
        .breakpoint = dice(turn, 6, 3) == 0 ? "a commit" : NULL};
    return take(play, (struct input){.type = INPUT_PRESENCE, .presence = presence});
}

static bool load(struct play *play, uint32_t rules)
{
    play->in_force = rules;
    struct policy *policy = make_policy(rules, play->twist.idle_rule);
    return take(play, (struct input){.type = INPUT_POLICY, .policy = policy});
}

static bool play_turn(struct play *play, const struct turn *turn)
{
    int receiver = (int)dice(turn, 0, 3);
    switch (turn->act) {
    case ACT_EVENT:
        return play_event(play, turn);
    case ACT_COMMAND:
        return play_command(play, turn);
    case ACT_PRESENCE:
        return play_presence(play, turn);
    case ACT_RECEIVER:
        play->up[receiver] = dice(turn, 1, 3) > 0;
        return outcome(play, play->up[receiver] ? OUTCOME_UP : OUTCOME_DOWN, receiver, 0, 0) &&
               take(play, (struct input){.type = INPUT_TICK});
    case ACT_GONE:
        return take(play, (struct input){.type = INPUT_GONE,
                                         .gone = {"", 100 + dice(turn, 0, HISTORY_SESSIONS), 0}});
    case ACT_RELOAD:
        return load(play, dice(turn, 0, 2) ? play->history->rules : play->history->other);
    case ACT_NOTHING:
    case ACTS:
        break;
    }
    return true;
}

/* What is marked as changed must be enough to go on as if nothing had been. */
static void cut(struct play *play)
{
    struct input input = {.type = INPUT_POLICY,
                          .seq = play->seq + 1,
                          .policy = make_policy(play->in_force, play->twist.idle_rule)};
    stage_save(&play->store);
    rules_free(play->rules);
    play->rules = play->store.rules = rules_new();
    stage_restore(&play->store, play->rules);
    const struct effects *effects = rules_step(play->rules, &play->now, &input);
    play->after(play->arg, play, &input, effects);
    stage_save(&play->store);
}

/* Only where no deadline is due: else a look would come before this turn's input, and inputs come first. */
static bool twist(struct play *play)
{
    const struct twist *twist = &play->twist;
    int before = twist->cut_before > twist->reload_before ? twist->cut_before : twist->reload_before;
    if (before < 0 || play->turn < before || play->twisted || play->deadline_ms <= play->now.steady_ms)
        return true;
    play->twisted = true;
    if (twist->reload_before >= 0)
        return load(play, play->in_force);
    cut(play);
    return true;
}

static bool play_all(struct play *play)
{
    if (!load(play, play->history->rules))
        return false;
    for (play->turn = 0; play->turn < play->history->n; play->turn++) {
        const struct turn *turn = &play->history->turns[play->turn];
        if (!pass(play, turn->after_ms))
            return false;
        if (!twist(play) || !play_turn(play, turn))
            return false;
    }
    return pass(play, 2 * HOUR);
}

bool history_play(const struct history *history, struct twist twist,
                  bool (*after)(void *arg, const struct play *play, const struct input *input,
                                const struct effects *effects),
                  void *arg)
{
    struct play play = {.history = history,
                        .twist = twist,
                        .rules = rules_new(),
                        .now = stage_monday,
                        .deadline_ms = INT64_MAX,
                        .up = {true, true, true},
                        .after = after,
                        .arg = arg};
    play.store.rules = play.rules;
    bool good = play_all(&play);
    stage_forget(&play.store);
    rules_free(play.rules);
    return good;
}
