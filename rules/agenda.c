/* agenda.c: which need is to be looked at next. A binary heap of needs by look_ms, then id, so that equal
 * times are taken in the order of opening. A need that waits for nothing is not in it. */
#include "core.h"

#include <stdlib.h>

static bool before(const struct need *a, const struct need *b)
{
    return a->look_ms != b->look_ms ? a->look_ms < b->look_ms : a->record.id < b->record.id;
}

static void place(struct agenda *agenda, int at, struct need *need)
{
    agenda->heap[at] = need;
    need->heap_at = at;
}

static void rise(struct agenda *agenda, int at)
{
    struct need *need = agenda->heap[at];
    for (; at > 0 && before(need, agenda->heap[(at - 1) / 2]); at = (at - 1) / 2)
        place(agenda, at, agenda->heap[(at - 1) / 2]);
    place(agenda, at, need);
}

static void sink(struct agenda *agenda, int at)
{
    struct need *need = agenda->heap[at];
    for (int child; (child = 2 * at + 1) < agenda->n; at = child) {
        if (child + 1 < agenda->n && before(agenda->heap[child + 1], agenda->heap[child]))
            child++;
        if (!before(agenda->heap[child], need))
            break;
        place(agenda, at, agenda->heap[child]);
    }
    place(agenda, at, need);
}

void agenda_remove(struct agenda *agenda, struct need *need)
{
    int at = need->heap_at;
    if (at < 0)
        return;
    need->heap_at = -1;
    struct need *last = agenda->heap[--agenda->n];
    if (last == need)
        return;
    place(agenda, at, last);
    rise(agenda, at);
    sink(agenda, last->heap_at);
}

void agenda_set(struct agenda *agenda, struct need *need, int64_t look_ms)
{
    if (need->heap_at >= 0 && need->look_ms == look_ms)
        return;
    agenda_remove(agenda, need);
    need->look_ms = look_ms;
    if (look_ms == NEVER_MS)
        return;
    if (agenda->n == agenda->capacity) {
        agenda->capacity = agenda->capacity ? agenda->capacity * 2 : 64;
        agenda->heap = must_grow(agenda->heap, (size_t)agenda->capacity * sizeof(struct need *));
    }
    place(agenda, agenda->n, need);
    rise(agenda, agenda->n++);
}

struct need *agenda_due(const struct agenda *agenda, int64_t steady_ms)
{
    return agenda->n > 0 && agenda->heap[0]->look_ms <= steady_ms ? agenda->heap[0] : NULL;
}

int64_t agenda_deadline(const struct agenda *agenda)
{
    return agenda->n > 0 ? agenda->heap[0]->look_ms : NEVER_MS;
}
