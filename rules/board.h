/* board.h: the order of what to do next.
 *
 * Critical first, the oldest first. Then by repository, because changing it costs the person a set-up: again and
 * again the repository whose next few needs are worth most per second they take is served. A need is worth more
 * with its age, and much more shortly before it would be late. From AttnBench (tests/attnbench), in fixed point. */
#ifndef RULES_BOARD_H
#define RULES_BOARD_H

#include "defer.h"
#include "word.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    BOARD_ORDERED = 1000
}; /* so many, the most urgent, are put into this order; the others follow by urgency */

struct board_item {
    uint64_t id;    /* of the need */
    uint64_t group; /* of its repository: any number that is the same for the same one */
    enum kind kind;
    bool critical;
    int64_t waited_ms, at_most_ms;
};

/* Puts the n items into the order in which to serve them; `current` is the group the person is in, 0: none. */
void board_order(const struct deferral *numbers, struct board_item *items, int n, uint64_t current);

#endif
