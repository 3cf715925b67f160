/* ring.c: see ring.h. One list, oldest first; a budget counts (t - 1 h, t]. */
#include "core.h"

#include <stdlib.h>

static const struct field ring_fields[] = {
    FIELD(ring, FIELD_INT, receiver),
    FIELD(ring, FIELD_INT, at_ms),
};
const struct noun noun_ring = {"ring", sizeof(struct ring), ring_fields,
                               sizeof ring_fields / sizeof *ring_fields};

void ring_join(struct rules *rules, struct ring *ring)
{
    struct ring **end = &rules->rings;
    while (*end)
        end = &(*end)->next;
    *end = ring;
    ring->next = NULL;
}

static int budget(const struct rules *rules, int receiver)
{
    const struct receiver *known = rules->receivers[receiver];
    return known && known->declared ? (int)known->budget : 0;
}

void ring_note(struct rules *rules, int receiver)
{
    while (rules->rings && rules->now.steady_ms - rules->rings->at_ms >= HOUR_MS) {
        struct ring *old = rules->rings;
        rules->rings = old->next;
        core_gone(rules, old);
    }
    if (!budget(rules, receiver))
        return;
    struct ring *ring = must_alloc(sizeof *ring);
    ring->record.noun = &noun_ring;
    ring->record.id = core_id(rules);
    ring->receiver = receiver;
    ring->at_ms = rules->now.steady_ms;
    ring_join(rules, ring);
    core_changed(rules, ring);
}

int64_t ring_room_ms(const struct rules *rules, int receiver)
{
    int64_t now = rules->now.steady_ms;
    int allowed = budget(rules, receiver), n = 0;
    if (!allowed)
        return now;
    for (const struct ring *ring = rules->rings; ring; ring = ring->next)
        n += ring->receiver == receiver && now - ring->at_ms < HOUR_MS;
    if (n < allowed)
        return now;
    for (const struct ring *ring = rules->rings; ring; ring = ring->next) {
        if (ring->receiver == receiver && now - ring->at_ms < HOUR_MS && n-- == allowed)
            return ring->at_ms + HOUR_MS; /* when this one is an hour old there is room */
    }
    return now;
}
