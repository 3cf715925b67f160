/* explain.c: the judgement in words: why a need is told, held, dropped or withdrawn, step by step.
 *
 * It says what judge.c decided, from the same line and the same treatment; it decides nothing itself. */
#include "core.h"

#include <stdarg.h>
#include <stdio.h>

struct teller {
    const struct rules *rules;
    const struct need *need;
    int64_t now_ms;
    explain_cb cb;
    void *arg;
    struct walk_trace trace;
};

static void say(struct teller *teller, const struct rule *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct teller *teller, const struct rule *rule, const char *format, ...)
{
    char sentence[512];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    teller->cb(teller->arg, sentence, rule);
}

/* "3 s", "1 m 30 s", "2 h 5 m" */
static const char *span_text(int64_t ms, char buf[32])
{
    int64_t s = ms > 0 ? (ms + 500) / 1000 : 0;
    if (s < 60)
        snprintf(buf, 32, "%d s", (int)s);
    else if (s < 3600)
        snprintf(buf, 32, s % 60 ? "%d m %d s" : "%d m", (int)(s / 60), (int)(s % 60));
    else
        snprintf(buf, 32, s / 60 % 60 ? "%lld h %d m" : "%lld h", (long long)(s / 3600),
                 (int)(s / 60 % 60));
    return buf;
}

static void append(char *buf, size_t size, size_t *at, const char *text)
{
    if (*at < size)
        *at += (size_t)snprintf(buf + *at, size - *at, "%s%s", *at ? ", " : "", text);
}

static const char *receiver_names(const struct rules *rules, uint32_t mask, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = '\0';
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        if (mask & 1u << slot && rules->receivers[slot])
            append(buf, size, &at, rules->receivers[slot]->name);
    }
    return at ? buf : "nobody";
}

static const char *focus_names(const struct rules *rules, uint32_t mask, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = '\0';
    for (int slot = 0; slot < FOCUS_SLOTS; slot++) {
        if (mask & 1u << slot && rules->focuses[slot])
            append(buf, size, &at, rules->focuses[slot]->name);
    }
    return at ? buf : "no focus";
}

static const char *times_text(const struct rule *rule, char *buf, size_t size)
{
    size_t at = 0;
    char time[16];
    for (int i = 0; i < rule->n_times; i++) {
        snprintf(time, sizeof time, "%02d:%02d", rule->times_min[i] / 60, rule->times_min[i] % 60);
        append(buf, size, &at, time);
    }
    return buf;
}

/* ---- the steps ----------------------------------------------------------------------------------- */

static void say_reasons(struct teller *teller)
{
    char age[32];
    for (const struct reason *reason = teller->need->reasons; reason; reason = reason->next) {
        bool open = !reason->closed_ms;
        if (!open && need_open(teller->need))
            continue;
        say(teller, NULL, "%s%s%s%s%s, %s ago%s", word_name(&word_kind, reason->kind),
            text_empty(reason->title) ? "" : ": ", text_or(reason->title, ""),
            text_empty(reason->thread) ? "" : " in sub-agent ", text_or(reason->thread, ""),
            span_text(teller->now_ms - reason->opened_ms, age),
            reason->count > 1 ? ", said more than once: still one need" : "");
    }
}

static void say_rules(struct teller *teller, const struct treatment *treatment)
{
    char names[256], span[32];
    const struct rule *const *by = teller->trace.by;
    say(teller, by[SET_ALSO] ? by[SET_ALSO] : by[SET_TO], "goes to %s",
        receiver_names(teller->rules, treatment->to, names, sizeof names));
    say(teller, by[SET_URGENCY], "its urgency is %s%s", word_name(&word_urgency, treatment->urgency),
        by[SET_URGENCY]     ? ""
        : treatment->reason ? ", as of its kind"
                            : "");
    say(teller, by[SET_SETTLE], "settles for %s", span_text(treatment->settle_ms, span));
    if (treatment->slot == SLOT_BATCH)
        say(teller, by[SET_SLOT], "waits in a batch of %s", span_text(treatment->batch_ms, span));
    else if (treatment->slot == SLOT_BREAKPOINT)
        say(teller, by[SET_SLOT], "hold: breakpoint, at most %s%s",
            span_text(treatment->at_most_ms, span),
            wait_pays_not(teller->rules, teller->need) ? "; so few sessions are alive that it is not held"
            : wait_few(teller->rules) ? "; held, because you are in another session"
                                      : "");
    else if (treatment->times)
        say(teller, by[SET_SLOT], "waits for a time of day: %s",
            times_text(treatment->times, names, sizeof names));
    else if (treatment->slot == SLOT_FOCUS_END)
        say(teller, by[SET_SLOT], "hold: focus-end, so it waits while any focus is on");
    else
        say(teller, by[SET_SLOT], "hold: never, so it waits for no good moment");
    if (treatment->silent)
        say(teller, by[SET_SILENT], "is shown, never rings");
}

static void say_walls(struct teller *teller, const struct treatment *treatment)
{
    char names[256], span[32];
    uint32_t on = teller->rules->focuses_on;
    if (teller->need->walled_ms > 0)
        say(teller, NULL, "could not be told for %s: a focus, a snooze or your own look held it back",
            span_text(teller->need->walled_ms, span));
    if (!on)
        return;
    if (treatment->urgency == URGENCY_CRITICAL)
        say(teller, teller->trace.by[SET_URGENCY], "is critical: %s does not hold it",
            focus_names(teller->rules, on, names, sizeof names));
    else if (treatment->walls)
        say(teller, teller->trace.shut, "focus %s is on, and %s",
            focus_names(teller->rules, treatment->walls, names, sizeof names),
            teller->trace.shut ? "a rule for it holds this until it ends"
                               : "no rule for it lets this pass");
    else
        say(teller, teller->trace.opened, "focus %s is on, but a rule for it lets this pass",
            focus_names(teller->rules, on, names, sizeof names));
    if (teller->need->behind && teller->need->walled_since_ms)
        say(teller, NULL, "that has held it back for %s so far",
            span_text(teller->now_ms - teller->need->walled_since_ms, span));
}

/* What may still be said of it. */
static void say_again(struct teller *teller)
{
    char names[256], span[32];
    const struct need *need = teller->need;
    const struct treatment *treatment = &need->treatment;
    const struct rule *escalate = treatment->escalate;
    if (need->pending)
        say(teller, NULL, "%s has used up its budget: it comes there when there is room",
            receiver_names(teller->rules, need->pending, names, sizeof names));
    if (need->owed)
        say(teller, NULL, "still owes a ring: %s",
            need->inhibited ? "it waits until you look away"
            : need->walls   ? "it waits until the focus ends"
                            : "it waits for room in the budget");
    if (need->repeats)
        say(teller, teller->trace.by[SET_REPEAT], "has rung again %d time%s, as nobody answered",
            (int)need->repeats, need->repeats == 1 ? "" : "s");
    for (int i = 0; escalate && i < need->escalated && i < escalate->n_escalate; i++)
        say(teller, escalate, "nobody had come after %s: it went on to %s",
            span_text(escalate->escalate[i].after_ms, span),
            receiver_names(teller->rules, walk_receivers(teller->rules, escalate->escalate[i].to),
                           names, sizeof names));
    if (treatment->repeat_ms && need->rung_ms && need->repeats < treatment->repeat_times)
        say(teller, teller->trace.by[SET_REPEAT], "rings again in %s while nobody answers",
            span_text(need->rung_ms + treatment->repeat_ms - teller->now_ms, span));
    if (escalate && need->escalated < escalate->n_escalate)
        say(teller, escalate, "goes to %s in %s, if nobody has come",
            receiver_names(teller->rules,
                           walk_receivers(teller->rules, escalate->escalate[need->escalated].to),
                           names, sizeof names),
            span_text(need->told_ms + escalate->escalate[need->escalated].after_ms - teller->now_ms,
                      span));
}

static void say_told(struct teller *teller)
{
    char names[256], span[32];
    const struct need *need = teller->need;
    say(teller, NULL, "decision: told %s ago on %s%s%s%s",
        span_text(teller->now_ms - need->told_ms, span),
        receiver_names(teller->rules, need->to, names, sizeof names), need->rings ? "" : ", silently",
        text_empty(need->told_by) ? "" : ": ", text_or(need->told_by, ""));
    say_again(teller);
    for (const struct line *line = need->lines; line; line = line->next_in_need) {
        char id[ID_TEXT_MAX];
        const struct alert *alert = line->alert;
        const struct receiver *receiver = teller->rules->receivers[alert->receiver];
        say(teller, NULL, "alert %s on %s, version %lld: %s%s%s", id_text(alert->record.id, id),
            receiver ? receiver->name : "?", (long long)alert->version,
            word_name(&word_delivery, alert->delivery),
            receiver && receiver->down_ms ? "; it is down: " : "",
            receiver && receiver->down_ms ? text_or(receiver->trouble, "no reason given") : "");
    }
}

static void say_inhibited(struct teller *teller)
{
    char span[32];
    const struct rule *rule = teller->trace.by[SET_INHIBIT];
    const struct need *need = teller->need;
    if (need->looked_at && person_presence(teller->rules) == PRESENCE_ENGAGED)
        say(teller, rule, "decision: hold; you are answering from the board");
    else if (need->looked_at)
        say(teller, rule, "decision: hold; its place is in front of you");
    else
        say(teller, rule, "decision: hold; you have just seen it: for another %s",
            span_text(need->inhibited_until_ms - teller->now_ms, span));
}

/* None of its receivers may ring now. */
static bool without_room(const struct teller *teller, const struct treatment *treatment)
{
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        if (treatment->to & 1u << slot && ring_room_ms(teller->rules, slot) <= teller->now_ms)
            return false;
    }
    return true;
}

static void say_walled(struct teller *teller)
{
    char names[256], span[32];
    const struct need *need = teller->need;
    if (need->walls)
        say(teller, teller->trace.shut, "decision: hold until focus %s ends",
            focus_names(teller->rules, need->walls, names, sizeof names));
    else
        say(teller, teller->trace.by[SET_SLOT], "decision: hold for another %s, until its time of day",
            span_text(need->hold_wall_ms - teller->rules->now.wall_ms, span));
}

static void say_held(struct teller *teller, const struct treatment *treatment, int64_t due_ms)
{
    char names[256], span[32];
    span_text(due_ms == NEVER_MS ? 0 : due_ms - teller->now_ms, span);
    if (due_ms == NEVER_MS)
        say(teller, teller->trace.by[SET_SLOT], "decision: hold until the focus ends");
    else if (treatment->slot == SLOT_BATCH)
        say(teller, teller->trace.by[SET_SLOT], "decision: hold; its batch is due in %s", span);
    else if (without_room(teller, treatment))
        say(teller, NULL, "decision: hold; the budget of %s is used up: silently in %s at the latest",
            receiver_names(teller->rules, treatment->to, names, sizeof names), span);
    else
        say(teller, teller->trace.by[SET_SLOT],
            "decision: hold for a good moment: a prompt you send, a commit, your return; in %s at the "
            "latest",
            span);
}

static void say_decision(struct teller *teller, const struct treatment *treatment,
                         enum verdict verdict, int64_t due_ms)
{
    char names[256], span[32];
    const struct need *need = teller->need;
    switch (verdict) {
    case VERDICT_RESOLVED:
        say(teller, NULL, "decision: withdraw; it was resolved %s ago%s (%s)",
            span_text(teller->now_ms - need->resolved_ms, span),
            need->told ? "" : ", before it was told: so it never was",
            text_or(need->resolved_by, "evidence"));
        break;
    case VERDICT_ACKED:
        say(teller, NULL,
            "decision: hold; it was acknowledged, and stays silent until something new comes");
        break;
    case VERDICT_SNOOZED:
        say(teller, NULL, "decision: hold; it is snoozed for another %s",
            span_text(need->snoozed_until_ms - teller->now_ms, span));
        break;
    case VERDICT_TOLD:
        say_told(teller);
        break;
    case VERDICT_DROP:
        say(teller, teller->trace.by[SET_TO],
            "decision: drop; the rules send it to nobody: the board only");
        break;
    case VERDICT_CRITICAL:
    case VERDICT_DUE:
        say(teller, teller->trace.by[SET_SLOT], "decision: tell now on %s",
            receiver_names(teller->rules, treatment->to, names, sizeof names));
        break;
    case VERDICT_WALLED:
        say_walled(teller);
        break;
    case VERDICT_INHIBITED:
        say_inhibited(teller);
        break;
    case VERDICT_UNSETTLED:
        say(teller, teller->trace.by[SET_SETTLE], "decision: hold; it settles for another %s",
            span_text(need->opened_ms + treatment->settle_ms - teller->now_ms, span));
        break;
    case VERDICT_HELD:
        say_held(teller, treatment, due_ms);
        break;
    case VERDICTS:
        break;
    }
}

void rules_explain(const struct rules *rules, const struct moment *now, const struct need *need,
                   explain_cb cb, void *arg)
{
    struct teller teller = {
        .rules = rules, .need = need, .now_ms = now->steady_ms, .cb = cb, .arg = arg};
    struct rules at = *rules; /* a view of the same state, at this moment */
    struct need view = *need;
    bool gathers;
    int64_t due_ms;
    at.now = *now;
    teller.rules = &at;
    walk_need(&at, need, &view.treatment, &teller.trace);
    enum verdict verdict = judge_line(&at, &view, &due_ms, &gathers);
    say_reasons(&teller);
    if (need_open(need)) {
        say_rules(&teller, &view.treatment);
        say_walls(&teller, &view.treatment);
    }
    say_decision(&teller, &view.treatment, verdict, due_ms);
}
