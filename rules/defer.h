/* defer.h: bounded deferral: is what waits worth breaking in for?
 *
 * What is held costs something each second, by its kind, and more the older it is; breaking in costs the person
 * the thread of what they are doing, much in the middle, little at a breakpoint. Interrupt when waiting for the
 * next breakpoint would cost more than breaking in now. The model, its numbers and what they are worth:
 * AttnBench (tests/attnbench). Fixed point: no libm, the same everywhere. */
#ifndef RULES_DEFER_H
#define RULES_DEFER_H

#include "word.h"

#include <stdbool.h>
#include <stdint.h>

/* The numbers under `policy:`. Parts are thousandths; costs are seconds of the person's focus. */
struct deferral {
    int64_t few;           /* so many live sessions or fewer: deferral does not pay */
    int64_t weight[KINDS]; /* thousandths: how much a second of waiting of this kind counts */
    int64_t waiting;       /* thousandths: cost of a second of waiting of weight 1 */
    int64_t growth;        /* thousandths: of the weight, added by the time the bound is reached */
    int64_t middle_s;      /* cost of breaking in in the middle of something */
    int64_t breakpoint_s;  /* cost at a breakpoint */
    int64_t recall;        /* thousandths: of the breakpoints that are seen; 0: none ever is */
    int64_t every_s;       /* mean time between breakpoints */
    int64_t patience;      /* thousandths: factor on the threshold in the middle */
    int64_t reluctance;    /* thousandths: factor on the cost of breaking in at a breakpoint */

    /* for the board (board.h) */
    int64_t service_s[KINDS]; /* what serving one takes */
    int64_t critical_s;       /* and one that is critical */
    int64_t setup_s;          /* to come into another repository */
    int64_t grace_s;          /* so long after its bound a need is late … */
    int64_t late_s;           /* … which costs so much */

    /* for silence (silence.c) */
    int64_t silent_s;  /* a working session that is silent for so long is worth a look … */
    int64_t stalled_s; /* … and for so long: it is stalled. 0: never */
};

extern const struct deferral defer_defaults;

struct waiting {
    enum kind kind;
    int64_t waited_ms;  /* without the time behind walls */
    int64_t at_most_ms; /* its bound; 0 is none */
};

/* Whether to break in now for the n things that wait. A breakpoint that began a moment ago is judged as of its
 * beginning, so that the answer is the same whenever it is asked; -1: there is none. If not, *again_ms is in how
 * long to ask again, if nothing changes before (INT64_MAX: never). */
bool defer_tell(const struct deferral *numbers, const struct waiting *list, int n,
                int64_t breakpoint_ago_ms, int64_t *again_ms);

#endif
