/* queue.c: see queue.h. A binary heap. */
#include "queue.h"

#include <stdlib.h>

static bool before(const struct happening *a, const struct happening *b)
{
    return a->t_ms != b->t_ms ? a->t_ms < b->t_ms : a->order < b->order;
}

void queue_put(struct queue *queue, struct happening happening)
{
    if (queue->n == queue->capacity) {
        queue->capacity = queue->capacity ? queue->capacity * 2 : 256;
        queue->heap = realloc(queue->heap, (size_t)queue->capacity * sizeof *queue->heap);
        if (!queue->heap)
            abort();
    }
    happening.order = ++queue->order;
    int i = queue->n++;
    for (; i > 0 && before(&happening, &queue->heap[(i - 1) / 2]); i = (i - 1) / 2)
        queue->heap[i] = queue->heap[(i - 1) / 2];
    queue->heap[i] = happening;
}

bool queue_next(struct queue *queue, struct happening *out)
{
    if (queue->n == 0)
        return false;
    *out = queue->heap[0];
    struct happening last = queue->heap[--queue->n];
    int i = 0;
    for (;;) {
        int child = 2 * i + 1;
        if (child + 1 < queue->n && before(&queue->heap[child + 1], &queue->heap[child]))
            child++;
        if (child >= queue->n || !before(&queue->heap[child], &last))
            break;
        queue->heap[i] = queue->heap[child];
        i = child;
    }
    queue->heap[i] = last;
    return true;
}

void queue_release(struct queue *queue)
{
    free(queue->heap);
    *queue = (struct queue){0};
}
