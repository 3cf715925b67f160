/* ring.h: the rings of the last hour, for the budgets of receivers. */
#ifndef RULES_RING_H
#define RULES_RING_H

#include "record.h"

#include <stdint.h>

struct rules;

struct ring {
    struct record record;
    int64_t receiver; /* slot */
    int64_t at_ms;
    struct ring *next;
};

extern const struct noun noun_ring;

/* A receiver rings now; those of more than an hour ago are forgotten. Noted with or without a budget: one that a
 * reload brings in counts them, too. */
void ring_note(struct rules *rules, int receiver);
/* Forgets the rings of a receiver that is no more. */
void ring_forget(struct rules *rules, int receiver);
/* When a receiver may ring again, by its budget: now, or when the oldest of its rings is an hour old. */
int64_t ring_room_ms(const struct rules *rules, int receiver);
void ring_join(struct rules *rules, struct ring *ring);

#endif
