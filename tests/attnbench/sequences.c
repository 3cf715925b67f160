/* sequences.c: see sequences.h. Unlike a workload's day nothing here makes sense: agents ask without having started,
 * notices come for nothing, time stands still or leaps, ticks are early or missing. */
#include "sequences.h"

#include "lines.h"
#include "one_core.h"
#include "random.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SEQUENCE_AGENTS = 7, SEQUENCE_REPOSITORIES = 3, SEQUENCE_TICKS = 40 };

struct sequence {
    struct stream stream;
    struct candidate *candidate;
    FILE *out;
    int64_t t_ms;
};

static int below(struct sequence *sequence, int n)
{
    return (int)(stream_uniform(&sequence->stream) * n);
}

static void tell(struct sequence *sequence, struct bench_input input)
{
    input.t_ms = sequence->t_ms;
    candidate_take(sequence->candidate, &input);
    if (sequence->out)
        lines_trace(sequence->out, &input, sequence->candidate);
}

static void tell_init(struct sequence *sequence)
{
    struct stream *stream = &sequence->stream;
    bool sensor = below(sequence, 6) > 0;
    struct step_world world = {.kappa = .05 + .4 * stream_uniform(stream),
                               .c_mid_s = 60 + below(sequence, 300),
                               .c_bp_s = below(sequence, 90),
                               .weight = {10, 2, 2, 1.5, 1},
                               .at_most_s = {0, 300, 300, 600, 1200},
                               .service_s = {90, 5 + below(sequence, 60), 60, 90, 90},
                               .setup_s = below(sequence, 60),
                               .grace_s = 120,
                               .late_s = 300,
                               .recall = sensor ? .2 + .8 * stream_uniform(stream) : 0,
                               .bp_mean_s = 60 + below(sequence, 200),
                               .sensor = sensor};
    tell(sequence, (struct bench_input){
                       .event = STEP_INIT, .agent = -1, .world = &world, .n_agents = SEQUENCE_AGENTS});
}

/* Most deadlines until the next input are kept, as a world would. */
static void let_pass(struct sequence *sequence)
{
    static const int64_t pauses_ms[] = {0,    0,     1,     120,   900,    1500,   2000,   5000,
                                        9000, 15000, 30000, 60000, 130000, 310000, 620000, 1300000};
    int64_t until_ms = sequence->t_ms + pauses_ms[below(sequence, 16)];
    for (int i = 0; i < SEQUENCE_TICKS && sequence->candidate->deadline_ms <= until_ms; i++) {
        if (below(sequence, 12) == 0)
            break;
        if (sequence->candidate->deadline_ms > sequence->t_ms)
            sequence->t_ms = sequence->candidate->deadline_ms;
        tell(sequence, (struct bench_input){.event = STEP_TICK, .agent = -1});
    }
    if (until_ms > sequence->t_ms)
        sequence->t_ms = until_ms;
}

static void tell_something(struct sequence *sequence)
{
    static const enum step_event events[] = {
        STEP_SESSION_START,
        STEP_SESSION_END,
        STEP_WORKING,
        STEP_WORKING,
        STEP_PROGRESS,
        STEP_PROGRESS,
        STEP_RESOLVED,
        STEP_RESOLVED,
        STEP_RESOLVED,
        STEP_PERMISSION,
        STEP_PERMISSION,
        STEP_PERMISSION,
        STEP_PERMISSION,
        STEP_FAILED,
        STEP_FAILED,
        STEP_QUESTION,
        STEP_QUESTION,
        STEP_PLAN,
        STEP_FINISHED,
        STEP_FINISHED,
        STEP_FINISHED,
        STEP_FINISHED,
        STEP_PERMISSION_NOTICE,
        STEP_PERMISSION_NOTICE,
        STEP_IDLE_NOTICE,
        STEP_BREAKPOINT,
        STEP_BREAKPOINT,
        STEP_ENGAGED,
        STEP_ENGAGED,
        STEP_AWAY,
        STEP_AWAY,
        STEP_TICK,
    };
    struct bench_input input = {
        .event = events[below(sequence, (int)(sizeof events / sizeof *events))],
        .agent = below(sequence, SEQUENCE_AGENTS),
        .repository = below(sequence, SEQUENCE_REPOSITORIES),
        .crit = below(sequence, 8) == 0,
        .sub = below(sequence, 4) == 0,
        .on = below(sequence, 2) == 0,
        .why = below(sequence, 2) ? ABSENCE_LUNCH : ABSENCE_MEETING,
    };
    input.crit = input.crit && (input.event == STEP_PERMISSION || input.event == STEP_FAILED);
    input.sub = input.sub && input.event == STEP_FINISHED;
    tell(sequence, input);
    if (below(sequence, 12) == 0) /* twice */
        tell(sequence, input);
}

/* One sequence, told to a policy; `out` may be NULL. */
static void play(const char *policy, uint64_t seed, FILE *out)
{
    struct sequence sequence = {.stream = stream_of(seed, 0, PURPOSE_NOISE),
                                .candidate = candidate_new(policy, NULL),
                                .out = out};
    if (!sequence.candidate)
        exit(2);
    int length = 20 + below(&sequence, 140);
    if (below(&sequence, 10) > 0)
        tell_init(&sequence);
    for (int k = 0; k < length; k++) {
        let_pass(&sequence);
        tell_something(&sequence);
    }
    candidate_free(sequence.candidate);
}

void sequences_trace(const struct sequences *sequences)
{
    for (uint64_t seed = sequences->first; seed < sequences->first + (uint64_t)sequences->n; seed++) {
        printf("= %" PRIu64 "\n", seed);
        play(sequences->policy, seed, stdout);
    }
}

/* What candidate_new() calls our policy under a configuration. */
static void name(const char *configuration, char *out, size_t size)
{
    snprintf(out, size, "quietbell%s%s", configuration ? ":" : "", configuration ? configuration : "");
}

long sequences_cut(const struct sequences *sequences, const char *configuration)
{
    char policy[512];
    struct one_core_counts counts = {0};
    name(configuration, policy, sizeof policy);
    for (uint64_t seed = sequences->first; seed < sequences->first + (uint64_t)sequences->n; seed++) {
        one_core_listen(configuration, seed, 6, NULL);
        play(policy, seed, NULL);
        one_core_end(&counts);
    }
    printf("%d sequences, %ld inputs of the core, %ld effects, cut and restored %ld times: %ld decisions and "
           "%ld deadlines differ\n",
           sequences->n, counts.inputs, counts.effects, counts.cuts, counts.decisions_differ,
           counts.deadlines_differ);
    return counts.decisions_differ + counts.deadlines_differ;
}

void sequences_journal(const struct sequences *sequences, const char *configuration, const char *path)
{
    char policy[512], file[512];
    struct one_core_counts counts = {0};
    name(configuration, policy, sizeof policy);
    for (uint64_t seed = sequences->first; seed < sequences->first + (uint64_t)sequences->n; seed++) {
        snprintf(file, sizeof file, "%s.%" PRIu64, path, seed);
        FILE *journal = fopen(file, "w");
        if (!journal) {
            perror(file);
            exit(2);
        }
        printf("= %" PRIu64 "\n", seed);
        one_core_listen(configuration, seed, 0, journal);
        play(policy, seed, NULL);
        one_core_end(&counts);
        fclose(journal);
    }
}
