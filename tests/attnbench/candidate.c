/* candidate.c: what all candidates share, and who there is by name; see candidate.h. */
#include "candidate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct candidate *allocate_candidate(const struct candidate_class *class, size_t size)
{
    struct candidate *candidate = calloc(1, size);
    if (!candidate)
        abort();
    candidate->class = class;
    candidate->deadline_ms = STEP_NEVER;
    return candidate;
}

struct candidate *candidate_new(const char *name, const struct world *world)
{
    if (strcmp(name, "quietbell") == 0)
        return product_new(NULL);
    if (strncmp(name, "quietbell:", 10) == 0)
        return product_new(name + 10);
    if (strncmp(name, "exec:", 5) == 0)
        return process_new(name + 5);
    if (strncmp(name, "oracle:", 7) == 0 && name[7] >= '0' && name[7] < '0' + ORACLE_TRIES)
        return oracle_new(world, oracle_tries[name[7] - '0'][0], oracle_tries[name[7] - '0'][1]);
    struct candidate *candidate = simple_new(name);
    return candidate ? candidate : deferral_new(name);
}

void candidate_free(struct candidate *candidate)
{
    if (candidate && candidate->class->release)
        candidate->class->release(candidate);
    if (candidate)
        free(candidate->effects);
    free(candidate);
}

void candidate_take(struct candidate *candidate, const struct bench_input *input)
{
    candidate->n_effects = 0;
    candidate->class->take(candidate, input);
}

struct bench_effect *candidate_effect(struct candidate *candidate, enum step_effect_type type,
                                      const int *items, int n)
{
    if (candidate->n_effects == candidate->capacity) {
        candidate->capacity = candidate->capacity ? candidate->capacity * 2 : 16;
        candidate->effects =
            realloc(candidate->effects, (size_t)candidate->capacity * sizeof *candidate->effects);
        if (!candidate->effects)
            abort();
    }
    struct bench_effect *effect = &candidate->effects[candidate->n_effects++];
    effect->type = type;
    effect->id = 0;
    effect->audible = false;
    effect->n_items = n;
    if (n > 0)
        memcpy(effect->items, items, (size_t)n * sizeof *items);
    return effect;
}

struct bench_effect *candidate_alert(struct candidate *candidate, const int *items, int n)
{
    struct bench_effect *effect = candidate_effect(candidate, STEP_CREATE, items, n);
    effect->id = ++candidate->last_id;
    effect->audible = true;
    return effect;
}

int number_compare(int a, int b)
{
    char text[2][16];
    snprintf(text[0], sizeof text[0], "%d", a);
    snprintf(text[1], sizeof text[1], "%d", b);
    return strcmp(text[0], text[1]);
}
