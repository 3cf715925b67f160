/* test_receiver.c: receivers keep their slots over reloads; who falls back on whom, and when; many come and go. */
#include "stage.h"

#include "rules/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const *names; /* of the policy's receivers; each falls back on the next one, the last on the first */

static struct policy *make_policy(void *arg)
{
    struct policy *policy = policy_new();
    int n = 0;
    (void)arg;
    while (names[n])
        n++;
    for (int i = 0; i < n; i++)
        policy_receiver(policy, names[i], true, n > 1 ? (i + 1) % n : -1, 10 * MINUTE);
    struct rule *rule = policy_rule(policy, "at once");
    rule->sets = 1u << SET_SETTLE | 1u << SET_SLOT;
    return policy;
}

static void ask(struct stage *stage, const char *session, enum urgency urgency)
{
    struct event event = {.agent = "a",
                          .session = session,
                          .repository = session,
                          .opens = OPENS_REASON,
                          .kind = KIND_QUESTION,
                          .urgency = urgency};
    stage_event(stage, &event);
}

static void slots_stay_by_name(void **state)
{
    static const char *const one[] = {"popup", "team", NULL}, *const two[] = {"phone", "team", NULL};
    struct stage stage;
    (void)state;
    names = one;
    stage_init(&stage, NULL, make_policy, NULL);
    int64_t team = receiver_find(stage.rules, "team")->slot,
            popup = receiver_find(stage.rules, "popup")->slot;
    ask(&stage, "s", URGENCY_UNSET);
    assert_string_equal(stage_text(&stage, false),
                        "00:00:00 popup#1 v1 rings normal in \"s\": s question\n");
    names = two;
    stage_reload(&stage);
    assert_string_equal(stage_text(&stage, false), "00:00:00 popup#1 withdrawn\n");
    assert_int_equal(receiver_find(stage.rules, "team")->slot, team);
    assert_true(stage_need(&stage, "s")->told);
    ask(&stage, "t", URGENCY_UNSET); /* the first in the file */
    assert_string_equal(stage_text(&stage, false),
                        "00:00:00 phone#1 v1 rings normal in \"t\": t question\n");
    names = one;
    stage_reload(&stage);
    if (receiver_find(stage.rules, "popup")->slot == popup)
        assert_true(stage_need(&stage, "s")->to & 1u << popup);
    stage_release(&stage);
}

/* More names over time than there are slots; what was told somewhere long ago is not mixed up with a new one. */
static void many_come_and_go(void **state)
{
    char name[16];
    const char *some[] = {name, "team", NULL};
    struct stage stage;
    (void)state;
    names = some;
    snprintf(name, sizeof name, "r0");
    stage_init(&stage, NULL, make_policy, NULL);
    for (int i = 1; i < 3 * RECEIVER_SLOTS; i++) {
        char session[16], why[256];
        snprintf(session, sizeof session, "s%d", i);
        ask(&stage, session, URGENCY_UNSET);
        snprintf(name, sizeof name, "r%d", i);
        if (i < (int)(sizeof stage.receivers / sizeof *stage.receivers) - 2)
            assert_int_equal(strncmp(stage_text(&stage, false), "00:00:00 r", 10), 0);
        else
            break;
        stage_reload(&stage);
        if (!stage_kept(&stage, why, sizeof why))
            fail_msg("%s", why);
    }
    assert_int_equal(receiver_find(stage.rules, "team")->slot, 1);
    stage_release(&stage);
}

static void everything_is_down(void **state)
{
    static const char *const three[] = {"popup", "team", "phone", NULL};
    struct stage stage;
    (void)state;
    names = three;
    stage_init(&stage, NULL, make_policy, NULL);
    for (int i = 0; i < 3; i++)
        stage_up(&stage, three[i], false, "no power");
    stage_pass(&stage, SECOND);
    ask(&stage, "s", URGENCY_UNSET);
    ask(&stage, "c", URGENCY_CRITICAL);
    stage_pass(&stage, DAY); /* once round, each at its time, and no look for ever */
    assert_string_equal(stage_text(&stage, false),
                        "00:00:01 popup#1 v1 rings normal in \"s\": s question\n"
                        "00:00:01 popup#2 v1 rings critical in \"c\": c question\n"
                        "00:00:01 team#1 v1 rings critical in \"c\": c question\n"
                        "00:00:01 phone#1 v1 rings critical in \"c\": c question\n"
                        "00:10:01 team#2 v1 rings normal in \"s\": s question\n"
                        "00:20:01 phone#2 v1 rings normal in \"s\": s question\n");
    assert_true(stage.ticks < 10);
    /* the first that is back has it all, in one alert; the others then have nothing to say */
    stage_up(&stage, "phone", true, NULL);
    stage_up(&stage, "popup", true, NULL);
    stage_up(&stage, "team", true, NULL);
    assert_string_equal(stage_text(&stage, false),
                        "00:00:01 phone#1 withdrawn\n"
                        "00:00:01 phone#2 withdrawn\n"
                        "00:00:01 phone#3 v1 rings critical in \"*\": c question, s question\n"
                        "00:00:01 popup#1 withdrawn\n"
                        "00:00:01 popup#2 withdrawn\n"
                        "00:00:01 team#1 withdrawn\n"
                        "00:00:01 team#2 withdrawn\n");
    stage_release(&stage);
}

static void the_last_reason_is_kept(void **state)
{
    static const char *const one[] = {"popup", NULL};
    struct stage stage;
    (void)state;
    names = one;
    stage_init(&stage, NULL, make_policy, NULL);
    stage_up(&stage, "popup", false, "no server");
    int64_t since = receiver_find(stage.rules, "popup")->down_ms;
    stage_pass(&stage, MINUTE);
    stage_up(&stage, "popup", false, "no bus");
    assert_string_equal(receiver_find(stage.rules, "popup")->trouble, "no bus");
    assert_int_equal(receiver_find(stage.rules, "popup")->down_ms, since);
    ask(&stage, "s", URGENCY_CRITICAL); /* nobody to fall back on: it waits */
    stage_pass(&stage, DAY);
    stage_up(&stage, "popup", true, NULL);
    assert_non_null(strstr(stage_text(&stage, false), "popup#1 receives v1 rings critical"));
    assert_null(receiver_find(stage.rules, "popup")->trouble);
    stage_release(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_stay_by_name),
        cmocka_unit_test(many_come_and_go),
        cmocka_unit_test(everything_is_down),
        cmocka_unit_test(the_last_reason_is_kept),
    };
    return cmocka_run_group_tests_name("receiver", tests, NULL, NULL);
}
