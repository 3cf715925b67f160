/* busy.c: see busy.h. */
#include "busy.h"

#include "moment.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>

static int by_from(const void *a, const void *b)
{
    const struct busy *x = a, *y = b;
    if (x->from_wall_ms != y->from_wall_ms)
        return x->from_wall_ms < y->from_wall_ms ? -1 : 1;
    return x->until_wall_ms < y->until_wall_ms ? -1 : x->until_wall_ms > y->until_wall_ms;
}

int busy_merge(struct busy *spans, int n)
{
    int kept = 0;
    if (n > 1)
        qsort(spans, (size_t)n, sizeof *spans, by_from);
    for (int i = 0; i < n; i++) {
        struct busy *last = kept > 0 ? &spans[kept - 1] : NULL;
        if (spans[i].until_wall_ms <= spans[i].from_wall_ms)
            continue;
        if (last && spans[i].from_wall_ms <= last->until_wall_ms) {
            if (spans[i].until_wall_ms > last->until_wall_ms)
                last->until_wall_ms = spans[i].until_wall_ms;
        } else if (kept == BUSY_MAX) {
            break;
        } else {
            spans[kept++] = spans[i];
        }
    }
    return kept;
}

char *busy_text(const struct busy *spans, int n)
{
    char *text = must_alloc((size_t)n * 42 + 1);
    size_t used = 0;
    for (int i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, 43, "%s%lld %lld", i ? " " : "",
                                 (long long)spans[i].from_wall_ms, (long long)spans[i].until_wall_ms);
    return text;
}

struct busy *busy_read(const char *text, int *n)
{
    struct busy *spans = NULL;
    const char *p = text_or(text, "");
    *n = 0;
    while (*p && *n < BUSY_MAX) {
        char *middle, *end;
        struct busy span = {.from_wall_ms = strtoll(p, &middle, 10)};
        span.until_wall_ms = strtoll(middle, &end, 10);
        if (middle == p || end == middle || span.until_wall_ms <= span.from_wall_ms ||
            (*n && span.from_wall_ms <= spans[*n - 1].until_wall_ms))
            break;
        if ((*n & (*n - 1)) == 0) /* full at every power of two */
            spans = must_grow(spans, (size_t)(*n ? *n * 2 : 1) * sizeof *spans);
        spans[(*n)++] = span;
        p = end;
    }
    return spans;
}

/* The first that ends after it. */
static int find(const struct busy *spans, int n, int64_t wall_ms)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (spans[middle].until_wall_ms > wall_ms)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

bool busy_on(const struct busy *spans, int n, int64_t wall_ms)
{
    int i = find(spans, n, wall_ms);
    return i < n && spans[i].from_wall_ms <= wall_ms;
}

int64_t busy_next(const struct busy *spans, int n, int64_t wall_ms)
{
    int i = find(spans, n, wall_ms);
    if (i == n)
        return NEVER_MS;
    return spans[i].from_wall_ms > wall_ms ? spans[i].from_wall_ms : spans[i].until_wall_ms;
}
