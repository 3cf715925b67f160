/* figures.c: see figures.h. */
#include "router/figures.h"

#include "rules/text.h"

#include <stdlib.h>
#include <string.h>

struct followed { /* a need that is open */
    uint64_t id;
    enum kind kind;
    bool told;
    int64_t from_ms, opened_ms, told_ms;
    int64_t walled_ms; /* before from_ms */
    char *where;
};

struct seen {
    uint64_t session_id;
};

/* ---- samples ------------------------------------------------------------------------------------- */

static void sample(struct samples *samples, int64_t ms)
{
    if (samples->n == samples->room) {
        samples->room = samples->room ? samples->room * 2 : 16;
        samples->list = must_grow(samples->list, (size_t)samples->room * sizeof *samples->list);
    }
    ms = ms > 0 ? ms : 0;
    samples->list[samples->n++] = ms;
    samples->sum += ms;
    samples->most = ms > samples->most ? ms : samples->most;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

int64_t samples_at(struct samples *samples, int percent)
{
    if (samples->n == 0)
        return -1;
    qsort(samples->list, (size_t)samples->n, sizeof *samples->list, compare);
    int64_t rank = ((int64_t)samples->n * percent + 99) / 100;
    return samples->list[rank > 0 ? rank - 1 : 0];
}

int64_t samples_mean(const struct samples *samples)
{
    return samples->n ? samples->sum / samples->n : -1;
}

/* ---- following ----------------------------------------------------------------------------------- */

static bool same_need(const void *item, const void *key)
{
    return ((const struct followed *)item)->id == *(const uint64_t *)key;
}

static struct followed *find(const struct figures *figures, uint64_t id)
{
    return table_find(&figures->open_needs, table_mix(id), same_need, &id);
}

static bool same_session(const void *item, const void *key)
{
    return ((const struct seen *)item)->session_id == *(const uint64_t *)key;
}

static void see_session(struct figures *figures, uint64_t id)
{
    uint64_t hash = table_mix(id);
    if (table_find(&figures->seen, hash, same_session, &id))
        return;
    struct seen *seen = must_alloc(sizeof *seen);
    seen->session_id = id;
    table_add(&figures->seen, hash, seen);
    figures->sessions++;
}

static int64_t walled(const struct need *need, int64_t now_ms)
{
    int64_t ms = now_ms - need->opened_ms - need_waited(need, now_ms);
    return ms > 0 ? ms : 0;
}

static struct followed *follow(struct figures *figures, const struct need *need, int64_t now_ms)
{
    struct followed *followed = must_alloc(sizeof *followed);
    *followed = (struct followed){.id = need->record.id,
                                  .kind = need->kind,
                                  .from_ms = now_ms > need->opened_ms ? now_ms : need->opened_ms,
                                  .opened_ms = need->opened_ms,
                                  .where = must_copy(session_where(need->session))};
    table_add(&figures->open_needs, table_mix(followed->id), followed);
    see_session(figures, need->session_id);
    return followed;
}

static void drop(struct figures *figures, struct followed *followed)
{
    table_remove(&figures->open_needs, table_mix(followed->id), followed);
    free(followed->where);
    free(followed);
}

/* It is open no more, or the time is over. */
static void account(struct figures *figures, const struct followed *followed,
                    const struct need *need, int64_t now_ms)
{
    struct figures_kind *kind = &figures->kind[followed->kind];
    int64_t blocked_ms = now_ms - followed->from_ms;
    int64_t walled_ms = need ? walled(need, now_ms) - followed->walled_ms : 0;
    blocked_ms = blocked_ms > 0 ? blocked_ms : 0;
    walled_ms = walled_ms < 0 ? 0 : walled_ms > blocked_ms ? blocked_ms : walled_ms;
    kind->blocked_ms += blocked_ms;
    kind->walled_ms += walled_ms;
}

void figures_begin(struct figures *figures, const struct rules *rules, int64_t now_ms)
{
    *figures = (struct figures){.from_ms = now_ms};
    for (const struct need *need = rules_need_next(rules, NULL); need;
         need = rules_need_next(rules, need)) {
        if (!need_open(need))
            continue;
        struct followed *followed = follow(figures, need, now_ms);
        followed->told = need->told;
        followed->told_ms = need->told_ms;
        followed->walled_ms = walled(need, now_ms);
        if (!need->told) {
            figures->carried++;
            figures->needs++;
            figures->kind[need->kind].needs++;
        }
    }
}

/* ---- what happens -------------------------------------------------------------------------------- */

static void act(struct figures *figures, const char *where)
{
    figures->acts++;
    figures->switches += figures->where && strcmp(figures->where, where) != 0;
    if (!figures->where || strcmp(figures->where, where) != 0) {
        free(figures->where);
        figures->where = must_copy(where);
    }
}

void figures_command(struct figures *figures, const struct rules *rules, const struct command *command)
{
    const struct need *need =
        command->type == COMMAND_SERVE ? rules_need_find(rules, command->need_id) : NULL;
    if (need)
        act(figures, session_where(need->session));
}

static struct figures_receiver *receiver_of(struct figures *figures, const struct rules *rules,
                                            const struct alert *alert)
{
    const struct receiver *receiver = alert ? rules_receiver_at(rules, (int)alert->receiver) : NULL;
    const char *name = receiver ? text_or(receiver->name, "") : "";
    for (int i = 0; i < figures->n_receivers; i++) {
        if (strcmp(figures->receivers[i].name, name) == 0)
            return &figures->receivers[i];
    }
    if (figures->n_receivers == FIGURES_RECEIVERS)
        return &figures->receivers[0];
    figures->receivers[figures->n_receivers].name = must_copy(name);
    return &figures->receivers[figures->n_receivers++];
}

/* The same request again within 10 s is the same need: told stays told. */
static void opened(struct figures *figures, const struct need *need, bool again, int64_t now_ms)
{
    if (!need || find(figures, need->record.id))
        return;
    struct followed *followed = follow(figures, need, again ? now_ms : figures->from_ms);
    figures->needs++;
    figures->kind[need->kind].needs++;
    followed->walled_ms = again ? walled(need, now_ms) : 0;
    followed->told = again && need->told;
    followed->told_ms = need->told_ms;
    figures->silent += followed->told;
}

static void became(struct figures *figures, const struct need *need)
{
    struct followed *followed = need ? find(figures, need->record.id) : NULL;
    if (!followed || followed->kind == need->kind)
        return;
    figures->changed++;
    figures->kind[followed->kind].needs--;
    figures->kind[need->kind].needs++;
    followed->kind = need->kind;
}

/* Nobody's answer. */
static bool unanswered(const char *reason)
{
    return strcmp(reason, "its process is gone") == 0 || strncmp(reason, "expired", 7) == 0 ||
           strncmp(reason, "the session was forgotten", 25) == 0;
}

static void resolved(struct figures *figures, const struct need *need, const struct effect *effect,
                     int64_t now_ms)
{
    struct followed *followed = find(figures, effect->need_id);
    if (!followed)
        return;
    struct figures_kind *kind = &figures->kind[followed->kind];
    account(figures, followed, need, now_ms);
    kind->resolved++;
    figures->answered += !followed->told;
    if (!unanswered(effect->reason)) {
        act(figures, followed->where);
        sample(&kind->opened, now_ms - followed->opened_ms);
        if (followed->told)
            sample(&kind->answered, now_ms - followed->told_ms);
    }
    drop(figures, followed);
}

/* ---- what is told -------------------------------------------------------------------------------- */

static int64_t bound_ms(const struct need *need)
{
    const struct treatment *treatment = &need->treatment;
    int64_t bound = treatment->slot == SLOT_NEVER || treatment->silent ? 0
                    : treatment->slot == SLOT_BATCH                    ? treatment->batch_ms
                    : treatment->slot == SLOT_BREAKPOINT               ? treatment->at_most_ms
                                                                       : treatment->at_most_ms;
    return bound > treatment->settle_ms ? bound : treatment->settle_ms;
}

static void is_told(struct figures *figures, struct followed *followed, const struct need *need)
{
    struct figures_kind *kind = &figures->kind[followed->kind];
    followed->told = true;
    followed->told_ms = need->told_ms;
    kind->told++;
    sample(&kind->untold, need->told_ms - need->opened_ms);
    bool late = need_waited(need, need->told_ms) > bound_ms(need) + 1000;
    kind->late += late;
    figures->late += late;
}

/* Everything that an alert tells of now; the first of them, by urgency, is what it rings for. */
static void note_alert(struct figures *figures, const struct rules *rules,
                       const struct effect *effect, bool rings_here)
{
    const struct alert *alert = rules_alert_find(rules, effect->alert_id);
    const struct need *first = NULL, *any = NULL;
    int n = 0, rang = 0;
    for (const struct line *line = alert ? alert->lines : NULL; line; line = line->next_in_alert) {
        struct followed *followed = find(figures, line->need->record.id);
        any = !any || need_compare(line->need, any) < 0 ? line->need : any;
        if (!followed || followed->told || !line->need->told)
            continue;
        is_told(figures, followed, line->need);
        n++;
        first = !first || need_compare(line->need, first) < 0 ? line->need : first;
        if (!line->need->rings || (!effect->audible && !rings_here))
            figures->silent++;
        else if (effect->audible && rang++ == 0)
            figures->rang++;
        else if (alert->key && strcmp(alert->key, "*") == 0)
            figures->gathered++;
        else
            figures->rode_along++;
    }
    struct figures_receiver *receiver = receiver_of(figures, rules, alert);
    figures->rings += effect->audible;
    receiver->rings += effect->audible;
    figures->again += effect->audible && n == 0;
    figures->silent_alerts += !effect->audible && n > 0;
    receiver->silent += !effect->audible && n > 0;
    if (!effect->audible && n == 0)
        return;
    if (figures->n_told == figures->told_room) {
        figures->told_room = figures->told_room ? figures->told_room * 2 : 16;
        figures->told = must_grow(figures->told, (size_t)figures->told_room * sizeof *figures->told);
    }
    figures->told[figures->n_told++] = (struct figures_told){
        .alert_id = effect->alert_id,
        .need_id = first ? first->record.id
                   : any ? any->record.id
                         : 0,
        .told = n,
        .audible = effect->audible,
    };
}

/* Of several alerts that would ring in one look one does, by receiver: the others come along. */
static bool rings_on(const struct rules *rules, const struct effects *effects, uint64_t alert_id)
{
    const struct alert *alert = rules_alert_find(rules, alert_id);
    for (int i = 0; alert && i < effects->n; i++) {
        const struct effect *effect = &effects->list[i];
        const struct alert *other = effect->type == EFFECT_ALERT && effect->audible
                                        ? rules_alert_find(rules, effect->alert_id)
                                        : NULL;
        if (other && other->receiver == alert->receiver)
            return true;
    }
    return false;
}

void figures_step(struct figures *figures, const struct rules *rules, int64_t now_ms,
                  const struct effects *effects)
{
    figures->n_told = 0;
    for (int i = 0; i < effects->n;
         i++) { /* what is told in a step was opened before, what is resolved never is */
        const struct effect *effect = &effects->list[i];
        const struct need *need = effect->need_id ? rules_need_find(rules, effect->need_id) : NULL;
        if (effect->type == EFFECT_NEED_OPENED)
            opened(figures, need, strcmp(effect->reason, "the same request again") == 0, now_ms);
        else if (effect->type == EFFECT_NEED_CHANGED)
            became(figures, need);
        else if (effect->type == EFFECT_NEED_RESOLVED)
            resolved(figures, need, effect, now_ms);
    }
    for (int audible = 1; audible >= 0; audible--) { /* who rings is told first: the others came along */
        for (int i = 0; i < effects->n; i++) {
            const struct effect *effect = &effects->list[i];
            if (effect->type == EFFECT_ALERT && effect->audible == audible)
                note_alert(figures, rules, effect, rings_on(rules, effects, effect->alert_id));
        }
    }
}

void figures_end(struct figures *figures, const struct rules *rules, int64_t now_ms)
{
    for (size_t i = 0; i < figures->open_needs.capacity; i++) {
        const struct followed *followed = figures->open_needs.slots[i].item;
        if (!followed)
            continue;
        account(figures, followed, rules_need_find(rules, followed->id), now_ms);
        figures->open++;
        figures->held += !followed->told;
    }
}

void figures_clear(struct figures *figures)
{
    for (size_t i = 0; i < figures->open_needs.capacity; i++) {
        struct followed *followed = figures->open_needs.slots[i].item;
        if (followed)
            free(followed->where);
        free(followed);
    }
    for (size_t i = 0; i < figures->seen.capacity; i++)
        free(figures->seen.slots[i].item);
    for (int kind = 0; kind < KINDS; kind++) {
        free(figures->kind[kind].untold.list);
        free(figures->kind[kind].opened.list);
        free(figures->kind[kind].answered.list);
    }
    for (int i = 0; i < figures->n_receivers; i++)
        free(figures->receivers[i].name);
    table_clear(&figures->open_needs);
    table_clear(&figures->seen);
    free(figures->told);
    free(figures->where);
    *figures = (struct figures){0};
}

/* ---- as JSON ------------------------------------------------------------------------------------- */

static json_t *samples_json(struct samples *samples)
{
    if (samples->n == 0)
        return json_null();
    return json_pack("{s:i, s:I, s:I, s:I, s:I}", "n", samples->n, "mean_ms",
                     (json_int_t)samples_mean(samples), "median_ms",
                     (json_int_t)samples_at(samples, 50), "p90_ms",
                     (json_int_t)samples_at(samples, 90), "longest_ms", (json_int_t)samples->most);
}

static json_t *kinds_json(struct figures *figures)
{
    json_t *kinds = json_object();
    for (int i = 0; i < KINDS; i++) {
        struct figures_kind *kind = &figures->kind[i];
        if (!kind->needs && !kind->resolved && !kind->blocked_ms)
            continue;
        json_object_set_new(
            kinds, word_name(&word_kind, i),
            json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "needs",
                      (json_int_t)kind->needs, "told", (json_int_t)kind->told, "late",
                      (json_int_t)kind->late, "resolved", (json_int_t)kind->resolved, "blocked_ms",
                      (json_int_t)kind->blocked_ms, "walled_ms", (json_int_t)kind->walled_ms,
                      "opened_to_told", samples_json(&kind->untold), "opened_to_resolved",
                      samples_json(&kind->opened), "told_to_resolved", samples_json(&kind->answered)));
    }
    return kinds;
}

static json_t *receivers_json(const struct figures *figures)
{
    json_t *receivers = json_object();
    for (int i = 0; i < figures->n_receivers; i++) {
        const struct figures_receiver *receiver = &figures->receivers[i];
        json_object_set_new(receivers, receiver->name,
                            json_pack("{s:I, s:I}", "rings", (json_int_t)receiver->rings, "silent",
                                      (json_int_t)receiver->silent));
    }
    return receivers;
}

json_t *figures_json(struct figures *figures)
{
    int64_t blocked_ms = 0, walled_ms = 0;
    for (int i = 0; i < KINDS; i++) {
        blocked_ms += figures->kind[i].blocked_ms;
        walled_ms += figures->kind[i].walled_ms;
    }
    json_t *avoided =
        json_pack("{s:I, s:I, s:I, s:I, s:I}", "answered", (json_int_t)figures->answered, "rode_along",
                  (json_int_t)figures->rode_along, "gathered", (json_int_t)figures->gathered,
                  "silent", (json_int_t)figures->silent, "held", (json_int_t)figures->held);
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
        "events", (json_int_t)figures->events, "sessions", (json_int_t)figures->sessions, "needs",
        (json_int_t)figures->needs, "carried", (json_int_t)figures->carried, "interruptions",
        (json_int_t)figures->rings, "rang", (json_int_t)figures->rang, "again",
        (json_int_t)figures->again, "avoided", avoided, "silent_alerts",
        (json_int_t)figures->silent_alerts, "late", (json_int_t)figures->late, "never_told",
        (json_int_t)(figures->answered + figures->held), "open", (json_int_t)figures->open,
        "blocked_ms", (json_int_t)blocked_ms, "walled_ms", (json_int_t)walled_ms, "switches",
        (json_int_t)figures->switches, "receivers", receivers_json(figures), "kinds",
        kinds_json(figures));
}
