/* client_step.c: `quietbell step`: the rules in a simulated world (step.h), told in JSON lines on stdin and stdout. What
 * the lines mean stands in quietbell(1); unknown keys are ignored, an unknown word ends it. */
#include "client.h"

#include "problem.h"
#include "step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 256 * 1024 };

/* ---- in -------------------------------------------------------------------------------------------- */

static void read_number(const json_t *object, const char *key, double *out)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_number(value))
        *out = json_number_value(value);
}

static void read_kinds(const json_t *object, const char *key, double out[STEP_KINDS])
{
    static const char *const names[STEP_KINDS] = {"CRIT", "PERM", "QUESTION", "ERROR", "DONE"};
    for (int i = 0; i < STEP_KINDS; i++)
        read_number(json_object_get(object, key), names[i], &out[i]);
}

static void read_world(const json_t *cfg, struct step_world *world)
{
    *world = step_world_unsaid;
    read_number(cfg, "kappa", &world->kappa);
    read_number(cfg, "c_mid_s", &world->c_mid_s);
    read_number(cfg, "c_bp_s", &world->c_bp_s);
    read_kinds(cfg, "h", world->weight);
    read_kinds(cfg, "D_s", world->at_most_s);
    read_kinds(cfg, "S_s", world->service_s);
    read_number(cfg, "setup_s", &world->setup_s);
    read_number(cfg, "grace_s", &world->grace_s);
    read_number(cfg, "late_s", &world->late_s);
    read_number(cfg, "recall", &world->recall);
    read_number(cfg, "bp_mean_s", &world->bp_mean_s);
    world->sensor = !json_is_false(json_object_get(cfg, "sensor"));
}

/* Whether a line is one; the texts of `input` live as long as `json`. */
static bool read_input(const json_t *json, struct step_input *input, struct step_world *world,
                       const char **wrong)
{
    const char *event = json_string_value(json_object_get(json, "ev"));
    const json_t *t = json_object_get(json, "t");
    int word = event ? word_find(&step_words, event) : -1;
    if (word < 0 || !json_is_number(t)) {
        *wrong = !event     ? "it has no \"ev\""
                 : word < 0 ? "its \"ev\" is unknown"
                            : "it has no \"t\"";
        return false;
    }
    double at = json_number_value(t);
    *input = (struct step_input){.t_ms = at > 0 && at < 1e15 ? (int64_t)at : 0,
                                 .event = (enum step_event)word,
                                 .agent = json_string_value(json_object_get(json, "agent")),
                                 .repository = json_string_value(json_object_get(json, "repo")),
                                 .crit = json_is_true(json_object_get(json, "crit")),
                                 .sub = json_is_true(json_object_get(json, "sub")),
                                 .on = json_is_true(json_object_get(json, "on")),
                                 .world = world};
    if (word == STEP_INIT)
        read_world(json_object_get(json, "cfg"), world);
    bool speaks = word > STEP_INIT && word < STEP_BREAKPOINT;
    if (speaks && (!input->agent || !*input->agent)) {
        *wrong = "it has no \"agent\"";
        return false;
    }
    return true;
}

/* ---- out ------------------------------------------------------------------------------------------- */

static void print_text(const char *text)
{
    json_t *json = json_string(text);
    json_dumpf(json, stdout, JSON_ENCODE_ANY);
    json_decref(json);
}

static void print_effect(const struct step_effect *effect)
{
    static const char *const ops[] = {"create", "update", "withdraw"};
    if (effect->type == STEP_LIST)
        fputs("{\"fx\":\"list\"", stdout);
    else
        printf("{\"fx\":\"alert\",\"op\":\"%s\",\"id\":\"x%lld\"", ops[effect->type],
               (long long)effect->id);
    if (effect->type == STEP_CREATE || effect->type == STEP_UPDATE)
        printf(",\"audible\":%s", effect->audible ? "true" : "false");
    if (effect->type != STEP_WITHDRAW) {
        fputs(",\"items\":[", stdout);
        for (int i = 0; i < effect->n_items; i++) {
            fputs(i ? "," : "", stdout);
            print_text(effect->items[i]);
        }
        putchar(']');
    }
    puts("}");
}

static void print_effects(const struct step_effects *effects)
{
    for (int i = 0; i < effects->n; i++)
        print_effect(&effects->list[i]);
    if (effects->deadline_ms == STEP_NEVER)
        puts("{\"deadline_ms\":null}");
    else
        printf("{\"deadline_ms\":%lld}\n", (long long)effects->deadline_ms);
    fflush(stdout);
}

/* ---- the world, line by line ------------------------------------------------------------------------ */

static int refuse_line(long number, const char *wrong)
{
    return client_fail(CLIENT_REFUSED, "step: line %ld: %s", number, wrong);
}

/* One line: 0 go on, 1 the end, else the exit code. */
static int play_line(struct step *step, const char *line, size_t len, long number, bool *end)
{
    struct step_input input;
    struct step_world world;
    const char *wrong = "it is no JSON object";
    json_t *json = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    const char *event = json_string_value(json_object_get(json, "ev"));
    *end = event && strcmp(event, "end") == 0;
    int code = CLIENT_OK;
    if (*end)
        code = CLIENT_OK;
    else if (!json_is_object(json) || !read_input(json, &input, &world, &wrong))
        code = refuse_line(number, wrong);
    else
        print_effects(step_take(step, &input));
    json_decref(json);
    return code;
}

static int play(struct step *step)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    long number = 0;
    int code = CLIENT_OK;
    bool end = false;
    while (!end && code == CLIENT_OK && (len = getline(&line, &room, stdin)) >= 0) {
        number++;
        if (len > LINE_MAX_BYTES)
            code = refuse_line(number, "it is longer than 256 KiB");
        else if (len > 1 || line[0] != '\n')
            code = play_line(step, line, (size_t)len, number, &end);
    }
    free(line);
    return code;
}

int client_step(struct client *client, int argc, char **argv)
{
    struct problems problems = {0};
    (void)argv;
    if (argc > 0)
        return client_usage(client, "reads stdin, and no arguments");
    struct step *step = step_new(client_option(client, "c"), &problems);
    if (!step) {
        problems_print(stderr, &problems, false);
        problems_clear(&problems);
        return CLIENT_REFUSED;
    }
    int code = play(step);
    step_free(step);
    return code;
}
