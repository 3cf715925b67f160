/* stats.h: the figures of some spans of time, from the store: its log is played again (fold.h). */
#ifndef ROUTER_STATS_H
#define ROUTER_STATS_H

#include "router/figures.h"
#include "router/store.h"

struct stats_span {
    int64_t from_wall_ms, until_wall_ms; /* [from, until) */
    struct figures figures;
    int64_t inputs; /* recorded in it */
    bool begun, ended;
};

/* Fills the figures of the spans, which may overlap. 0, or a negative errno with a sentence. *late: the log begins
 * after the first of them does. Clear each span's figures. */
int stats_take(struct store *store, struct stats_span *spans, int n, int64_t now_wall_ms,
               bool *late, char *error, size_t size);

#endif
