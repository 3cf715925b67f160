/* read.c: reading the core between two steps (the last part of rules.h). */
#include "core.h"

#include <stdlib.h>

static bool same_id(const void *item, const void *key)
{
    return ((const struct record *)item)->id == *(const uint64_t *)key;
}

static void *find(const struct table *table, uint64_t id)
{
    return id ? table_find(table, table_mix(id), same_id, &id) : NULL;
}

const struct session *rules_session_find(const struct rules *rules, uint64_t id)
{
    return find(&rules->sessions_by_id, id);
}

const struct need *rules_need_find(const struct rules *rules, uint64_t id)
{
    return find(&rules->needs_by_id, id);
}

const struct alert *rules_alert_find(const struct rules *rules, uint64_t id)
{
    return find(&rules->alerts_by_id, id);
}

const struct receiver *rules_receiver_at(const struct rules *rules, int slot)
{
    return slot >= 0 && slot < RECEIVER_SLOTS ? rules->receivers[slot] : NULL;
}

const struct session *rules_session_next(const struct rules *rules, const struct session *after)
{
    return after ? after->next : rules->first_session;
}

const struct need *rules_need_next(const struct rules *rules, const struct need *after)
{
    return after ? after->next : rules->first_need;
}

const struct alert *rules_alert_next(const struct rules *rules, const struct alert *after)
{
    return after ? after->next : rules->first_alert;
}

const struct receiver *rules_receiver_next(const struct rules *rules, const struct receiver *after)
{
    for (int slot = after ? (int)after->slot + 1 : 0; slot < RECEIVER_SLOTS; slot++) {
        if (rules->receivers[slot])
            return rules->receivers[slot];
    }
    return NULL;
}

const struct person *rules_person(const struct rules *rules)
{
    return rules->person;
}

const struct focus *rules_focus_next(const struct rules *rules, const struct focus *after)
{
    for (int slot = after ? (int)after->slot + 1 : 0; slot < FOCUS_SLOTS; slot++) {
        if (rules->focuses[slot])
            return rules->focuses[slot];
    }
    return NULL;
}

static int compare_needs(const void *a, const void *b)
{
    return need_compare(*(const struct need *const *)a, *(const struct need *const *)b);
}

const struct need *const *rules_alert_needs(const struct rules *rules, const struct alert *alert,
                                            int *n)
{
    struct rules *scratch = (struct rules *)rules; /* only its scratch list is written */
    *n = 0;
    if (alert->n_lines > scratch->named_capacity) {
        scratch->named_capacity = alert->n_lines;
        scratch->named = must_grow(scratch->named, (size_t)alert->n_lines * sizeof *scratch->named);
    }
    for (const struct line *line = alert->lines; line; line = line->next_in_alert)
        scratch->named[(*n)++] = line->need;
    if (*n)
        qsort(scratch->named, (size_t)*n, sizeof *scratch->named, compare_needs);
    return scratch->named;
}

bool rules_alert_wanted(const struct rules *rules, const struct alert *alert)
{
    (void)rules;
    if (!alert->open || alert->delivered || !alert->gave_up)
        return true;
    for (const struct line *line = alert->lines; line; line = line->next_in_alert) {
        if (!(line->need->delivered & ~(1u << alert->receiver)))
            return true;
    }
    return false;
}

enum heard rules_heard(const struct rules *rules, const struct session **of)
{
    *of = rules->heard_of;
    return rules->heard;
}

struct rules_counts rules_counts(const struct rules *rules)
{
    return (struct rules_counts){rules->n_sessions, rules->n_needs - rules->n_resolved,
                                 rules->n_alerts, rules->bytes, rules->shed};
}
