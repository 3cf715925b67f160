/* reason.c: see reason.h. */
#include "core.h"

#include <string.h>

// clang-format off
static const struct field reason_fields[] = {
    FIELD(reason, FIELD_ID, need_id),
    FIELD(reason, FIELD_TEXT, thread),
    FIELD(reason, FIELD_TEXT, request),
    FIELD(reason, FIELD_TEXT, title),
    FIELD(reason, FIELD_TEXT, text),
    FIELD(reason, FIELD_TEXT, tool),
    FIELD_NAMED(reason, kind, &word_kind),
    FIELD_NAMED(reason, urgency, &word_urgency),
    FIELD(reason, FIELD_INT, opened_ms),
    FIELD(reason, FIELD_INT, opened_wall_ms),
    FIELD(reason, FIELD_INT, last_ms),
    FIELD(reason, FIELD_INT, asked_ms),
    FIELD(reason, FIELD_INT, closed_ms),
    FIELD(reason, FIELD_INT, count),
};
// clang-format on
const struct noun noun_reason = {"reason", sizeof(struct reason), reason_fields,
                                 sizeof reason_fields / sizeof *reason_fields};

void reason_add(struct need *need, struct reason *reason)
{
    struct reason **end = &need->reasons;
    while (*end)
        end = &(*end)->next;
    *end = reason;
    reason->need = need;
    reason->next = NULL;
}

void reason_drop(struct rules *rules, struct need *need, struct reason *reason)
{
    struct reason **at = &need->reasons;
    while (*at != reason)
        at = &(*at)->next;
    *at = reason->next;
    text_free(&rules->bytes, &reason->thread);
    text_free(&rules->bytes, &reason->request);
    text_free(&rules->bytes, &reason->title);
    text_free(&rules->bytes, &reason->text);
    text_free(&rules->bytes, &reason->tool);
    core_gone(rules, reason);
}

/* The same request: the agent's id, else the same words. */
bool reason_same(const struct reason *reason, const struct event *event)
{
    if (reason->kind != event->kind || !text_same(reason->thread, event->thread) ||
        !text_same(reason->request, event->request))
        return false;
    return !reason->closed_ms || !text_empty(event->request) ||
           (text_same(reason->title, event->title) && text_same(reason->text, event->text));
}

struct reason *reason_find(const struct rules *rules, const struct need *need, const struct event *event)
{
    for (struct reason *reason = need ? need->reasons : NULL; reason; reason = reason->next) {
        bool alive = !reason->closed_ms || rules->now.steady_ms - reason->closed_ms <= REOPEN_MS;
        if (alive && reason_same(reason, event))
            return reason;
    }
    return NULL;
}

bool reason_closed_by(const struct event *event, const struct reason *reason, int64_t at_ms)
{
    if (event->closes_kinds && !(event->closes_kinds >> reason->kind & 1))
        return false;
    int64_t before_ms = event->observed ? at_ms - TIE_MS : at_ms; /* a file's stamp and a hook's may tie */
    if (reason->asked_ms > before_ms)
        return false; /* what was said before it was asked does not answer it */
    const char *request = text_or(event->closes_request, text_or(event->request, ""));
    switch (event->closes) {
    case CLOSES_REQUEST:
        if (strchr(request, '*'))
            return text_globs(request, reason->request);
        return text_same(event->thread, reason->thread) && text_same(request, reason->request);
    case CLOSES_THREAD:
        return text_same(event->thread, reason->thread);
    case CLOSES_MAIN:
        return text_empty(reason->thread);
    case CLOSES_SESSION:
        return true;
    case CLOSES_NOTHING:
    case CLOSES:
        break;
    }
    return false;
}

bool reason_words(struct rules *rules, struct reason *reason, const struct event *event)
{
    bool changed = text_set(&rules->bytes, &reason->title, event->title, TEXT_TITLE);
    changed |= text_set(&rules->bytes, &reason->text, event->text, TEXT_BODY);
    changed |= text_set(&rules->bytes, &reason->tool, event->tool, TEXT_NAME);
    return changed;
}

void reason_new(struct rules *rules, struct need *need, const struct event *event, int64_t at_ms)
{
    struct reason *reason = must_alloc(sizeof *reason);
    reason->record.noun = &noun_reason;
    reason->record.id = core_id(rules);
    reason->need_id = need->record.id;
    reason->kind = event->kind;
    reason->urgency = event->urgency;
    reason->opened_ms = reason->last_ms = reason->asked_ms = at_ms;
    reason->opened_wall_ms = event->at_wall_ms;
    reason->count = 1;
    text_set(&rules->bytes, &reason->thread, event->thread, TEXT_NAME);
    text_set(&rules->bytes, &reason->request, event->request, TEXT_PATH);
    reason_words(rules, reason, event);
    reason_add(need, reason);
    core_changed(rules, reason);
}

/* Drops reasons that can no longer reopen; false: there are too many open ones for another. */
bool reason_purge(struct rules *rules, struct need *need)
{
    int n = 0;
    for (struct reason *reason = need->reasons, *next; reason; reason = next) {
        next = reason->next;
        if (reason->closed_ms && rules->now.steady_ms - reason->closed_ms > REOPEN_MS)
            reason_drop(rules, need, reason);
        else
            n++;
    }
    if (n < CORE_REASONS_MAX)
        return true;
    rules->shed++;
    core_effect(rules, EFFECT_SHED, "a session asks for more than %d things at once", CORE_REASONS_MAX);
    return false;
}
