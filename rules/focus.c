/* focus.c: see focus.h. A schedule is a pure function of the local minute's label; so it can only change at
 * one of its own edges or where the offset changes, and nothing has to poll. */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const hand_names[] = {"none", "on", "off"};
const struct words word_hand = {"hand", 3, hand_names};

// clang-format off
static const struct field focus_fields[] = {
    FIELD(focus, FIELD_TEXT, name),
    FIELD(focus, FIELD_INT, slot),
    FIELD(focus, FIELD_BOOL, declared),
    FIELD_NAMED(focus, hand, &word_hand),
    FIELD(focus, FIELD_INT, until_ms),
    FIELD(focus, FIELD_BOOL, on),
    FIELD(focus, FIELD_INT, since_wall_ms),
    FIELD(focus, FIELD_TEXT, calendar),
    FIELD(focus, FIELD_TEXT, busy),
};
// clang-format on
const struct noun noun_focus = {"focus", sizeof(struct focus), focus_fields,
                                sizeof focus_fields / sizeof *focus_fields};

enum { MINUTE_MS = 60000, DAY_MIN = 1440 };
#define DAY_MS ((int64_t)DAY_MIN * MINUTE_MS)

/* ---- schedules ----------------------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* 1970-01-01 was a Thursday: bit 3. */
static int weekday(int64_t local_day)
{
    return (int)(((local_day + 3) % 7 + 7) % 7);
}

static bool on_day(const struct span *span, int64_t local_day)
{
    return span->days & 1u << weekday(local_day);
}

/* Overnight spans belong to the day they begin on. */
bool span_on(const struct span *times, int n, const struct moment *now)
{
    int64_t local_ms = now->wall_ms + (int64_t)now->utc_offset_s * 1000;
    int64_t day = floor_div(local_ms, DAY_MS);
    int minute = (int)((local_ms - day * DAY_MS) / MINUTE_MS);
    for (int i = 0; i < n; i++) {
        const struct span *span = &times[i];
        bool overnight = span->to_min <= span->from_min;
        if (!overnight && on_day(span, day) && span->from_min <= minute && minute < span->to_min)
            return true;
        if (overnight && ((on_day(span, day) && minute >= span->from_min) ||
                          (on_day(span, day - 1) && minute < span->to_min)))
            return true;
    }
    return false;
}

/* The earliest edge after now on the local time line of one offset; wall time. */
static int64_t next_edge(const struct span *times, int n, int64_t wall_ms, int32_t offset_s)
{
    int64_t local_ms = wall_ms + (int64_t)offset_s * 1000;
    int64_t today = floor_div(local_ms, DAY_MS), best = NEVER_MS;
    for (int i = 0; i < n; i++) {
        for (int64_t day = today - 1; day <= today + 7; day++) {
            if (!on_day(&times[i], day))
                continue;
            bool overnight = times[i].to_min <= times[i].from_min;
            int64_t from = day * DAY_MS + (int64_t)times[i].from_min * MINUTE_MS;
            int64_t to = (day + overnight) * DAY_MS + (int64_t)times[i].to_min * MINUTE_MS;
            if (from > local_ms && from < best)
                best = from;
            if (to > local_ms && to < best)
                best = to;
        }
    }
    return best == NEVER_MS ? best : best - (int64_t)offset_s * 1000;
}

int64_t span_next(const struct span *times, int n, const struct moment *now)
{
    if (n == 0)
        return NEVER_MS;
    int64_t edge = next_edge(times, n, now->wall_ms, now->utc_offset_s);
    /* past the next change of the offset the edges lie elsewhere: look again there */
    return edge > now->next_offset_ms ? now->next_offset_ms : edge;
}

static int64_t next_time(const int16_t *times_min, int n, int64_t wall_ms, int32_t offset_s)
{
    int64_t local_ms = wall_ms + (int64_t)offset_s * 1000, best = NEVER_MS;
    int64_t today = floor_div(local_ms, DAY_MS);
    for (int i = 0; i < n; i++) {
        int64_t at = today * DAY_MS + (int64_t)times_min[i] * MINUTE_MS;
        if (at <= local_ms)
            at += DAY_MS;
        if (at < best)
            best = at;
    }
    return best == NEVER_MS ? best : best - (int64_t)offset_s * 1000;
}

int64_t focus_next_time(const int16_t *times_min, int n, const struct moment *after)
{
    int64_t at = next_time(times_min, n, after->wall_ms, after->utc_offset_s);
    if (at < after->next_offset_ms)
        return at;
    int64_t skipped_ms = (int64_t)(after->next_offset_s - after->utc_offset_s) * 1000;
    if (skipped_ms <= 0)
        return next_time(times_min, n, after->next_offset_ms - 1, after->next_offset_s);
    at = next_time(times_min, n, after->next_offset_ms - 1, after->utc_offset_s) - skipped_ms;
    return at > after->next_offset_ms ? at : after->next_offset_ms; /* skipped: when the clock jumps over it */
}

/* ---- focuses ------------------------------------------------------------------------------------- */

struct focus *focus_find(const struct rules *rules, const char *name)
{
    for (int slot = 0; slot < FOCUS_SLOTS; slot++) {
        if (rules->focuses[slot] && text_same(rules->focuses[slot]->name, name))
            return rules->focuses[slot];
    }
    return NULL;
}

static struct focus *make(struct rules *rules, const char *name)
{
    int slot = 0;
    while (rules->focuses[slot] && rules->focuses[slot]->declared)
        slot++; /* a policy has fewer focuses than there are slots */
    if (rules->focuses[slot]) {
        free(rules->focuses[slot]->spans);
        core_gone(rules, rules->focuses[slot]);
    }
    struct focus *focus = must_alloc(sizeof *focus);
    focus->record.noun = &noun_focus;
    focus->record.id = core_id(rules);
    focus->slot = slot;
    text_set(&rules->bytes, &focus->name, name, TEXT_NAME);
    rules->focuses[slot] = focus;
    return focus;
}

static void set_busy(struct rules *rules, struct focus *focus, struct busy *spans, int n)
{
    char *text = busy_text(spans, n);
    free(focus->spans);
    focus->spans = spans;
    focus->n_spans = n;
    text_set(&rules->bytes, &focus->busy, text, BUSY_TEXT);
    free(text);
    core_changed(rules, focus);
}

/* What another calendar said means nothing here. */
static void follow_calendar(struct rules *rules, struct focus *focus)
{
    if (text_set(&rules->bytes, &focus->calendar, focus->rule->calendar, TEXT_PATH))
        set_busy(rules, focus, NULL, 0);
}

void focus_configure(struct rules *rules, const struct policy *policy)
{
    for (int slot = 0; slot < FOCUS_SLOTS; slot++) {
        if (!rules->focuses[slot])
            continue;
        rules->focuses[slot]->declared = false;
        rules->focuses[slot]->rule = NULL;
        core_changed(rules, rules->focuses[slot]);
    }
    for (int i = 0; i < policy->n_focuses; i++) { /* the known ones first, so that none loses its slot */
        struct focus *focus = focus_find(rules, policy->focuses[i].name);
        if (focus)
            focus->declared = true;
    }
    for (int i = 0; i < policy->n_focuses; i++) {
        struct focus *focus = focus_find(rules, policy->focuses[i].name);
        if (!focus)
            focus = make(rules, policy->focuses[i].name);
        focus->declared = true;
        focus->rule = &policy->focuses[i];
        rules->focus_slot[i] = (int)focus->slot;
        follow_calendar(rules, focus);
        core_changed(rules, focus);
    }
}

void focus_calendar(struct rules *rules, const struct calendar_input *input)
{
    struct focus *focus = focus_find(rules, input->focus);
    if (!focus || !focus->declared || !focus->rule->calendar) {
        core_effect(rules, EFFECT_REFUSED, "no focus with a calendar is called %s",
                    text_or(input->focus, "that"));
        return;
    }
    struct busy *spans = input->n > 0 ? must_alloc((size_t)input->n * sizeof *spans) : NULL;
    if (spans)
        memcpy(spans, input->busy, (size_t)input->n * sizeof *spans);
    set_busy(rules, focus, spans, busy_merge(spans, input->n));
}

void focus_join(struct focus *focus)
{
    focus->spans = busy_read(focus->busy, &focus->n_spans);
}

bool focus_busy(const struct focus *focus, int64_t wall_ms)
{
    return busy_on(focus->spans, focus->n_spans, wall_ms);
}

void focus_hand(struct rules *rules, struct focus *focus, enum hand hand, int64_t for_ms)
{
    focus->hand = hand;
    focus->until_ms = hand == HAND_ON && for_ms > 0 ? rules->now.steady_ms + for_ms : 0;
    core_changed(rules, focus);
}

static bool planned(const struct focus *focus, const struct moment *now)
{
    return span_on(focus->rule->times, focus->rule->n_times, now) || focus_busy(focus, now->wall_ms);
}

/* The next instant at which that may change. */
static int64_t next_turn(const struct focus *focus, const struct moment *now)
{
    int64_t span = span_next(focus->rule->times, focus->rule->n_times, now);
    int64_t busy = busy_next(focus->spans, focus->n_spans, now->wall_ms);
    return busy < span ? busy : span;
}

int64_t focus_turns(const struct focus *focus, const struct moment *now)
{
    enum { EDGES = 64 }; /* so many that change nothing: it is as good as always */
    struct moment at = *now;
    bool was = focus->rule && planned(focus, now);
    for (int i = 0; focus->rule && i < EDGES; i++) {
        at.wall_ms = next_turn(focus, &at);
        if (at.wall_ms == NEVER_MS)
            break;
        if (at.wall_ms >= at.next_offset_ms) {
            at.utc_offset_s = at.next_offset_s;
            at.next_offset_ms = NEVER_MS;
        }
        if (planned(focus, &at) != was)
            return at.wall_ms;
    }
    return NEVER_MS;
}

static bool is_on(struct rules *rules, struct focus *focus)
{
    if (!focus->declared)
        return false;
    bool scheduled = planned(focus, &rules->now) ||
                     focus->rule->presence & 1u << person_presence(rules) ||
                     person_follows(rules, focus->rule->follow);
    bool over = focus->hand == HAND_ON ? focus->until_ms && focus->until_ms <= rules->now.steady_ms
                                       : focus->hand == HAND_OFF && !scheduled;
    if (over) {
        focus->hand = HAND_NONE;
        focus->until_ms = 0;
        core_changed(rules, focus);
    }
    return focus->hand == HAND_NONE ? scheduled : focus->hand == HAND_ON;
}

/* Who leaves a meeting, or is done with deep work, has just finished something: a breakpoint. Not so if nobody is
 * there; and what was seen of the person in this very step says it better. */
static void left(struct rules *rules, const struct focus *focus)
{
    const struct person *person = rules->person;
    char by[TEXT_NAME];
    if (person_presence(rules) > PRESENCE_ACTIVE ||
        (person && person->breakpoint_ms == rules->now.steady_ms))
        return;
    snprintf(by, sizeof by, "the end of %s", focus->name);
    person_breakpoint(rules, by);
}

void focus_look(struct rules *rules)
{
    uint32_t on = 0;
    for (int slot = 0; slot < FOCUS_SLOTS; slot++) {
        struct focus *focus = rules->focuses[slot];
        if (!focus)
            continue;
        bool now = is_on(rules, focus);
        if (now != focus->on) {
            focus->on = now;
            focus->since_wall_ms = rules->now.wall_ms;
            core_changed(rules, focus);
            if (!now)
                left(rules, focus);
        }
        on |= (uint32_t)now << slot;
    }
    if (on == rules->focuses_on)
        return;
    rules->focuses_on = on;
    for (struct need *need = rules->first_need; need; need = need->next) {
        if (need_open(need))
            need_touch(rules, need);
    }
}

int64_t focus_deadline(const struct rules *rules)
{
    int64_t deadline = NEVER_MS;
    for (int slot = 0; slot < FOCUS_SLOTS; slot++) {
        const struct focus *focus = rules->focuses[slot];
        if (!focus || !focus->declared)
            continue;
        int64_t wall = next_turn(focus, &rules->now);
        int64_t edge = wall == NEVER_MS ? wall : rules->now.steady_ms + (wall - rules->now.wall_ms);
        if (edge < deadline)
            deadline = edge;
        if (focus->hand == HAND_ON && focus->until_ms && focus->until_ms < deadline)
            deadline = focus->until_ms;
    }
    return deadline;
}

void focus_free(struct focus *focus)
{
    if (!focus)
        return;
    free(focus->name);
    free(focus->calendar);
    free(focus->busy);
    free(focus->spans);
    free(focus);
}
