/* test_focus.c: schedules are a pure function of the local minute's label; the edges are found without polling,
 * through days, nights, and hours that come twice or not at all; the person's hand goes before them. */
#include "stage.h"

#include "rules/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MON = 1, TUE = 2, FRI = 16, SAT = 32, SUN = 64, DAILY = 0x7f, WORK = 0x1f };

/* Monday is day 0. */
static struct moment at(int day, int hour, int minute)
{
    struct moment now = stage_monday;
    now.wall_ms += day * DAY + hour * HOUR + minute * MINUTE;
    return now;
}

static bool on(struct span span, struct moment now)
{
    return span_on(&span, 1, &now);
}

static void a_day_range(void **state)
{
    (void)state;
    struct span span = {WORK, 9 * 60 + 30, 12 * 60};
    assert_false(on(span, at(0, 9, 29)));
    assert_true(on(span, at(0, 9, 30)));
    assert_true(on(span, at(4, 11, 59)));
    assert_false(on(span, at(4, 12, 0)));
    assert_false(on(span, at(5, 10, 0)));
    assert_false(on(span, at(-1, 10, 0)));
    assert_true(on(span, at(-3, 10, 0)));
    struct moment before_1970 = {.wall_ms = -4 * DAY + 10 * HOUR, .next_offset_ms = NEVER_MS};
    assert_false(on(span, before_1970)); /* Sunday 1969-12-28 */
    before_1970.wall_ms += DAY;
    assert_true(on(span, before_1970));
}

/* A night belongs to the day it begins on. */
static void a_night(void **state)
{
    (void)state;
    struct span span = {FRI, 22 * 60, 7 * 60 + 30};
    assert_false(on(span, at(4, 7, 0)));
    assert_false(on(span, at(4, 21, 59)));
    assert_true(on(span, at(4, 22, 0)));
    assert_true(on(span, at(5, 7, 29)));
    assert_false(on(span, at(5, 7, 30)));
    assert_false(on(span, at(5, 23, 0)));
    struct span sunday = {SUN, 22 * 60, 7 * 60};
    assert_true(on(sunday, at(7, 6, 0)));
    struct span whole = {MON, 0, 24 * 60}; /* 00:00-24:00 */
    assert_true(on(whole, at(0, 0, 0)));
    assert_true(on(whole, at(0, 23, 59)));
    assert_false(on(whole, at(1, 0, 0)));
    struct span same = {MON, 8 * 60, 8 * 60}; /* 08:00-08:00: a day and a night */
    assert_true(on(same, at(0, 8, 0)));
    assert_true(on(same, at(1, 7, 59)));
    assert_false(on(same, at(1, 8, 0)));
}

static void the_next_edge(void **state)
{
    (void)state;
    struct span spans[] = {{WORK, 9 * 60, 12 * 60}, {SAT, 22 * 60, 2 * 60}};
    struct moment now = at(0, 8, 0);
    assert_int_equal(span_next(spans, 2, &now), at(0, 9, 0).wall_ms);
    now = at(0, 9, 0); /* an edge that is now has been */
    assert_int_equal(span_next(spans, 2, &now), at(0, 12, 0).wall_ms);
    now = at(4, 12, 0);
    assert_int_equal(span_next(spans, 2, &now), at(5, 22, 0).wall_ms);
    now = at(6, 1, 0);
    assert_int_equal(span_next(spans, 2, &now), at(6, 2, 0).wall_ms);
    now.wall_ms += 1;
    assert_int_equal(span_next(spans, 2, &now), at(6, 2, 0).wall_ms);
    assert_int_equal(span_next(spans, 0, &now), NEVER_MS);
    struct span never = {0, 0, 60};
    assert_int_equal(span_next(&never, 1, &now), NEVER_MS);
}

/* No edge may be missed and none invented: walking from edge to edge is the same as looking at every minute. */
static void edges_are_all_there(int32_t offset_s, int64_t change_ms, int32_t then_s)
{
    static const struct span spans[] = {
        {DAILY, 60, 150}, {MON | SUN, 130, 170}, {TUE, 23 * 60, 125}, {SUN, 1439, 1}};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        struct moment now = stage_monday, edge;
        now.wall_ms -= DAY;
        now.utc_offset_s = offset_s;
        now.next_offset_ms = change_ms;
        now.next_offset_s = then_s;
        edge = now;
        bool was = span_on(&spans[i], 1, &now);
        for (int minute = 0; minute < 3 * 1440; minute++) {
            int64_t next = span_next(&spans[i], 1, &edge);
            now.wall_ms += MINUTE;
            if (now.wall_ms >= now.next_offset_ms) {
                now.utc_offset_s = then_s;
                now.next_offset_ms = NEVER_MS;
            }
            bool is = span_on(&spans[i], 1, &now);
            assert_true(next > edge.wall_ms);
            if (is != was) /* it changed: just then was the edge */
                assert_int_equal(next, now.wall_ms);
            if (next <= now.wall_ms)
                edge = now;
            was = is;
        }
    }
}

static void hours_that_come_twice_or_not_at_all(void **state)
{
    (void)state;
    int64_t utc_one = STAGE_MONDAY_MS + HOUR;
    edges_are_all_there(2 * 3600, utc_one, 3600);                  /* 03:00 is followed by 02:00 */
    edges_are_all_there(3600, utc_one, 2 * 3600);                  /* 02:00 is followed by 03:00 */
    edges_are_all_there(37800, STAGE_MONDAY_MS - 9 * HOUR, 39600); /* Lord Howe: half an hour */
    edges_are_all_there(-10 * 3600, utc_one, 14 * 3600); /* across the date line: a day is skipped */
    edges_are_all_there(0, NEVER_MS, 0);
}

static struct policy *two_focuses(void *arg)
{
    static const struct span lunch = {DAILY, 12 * 60, 13 * 60};
    struct policy *policy = plain_policy();
    (void)arg;
    policy_focus(policy, "lunch", &lunch, 1);
    policy_focus(policy, "dnd", NULL, 0);
    return policy;
}

static struct policy *no_focus(void *arg)
{
    (void)arg;
    return plain_policy();
}

static void hand(struct stage *stage, const char *focus, bool on, int64_t for_ms)
{
    stage_command(stage, (struct command){.type = on ? COMMAND_FOCUS_ON : COMMAND_FOCUS_OFF,
                                          .focus = focus,
                                          .for_ms = for_ms});
}

static bool is_on(const struct stage *stage, const char *name)
{
    return focus_find(stage->rules, name)->on;
}

/* `off` during a scheduled focus lasts until the schedule itself is off; `on for` is a duration. */
static void the_hand_goes_before_the_schedule(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, NULL, two_focuses, NULL);
    stage_pass(&stage, 12 * HOUR);
    assert_true(is_on(&stage, "lunch"));
    hand(&stage, "lunch", false, 0);
    assert_false(is_on(&stage, "lunch"));
    stage_pass(&stage, DAY - 1);
    assert_false(is_on(&stage, "lunch"));
    stage_pass(&stage, 1);
    assert_true(is_on(&stage, "lunch"));
    hand(&stage, "lunch", true, 2 * HOUR); /* beyond its schedule */
    hand(&stage, "dnd", true, 0);
    stage_pass(&stage, 2 * HOUR - 1);
    assert_true(is_on(&stage, "lunch"));
    stage_pass(&stage, 1);
    assert_false(is_on(&stage, "lunch"));
    assert_true(is_on(&stage, "dnd"));
    hand(&stage, "lunch", true, HOUR);
    hand(&stage, "", false, 0); /* all that are on */
    assert_false(is_on(&stage, "lunch") || is_on(&stage, "dnd"));
    hand(&stage, "siesta", true, 0);
    assert_non_null(strstr(stage_text(&stage, false), "refused \"no focus is called siesta\""));
    stage_release(&stage);
}

/* Nothing polls: a day is a few looks. */
static void idle_means_idle(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, NULL, two_focuses, NULL);
    stage_pass(&stage, 10 * DAY);
    assert_int_equal(stage.ticks, 20);
    stage_release(&stage);
    stage_init(&stage, NULL, no_focus, NULL);
    stage_pass(&stage, 10 * DAY);
    assert_int_equal(stage.ticks, 0);
    stage_release(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_range),
        cmocka_unit_test(a_night),
        cmocka_unit_test(the_next_edge),
        cmocka_unit_test(hours_that_come_twice_or_not_at_all),
        cmocka_unit_test(the_hand_goes_before_the_schedule),
        cmocka_unit_test(idle_means_idle),
    };
    return cmocka_run_group_tests_name("focus", tests, NULL, NULL);
}
