/* test_board.c: the order of what to do next, exactly, for hand-made boards (board.h); that bounded deferral asks
 * the same whenever it is asked (defer.h); and the board of a core (rules_board). */
#include "stage.h"

#include "rules/board.h"
#include "rules/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SHOP = 7, DOCS = 8, PAYMENTS = 9 };

static struct board_item item(uint64_t id, uint64_t group, enum kind kind, int64_t waited_ms)
{
    return (struct board_item){
        .id = id, .group = group, .kind = kind, .waited_ms = waited_ms, .at_most_ms = 10 * MINUTE};
}

static void ordered(struct board_item *items, int n, uint64_t current, const char *wanted)
{
    char is[256] = "";
    board_order(&defer_defaults, items, n, current);
    for (int i = 0; i < n; i++)
        snprintf(is + strlen(is), sizeof is - strlen(is), "%s%d", i ? " " : "", (int)items[i].id);
    assert_string_equal(is, wanted);
}

static void critical_comes_first_the_oldest_first(void **state)
{
    (void)state;
    struct board_item items[] = {item(1, SHOP, KIND_PERMISSION, 5 * MINUTE),
                                 item(2, DOCS, KIND_FAILURE, 10 * SECOND),
                                 item(3, SHOP, KIND_FAILURE, 20 * SECOND)};
    items[1].critical = items[2].critical = true;
    ordered(items, 3, 0, "3 2 1");
}

/* A permission takes 20 s and counts 2, a question 60 s and 2, a review 90 s and 1. */
static void what_is_worth_most_per_second(void **state)
{
    (void)state;
    struct board_item items[] = {item(1, SHOP, KIND_REVIEW, 0), item(2, SHOP, KIND_QUESTION, 0),
                                 item(3, SHOP, KIND_PERMISSION, 0)};
    ordered(items, 3, SHOP, "3 2 1");
    struct board_item none[1];
    board_order(&defer_defaults, none, 0, 0);
}

static void older_ones_of_a_kind_come_first(void **state)
{
    (void)state;
    struct board_item items[] = {item(1, SHOP, KIND_QUESTION, 10 * SECOND),
                                 item(2, SHOP, KIND_QUESTION, 60 * SECOND),
                                 item(3, SHOP, KIND_QUESTION, 60 * SECOND)};
    ordered(items, 3, SHOP, "2 3 1");
}

/* 25 s to come into another repository: the one the person is in is finished first, then one at a time. */
static void repositories_are_served_together(void **state)
{
    (void)state;
    struct board_item items[] = {item(1, SHOP, KIND_QUESTION, 0), item(2, DOCS, KIND_QUESTION, 0),
                                 item(3, SHOP, KIND_QUESTION, 0), item(4, DOCS, KIND_QUESTION, 0)};
    ordered(items, 4, DOCS, "2 4 1 3");
    ordered(items, 4, SHOP, "1 3 2 4");
    /* nowhere: two permissions of one repository together pay for the way better than one elsewhere */
    struct board_item more[] = {item(1, PAYMENTS, KIND_PERMISSION, 0),
                                item(2, DOCS, KIND_PERMISSION, 0), item(3, DOCS, KIND_PERMISSION, 0)};
    ordered(more, 3, 0, "2 3 1");
}

/* What would be late soon (two minutes after its bound) is worth much more, whatever the way costs; what is late
 * already is not. */
static void nearly_late_is_pulled_forward(void **state)
{
    (void)state;
    struct board_item items[] = {item(1, SHOP, KIND_QUESTION, 0), item(2, SHOP, KIND_QUESTION, 0),
                                 item(3, DOCS, KIND_REVIEW, 11 * MINUTE)};
    ordered(items, 3, SHOP, "3 1 2");
    struct board_item late[] = {item(1, SHOP, KIND_QUESTION, 0), item(2, SHOP, KIND_QUESTION, 0),
                                item(3, DOCS, KIND_REVIEW, 13 * MINUTE)};
    ordered(late, 3, SHOP, "1 2 3");
}

static void no_bound_is_no_trouble(void **state)
{
    (void)state;
    struct board_item items[] = {item(1, SHOP, KIND_QUESTION, 30 * DAY),
                                 item(2, DOCS, KIND_QUESTION, 0)};
    items[0].at_most_ms = items[1].at_most_ms = 0;
    ordered(items, 2, 0, "1 2");
}

/* ---- deferral ------------------------------------------------------------------------------------------- */

static bool tell(int n, enum kind kind, int64_t waited_ms, int64_t at_most_ms,
                 int64_t breakpoint_ago_ms, int64_t *again_ms)
{
    struct waiting list[16];
    for (int i = 0; i < n; i++)
        list[i] = (struct waiting){kind, waited_ms, at_most_ms};
    struct deferral numbers = defer_defaults;
    numbers.patience = 1600;
    numbers.reluctance = 1200;
    return defer_tell(&numbers, list, n, breakpoint_ago_ms, again_ms);
}

static void deferral_is_the_same_whenever_it_is_asked(void **state)
{
    (void)state;
    int64_t again;
    assert_false(tell(3, KIND_PERMISSION, 3 * SECOND, 5 * MINUTE, -1, &again));
    assert_int_equal(3 * SECOND + again, 21584);
    for (int64_t waited = 0; waited < 21584; waited += 97) {
        assert_false(tell(3, KIND_PERMISSION, waited, 5 * MINUTE, -1, &again));
        assert_int_equal(waited + again, 21584);
    }
    assert_true(tell(3, KIND_PERMISSION, 21584, 5 * MINUTE, -1, &again));
    assert_false(tell(1, KIND_PERMISSION, 0, 5 * MINUTE, -1, &again));
    assert_int_equal(again, 5 * MINUTE); /* alone it never is that dear: its bound */
    assert_true(tell(1, KIND_PERMISSION, 5 * MINUTE, 5 * MINUTE, -1, &again));
    assert_false(tell(0, KIND_PERMISSION, 0, 0, 0, &again));
}

static void a_breakpoint_is_judged_as_of_its_beginning(void **state)
{
    (void)state;
    int64_t again;
    int64_t turns = 0;
    for (int64_t waited = 0; waited < 20 * MINUTE; waited += SECOND) {
        bool at_once = tell(1, KIND_REVIEW, waited, 20 * MINUTE, 0, &again);
        assert_int_equal(at_once, tell(1, KIND_REVIEW, waited + 3999, 20 * MINUTE, 3999, &again));
        turns = at_once && !turns ? waited : turns;
        assert_true(at_once || !turns); /* once worth it, always */
    }
    assert_in_range(turns, 10 * MINUTE, 11 * MINUTE);
}

/* ---- the core's ----------------------------------------------------------------------------------------- */

static struct policy *policy_of(void *arg)
{
    (void)arg;
    return plain_policy();
}

static void asks(struct stage *stage, const char *session, const char *repository, enum kind kind)
{
    struct event event = {.at_wall_ms = stage->now.wall_ms,
                          .agent = "a",
                          .session = session,
                          .repository = repository,
                          .opens = OPENS_REASON,
                          .kind = kind};
    stage_event(stage, &event);
}

static void board_is(const struct stage *stage, const char *wanted)
{
    const struct need *list[16];
    char is[256] = "";
    int n = rules_board(stage->rules, &stage->now, list);
    for (int i = 0; i < n; i++)
        snprintf(is + strlen(is), sizeof is - strlen(is), "%s%s", i ? " " : "",
                 list[i]->session->session);
    assert_string_equal(is, wanted);
}

static void the_board_follows_the_person(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, NULL, policy_of, NULL);
    board_is(&stage, "");
    asks(&stage, "s1", "shop", KIND_QUESTION);
    asks(&stage, "d1", "docs", KIND_QUESTION);
    asks(&stage, "s2", "shop", KIND_QUESTION);
    asks(&stage, "d2", "docs", KIND_QUESTION);
    board_is(&stage, "s1 s2 d1 d2");
    /* they go to d1 */
    stage_command(&stage, (struct command){.type = COMMAND_SERVE,
                                           .need_id = stage_need(&stage, "d1")->record.id});
    board_is(&stage, "d1 d2 s1 s2");
    stage_command(&stage, (struct command){.type = COMMAND_ACK,
                                           .need_id = stage_need(&stage, "d1")->record.id});
    board_is(&stage, "d2 s1 s2 d1");
    stage_release(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(critical_comes_first_the_oldest_first),
        cmocka_unit_test(what_is_worth_most_per_second),
        cmocka_unit_test(older_ones_of_a_kind_come_first),
        cmocka_unit_test(repositories_are_served_together),
        cmocka_unit_test(nearly_late_is_pulled_forward),
        cmocka_unit_test(no_bound_is_no_trouble),
        cmocka_unit_test(deferral_is_the_same_whenever_it_is_asked),
        cmocka_unit_test(a_breakpoint_is_judged_as_of_its_beginning),
        cmocka_unit_test(the_board_follows_the_person),
    };
    return cmocka_run_group_tests_name("board", tests, NULL, NULL);
}
