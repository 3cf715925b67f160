/* history_small.c: a history that breaks a property, made smaller and printed (history.h). */
#include "history.h"

#include <stdio.h>
#include <string.h>

static bool keep_if_fails(struct history *history, const struct history *smaller,
                          bool (*fails)(const struct history *history))
{
    if (!fails(smaller))
        return false;
    *history = *smaller;
    return true;
}

static bool without_turns(struct history *history, int from, int n,
                          bool (*fails)(const struct history *history))
{
    struct history smaller = *history;
    int64_t gap_ms = 0;
    for (int i = from; i < from + n; i++)
        gap_ms += history->turns[i].after_ms;
    memmove(&smaller.turns[from], &smaller.turns[from + n],
            (size_t)(history->n - from - n) * sizeof *smaller.turns);
    smaller.n -= n;
    if (keep_if_fails(history, &smaller, fails))
        return true;
    if (from >= smaller.n)
        return false;
    smaller.turns[from].after_ms += gap_ms; /* the same moments for what follows */
    return keep_if_fails(history, &smaller, fails);
}

static bool simpler_turn(struct history *history, int i, bool (*fails)(const struct history *history))
{
    struct history smaller = *history;
    if (history->turns[i].after_ms == 0)
        return false;
    smaller.turns[i].after_ms = 0;
    if (keep_if_fails(history, &smaller, fails))
        return true;
    smaller.turns[i].after_ms = history->turns[i].after_ms / 2;
    return keep_if_fails(history, &smaller, fails);
}

void history_shrink(struct history *history, bool (*fails)(const struct history *history))
{
    for (bool changed = true; changed;) {
        changed = false;
        for (int size = history->n / 2; size > 0; size /= 2) {
            for (int from = 0; from + size <= history->n;)
                if (without_turns(history, from, size, fails))
                    changed = true;
                else
                    from += size;
        }
        for (int bit = 0; bit < 32; bit++) {
            struct history smaller = *history;
            smaller.rules &= ~(1u << bit);
            smaller.other &= ~(1u << bit);
            if ((smaller.rules != history->rules || smaller.other != history->other) &&
                keep_if_fails(history, &smaller, fails))
                changed = true;
        }
        for (int i = 0; i < history->n; i++)
            changed |= simpler_turn(history, i, fails);
    }
}

void history_print(const struct history *history)
{
    static const char *const acts[] = {"event", "command", "presence", "receiver",
                                       "gone",  "reload",  "nothing"};
    fprintf(stderr, "seed %llu, rules %x, other %x\n", (unsigned long long)history->seed,
            history->rules, history->other);
    for (int i = 0; i < history->n; i++)
        fprintf(stderr, "  +%lld ms  %s  dice %u\n", (long long)history->turns[i].after_ms,
                acts[history->turns[i].act], history->turns[i].dice);
}
