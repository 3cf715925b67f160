/* attnbench.c: measures how well a policy protects a person's attention, on thousands of simulated days.
 *
 *     attnbench FOLDER                     the report: the workloads and seeds of that folder (make attnbench)
 *     attnbench FOLDER OPTION...           some of it
 *
 * The way of a day: draws.c makes what will happen (the same for every policy), world.c and human.c let it happen,
 * a candidate (simple.c, deferral.c, oracle.c; our own: product.c, through router/step.h; any program: process.c)
 * is told what hooks and sensors say and answers with alerts, metrics.c counts. measure.c runs many days, report.c
 * prints. Beside that, sequences.c and one_core.c compare the ways that lead to our rules: this program's core,
 * `quietbell step`, `quietbell replay`, and a core that is cut and restored. SPEC stands for AttnBench's specification,
 * version 2; the Python reference gives the very same numbers. */
#include "report.h"
#include "sequences.h"

#include <getopt.h>
#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS_MAX = 8, WORKLOADS_MAX = 16 };

static const char *const everyone[] = {
    "quietbell",  "quietbell_nosensor",
    "naive",      "filter",
    "oneper",     "urgency",
    "board",      "gcmu",
    "am",         "amtuned",
    "digest15",   "digest30",
    "digest60",   "bd",
    "bd_noboard", "bd_nosensor",
    "bd2",        "bd2_nosensor",
    "silent",     "oracle",
};
static const char *const compared[] = {"quietbell", "naive",    "filter", "am",
                                       "amtuned",   "digest30", "oracle"};
static const char *const held_out[] = {"quietbell", "bd2", "filter", "amtuned", "oracle"};
static const char *const clean[] = {"quietbell", "bd2", "bd", "filter"};

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

static const char usage[] =
    "attnbench FOLDER [--workload NAME|FILE]... [--policy NAME]... [--seeds N] [--first SEED]\n"
    "          [--jobs N] [--kappa X] [--cost-scale X] [--no-sensor] [--clean] [--quick]\n"
    "          [--gates | --json | --trace | --draws |\n"
    "          --sequences [--cut | --journal PATH]]\n"
    "Without --workload and --policy: the whole report. --gates: only the targets of quietbell (or of --policy),\n"
    "exit status 1 where one is missed. --json: every day with all its metrics. --trace: the protocol's lines of\n"
    "each day. --draws: what is drawn. --sequences: lines of random inputs, one sequence a seed (--cut: beside a core\n"
    "that is cut and restored; --journal: for replay, into PATH.SEED). --quick: 6 seeds.\n"
    "Policies: quietbell quietbell:CONFIGURATION exec:COMMAND naive filter oneper urgency board gcmu am amtuned\n"
    "          digestMINUTES bd bd2 bd_noboard silent oracle; NAME_nosensor\n";

struct bench {
    const char *folder;
    const char *workloads[WORKLOADS_MAX], *policies[POLICIES_MAX];
    int n_workloads, n_policies;
    struct {
        uint64_t first;
        int n;
    } seeds[BLOCKS_MAX];
    int n_seeds;
    struct world_options options;
    int jobs;
    bool clean; /* hooks */
    const char *journal;
};

static struct {
    int blind, clean, json, trace, gates, draws, sequences, cut, quick;
} flags;

/* ---- seeds and workloads ----------------------------------------------------------------------------- */

static int read_seeds(struct bench *bench)
{
    char path[512];
    json_error_t error;
    size_t i;
    json_t *block;
    snprintf(path, sizeof path, "%s/seeds.json", bench->folder);
    json_t *file = json_load_file(path, 0, &error);
    if (!file) {
        fprintf(stderr, "attnbench: %s:%d: %s\n", path, error.line, error.text);
        return -1;
    }
    json_array_foreach(json_object_get(file, "blocks"), i, block)
    {
        if (bench->n_seeds == BLOCKS_MAX)
            break;
        bench->seeds[bench->n_seeds].first =
            (uint64_t)json_integer_value(json_object_get(block, "first"));
        bench->seeds[bench->n_seeds++].n = (int)json_integer_value(json_object_get(block, "n"));
    }
    json_decref(file);
    return bench->n_seeds > 0 ? 0 : -1;
}

static int load(const struct bench *bench, const char *name, struct workload *out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/workloads/%s.json", bench->folder, name);
    if (access(path, R_OK) != 0)
        snprintf(path, sizeof path, "%s/workloads/held-out/%s.json", bench->folder, name);
    if (access(path, R_OK) != 0)
        snprintf(path, sizeof path, "%s", name);
    int rc = workload_read(path, out);
    if (rc == 0 && bench->clean)
        out->noise.lost = out->noise.duplicate = out->noise.resolved_lost = 0;
    return rc;
}

/* Measures some workloads with a block of seeds. */
static int run(const struct bench *bench, const char *const *workloads, int n_workloads,
               const char *const *policies, int n_policies, int seeds, struct block *out)
{
    out->n = 0;
    out->measures = calloc((size_t)n_workloads, sizeof *out->measures);
    if (!out->measures)
        abort();
    for (int w = 0; w < n_workloads; w++) {
        struct measure *measure = &out->measures[out->n++];
        *measure = (struct measure){.policies = policies,
                                    .n_policies = n_policies,
                                    .first_seed = bench->seeds[seeds].first,
                                    .n_seeds = bench->seeds[seeds].n,
                                    .options = bench->options,
                                    .jobs = bench->jobs};
        if (load(bench, workloads[w], &measure->workload) != 0 || measure_run(measure) != 0)
            return -1;
    }
    return 0;
}

static void release(struct block *block)
{
    for (int w = 0; w < block->n; w++)
        measure_release(&block->measures[w]);
    free(block->measures);
    *block = (struct block){0};
}

/* ---- the report -------------------------------------------------------------------------------------- */

static const char *const core[] = {"W1", "W2", "W3"};

static int report_core(struct bench *bench)
{
    struct block blocks[BLOCKS_MAX] = {{0}};
    int missed = 0;
    for (int b = 0; b < bench->n_seeds; b++) {
        bool first = b == 0 && !flags.gates;
        if (run(bench, core, LENGTH(core), first ? everyone : compared,
                first ? LENGTH(everyone) : LENGTH(compared), b, &blocks[b]) != 0)
            return -1;
    }
    if (!flags.gates) {
        report_figures(&blocks[0], "Mean of W1, W2, W3", everyone, LENGTH(everyone));
        report_ratios(&blocks[0], everyone, LENGTH(everyone));
    }
    missed = report_targets(blocks, bench->n_seeds, "quietbell");
    for (int b = 0; b < bench->n_seeds; b++)
        release(&blocks[b]);
    return missed;
}

static int report_more(struct bench *bench)
{
    struct block block;
    glob_t found;
    char pattern[512];
    bench->clean = true;
    if (run(bench, core, LENGTH(core), clean, LENGTH(clean), 0, &block) != 0)
        return -1;
    report_clean(&block, clean, LENGTH(clean));
    release(&block);
    bench->clean = false;
    snprintf(pattern, sizeof pattern, "%s/workloads/held-out/*.json", bench->folder);
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    int rc = run(bench, (const char *const *)found.gl_pathv, (int)found.gl_pathc, held_out,
                 LENGTH(held_out), 0, &block);
    if (rc == 0)
        report_held_out(&block, held_out, 2);
    release(&block);
    globfree(&found);
    return rc;
}

static int report(struct bench *bench)
{
    printf(
        "AttnBench: days of one person with several agents. quietbell is the preset `default`, judged by the\n"
        "daemon's own rules. The columns: SPEC section 8; J: minutes lost a day, the less the better.\n");
    int missed = report_core(bench), more = 0;
    if (missed >= 0 && !flags.gates)
        more = report_more(bench);
    return missed < 0 || more < 0 ? 2 : missed > 0;
}

static int show_sequences(const struct bench *bench, const char *policy)
{
    struct sequences sequences = {policy, bench->seeds[0].first, bench->seeds[0].n};
    const char *configuration = strncmp(policy, "quietbell:", 10) == 0 ? policy + 10 : NULL;
    if (flags.cut)
        return sequences_cut(&sequences, configuration) > 0;
    if (bench->journal)
        sequences_journal(&sequences, configuration, bench->journal);
    else
        sequences_trace(&sequences);
    return 0;
}

static int show(const struct bench *bench)
{
    struct workload workload;
    const char *policy = bench->n_policies ? bench->policies[0] : "quietbell";
    if (flags.sequences)
        return show_sequences(bench, policy);
    if (load(bench, bench->n_workloads ? bench->workloads[0] : "W1", &workload) != 0)
        return 2;
    draws_show(&workload, bench->seeds[0].first, 8, 30);
    return 0;
}

/* What was asked for by name. */
static int some(struct bench *bench)
{
    struct block block;
    int n = bench->n_workloads ? bench->n_workloads : LENGTH(core);
    const char *const *workloads = bench->n_workloads ? bench->workloads : core;
    const char *const *policies = bench->n_policies ? bench->policies : everyone;
    int n_policies = bench->n_policies ? bench->n_policies : LENGTH(everyone);
    if (flags.trace)
        bench->options.trace = stdout;
    if (run(bench, workloads, n, policies, n_policies, 0, &block) != 0)
        return 2;
    for (int w = 0; w < n && !flags.json && !flags.trace; w++) {
        struct block one = {&block.measures[w], 1};
        report_figures(&one, block.measures[w].workload.name, policies, n_policies);
    }
    if (flags.json)
        report_json(&block);
    else if (n > 1 && !flags.trace)
        report_figures(&block, "mean", policies, n_policies);
    release(&block);
    return 0;
}

/* ---- options ----------------------------------------------------------------------------------------- */

enum flag {
    OPTION_FLAG, /* getopt_long() has set it */
    OPTION_WORKLOAD,
    OPTION_POLICY,
    OPTION_SEEDS,
    OPTION_FIRST,
    OPTION_JOBS,
    OPTION_KAPPA,
    OPTION_COST,
    OPTION_JOURNAL
};

static const struct option options[] = {
    {"workload", required_argument, NULL, OPTION_WORKLOAD},
    {"policy", required_argument, NULL, OPTION_POLICY},
    {"seeds", required_argument, NULL, OPTION_SEEDS},
    {"first", required_argument, NULL, OPTION_FIRST},
    {"jobs", required_argument, NULL, OPTION_JOBS},
    {"kappa", required_argument, NULL, OPTION_KAPPA},
    {"cost-scale", required_argument, NULL, OPTION_COST},
    {"journal", required_argument, NULL, OPTION_JOURNAL},
    {"no-sensor", no_argument, &flags.blind, 1},
    {"clean", no_argument, &flags.clean, 1},
    {"json", no_argument, &flags.json, 1},
    {"trace", no_argument, &flags.trace, 1},
    {"gates", no_argument, &flags.gates, 1},
    {"draws", no_argument, &flags.draws, 1},
    {"sequences", no_argument, &flags.sequences, 1},
    {"cut", no_argument, &flags.cut, 1},
    {"quick", no_argument, &flags.quick, 1},
    {NULL, 0, NULL, 0},
};

static void one_block(struct bench *bench, int n)
{
    bench->n_seeds = 1;
    bench->seeds[0].n = n;
}

static bool take_option(struct bench *bench, int option, const char *value)
{
    switch (option) {
    case OPTION_FLAG:
        return true;
    case OPTION_WORKLOAD:
        if (bench->n_workloads == WORKLOADS_MAX)
            return false;
        bench->workloads[bench->n_workloads++] = value;
        return true;
    case OPTION_POLICY:
        if (bench->n_policies == POLICIES_MAX)
            return false;
        bench->policies[bench->n_policies++] = value;
        return true;
    case OPTION_SEEDS:
        one_block(bench, atoi(value));
        return atoi(value) > 0;
    case OPTION_FIRST:
        one_block(bench, bench->seeds[0].n);
        bench->seeds[0].first = strtoull(value, NULL, 10);
        return true;
    case OPTION_JOBS:
        bench->jobs = atoi(value);
        return bench->jobs > 0;
    case OPTION_KAPPA:
        bench->options.kappa = atof(value);
        return true;
    case OPTION_COST:
        bench->options.cost_scale = atof(value);
        return true;
    case OPTION_JOURNAL:
        bench->journal = value;
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct bench bench = {.options = {.sensor = true, .kappa = -1, .cost_scale = 1}, .jobs = 2};
    int option;
    bench.folder = argc > 1 ? argv[1] : "";
    if (argc < 2 || argv[1][0] == '-' || read_seeds(&bench) != 0) {
        fputs(usage, stderr);
        return 2;
    }
    optind = 2;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (!take_option(&bench, option, optarg)) {
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return 2;
    }
    bench.options.sensor = !flags.blind;
    bench.clean = flags.clean;
    if (flags.quick)
        one_block(&bench, 6);
    if (flags.draws || flags.sequences)
        return show(&bench);
    bool named = bench.n_workloads || bench.n_policies || flags.json || flags.trace;
    return named ? some(&bench) : report(&bench);
}
