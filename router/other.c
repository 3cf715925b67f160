/* other.c: see other.h. */
#include "router/other.h"

#include "router/calendar.h"
#include "router/journal.h"
#include "router/yaml.h"
#include "rules/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Between two recorded inputs there is room for so many steps. */
enum { ROOM_BITS = 20 };

int other_open(struct other *other, const char *file, other_cb heard, void *arg,
               struct problems *problems)
{
    size_t len;
    struct config *config = NULL;
    *other = (struct other){.file = file, .heard = heard, .arg = arg, .deadline_ms = NEVER_MS};
    int error = yaml_read_file(file, YAML_SIZE_MAX, &other->text, &len);
    if (error) {
        problem_set(problems, &(struct problem_at){.file = file, .key = ""}, NULL, "%s",
                    strerror(-error));
        return error;
    }
    if (strlen(other->text) != len) {
        problem_set(problems, &(struct problem_at){.file = file, .key = ""}, NULL, "it holds a NUL");
        return -EINVAL;
    }
    error = config_parse(&config, other->text, len, file, NULL, CONFIG_RECORDED, problems);
    config_free(config);
    fold_open(&other->fold);
    return error;
}

void other_close(struct other *other)
{
    fold_close(&other->fold);
    free(other->text);
    other->text = NULL;
}

/* ---- ids ----------------------------------------------------------------------------------------- */

static uint64_t spread(const struct other *other, uint64_t seq)
{
    return seq <= other->base ? seq : other->base + ((seq - other->base) << ROOM_BITS);
}

static uint64_t next_number(struct other *other)
{
    return spread(other, other->seq) + other->n++;
}

uint64_t other_need(const struct other *other, uint64_t id)
{
    uint64_t seq = ID_SEQ(id);
    if (seq > other->base)
        seq = other->base + ((seq - other->base) >> ROOM_BITS);
    return seq << 20 | ID_N(id);
}

/* ---- steps --------------------------------------------------------------------------------------- */

struct handed { /* something for a receiver */
    uint64_t alert_id;
    int64_t version;
    char receiver[128];
};

static void made(struct other *other, const struct effects *effects);

static void step(struct other *other, struct input *input)
{
    input->seq = next_number(other);
    const struct effects *effects = fold_step(&other->fold, &other->now, input);
    for (int i = 0; i < effects->n && input->type == INPUT_COMMAND; i++)
        other->lost += effects->list[i].type == EFFECT_REFUSED;
    made(other, effects);
}

static void deliver(struct other *other, const struct handed *handed)
{
    static const enum outcome_type types[] = {OUTCOME_HANDED, OUTCOME_DELIVERED};
    for (int i = 0; i < 2; i++) {
        struct outcome outcome = {.type = types[i],
                                  .receiver = handed->receiver,
                                  .alert_id = handed->alert_id,
                                  .version = handed->version};
        step(other, &(struct input){.type = INPUT_OUTCOME, .outcome = outcome});
    }
}

/* After a step: who listens is told, and what is to be delivered arrives. */
static void made(struct other *other, const struct effects *effects)
{
    struct handed *handed = effects->n ? must_alloc((size_t)effects->n * sizeof *handed) : NULL;
    int n = 0;
    other->deadline_ms = effects->deadline_ms;
    for (int i = 0; i < effects->n; i++) {
        const struct effect *effect = &effects->list[i];
        const struct alert *alert = rules_alert_find(other->fold.rules, effect->alert_id);
        const struct receiver *receiver =
            alert ? rules_receiver_at(other->fold.rules, (int)alert->receiver) : NULL;
        if (!effect->deliver || !receiver)
            continue;
        handed[n].alert_id = effect->alert_id;
        handed[n].version = effect->version;
        snprintf(handed[n++].receiver, sizeof handed->receiver, "%s", receiver->name);
    }
    other->heard(other->arg, &other->now, effects);
    for (int i = 0; i < n; i++)
        deliver(other, &handed[i]);
    free(handed);
}

/* ---- time ---------------------------------------------------------------------------------------- */

static void move(struct moment *now, int64_t steady_ms)
{
    now->wall_ms += steady_ms - now->steady_ms;
    now->steady_ms = steady_ms;
    if (now->wall_ms < now->next_offset_ms)
        return;
    now->utc_offset_s = now->next_offset_s; /* the one after that stands in the next moment of the log */
    now->next_offset_ms = NEVER_MS;
}

void other_run(struct other *other, const struct moment *until)
{
    while (other->deadline_ms < until->steady_ms) {
        int64_t before_ms = other->deadline_ms;
        if (before_ms > other->now.steady_ms)
            move(&other->now, before_ms);
        step(other, &(struct input){.type = INPUT_TICK});
        if (other->deadline_ms <= before_ms)
            break; /* a look that changes nothing is not repeated */
    }
    other->now = *until;
}

/* ---- inputs -------------------------------------------------------------------------------------- */

/* Calendars of this configuration are read as they are today, for the time that is played and some more. Where one
 * cannot be read what was recorded of that focus counts, if anything was. */
static void read_calendars(struct other *other, const struct config *config)
{
    enum { DAYS = 400 };
    int64_t from_ms = other->now.wall_ms - INT64_C(2) * 86400000;
    for (int i = 0; i < config->n_calendars; i++) {
        struct calendar_input input;
        char why[256];
        if (calendar_read_now(&config->calendars[i], from_ms, from_ms + INT64_C(86400000) * DAYS,
                              NULL, &input, why, sizeof why) < 0) {
            fprintf(stderr, "quietbell: replay: %s: %s\n", config->calendars[i].path, why);
            continue;
        }
        other->calendars |= UINT32_C(1) << focus_find(other->fold.rules, input.focus)->slot;
        step(other, &(struct input){.type = INPUT_CALENDAR, .calendar = input});
    }
}

/* What the daemon's calendar said says nothing of a focus without one, or with one that was read. */
static bool is_theirs(const struct other *other, const struct calendar_input *input)
{
    const struct focus *focus = focus_find(other->fold.rules, input->focus);
    return focus && focus->rule && focus->rule->calendar && !(other->calendars >> focus->slot & 1);
}

static int set_policy(struct other *other)
{
    struct problems problems = {0};
    struct config *config = NULL;
    const struct effects *effects;
    int error = fold_policy(&other->fold, &other->now, next_number(other), other->text, other->file,
                            &config, &effects, &problems);
    problems_clear(&problems); /* other_open() has seen that there are none */
    if (error)
        return error;
    made(other, effects);
    for (int i = 0; i < config->n_receivers; i++) {
        struct outcome outcome = {.type = OUTCOME_UP,
                                  .receiver = config->receivers[i].name,
                                  .updates = true,
                                  .withdraws = true};
        step(other, &(struct input){.type = INPUT_OUTCOME, .outcome = outcome});
    }
    read_calendars(other, config);
    config_free(config);
    return 0;
}

int other_begin(struct other *other, const struct moment *now, uint64_t seq, bool policy)
{
    other->base = other->seq = seq;
    other->n = 1; /* the base's own number is taken */
    other->now = *now;
    int error = fold_begin(&other->fold);
    return error || !policy ? error : set_policy(other);
}

int other_input(struct other *other, const struct moment *now, uint64_t seq, int type,
                const struct input *input)
{
    struct input copy = {0};
    other_run(other, now);
    other->seq = seq;
    other->n = 0;
    switch (type) {
    case INPUT_LOADED:
        other->deadline_ms = NEVER_MS;
        return fold_reload(&other->fold);
    case INPUT_POLICY: /* a reload changes nothing here */
        return other->fold.has_policy ? 0 : set_policy(other);
    case INPUT_TICK:
    case INPUT_OUTCOME:
        return 0;
    case INPUT_CALENDAR:
        if (!is_theirs(other, &input->calendar))
            return 0;
        break;
    case INPUT_COMMAND: /* other_command(), if it is about a need */
        if (input->command.need_id || input->command.alert_id)
            return 0;
        break;
    default: /* not our enum alone: INPUT_LOADED is none */
        break;
    }
    copy = *input;
    step(other, &copy);
    return 0;
}

void other_command(struct other *other, const struct command *command, uint64_t need_id)
{
    struct input input = {.type = INPUT_COMMAND, .command = *command};
    input.command.alert_id = 0;
    input.command.version = 0;
    input.command.need_id = spread(other, ID_SEQ(need_id)) << 20 | ID_N(need_id);
    step(other, &input);
}
