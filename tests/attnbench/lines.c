/* lines.c: see lines.h. Numbers are written so that they are read back as the same. */
#include "lines.h"

#include <inttypes.h>

static void print_kinds(FILE *out, const char *key, const double *value)
{
    fprintf(out, ",\"%s\":{", key);
    for (int k = 0; k < STEP_KINDS; k++)
        fprintf(out, "%s\"%s\":%.17g", k ? "," : "", bench_kind_names[k], value[k]);
    fputs("}", out);
}

static void print_world(FILE *out, const struct step_world *world, int n_agents)
{
    fprintf(out, ",\"cfg\":{\"agents\":%d,\"kappa\":%.17g,\"c_mid_s\":%.17g,\"c_bp_s\":%.17g",
            n_agents, world->kappa, world->c_mid_s, world->c_bp_s);
    print_kinds(out, "h", world->weight);
    print_kinds(out, "D_s", world->at_most_s);
    print_kinds(out, "S_s", world->service_s);
    fprintf(out,
            ",\"setup_s\":%.17g,\"grace_s\":%.17g,\"late_s\":%.17g,\"sensor\":%s,"
            "\"recall\":%.17g,\"bp_mean_s\":%.17g}",
            world->setup_s, world->grace_s, world->late_s, world->sensor ? "true" : "false",
            world->recall, world->bp_mean_s);
}

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

void lines_input(FILE *out, const struct bench_input *input)
{
    enum step_event event = input->event;
    fprintf(out, "{\"t\":%" PRId64 ",\"ev\":\"%s\"", input->t_ms, step_words.names[event]);
    if (event == STEP_INIT)
        print_world(out, input->world, input->n_agents);
    if (event > STEP_INIT && event < STEP_BREAKPOINT)
        fprintf(out, ",\"agent\":\"a%d\"", input->agent);
    if (event == STEP_SESSION_START)
        fprintf(out, ",\"repo\":\"r%d\"", input->repository);
    if (event == STEP_PERMISSION || event == STEP_FAILED)
        fprintf(out, ",\"crit\":%s", truth(input->crit));
    if (event == STEP_FINISHED)
        fprintf(out, ",\"sub\":%s", truth(input->sub));
    if (event == STEP_ENGAGED || event == STEP_AWAY)
        fprintf(out, ",\"on\":%s", truth(input->on));
    if (event == STEP_AWAY)
        fprintf(out, ",\"why\":\"%s\"", input->why == ABSENCE_LUNCH ? "lunch" : "meeting");
    fputs("}\n", out);
}

static void print_effect(FILE *out, const struct bench_effect *effect)
{
    static const char *const operations[] = {"create", "update", "withdraw"};
    if (effect->type == STEP_LIST)
        fputs("{\"fx\":\"list\"", out);
    else
        fprintf(out, "{\"fx\":\"alert\",\"op\":\"%s\",\"id\":\"x%" PRId64 "\"",
                operations[effect->type], effect->id);
    if (effect->type == STEP_CREATE || effect->type == STEP_UPDATE)
        fprintf(out, ",\"audible\":%s", truth(effect->audible));
    if (effect->type != STEP_WITHDRAW) {
        fputs(",\"items\":[", out);
        for (int i = 0; i < effect->n_items; i++)
            fprintf(out, "%s\"a%d\"", i ? "," : "", effect->items[i]);
        fputs("]", out);
    }
    fputs("}\n", out);
}

static void print_deadline(FILE *out, int64_t deadline_ms)
{
    if (deadline_ms == STEP_NEVER)
        fputs("{\"deadline_ms\":null}\n", out);
    else
        fprintf(out, "{\"deadline_ms\":%" PRId64 "}\n", deadline_ms);
}

void lines_effects(FILE *out, const struct candidate *candidate)
{
    for (int i = 0; i < candidate->n_effects; i++)
        print_effect(out, &candidate->effects[i]);
    print_deadline(out, candidate->deadline_ms);
}

void lines_trace(FILE *out, const struct bench_input *input, const struct candidate *candidate)
{
    fputs("> ", out);
    lines_input(out, input);
    for (int i = 0; i < candidate->n_effects; i++) {
        fputs("< ", out);
        print_effect(out, &candidate->effects[i]);
    }
    fputs("< ", out);
    print_deadline(out, candidate->deadline_ms);
}
