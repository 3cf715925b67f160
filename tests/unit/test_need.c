/* test_need.c: what one event does to a need: reasons are keyed (thread, kind, request), so duplicates cannot
 * be; what closes what; who counts; which kind shows. (The stories of tests/scenarios have the rest.) */
#include "stage.h"

#include "rules/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct policy *make_policy(void *arg)
{
    (void)arg;
    return plain_policy();
}

static int start(void **state)
{
    static struct stage stage;
    stage_init(&stage, NULL, make_policy, NULL);
    *state = &stage;
    return 0;
}

static int end(void **state)
{
    stage_release(*state);
    return 0;
}

static struct event asks(enum kind kind, const char *thread, const char *request)
{
    return (struct event){.agent = "a",
                          .session = "s",
                          .opens = OPENS_REASON,
                          .kind = kind,
                          .thread = thread,
                          .request = request,
                          .title = "t"};
}

static int open_reasons(const struct stage *stage)
{
    const struct need *need = stage_need(stage, "s");
    int n = 0;
    for (const struct reason *reason = need ? need->reasons : NULL; reason; reason = reason->next)
        n += reason->closed_ms == 0;
    return n;
}

static void send(struct stage *stage, struct event event)
{
    stage_event(stage, &event);
}

static void one_reason_per_thread_kind_and_request(void **state)
{
    struct stage *stage = *state;
    static const char *const threads[] = {"", "t1"}, *const requests[] = {"", "r1"};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 8; i++)
            send(stage,
                 asks(i & 1 ? KIND_PERMISSION : KIND_QUESTION, threads[i / 2 & 1], requests[i / 4]));
    }
    assert_int_equal(open_reasons(stage), 8);
    assert_int_equal(need_count(stage_need(stage, "s")), 24);
    assert_int_equal(rules_counts(stage->rules).needs, 1);
    stage_text(stage, true);
}

static void opened_is_the_hooks_stamp_never_in_the_future(void **state)
{
    struct stage *stage = *state;
    struct event event = asks(KIND_QUESTION, "", "r1");
    event.at_wall_ms = stage->now.wall_ms - 7 * SECOND;
    send(stage, event);
    assert_int_equal(stage_need(stage, "s")->opened_ms, stage->now.steady_ms - 7 * SECOND);
    event = asks(KIND_QUESTION, "", "r1");
    event.session = "t";
    event.at_wall_ms = stage->now.wall_ms + HOUR;
    send(stage, event);
    assert_int_equal(stage_need(stage, "t")->opened_ms, stage->now.steady_ms);
}

/* What each `closes` leaves open of: main r1, main r2, t1 r1, t1 r2, t2 "" */
static void what_closes_what(void **state)
{
    static const struct {
        enum closes closes;
        const char *thread, *request, *closes_request;
        int left;
    } cases[] = {
        {CLOSES_NOTHING, "", "r1", NULL, 5},   {CLOSES_REQUEST, "", "r1", NULL, 4},
        {CLOSES_REQUEST, "t1", "r2", NULL, 4}, {CLOSES_REQUEST, "", "r3", NULL, 5},
        {CLOSES_REQUEST, "t2", "", NULL, 4},   {CLOSES_REQUEST, "", "", NULL, 5},
        {CLOSES_REQUEST, "", "x", "r2", 4},    {CLOSES_REQUEST, "", "", "r*", 1},
        {CLOSES_REQUEST, "t2", "", "*2", 3},   {CLOSES_THREAD, "", "", NULL, 3},
        {CLOSES_THREAD, "t1", "r1", NULL, 3},  {CLOSES_THREAD, "t9", "", NULL, 5},
        {CLOSES_MAIN, "", "", NULL, 3},        {CLOSES_MAIN, "t1", "", NULL, 3},
        {CLOSES_SESSION, "t2", "", NULL, 0},
    };
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        send(stage, asks(KIND_PERMISSION, "", "r1"));
        send(stage, asks(KIND_PERMISSION, "", "r2"));
        send(stage, asks(KIND_PERMISSION, "t1", "r1"));
        send(stage, asks(KIND_PERMISSION, "t1", "r2"));
        send(stage, asks(KIND_PERMISSION, "t2", ""));
        send(stage, (struct event){.agent = "a",
                                   .session = "s",
                                   .closes = cases[i].closes,
                                   .thread = cases[i].thread,
                                   .request = cases[i].request,
                                   .closes_request = cases[i].closes_request});
        if (open_reasons(stage) != cases[i].left)
            fail_msg("case %d leaves %d, not %d", (int)i, open_reasons(stage), cases[i].left);
        assert_int_equal(need_open(stage_need(stage, "s")), cases[i].left > 0);
        stage_pass(stage, MINUTE); /* nothing reopens */
        send(stage, (struct event){.agent = "a", .session = "s", .closes = CLOSES_SESSION});
        stage_pass(stage, MINUTE);
    }
}

static void its_kind_is_its_most_urgent_reasons(void **state)
{
    struct stage *stage = *state;
    for (int kind = KINDS - 1; kind >= 0; kind--) {
        send(stage, asks((enum kind)kind, "", "r"));
        assert_int_equal(stage_need(stage, "s")->kind, kind);
    }
    assert_string_equal(
        stage_text(stage, true),
        "00:00:00 s opened review\n00:00:00 s becomes custom\n00:00:00 s becomes stalled\n"
        "00:00:00 s becomes limit\n00:00:00 s becomes failure\n00:00:00 s becomes login\n"
        "00:00:00 s becomes plan\n00:00:00 s becomes question\n00:00:00 s becomes permission\n");
}

static void order_is_urgency_kind_age(void **state)
{
    struct treatment low = {.urgency = URGENCY_LOW}, normal = {.urgency = URGENCY_NORMAL};
    struct need a = {.treatment = normal, .kind = KIND_REVIEW, .opened_ms = 9, .record.id = 9};
    struct need b = {.treatment = low, .kind = KIND_PERMISSION, .opened_ms = 1, .record.id = 1};
    (void)state;
    assert_true(need_compare(&a, &b) < 0 && need_compare(&b, &a) > 0);
    b.treatment = normal;
    assert_true(need_compare(&b, &a) < 0);
    b.kind = KIND_REVIEW;
    assert_true(need_compare(&b, &a) < 0);
    b.opened_ms = 9;
    assert_true(need_compare(&b, &a) < 0);
    assert_int_equal(need_compare(&a, &a), 0);
}

/* A request is known again by its id, whatever its words; without one by its words. */
static void the_same_request_within_ten_seconds(void **state)
{
    struct stage *stage = *state;
    for (int with_id = 0; with_id < 2; with_id++) {
        for (int other_words = 0; other_words < 2; other_words++) {
            struct event event = asks(KIND_QUESTION, "", with_id ? "r1" : "");
            send(stage, event);
            uint64_t id = stage_need(stage, "s")->record.id;
            send(stage, (struct event){.agent = "a", .session = "s", .closes = CLOSES_SESSION});
            stage_pass(stage, 10 * SECOND);
            event.title = other_words ? "other" : "t";
            send(stage, event);
            assert_int_equal(stage_need(stage, "s")->record.id == id, with_id || !other_words);
            send(stage, (struct event){.agent = "a", .session = "s", .closes = CLOSES_SESSION});
            stage_pass(stage, 10 * SECOND + 1);
            send(stage, event);
            assert_true(stage_need(stage, "s")->record.id != id);
            send(stage, (struct event){.agent = "a", .session = "s", .closes = CLOSES_SESSION});
            stage_pass(stage, MINUTE);
        }
    }
}

static void commands_on_what_is_not_there_are_refused(void **state)
{
    struct stage *stage = *state;
    static const enum command_type types[] = {COMMAND_ACK, COMMAND_SNOOZE, COMMAND_RESOLVE};
    for (int i = 0; i < 3; i++) {
        stage_command(stage, (struct command){.type = types[i], .need_id = 12345, .for_ms = 1});
        assert_non_null(strstr(stage_text(stage, true), "refused \"there is no such need\""));
    }
    send(stage, asks(KIND_QUESTION, "", "r"));
    uint64_t id = stage_need(stage, "s")->record.id;
    stage_command(stage, (struct command){.type = COMMAND_RESOLVE, .need_id = id});
    stage_text(stage, true);
    stage_command(stage, (struct command){.type = COMMAND_RESOLVE, .need_id = id});
    assert_non_null(strstr(stage_text(stage, true), "refused \"that need is resolved already\""));
}

static void resolved_ones_are_kept_up_to_a_cap(void **state)
{
    struct stage *stage = *state;
    for (int i = 0; i < CORE_RESOLVED_MAX + 50; i++) {
        send(stage, asks(KIND_QUESTION, "", "r"));
        send(stage, (struct event){.agent = "a", .session = "s", .closes = CLOSES_SESSION});
        stage_pass(stage, 11 * SECOND);
    }
    int n = 0;
    for (const struct need *need = rules_need_next(stage->rules, NULL); need;
         need = rules_need_next(stage->rules, need))
        n++;
    assert_int_equal(n, CORE_RESOLVED_MAX);
    char why[256];
    if (!stage_kept(stage, why, sizeof why))
        fail_msg("%s", why);
}

static void long_words_are_cut(void **state)
{
    struct stage *stage = *state;
    static char longer[5000];
    memset(longer, 'x', sizeof longer - 1);
    struct event event = asks(KIND_QUESTION, "", longer);
    event.title = event.text = event.tool = event.task = event.cwd = event.source = longer;
    send(stage, event);
    const struct reason *reason = need_reason(stage_need(stage, "s"));
    assert_int_equal(strlen(reason->title), TEXT_TITLE);
    assert_int_equal(strlen(reason->text), TEXT_BODY);
    assert_int_equal(strlen(reason->tool), TEXT_NAME);
    assert_int_equal(strlen(stage_session(stage, "s")->task), TEXT_TITLE);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, start, end)
    const struct CMUnitTest tests[] = {
        ON_STAGE(one_reason_per_thread_kind_and_request),
        ON_STAGE(opened_is_the_hooks_stamp_never_in_the_future),
        ON_STAGE(what_closes_what),
        ON_STAGE(its_kind_is_its_most_urgent_reasons),
        cmocka_unit_test(order_is_urgency_kind_age),
        ON_STAGE(the_same_request_within_ten_seconds),
        ON_STAGE(commands_on_what_is_not_there_are_refused),
        ON_STAGE(resolved_ones_are_kept_up_to_a_cap),
        ON_STAGE(long_words_are_cut),
    };
    return cmocka_run_group_tests_name("need", tests, NULL, NULL);
}
