/* test_properties.c: what must hold whatever happens, on random histories (history.h). time limit: 300 s
 *
 *   HISTORIES=100000 build/tests/unit/test_properties      (make properties; without it 5,000)
 *
 * Each history is watched step by step for the first five properties, and played twice more for the last two. One
 * that breaks a property is made smaller and printed. What is told, and whether it may ring, is read from the
 * effects; walls and inhibitions as the core accounts for them (the scenarios say whether it does so rightly). */
#include "history.h"
#include "stage.h"

#include "rules/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NEEDS_MAX = 256, RINGS_MAX = 4096, TRACE_SIZE = 1 << 17, SLACK_MS = 1000 };

/* ---- what was seen of each need ---------------------------------------------------------------------- */

struct seen {
    uint64_t id;
    bool open, told, free; /* free: nothing but settling, its slot and the budget held it */
    int64_t told_ms, repeats, escalated, resolved_ms;
    uint32_t pending, owed, on, delivered; /* receiver slots */
    enum urgency urgency;
    enum kind kind;
    int64_t free_ms; /* how long it was free and untold */
};

struct watch {
    struct seen needs[NEEDS_MAX];
    int n_needs;
    int64_t at_ms;
    int64_t rings[3][RINGS_MAX];
    int n_rings[3];
    char *trace;
    size_t n_trace;
    uint64_t ids[2][1024]; /* of needs and alerts in the order in which they came: two plays have other ids */
    int n_ids[2];
};

static char broken[256]; /* which property, and how */
static struct watch watch;

static bool breaks(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool breaks(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(broken, sizeof broken, format, args);
    va_end(args);
    return false;
}

static struct seen *seen_of(struct watch *watch, const struct need *need)
{
    for (int i = watch->n_needs - 1; i >= 0; i--) {
        if (watch->needs[i].id == need->record.id)
            return &watch->needs[i];
    }
    assert_true(watch->n_needs < NEEDS_MAX); /* a history has fewer turns than that */
    watch->needs[watch->n_needs] = (struct seen){.id = need->record.id};
    return &watch->needs[watch->n_needs++];
}

static uint32_t standing_on(const struct need *need)
{
    uint32_t on = 0;
    for (const struct line *line = need->lines; line; line = line->next_in_need)
        on |= line->alert->open ? 1u << line->alert->receiver : 0;
    return on;
}

/* `hold: focus-end` in a focus that a rule opened waits for its end: the person said so. */
static bool is_free(const struct need *need)
{
    if (need->treatment.slot == SLOT_FOCUS_END)
        return false;
    return need->verdict == VERDICT_UNSETTLED || need->verdict == VERDICT_HELD ||
           need->verdict == VERDICT_DUE;
}

/* ---- one need, one alert ----------------------------------------------------------------------------- */

static bool stands_once(const struct need *need)
{
    uint32_t on = 0;
    for (const struct line *line = need->lines; line; line = line->next_in_need) {
        if (!line->alert->open)
            continue;
        if (on & 1u << line->alert->receiver)
            return breaks("one need, one alert: need %llx stands in two alerts of one receiver",
                          (unsigned long long)need->record.id);
        on |= 1u << line->alert->receiver;
    }
    return true;
}

static bool told_once(const struct seen *before, const struct need *need)
{
    if (before->told && need->told && before->open && need->told_ms != before->told_ms)
        return breaks("one need, one alert: need %llx is told again", (unsigned long long)before->id);
    return true;
}

/* The kind that its treatment is for: the most urgent by the rules, not only by kind. */
static enum kind asked(const struct need *need)
{
    return need_open(need) ? need->treatment.reason->kind : need->kind;
}

/* Why this need may ring in this step; NULL: for nothing. */
static const char *cause(const struct seen *before, const struct need *need, int slot)
{
    return need->told && !before->told           ? "told"
           : before->owed & ~need->owed          ? "owed"
           : need->repeats > before->repeats     ? "repeat"
           : need->escalated > before->escalated ? "escalate"
           : before->pending & ~need->pending    ? "waited for budget"
           : !(before->on & 1u << slot)          ? "came here"
           : !before->delivered                  ? "nobody has it yet: a recovery"
           : need->treatment.urgency > before->urgency || asked(need) < before->kind ? "rise"
                                                                                     : NULL;
}

/* ---- budgets ----------------------------------------------------------------------------------------- */

static int receiver_number(const struct receiver *receiver)
{
    for (int i = 0; i < 3; i++) {
        if (strcmp(receiver->name, history_receivers[i]) == 0)
            return i;
    }
    return 0;
}

static bool within_budget(struct watch *watch, const struct play *play, const struct alert *alert,
                          bool critical)
{
    const struct receiver *receiver = rules_receiver_at(play->rules, (int)alert->receiver);
    int number = receiver_number(receiver), within = 0;
    assert_true(watch->n_rings[number] < RINGS_MAX);
    watch->rings[number][watch->n_rings[number]++] = play->now.steady_ms;
    for (int i = 0; i < watch->n_rings[number]; i++)
        within += watch->rings[number][i] > play->now.steady_ms - HOUR;
    if (!critical && receiver->budget && within > receiver->budget)
        return breaks("budget: %d rings in an hour on %s, which may ring %d times", within,
                      receiver->name, (int)receiver->budget);
    return true;
}

/* ---- an alert ---------------------------------------------------------------------------------------- */

static bool check_alert(struct watch *watch, const struct play *play, const struct effect *effect)
{
    const struct alert *alert = rules_alert_find(play->rules, effect->alert_id);
    bool ring_has_cause = false, critical = false;
    if (!alert || !alert->open)
        return true; /* closed again in the same step */
    for (const struct line *line = alert->lines; line; line = line->next_in_alert) {
        const struct need *need = line->need;
        const char *why = cause(seen_of(watch, need), need, (int)alert->receiver);
        if (need->resolved_ms)
            return breaks("a resolved need is never told: %llx in alert %llx",
                          (unsigned long long)need->record.id, (unsigned long long)alert->record.id);
        ring_has_cause |= why != NULL;
        critical |= why && need->treatment.urgency == URGENCY_CRITICAL;
    }
    if (!effect->audible)
        return true;
    if (!ring_has_cause)
        return breaks("one need, one alert: alert %llx rings, and nothing in it has a cause",
                      (unsigned long long)alert->record.id);
    return within_budget(watch, play, alert, critical);
}

/* ---- bounds ------------------------------------------------------------------------------------------ */

static int64_t bound_ms(const struct need *need)
{
    const struct treatment *treatment = &need->treatment;
    int64_t bound = treatment->at_most_ms; /* for a breakpoint, and for waiting on a budget */
    if (treatment->slot == SLOT_BATCH)
        bound = treatment->batch_ms;
    return bound > treatment->settle_ms ? bound : treatment->settle_ms;
}

static bool check_need(struct watch *watch, const struct play *play, const struct need *need)
{
    struct seen *before = seen_of(watch, need);
    if (before->free && before->open)
        before->free_ms += play->now.steady_ms - watch->at_ms;
    else if (before->told || !before->open)
        before->free_ms = 0;
    if (!stands_once(need) || !told_once(before, need))
        return false;
    if (!need_open(need) && need->lines)
        return breaks("a resolved need is never told: it still stands in an alert");
    if (!need_open(need))
        return true;
    if (need->treatment.urgency == URGENCY_CRITICAL && !need->told && !need->acked &&
        !need->snoozed_until_ms && need->treatment.to)
        return breaks("critical within 1 s: need %llx is not told",
                      (unsigned long long)need->record.id);
    if (is_free(need) && before->free_ms > bound_ms(need) + SLACK_MS)
        return breaks("bounds: need %llx has been held for %lld ms, its bound is %lld",
                      (unsigned long long)need->record.id, (long long)before->free_ms,
                      (long long)bound_ms(need));
    return true;
}

static void remember(struct watch *watch, const struct play *play)
{
    for (const struct need *need = rules_need_next(play->rules, NULL); need;
         need = rules_need_next(play->rules, need)) {
        struct seen *seen = seen_of(watch, need);
        int64_t free_ms = seen->free_ms;
        *seen = (struct seen){.id = seen->id,
                              .open = need_open(need),
                              .told = need->told,
                              .owed = need->owed,
                              .free = is_free(need),
                              .told_ms = need->told_ms,
                              .repeats = need->repeats,
                              .escalated = need->escalated,
                              .pending = need->pending,
                              .on = standing_on(need),
                              .delivered = need->delivered,
                              .urgency = need->treatment.urgency,
                              .kind = asked(need),
                              .free_ms = free_ms};
    }
    watch->at_ms = play->now.steady_ms;
}

static bool watch_step(void *arg, const struct play *play, const struct input *input,
                       const struct effects *effects)
{
    struct watch *watch = arg;
    (void)input;
    for (int i = 0; i < effects->n; i++) {
        if (effects->list[i].type == EFFECT_ALERT && !check_alert(watch, play, &effects->list[i]))
            return false;
    }
    for (const struct need *need = rules_need_next(play->rules, NULL); need;
         need = rules_need_next(play->rules, need)) {
        if (!check_need(watch, play, need))
            return false;
    }
    remember(watch, play);
    return true;
}

static const struct twist straight = {-1, -1, -1};

static bool watched_fails(const struct history *history)
{
    memset(&watch, 0, sizeof watch);
    return !history_play(history, straight, watch_step, &watch);
}

/* ---- two plays that must be the same ------------------------------------------------------------------ */

static int ordinal(struct watch *watch, int which, uint64_t id)
{
    for (int i = 0; i < watch->n_ids[which]; i++) {
        if (watch->ids[which][i] == id)
            return i;
    }
    if (!id || watch->n_ids[which] == 1024)
        return -1;
    watch->ids[which][watch->n_ids[which]] = id;
    return watch->n_ids[which]++;
}

static bool trace_step(void *arg, const struct play *play, const struct input *input,
                       const struct effects *effects)
{
    struct watch *watch = arg;
    (void)input;
    for (int i = 0; i < effects->n && watch->n_trace < TRACE_SIZE - 512; i++) {
        const struct effect *effect = &effects->list[i];
        watch->n_trace += (size_t)snprintf(
            watch->trace + watch->n_trace, TRACE_SIZE - watch->n_trace,
            "%lld %d need %d alert %d v%lld %s%s %s\n", (long long)play->now.steady_ms,
            effect->type, ordinal(watch, 0, effect->need_id), ordinal(watch, 1, effect->alert_id),
            (long long)effect->version, effect->audible ? "rings " : "",
            effect->deliver ? "sent" : "", effect->reason);
    }
    return true;
}

static void trace(const struct history *history, struct twist twist, char *text)
{
    memset(&watch, 0, sizeof watch);
    watch.trace = text;
    text[0] = '\0';
    history_play(history, twist, trace_step, &watch);
}

static char plain[TRACE_SIZE], twisted[TRACE_SIZE];

static bool differs(const struct history *history, struct twist twist, const char *property)
{
    trace(history, straight, plain);
    trace(history, twist, twisted);
    if (strcmp(plain, twisted) == 0)
        return false;
    size_t at = 0, line = 0;
    for (; plain[at] && plain[at] == twisted[at]; at++)
        line = plain[at] == '\n' ? at + 1 : line;
    breaks("%s: \"%.*s\" against \"%.*s\"", property, (int)strcspn(plain + line, "\n"),
           plain + line, (int)strcspn(twisted + line, "\n"), twisted + line);
    return true;
}

static bool reload_changes(const struct history *history)
{
    int before = (int)(history->seed % TURNS_MAX);
    return differs(history, (struct twist){before < history->n ? before : history->n - 1, -1, -1},
                   "a reload");
}

static bool cut_changes(const struct history *history)
{
    return differs(history, (struct twist){-1, (int)(history->seed % (uint64_t)history->n), -1},
                   "a cut and a restore");
}

static bool idle_rule_changes(const struct history *history)
{
    return differs(history, (struct twist){-1, -1, (int)(history->seed % HISTORY_RULES)},
                   "a rule that matches nothing");
}

/* ---- many -------------------------------------------------------------------------------------------- */

static void hold_for_all(bool (*fails)(const struct history *history))
{
    const char *wanted = getenv("HISTORIES"), *first = getenv("FIRST");
    unsigned long from = first ? strtoul(first, NULL, 10) : 0;
    unsigned long n = wanted ? strtoul(wanted, NULL, 10) : 5000;
    struct history history;
    for (unsigned long seed = from; seed < from + n; seed++) {
        history_random(&history, seed);
        if (!fails(&history))
            continue;
        char whole[sizeof broken];
        memcpy(whole, broken, sizeof whole);
        history_shrink(&history, fails);
        fails(&history);
        history_print(&history);
        fail_msg("history %lu: %s; made smaller: %s", seed, whole, broken);
    }
    print_message("%lu histories\n", n);
}

static void bounds_budgets_and_one_alert(void **state)
{
    (void)state;
    hold_for_all(watched_fails);
}

static void a_reload_changes_nothing(void **state)
{
    (void)state;
    hold_for_all(reload_changes);
}

static void a_cut_and_a_restore_change_nothing(void **state)
{
    (void)state;
    hold_for_all(cut_changes);
}

static void a_rule_that_matches_nothing_changes_nothing(void **state)
{
    (void)state;
    hold_for_all(idle_rule_changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_budgets_and_one_alert),
        cmocka_unit_test(a_reload_changes_nothing),
        cmocka_unit_test(a_cut_and_a_restore_change_nothing),
        cmocka_unit_test(a_rule_that_matches_nothing_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
