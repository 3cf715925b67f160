/* test_walk.c: the rule walk alone (rules.md 1, 3, 4): what a list of rules makes of one need. */
#include "stage.h"

#include "rules/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { POPUP, TEAM, PHONE };
enum { DND, NIGHT };

static void (*add_rules)(struct policy *policy);

static struct policy *make_policy(void *arg)
{
    struct policy *policy = plain_policy();
    (void)arg;
    policy_receiver(policy, "team", false, -1, MINUTE);
    policy_receiver(policy, "phone", true, -1, MINUTE);
    policy_focus(policy, "dnd", NULL, 0);
    policy_focus(policy, "night", NULL, 0);
    if (add_rules)
        add_rules(policy);
    return policy;
}

static struct event sample(enum kind kind)
{
    return (struct event){.host = "laptop",
                          .agent = "claude-code",
                          .session = "s1",
                          .repository = "payments",
                          .worktree = "wt",
                          .branch = "main",
                          .tool = "Bash",
                          .title = "Bash: git push",
                          .opens = OPENS_REASON,
                          .kind = kind};
}

/* One need; the focuses of `focuses` (1 << DND …) are on. */
static struct treatment walk(void (*rules)(struct policy *), const struct event *event, unsigned focuses)
{
    struct stage stage;
    add_rules = rules;
    stage_init(&stage, NULL, make_policy, NULL);
    if (focuses & 1u << DND)
        stage_command(&stage, (struct command){.type = COMMAND_FOCUS_ON, .focus = "dnd"});
    if (focuses & 1u << NIGHT)
        stage_command(&stage, (struct command){.type = COMMAND_FOCUS_ON, .focus = "night"});
    stage_event(&stage, event);
    struct treatment out;
    walk_need(stage.rules, stage_need(&stage, "s1"), &out, NULL);
    stage_release(&stage);
    return out; /* its pointers are dead; its values are not */
}

static void defaults_hold_without_rules(void **state)
{
    (void)state;
    struct event event = sample(KIND_PERMISSION);
    struct treatment out = walk(NULL, &event, 0);
    assert_int_equal(out.urgency, URGENCY_NORMAL);
    assert_int_equal(out.to, 1u << POPUP); /* the first in the file */
    assert_int_equal(out.settle_ms, 3 * SECOND);
    assert_int_equal(out.at_most_ms, 5 * MINUTE);
    assert_int_equal(out.group_by, GROUP_REPOSITORY);
    assert_int_equal(out.expire_ms, 3 * DAY);
    assert_false(out.silent);
    assert_int_equal(out.walls, 0);
    event.kind = KIND_REVIEW;
    assert_int_equal(walk(NULL, &event, 0).urgency, URGENCY_LOW);
    event.urgency = URGENCY_CRITICAL; /* the event's own */
    assert_int_equal(walk(NULL, &event, 0).urgency, URGENCY_CRITICAL);
    assert_int_equal(walk(NULL, &event, 1u << DND | 1u << NIGHT).walls, 3);
}

static void key_by_key(struct policy *policy)
{
    struct rule *rule = policy_rule(policy, "one");
    rule->sets = 1u << SET_SETTLE | 1u << SET_SILENT | 1u << SET_TO;
    rule->settle_ms = 10 * MINUTE;
    rule->silent = true;
    rule->to = 1u << TEAM;
    rule = policy_rule(policy, "two");
    rule->sets = 1u << SET_SILENT | 1u << SET_ALSO;
    rule->also = 1u << PHONE;
    rule = policy_rule(policy, "other kinds");
    policy_match(&rule->match, MATCH_KIND, "review");
    rule->sets = 1u << SET_TO;
    rule->stop = true;
    rule = policy_rule(policy, "three");
    rule->sets = 1u << SET_URGENCY | 1u << SET_GROUP_BY;
    rule->urgency = URGENCY_CRITICAL;
}

static void a_later_rule_wins_key_by_key(void **state)
{
    (void)state;
    struct event event = sample(KIND_PERMISSION);
    struct treatment out = walk(key_by_key, &event, 0);
    assert_int_equal(out.settle_ms, 10 * MINUTE);
    assert_int_equal(out.at_most_ms, 10 * MINUTE); /* below settle: settle counts */
    assert_false(out.silent);
    assert_int_equal(out.to, 1u << TEAM | 1u << PHONE);
    assert_int_equal(out.urgency, URGENCY_CRITICAL);
    assert_int_equal(out.group_by, 0);
    event.kind = KIND_REVIEW; /* replaced, `also` cleared; the walk stopped */
    out = walk(key_by_key, &event, 0);
    assert_int_equal(out.to, 0);
    assert_int_equal(out.urgency, URGENCY_LOW);
}

/* What every condition looks at; each case sets one glob. */
static enum match_field case_field;
static const char *case_glob, *case_glob2;
static bool case_unless;

static void one_condition(struct policy *policy)
{
    struct rule *rule = policy_rule(policy, "high");
    rule->sets = 1u << SET_URGENCY;
    rule->urgency = URGENCY_LOW;
    rule = policy_rule(policy, "case");
    struct match *match = case_unless ? &rule->unless : &rule->match;
    policy_match(match, case_field, case_glob);
    if (case_glob2)
        policy_match(match, case_field, case_glob2);
    rule->sets = 1u << SET_SILENT;
    rule->silent = true;
}

static bool holds(enum match_field field, const char *glob, const char *glob2, bool unless)
{
    struct event event = sample(KIND_PERMISSION);
    case_field = field;
    case_glob = glob;
    case_glob2 = glob2;
    case_unless = unless;
    return walk(one_condition, &event, 0).silent;
}

static void every_field_can_be_asked_for(void **state)
{
    static const char *const is[MATCH_FIELDS] = {"claude-*", "permission", "pay*", "w?",
                                                 "main",     "lap[st]op",  "Bash", "*git push",
                                                 "s1",       "low"};
    static const char *const is_not[MATCH_FIELDS] = {
        "codex", "question", "Payments", "", "mai", "desktop", "bash", "git push", "s", "normal"};
    (void)state;
    for (int field = 0; field < MATCH_FIELDS; field++) {
        assert_true(holds((enum match_field)field, is[field], NULL, false));
        assert_false(holds((enum match_field)field, is_not[field], NULL, false));
        assert_true(holds((enum match_field)field, is_not[field], is[field], false)); /* any of */
        assert_false(holds((enum match_field)field, is[field], NULL, true));
        assert_true(holds((enum match_field)field, is_not[field], NULL, true));
        assert_false(holds((enum match_field)field, is_not[field], is[field], true)); /* none may hold */
    }
}

static enum during case_during;
static uint32_t case_focuses, case_sets;
static enum slot case_slot;

static void one_focus_rule(struct policy *policy)
{
    struct rule *rule = policy_rule(policy, "focus rule");
    rule->during = case_during;
    rule->focuses = case_focuses;
    rule->sets = case_sets;
    rule->slot = case_slot;
    rule->settle_ms = 7;
    rule->to = 1u << TEAM;
}

static void only_rules_for_a_focus_open_it(void **state)
{
    struct event event = sample(KIND_QUESTION);
    (void)state;
    case_during = DURING_ALWAYS;
    case_sets = 1u << SET_TO | 1u << SET_SLOT;
    case_slot = SLOT_NEVER;
    assert_int_equal(walk(one_focus_rule, &event, 1).walls, 1);
    case_during = DURING_ANY;
    assert_int_equal(walk(one_focus_rule, &event, 3).walls, 0);
    case_during = DURING_NAMED;
    case_focuses = 1u << NIGHT;
    struct treatment out = walk(one_focus_rule, &event, 3);
    assert_int_equal(out.walls, 1u << DND);
    assert_int_equal(out.slot_focuses, 1u << NIGHT);
    out = walk(one_focus_rule, &event, 1u << DND); /* it does not hold at all */
    assert_int_equal(out.walls, 1u << DND);
    assert_int_equal(out.to, 1u << POPUP);
    case_focuses = 3;
    case_slot = SLOT_FOCUS_END;
    assert_int_equal(walk(one_focus_rule, &event, 3).walls, 3);
    case_sets = 1u << SET_SETTLE;
    out = walk(one_focus_rule, &event, 3);
    assert_int_equal(out.walls, 3);
    assert_int_equal(out.settle_ms, 7);
    case_during = DURING_NONE;
    assert_int_equal(walk(one_focus_rule, &event, 1).settle_ms, 3 * SECOND);
    assert_int_equal(walk(one_focus_rule, &event, 0).settle_ms, 7);
}

static void by_kind(struct policy *policy)
{
    struct rule *rule = policy_rule(policy, "questions are low");
    policy_match(&rule->match, MATCH_KIND, "question");
    rule->sets = 1u << SET_SETTLE;
    rule->settle_ms = 1;
    rule = policy_rule(policy, "failures");
    policy_match(&rule->match, MATCH_KIND, "failure");
    rule->sets = 1u << SET_SETTLE;
    rule->settle_ms = 2;
    rule = policy_rule(policy, "oldest");
    policy_match(&rule->match, MATCH_TITLE, "second");
    rule->sets = 1u << SET_SETTLE;
    rule->settle_ms = 4;
}

/* Several reasons: the highest urgency counts, then the kind, then the oldest. */
static void the_most_urgent_reason_counts(void **state)
{
    struct stage stage;
    struct treatment out;
    (void)state;
    add_rules = by_kind;
    stage_init(&stage, NULL, make_policy, NULL);
    struct event event = sample(KIND_FAILURE);
    stage_event(&stage, &event);
    event = sample(KIND_QUESTION);
    event.request = "q1";
    stage_event(&stage, &event);
    const struct need *need = stage_need(&stage, "s1");
    walk_need(stage.rules, need, &out, NULL);
    assert_int_equal(out.settle_ms, 1);
    event.request = "q2";
    event.title = "second";
    stage_event(&stage, &event);
    walk_need(stage.rules, need, &out, NULL);
    assert_int_equal(out.settle_ms, 1);
    event = sample(KIND_FAILURE);
    event.thread = "t1";
    event.urgency = URGENCY_CRITICAL;
    stage_event(&stage, &event);
    walk_need(stage.rules, need, &out, NULL);
    assert_int_equal(out.settle_ms, 2);
    assert_int_equal(need->kind, KIND_QUESTION);
    assert_int_equal(out.urgency, URGENCY_CRITICAL);
    stage_release(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_without_rules),
        cmocka_unit_test(a_later_rule_wins_key_by_key),
        cmocka_unit_test(every_field_can_be_asked_for),
        cmocka_unit_test(only_rules_for_a_focus_open_it),
        cmocka_unit_test(the_most_urgent_reason_counts),
    };
    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
