/* view.c: the core's nouns as JSON. See view.h.
 *
 * One function a noun, one line a member; nothing here decides anything, except which of the four words of
 * a decision (tell, hold, drop, withdraw) a verdict of the core is. */
#include "view.h"

#include "plain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHY_MAX = 512 };

/* ---- jansson without failures -------------------------------------------------------------------- */

void view_set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new_nocheck(object, key, value) != 0)
        abort();
}

void view_add(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        abort();
}

json_t *view_object(void)
{
    json_t *object = json_object();
    if (!object)
        abort();
    return object;
}

json_t *view_array(void)
{
    json_t *array = json_array();
    if (!array)
        abort();
    return array;
}

static void set_text(json_t *object, const char *key, const char *text)
{
    view_set(object, key, plain_json(text));
}

static void set_number(json_t *object, const char *key, int64_t number)
{
    view_set(object, key, json_integer(number));
}

static void set_flag(json_t *object, const char *key, bool flag)
{
    view_set(object, key, json_boolean(flag));
}

static void set_id(json_t *object, const char *key, uint64_t id)
{
    char text[ID_TEXT_MAX];
    set_text(object, key, id_text(id, text));
}

static void set_some(json_t *object, const char *key, const char *text)
{
    if (text && *text)
        set_text(object, key, text);
}

int64_t view_wall_ms(const struct moment *now, int64_t steady_ms)
{
    return steady_ms == NEVER_MS ? NEVER_MS : now->wall_ms - (now->steady_ms - steady_ms);
}

static void set_instant(json_t *object, const char *key, const struct moment *now, int64_t steady_ms)
{
    set_number(object, key, view_wall_ms(now, steady_ms));
}

/* ---- sessions ------------------------------------------------------------------------------------- */

json_t *view_place(const struct session *session)
{
    json_t *place = view_object();
    set_some(place, "tmux", session->tmux);
    set_some(place, "pane", session->pane);
    set_some(place, "window", session->window);
    set_some(place, "kitty", session->kitty);
    set_some(place, "kitty_socket", session->kitty_socket);
    set_some(place, "wezterm", session->wezterm);
    set_some(place, "term", session->term);
    set_some(place, "tty", session->tty);
    return place;
}

/* What a session and a need have in common: where it is. */
static void set_where(json_t *object, const struct session *session)
{
    set_text(object, "session", session->session);
    set_text(object, "agent", session->agent);
    set_text(object, "host", session->host);
    set_text(object, "repository", session->repository);
    set_text(object, "worktree", session->worktree);
    set_text(object, "branch", session->branch);
    set_text(object, "where", session_where(session));
    view_set(object, "place", view_place(session));
}

json_t *view_session(const struct rules *rules, const struct moment *now,
                     const struct session *session, bool needs)
{
    json_t *view = view_object();

    set_id(view, "id", session->record.id);
    set_where(view, session);
    set_text(view, "state", word_name(&word_state, (int)session->state));
    set_text(view, "cwd", session->cwd);
    set_text(view, "task", session->task);
    set_number(view, "pid", session->pid);
    set_instant(view, "since_ms", now, session->state_ms);
    set_number(view, "started_ms", session->started_wall_ms);
    set_number(view, "seen_ms", session->seen_wall_ms);
    if (rules_silence(rules, now, session) > 0)
        set_number(view, "silent_ms", rules_silence(rules, now, session));
    if (needs) {
        json_t *list = view_array();
        if (session->need && need_open(session->need))
            view_add(list, view_need(rules, now, session->need));
        view_set(view, "needs", list);
    }
    return view;
}

/* ---- needs ---------------------------------------------------------------------------------------- */

static const char *decision_of(const struct need *need)
{
    switch (need->verdict) {
    case VERDICT_RESOLVED:
    case VERDICT_ACKED:
        return "withdraw";
    case VERDICT_TOLD:
    case VERDICT_CRITICAL:
    case VERDICT_DUE:
        return "tell";
    case VERDICT_DROP:
        return "drop";
    case VERDICT_SNOOZED:
    case VERDICT_WALLED:
    case VERDICT_INHIBITED:
    case VERDICT_UNSETTLED:
    case VERDICT_HELD:
    case VERDICTS:
        break;
    }
    return "hold";
}

static const char *state_of(const struct need *need)
{
    return !need_open(need)         ? "resolved"
           : need->acked            ? "acked"
           : need->snoozed_until_ms ? "snoozed"
                                    : "open";
}

static json_t *names_of(const struct rules *rules, uint32_t slots)
{
    json_t *names = view_array();
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        const struct receiver *receiver = slots >> slot & 1 ? rules_receiver_at(rules, slot) : NULL;
        if (receiver && receiver->declared)
            view_add(names, plain_json(receiver->name));
    }
    return names;
}

#define DECISION "decision: "

/* Keeps the sentence that says the decision; what follows it is told of alerts. */
static void keep_decision(void *arg, const char *sentence, const struct rule *rule)
{
    char *why = arg;
    (void)rule;
    if (strncmp(why, DECISION, strlen(DECISION)) != 0)
        plain_line(sentence, why, WHY_MAX);
}

static void set_decision(json_t *view, const struct rules *rules, const struct moment *now,
                         const struct need *need)
{
    char why[WHY_MAX] = "";

    set_text(view, "decision", decision_of(need));
    rules_explain(rules, now, need, keep_decision, why);
    set_text(view, "why", strncmp(why, DECISION, strlen(DECISION)) == 0 ? why + strlen(DECISION) : why);
    if (need_open(need) && !need->told && !need->acked && need->due_ms > 0 && need->due_ms != NEVER_MS)
        set_instant(view, "due_ms", now, need->due_ms);
}

static json_t *reasons_of(const struct need *need)
{
    json_t *list = view_array();
    bool open = need_open(need);

    for (const struct reason *reason = need->reasons; reason; reason = reason->next) {
        if (open && reason->closed_ms)
            continue;
        json_t *view = view_object();
        set_text(view, "kind", word_name(&word_kind, (int)reason->kind));
        set_text(view, "thread", reason->thread);
        set_text(view, "request", reason->request);
        set_text(view, "title", reason->title);
        view_set(view, "text", plain_json_lines(reason->text));
        set_text(view, "tool", reason->tool);
        set_number(view, "opened_ms", reason->opened_wall_ms);
        set_number(view, "count", reason->count);
        view_add(list, view);
    }
    return list;
}

json_t *view_need(const struct rules *rules, const struct moment *now, const struct need *need)
{
    json_t *view = view_object();
    const struct reason *reason = need_reason(need);
    enum urgency urgency = need->treatment.urgency;

    if (urgency == URGENCY_UNSET) /* not judged yet: the event's own, else by kind */
        urgency = reason->urgency != URGENCY_UNSET ? reason->urgency
                  : need->kind == KIND_REVIEW      ? URGENCY_LOW
                                                   : URGENCY_NORMAL;
    set_id(view, "id", need->record.id);
    set_where(view, need->session);
    set_number(view, "pid", need->session->pid);
    set_text(view, "kind", word_name(&word_kind, (int)need->kind));
    set_text(view, "urgency", word_name(&word_urgency, (int)urgency));
    set_text(view, "title", reason->title);
    view_set(view, "text", plain_json_lines(reason->text));
    set_text(view, "tool", reason->tool);
    set_text(view, "task", need->session->task);
    set_number(view, "opened_ms", need->opened_wall_ms);
    set_number(view, "count", need_count(need));
    set_text(view, "state", state_of(need));
    if (need->snoozed_until_ms)
        set_instant(view, "until_ms", now, need->snoozed_until_ms);
    set_flag(view, "told", need->told);
    if (need->told)
        set_instant(view, "told_ms", now, need->told_ms);
    view_set(view, "receivers", names_of(rules, need->told ? need->to : need->treatment.to));
    view_set(view, "delivered", names_of(rules, need->delivered));
    json_t *alerts = view_array();
    for (const struct line *line = need->lines; line; line = line->next_in_need) {
        char id[ID_TEXT_MAX];
        view_add(alerts, plain_json(id_text(line->alert_id, id)));
    }
    view_set(view, "alerts", alerts);
    set_decision(view, rules, now, need);
    if (!need_open(need)) {
        set_instant(view, "resolved_ms", now, need->resolved_ms);
        set_text(view, "resolved_by", need->resolved_by);
    }
    view_set(view, "reasons", reasons_of(need));
    return view;
}

void view_step(void *arg, const char *sentence, const struct rule *rule)
{
    json_t *step = view_object();
    set_text(step, "sentence", sentence);
    if (rule) {
        set_text(step, "rule", rule->name);
        set_text(step, "file", rule->file);
        set_number(step, "line", rule->line);
    }
    view_add(arg, step);
}

json_t *view_steps(const struct rules *rules, const struct moment *now, const struct need *need)
{
    json_t *steps = view_array();
    rules_explain(rules, now, need, view_step, steps);
    return steps;
}

/* ---- alerts, receivers, focuses -------------------------------------------------------------------- */

const char *view_key(const struct alert *alert)
{
    if (alert->key && alert->key[0] == '*' && alert->key[1] == '\0')
        return "*";
    return alert->group ? alert->group : "";
}

json_t *view_alert(const struct rules *rules, const struct alert *alert)
{
    json_t *view = view_object(), *ids = view_array();
    const struct receiver *receiver = rules_receiver_at(rules, (int)alert->receiver);
    int n = 0;
    const struct need *const *needs = rules_alert_needs(rules, alert, &n);

    for (int i = 0; i < n; i++) {
        char id[ID_TEXT_MAX];
        view_add(ids, plain_json(id_text(needs[i]->record.id, id)));
    }
    set_id(view, "id", alert->record.id);
    set_text(view, "receiver", receiver ? receiver->name : "");
    set_text(view, "key", view_key(alert));
    set_text(view, "group", alert->group);
    set_number(view, "version", alert->version);
    set_text(view, "urgency", word_name(&word_urgency, (int)alert->urgency));
    set_flag(view, "open", alert->open);
    set_flag(view, "audible", alert_audible(alert));
    set_text(view, "delivery", word_name(&word_delivery, (int)alert->delivery));
    set_number(view, "delivered", alert->delivered);
    view_set(view, "needs", ids);
    return view;
}

json_t *view_receiver(const struct rules *rules, const struct moment *now,
                      const struct receiver *receiver)
{
    json_t *view = view_object(), *can = view_array();
    const struct receiver *fallback =
        receiver->fallback >= 0 ? rules_receiver_at(rules, (int)receiver->fallback) : NULL;

    set_text(view, "receiver", receiver->name);
    set_flag(view, "declared", receiver->declared);
    set_flag(view, "up", receiver->down_ms == 0);
    if (receiver->down_ms) {
        set_instant(view, "down_ms", now, receiver->down_ms);
        set_text(view, "trouble", receiver->trouble);
    }
    if (receiver->updates)
        view_add(can, plain_json("update"));
    if (receiver->withdraws)
        view_add(can, plain_json("withdraw"));
    view_set(view, "can", can);
    set_number(view, "give_up_ms", receiver->give_up_ms);
    if (fallback)
        set_text(view, "fallback", fallback->name);
    return view;
}

/* What switched it, or would. */
static const char *focus_by(const struct moment *now, const struct focus *focus)
{
    const struct policy_focus *rule = focus->rule;
    if (focus->hand != HAND_NONE)
        return "hand";
    if (!rule || !focus->on || span_on(rule->times, rule->n_times, now))
        return rule && !focus->on && rule->calendar ? "calendar" : "schedule";
    if (focus_busy(focus, now->wall_ms))
        return "calendar";
    return rule->presence ? "presence"
           : rule->follow ? word_name(&word_follow, rule->follow)
                          : "schedule";
}

json_t *view_focus(const struct moment *now, const struct focus *focus)
{
    json_t *view = view_object();
    const struct policy_focus *rule = focus->rule;
    int64_t next_wall_ms = NEVER_MS;
    bool planned =
        rule && (span_on(rule->times, rule->n_times, now) || focus_busy(focus, now->wall_ms));

    if (focus->on && focus->hand == HAND_ON)
        next_wall_ms = focus->until_ms ? view_wall_ms(now, focus->until_ms) : NEVER_MS;
    else if (rule && planned == focus->on && focus->hand != HAND_OFF)
        next_wall_ms = focus_turns(focus, now);
    set_text(view, "focus", focus->name);
    set_flag(view, "on", focus->on);
    set_text(view, "by", focus_by(now, focus));
    if (focus->since_wall_ms)
        set_number(view, "since_ms", focus->since_wall_ms);
    if (next_wall_ms != NEVER_MS)
        set_number(view, "until_ms", next_wall_ms);
    return view;
}

json_t *view_answer(const char *key, json_t *value)
{
    json_t *object = view_object();
    view_set(object, "ok", json_true());
    view_set(object, key, value);
    return object;
}

json_t *view_refusal(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_t *object = view_object();
    view_set(object, "ok", json_false());
    view_set(object, "error", plain_json(text));
    return object;
}
