/* stats.c: see stats.h. */
#include "router/stats.h"

#include "router/event_json.h"
#include "router/fold.h"
#include "router/journal.h"
#include "rules/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_DEPTH = 64 };

struct taking {
    struct fold fold;
    struct stats_span *spans;
    int n;
    int64_t until_wall_ms; /* of the last span */
    struct moment moment;  /* of the last input */
    bool any;
    char *body; /* a copy that event_from_text() may alter */
    size_t room;
    int status;
    char *error;
    size_t size;
};

static bool fail(struct taking *taking, const char *format, const char *what)
{
    taking->status = -EINVAL;
    snprintf(taking->error, taking->size, format, what);
    return false;
}

/* ---- the base ------------------------------------------------------------------------------------ */

static void take_row(void *arg, const char *noun, uint64_t id, const char *body)
{
    struct taking *taking = arg;
    json_t *fields = json_loads(body, 0, NULL);
    if (!fields || fold_row(&taking->fold, noun, id, fields))
        fail(taking, "the snapshot's row of a %s cannot be read", noun);
    json_decref(fields);
}

/* effects NULL: the base's, which was in force already. */
static bool take_policy(struct taking *taking, const struct moment *moment, uint64_t seq,
                        const json_t *body, const struct effects **effects)
{
    struct problems problems = {0};
    const char *file, *text = journal_policy(body, &file);
    int error = effects
                    ? fold_policy(&taking->fold, moment, seq, text, file, NULL, effects, &problems)
                    : fold_resume(&taking->fold, moment, seq, text, file, &problems);
    if (error)
        fail(taking, "the recorded configuration has a problem in this version: %s",
             problems.n ? problems.list[0].message : strerror(-error));
    problems_clear(&problems);
    return !error;
}

static int64_t number(const json_t *json, const char *key)
{
    return json_integer_value(json_object_get(json, key));
}

static void begin(struct taking *taking, const struct store_base *base)
{
    json_t *head = base->head ? json_loads(base->head, 0, NULL) : NULL;
    json_t *policy = json_object_get(head, "policy");
    struct moment *moment = &taking->moment;
    if (!taking->status && fold_begin(&taking->fold))
        fail(taking, "the snapshot does not fit together%s", "");
    *moment = (struct moment){.wall_ms = number(head, "wall_ms"),
                              .steady_ms = number(head, "steady_ms"),
                              .utc_offset_s = (int32_t)number(head, "utc_offset_s"),
                              .next_offset_ms = head ? number(head, "next_offset_ms") : NEVER_MS,
                              .next_offset_s = (int32_t)number(head, "next_offset_s")};
    taking->any = head != NULL;
    if (!taking->status && json_object_get(policy, "text"))
        take_policy(taking, moment, base->seq, policy, NULL);
    json_decref(head);
}

/* ---- spans --------------------------------------------------------------------------------------- */

/* A wall instant in steady time, between the last input and this one. */
static int64_t steady_at(const struct taking *taking, const struct moment *now, int64_t wall_ms)
{
    int64_t steady_ms = now->steady_ms - (now->wall_ms - wall_ms);
    if (taking->any && steady_ms < taking->moment.steady_ms)
        return taking->moment.steady_ms;
    return steady_ms < now->steady_ms ? steady_ms : now->steady_ms;
}

/* Before an input is stepped: which spans begin, which are over? */
static void follow_spans(struct taking *taking, const struct moment *now)
{
    for (int i = 0; i < taking->n; i++) {
        struct stats_span *span = &taking->spans[i];
        if (!span->begun && now->wall_ms >= span->from_wall_ms) {
            span->begun = true;
            figures_begin(&span->figures, taking->fold.rules,
                          steady_at(taking, now, span->from_wall_ms));
        }
        if (span->begun && !span->ended && now->wall_ms >= span->until_wall_ms) {
            span->ended = true;
            figures_end(&span->figures, taking->fold.rules,
                        steady_at(taking, now, span->until_wall_ms));
        }
    }
}

static void show(struct taking *taking, const struct moment *now, int type, const struct effects *effects)
{
    for (int i = 0; i < taking->n; i++) {
        struct stats_span *span = &taking->spans[i];
        if (!span->begun || span->ended)
            continue;
        span->inputs++;
        span->figures.events += type == INPUT_EVENT;
        if (effects && effects->n)
            figures_step(&span->figures, taking->fold.rules, now->steady_ms, effects);
    }
}

static void show_command(struct taking *taking, const struct command *command)
{
    for (int i = 0; i < taking->n; i++) {
        struct stats_span *span = &taking->spans[i];
        if (span->begun && !span->ended)
            figures_command(&span->figures, taking->fold.rules, command);
    }
}

/* ---- inputs -------------------------------------------------------------------------------------- */

static bool step_event(struct taking *taking, const struct store_input *stored)
{
    struct event event;
    if (stored->body_len >= taking->room) {
        taking->room = 2 * stored->body_len + 1024;
        taking->body = must_grow(taking->body, taking->room);
    }
    memcpy(taking->body, stored->body, stored->body_len);
    taking->body[stored->body_len] = '\0';
    if (event_from_text(taking->body, stored->body_len, &event))
        return fail(taking, "an input cannot be read: %.60s", stored->body);
    struct input input = {.seq = stored->seq, .type = INPUT_EVENT, .event = &event};
    show(taking, &stored->moment, INPUT_EVENT, fold_step(&taking->fold, &stored->moment, &input));
    return true;
}

static bool step_other(struct taking *taking, const struct store_input *stored, int type)
{
    struct input input;
    const struct effects *effects = NULL;
    json_t *body = json_loadb(stored->body, stored->body_len, 0, NULL);
    bool good =
        body && (type == INPUT_LOADED || journal_input((enum input_type)type, body, &input) == 0);
    if (!good) {
        fail(taking, "an input cannot be read: %.60s", stored->body);
    } else if (type == INPUT_LOADED) {
        if (fold_reload(&taking->fold))
            good = fail(taking, "the state does not fit together%s", "");
    } else if (type == INPUT_POLICY) {
        good = take_policy(taking, &stored->moment, stored->seq, body, &effects);
    } else {
        input.seq = stored->seq;
        if (type == INPUT_COMMAND)
            show_command(taking, &input.command);
        effects = fold_step(&taking->fold, &stored->moment, &input);
    }
    if (good)
        show(taking, &stored->moment, type, effects);
    json_decref(body);
    return good;
}

static bool take_input(void *arg, const struct store_input *stored)
{
    struct taking *taking = arg;
    int type = journal_find_type(stored->type);
    if (type < 0)
        return fail(taking, "an input of the type %s is not known to this version", stored->type);
    follow_spans(taking, &stored->moment);
    if (stored->moment.wall_ms >= taking->until_wall_ms)
        return false;
    bool good = type == INPUT_EVENT ? step_event(taking, stored) : step_other(taking, stored, type);
    taking->moment = stored->moment;
    taking->any = true;
    return good;
}

int stats_take(struct store *store, struct stats_span *spans, int n, int64_t now_wall_ms,
               bool *late, char *error, size_t size)
{
    struct taking taking = {.spans = spans, .n = n, .error = error, .size = size};
    struct store_base base;
    int64_t from_ms = now_wall_ms;
    for (int i = 0; i < n; i++) {
        from_ms = spans[i].from_wall_ms < from_ms ? spans[i].from_wall_ms : from_ms;
        taking.until_wall_ms = spans[i].until_wall_ms > taking.until_wall_ms ? spans[i].until_wall_ms
                                                                             : taking.until_wall_ms;
    }
    fold_open(&taking.fold);
    int status = store_base(store, from_ms, &base);
    *late = base.late;
    if (!status && base.seq)
        status = store_each_row(store, base.seq, take_row, &taking);
    if (!status)
        begin(&taking, &base);
    if (!status && !taking.status)
        status = store_each_input(store, base.seq + 1, take_input, &taking);
    struct moment now = taking.moment;
    now.steady_ms += now_wall_ms > now.wall_ms ? now_wall_ms - now.wall_ms : 0;
    now.wall_ms = now_wall_ms > now.wall_ms ? now_wall_ms : now.wall_ms;
    if (!status && !taking.status && taking.any)
        follow_spans(&taking, &now);
    if (status)
        store_error(store, error);
    store_base_clear(&base);
    fold_close(&taking.fold);
    free(taking.body);
    return status ? status : taking.status;
}
