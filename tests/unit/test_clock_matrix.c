/* test_clock_matrix.c: the clock is set, the machine sleeps, the daemon is away; at every stage of a need's life, at
 * moments beside the edges of focuses and of summer time: no need is lost, none is told twice, each is told when it
 * should be, a focus is right to the minute, and nothing loops (P2, P4, P5). (time limit: 120 s)
 *
 *   moments × focus schedules × disturbances × stages of life = cells; their count is printed.
 *
 * What is right is said by an oracle that shares nothing with rules/: it walks from minute to minute, asks
 * localtime_r() for the label of the clock, and keeps the account of one need by the words of rules.md. */
#include "router/host.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* ---- the axes ----------------------------------------------------------------------------------------- */

static const char *const moments[] = {
    "2026-11-25 09:29:58", "2026-11-25 09:30:00", "2026-11-25 10:15:00", "2026-11-25 11:51:30",
    "2026-11-25 11:59:58", "2026-11-25 12:00:00", "2026-11-25 15:00:00", "2026-11-25 21:59:30",
    "2026-11-25 23:59:59", "2026-11-29 03:00:00", "2026-10-24 20:30:00", "2026-10-25 01:59:30",
    "2026-10-25 02:30:00", "2027-03-28 01:59:58", "2024-02-29 15:00:00", "2026-12-31 23:59:58"};
enum { MOMENTS = sizeof moments / sizeof *moments };

static const struct schedule {
    const char *name;
    struct span spans[2];
    int n;
} schedules[] = {{"no focus", {{0}}, 0},
                 {"09:30-12:00", {{0x7f, 570, 720}}, 1},
                 {"22:00-07:30", {{0x7f, 1320, 450}}, 1},
                 {"01:00-02:30 and Sun 23:30-02:00", {{0x7f, 60, 150}, {0x40, 1410, 120}}, 2}};
enum { SCHEDULES = sizeof schedules / sizeof *schedules };

enum how { SET, SLEEP, AWAY }; /* the clock is set; suspend; the daemon is stopped and started */
static const struct disturbance {
    const char *name;
    enum how how;
    int64_t ms;
} disturbances[] = {{"nothing", SET, 0},
                    {"clock +1 s", SET, SECOND},
                    {"clock -1 s", SET, -SECOND},
                    {"clock +1 h", SET, HOUR},
                    {"clock -1 h", SET, -HOUR},
                    {"clock +1 day", SET, DAY},
                    {"clock -1 day", SET, -DAY},
                    {"clock +1 year", SET, 365 * DAY},
                    {"clock -1 year", SET, -365 * DAY},
                    {"suspend 1 min", SLEEP, MINUTE},
                    {"suspend 10 min", SLEEP, 10 * MINUTE},
                    {"suspend 1 h", SLEEP, HOUR},
                    {"suspend 8 h", SLEEP, 8 * HOUR},
                    {"suspend 1 day", SLEEP, DAY},
                    {"suspend 3 days", SLEEP, 3 * DAY},
                    {"away 1 min", AWAY, MINUTE},
                    {"away 8 h", AWAY, 8 * HOUR},
                    {"away 3 days", AWAY, 3 * DAY},
                    {"away, clock -1 h", AWAY, -HOUR}};
enum { DISTURBANCES = sizeof disturbances / sizeof *disturbances };

enum life { IDLE, SETTLE, BATCH, BREAKPOINT, DIGEST, IN_FLIGHT, BY_HAND, SNOOZED, REPEAT, LIVES };
static const char *const life_names[LIVES] = {
    "idle",      "in settle",        "in a batch", "held for a breakpoint", "held to 12:00",
    "in flight", "in focus by hand", "snoozed",    "between repeats"};
/* How long before the disturbance the need is opened. */
static const int64_t opened_ago_ms[LIVES] = {
    [IDLE] = -5 * MINUTE,      [SETTLE] = SECOND,       [BATCH] = 4 * MINUTE,
    [BREAKPOINT] = 2 * MINUTE, [DIGEST] = 8 * MINUTE,   [IN_FLIGHT] = 3 * SECOND,
    [BY_HAND] = 10 * MINUTE,   [SNOOZED] = 20 * MINUTE, [REPEAT] = 4 * MINUTE};

enum { SETTLE_MS = 3000, BATCH_MS = 600000, AT_MOST_MS = 300000, REPEAT_MS = 600000, REPEATS = 3 };
enum { SNOOZE_MS = 1800000, HAND_MS = 2700000, NOON_MIN = 720, RINGS_MAX = 16 };
#define STEADY_MS (100 * DAY)  /* at the disturbance */
#define TAIL_MS (40 * HOUR)    /* so long after it the cell goes on */
#define EARLY_MS (30 * MINUTE) /* so long before it the cell begins */

/* ---- the time line -------------------------------------------------------------------------------------- */

struct cell {
    const char *moment;
    int64_t wall_ms; /* just before the disturbance */
    const struct schedule *schedule;
    const struct disturbance *disturbance;
    enum life life;
};

/* Steady time stands still when the clock is set, and while it was set back without us. */
static int64_t resumed_ms(const struct cell *cell)
{
    const struct disturbance *d = cell->disturbance;
    return STEADY_MS + (d->how == SET || d->ms < 0 ? 0 : d->ms);
}

static int64_t wall_at(const struct cell *cell, int64_t steady_ms, bool after)
{
    if (!after)
        return cell->wall_ms + steady_ms - STEADY_MS;
    return cell->wall_ms + cell->disturbance->ms + steady_ms - resumed_ms(cell);
}

static struct tm label(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    assert_non_null(localtime_r(&seconds, &tm));
    return tm;
}

static bool label_on(const struct schedule *schedule, int64_t wall_ms)
{
    struct tm tm = label(wall_ms);
    int minute = tm.tm_hour * 60 + tm.tm_min, today = (tm.tm_wday + 6) % 7;
    for (int i = 0; i < schedule->n; i++) {
        const struct span *span = &schedule->spans[i];
        bool begun = span->days >> today & 1 && minute >= span->from_min;
        if (span->from_min < span->to_min
                ? begun && minute < span->to_min
                : begun || (span->days >> ((today + 6) % 7) & 1 && minute < span->to_min))
            return true;
    }
    return false;
}

/* The first minute that is called 12:00, after a moment. */
static int64_t next_noon(int64_t wall_ms)
{
    for (int64_t at = wall_ms / MINUTE * MINUTE + MINUTE;; at += MINUTE) {
        struct tm tm = label(at);
        if (tm.tm_hour * 60 + tm.tm_min == NOON_MIN)
            return at;
        if (tm.tm_hour < 11) /* no need to ask each minute of a night */
            at += 45 * MINUTE;
    }
}

/* ---- the oracle ----------------------------------------------------------------------------------------- */

struct oracle {
    int64_t opened_ms, walled_ms, snooze_ms, hand_ms; /* steady; of snooze and hand the ends */
    int64_t rings[RINGS_MAX];
    int n_rings;
    bool walled, told, was_snoozed;
    int64_t noon_ms; /* wall; what it is held to */
    int64_t last_ms; /* the look before */
    int edges;
};

static bool is_walled(const struct cell *cell, const struct oracle *oracle, int64_t at, int64_t wall_ms)
{
    if (cell->life == BY_HAND && at >= STEADY_MS - 20 * MINUTE && at < oracle->hand_ms)
        return true;
    return label_on(cell->schedule, wall_ms);
}

static void ring(struct oracle *oracle, int64_t at)
{
    oracle->told = true;
    if (oracle->n_rings < RINGS_MAX)
        oracle->rings[oracle->n_rings++] = at;
}

/* One look at one moment: is it told now? */
static void oracle_look(const struct cell *cell, struct oracle *oracle, int64_t at, int64_t wall_ms)
{
    bool walled = is_walled(cell, oracle, at, wall_ms);
    bool settled = at >= oracle->opened_ms + SETTLE_MS;
    if (oracle->walled && at > oracle->opened_ms)
        oracle->walled_ms +=
            at - (oracle->last_ms > oracle->opened_ms ? oracle->last_ms : oracle->opened_ms);
    bool released = oracle->walled && !walled;
    oracle->edges += walled != oracle->walled;
    oracle->walled = walled;
    oracle->last_ms = at;
    if (at < oracle->opened_ms)
        return;
    bool snoozed = cell->life == SNOOZED && at >= STEADY_MS - 10 * MINUTE && at < oracle->snooze_ms;
    if (snoozed && !oracle->was_snoozed)
        oracle->told = false;
    released |= oracle->was_snoozed && !snoozed && !walled;
    oracle->was_snoozed = snoozed;
    if (cell->life == DIGEST && settled && !oracle->noon_ms)
        oracle->noon_ms = next_noon(wall_ms - (at - oracle->opened_ms - SETTLE_MS));
    if (!settled || walled || snoozed)
        return;
    int64_t waited = at - oracle->opened_ms - oracle->walled_ms;
    if (oracle->told) {
        if (cell->life == REPEAT && oracle->n_rings <= REPEATS &&
            at >= oracle->rings[oracle->n_rings - 1] + REPEAT_MS)
            ring(oracle, at);
        return;
    }
    bool due = cell->life == BATCH        ? waited >= BATCH_MS || released
               : cell->life == BREAKPOINT ? waited >= AT_MOST_MS || released
               : cell->life == DIGEST     ? wall_ms >= oracle->noon_ms
                                          : true;
    if (due)
        ring(oracle, at);
}

/* The next moment at which something may be otherwise. */
static int64_t oracle_next(const struct cell *cell, const struct oracle *oracle, int64_t at, bool after)
{
    int64_t wall_ms = wall_at(cell, at, after), next = at + MINUTE - (wall_ms % MINUTE);
    const int64_t others[] = {oracle->opened_ms,
                              oracle->opened_ms + SETTLE_MS,
                              oracle->opened_ms + oracle->walled_ms + BATCH_MS,
                              oracle->opened_ms + oracle->walled_ms + AT_MOST_MS,
                              oracle->snooze_ms,
                              oracle->hand_ms,
                              STEADY_MS - 20 * MINUTE,
                              STEADY_MS - 10 * MINUTE,
                              oracle->n_rings ? oracle->rings[oracle->n_rings - 1] + REPEAT_MS : 0};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (others[i] > at && others[i] < next)
            next = others[i];
    }
    return next;
}

/* A digest's time is what the clock will next call so. */
static void oracle_clock_set(const struct cell *cell, struct oracle *oracle)
{
    int64_t wall_ms = wall_at(cell, resumed_ms(cell), true);
    if (oracle->noon_ms > wall_ms && next_noon(wall_ms) < oracle->noon_ms)
        oracle->noon_ms = next_noon(wall_ms);
}

/* seen(arg, steady, walled) is called where a wall rises or falls. */
static void oracle_play(const struct cell *cell, struct oracle *oracle)
{
    bool after = false;
    int64_t at = STEADY_MS - EARLY_MS;
    oracle->opened_ms =
        cell->life == IDLE ? resumed_ms(cell) + 5 * MINUTE : STEADY_MS - opened_ago_ms[cell->life];
    oracle->snooze_ms = STEADY_MS - 10 * MINUTE + SNOOZE_MS;
    oracle->hand_ms = STEADY_MS - 20 * MINUTE + HAND_MS;
    oracle->walled = is_walled(cell, oracle, at, wall_at(cell, at, false));
    oracle->last_ms = at;
    while (at <= resumed_ms(cell) + TAIL_MS) {
        oracle_look(cell, oracle, at, wall_at(cell, at, after));
        int64_t next = oracle_next(cell, oracle, at, after);
        if (!after && next >= STEADY_MS) {
            if (at < STEADY_MS && next == STEADY_MS) /* inputs and deadlines of that very moment come before */
                oracle_look(cell, oracle, STEADY_MS, wall_at(cell, STEADY_MS, false));
            after = true;
            next = resumed_ms(cell);
            oracle_clock_set(cell, oracle);
        }
        at = next;
    }
}

/* ---- the cell in the core -------------------------------------------------------------------------------- */

static struct policy *make_policy(void *arg)
{
    const struct cell *cell = arg;
    struct policy *policy = plain_policy();
    policy_focus(policy, "schedule", cell->schedule->spans, cell->schedule->n);
    policy_focus(policy, "dnd", NULL, 0);
    struct rule *rule = policy_rule(policy, "everything");
    rule->sets = 1u << SET_SETTLE | 1u << SET_SLOT | 1u << SET_GROUP_BY | 1u << SET_AT_MOST |
                 1u << SET_EXPIRE;
    rule->expire_ms = 30 * DAY;
    rule->settle_ms = SETTLE_MS;
    rule->at_most_ms = AT_MOST_MS;
    rule->group_by = GROUP_SESSION;
    rule->slot = SLOT_NEVER;
    if (cell->life == BATCH) {
        rule->slot = SLOT_BATCH;
        rule->batch_ms = BATCH_MS;
    } else if (cell->life == BREAKPOINT) {
        rule->slot = SLOT_BREAKPOINT;
    } else if (cell->life == DIGEST) {
        rule->slot = SLOT_DIGEST;
        rule->times_min[0] = NOON_MIN;
        rule->n_times = 1;
    } else if (cell->life == REPEAT) {
        rule->sets |= 1u << SET_REPEAT;
        rule->repeat_ms = REPEAT_MS;
        rule->repeat_times = REPEATS;
    }
    return policy;
}

static int n_wrong;

/* Times count from the disturbance. */
static void wrong(const struct cell *cell, const char *what, int64_t got_ms, int64_t expected_ms)
{
    if (n_wrong++ < 20)
        print_error("%s, %s, %s, %s: %s (at %+.3f s, expected %+.3f s)\n", cell->moment,
                    cell->schedule->name, cell->disturbance->name, life_names[cell->life], what,
                    (double)(got_ms - STEADY_MS) / 1000, (double)(expected_ms - STEADY_MS) / 1000);
}

static void agent_says(struct stage *stage, const char *session, bool opens)
{
    stage_event(stage, &(struct event){.agent = "claude-code",
                                       .session = session,
                                       .state = opens ? STATE_NONE : STATE_WORKING,
                                       .opens = opens ? OPENS_REASON : OPENS_NOTHING,
                                       .kind = KIND_PERMISSION,
                                       .title = session});
}

static void disturb(const struct cell *cell, struct stage *stage)
{
    const struct disturbance *d = cell->disturbance;
    if (d->how == AWAY)
        stage_stop(stage);
    stage->now.steady_ms = resumed_ms(cell);
    stage->now.wall_ms = wall_at(cell, resumed_ms(cell), true);
    host_zone(&stage->now);
    if (d->how == AWAY)
        stage_start(stage, NULL, 0, NULL, 0);
    else
        stage_step(stage, (struct input){.type = INPUT_TICK}); /* the timer tells of it */
}

/* What the person and the receiver do, in its order; the need itself is opened last. */
static void before(const struct cell *cell, struct stage *stage)
{
    if (cell->life == BREAKPOINT) { /* with many at work something is held at all */
        const char *const others[] = {"o1", "o2", "o3", "o4", "o5"};
        for (int i = 0; i < 5; i++)
            agent_says(stage, others[i], false);
    }
    if (cell->life == BY_HAND) {
        stage_to(stage, STEADY_MS - 20 * MINUTE, true);
        stage_command(stage,
                      (struct command){.type = COMMAND_FOCUS_ON, .focus = "dnd", .for_ms = HAND_MS});
    }
    if (cell->life == IN_FLIGHT)
        stage_manner(stage, "popup", MANNER_HANGS);
    if (cell->life == IDLE)
        return;
    stage_to(stage, STEADY_MS - opened_ago_ms[cell->life], true);
    agent_says(stage, "the-one", true);
    if (cell->life == SNOOZED) {
        stage_to(stage, STEADY_MS - 10 * MINUTE, true);
        stage_command(stage, (struct command){.type = COMMAND_SNOOZE,
                                              .need_id = stage_need(stage, "the-one")->record.id,
                                              .for_ms = SNOOZE_MS});
    }
}

/* The answer of a receiver comes late: what it was handed has arrived. */
static void arrive(struct stage *stage)
{
    const struct alert *alert = rules_alert_next(stage->rules, NULL);
    stage->receivers[0].manner = MANNER_DELIVERS;
    if (!alert || !alert->handed)
        return;
    stage_step(stage, (struct input){.type = INPUT_OUTCOME,
                                     .outcome = {.type = OUTCOME_DELIVERED,
                                                 .receiver = "popup",
                                                 .alert_id = alert->record.id,
                                                 .version = alert->handed}});
}

/* After the disturbance: the focus is seen at each edge, and a millisecond before. */
static void run_on(const struct cell *cell, struct stage *stage, int64_t end)
{
    bool was = label_on(cell->schedule, stage->now.wall_ms);
    const struct focus *focus;
    for (int64_t at = stage->now.steady_ms; at <= end;) {
        int64_t wall_ms = wall_at(cell, at, true);
        bool on = label_on(cell->schedule, wall_ms);
        if (on != was) {
            stage_to(stage, at - 1, true);
            focus = rules_focus_next(stage->rules, NULL);
            if (focus->on != was)
                wrong(cell, "the focus turned too early", at - 1, at);
            stage_to(stage, at, true);
        }
        focus = rules_focus_next(stage->rules, NULL);
        if (on != was && focus->on != on)
            wrong(cell, "the focus did not turn", at, at);
        was = on;
        at += MINUTE - wall_ms % MINUTE;
    }
    stage_to(stage, end, true);
}

static void compare(const struct cell *cell, const struct stage *stage, const struct oracle *oracle)
{
    int n = 0;
    for (int i = 0; i < stage->n_happened; i++) {
        const struct happening *happening = &stage->happened[i];
        if (happening->what != HAPPENED_ALERT || !happening->audible)
            continue;
        if (n == oracle->n_rings)
            return wrong(cell, "it is told once too often", happening->steady_ms, 0);
        bool early = cell->life == BREAKPOINT && happening->steady_ms < oracle->rings[n] &&
                     happening->steady_ms >= oracle->opened_ms + SETTLE_MS;
        if (!early && happening->steady_ms != oracle->rings[n])
            return wrong(cell, "it is told at another time", happening->steady_ms, oracle->rings[n]);
        n++;
    }
    if (n < oracle->n_rings)
        wrong(cell, "it is never told", 0, oracle->rings[n]);
}

static void play(const struct cell *cell)
{
    struct oracle oracle = {0};
    struct stage stage;
    struct moment now = {.steady_ms = STEADY_MS - EARLY_MS};
    oracle_play(cell, &oracle);
    now.wall_ms = wall_at(cell, now.steady_ms, false);
    host_zone(&now);
    stage_init(&stage, &now, make_policy, (void *)cell);
    stage.zone = host_zone;
    before(cell, &stage);
    stage_to(&stage, STEADY_MS, true);
    disturb(cell, &stage);
    if (label_on(cell->schedule, stage.now.wall_ms) != rules_focus_next(stage.rules, NULL)->on)
        wrong(cell, "the focus does not follow", stage.now.steady_ms, stage.now.steady_ms);
    run_on(cell, &stage, resumed_ms(cell) + 5 * MINUTE);
    if (cell->life == IDLE)
        agent_says(&stage, "the-one", true);
    if (cell->life == IN_FLIGHT)
        arrive(&stage);
    run_on(cell, &stage, resumed_ms(cell) + TAIL_MS);
    if (!oracle.n_rings)
        wrong(cell, "the oracle tells nothing", 0, 0);
    compare(cell, &stage, &oracle);
    if (stage.ticks > oracle.edges + 24)
        wrong(cell, "it looks too often", stage.ticks, oracle.edges);
    stage_release(&stage);
}

static int64_t wall_of(const char *text)
{
    struct tm tm = {.tm_isdst = -1};
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
    return (int64_t)mktime(&tm) * 1000;
}

static void every_cell(void **state)
{
    int cells = 0;
    (void)state;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    for (int m = 0; m < MOMENTS; m++) {
        for (int s = 0; s < SCHEDULES; s++) {
            for (int d = 0; d < DISTURBANCES; d++) {
                for (int life = 0; life < LIVES; life++) {
                    struct cell cell = {moments[m], wall_of(moments[m]), &schedules[s],
                                        &disturbances[d], (enum life)life};
                    play(&cell);
                    cells++;
                }
            }
        }
    }
    assert_int_equal(n_wrong, 0);
    printf("# %d moments, %d schedules, %d disturbances, %d stages of life: %d cells\n", MOMENTS,
           SCHEDULES, DISTURBANCES, LIVES, cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_cell)};
    return cmocka_run_group_tests_name("clock_matrix", tests, NULL, NULL);
}
