/* need.c: see need.h. What an event does to a need: closes reasons, opens or confirms one, and with the
 * first reason opens the need, with the last one resolves it.
 *
 * Long because that is one life, and its lists are its own. */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
static const struct field need_fields[] = {
    FIELD(need, FIELD_ID, session_id),
    FIELD_NAMED(need, kind, &word_kind),
    FIELD(need, FIELD_INT, opened_ms),
    FIELD(need, FIELD_INT, opened_wall_ms),
    FIELD(need, FIELD_INT, last_ms),
    FIELD(need, FIELD_INT, resolved_ms),
    FIELD(need, FIELD_TEXT, resolved_by),
    FIELD(need, FIELD_BOOL, acked),
    FIELD(need, FIELD_INT, snoozed_until_ms),
    FIELD(need, FIELD_BOOL, told),
    FIELD(need, FIELD_INT, told_ms),
    FIELD(need, FIELD_TEXT, told_by),
    FIELD(need, FIELD_BOOL, rings),
    FIELD(need, FIELD_MASK, to),
    FIELD(need, FIELD_MASK, delivered),
    FIELD(need, FIELD_MASK, owed),
    FIELD(need, FIELD_BOOL, behind),
    FIELD(need, FIELD_BOOL, inhibited),
    FIELD(need, FIELD_BOOL, looked_at),
    FIELD(need, FIELD_BOOL, seen),
    FIELD(need, FIELD_INT, inhibited_until_ms),
    FIELD(need, FIELD_MASK, pending),
    FIELD(need, FIELD_INT, rung_ms),
    FIELD(need, FIELD_INT, repeats),
    FIELD(need, FIELD_INT, escalated),
    FIELD(need, FIELD_INT, hold_wall_ms),
    FIELD(need, FIELD_INT, hold_times),
    FIELD(need, FIELD_BOOL, timed),
    FIELD(need, FIELD_INT, walled_since_ms),
    FIELD(need, FIELD_INT, walled_ms),
    FIELD(need, FIELD_INT, behind_since_ms),
    FIELD(need, FIELD_INT, behind_ms),
    FIELD(need, FIELD_MASK, walls),
    FIELD(need, FIELD_MASK, slot_focuses),
    FIELD(need, FIELD_BOOL, released),
};
// clang-format on
const struct noun noun_need = {"need", sizeof(struct need), need_fields,
                               sizeof need_fields / sizeof *need_fields};

/* ---- reading ------------------------------------------------------------------------------------- */

bool need_open(const struct need *need)
{
    return need->resolved_ms == 0;
}

const struct reason *need_reason(const struct need *need)
{
    const struct reason *best = NULL;
    for (const struct reason *reason = need->reasons; reason; reason = reason->next) {
        if (reason->closed_ms && need_open(need))
            continue;
        if (!best ||
            (need_open(need) ? reason->kind < best->kind : reason->closed_ms >= best->closed_ms))
            best = reason;
    }
    return best ? best : need->reasons;
}

int64_t need_count(const struct need *need)
{
    int64_t count = 0;
    for (const struct reason *reason = need->reasons; reason; reason = reason->next)
        count += reason->closed_ms && need_open(need) ? 0 : reason->count;
    return count;
}

int64_t need_waited(const struct need *need, int64_t steady_ms)
{
    int64_t walled = need->walled_ms;
    if (need->walled_since_ms)
        walled += steady_ms - need->walled_since_ms;
    int64_t waited = steady_ms - need->opened_ms - walled;
    return waited > 0 ? waited : 0;
}

int64_t need_stood(const struct need *need, int64_t steady_ms)
{
    int64_t behind = need->behind_ms;
    if (need->behind_since_ms)
        behind += steady_ms - need->behind_since_ms;
    int64_t stood = steady_ms - need->opened_ms - behind;
    return stood > 0 ? stood : 0;
}

int need_compare(const struct need *a, const struct need *b)
{
    if (a->treatment.urgency != b->treatment.urgency)
        return a->treatment.urgency > b->treatment.urgency ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->opened_ms != b->opened_ms)
        return a->opened_ms < b->opened_ms ? -1 : 1;
    return a->record.id < b->record.id ? -1 : a->record.id > b->record.id;
}

/* ---- lists --------------------------------------------------------------------------------------- */

static void untold_add(struct rules *rules, struct need *need)
{
    if (need->in_untold)
        return;
    struct need **first = &rules->untold[need->verdict];
    need->in_untold = true;
    need->prev_untold = NULL;
    need->next_untold = *first;
    if (*first)
        (*first)->prev_untold = need;
    *first = need;
    rules->n_untold[need->verdict]++;
}

void need_leave_untold(struct rules *rules, struct need *need)
{
    if (!need->in_untold)
        return;
    need->in_untold = false;
    if (need->prev_untold)
        need->prev_untold->next_untold = need->next_untold;
    else
        rules->untold[need->verdict] = need->next_untold;
    if (need->next_untold)
        need->next_untold->prev_untold = need->prev_untold;
    rules->n_untold[need->verdict]--;
}

void need_judged(struct rules *rules, struct need *need, enum verdict verdict)
{
    bool untold = need->in_untold;
    if (verdict == need->verdict)
        return;
    need_leave_untold(rules, need);
    need->verdict = verdict;
    if (untold)
        untold_add(rules, need);
}

void need_touch_untold(struct rules *rules)
{
    for (int verdict = 0; verdict < VERDICTS; verdict++) {
        for (struct need *need = rules->untold[verdict]; need; need = need->next_untold)
            need_touch(rules, need);
    }
}

static void resolved_remove(struct rules *rules, struct need *need)
{
    struct need *older = need->older_resolved, *younger = need->younger_resolved;
    *(older ? &older->younger_resolved : &rules->oldest_resolved) = younger;
    *(younger ? &younger->older_resolved : &rules->youngest_resolved) = older;
    need->older_resolved = need->younger_resolved = NULL;
    rules->n_resolved--;
}

/* In the order in which they were resolved, then by id: the same in a restored core. */
static void resolved_add(struct rules *rules, struct need *need)
{
    struct need *older = rules->youngest_resolved, *younger = NULL;
    while (older && (older->resolved_ms > need->resolved_ms ||
                     (older->resolved_ms == need->resolved_ms && older->record.id > need->record.id))) {
        younger = older;
        older = older->older_resolved;
    }
    need->older_resolved = older;
    need->younger_resolved = younger;
    *(older ? &older->younger_resolved : &rules->oldest_resolved) = need;
    *(younger ? &younger->older_resolved : &rules->youngest_resolved) = need;
    rules->n_resolved++;
}

void need_touch(struct rules *rules, struct need *need)
{
    core_changed(rules, need);
    if (need->dirty)
        return;
    need->dirty = true;
    need->next_dirty = rules->dirty;
    rules->dirty = need;
}

void need_join(struct rules *rules, struct need *need)
{
    need->heap_at = -1;
    table_add(&rules->needs_by_id, table_mix(need->record.id), need);
    need->prev = rules->last_need;
    if (rules->last_need)
        rules->last_need->next = need;
    else
        rules->first_need = need;
    rules->last_need = need;
    need->next_in_session = need->session->needs;
    need->session->needs = need;
    need->session->need = need;
    rules->n_needs++;
    rules->bytes += CORE_NEED_BYTES;
    if (!need_open(need))
        resolved_add(rules, need);
    else if (!need->told)
        untold_add(rules, need);
}

void need_drop(struct rules *rules, struct need *need)
{
    alert_leave(rules, need);
    while (need->reasons)
        reason_drop(rules, need, need->reasons);
    need_leave_untold(rules, need);
    again_leave_room(rules, need);
    agenda_remove(&rules->agenda, need);
    for (struct need **at = &rules->dirty; need->dirty && *at; at = &(*at)->next_dirty) {
        if (*at == need) {
            *at = need->next_dirty;
            break;
        }
    }
    table_remove(&rules->needs_by_id, table_mix(need->record.id), need);
    if (need->prev)
        need->prev->next = need->next;
    else
        rules->first_need = need->next;
    if (need->next)
        need->next->prev = need->prev;
    else
        rules->last_need = need->prev;
    struct need **at = &need->session->needs;
    while (*at != need)
        at = &(*at)->next_in_session;
    *at = need->next_in_session;
    if (need->session->need == need)
        need->session->need = NULL;
    rules->n_needs--;
    rules->bytes -= CORE_NEED_BYTES;
    if (!need_open(need))
        resolved_remove(rules, need);
    text_free(&rules->bytes, &need->resolved_by);
    text_free(&rules->bytes, &need->told_by);
    core_gone(rules, need);
}

/* ---- opening and closing ------------------------------------------------------------------------- */

static void forget_resolved(struct rules *rules)
{
    while (rules->n_resolved > CORE_RESOLVED_MAX)
        need_drop(rules, rules->oldest_resolved);
}

void need_resolve(struct rules *rules, struct need *need, const char *why)
{
    for (struct reason *reason = need->reasons; reason; reason = reason->next) {
        if (!reason->closed_ms) {
            reason->closed_ms = rules->now.steady_ms;
            core_changed(rules, reason);
        }
    }
    struct effect *effect = core_effect(rules, EFFECT_NEED_RESOLVED, "%s", why);
    effect->need_id = need->record.id;
    effect->kind = need->kind;
    need->resolved_ms = rules->now.steady_ms;
    text_set(&rules->bytes, &need->resolved_by, why, TEXT_TITLE);
    resolved_add(rules, need);
    alert_leave(rules, need);
    need_leave_untold(rules, need);
    need_touch(rules, need);
    person_answered(rules, need->session->repository);
    forget_resolved(rules);
}

/* The kind follows the most urgent open reason. */
static void follow_kind(struct rules *rules, struct need *need)
{
    enum kind kind = need_reason(need)->kind;
    if (kind == need->kind)
        return;
    need->kind = kind;
    struct effect *effect =
        core_effect(rules, EFFECT_NEED_CHANGED, "now a %s", word_name(&word_kind, kind));
    effect->need_id = need->record.id;
    effect->kind = kind;
}

static void content_changed(struct rules *rules, struct need *need)
{
    need_touch(rules, need);
    alert_touch(rules, need, 0);
}

/* A session's start closes what its own process left open; another process may only be a fork. */
static bool start_closes(const struct session *session, const struct event *event)
{
    return event->starts && (!session->pid || !event->pid || session->pid == event->pid);
}

static void close_reasons(struct rules *rules, struct need *need, const struct event *event,
                          int64_t at_ms)
{
    bool all = event->ends || start_closes(need->session, event), changed = false, open = false;
    for (struct reason *reason = need->reasons; reason; reason = reason->next) {
        if (reason->closed_ms)
            continue;
        bool again = event->opens == OPENS_REASON && reason_same(reason, event); /* is only said again */
        bool late = reason->asked_ms > at_ms; /* what was said before it was asked does not answer it */
        if ((all && (event->ends || !late)) || (reason_closed_by(event, reason, at_ms) && !again)) {
            reason->closed_ms = rules->now.steady_ms;
            core_changed(rules, reason);
            changed = true;
        } else {
            open = true;
        }
    }
    if (!changed)
        return;
    rules->heard = open ? HEARD_CLOSED : HEARD_RESOLVED;
    char why[REASON_SIZE];
    snprintf(why, sizeof why, "%s%s%s", text_or(event->source, "a message"),
             text_empty(event->thread) ? "" : " of sub-agent ", text_or(event->thread, ""));
    if (!open)
        return need_resolve(rules, need, why);
    follow_kind(rules, need);
    content_changed(rules, need);
}

static void open_need(struct rules *rules, struct session *session, const struct event *event,
                      int64_t at_ms)
{
    struct need *need = must_alloc(sizeof *need);
    need->record.noun = &noun_need;
    need->record.id = core_id(rules);
    need->session = session;
    need->session_id = session->record.id;
    need->kind = event->kind;
    need->opened_ms = need->last_ms = at_ms;
    need->opened_wall_ms = event->at_wall_ms;
    need->look_ms = NEVER_MS;
    need_join(rules, need);
    reason_new(rules, need, event, at_ms);
    need_touch(rules, need);
    rules->heard = HEARD_OPENED;
    struct effect *effect =
        core_effect(rules, EFFECT_NEED_OPENED, "%s", text_or(event->source, "an event"));
    effect->need_id = need->record.id;
    effect->kind = need->kind;
}

/* A new reason, or a more urgent one, ends ack and snooze, and that the person has just seen the need: it is
 * judged afresh, as untold. */
static void end_quiet(struct rules *rules, struct need *need)
{
    need->acked = false;
    need->snoozed_until_ms = 0;
    need->inhibited_until_ms = 0; /* this the person has not seen yet */
    need->seen = false;
    if (!need->told)
        untold_add(rules, need);
}

/* The same request again: told stays told, and is shown silently where it was. */
static void show_again(struct rules *rules, struct need *need)
{
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        if (need->to & 1u << slot)
            alert_add(rules, tell_alert(rules, need, slot, false), need, false);
    }
}

/* The same request asked again within 10 s of its closing: the same need, and told stays told. */
static void reopen(struct rules *rules, struct need *need, struct reason *reason)
{
    reason->closed_ms = 0;
    core_changed(rules, reason);
    if (need_open(need))
        return;
    resolved_remove(rules, need);
    need->resolved_ms = 0;
    text_set(&rules->bytes, &need->resolved_by, NULL, 0);
    need->kind = reason->kind;
    walk_need(rules, need, &need->treatment, NULL); /* a resolved one is not judged */
    if (need->told)
        show_again(rules, need);
    else
        untold_add(rules, need);
    struct effect *effect = core_effect(rules, EFFECT_NEED_OPENED, "the same request again");
    effect->need_id = need->record.id;
    effect->kind = need->kind;
}

/* A rise: something more urgent than all that was asked before. It ends ack and snooze; a told need rings
 * once more. */
static void follow_rise(struct rules *rules, struct need *need, const struct treatment *before)
{
    struct treatment after;
    walk_need(rules, need, &after, NULL);
    if (after.urgency < before->urgency ||
        (after.urgency == before->urgency && after.reason->kind >= before->reason->kind))
        return;
    end_quiet(rules, need);
    need->owed = need->told ? need->to : 0;
}

/* The same reason once more; a late message changes no words. */
static void say_again(struct rules *rules, struct need *need, struct reason *reason,
                      const struct event *event, int64_t at_ms)
{
    if (reason->closed_ms)
        reopen(rules, need, reason);
    else
        reason->count++;
    if (at_ms > reason->asked_ms)
        reason->asked_ms = at_ms;
    if (event->urgency > reason->urgency)
        reason->urgency = event->urgency;
    if (at_ms >= reason->last_ms) {
        reason->last_ms = at_ms;
        reason_words(rules, reason, event);
    }
    if (at_ms > need->last_ms)
        need->last_ms = at_ms;
    core_changed(rules, reason);
}

static void open_reason(struct rules *rules, struct session *session, const struct event *event,
                        int64_t at_ms, bool may_open)
{
    struct need *need = session->need;
    struct reason *reason = reason_find(rules, need, event);
    bool was_open = need && need_open(need), again = reason && reason->closed_ms;
    struct treatment before;
    if ((!reason || again) && !may_open) {
        rules->heard = HEARD_LATE;
        return;
    }
    if (!reason && !was_open)
        return open_need(rules, session, event, at_ms);
    if (was_open)
        walk_need(rules, need, &before, NULL);
    if (reason) {
        rules->heard = again ? HEARD_REOPENED : HEARD_AGAIN;
        say_again(rules, need, reason, event, at_ms);
    } else {
        rules->heard = HEARD_SHED;
        if (!reason_purge(rules, need))
            return;
        rules->heard = HEARD_ANOTHER;
        reason_new(rules, need, event, at_ms);
        need->last_ms = at_ms;
        end_quiet(rules, need);
    }
    if (was_open && !again)
        follow_rise(rules, need, &before);
    follow_kind(rules, need);
    content_changed(rules, need);
}

static bool review_allowed(struct rules *rules, const struct session *session, const struct event *event)
{
    if (!text_empty(event->thread))
        rules->heard = HEARD_THREAD;
    else if (session->waking)
        rules->heard = HEARD_WAKES;
    else if (session->unattended)
        rules->heard = HEARD_UNATTENDED;
    else
        return true;
    return false;
}

static void confirm(struct rules *rules, struct session *session, const struct event *event,
                    int64_t at_ms, bool may_open)
{
    struct need *need = session->need;
    if (need && need_open(need)) {
        struct reason *joined = NULL;
        for (struct reason *reason = need->reasons; reason; reason = reason->next) {
            if (!reason->closed_ms &&
                (!joined || (reason->kind == event->kind && joined->kind != event->kind)))
                joined = reason;
        }
        if (!joined)
            return;
        rules->heard = HEARD_JOINED;
        joined->count++;
        if (at_ms > joined->last_ms)
            joined->last_ms = at_ms;
        if (at_ms > need->last_ms)
            need->last_ms = at_ms;
        core_changed(rules, joined);
        content_changed(rules, need);
        return;
    }
    bool silent_long = at_ms - session->evidence_ms >= SILENCE_MS;
    rules->heard = session->hushed ? HEARD_HUSHED : HEARD_FRESH;
    if (!silent_long || session->hushed ||
        (event->kind == KIND_REVIEW && !review_allowed(rules, session, event)))
        return;
    open_reason(rules, session, event, at_ms, may_open);
}

void need_take(struct rules *rules, struct session *session, const struct event *event,
               int64_t at_ms, bool may_open)
{
    bool may_close = event->starts || event->ends || event->closes != CLOSES_NOTHING;
    if (may_close && session->need && need_open(session->need))
        close_reasons(rules, session->need, event, at_ms);
    if (event->ends)
        return; /* whatever it opens is over, too */
    switch (event->opens) {
    case OPENS_REASON:
        if (event->kind <= KIND_LOGIN)
            session->unattended = false; /* whoever is asked is there */
        if (event->kind != KIND_REVIEW || review_allowed(rules, session, event))
            open_reason(rules, session, event, at_ms, may_open);
        break;
    case CONFIRMS_REASON:
        confirm(rules, session, event, at_ms, may_open);
        break;
    case OPENS_NOTHING:
    case OPENS:
        break;
    }
}

/* ---- by the person, and by the look -------------------------------------------------------------- */

static void be_quiet(struct rules *rules, struct need *need)
{
    alert_leave(rules, need);
    need->told = false;
    text_set(&rules->bytes, &need->told_by, NULL, 0);
    need->delivered = need->to = need->pending = need->owed = 0;
    need->repeats = need->rung_ms = 0;
    untold_add(rules, need);
    need_touch(rules, need);
}

void need_ack(struct rules *rules, struct need *need)
{
    be_quiet(rules, need);
    need->acked = true;
}

void need_snooze(struct rules *rules, struct need *need, int64_t until_ms)
{
    be_quiet(rules, need);
    need->acked = false;
    need->snoozed_until_ms = until_ms;
}
