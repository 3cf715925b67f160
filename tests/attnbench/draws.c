/* draws.c: see draws.h. The order of the draws within a stream is part of the specification. */
#include "draws.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FALSE_HITS_MAX = 4096, PHASES_MAX = 4096 };

struct need_streams {
    struct stream work, need, service, noise, sub, session;
};

struct draws {
    const struct workload *workload;
    struct need_streams streams[AGENTS_MAX];
    struct drawn_need *needs[AGENTS_MAX];
    int n_needs[AGENTS_MAX], capacity[AGENTS_MAX];
    int64_t start_ms[AGENTS_MAX];
    struct stream chunk, sensor, self;
    struct drawn_chunk *chunks;
    int n_chunks, chunk_capacity;
    struct period calendar[ABSENCES_MAX];
    int64_t false_hits[FALSE_HITS_MAX];
    int n_false_hits;
    struct period bursts[PHASES_MAX];
    int n_bursts;
};

static void *grown(void *list, int *capacity, int n, size_t size)
{
    if (n < *capacity)
        return list;
    *capacity = *capacity ? *capacity * 2 : 64;
    list = realloc(list, (size_t)*capacity * size);
    if (!list)
        abort();
    return list;
}

static int64_t at_least(int64_t least, int64_t value)
{
    return value < least ? least : value;
}

/* ---- once per seed ----------------------------------------------------------------------------------- */

static void draw_calendar(struct draws *draws, uint64_t seed)
{
    const struct workload *w = draws->workload;
    struct stream stream = stream_of(seed, HUMAN_STREAMS, PURPOSE_CALENDAR);
    for (int i = 0; i < w->n_calendar; i++) {
        double jitter = (2 * stream_uniform(&stream) - 1) * w->calendar_jitter_s * 1000;
        int64_t from_ms = (int64_t)(w->calendar[i].start_s * 1000) + rounded(jitter);
        draws->calendar[i] = (struct period){
            from_ms, from_ms + (int64_t)(w->calendar[i].length_s * 1000), w->calendar[i].why};
    }
}

static void draw_false_hits(struct draws *draws, uint64_t seed)
{
    double rate = draws->workload->human.false_per_h, t = 0;
    struct stream stream = stream_of(seed, HUMAN_STREAMS, PURPOSE_FALSE);
    while (rate > 0 && draws->n_false_hits < FALSE_HITS_MAX) {
        t += stream_exponential(&stream, 3600000.0 / rate);
        if (t >= (double)DAY_MS)
            break;
        draws->false_hits[draws->n_false_hits++] = rounded(t);
    }
}

static void draw_phases(struct draws *draws, uint64_t seed)
{
    const struct workload *w = draws->workload;
    struct stream stream = stream_of(seed, HUMAN_STREAMS, PURPOSE_PHASE);
    bool burst = false;
    double t = 0;
    while (w->phased && t < (double)DAY_MS && draws->n_bursts < PHASES_MAX) {
        double mean_s = burst ? w->burst_mean_s : w->calm_mean_s;
        double length = stream_exponential(&stream, mean_s * 1000.0);
        if (burst)
            draws->bursts[draws->n_bursts++] =
                (struct period){.from_ms = rounded(t), .to_ms = rounded(t + length)};
        t += length;
        burst = !burst;
    }
}

struct draws *draws_new(const struct workload *workload, uint64_t seed)
{
    struct draws *draws = calloc(1, sizeof *draws);
    if (!draws)
        abort();
    draws->workload = workload;
    for (int a = 0; a < workload->n_agents; a++) {
        struct stream start = stream_of(seed, a, PURPOSE_START);
        draws->streams[a] = (struct need_streams){
            .work = stream_of(seed, a, PURPOSE_WORK),
            .need = stream_of(seed, a, PURPOSE_NEED),
            .service = stream_of(seed, a, PURPOSE_SERVICE),
            .noise = stream_of(seed, a, PURPOSE_NOISE),
            .sub = stream_of(seed, a, PURPOSE_SUB),
            .session = stream_of(seed, a, PURPOSE_SESSION),
        };
        draws->start_ms[a] = rounded(stream_uniform(&start) * 60000);
    }
    draws->chunk = stream_of(seed, HUMAN_STREAMS, PURPOSE_CHUNK);
    draws->sensor = stream_of(seed, HUMAN_STREAMS, PURPOSE_SENSOR);
    draws->self = stream_of(seed, HUMAN_STREAMS, PURPOSE_SELF);
    draw_calendar(draws, seed);
    draw_false_hits(draws, seed);
    draw_phases(draws, seed);
    return draws;
}

void draws_free(struct draws *draws)
{
    for (int a = 0; draws && a < draws->workload->n_agents; a++) {
        for (int k = 0; k < draws->n_needs[a]; k++)
            free(draws->needs[a][k].subs);
        free(draws->needs[a]);
    }
    if (draws)
        free(draws->chunks);
    free(draws);
}

/* ---- needs ------------------------------------------------------------------------------------------- */

static enum raw_event raw_of(enum bench_kind kind, double u)
{
    switch (kind) {
    case BENCH_CRIT:
        return u < .6 ? RAW_PERMISSION : RAW_FAILED;
    case BENCH_PERM:
        return RAW_PERMISSION;
    case BENCH_QUESTION:
        return u < .7 ? RAW_QUESTION : RAW_PLAN;
    case BENCH_ERROR:
        return RAW_FAILED;
    case BENCH_DONE:
        return RAW_FINISHED;
    case BENCH_SELF:
    case BENCH_KINDS:
        break;
    }
    return u < .6 ? RAW_PERMISSION : u < .75 ? RAW_FAILED : RAW_FINISHED;
}

static void draw_kind(struct draws *draws, int agent, struct drawn_need *need)
{
    const double *cumulative = draws->workload->agent[agent].cumulative;
    struct stream *stream = &draws->streams[agent].need;
    double u = stream_uniform(stream), u_raw = stream_uniform(stream);
    double u_self = stream_uniform(stream), u_length = stream_uniform(stream);
    int kind = 0;
    while (kind < BENCH_SELF && u >= cumulative[kind])
        kind++;
    need->kind = (enum bench_kind)kind;
    need->raw = raw_of(need->kind, u_raw);
    need->critical = kind == BENCH_CRIT;
    if (kind != BENCH_SELF)
        return;
    double low = need->raw == RAW_PERMISSION ? 300 : 1000;
    double high = need->raw == RAW_PERMISSION ? 1800 : need->raw == RAW_FAILED ? 9000 : 14000;
    if (u_self < draws->workload->noise.self_tail) {
        low = 15000;
        high = 60000;
    }
    need->self_ms = rounded(low + (high - low) * u_length);
}

static void draw_noise(struct draws *draws, int agent, struct drawn_need *need)
{
    const struct workload *w = draws->workload;
    struct stream *stream = &draws->streams[agent].noise;
    need->lost = stream_uniform(stream) < w->noise.lost;
    bool duplicate = stream_uniform(stream) < w->noise.duplicate;
    int64_t duplicate_ms = rounded(100 + 1400 * stream_uniform(stream));
    need->duplicate_ms = duplicate ? duplicate_ms : 0;
    need->notice_ms =
        rounded(1000 * (w->noise.notice_low_s +
                        (w->noise.notice_high_s - w->noise.notice_low_s) * stream_uniform(stream)));
    need->race = stream_uniform(stream) < w->noise.notice_race;
    bool resolved_lost = stream_uniform(stream) < w->noise.resolved_lost;
    int64_t later_ms = rounded(1000 + 9000 * stream_uniform(stream));
    need->resolved_lost_ms = resolved_lost ? later_ms : 0;
    need->progress_ms = rounded(2000 + 6000 * stream_uniform(stream));
    need->progress_every_ms =
        rounded(1000 * (w->noise.progress_low_s + (w->noise.progress_high_s - w->noise.progress_low_s) *
                                                      stream_uniform(stream)));
}

static void draw_subs(struct draws *draws, int agent, struct drawn_need *need)
{
    double rate = draws->workload->agent[agent].sub_per_h, after = 0;
    struct stream *stream = &draws->streams[agent].sub;
    int capacity = 0;
    while (rate > 0) {
        after += stream_exponential(stream, 3600000.0 / rate);
        if (after >= (double)(need->work_ms - 1000))
            break;
        need->subs = grown(need->subs, &capacity, need->n_subs, sizeof *need->subs);
        struct sub_stop *sub = &need->subs[need->n_subs++];
        sub->after_ms = rounded(after);
        sub->unmarked = stream_uniform(stream) < draws->workload->noise.sub_unmarked;
        sub->progress_ms = rounded(2000 + 4000 * stream_uniform(stream));
    }
}

static void draw_need(struct draws *draws, int agent, struct drawn_need *need)
{
    const struct workload *w = draws->workload;
    struct need_streams *streams = &draws->streams[agent];
    double s = w->human.service_sigma;
    memset(need, 0, sizeof *need);
    double factor = exp(w->agent[agent].sigma * stream_normal(&streams->work));
    need->work_ms = at_least(500, rounded(w->agent[agent].median_ms * factor));
    draw_kind(draws, agent, need);
    factor = exp(s * stream_normal(&streams->service) - s * s / 2);
    need->service_ms = at_least(1000, rounded(w->human.service_s[need->kind] * 1000 * factor));
    draw_noise(draws, agent, need);
    draw_subs(draws, agent, need);
    bool ends = stream_uniform(&streams->session) < w->noise.session_end;
    need->ends = ends && need->kind == BENCH_DONE;
    need->gap_ms = rounded(stream_exponential(&streams->session, 600000.0));
}

const struct drawn_need *draws_need(struct draws *draws, int agent, int k)
{
    while (draws->n_needs[agent] <= k) {
        draws->needs[agent] = grown(draws->needs[agent], &draws->capacity[agent],
                                    draws->n_needs[agent], sizeof **draws->needs);
        draw_need(draws, agent, &draws->needs[agent][draws->n_needs[agent]++]);
    }
    return &draws->needs[agent][k];
}

/* ---- the human's own work ---------------------------------------------------------------------------- */

struct drawn_chunk draws_chunk(struct draws *draws, int k)
{
    const struct workload *w = draws->workload;
    while (draws->n_chunks <= k) {
        draws->chunks =
            grown(draws->chunks, &draws->chunk_capacity, draws->n_chunks, sizeof *draws->chunks);
        struct drawn_chunk *chunk = &draws->chunks[draws->n_chunks++];
        double factor = exp(w->human.chunk_sigma * stream_normal(&draws->chunk));
        chunk->ms = at_least(1000, rounded(w->human.chunk_median_s * 1000 * factor));
        chunk->sensed = stream_uniform(&draws->sensor) < w->human.recall;
        chunk->self_check = stream_uniform(&draws->self) < w->human.self_check;
    }
    return draws->chunks[k];
}

int64_t draws_start(const struct draws *draws, int agent)
{
    return draws->start_ms[agent];
}

const struct period *draws_calendar(const struct draws *draws, int *n)
{
    *n = draws->workload->n_calendar;
    return draws->calendar;
}

const int64_t *draws_false_hits(const struct draws *draws, int *n)
{
    *n = draws->n_false_hits;
    return draws->false_hits;
}

double draws_scale(const struct draws *draws, int64_t at_ms)
{
    for (int i = 0; i < draws->n_bursts; i++) {
        if (draws->bursts[i].from_ms <= at_ms && at_ms < draws->bursts[i].to_ms)
            return draws->workload->burst_scale;
    }
    return 1.0;
}
