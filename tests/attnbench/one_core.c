/* one_core.c: see one_core.h. */
#include "one_core.h"

#include "random.h"

#include "router/fold.h"
#include "router/journal.h"
#include "router/replay_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 16384, DIFFERENCES_TOLD = 5 };

static struct listener {
    bool listens, inside;      /* inside: the step is one of ours */
    const struct rules *rules; /* whom it listens to: the first core that is stepped */
    uint64_t seed, seq;
    char text[TEXT_MAX]; /* of the configuration */
    const char *file;
    struct deferral numbers; /* which the world may have changed */
    struct fold fold;
    int cut_one_in;
    struct stream knife;
    int64_t deadline_ms;
    FILE *journal;
    struct replay_print print;
    struct one_core_counts counts;
} listener;

/* ---- the second core --------------------------------------------------------------------------------- */

static const struct effects *set_policy(const struct moment *now, uint64_t seq)
{
    struct problems problems = {0};
    struct config *config = NULL;
    if (config_parse(&config, listener.text, strlen(listener.text), listener.file, NULL,
                     CONFIG_RECORDED, &problems) != 0)
        abort(); /* step_new() has read it */
    struct input input = {.seq = seq, .type = INPUT_POLICY, .policy = config->policy};
    config->policy->deferral = listener.numbers;
    config->policy = NULL;
    const struct effects *effects = fold_step(&listener.fold, now, &input);
    config_free(config);
    return effects;
}

static void differs(const char *what, bool deadline, const struct effect *one, const struct effect *other)
{
    static int told; /* in this run */
    if (deadline)
        listener.counts.deadlines_differ++;
    else
        listener.counts.decisions_differ++;
    if (told++ >= DIFFERENCES_TOLD)
        return;
    fprintf(stderr, "attnbench: seed %" PRIu64 ", input %" PRIu64 ", cut %ld times: %s\n",
            listener.seed, listener.seq, listener.counts.cuts, what);
    for (int i = 0; i < 2 && one && other; i++) {
        const struct effect *effect = i ? other : one;
        fprintf(stderr,
                "    %s effect %d need %" PRIu64 " alert %" PRIu64 " version %" PRId64
                "%s%s kind %d: %s\n",
                i ? "cut:  " : "uncut:", (int)effect->type, effect->need_id, effect->alert_id,
                effect->version, effect->audible ? " audible" : "",
                effect->deliver ? " to deliver" : "", (int)effect->kind,
                effect->reason ? effect->reason : "");
    }
}

static void differs_deadline(const char *what, int64_t one_ms, int64_t other_ms)
{
    char text[128];
    snprintf(text, sizeof text, "%s: the deadline was %" PRId64 ", is %" PRId64, what, one_ms,
             other_ms);
    differs(text, true, NULL, NULL);
}

static bool same_effect(const struct effect *a, const struct effect *b)
{
    return a->type == b->type && a->need_id == b->need_id && a->alert_id == b->alert_id &&
           a->version == b->version && a->audible == b->audible && a->deliver == b->deliver &&
           a->kind == b->kind && strcmp(a->reason ? a->reason : "", b->reason ? b->reason : "") == 0;
}

static void compare(const struct effects *one, const struct effects *other)
{
    if (one->n != other->n)
        differs("another number of effects", false, NULL, NULL);
    for (int i = 0; i < one->n && i < other->n; i++) {
        if (!same_effect(&one->list[i], &other->list[i]))
            differs("another effect", false, &one->list[i], &other->list[i]);
    }
    if (one->deadline_ms != other->deadline_ms)
        differs_deadline("another deadline", one->deadline_ms, other->deadline_ms);
}

/* Only what is kept is left; then the configuration is read, and nothing else happens. Not where something is due
 * now: it would be told by this very step. */
static void cut(const struct moment *now)
{
    if (stream_uniform(&listener.knife) * listener.cut_one_in >= 1 ||
        listener.deadline_ms <= now->steady_ms)
        return;
    listener.counts.cuts++;
    if (fold_reload(&listener.fold) != 0)
        differs("rows fit nowhere", false, NULL, NULL);
    const struct effects *effects = set_policy(now, listener.seq + 1);
    if (effects->n > 0)
        differs("restoring alone had an effect", false, &effects->list[0], &effects->list[0]);
    if (effects->deadline_ms != listener.deadline_ms)
        differs_deadline("restored", listener.deadline_ms, effects->deadline_ms);
}

static void follow(const struct moment *now, const struct input *input, const struct effects *effects)
{
    const struct effects *ours = input->type == INPUT_POLICY ? set_policy(now, input->seq)
                                                             : fold_step(&listener.fold, now, input);
    listener.seq = input->seq;
    listener.deadline_ms = effects->deadline_ms;
    listener.counts.inputs++;
    listener.counts.effects += effects->n;
    compare(effects, ours);
    if (listener.cut_one_in > 0)
        cut(now);
}

/* ---- the journal ------------------------------------------------------------------------------------- */

static void write_input(const struct moment *now, const struct input *input)
{
    char *body = journal_body(input, listener.text, listener.file);
    fprintf(listener.journal,
            "{\"seq\":%" PRIu64 ",\"at_ms\":%" PRId64 ",\"steady_ms\":%" PRId64
            ",\"type\":\"%s\",\"body\":%s}\n",
            input->seq, now->wall_ms, now->steady_ms, journal_type(input->type), body);
    free(body);
}

/* As replay prints a journal. */
static void print(const struct moment *now, const struct rules *rules, const struct effects *effects)
{
    for (int i = 0; i < effects->n; i++) {
        const struct effect *effect = &effects->list[i];
        if (effect->type != EFFECT_REFUSED && (effect->type != EFFECT_ALERT || effect->deliver))
            replay_print(&listener.print, rules, now->wall_ms, effect);
    }
}

/* ---- listening --------------------------------------------------------------------------------------- */

const struct effects *__wrap_rules_step(struct rules *rules, const struct moment *now,
                                        const struct input *input)
{
    if (!listener.listens || listener.inside || (listener.rules && listener.rules != rules))
        return __real_rules_step(rules, now, input);
    listener.rules = rules;
    if (input->type == INPUT_POLICY)
        listener.numbers = input->policy->deferral;
    if (listener.journal)
        write_input(now, input);
    const struct effects *effects = __real_rules_step(rules, now, input);
    listener.inside = true;
    follow(now, input, effects);
    listener.inside = false;
    if (listener.journal)
        print(now, rules, effects);
    return effects;
}

static void read_configuration(const char *path)
{
    FILE *file = path ? fopen(path, "r") : NULL;
    size_t n = file ? fread(listener.text, 1, sizeof listener.text - 1, file) : 0;
    listener.text[n] = '\0';
    listener.file = path;
    if (file)
        fclose(file);
    if (path)
        return;
    strcpy(listener.text, "preset: default\n"); /* as step_new() has it */
    listener.file = "preset default";
}

void one_core_listen(const char *configuration, uint64_t seed, int cut_one_in, FILE *journal)
{
    memset(&listener, 0, sizeof listener);
    read_configuration(configuration);
    fold_open(&listener.fold);
    listener.listens = true;
    listener.seed = seed;
    listener.cut_one_in = cut_one_in;
    listener.knife = stream_of(seed, 1, PURPOSE_NOISE);
    listener.journal = journal;
    listener.print.json = true;
    if (journal)
        fprintf(journal,
                "{\"journal\":1,\"version\":\"" QUIETBELL_VERSION
                "\",\"exported_ms\":0,\"from_ms\":0,\"seq\":0,\"base\":null}\n"
                "{\"zone\":{\"utc_offset_s\":0,\"next_offset_ms\":null,\"next_offset_s\":0}}\n");
}

void one_core_end(struct one_core_counts *counts)
{
    listener.listens = false;
    if (listener.journal)
        fprintf(listener.journal, "{\"end\":%" PRIu64 "}\n", listener.seq);
    counts->inputs += listener.counts.inputs;
    counts->effects += listener.counts.effects;
    counts->cuts += listener.counts.cuts;
    counts->decisions_differ += listener.counts.decisions_differ;
    counts->deadlines_differ += listener.counts.deadlines_differ;
    replay_print_clear(&listener.print);
    fold_close(&listener.fold);
}
