/* wait.c: what is held for a good moment (rules.md section 5, line 7, slot breakpoint): is it now?
 *
 * Asked per receiver over its ready needs, and only when something has changed: a need became ready or went, a
 * breakpoint came, or the time is there that the last answer named. */
#include "core.h"

#include <stdlib.h>

/* Deferral pays only with many sessions. */
bool wait_few(const struct rules *rules)
{
    return rules->policy && rules->n_live <= rules->policy->deferral.few;
}

bool wait_pays_not(const struct rules *rules, const struct need *need)
{
    bool elsewhere = rules->person && rules->person->front_id &&
                     rules->person->front_id != need->session->record.id &&
                     person_presence(rules) <= PRESENCE_ACTIVE;
    return wait_few(rules) && !elsewhere;
}

static bool waits(const struct rules *rules, const struct need *need, uint32_t receiver)
{
    return need->treatment.slot == SLOT_BREAKPOINT && need->treatment.to & receiver &&
           need->due_ms > rules->now.steady_ms;
}

struct waits {
    struct waiting *list;
    int n, capacity;
};

static void add(struct waits *waits, const struct rules *rules, const struct need *need)
{
    if (waits->n == waits->capacity) {
        waits->capacity = waits->capacity ? waits->capacity * 2 : 32;
        waits->list = must_grow(waits->list, (size_t)waits->capacity * sizeof *waits->list);
    }
    waits->list[waits->n++] = (struct waiting){need->kind, need_waited(need, rules->now.steady_ms),
                                               need->treatment.at_most_ms};
}

/* Everything that waits on this receiver is due. */
static void tell_all(struct rules *rules, uint32_t receiver)
{
    for (struct need *need = rules->untold[VERDICT_HELD], *next; need; need = next) {
        next = need->next_untold;
        if (!waits(rules, need, receiver))
            continue;
        need_judged(rules, need, VERDICT_DUE);
        tell_note(rules, need);
    }
}

static void ask(struct rules *rules, int slot, struct waits *waiting, int64_t breakpoint_ago_ms)
{
    int64_t again_ms, room_ms = ring_room_ms(rules, slot);
    uint32_t receiver = 1u << slot;
    waiting->n = 0;
    for (const struct need *need = rules->untold[VERDICT_HELD]; need; need = need->next_untold) {
        if (waits(rules, need, receiver))
            add(waiting, rules, need);
    }
    if (waiting->n == 0)
        return;
    if (room_ms > rules->now.steady_ms) { /* it cannot ring: ask again when it can */
        rules->defer_ms = room_ms < rules->defer_ms ? room_ms : rules->defer_ms;
        return;
    }
    if (defer_tell(&rules->policy->deferral, waiting->list, waiting->n, breakpoint_ago_ms, &again_ms))
        tell_all(rules, receiver);
    else if (again_ms < rules->defer_ms - rules->now.steady_ms)
        rules->defer_ms = rules->now.steady_ms + again_ms;
}

void wait_look(struct rules *rules)
{
    int64_t breakpoint_ago_ms =
        person_at_breakpoint(rules) ? rules->now.steady_ms - rules->person->breakpoint_ms : -1;
    if (!rules->defer_again && rules->defer_ms > rules->now.steady_ms)
        return;
    struct waits waiting = {0};
    rules->defer_again = false;
    rules->defer_ms = NEVER_MS;
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        if (rules->receivers[slot] && rules->receivers[slot]->declared)
            ask(rules, slot, &waiting, breakpoint_ago_ms);
    }
    free(waiting.list);
}
