/* compare.h: two runs of the same past side by side: what was told when, and the figures. */
#ifndef ROUTER_COMPARE_H
#define ROUTER_COMPARE_H

#include "router/figures.h"

#include <stdbool.h>

enum { COMPARE_SIDES = 2 };

struct compare_cell;

struct compare {
    const char *names[COMPARE_SIDES]; /* "recorded", the file */
    int width;                        /* 0: a pipe */
    bool colour;
    bool headed;
    struct compare_cell *cells; /* of the last second */
    int n, room;
    int64_t rows, same; /* printed; so many in both, at the same time */
};

/* A side told something in a step: notes it; prints what is older than a second. need_id is the recorded one. */
void compare_told(struct compare *compare, int side, const struct rules *rules,
                  const struct moment *now, const struct figures_told *told, uint64_t need_id);
/* Prints what is left, and the table. */
void compare_end(struct compare *compare, struct figures *sides[COMPARE_SIDES]);

#endif
