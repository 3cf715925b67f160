/* calendar_spans.c: the spans that a reading finds (calendar_read.h). */
#include "calendar_read.h"

#include <stdlib.h>

void spans_add(struct read_state *state, int64_t from, int64_t until)
{
    struct spans *spans = &state->spans;
    if (until <= from || until <= state->from || from >= state->until)
        return;
    if (spans->n == READ_SPANS_MAX)
        spans_join(spans);
    if (spans->n == READ_SPANS_MAX)
        return;
    if (spans->n == spans->size) {
        spans->size = spans->size ? spans->size * 2 : 64;
        spans->list = realloc(spans->list, (size_t)spans->size * sizeof *spans->list);
        if (!spans->list)
            abort();
    }
    spans->list[spans->n].from = from;
    spans->list[spans->n++].until = until;
}

static int by_from(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

void spans_join(struct spans *spans)
{
    int kept = 0;
    if (spans->n > 1)
        qsort(spans->list, (size_t)spans->n, sizeof *spans->list, by_from);
    for (int i = 0; i < spans->n; i++) {
        if (kept > 0 && spans->list[i].from <= spans->list[kept - 1].until) {
            if (spans->list[i].until > spans->list[kept - 1].until)
                spans->list[kept - 1].until = spans->list[i].until;
        } else {
            spans->list[kept++] = spans->list[i];
        }
    }
    spans->n = kept;
}
