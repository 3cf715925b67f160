/* rules.c: the step. Read rules_step() first: it is the whole way of an input through the core. */
#include "core.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- effects ------------------------------------------------------------------------------------- */

struct effect *core_effect(struct rules *rules, enum effect_type type, const char *format, ...)
{
    if (rules->effects.n == rules->effects_capacity) {
        int capacity = rules->effects_capacity ? rules->effects_capacity * 2 : 16;
        rules->effects.list =
            must_grow(rules->effects.list, (size_t)capacity * sizeof *rules->effects.list);
        rules->reasons = must_grow(rules->reasons, (size_t)capacity * sizeof *rules->reasons);
        rules->effects_capacity = capacity;
    }
    int i = rules->effects.n++;
    va_list args;
    va_start(args, format);
    vsnprintf(rules->reasons[i], REASON_SIZE, format, args);
    va_end(args);
    rules->effects.list[i] = (struct effect){.type = type};
    return &rules->effects.list[i];
}

/* ---- taking inputs ------------------------------------------------------------------------------- */

/* The sender's stamp in steady time: never in the future, and untouched by later steps of the clock. */
static int64_t steady_of(const struct moment *now, int64_t wall_ms)
{
    int64_t ago = now->wall_ms - wall_ms;
    return now->steady_ms - (ago > 0 ? ago : 0);
}

static void prompt_sent(struct rules *rules, const struct session *session)
{
    char by[TEXT_NAME];
    snprintf(by, sizeof by, "you sent a prompt to %s", text_or(session->agent, "an agent"));
    person_breakpoint(rules, by);
}

/* event → session → need */
static void take_event(struct rules *rules, const struct event *event)
{
    int64_t at_ms = steady_of(&rules->now, event->at_wall_ms);
    struct session *session = session_get(rules, event, at_ms);
    struct event noted;
    if (event->during && !(event->during >> session->state & 1)) {
        noted = event_as_note(event);
        event = &noted;
    }
    bool newer = session_newer(rules, session, event, at_ms);
    bool main = text_empty(event->thread);
    bool note = event_is_note(event);
    rules->heard_of = session;
    rules->heard = note            ? HEARD_NOTE
                   : event->ends   ? HEARD_END
                   : !main         ? HEARD_THREAD
                   : event->waking ? HEARD_WAKES
                                   : HEARD_WORK;
    if (event->starts && newer) {
        session->unattended = event->unattended;
        session->waking = false;
    }
    if (main && newer && (event->state == STATE_DONE || event->state == STATE_FAILED))
        session->waking = event->waking;
    silence_heard(rules, session, event, at_ms);
    need_take(rules, session, event, at_ms, newer);
    session_process(rules, session, event);
    if (main && newer)
        session_state(rules, session, event->state, at_ms);
    if (event->ends)
        session_state(rules, session, STATE_ENDED, at_ms);
    silence_follow(rules, session);
    if (event->prompt && main && newer && rules->now.steady_ms - at_ms <= BREAKPOINT_MS)
        prompt_sent(rules, session);
    if (note || event->opens == CONFIRMS_REASON)
        return;
    session->hushed = false;
    if (at_ms > session->evidence_ms && !event->observed)
        session->evidence_ms = at_ms;
}

static void take_gone(struct rules *rules, const struct input *input)
{
    for (struct session *session = rules->first_session; session; session = session->next) {
        if (session->pid != input->gone.pid || session->pid_start != input->gone.pid_start ||
            !text_same(session->host, input->gone.host) || session->state == STATE_ENDED)
            continue;
        if (session->need && need_open(session->need))
            need_resolve(rules, session->need, "its process is gone");
        session_state(rules, session, STATE_ENDED, rules->now.steady_ms);
    }
}

static void command_need(struct rules *rules, const struct command *command, struct need *need)
{
    if (command->type == COMMAND_SERVE) {
        person_acted(rules, need->session->repository);
    } else if (command->type == COMMAND_ACK) {
        need_ack(rules, need);
        person_acted(rules, need->session->repository);
    } else if (command->type == COMMAND_SNOOZE) {
        need_snooze(rules, need, rules->now.steady_ms + command->for_ms);
    } else {
        need->session->hushed = true; /* notices alone do not reopen it */
        core_changed(rules, need->session);
        need_resolve(rules, need, "resolved by hand");
        session_state(rules, need->session, STATE_IDLE, rules->now.steady_ms);
    }
}

static void command_needs(struct rules *rules, const struct command *command)
{
    struct need *need = (struct need *)rules_need_find(rules, command->need_id);
    struct alert *alert = (struct alert *)rules_alert_find(rules, command->alert_id);
    if (need && need_open(need)) {
        command_need(rules, command, need);
        return;
    }
    if (!alert) {
        core_effect(rules, EFFECT_REFUSED,
                    need ? "that need is resolved already" : "there is no such need");
        return;
    }
    for (struct line *line = alert->lines, *next; line; line = next) {
        next = line->next_in_alert;
        if (!command->version || (line->version && line->version <= command->version))
            command_need(rules, command, line->need);
    }
}

static void command_focus(struct rules *rules, const struct command *command)
{
    if (command->type == COMMAND_FOCUS_OFF && text_empty(command->focus)) {
        for (int slot = 0; slot < FOCUS_SLOTS; slot++) {
            if (rules->focuses[slot] && rules->focuses[slot]->on)
                focus_hand(rules, rules->focuses[slot], HAND_OFF, 0);
        }
        return;
    }
    struct focus *focus = focus_find(rules, command->focus);
    if (!focus || !focus->declared) {
        core_effect(rules, EFFECT_REFUSED, "no focus is called %s", text_or(command->focus, "that"));
        return;
    }
    focus_hand(rules, focus, command->type == COMMAND_FOCUS_ON ? HAND_ON : HAND_OFF, command->for_ms);
}

static void take_command(struct rules *rules, const struct command *command)
{
    switch (command->type) {
    case COMMAND_ACK:
    case COMMAND_SNOOZE:
    case COMMAND_RESOLVE:
    case COMMAND_SERVE:
        command_needs(rules, command);
        break;
    case COMMAND_FOCUS_ON:
    case COMMAND_FOCUS_OFF:
        command_focus(rules, command);
        break;
    case COMMAND_BREAK:
        person_breakpoint(rules, "you said so");
        break;
    case COMMANDS:
        break;
    }
}

static void take_outcome(struct rules *rules, const struct outcome *outcome)
{
    struct receiver *receiver = receiver_find(rules, outcome->receiver);
    struct alert *alert = (struct alert *)rules_alert_find(rules, outcome->alert_id);
    if (!receiver)
        return;
    switch (outcome->type) {
    case OUTCOME_UP:
        receiver->updates = outcome->updates;
        receiver->withdraws = outcome->withdraws;
        receiver_up(rules, receiver);
        break;
    case OUTCOME_DOWN:
        receiver_down(rules, receiver, outcome->reason);
        break;
    case OUTCOME_HANDED:
        if (alert)
            alert_handed(rules, alert, outcome->version);
        break;
    case OUTCOME_DELIVERED:
        if (alert)
            alert_delivered(rules, alert, outcome->version);
        receiver_up(rules, receiver);
        break;
    case OUTCOME_RETRY:
    case OUTCOME_FAILED:
        receiver_down(rules, receiver, outcome->reason);
        if (alert)
            alert_not_delivered(rules, alert, outcome->version, outcome->type == OUTCOME_FAILED);
        break;
    case OUTCOMES:
        break;
    }
}

/* Instants stay, durations are the new ones, told stays told: everything open is only judged again. */
static void take_policy(struct rules *rules, struct policy *policy)
{
    struct policy *old = rules->policy;
    rules->policy = policy;
    receiver_configure(rules, policy);
    focus_configure(rules, policy);
    for (struct need *need = rules->first_need; need; need = need->next) {
        if (need_open(need))
            need_touch(rules, need);
        else
            need->treatment = (struct treatment){0};
    }
    policy_free(old);
}

static void take(struct rules *rules, const struct input *input)
{
    switch (input->type) {
    case INPUT_EVENT:
        take_event(rules, input->event);
        break;
    case INPUT_GONE:
        take_gone(rules, input);
        break;
    case INPUT_COMMAND:
        take_command(rules, &input->command);
        break;
    case INPUT_OUTCOME:
        take_outcome(rules, &input->outcome);
        break;
    case INPUT_PRESENCE:
        person_take(rules, &input->presence);
        break;
    case INPUT_CALENDAR:
        focus_calendar(rules, &input->calendar);
        break;
    case INPUT_POLICY:
        take_policy(rules, input->policy);
        break;
    case INPUT_START:
        rules->gather = true;
        break;
    case INPUT_TICK:
    case INPUTS:
        break;
    }
}

/* ---- the look ------------------------------------------------------------------------------------ */

static void judge_touched(struct rules *rules)
{
    for (struct need *need; (need = rules->dirty);) {
        rules->dirty = need->next_dirty;
        need->dirty = false;
        judge_need(rules, need);
    }
}

static void judge_due(struct rules *rules)
{
    for (struct need *need; (need = agenda_due(&rules->agenda, rules->now.steady_ms));)
        judge_need(rules, need);
}

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When something may be due next, if nothing comes in before. */
static int64_t next_deadline(struct rules *rules)
{
    int64_t need_ms = agenda_deadline(&rules->agenda), focus_ms = focus_deadline(rules);
    need_ms = earliest(need_ms, person_deadline(rules));
    need_ms = earliest(need_ms, silence_deadline(rules));
    return earliest(earliest(need_ms, focus_ms), earliest(receiver_deadline(rules), rules->defer_ms));
}

/* Where sessions come or go, deferral begins or ceases to pay: everything untold is judged again. */
static void follow_few(struct rules *rules)
{
    bool few = wait_few(rules);
    if (few == rules->few)
        return;
    rules->few = few;
    need_touch_untold(rules);
}

/* The wall clock was set: what is held to a time of day is judged again. */
static void follow_clock(struct rules *rules)
{
    int64_t ahead_ms = rules->now.wall_ms - rules->now.steady_ms;
    int64_t step_ms = ahead_ms - rules->ahead_ms;
    if (step_ms > -STEP_MS && step_ms < STEP_MS)
        return;
    rules->ahead_ms = ahead_ms;
    need_touch_untold(rules);
}

/* Is the person still answering from the board? Which walls stand at this moment? */
static void follow_person(struct rules *rules)
{
    person_look(rules);
    focus_look(rules);
}

/* Judges what the input touched and what has become due. It costs what changed, not what is known. */
static void look(struct rules *rules)
{
    follow_person(rules); /* the input may have changed it */
    follow_few(rules);
    follow_clock(rules);
    silence_look(rules); /* is a session silent for too long? */
    tell_again(rules);

    judge_touched(rules); /* need → decision */
    judge_due(rules);
    wait_look(rules); /* is it a good moment for what is held? */

    tell_due(rules);         /* decision → alert */
    receiver_give_up(rules); /* … or, where a receiver is down, an alert on its fallback */
    judge_touched(rules);

    alert_publish(rules); /* alert → delivery */
    judge_room(rules);    /* fewer rings are left for others */
    wait_look(rules);     /* fewer are held, and there is less room: when to ask again? */

    rules->effects.deadline_ms = next_deadline(rules);
    rules->gather = false;
}

const struct effects *rules_step(struct rules *rules, const struct moment *now, const struct input *input)
{
    rules->now = *now; /* the one reading of the clocks for all that follows */
    rules->seq = input->seq;
    rules->next_n = 0; /* ids of what this step makes: seq.0, seq.1 … */
    rules->effects.n = 0;
    rules->heard = HEARD_NOTHING;
    rules->heard_of = NULL;

    session_forget(rules);
    if (rules->policy)
        follow_person(rules); /* time has passed: what comes in comes into this moment's focuses */
    take(rules, input);       /* event → session → need */
    session_collect(rules);   /* caps hold before anything is judged */
    if (rules->policy) /* a start takes its spool without one: nothing is told before all is known */
        look(rules);

    for (int i = 0; i < rules->effects.n; i++) /* only now the sentences stay where they are */
        rules->effects.list[i].reason = rules->reasons[i];
    return &rules->effects;
}

/* ---- life ---------------------------------------------------------------------------------------- */

struct rules *rules_new(void)
{
    struct rules *rules = must_alloc(sizeof *rules);
    rules->effects.deadline_ms = rules->defer_ms = NEVER_MS;
    return rules;
}

void rules_free(struct rules *rules)
{
    if (!rules)
        return;
    while (rules->first_alert)
        alert_drop(rules, rules->first_alert);
    while (rules->first_session)
        session_drop(rules, rules->first_session);
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++)
        ring_forget(rules, slot);
    rules_committed(rules);
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++)
        receiver_free(rules->receivers[slot]);
    for (int slot = 0; slot < FOCUS_SLOTS; slot++)
        focus_free(rules->focuses[slot]);
    table_clear(&rules->sessions_by_name);
    table_clear(&rules->sessions_by_id);
    table_clear(&rules->needs_by_id);
    table_clear(&rules->alerts_by_id);
    table_clear(&rules->alerts_by_key);
    person_free(rules->person);
    policy_free(rules->policy);
    free(rules->agenda.heap);
    free(rules->touched);
    free(rules->due);
    free(rules->effects.list);
    free(rules->reasons);
    free(rules->named);
    free(rules->restoring);
    free(rules);
}
