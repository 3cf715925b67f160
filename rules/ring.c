/* ring.c: see ring.h. A list for each receiver, oldest first; a budget counts (t - 1 h, t]. */
#include "core.h"

#include <stdlib.h>

enum { RINGS_MAX = 1000 }; /* of a receiver: no budget may be larger (quietbell.yaml(5)) */

static const struct field ring_fields[] = {
    FIELD(ring, FIELD_INT, receiver),
    FIELD(ring, FIELD_INT, at_ms),
};
const struct noun noun_ring = {"ring", sizeof(struct ring), ring_fields,
                               sizeof ring_fields / sizeof *ring_fields};

void ring_join(struct rules *rules, struct ring *ring)
{
    struct ring *last = rules->last_ring[ring->receiver];
    *(last ? &last->next : &rules->rings[ring->receiver]) = ring;
    rules->last_ring[ring->receiver] = ring;
    rules->n_rings[ring->receiver]++;
    ring->next = NULL;
}

static void drop_oldest(struct rules *rules, int receiver)
{
    struct ring *old = rules->rings[receiver];
    rules->rings[receiver] = old->next;
    if (!old->next)
        rules->last_ring[receiver] = NULL;
    rules->n_rings[receiver]--;
    core_gone(rules, old);
}

void ring_forget(struct rules *rules, int receiver)
{
    while (rules->rings[receiver])
        drop_oldest(rules, receiver);
}

void ring_note(struct rules *rules, int receiver)
{
    while (rules->rings[receiver] && (rules->now.steady_ms - rules->rings[receiver]->at_ms >= HOUR_MS ||
                                      rules->n_rings[receiver] >= RINGS_MAX))
        drop_oldest(rules, receiver);
    struct ring *ring = must_alloc(sizeof *ring);
    ring->record.noun = &noun_ring;
    ring->record.id = core_id(rules);
    ring->receiver = receiver;
    ring->at_ms = rules->now.steady_ms;
    ring_join(rules, ring);
    core_changed(rules, ring);
    if (rules->receivers[receiver] && rules->receivers[receiver]->budget) {
        rules->less_room |= 1u << receiver;
        rules->defer_again = true;
    }
}

int64_t ring_room_ms(const struct rules *rules, int receiver)
{
    const struct receiver *known = rules->receivers[receiver];
    int64_t now = rules->now.steady_ms, allowed = known && known->declared ? known->budget : 0;
    int n = 0;
    if (!allowed || rules->n_rings[receiver] < allowed)
        return now;
    for (const struct ring *ring = rules->rings[receiver]; ring; ring = ring->next)
        n += now - ring->at_ms < HOUR_MS;
    if (n < allowed)
        return now;
    for (const struct ring *ring = rules->rings[receiver]; ring; ring = ring->next) {
        if (now - ring->at_ms < HOUR_MS && n-- == allowed)
            return ring->at_ms + HOUR_MS; /* when this one is an hour old there is room */
    }
    return now;
}
