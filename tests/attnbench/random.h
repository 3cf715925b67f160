/* random.h: AttnBench's random streams (splitmix64), the same on every machine.
 *
 * One stream for each (seed, agent, purpose), so that what one of them draws never shifts another: the k-th need
 * of an agent is the same whatever the policy does. */
#ifndef ATTNBENCH_RANDOM_H
#define ATTNBENCH_RANDOM_H

#include <stdint.h>

enum purpose {
    PURPOSE_WORK = 1,
    PURPOSE_NEED,
    PURPOSE_SERVICE,
    PURPOSE_NOISE,
    PURPOSE_SUB,
    PURPOSE_SESSION,
    PURPOSE_START,
    PURPOSE_CHUNK,
    PURPOSE_SENSOR,
    PURPOSE_SELF,
    PURPOSE_FALSE,
    PURPOSE_CALENDAR,
    PURPOSE_PHASE
};

enum { HUMAN_STREAMS = 1000 }; /* the "agent" of the human's and the world's streams */

struct stream {
    uint64_t state;
};

struct stream stream_of(uint64_t seed, int agent, enum purpose purpose);
double stream_uniform(struct stream *stream); /* [0, 1) */
double stream_normal(struct stream *stream);  /* takes two uniforms */
double stream_exponential(struct stream *stream, double mean);

/* The reference's rounding: toward zero of x + 0.5. */
int64_t rounded(double x);

#endif
