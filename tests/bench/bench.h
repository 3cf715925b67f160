/* bench.h: what the bench's helpers share: one clock, medians, and a way to give up. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#define must(good, what)                                                                           \
    do {                                                                                           \
        if (!(good)) {                                                                             \
            fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                        \
            perror(what);                                                                          \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* Samples in ns, and how many tries gave none. */
struct samples {
    int64_t *list;
    int n, room, failed;
};

static inline void samples_add(struct samples *samples, int64_t ns)
{
    if (samples->n == samples->room) {
        samples->room = samples->room ? 2 * samples->room : 256;
        samples->list = realloc(samples->list, (size_t)samples->room * sizeof *samples->list);
        must(samples->list, "memory");
    }
    samples->list[samples->n++] = ns;
}

static inline int samples_order(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* One line of JSON: {"name":…,"n":…,"failed":…,"p50":…,"p90":…,"p99":…,"min":…}, in µs. */
static inline void samples_print(const char *name, struct samples *samples)
{
    int n = samples->n;
    printf("{\"name\":\"%s\",\"n\":%d,\"failed\":%d", name, n, samples->failed);
    if (n > 0) {
        qsort(samples->list, (size_t)n, sizeof *samples->list, samples_order);
        printf(",\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"min\":%.3f",
               (double)(samples->list[n / 2] + samples->list[(n - 1) / 2]) / 2000.0,
               (double)samples->list[n * 9 / 10] / 1000.0,
               (double)samples->list[n * 99 / 100] / 1000.0, (double)samples->list[0] / 1000.0);
    }
    puts("}");
}

#endif
