/* tracker.c: see tracker.h. */
#include "tracker.h"

#include <string.h>

const int64_t settle_ms[BENCH_KINDS] = {
    [BENCH_CRIT] = 0,      [BENCH_PERM] = 2000,  [BENCH_QUESTION] = 5000,
    [BENCH_ERROR] = 10000, [BENCH_DONE] = 15000,
};

static void roll_remove(struct roll *roll, int agent)
{
    int i = 0;
    while (i < roll->n && roll->agents[i] != agent)
        i++;
    if (i == roll->n)
        return;
    roll->n--;
    memmove(roll->agents + i, roll->agents + i + 1, (size_t)(roll->n - i) * sizeof(int));
}

void tracker_init(struct tracker *tracker)
{
    memset(tracker, 0, sizeof *tracker);
    tracker->repository = -1;
    for (int a = 0; a < AGENTS_MAX; a++)
        tracker->agent[a].repository = -1;
}

static void hear(struct tracker *tracker, int agent, int64_t t_ms)
{
    struct tracked *tracked = &tracker->agent[agent];
    if (!tracked->heard)
        tracker->heard.agents[tracker->heard.n++] = agent;
    tracked->heard = true;
    tracked->heard_ms = t_ms;
}

void tracker_forget(struct tracker *tracker, int agent)
{
    tracker->agent[agent].heard = false;
    roll_remove(&tracker->heard, agent);
}

void tracker_open(struct tracker *tracker, int agent, enum bench_kind kind, int64_t since_ms, int by)
{
    struct tracked *tracked = &tracker->agent[agent];
    tracked->open = true;
    tracked->kind = kind;
    tracked->since_ms = since_ms;
    tracked->by = by;
    tracker->open.agents[tracker->open.n++] = agent;
}

static enum bench_kind kind_of(const struct bench_input *input)
{
    if (input->crit)
        return BENCH_CRIT;
    return input->event == STEP_PERMISSION ? BENCH_PERM
           : input->event == STEP_FAILED   ? BENCH_ERROR
           : input->event == STEP_FINISHED ? BENCH_DONE
                                           : BENCH_QUESTION;
}

static bool on_need(struct tracker *tracker, const struct bench_input *input)
{
    struct tracked *tracked = &tracker->agent[input->agent];
    enum bench_kind kind = kind_of(input);
    int64_t t_ms = input->t_ms;
    if (input->sub) {
        hear(tracker, input->agent, t_ms);
        return false;
    }
    if (tracked->open) {
        if (tracked->kind != kind && tracked->kind != BENCH_CRIT) {
            tracked->kind = kind;
            tracked->since_ms = t_ms;
            tracked->by = (int)input->event;
        }
        return false;
    }
    if (tracked->was_closed && tracked->closed_by == (int)input->event &&
        t_ms - tracked->closed_ms < 2000)
        return false; /* a late duplicate */
    tracker_open(tracker, input->agent, kind, t_ms, (int)input->event);
    return true;
}

static bool on_notice(struct tracker *tracker, const struct bench_input *input)
{
    const struct tracked *tracked = &tracker->agent[input->agent];
    int64_t t_ms = input->t_ms;
    if (tracked->open)
        return false;
    if (input->event == STEP_PERMISSION_NOTICE) {
        if (tracked->was_closed && t_ms - tracked->closed_ms < 10000)
            return false; /* a stale one */
        tracker_open(tracker, input->agent, BENCH_PERM, t_ms - 7000, (int)input->event);
        return true;
    }
    if (t_ms - (tracked->heard ? tracked->heard_ms : 0) < 50000)
        return false;
    tracker_open(tracker, input->agent, BENCH_DONE, t_ms - 60000, (int)input->event);
    return true;
}

static bool on_close(struct tracker *tracker, const struct bench_input *input)
{
    struct tracked *tracked = &tracker->agent[input->agent];
    hear(tracker, input->agent, input->t_ms);
    if (!tracked->open)
        return false;
    tracked->open = false;
    roll_remove(&tracker->open, input->agent);
    tracked->was_closed = true;
    tracked->closed_ms = input->t_ms;
    tracked->closed_by = tracked->by;
    if (tracker->engaged)
        tracker->repository = tracked->repository;
    return true;
}

void tracker_take(struct tracker *tracker, const struct bench_input *input, int *opened, int *closed)
{
    *opened = *closed = -1;
    switch (input->event) {
    case STEP_INIT:
        tracker->world = *input->world;
        break;
    case STEP_SESSION_START:
        tracker->agent[input->agent].repository = input->repository;
        hear(tracker, input->agent, input->t_ms);
        break;
    case STEP_ENGAGED:
        tracker->engaged = input->on;
        tracker->repository = input->on ? tracker->repository : -1;
        break;
    case STEP_AWAY:
        tracker->away = input->on;
        break;
    case STEP_PERMISSION:
    case STEP_FAILED:
    case STEP_QUESTION:
    case STEP_PLAN:
    case STEP_FINISHED:
        *opened = on_need(tracker, input) ? input->agent : -1;
        break;
    case STEP_PERMISSION_NOTICE:
    case STEP_IDLE_NOTICE:
        *opened = on_notice(tracker, input) ? input->agent : -1;
        break;
    case STEP_RESOLVED:
    case STEP_WORKING:
    case STEP_PROGRESS:
    case STEP_SESSION_END:
        *closed = on_close(tracker, input) ? input->agent : -1;
        break;
    case STEP_BREAKPOINT:
    case STEP_TICK:
    case STEP_EVENTS:
        break;
    }
}

/* ---- orders ------------------------------------------------------------------------------------------ */

struct ranked {
    int agent, first; /* 0 before 1 */
    double rank;      /* the lower the earlier */
};

static bool before(const struct ranked *a, const struct ranked *b)
{
    if (a->first != b->first)
        return a->first < b->first;
    if (a->rank != b->rank)
        return a->rank < b->rank;
    return number_compare(a->agent, b->agent) < 0;
}

static void rank_in(struct ranked *list, int n, struct ranked item)
{
    for (; n > 0 && before(&item, &list[n - 1]); n--)
        list[n] = list[n - 1];
    list[n] = item;
}

int tracker_by_age(const struct tracker *tracker, int *out)
{
    struct ranked list[AGENTS_MAX];
    for (int i = 0; i < tracker->open.n; i++) {
        const struct tracked *tracked = &tracker->agent[tracker->open.agents[i]];
        rank_in(list, i,
                (struct ranked){tracker->open.agents[i], tracked->kind != BENCH_CRIT,
                                (double)tracked->since_ms});
    }
    for (int i = 0; i < tracker->open.n; i++)
        out[i] = list[i].agent;
    return tracker->open.n;
}

int tracker_by_worth(const struct tracker *tracker, int64_t t_ms, int *out)
{
    const struct step_world *w = &tracker->world;
    struct ranked list[AGENTS_MAX];
    for (int i = 0; i < tracker->open.n; i++) {
        const struct tracked *tracked = &tracker->agent[tracker->open.agents[i]];
        int k = (int)tracked->kind;
        struct ranked item = {tracker->open.agents[i], 0, (double)tracked->since_ms};
        if (tracked->kind != BENCH_CRIT) {
            double age_s = (double)(t_ms - tracked->since_ms) / 1000.0;
            double set_up_s = tracked->repository != tracker->repository ? w->setup_s : 0;
            item.first = 1;
            item.rank = -w->weight[k] * (1 + age_s / w->at_most_s[k]) / (w->service_s[k] + set_up_s);
        }
        rank_in(list, i, item);
    }
    for (int i = 0; i < tracker->open.n; i++)
        out[i] = list[i].agent;
    return tracker->open.n;
}

bool same_list(const int *a, int n_a, const int *b, int n_b)
{
    return n_a == n_b && memcmp(a, b, (size_t)n_a * sizeof *a) == 0;
}
