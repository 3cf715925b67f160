/* test_alert.c: alerts and the delivery of their newest version, state by state (alert.h has the table). */
#include "stage.h"

#include "rules/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct policy *make_policy(void *arg)
{
    struct policy *policy = policy_new();
    policy_receiver(policy, "popup", *(const bool *)arg, -1, 10 * MINUTE);
    struct rule *rule = policy_rule(policy, "at once");
    rule->sets = 1u << SET_SETTLE | 1u << SET_SLOT;
    return policy;
}

static bool edits;

static int start(void **state)
{
    static struct stage stage;
    edits = true;
    stage_init(&stage, NULL, make_policy, &edits);
    stage_manner(&stage, "popup", MANNER_HANGS);
    *state = &stage;
    return 0;
}

static int end(void **state)
{
    stage_release(*state);
    return 0;
}

static void ask(struct stage *stage, const char *session)
{
    struct event event = {
        .agent = "a", .session = session, .repository = "r", .opens = OPENS_REASON, .kind = KIND_QUESTION};
    stage_event(stage, &event);
}

static void answer(struct stage *stage, const char *session)
{
    struct event event = {.agent = "a", .session = session, .closes = CLOSES_SESSION};
    stage_event(stage, &event);
}

static const struct alert *first(const struct stage *stage)
{
    return rules_alert_next(stage->rules, NULL);
}

static void result(struct stage *stage, enum outcome_type type, int64_t version)
{
    stage_step(stage, (struct input){.type = INPUT_OUTCOME,
                                     .outcome = {.type = type,
                                                 .receiver = "popup",
                                                 .alert_id = first(stage)->record.id,
                                                 .version = version,
                                                 .reason = "r"}});
}

static void delivered_and_edited(void **state)
{
    struct stage *stage = *state;
    ask(stage, "s1");
    assert_int_equal(first(stage)->delivery, DELIVERY_IN_FLIGHT);
    assert_int_equal(first(stage)->handed, 1);
    assert_true(alert_audible(first(stage)));
    ask(stage, "s2"); /* while version 1 is in flight */
    assert_int_equal(first(stage)->version, 2);
    assert_int_equal(first(stage)->delivery, DELIVERY_IN_FLIGHT);
    result(stage, OUTCOME_DELIVERED, 1);
    assert_int_equal(first(stage)->delivered, 1);
    assert_int_equal(first(stage)->handed, 2); /* handed on at once */
    assert_true(stage_need(stage, "s1")->delivered && !stage_need(stage, "s2")->delivered);
    result(stage, OUTCOME_DELIVERED, 2);
    assert_int_equal(first(stage)->delivery, DELIVERY_DELIVERED);
    assert_false(alert_audible(first(stage)));
    answer(stage, "s1");
    result(stage, OUTCOME_DELIVERED, 3);
    answer(stage, "s2");
    assert_false(first(stage)->open);
    assert_int_equal(first(stage)->handed, 4); /* the withdrawal */
    result(stage, OUTCOME_DELIVERED, 4);
    assert_null(first(stage));
}

static void tried_again(void **state)
{
    struct stage *stage = *state;
    ask(stage, "s1");
    result(stage, OUTCOME_RETRY, 1);
    assert_int_equal(first(stage)->delivery, DELIVERY_DEFERRED);
    result(stage, OUTCOME_HANDED, 1);
    assert_int_equal(first(stage)->delivery, DELIVERY_IN_FLIGHT);
    result(stage, OUTCOME_FAILED, 1);
    assert_int_equal(first(stage)->delivery, DELIVERY_FAILED);
    ask(stage, "s2"); /* a newer one is tried */
    assert_int_equal(first(stage)->delivery, DELIVERY_IN_FLIGHT);
    result(stage, OUTCOME_DELIVERED, 2);
    assert_int_equal(first(stage)->delivery, DELIVERY_DELIVERED);
}

static void gone_before_or_while_it_is_handed_over(void **state)
{
    struct stage *stage = *state;
    stage_up(stage, "popup", false, "away");
    ask(stage, "s1");
    answer(stage, "s1");
    assert_null(first(stage)); /* nobody has it: nothing to take back */
    stage_up(stage, "popup", true, NULL);
    ask(stage, "s2");
    answer(stage, "s2");
    assert_int_equal(first(stage)->delivery, DELIVERY_IN_FLIGHT); /* it may have arrived */
    result(stage, OUTCOME_DELIVERED, 1);
    assert_int_equal(first(stage)->handed, 2);
    result(stage, OUTCOME_DELIVERED, 2);
    assert_null(first(stage));
    ask(stage, "s3");
    answer(stage, "s3");
    result(stage, OUTCOME_FAILED, 1); /* it did not */
    assert_null(first(stage));
}

/* An answer for a version that is not in flight, for an alert or a receiver that is not there: nothing happens. */
static void answers_that_belong_to_nothing(void **state)
{
    struct stage *stage = *state;
    ask(stage, "s1");
    struct input input = {
        .type = INPUT_OUTCOME,
        .outcome = {.type = OUTCOME_RETRY, .receiver = "popup", .alert_id = 77, .version = 1}};
    for (int type = 0; type < OUTCOMES; type++) {
        input.outcome.type = (enum outcome_type)type;
        input.outcome.receiver = "nobody";
        stage_step(stage, input);
        input.outcome.receiver = NULL;
        stage_step(stage, input);
    }
    result(stage, OUTCOME_RETRY, 9);
    assert_int_equal(first(stage)->handed, 1);
    result(stage, OUTCOME_DELIVERED, 1);
    result(stage, OUTCOME_RETRY, 1); /* a second answer */
    assert_int_equal(first(stage)->delivered, 1);
    assert_int_equal(first(stage)->delivery, DELIVERY_DELIVERED);
}

static void who_cannot_edit_gets_what_is_new(void **state)
{
    struct stage *stage = *state;
    edits = false;
    stage_release(stage);
    stage_init(stage, NULL, make_policy, &edits);
    ask(stage, "s1");
    ask(stage, "s1");
    assert_int_equal(first(stage)->version, 2);
    assert_int_equal(first(stage)->queued, 1);
    ask(stage, "s2");
    assert_int_equal(first(stage)->delivered, 3);
    answer(stage, "s1");
    assert_int_equal(first(stage)->delivered, 3);
    answer(stage, "s2");
    assert_null(first(stage));
}

/* A plugin's manifest corrects what the configuration thought. */
static void a_manifest_corrects_what_it_can(void **state)
{
    struct stage *stage = *state;
    stage_step(stage, (struct input){.type = INPUT_OUTCOME,
                                     .outcome = {.type = OUTCOME_UP, .receiver = "popup"}});
    stage_manner(stage, "popup", MANNER_DELIVERS);
    ask(stage, "s1");
    ask(stage, "s1");
    assert_int_equal(first(stage)->queued, 1);
    stage_step(
        stage,
        (struct input){
            .type = INPUT_OUTCOME,
            .outcome = {.type = OUTCOME_UP, .receiver = "popup", .updates = true, .withdraws = true}});
    ask(stage, "s1");
    assert_int_equal(first(stage)->delivered, 3);
}

/* Needs are named most urgent first, whatever the order they came in. */
static void needs_are_named_in_order(void **state)
{
    struct stage *stage = *state;
    static const enum kind kinds[] = {KIND_REVIEW, KIND_PERMISSION, KIND_FAILURE, KIND_PERMISSION,
                                      KIND_QUESTION};
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        struct event event = {
            .agent = "a", .session = name, .repository = "r", .opens = OPENS_REASON, .kind = kinds[i]};
        stage_event(stage, &event);
    }
    int n;
    const struct need *const *needs = rules_alert_needs(stage->rules, first(stage), &n);
    static const char *const wanted[] = {"s1", "s3", "s4", "s2", "s0"};
    assert_int_equal(n, 5);
    for (int i = 0; i < n; i++)
        assert_string_equal(needs[i]->session->session, wanted[i]);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, start, end)
    const struct CMUnitTest tests[] = {
        ON_STAGE(delivered_and_edited),
        ON_STAGE(tried_again),
        ON_STAGE(gone_before_or_while_it_is_handed_over),
        ON_STAGE(answers_that_belong_to_nothing),
        ON_STAGE(who_cannot_edit_gets_what_is_new),
        ON_STAGE(a_manifest_corrects_what_it_can),
        ON_STAGE(needs_are_named_in_order),
    };
    return cmocka_run_group_tests_name("alert", tests, NULL, NULL);
}
