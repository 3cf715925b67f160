/* test_zones.c: every zone of the zone database × every change of its offset 2020–2037 × four focus schedules: a
 * focus is right to the minute, no need is lost, none is told twice, nothing loops (P4, P5). (time limit: 180 s)
 *
 * The core is driven as the daemon drives it: host_zone() of router/host.c reads the zone, deadlines are the core's.
 * What is right is said by an oracle that shares nothing with them: the changes are found by asking localtime_r()
 * hour by hour, and around each, minute by minute, the labels of the clock say whether the focus is on.
 *
 * Without FULL=1 every eleventh zone is taken, with it all (make matrix). The count of cells is printed. */
#include "router/host.h"
#include "rules/text.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define FROM_MS INT64_C(1577836800000)  /* 2020-01-01 */
#define UNTIL_MS INT64_C(2145916800000) /* 2038-01-01 */

enum { ZONES_MAX = 1024, CHANGES_MAX = 256, NEEDS = 18, SAMPLE = 11 };
enum { BEFORE_MIN = 26 * 60, WINDOW_MIN = 54 * 60, APART_MIN = 113, SETTLE_MS = 3000 };
enum { DAILY = 0x7f, WORK = 0x1f, WEEKEND = 0x60 };

static char zones[ZONES_MAX][48];
static int n_zones, n_links;

static const struct schedule {
    const char *name;
    struct span span;
} schedules[] = {{"Mon-Fri 09:30-12:00", {WORK, 9 * 60 + 30, 12 * 60}},
                 {"22:00-07:30", {DAILY, 22 * 60, 7 * 60 + 30}},
                 {"01:00-02:30", {DAILY, 60, 2 * 60 + 30}},
                 {"Sat,Sun 23:30-02:00", {WEEKEND, 23 * 60 + 30, 2 * 60}}};
enum { SCHEDULES = sizeof schedules / sizeof *schedules };

static bool full(void)
{
    const char *word = getenv("FULL");
    return word && *word;
}

static void use_zone(const char *name)
{
    setenv("TZ", name, 1);
    tzset();
}

/* ---- the oracle: labels only ------------------------------------------------------------------------ */

static struct tm label(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    assert_non_null(localtime_r(&seconds, &tm));
    return tm;
}

static bool label_on(const struct span *span, const struct tm *tm)
{
    int minute = tm->tm_hour * 60 + tm->tm_min;
    int today = (tm->tm_wday + 6) % 7, yesterday = (today + 6) % 7; /* Monday is 0 */
    if (span->from_min < span->to_min)
        return span->days >> today & 1 && minute >= span->from_min && minute < span->to_min;
    return (span->days >> today & 1 && minute >= span->from_min) ||
           (span->days >> yesterday & 1 && minute < span->to_min);
}

/* Every change of the offset, to the second. */
static int changes_of_zone(int64_t changes[CHANGES_MAX])
{
    int n = 0;
    long was = label(FROM_MS).tm_gmtoff;
    for (int64_t at = FROM_MS; at < UNTIL_MS; at += HOUR) {
        long is = label(at + HOUR).tm_gmtoff;
        if (is == was)
            continue;
        int64_t low = at, high = at + HOUR; /* the first second with another offset */
        while (high - low > 1000) {
            int64_t middle = low + (high - low) / 2000 * 1000;
            if (label(middle).tm_gmtoff == was)
                low = middle;
            else
                high = middle;
        }
        assert_true(n < CHANGES_MAX);
        changes[n++] = high;
        was = is;
    }
    return n;
}

/* ---- a cell ----------------------------------------------------------------------------------------- */

struct cell {
    const char *zone;
    const struct schedule *schedule;
    int64_t begin_ms; /* wall, a full minute */
    bool on[WINDOW_MIN + 1];
    int64_t posted_ms[NEEDS], told_ms[NEEDS];
    int alert[NEEDS];
};

static struct policy *one_focus(void *arg)
{
    const struct cell *cell = arg;
    struct policy *policy = plain_policy();
    policy_focus(policy, "focus", &cell->schedule->span, 1);
    struct rule *rule = policy_rule(policy, "everything");
    rule->sets = 1u << SET_SETTLE | 1u << SET_SLOT | 1u << SET_GROUP_BY;
    rule->settle_ms = SETTLE_MS;
    rule->slot = SLOT_NEVER;
    rule->group_by = GROUP_SESSION;
    return policy;
}

static void wrong(const struct cell *cell, int64_t wall_ms, const char *what)
{
    struct tm tm = label(wall_ms);
    char text[40];
    strftime(text, sizeof text, "%F %T %z", &tm);
    fail_msg("%s, %s, at %s: %s", cell->zone, cell->schedule->name, text, what);
}

static bool cell_on(const struct cell *cell, int64_t wall_ms)
{
    return cell->on[(wall_ms - cell->begin_ms) / MINUTE];
}

/* When a need is to be told: settled, and the focus off; at its end to the second. */
static int64_t expected_ms(const struct cell *cell, int64_t posted_ms)
{
    int64_t at = posted_ms + SETTLE_MS;
    while (cell_on(cell, at))
        at += MINUTE - (at - cell->begin_ms) % MINUTE;
    return at;
}

/* What was told: each need once, in one alert, and nothing rings without somebody new. */
static void take_happenings(struct cell *cell, struct stage *stage)
{
    for (; stage->n_read < stage->n_happened; stage->n_read++) {
        const struct happening *happening = &stage->happened[stage->n_read];
        bool is_new = false;
        if (happening->what != HAPPENED_ALERT)
            continue;
        for (int i = 0; i < happening->n_needs; i++) {
            int need = atoi(happening->needs[i].session + 1);
            if (!cell->told_ms[need]) {
                cell->told_ms[need] = happening->wall_ms;
                cell->alert[need] = happening->alert;
                is_new = true;
            } else if (cell->alert[need] != happening->alert) {
                wrong(cell, happening->wall_ms, "a need is told twice");
            }
        }
        if (happening->audible && !is_new)
            wrong(cell, happening->wall_ms, "it rings for nobody new");
    }
}

/* At every minute's beginning, and just before: is the focus as the labels say? */
static void see_focus(const struct cell *cell, struct stage *stage, int minute)
{
    const struct focus *focus = rules_focus_next(stage->rules, NULL);
    if (focus->on != cell->on[minute])
        wrong(cell, stage->now.wall_ms, focus->on ? "the focus is on" : "the focus is off");
    int64_t turns = focus_turns(focus, &stage->now);
    int next = minute;
    while (next <= WINDOW_MIN && cell->on[next] == cell->on[minute])
        next++;
    if (next <= WINDOW_MIN && turns != cell->begin_ms + next * MINUTE)
        wrong(cell, stage->now.wall_ms, "it is to go on or off at another time");
}

static void play(struct cell *cell)
{
    struct stage stage;
    struct moment now = {.wall_ms = cell->begin_ms, .steady_ms = 1000000};
    int posted = 0, edges = 0;
    host_zone(&now);
    stage_init(&stage, &now, one_focus, cell);
    stage.zone = host_zone;
    for (int minute = 0; minute <= WINDOW_MIN; minute++) {
        bool turn = minute && cell->on[minute] != cell->on[minute - 1];
        bool post = minute % APART_MIN == 30 && posted < NEEDS;
        edges += turn;
        if (!turn && !post)
            continue;
        int64_t at = 1000000 + minute * MINUTE;
        stage_to(&stage, at - 1, true);
        if (minute)
            see_focus(cell, &stage, minute - 1);
        stage_to(&stage, at, true);
        see_focus(cell, &stage, minute);
        if (post) {
            char session[16];
            snprintf(session, sizeof session, "s%d", posted);
            cell->posted_ms[posted++] = stage.now.wall_ms;
            stage_event(&stage, &(struct event){.agent = "claude-code",
                                                .session = session,
                                                .opens = OPENS_REASON,
                                                .kind = KIND_PERMISSION,
                                                .title = session});
        }
        take_happenings(cell, &stage);
    }
    stage_to(&stage, 1000000 + WINDOW_MIN * MINUTE, true);
    take_happenings(cell, &stage);
    for (int i = 0; i < NEEDS; i++) {
        if (!cell->told_ms[i])
            wrong(cell, cell->posted_ms[i], "what was opened then is never told");
        if (cell->told_ms[i] != expected_ms(cell, cell->posted_ms[i]))
            wrong(cell, cell->told_ms[i], "a need is told then, and not when it should be");
    }
    /* a look at each edge, at each settling, and where the offset changes */
    if (stage.ticks > edges + NEEDS + 2)
        wrong(cell, cell->begin_ms, "it looks too often");
    stage_release(&stage);
}

static int play_change(const char *zone, int64_t change_ms)
{
    for (int i = 0; i < SCHEDULES; i++) {
        struct cell cell = {.zone = zone, .schedule = &schedules[i]};
        cell.begin_ms = change_ms / MINUTE * MINUTE - BEFORE_MIN * MINUTE;
        for (int minute = 0; minute <= WINDOW_MIN; minute++) {
            struct tm tm = label(cell.begin_ms + minute * MINUTE);
            cell.on[minute] = label_on(&cell.schedule->span, &tm);
        }
        play(&cell);
    }
    return SCHEDULES;
}

/* ---- zones ------------------------------------------------------------------------------------------ */

static int read_zones(void **state)
{
    (void)state;
    char line[512];
    FILE *in = fopen("/usr/share/zoneinfo/tzdata.zi", "r");
    if (!in)
        return fprintf(stderr, "no zone database: install tzdata\n"), -1;
    while (fgets(line, sizeof line, in)) {
        n_links += strncmp(line, "L ", 2) == 0;
        if (n_zones < ZONES_MAX && sscanf(line, "Z %47s", zones[n_zones]) == 1)
            n_zones++;
    }
    fclose(in);
    return n_zones > 300 ? 0 : -1;
}

/* The changes as host_zone() tells them, one after another, are those that the clock shows. */
static void the_host_finds_every_change(const char *zone, const int64_t *changes, int n)
{
    struct moment now = {.wall_ms = FROM_MS};
    for (int i = 0;; i++) {
        host_zone(&now);
        assert_int_equal(now.utc_offset_s, label(now.wall_ms).tm_gmtoff);
        if (now.next_offset_ms >= UNTIL_MS) { /* it looks ahead a year and a bit */
            if (i < n && now.next_offset_ms == NEVER_MS && now.wall_ms < changes[i]) {
                now.wall_ms += 300 * DAY;
                i--;
                continue;
            }
            if (i != n)
                fail_msg("%s: the host finds %d changes, the clock shows %d", zone, i, n);
            return;
        }
        if (i >= n || now.next_offset_ms != changes[i])
            fail_msg("%s: change %d is missed or invented", zone, i);
        assert_int_equal(now.next_offset_s, label(changes[i]).tm_gmtoff);
        now.wall_ms = changes[i];
    }
}

static void every_zone_and_change(void **state)
{
    int64_t changes[CHANGES_MAX];
    int cells = 0, seen = 0, all = 0;
    (void)state;
    for (int i = 0; i < n_zones; i += full() ? 1 : SAMPLE) {
        use_zone(zones[i]);
        int n = changes_of_zone(changes);
        the_host_finds_every_change(zones[i], changes, n);
        for (int change = 0; change < n; change++)
            cells += play_change(zones[i], changes[change]);
        all += n;
        seen++;
    }
    printf("# %d zones of %d (and %d links to them), %d changes of offset, %d focus schedules: %d cells, "
           "%d needs\n",
           seen, n_zones, n_links, all, SCHEDULES, cells, cells * NEEDS);
    assert_true(cells > 500);
}

/* Zones with a habit of their own, always. */
static void odd_zones(void **state)
{
    static const char *const odd[] = {"Australia/Lord_Howe",
                                      /* half an hour */ "Africa/Casablanca", /* around Ramadan */
                                      "America/Nuuk", /* at 22:00, from 2023 on */
                                      "Asia/Gaza",
                                      "Africa/Cairo",
                                      /* at midnight */ "Europe/Dublin", /* winter is the exception */
                                      "Europe/Berlin",
                                      "Antarctica/Troll" /* two hours */};
    int64_t changes[CHANGES_MAX];
    int cells = 0;
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        use_zone(odd[i]);
        int n = changes_of_zone(changes);
        assert_true(n > 10);
        the_host_finds_every_change(odd[i], changes, n);
        for (int change = 0; change < n; change++)
            cells += play_change(odd[i], changes[change]);
    }
    printf("# odd zones: %d cells\n", cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_zone_and_change),
        cmocka_unit_test(odd_zones),
    };
    return cmocka_run_group_tests_name("zones", tests, read_zones, NULL);
}
