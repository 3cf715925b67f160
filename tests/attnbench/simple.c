/* simple.c: the baselines that do not weigh: a popup for everything, one per need, by urgency, grouped, digests.
 * SPEC section 7 names them. */
#include "tracker.h"

#include <stdlib.h>
#include <string.h>

/* ---- naive and filter -------------------------------------------------------------------------------- */

static bool says_need(const struct bench_input *input)
{
    return input->event == STEP_PERMISSION || input->event == STEP_QUESTION ||
           input->event == STEP_PLAN || input->event == STEP_FAILED || input->event == STEP_FINISHED;
}

static void naive_take(struct candidate *candidate, const struct bench_input *input)
{
    if (says_need(input) || input->event == STEP_PERMISSION_NOTICE || input->event == STEP_IDLE_NOTICE)
        candidate_alert(candidate, &input->agent, 1);
}

static void filter_take(struct candidate *candidate, const struct bench_input *input)
{
    if (says_need(input) && !input->sub)
        candidate_alert(candidate, &input->agent, 1);
}

static const struct candidate_class naive = {naive_take, NULL}, filter = {filter_take, NULL};

/* ---- one per need ------------------------------------------------------------------------------------ */

struct one_per {
    struct candidate base;
    struct tracker tracker;
    const int64_t *delay_ms;
    bool board, by_worth;
    int64_t fired[AGENTS_MAX], quiet[AGENTS_MAX]; /* its alert, 0: none */
    bool listed;
    int last[AGENTS_MAX], n_last;
};

/* Silent first, where they have no board. */
static const int64_t urgency_ms[BENCH_KINDS] = {
    [BENCH_CRIT] = 0,      [BENCH_PERM] = 10000,  [BENCH_QUESTION] = 30000,
    [BENCH_ERROR] = 60000, [BENCH_DONE] = 300000,
};

static void withdraw(struct candidate *candidate, int64_t *id)
{
    if (*id)
        candidate_effect(candidate, STEP_WITHDRAW, NULL, 0)->id = *id;
    *id = 0;
}

static void one_per_list(struct one_per *one, int64_t t_ms)
{
    int list[AGENTS_MAX];
    int n = one->by_worth ? tracker_by_worth(&one->tracker, t_ms, list)
                          : tracker_by_age(&one->tracker, list);
    if (one->listed && same_list(list, n, one->last, one->n_last))
        return;
    one->listed = true;
    one->n_last = n;
    memcpy(one->last, list, (size_t)n * sizeof *list);
    candidate_effect(&one->base, STEP_LIST, list, n);
}

/* When to look at this need again, or STEP_NEVER: it has rung. */
static int64_t one_per_need(struct one_per *one, int a, int64_t t_ms)
{
    const struct tracked *tracked = &one->tracker.agent[a];
    int64_t loud_ms = tracked->since_ms + one->delay_ms[tracked->kind], due_ms = loud_ms;
    if (!one->quiet[a] && due_ms > t_ms && !one->board) {
        due_ms = tracked->since_ms + settle_ms[tracked->kind];
        if (due_ms <= t_ms && t_ms < loud_ms) {
            struct bench_effect *alert = candidate_alert(&one->base, &a, 1);
            alert->audible = false;
            one->quiet[a] = alert->id;
            due_ms = loud_ms;
        }
    }
    if (due_ms > t_ms)
        return due_ms;
    if (one->board && one->tracker.engaged && tracked->kind != BENCH_CRIT)
        return STEP_NEVER; /* the board is refreshed */
    struct bench_effect *alert = candidate_effect(&one->base, STEP_CREATE, &a, 1);
    alert->audible = true;
    alert->id = one->quiet[a] ? one->quiet[a] : ++one->base.last_id;
    one->fired[a] = alert->id;
    return STEP_NEVER;
}

static void one_per_take(struct candidate *candidate, const struct bench_input *input)
{
    struct one_per *one = (struct one_per *)candidate;
    int opened, closed;
    tracker_take(&one->tracker, input, &opened, &closed);
    if (closed >= 0) {
        withdraw(candidate, &one->fired[closed]);
        withdraw(candidate, &one->quiet[closed]);
    }
    if (one->board)
        one_per_list(one, input->t_ms);
    candidate->deadline_ms = STEP_NEVER;
    for (int i = 0; i < one->tracker.open.n; i++) {
        int a = one->tracker.open.agents[i];
        int64_t due_ms = one->fired[a] ? STEP_NEVER : one_per_need(one, a, input->t_ms);
        if (due_ms < candidate->deadline_ms)
            candidate->deadline_ms = due_ms;
    }
}

static const struct candidate_class one_per = {one_per_take, NULL};

static struct candidate *one_per_new(const int64_t *delay_ms, bool board, bool by_worth)
{
    struct one_per *one = (struct one_per *)allocate_candidate(&one_per, sizeof *one);
    tracker_init(&one->tracker);
    one->delay_ms = delay_ms;
    one->board = board;
    one->by_worth = by_worth;
    return &one->base;
}

/* ---- one group: after a wait, then at intervals; or every so many minutes ------------------------------ */

struct grouped {
    struct candidate base;
    struct tracker tracker;
    int64_t wait_ms, interval_ms; /* a digest: wait_ms < 0 */
    int64_t flush_ms;             /* STEP_NEVER: nothing to flush */
    bool sent[AGENTS_MAX];
};

static void flush(struct grouped *grouped)
{
    int list[AGENTS_MAX], n = tracker_by_age(&grouped->tracker, list);
    struct bench_effect *alert = candidate_effect(&grouped->base, STEP_UPDATE, list, n);
    alert->audible = true;
    memset(grouped->sent, 0, sizeof grouped->sent);
    for (int i = 0; i < n; i++)
        grouped->sent[list[i]] = true;
}

static bool has_news(const struct grouped *grouped)
{
    for (int i = 0; i < grouped->tracker.open.n; i++) {
        if (!grouped->sent[grouped->tracker.open.agents[i]])
            return true;
    }
    return false;
}

static void manager_take(struct candidate *candidate, const struct bench_input *input)
{
    struct grouped *grouped = (struct grouped *)candidate;
    int opened, closed;
    tracker_take(&grouped->tracker, input, &opened, &closed);
    if (closed >= 0)
        grouped->sent[closed] = false;
    if (opened >= 0 && grouped->flush_ms == STEP_NEVER)
        grouped->flush_ms = input->t_ms + grouped->wait_ms;
    if (input->t_ms >= grouped->flush_ms) {
        if (has_news(grouped))
            flush(grouped);
        grouped->flush_ms =
            grouped->tracker.open.n > 0 ? input->t_ms + grouped->interval_ms : STEP_NEVER;
        if (grouped->tracker.open.n == 0)
            memset(grouped->sent, 0, sizeof grouped->sent);
    }
    candidate->deadline_ms = grouped->flush_ms;
}

static void digest_take(struct candidate *candidate, const struct bench_input *input)
{
    struct grouped *grouped = (struct grouped *)candidate;
    int opened, closed;
    tracker_take(&grouped->tracker, input, &opened, &closed);
    if (input->t_ms >= grouped->flush_ms) {
        grouped->flush_ms += grouped->interval_ms;
        if (grouped->tracker.open.n > 0)
            flush(grouped);
    }
    candidate->deadline_ms = grouped->flush_ms;
}

static const struct candidate_class manager = {manager_take, NULL}, digest = {digest_take, NULL};

static struct candidate *grouped_new(const struct candidate_class *class, int64_t wait_ms,
                                     int64_t interval_ms, int64_t flush_ms)
{
    struct grouped *grouped = (struct grouped *)allocate_candidate(class, sizeof *grouped);
    tracker_init(&grouped->tracker);
    grouped->wait_ms = wait_ms;
    grouped->interval_ms = interval_ms;
    grouped->flush_ms = flush_ms;
    return &grouped->base;
}

/* ---- by name ----------------------------------------------------------------------------------------- */

struct candidate *simple_new(const char *name)
{
    if (strcmp(name, "naive") == 0)
        return allocate_candidate(&naive, sizeof(struct candidate));
    if (strcmp(name, "filter") == 0)
        return allocate_candidate(&filter, sizeof(struct candidate));
    if (strcmp(name, "oneper") == 0)
        return one_per_new(settle_ms, false, false);
    if (strcmp(name, "urgency") == 0)
        return one_per_new(urgency_ms, false, false);
    if (strcmp(name, "board") == 0)
        return one_per_new(urgency_ms, true, false);
    if (strcmp(name, "gcmu") == 0)
        return one_per_new(urgency_ms, true, true);
    if (strcmp(name, "am") == 0)
        return grouped_new(&manager, 30000, 300000, STEP_NEVER);
    if (strcmp(name, "amtuned") == 0)
        return grouped_new(&manager, 30000, 60000, STEP_NEVER);
    if (strncmp(name, "digest", 6) == 0) {
        char *end;
        int64_t interval_ms = strtoll(name + 6, &end, 10) * 60000;
        return *end || interval_ms <= 0 ? NULL : grouped_new(&digest, -1, interval_ms, interval_ms);
    }
    return NULL;
}
