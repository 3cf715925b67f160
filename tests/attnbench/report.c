/* report.c: see report.h. */
#include "report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

double block_figure(const struct block *block, const char *policy, enum figure figure,
                    const char *reference)
{
    double sum = 0;
    for (int w = 0; w < block->n; w++) {
        double value = measure_figures(&block->measures[w], policy).value[figure];
        if (reference)
            value /= measure_figures(&block->measures[w], reference).value[figure];
        sum += value;
    }
    return sum / block->n;
}

static const char *colour(const char *code)
{
    static int terminal = -1;
    if (terminal < 0)
        terminal = isatty(STDOUT_FILENO);
    return terminal ? code : "";
}

static void heading(const char *text)
{
    printf("\n%s%s%s\n", colour("\033[1m"), text, colour("\033[0m"));
}

/* ---- figures ----------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int decimals;
} columns[FIGURES] = {
    [F_INTERRUPTIONS_PER_H] = {"int/h", 2},
    [F_MIDDLE_PER_H] = {"mid/h", 2},
    [F_MIDDLE_SHARE] = {"mid%", 2},
    [F_POPUPS_PER_NEED] = {"pop/need", 3},
    [F_EMPTY_PER_POPUP] = {"empty", 4},
    [F_WASTED] = {"waste", 4},
    [F_WEIGHTED_BLOCKED_MIN] = {"wblk", 0},
    [F_LATE] = {"late", 4},
    [F_CRITICAL_LATE] = {"critL", 3},
    [F_SWITCHES] = {"sw/srv", 3},
    [F_NEEDS_PER_H] = {"need/h", 1},
    [F_LOST_MIN] = {"lost", 0},
    [F_OWN_MIN] = {"own", 0},
    [F_J] = {"J", 1},
};

void report_figures(const struct block *block, const char *title, const char *const *policies, int n)
{
    heading(title);
    printf("%-19s", "policy");
    for (int f = 0; f < FIGURES; f++)
        printf("%9s", columns[f].name);
    putchar('\n');
    for (int p = 0; p < n; p++) {
        bool ours = strncmp(policies[p], "quietbell", 9) == 0;
        printf("%s%-19s", ours ? colour("\033[36m") : "", policies[p]);
        for (int f = 0; f < FIGURES; f++)
            printf("%9.*f", columns[f].decimals,
                   block_figure(block, policies[p], (enum figure)f, NULL));
        printf("%s\n", ours ? colour("\033[0m") : "");
    }
}

void report_ratios(const struct block *block, const char *const *policies, int n)
{
    static const char *const references[] = {"naive",   "filter",   "am",
                                             "amtuned", "digest30", "oracle"};
    static const enum figure figures[] = {F_INTERRUPTIONS_PER_H, F_MIDDLE_PER_H,
                                          F_WEIGHTED_BLOCKED_MIN, F_J};
    heading("Ratios to others: interruptions | those in the middle | weighted waiting | J");
    printf("%-19s", "policy");
    for (int r = 0; r < LENGTH(references); r++)
        printf("  %-23s", references[r]);
    putchar('\n');
    for (int p = 0; p < n; p++) {
        printf("%-19s", policies[p]);
        for (int r = 0; r < LENGTH(references); r++) {
            char cell[64];
            int at = 0;
            for (int f = 0; f < LENGTH(figures); f++)
                at += snprintf(cell + at, sizeof cell - (size_t)at, "%s%.2f", f ? "|" : "",
                               block_figure(block, policies[p], figures[f], references[r]));
            printf("  %-23s", cell);
        }
        putchar('\n');
    }
}

/* ---- targets ----------------------------------------------------------------------------------------- */

static const struct target {
    const char *text;
    enum figure figure;
    const char *reference;  /* NULL: the figure itself */
    double gate, excellent; /* at most */
} targets[] = {
    {"interruptions an hour", F_INTERRUPTIONS_PER_H, NULL, 3.2, 2.7},
    {"  against naive", F_INTERRUPTIONS_PER_H, "naive", .18, .155},
    {"  against filter", F_INTERRUPTIONS_PER_H, "filter", .28, .245},
    {"  against am", F_INTERRUPTIONS_PER_H, "am", .385, .335},
    {"in the middle, against am", F_MIDDLE_PER_H, "am", .17, .13},
    {"share in the middle", F_MIDDLE_SHARE, NULL, .43, .36},
    {"popups a need", F_POPUPS_PER_NEED, NULL, .105, .086},
    {"empty popups", F_EMPTY_PER_POPUP, NULL, .002, .0005},
    {"engagements for nothing", F_WASTED, NULL, .004, .0005},
    {"waiting, against filter", F_WEIGHTED_BLOCKED_MIN, "filter", .97, .89},
    {"  against am", F_WEIGHTED_BLOCKED_MIN, "am", .68, .62},
    {"  against digest30", F_WEIGHTED_BLOCKED_MIN, "digest30", .37, .335},
    {"late", F_LATE, NULL, .005, .003},
    {"critical late", F_CRITICAL_LATE, NULL, .03, .012},
    {"switches a service", F_SWITCHES, NULL, .83, .79},
    {"J, against naive", F_J, "naive", .465, .415},
    {"  against filter", F_J, "filter", .525, .475},
    {"  against amtuned", F_J, "amtuned", .55, .505},
    {"  against am", F_J, "am", .45, .41},
    {"  against digest30", F_J, "digest30", .275, .252},
    {"  against oracle", F_J, "oracle", 1.18, 1.10},
};

static const struct target held_out[] = {
    {"J, against filter", F_J, "filter", 0, 0},
    {"  against amtuned", F_J, "amtuned", 0, 0},
    {"  against oracle", F_J, "oracle", 0, 0},
    {"late", F_LATE, NULL, 0, 0},
};

/* Prints how a value stands to its target; whether the gate was missed. */
static bool mark(const struct target *target, double value)
{
    if (value > target->gate)
        printf("%sMISSED%s", colour("\033[31m"), colour("\033[0m"));
    else if (target->excellent > 0 && value <= target->excellent)
        printf("%sexcellent%s", colour("\033[32m"), colour("\033[0m"));
    else
        printf("%spass%s", colour("\033[33m"), colour("\033[0m"));
    return value > target->gate;
}

static void print_spread(const struct block *blocks, int n, const char *policy,
                         const struct target *target)
{
    double sum = 0, low = 0, high = 0;
    for (int b = 0; b < n; b++) {
        double value = block_figure(&blocks[b], policy, target->figure, target->reference);
        sum += value;
        low = b == 0 || value < low ? value : low;
        high = b == 0 || value > high ? value : high;
    }
    printf("   %8.4f  %.4f … %.4f", sum / n, low, high);
}

int report_targets(const struct block *blocks, int n_blocks, const char *policy)
{
    int missed = 0;
    char title[256];
    snprintf(title, sizeof title, "Targets: %s, mean of the workloads, seeds %llu…%llu", policy,
             (unsigned long long)blocks[0].measures[0].first_seed,
             (unsigned long long)blocks[0].measures[0].first_seed +
                 (unsigned long long)blocks[0].measures[0].n_seeds - 1);
    heading(title);
    printf("%-28s %8s  %8s %9s   %8s  %s\n", "", "value", "gate", "excellent",
           n_blocks > 1 ? "mean" : "", n_blocks > 1 ? "of all blocks of seeds" : "");
    for (int i = 0; i < LENGTH(targets); i++) {
        const struct target *target = &targets[i];
        double value = block_figure(&blocks[0], policy, target->figure, target->reference);
        printf("%-28s %8.4f  %8g %9g", target->text, value, target->gate, target->excellent);
        if (n_blocks > 1)
            print_spread(blocks, n_blocks, policy, target);
        fputs("  ", stdout);
        missed += mark(target, value);
        putchar('\n');
    }
    printf("%d of %d gates missed\n", missed, LENGTH(targets));
    return missed;
}

void report_held_out(const struct block *block, const char *const *policies, int n)
{
    heading("Held-out workloads, which no number was chosen on (the gates of SPEC section 9 are for others: .46 .54 1.20 .010)");
    printf("%-28s %-12s %8s", "", "", "mean");
    for (int w = 0; w < block->n; w++)
        printf(" %8s", block->measures[w].workload.name);
    putchar('\n');
    for (int i = 0; i < LENGTH(held_out); i++) {
        const struct target *target = &held_out[i];
        for (int p = 0; p < n; p++) {
            printf("%-28s %-12s %8.4f", p ? "" : target->text, policies[p],
                   block_figure(block, policies[p], target->figure, target->reference));
            for (int w = 0; w < block->n; w++) {
                struct block one = {&block->measures[w], 1};
                printf(" %8.4f", block_figure(&one, policies[p], target->figure, target->reference));
            }
            putchar('\n');
        }
    }
}

void report_clean(const struct block *block, const char *const *policies, int n)
{
    heading("Clean hooks (nothing lost, doubled or unanswered): J against filter, late");
    for (int p = 0; p < n; p++)
        printf("%-28s %8.4f  %8.4f\n", policies[p], block_figure(block, policies[p], F_J, "filter"),
               block_figure(block, policies[p], F_LATE, NULL));
}

/* ---- JSON -------------------------------------------------------------------------------------------- */

static void json_days(const struct measure *measure, int p)
{
    printf("%s\"%s\":[", p ? "," : "", measure->policies[p]);
    for (int s = 0; s < measure->n_seeds; s++) {
        const struct metrics *day = &measure->days[p * measure->n_seeds + s];
        printf("%s\n{\"seed\":%llu", s ? "," : "",
               (unsigned long long)(measure->first_seed + (uint64_t)s));
        for (int m = 0; m < METRICS; m++)
            printf(",\"%s\":%.17g", metric_names[m], day->value[m]);
        putchar('}');
    }
    fputs("]", stdout);
}

void report_json(const struct block *block)
{
    for (int w = 0; w < block->n; w++) {
        printf("%s\"%s\":{", w ? ",\n" : "{", block->measures[w].workload.name);
        for (int p = 0; p < block->measures[w].n_policies; p++)
            json_days(&block->measures[w], p);
        fputs("}", stdout);
    }
    fputs("}\n", stdout);
}
