/* test_session.c: sessions are known by (host, agent, id); their context, state, process and threads; the caps. */
#include "stage.h"

#include "rules/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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

static struct event by(const char *host, const char *agent, const char *session)
{
    return (struct event){.host = host, .agent = agent, .session = session, .state = STATE_WORKING};
}

static void known_by_host_agent_and_id(void **state)
{
    struct stage *stage = *state;
    static const char *const names[][3] = {
        {"", "claude-code", "1"},  {"vm", "claude-code", "1"},
        {"", "codex", "1"},        {"", "claude-code", "11"},
        {"", "claude-code1", "1"}, {NULL, "claude-code", "1"} /* the first again */};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            struct event event = by(names[i][0], names[i][1], names[i][2]);
            stage_event(stage, &event);
        }
    }
    assert_int_equal(rules_counts(stage->rules).sessions, 5);
}

static void context_is_kept_and_replaced(void **state)
{
    struct stage *stage = *state;
    struct event event = by("", "claude-code", "s");
    event.cwd = "/home/me/payments";
    event.place.tmux = "/tmp/tmux,1,0";
    stage_event(stage, &event);
    const struct session *session = stage_session(stage, "s");
    assert_string_equal(session_where(session), "payments");
    event = by("", "claude-code", "s");
    event.repository = "pay";
    event.worktree = "fix";
    event.branch = "b1";
    stage_event(stage, &event);
    assert_string_equal(session_where(session), "pay");
    assert_string_equal(session->tmux, "/tmp/tmux,1,0");
    event.worktree = ""; /* repository, worktree and branch come together */
    event.branch = "main";
    stage_event(stage, &event);
    assert_null(session->worktree);
    event = by("", "claude-code", "s"); /* no context: nothing changes */
    stage_event(stage, &event);
    assert_string_equal(session->branch, "main");
    event.thread = "t1"; /* a sub-agent may work elsewhere */
    event.repository = "elsewhere";
    stage_event(stage, &event);
    assert_string_equal(session->repository, "pay");
    event.thread = NULL; /* a late message knows less */
    event.at_wall_ms = stage->now.wall_ms - MINUTE;
    stage_event(stage, &event);
    assert_string_equal(session->repository, "pay");
}

static void state_follows_the_main_thread(void **state)
{
    struct stage *stage = *state;
    struct event event = by("", "a", "s");
    stage_event(stage, &event);
    const struct session *session = stage_session(stage, "s");
    assert_int_equal(session->state, STATE_WORKING);
    event.state = STATE_DONE;
    event.thread = "t1";
    stage_event(stage, &event);
    assert_int_equal(session->state, STATE_WORKING);
    event.thread = NULL;
    event.at_wall_ms = stage->now.wall_ms - 1; /* late */
    stage_event(stage, &event);
    assert_int_equal(session->state, STATE_WORKING);
    stage_pass(stage, MINUTE);
    event.at_wall_ms = stage->now.wall_ms - 10 * SECOND;
    stage_event(stage, &event);
    assert_int_equal(session->state, STATE_DONE);
    assert_int_equal(session->state_ms, stage->now.steady_ms - 10 * SECOND);
    event = by("", "a", "s");
    event.state = STATE_NONE; /* a note */
    stage_event(stage, &event);
    assert_int_equal(session->state, STATE_DONE);
    event.ends = true;
    stage_event(stage, &event);
    assert_int_equal(session->state, STATE_ENDED);
}

static void ended_ones_are_forgotten_after_an_hour(void **state)
{
    struct stage *stage = *state;
    struct event event = by("", "a", "s");
    stage_event(stage, &event);
    event = (struct event){.agent = "a", .session = "s", .ends = true};
    stage_event(stage, &event);
    stage_pass(stage, HOUR);
    stage_step(stage, (struct input){.type = INPUT_TICK});
    assert_non_null(stage_session(stage, "s"));
    stage_pass(stage, 1);
    stage_step(stage, (struct input){.type = INPUT_TICK});
    assert_null(stage_session(stage, "s"));
    assert_int_equal(rules_counts(stage->rules).bytes,
                     rules_counts(stage->rules).sessions ? 1 : 5); /* "popup" */
    /* one that has something open stays: a sub-agent asked after the end */
    event = (struct event){.agent = "a", .session = "t", .ends = true};
    stage_event(stage, &event);
    event = (struct event){
        .agent = "a", .session = "t", .thread = "t1", .opens = OPENS_REASON, .kind = KIND_PERMISSION};
    stage_event(stage, &event);
    stage_pass(stage, 2 * HOUR);
    stage_step(stage, (struct input){.type = INPUT_TICK});
    assert_non_null(stage_need(stage, "t"));
}

static void a_process_that_died(void **state)
{
    struct stage *stage = *state;
    struct event event = by("vm", "a", "s");
    event.opens = OPENS_REASON;
    event.pid = 7;
    event.pid_start = 70;
    stage_event(stage, &event);
    stage_text(stage, true);
    struct input gone = {.type = INPUT_GONE, .gone = {.host = "vm", .pid = 7, .pid_start = 71}};
    stage_step(stage, gone); /* another one by the same number */
    gone.gone.pid_start = 70;
    gone.gone.host = "";
    stage_step(stage, gone); /* on another host */
    assert_string_equal(stage_text(stage, true), "");
    gone.gone.host = "vm";
    stage_step(stage, gone);
    assert_string_equal(stage_text(stage, true), "00:00:00 s resolved \"its process is gone\"\n");
    assert_int_equal(stage_session(stage, "s")->state, STATE_ENDED);
    stage_step(stage, gone);
    assert_string_equal(stage_text(stage, true), "");
}

static void threads_have_a_cap(void **state)
{
    struct stage *stage = *state;
    for (int i = 0; i < 3 * CORE_THREADS_MAX; i++) {
        char thread[16];
        snprintf(thread, sizeof thread, "t%d", i);
        struct event event = by("", "a", "s");
        event.thread = thread;
        stage_event(stage, &event);
    }
    assert_int_equal(stage_session(stage, "s")->n_threads, CORE_THREADS_MAX);
}

static void reasons_have_a_cap_and_it_is_told(void **state)
{
    struct stage *stage = *state;
    for (int i = 0; i < CORE_REASONS_MAX + 1; i++) {
        char request[16];
        snprintf(request, sizeof request, "r%d", i);
        struct event event = by("", "a", "s");
        event.request = request;
        event.opens = OPENS_REASON;
        stage_event(stage, &event);
    }
    assert_int_equal(need_count(stage_need(stage, "s")), CORE_REASONS_MAX);
    assert_int_equal(rules_counts(stage->rules).shed, 1);
    assert_non_null(strstr(stage_text(stage, true), "shed \"a session asks for more than"));
}

static void step_only(struct rules *rules, struct moment *now, uint64_t seq, struct event *event)
{
    struct input input = {.seq = seq, .type = INPUT_EVENT, .event = event};
    event->at_wall_ms = now->wall_ms;
    rules_step(rules, now, &input);
    rules_committed(rules);
}

/* 20,000 live sessions: ended ones go first, then the longest silent; what that one had open is resolved. */
static void sessions_have_a_cap(void **state)
{
    struct stage *stage = *state;
    struct moment now = stage->now;
    char name[16];
    uint64_t seq = 100;
    for (int i = 0; i < CORE_SESSIONS_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i);
        struct event event = by("", "a", name);
        event.ends = i == 500;
        event.opens = i == 1 ? OPENS_REASON : OPENS_NOTHING;
        step_only(stage->rules, &now, ++seq, &event);
    }
    struct event event = by("", "a", "n0"); /* the oldest speaks */
    step_only(stage->rules, &now, ++seq, &event);
    event = by("", "a", "more");
    step_only(stage->rules, &now, ++seq, &event);
    assert_int_equal(rules_counts(stage->rules).sessions, CORE_SESSIONS_MAX);
    assert_null(stage_session(stage, "n500"));
    assert_int_equal(rules_counts(stage->rules).shed, 0);
    event = by("", "a", "and more");
    step_only(stage->rules, &now, ++seq, &event);
    assert_null(stage_session(stage, "n1"));
    assert_non_null(stage_session(stage, "n0"));
    assert_int_equal(rules_counts(stage->rules).needs, 0);
    assert_int_equal(rules_counts(stage->rules).shed, 1);
}

static void look_at(struct stage *stage, const char *window)
{
    stage_step(stage,
               (struct input){.type = INPUT_PRESENCE,
                              .presence = {.says = PRESENCE_SAYS_FRONT, .front.window = window}});
}

static void speak_in(struct stage *stage, const char *name, const char *window)
{
    struct event event = by("", "a", name);
    event.place.window = window;
    stage_event(stage, &event);
}

static uint64_t faced(const struct stage *stage)
{
    return rules_person(stage->rules)->front_id;
}

/* Tabs of one terminal have one window: it says nothing while several sessions are in it. */
static void a_window_of_several(void **state)
{
    struct stage *stage = *state;
    speak_in(stage, "s", "7");
    look_at(stage, "7");
    assert_true(faced(stage) == stage_session(stage, "s")->record.id);
    speak_in(stage, "t", "7");
    assert_true(faced(stage) == 0);
    for (int i = 0; i < 4; i++)
        speak_in(stage, i % 2 ? "s" : "t", "7");
    assert_true(faced(stage) == 0);
    look_at(stage, "8");
    look_at(stage, "7");
    assert_true(faced(stage) == 0);
    stage_stop(stage);
    stage_start(stage, NULL, 0, NULL, 0);
    speak_in(stage, "s", "7");
    assert_true(faced(stage) == 0);
    struct event event = by("", "a", "s");
    event.ends = true;
    stage_event(stage, &event);
    assert_true(faced(stage) == stage_session(stage, "t")->record.id);
    speak_in(stage, "u", "8"); /* elsewhere */
    assert_true(faced(stage) == stage_session(stage, "t")->record.id);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, start, end)
    const struct CMUnitTest tests[] = {
        ON_STAGE(known_by_host_agent_and_id),
        ON_STAGE(context_is_kept_and_replaced),
        ON_STAGE(state_follows_the_main_thread),
        ON_STAGE(ended_ones_are_forgotten_after_an_hour),
        ON_STAGE(a_process_that_died),
        ON_STAGE(threads_have_a_cap),
        ON_STAGE(reasons_have_a_cap_and_it_is_told),
        ON_STAGE(sessions_have_a_cap),
        ON_STAGE(a_window_of_several),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
