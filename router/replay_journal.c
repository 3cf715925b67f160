/* replay_journal.c: see replay_journal.h.
 *
 * One pass over the file, line by line. The recorded past is a fold (fold.h) of every input at its own moment; the
 * other one (other.h) is led along beside it. Nothing is shown before the instant that the export was asked for: it
 * begins at the snapshot before that. */
#include "router/replay_journal.h"

#include "router/compare.h"
#include "router/figures.h"
#include "router/journal.h"
#include "router/journal_file.h"
#include "router/other.h"
#include "router/replay_print.h"
#include "rules/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DIFFERENCES_SHOWN = 5 };
enum { RECORDED, OTHER };

struct journal_play {
    const struct replay_journal *order;
    struct journal_reader reader;
    struct fold fold;
    struct other other;
    struct compare compare;
    struct figures figures[COMPARE_SIDES];
    struct replay_print print[COMPARE_SIDES];
    int64_t from_ms, exported_ms;
    struct moment moment; /* of the last input */
    struct moment base;
    uint64_t seq;
    json_t *policy; /* of the base, or NULL */
    bool begun;     /* the rows are all there */
    bool any;       /* moment is one */
    bool showing, ended;
    int refused;
};

static bool fail(struct journal_play *play, const char *what)
{
    fprintf(stderr, "quietbell: %s:%d: %s\n", play->reader.path, play->reader.line, what);
    return false;
}

/* ---- showing ------------------------------------------------------------------------------------- */

static const struct rules *rules_of(const struct journal_play *play, int side)
{
    return side == RECORDED ? play->fold.rules : play->other.fold.rules;
}

/* Both sides' figures begin at the same instant. */
static void begin_showing(struct journal_play *play, int64_t steady_ms)
{
    play->showing = true;
    for (int side = 0; side < (play->order->config ? COMPARE_SIDES : 1); side++) {
        figures_begin(&play->figures[side], rules_of(play, side), steady_ms);
        replay_print_begin(&play->print[side], rules_of(play, side));
    }
}

/* A step was made on a side. */
static void show(struct journal_play *play, int side, const struct moment *now,
                 const struct effects *effects)
{
    struct figures *figures = &play->figures[side];
    const struct rules *rules = rules_of(play, side);
    if (!play->showing || effects->n == 0)
        return;
    figures_step(figures, rules, now->steady_ms, effects);
    if (play->order->config && !play->order->json) {
        for (int i = 0; i < figures->n_told; i++) {
            uint64_t id = figures->told[i].need_id;
            compare_told(&play->compare, side, rules, now, &figures->told[i],
                         side == OTHER ? other_need(&play->other, id) : id);
        }
        return;
    }
    play->print[side].utc_offset_s = now->utc_offset_s;
    for (int i = 0; i < effects->n; i++) {
        const struct effect *effect = &effects->list[i];
        if (effect->type == EFFECT_REFUSED)
            continue;
        if (effect->type != EFFECT_ALERT || effect->deliver)
            replay_print(&play->print[side], rules, now->wall_ms, effect);
    }
}

static void on_other(void *arg, const struct moment *now, const struct effects *effects)
{
    show(arg, OTHER, now, effects);
}

static uint64_t other_name(void *arg, uint64_t id)
{
    return other_need(arg, id);
}

/* ---- the beginning ------------------------------------------------------------------------------- */

static int64_t number(const json_t *json, const char *key)
{
    return json_integer_value(json_object_get(json, key));
}

static bool take_head(struct journal_play *play, const struct journal_line *line)
{
    const json_t *base = json_object_get(line->json, "base");
    play->seq = line->seq;
    play->from_ms = number(line->json, "from_ms");
    play->exported_ms = number(line->json, "exported_ms");
    if (!json_is_object(base))
        return play->seq == 0 || fail(play, "the base has no head");
    play->base = (struct moment){.wall_ms = number(base, "wall_ms"),
                                 .steady_ms = number(base, "steady_ms"),
                                 .utc_offset_s = (int32_t)number(base, "utc_offset_s"),
                                 .next_offset_ms = number(base, "next_offset_ms"),
                                 .next_offset_s = (int32_t)number(base, "next_offset_s")};
    play->moment = play->base;
    play->any = true;
    play->policy = json_incref(json_object_get(base, "policy"));
    return true;
}

static bool take_row(struct journal_play *play, const struct journal_line *line)
{
    const char *noun = json_string_value(json_object_get(line->json, "row"));
    const json_t *fields = json_object_get(line->json, "fields");
    uint64_t id = (uint64_t)number(line->json, "id");
    if (play->begun || !noun || !json_is_object(fields))
        return fail(play, "a row stands before the inputs, and has fields");
    int error = fold_row(&play->fold, noun, id, fields);
    if (!error && play->order->config)
        error = fold_row(&play->other.fold, noun, id, fields);
    return !error || fail(play, "the row fits nowhere: was it written by another version?");
}

/* effects NULL: the base's, which was in force already. */
static bool set_policy(struct journal_play *play, const struct moment *now, uint64_t seq,
                       const json_t *body, const struct effects **effects)
{
    struct problems problems = {0};
    const char *file, *text = journal_policy(body, &file);
    int error = effects ? fold_policy(&play->fold, now, seq, text, file, NULL, effects, &problems)
                        : fold_resume(&play->fold, now, seq, text, file, &problems);
    if (error) {
        fail(play, "the recorded configuration has problems in this version:");
        problems_print(stderr, &problems, false);
    }
    problems_clear(&problems);
    return !error;
}

static bool begin(struct journal_play *play)
{
    play->begun = true;
    int error = fold_begin(&play->fold);
    bool has = json_string_value(json_object_get(play->policy, "text")) != NULL;
    if (!error && play->order->config)
        error = other_begin(&play->other, &play->base, play->seq, has);
    if (error)
        return fail(play, "the rows do not fit together");
    return !has || set_policy(play, &play->base, play->seq, play->policy, NULL);
}

/* ---- inputs -------------------------------------------------------------------------------------- */

/* The person's act, on the other side: on the needs that it meant here. */
static void lead_command(struct journal_play *play, const struct command *command)
{
    const struct alert *alert = rules_alert_find(play->fold.rules, command->alert_id);
    const struct need *need = rules_need_find(play->fold.rules, command->need_id);
    if (play->showing) {
        for (int side = 0; side < COMPARE_SIDES; side++)
            figures_command(&play->figures[side], play->fold.rules, command);
    }
    if (!play->order->config)
        return;
    if (need) {
        other_command(&play->other, command, command->need_id);
        return;
    }
    int n = 0;
    uint64_t *ids = alert && alert->n_lines ? must_alloc((size_t)alert->n_lines * sizeof *ids) : NULL;
    for (const struct line *line = alert ? alert->lines : NULL; line; line = line->next_in_alert) {
        if (!command->version || (line->version && line->version <= command->version))
            ids[n++] = line->need_id;
    }
    for (int i = 0; i < n; i++)
        other_command(&play->other, command, ids[i]);
    free(ids);
}

static bool lead(struct journal_play *play, const struct journal_line *line, const struct input *input)
{
    if (play->order->config && other_input(&play->other, &line->moment, line->seq, line->type, input))
        return fail(play, "the other side cannot go on from its rows");
    if (line->type == INPUT_COMMAND)
        lead_command(play, &input->command);
    return true;
}

static bool take_input(struct journal_play *play, const struct journal_line *line)
{
    const struct effects *effects = NULL;
    struct input input = line->input;
    if (!play->begun && !begin(play))
        return false;
    if (line->seq != play->seq + 1)
        return fail(play, "an input is missing before this one");
    if (!play->showing && line->moment.wall_ms >= play->from_ms) {
        int64_t from_ms = line->moment.steady_ms - (line->moment.wall_ms - play->from_ms);
        begin_showing(play, play->any && from_ms < play->moment.steady_ms ? play->moment.steady_ms
                                                                          : from_ms);
    }
    play->seq = input.seq = line->seq;
    play->moment = line->moment;
    play->any = true;
    if (line->type == INPUT_EVENT) {
        input.type = INPUT_EVENT;
        input.event = &line->event;
        play->figures[RECORDED].events++;
        play->figures[OTHER].events++;
        play->print[RECORDED].events++;
    }
    if (!lead(play, line, &input))
        return false;
    if (line->type == INPUT_LOADED)
        return fold_reload(&play->fold) == 0 || fail(play, "the state does not fit together");
    if (line->type == INPUT_POLICY) {
        if (!set_policy(play, &line->moment, line->seq, line->json, &effects))
            return false;
    } else {
        effects = fold_step(&play->fold, &line->moment, &input);
    }
    show(play, RECORDED, &line->moment, effects);
    return true;
}

/* ---- the end ------------------------------------------------------------------------------------- */

static bool take_now(struct journal_play *play, const struct journal_line *line)
{
    char what[320];
    const char *noun = text_or(json_string_value(json_object_get(line->json, "now")), "");
    if (!play->begun && !begin(play))
        return false;
    if (!fold_check(&play->fold, noun, (uint64_t)number(line->json, "id"),
                    json_object_get(line->json, "fields"), what, sizeof what) &&
        play->fold.differ <= DIFFERENCES_SHOWN)
        fprintf(stderr, "quietbell: replay: %s\n", what);
    return true;
}

static bool take(struct journal_play *play, const struct journal_line *line)
{
    switch (line->what) {
    case JOURNAL_HEAD:
        return take_head(play, line);
    case JOURNAL_ROW:
        return take_row(play, line);
    case JOURNAL_INPUT:
        return take_input(play, line);
    case JOURNAL_NOW:
        return take_now(play, line);
    case JOURNAL_END:
        play->ended = true;
        return line->seq == play->seq || fail(play, "it ends with another number: inputs are missing");
    }
    return true;
}

static bool play_all(struct journal_play *play)
{
    struct journal_line line;
    for (;;) {
        int status = journal_read(&play->reader, &line);
        if (status == 0)
            break;
        if (status == -EINVAL)
            fprintf(stderr, "quietbell: %s\n", play->reader.problem);
        else if (status < 0)
            fprintf(stderr, "quietbell: %s: %s\n", play->reader.path, strerror(-status));
        if (status < 0 || !take(play, &line))
            return false;
    }
    return play->begun || begin(play);
}

/* Time runs on to the moment of the export. */
static void finish(struct journal_play *play)
{
    struct moment end = play->moment;
    int64_t more_ms = play->exported_ms - end.wall_ms;
    more_ms = play->ended && more_ms > 0 ? more_ms : 0;
    end.wall_ms += more_ms;
    end.steady_ms += more_ms;
    if (!play->showing)
        begin_showing(play, end.steady_ms);
    if (play->order->config)
        other_run(&play->other, &end);
    for (int side = 0; side < (play->order->config ? COMPARE_SIDES : 1); side++)
        figures_end(&play->figures[side], rules_of(play, side), end.steady_ms);
}

static bool differs(const struct journal_play *play)
{
    return play->fold.differ > 0 || (play->fold.checked && play->fold.checked != play->fold.rows);
}

static void print_json_end(struct journal_play *play)
{
    json_t *end = json_pack("{s:s, s:o}", "what", "figures", "recorded",
                            figures_json(&play->figures[RECORDED]));
    if (play->order->config)
        json_object_set_new(end, "other", figures_json(&play->figures[OTHER]));
    json_object_set_new(end, "checked", json_integer(play->fold.checked));
    json_object_set_new(end, "exact", json_boolean(play->fold.checked && !differs(play)));
    json_dumpf(end, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(end);
}

static void print_end(struct journal_play *play)
{
    struct figures *sides[] = {&play->figures[RECORDED], &play->figures[OTHER]};
    if (play->order->json)
        print_json_end(play);
    else if (play->order->config)
        compare_end(&play->compare, sides);
    else
        replay_print_end(&play->print[RECORDED]);
    if (play->order->config && play->other.lost)
        fprintf(stderr,
                "quietbell: replay: %" PRId64 " of the person's acts have no meaning under %s\n",
                play->other.lost, play->order->config);
    if (!play->ended)
        fprintf(stderr, "quietbell: %s: it is cut off: not all that was exported is there\n",
                play->reader.path);
    else if (differs(play))
        fprintf(stderr,
                "quietbell: replay: of %d records %d differ from what the daemon had, which had %d\n",
                play->fold.rows, play->fold.differ, play->fold.checked);
    else if (!play->order->json && !play->order->config)
        printf("the same as the daemon's: %d records\n", play->fold.checked);
}

int replay_journal(const struct replay_journal *order, FILE *file)
{
    static struct journal_play play; /* once a process: it is large */
    struct problems problems = {0};
    play = (struct journal_play){.order = order, .base.next_offset_ms = NEVER_MS};
    play.compare = (struct compare){
        .names = {"recorded", order->config}, .width = order->width, .colour = order->colour};
    for (int side = 0; side < COMPARE_SIDES; side++)
        play.print[side] = (struct replay_print){.json = order->json,
                                                 .forgets = true,
                                                 .clock = true,
                                                 .stream = !order->config ? NULL
                                                           : side         ? "other"
                                                                          : "recorded"};
    play.print[OTHER].need_id = other_name;
    play.print[OTHER].arg = &play.other;
    journal_reader_open(&play.reader, file, order->path);
    fold_open(&play.fold);
    bool good =
        !order->config || other_open(&play.other, order->config, on_other, &play, &problems) == 0;
    if (!good)
        problems_print(stderr, &problems, order->colour);
    problems_clear(&problems);
    good = good && play_all(&play);
    if (good) {
        finish(&play);
        print_end(&play);
        good = play.ended && !differs(&play);
    }
    for (int side = 0; side < COMPARE_SIDES; side++) {
        replay_print_clear(&play.print[side]);
        figures_clear(&play.figures[side]);
    }
    json_decref(play.policy);
    fold_close(&play.fold);
    if (order->config)
        other_close(&play.other);
    journal_reader_close(&play.reader);
    return good && fflush(stdout) == 0 ? 0 : 1;
}
