/* keep.c: what is kept (record.h): ids, the list of changed records, and joining restored rows. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

static const struct noun *const nouns[] = {&noun_receiver, &noun_focus,  &noun_person, &noun_ring,
                                           &noun_session,  &noun_thread, &noun_need,   &noun_reason,
                                           &noun_alert,    &noun_line};

const struct noun *const *rules_nouns(int *n)
{
    *n = sizeof nouns / sizeof *nouns;
    return nouns;
}

uint64_t core_id(struct rules *rules)
{
    return rules->seq << 20 | (rules->next_n++ & 0xfffff);
}

void core_changed(struct rules *rules, void *item)
{
    struct record *record = item;
    if (record->changed)
        return;
    record->changed = true;
    record->next_changed = rules->changed;
    rules->changed = record;
}

void core_gone(struct rules *rules, void *item)
{
    struct record *record = item;
    record->gone = true;
    core_changed(rules, record);
}

struct record *rules_changed(struct rules *rules)
{
    return rules->changed;
}

static void free_record(struct record *record)
{
    for (int i = 0; i < record->noun->n_fields; i++) {
        if (record->noun->fields[i].type == FIELD_TEXT)
            free(*(char **)((char *)record + record->noun->fields[i].offset));
    }
    free(record);
}

void rules_committed(struct rules *rules)
{
    for (struct record *record = rules->changed, *next; record; record = next) {
        next = record->next_changed;
        record->changed = false;
        record->next_changed = NULL;
        if (record->gone)
            free_record(record);
    }
    rules->changed = NULL;
}

/* ---- restoring ----------------------------------------------------------------------------------- */

struct record *rules_restore(struct rules *rules, const struct noun *noun)
{
    struct record *record = must_alloc(noun->size);
    record->noun = noun;
    if (rules->n_restoring == rules->restoring_capacity) {
        rules->restoring_capacity = rules->restoring_capacity ? rules->restoring_capacity * 2 : 64;
        rules->restoring =
            must_grow(rules->restoring, (size_t)rules->restoring_capacity * sizeof *rules->restoring);
    }
    rules->restoring[rules->n_restoring++] = record;
    return record;
}

static int noun_rank(const struct noun *noun)
{
    int rank = 0;
    while (nouns[rank] != noun)
        rank++;
    return rank;
}

static int by_noun_and_id(const void *a, const void *b)
{
    const struct record *x = *(struct record *const *)a, *y = *(struct record *const *)b;
    if (x->noun != y->noun)
        return noun_rank(x->noun) - noun_rank(y->noun);
    return x->id < y->id ? -1 : x->id > y->id;
}

static bool join_slot(void **slots, int64_t slot, void *item)
{
    if (slot < 0 || slot >= 32 || slots[slot])
        return false;
    slots[slot] = item;
    return true;
}

static bool join_thread(struct rules *rules, struct thread *thread)
{
    struct session *session = (struct session *)rules_session_find(rules, thread->session_id);
    if (session)
        thread_join(session, thread);
    return session != NULL;
}

static bool join_need(struct rules *rules, struct need *need)
{
    need->session = (struct session *)rules_session_find(rules, need->session_id);
    if (!need->session)
        return false;
    need->look_ms = NEVER_MS;
    need_join(rules, need);
    if (!need_open(need))
        return true;
    need->dirty = true; /* not changed, but to be judged */
    need->next_dirty = rules->dirty;
    rules->dirty = need;
    return true;
}

static bool join_reason(struct rules *rules, struct reason *reason)
{
    struct need *need = (struct need *)rules_need_find(rules, reason->need_id);
    if (need)
        reason_add(need, reason);
    return need != NULL;
}

static bool join_line(struct rules *rules, struct line *line)
{
    struct alert *alert = (struct alert *)rules_alert_find(rules, line->alert_id);
    struct need *need = (struct need *)rules_need_find(rules, line->need_id);
    if (!alert || !need)
        return false;
    line_join(line, alert, need);
    return true;
}

static bool join_receiver(struct rules *rules, struct receiver *receiver)
{
    rules->n_down += receiver->down_ms != 0;
    return join_slot((void **)rules->receivers, receiver->slot, receiver);
}

static bool join_ring(struct rules *rules, struct ring *ring)
{
    if (ring->receiver < 0 || ring->receiver >= RECEIVER_SLOTS)
        return false;
    ring_join(rules, ring);
    return true;
}

static bool join_focus(struct rules *rules, struct focus *focus)
{
    if (focus->on && focus->slot >= 0 && focus->slot < FOCUS_SLOTS)
        rules->focuses_on |= 1u << focus->slot;
    if (!join_slot((void **)rules->focuses, focus->slot, focus))
        return false;
    focus_join(focus);
    return true;
}

static bool join_alert(struct rules *rules, struct alert *alert)
{
    if (alert->receiver < 0 || alert->receiver >= RECEIVER_SLOTS)
        return false;
    alert_join(rules, alert);
    return true;
}

static bool join(struct rules *rules, struct record *record)
{
    const struct noun *noun = record->noun;
    void *item = record;
    if (noun == &noun_session)
        session_join(rules, item);
    else if (noun == &noun_person)
        return join_slot((void **)&rules->person, 0, item);
    return noun == &noun_receiver ? join_receiver(rules, item)
           : noun == &noun_focus  ? join_focus(rules, item)
           : noun == &noun_thread ? join_thread(rules, item)
           : noun == &noun_need   ? join_need(rules, item)
           : noun == &noun_reason ? join_reason(rules, item)
           : noun == &noun_alert  ? join_alert(rules, item)
           : noun == &noun_line   ? join_line(rules, item)
           : noun == &noun_ring   ? join_ring(rules, item)
                                  : true;
}

/* A need without reasons, an alert without lines: half a row set, from a damaged or meddled-with store. */
static int drop_halves(struct rules *rules)
{
    int dropped = 0;
    for (struct need *need = rules->first_need, *next; need; need = next) {
        next = need->next;
        if (need->reasons && (!need_open(need) || !need_reason(need)->closed_ms))
            continue;
        need_drop(rules, need);
        dropped++;
    }
    return dropped;
}

int rules_restored(struct rules *rules)
{
    int dropped = 0;
    if (rules->n_restoring > 1)
        qsort(rules->restoring, (size_t)rules->n_restoring, sizeof *rules->restoring, by_noun_and_id);
    for (int i = 0; i < rules->n_restoring; i++) {
        struct record *record = rules->restoring[i];
        for (int f = 0; f < record->noun->n_fields; f++) {
            const struct field *field = &record->noun->fields[f];
            if (field->type == FIELD_TEXT) {
                const char *text = *(char **)((char *)record + field->offset);
                rules->bytes += text ? (int64_t)strlen(text) : 0;
            }
        }
        if (!join(rules, record)) {
            free_record(record);
            dropped++;
        }
    }
    free(rules->restoring);
    rules->restoring = NULL;
    rules->n_restoring = rules->restoring_capacity = 0;
    rules->defer_again = true;
    for (struct session *session = rules->first_session; session; session = session->next) {
        session->stalled = session->need && need_open(session->need);
        silence_follow(rules, session); /* only now it is known who has a need */
    }
    return dropped + drop_halves(rules);
}
