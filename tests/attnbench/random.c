/* random.c: see random.h, SPEC section 1. */
#include "random.h"

#include <math.h>

static const uint64_t golden = UINT64_C(0x9E3779B97F4A7C15);

static uint64_t scramble(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static uint64_t mix(uint64_t x)
{
    return scramble(x + golden);
}

struct stream stream_of(uint64_t seed, int agent, enum purpose purpose)
{
    return (struct stream){mix(mix(mix(seed) ^ (uint64_t)(agent + 1)) ^ (uint64_t)purpose)};
}

double stream_uniform(struct stream *stream)
{
    stream->state += golden;
    return (double)(scramble(stream->state) >> 11) * 0x1p-53;
}

double stream_normal(struct stream *stream)
{
    double a = 1.0 - stream_uniform(stream);
    double b = stream_uniform(stream);
    return sqrt(-2.0 * log(a)) * cos(2.0 * M_PI * b);
}

double stream_exponential(struct stream *stream, double mean)
{
    return -mean * log(1.0 - stream_uniform(stream));
}

int64_t rounded(double x)
{
    return (int64_t)(x + 0.5);
}
