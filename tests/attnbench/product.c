/* product.c: quietbell itself as a candidate: router/step.h, which is the daemon's own core under a configuration.
 * Nothing is judged here; agents' numbers become names and back. */
#include "candidate.h"

#include "router/problem.h"

#include <stdio.h>
#include <stdlib.h>

struct product {
    struct candidate base;
    struct step *step;
};

static int number_of(const char *name)
{
    int number = atoi(name + 1);
    if (name[0] != 'a' || number < 0 || number >= AGENTS_MAX)
        abort();
    return number;
}

static void product_take(struct candidate *candidate, const struct bench_input *input)
{
    struct product *product = (struct product *)candidate;
    char agent[16] = "", repository[16] = "";
    if (input->agent >= 0)
        snprintf(agent, sizeof agent, "a%d", input->agent);
    if (input->event == STEP_SESSION_START)
        snprintf(repository, sizeof repository, "r%d", input->repository);
    struct step_input told = {.t_ms = input->t_ms,
                              .event = input->event,
                              .agent = agent,
                              .repository = repository,
                              .crit = input->crit,
                              .sub = input->sub,
                              .on = input->on,
                              .world = input->world};
    const struct step_effects *effects = step_take(product->step, &told);
    for (int i = 0; i < effects->n; i++) {
        const struct step_effect *from = &effects->list[i];
        int items[AGENTS_MAX] = {0};
        for (int k = 0; k < from->n_items && k < AGENTS_MAX; k++)
            items[k] = number_of(from->items[k]);
        struct bench_effect *effect = candidate_effect(candidate, from->type, items, from->n_items);
        effect->id = from->id;
        effect->audible = from->audible;
    }
    candidate->deadline_ms = effects->deadline_ms;
}

static void product_release(struct candidate *candidate)
{
    step_free(((struct product *)candidate)->step);
}

static const struct candidate_class class = {product_take, product_release};

struct candidate *product_new(const char *configuration)
{
    struct problems problems = {0};
    struct step *step = step_new(configuration, &problems);
    if (!step) {
        problems_print(stderr, &problems, false);
        problems_clear(&problems);
        return NULL;
    }
    struct product *product = (struct product *)allocate_candidate(&class, sizeof *product);
    product->step = step;
    return &product->base;
}
