/* agenda.c: which need is to be looked at next. A heap, four ways wide, of needs by look_ms, then id, so that equal
 * times are taken in the order of opening. A need that waits for nothing leaves it sooner or later.
 *
 * Nearly every look is put off before it comes. So a need that is to be looked at later stays where it is, and is moved
 * only when it comes first: nobody asks for more than the first. */
#include "core.h"

#include <stdlib.h>

enum { WAYS = 4 };

static bool before(const struct planned *a, const struct planned *b)
{
    return a->look_ms != b->look_ms ? a->look_ms < b->look_ms
                                    : a->need->record.id < b->need->record.id;
}

static void place(struct agenda *agenda, int at, struct planned planned)
{
    agenda->heap[at] = planned;
    planned.need->heap_at = at;
}

static void rise(struct agenda *agenda, int at)
{
    struct planned planned = agenda->heap[at];
    for (; at > 0 && before(&planned, &agenda->heap[(at - 1) / WAYS]); at = (at - 1) / WAYS)
        place(agenda, at, agenda->heap[(at - 1) / WAYS]);
    place(agenda, at, planned);
}

static void sink(struct agenda *agenda, int at)
{
    struct planned planned = agenda->heap[at];
    for (int child; (child = WAYS * at + 1) < agenda->n; at = child) {
        int end = child + WAYS < agenda->n ? child + WAYS : agenda->n;
        for (int other = child + 1; other < end; other++)
            child = before(&agenda->heap[other], &agenda->heap[child]) ? other : child;
        if (!before(&agenda->heap[child], &planned))
            break;
        place(agenda, at, agenda->heap[child]);
    }
    place(agenda, at, planned);
}

void agenda_remove(struct agenda *agenda, struct need *need)
{
    int at = need->heap_at;
    if (at < 0)
        return;
    need->heap_at = -1;
    struct planned last = agenda->heap[--agenda->n];
    if (last.need == need)
        return;
    place(agenda, at, last);
    rise(agenda, at);
    sink(agenda, last.need->heap_at);
}

void agenda_set(struct agenda *agenda, struct need *need, int64_t look_ms)
{
    need->look_ms = look_ms;
    if (need->heap_at >= 0) {
        struct planned *planned = &agenda->heap[need->heap_at];
        if (look_ms < planned->look_ms) {
            planned->look_ms = look_ms;
            rise(agenda, need->heap_at);
        }
        return;
    }
    if (look_ms == NEVER_MS)
        return;
    if (agenda->n == agenda->capacity) {
        agenda->capacity = agenda->capacity ? agenda->capacity * 2 : 64;
        agenda->heap = must_grow(agenda->heap, (size_t)agenda->capacity * sizeof *agenda->heap);
    }
    place(agenda, agenda->n, (struct planned){look_ms, need});
    rise(agenda, agenda->n++);
}

/* The first one, where it belongs by now; NULL: none. */
static struct need *first(struct agenda *agenda)
{
    while (agenda->n > 0) {
        struct planned *planned = &agenda->heap[0];
        if (planned->look_ms == planned->need->look_ms)
            return planned->need;
        planned->look_ms = planned->need->look_ms;
        if (planned->look_ms == NEVER_MS)
            agenda_remove(agenda, planned->need);
        else
            sink(agenda, 0);
    }
    return NULL;
}

struct need *agenda_due(struct agenda *agenda, int64_t steady_ms)
{
    struct need *need = first(agenda);
    return need && need->look_ms <= steady_ms ? need : NULL;
}

int64_t agenda_deadline(struct agenda *agenda)
{
    const struct need *need = first(agenda);
    return need ? need->look_ms : NEVER_MS;
}
