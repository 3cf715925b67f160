/* test_step.c: the rules in a simulated world (router/step.h): what the world says, and what the person is shown. */
#include "step.h"

#include "problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT = 1024 };

static struct step *step;
static char said[TEXT];

static void say(const char *format, ...)
{
    size_t at = strlen(said);
    va_list args;
    va_start(args, format);
    vsnprintf(said + at, sizeof said - at, format, args);
    va_end(args);
}

/* "create 1 rings a1 a2; list a1; at 300000" */
static const char *take(struct step_input input)
{
    static const char *const names[] = {"create", "update", "withdraw", "list"};
    const struct step_effects *effects = step_take(step, &input);
    said[0] = '\0';
    for (int i = 0; i < effects->n; i++) {
        const struct step_effect *effect = &effects->list[i];
        say("%s", names[effect->type]);
        if (effect->type != STEP_LIST)
            say(" %d", (int)effect->id);
        if (effect->type < STEP_WITHDRAW)
            say(effect->audible ? " rings" : " silent");
        for (int k = 0; k < effect->n_items; k++)
            say(" %s", effect->items[k]);
        say("; ");
    }
    if (effects->deadline_ms != STEP_NEVER)
        say("at %lld", (long long)effects->deadline_ms);
    return said;
}

static const char *agent(int64_t t_ms, enum step_event event, const char *name)
{
    return take((struct step_input){.t_ms = t_ms, .event = event, .agent = name});
}

static void starts(const char *name, const char *repository)
{
    take((struct step_input){
        .t_ms = 0, .event = STEP_SESSION_START, .agent = name, .repository = repository});
    agent(0, STEP_WORKING, name);
}

/* Five agents at work in two repositories. */
static int world(void **state)
{
    (void)state;
    struct step_world says = step_world_unsaid;
    step = step_new(NULL, NULL);
    assert_non_null(step);
    assert_string_equal(take((struct step_input){.event = STEP_INIT, .world = &says}), "list; ");
    starts("a1", "r1");
    starts("a2", "r2");
    starts("a3", "r1");
    starts("a4", "r2");
    starts("a5", "r1");
    return 0;
}

static int end(void **state)
{
    (void)state;
    step_free(step);
    return 0;
}

static const char *engaged(int64_t t_ms, bool on)
{
    return take((struct step_input){.t_ms = t_ms, .event = STEP_ENGAGED, .on = on});
}

static void held_for_a_breakpoint(void **state)
{
    (void)state;
    assert_string_equal(agent(10000, STEP_PERMISSION, "a1"), "at 13000"); /* settles */
    assert_string_equal(agent(13000, STEP_TICK, NULL), "at 310000");      /* its bound */
    assert_string_equal(take((struct step_input){.t_ms = 20000, .event = STEP_BREAKPOINT}),
                        "create 1 rings a1; at 610000"); /* the next silence */
    assert_string_equal(engaged(22000, true), "list a1; at 610000");
    assert_string_equal(agent(60000, STEP_RESOLVED, "a1"), "withdraw 1; list; at 610000");
    engaged(61000, false);
}

static void critical_breaks_in(void **state)
{
    (void)state;
    engaged(10000, true);
    assert_string_equal(
        take((struct step_input){.t_ms = 20000, .event = STEP_FAILED, .agent = "a2", .crit = true}),
        "create 1 rings a2; list a2; at 610000");
    assert_string_equal(agent(21000, STEP_PERMISSION, "a1"), "list a2 a1; at 610000");
}

static void away_is_a_wall(void **state)
{
    (void)state;
    take((struct step_input){.t_ms = 5000, .event = STEP_AWAY, .on = true});
    agent(10000, STEP_PERMISSION, "a1");
    agent(20000, STEP_FINISHED, "a2");
    assert_string_equal(agent(600000, STEP_TICK, NULL), "at 610000");
    assert_string_equal(take((struct step_input){.t_ms = 601000, .event = STEP_AWAY, .on = false}),
                        "create 1 rings a1 a2; at 610000");
}

/* Sub-agents, a hook that comes twice, one whose answer was lost, notices. */
static void noise(void **state)
{
    (void)state;
    engaged(1000, true);
    assert_string_equal(
        take((struct step_input){.t_ms = 2000, .event = STEP_FINISHED, .agent = "a1", .sub = true}),
        "at 610000");
    assert_string_equal(agent(3000, STEP_QUESTION, "a1"), "list a1; at 610000");
    assert_string_equal(agent(3500, STEP_QUESTION, "a1"), "at 610000");
    assert_string_equal(agent(9000, STEP_RESOLVED, "a1"), "list; at 610000");
    assert_string_equal(agent(9900, STEP_QUESTION, "a1"), "at 610000"); /* late, and answered */
    assert_string_equal(agent(10500, STEP_PERMISSION_NOTICE, "a1"), "at 610000");
    assert_string_equal(agent(20000, STEP_PERMISSION_NOTICE, "a1"), "list a1; at 610000"); /* lost */
    agent(21000, STEP_PROGRESS, "a1");
    agent(30000, STEP_PERMISSION, "a2");
    assert_string_equal(agent(40000, STEP_PERMISSION, "a2"), "at 610000"); /* the next: one was answered */
}

static void silence(void **state)
{
    (void)state;
    for (int64_t t_ms = 100000; t_ms <= 600000; t_ms += 100000) {
        agent(t_ms, STEP_PROGRESS, "a1");
        agent(t_ms, STEP_PROGRESS, "a2");
        agent(t_ms, STEP_PROGRESS, "a3");
        agent(t_ms, STEP_PROGRESS, "a4");
    }
    assert_string_equal(engaged(601000, true), "list a5; at 610000"); /* worth a look */
    agent(602000, STEP_PERMISSION, "a1");
    assert_string_equal(agent(603000, STEP_FINISHED, "a2"), "list a1 a2 a5; at 610000");
    assert_string_equal(agent(610000, STEP_TICK, NULL), "list a1 a5 a2; at 1210000"); /* as a question */
    assert_string_equal(agent(611000, STEP_PROGRESS, "a5"), "list a1 a2; at 1210000");
}

/* Without breakpoints: when waiting has cost as much as breaking in does. */
static void without_a_sensor(void **state)
{
    (void)state;
    struct step_world says = step_world_unsaid;
    says.sensor = false;
    says.c_mid_s = 60; /* a permission costs .4 a second */
    step_free(step);
    step = step_new(NULL, NULL);
    take((struct step_input){.event = STEP_INIT, .world = &says});
    starts("a1", "r1");
    starts("a2", "r2");
    starts("a3", "r1");
    starts("a4", "r2");
    agent(10000, STEP_PERMISSION, "a1");
    assert_string_equal(agent(13000, STEP_TICK, NULL), "at 160000");
    take((struct step_input){.t_ms = 20000, .event = STEP_BREAKPOINT});
    assert_string_equal(agent(160000, STEP_TICK, NULL), "create 1 rings a1; at 610000");
}

static void a_bad_file(void **state)
{
    (void)state;
    struct problems problems = {0};
    assert_null(step_new("tests/config/preset-near.yaml", &problems));
    assert_true(problems.n > 0);
    problems_clear(&problems);
    assert_null(step_new("/nowhere/at/all", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(held_for_a_breakpoint, world, end),
        cmocka_unit_test_setup_teardown(critical_breaks_in, world, end),
        cmocka_unit_test_setup_teardown(away_is_a_wall, world, end),
        cmocka_unit_test_setup_teardown(noise, world, end),
        cmocka_unit_test_setup_teardown(silence, world, end),
        cmocka_unit_test_setup_teardown(without_a_sensor, world, end),
        cmocka_unit_test(a_bad_file),
    };
    return cmocka_run_group_tests_name("step", tests, NULL, NULL);
}
