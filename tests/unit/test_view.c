/* test_view.c: the core's nouns as JSON, the answers of reading commands, troubles, and plain texts. */
#include "board_world.h"

#include "router/client.h"
#include "router/plain.h"
#include "router/query.h"
#include "router/trouble.h"
#include "router/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static struct board_world world;

static int open_world(void **state)
{
    (void)state;
    board_world_open(&world);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    board_world_close(&world);
    return 0;
}

/* Asks as the daemon would; `message` is JSON or NULL. */
static json_t *ask(const char *command, const char *message)
{
    const struct query query = {.rules = world.rules,
                                .now = world.now,
                                .version = "0.1.0",
                                .socket = "/run/user/1000/quietbell/sock",
                                .config_problem = "quietbell.yaml:3:5: unknown key \"setle\""};
    json_t *asked = json_loads(message ? message : "{}", 0, NULL);
    json_t *answer = query_answer(&query, command, asked);
    json_decref(asked);
    return answer;
}

static const json_t *item(const json_t *answer, const char *key, size_t i)
{
    return json_array_get(json_object_get(answer, key), i);
}

static void a_need_says_what_where_and_why(void **state)
{
    (void)state;
    const struct need *need =
        board_world_ask(&world, "390bf04d", "payments", "feature-x", KIND_PERMISSION, "Bash: ls");
    json_t *view = view_need(world.rules, &world.now, need);
    assert_string_equal(board_text(view, "session"), "390bf04d");
    assert_string_equal(board_text(view, "repository"), "payments");
    assert_string_equal(board_text(view, "worktree"), "feature-x");
    assert_string_equal(board_text(view, "branch"), "main");
    assert_string_equal(board_text(view, "kind"), "permission");
    assert_string_equal(board_text(view, "urgency"), "normal");
    assert_string_equal(board_text(view, "title"), "Bash: ls");
    assert_string_equal(board_text(view, "state"), "open");
    assert_string_equal(board_text(view, "decision"), "hold");
    assert_int_equal(board_number(view, "opened_ms"), BOARD_MORNING_MS);
    assert_int_equal(board_number(view, "due_ms"), BOARD_MORNING_MS + 3000);
    assert_int_equal(board_number(view, "count"), 1);
    assert_true(strlen(board_text(view, "why")) > 5 && !strstr(board_text(view, "why"), "decision"));
    assert_string_equal(board_text(item(view, "reasons", 0), "kind"), "permission");
    json_decref(view);

    board_world_wait(&world, 3000);
    view = view_need(world.rules, &world.now, need);
    assert_string_equal(board_text(view, "decision"), "tell");
    assert_true(json_is_true(json_object_get(view, "told")));
    assert_string_equal(json_string_value(item(view, "receivers", 0)), "popup");
    assert_int_equal(json_array_size(json_object_get(view, "alerts")), 1);
    json_decref(view);

    board_world_command(&world, (struct command){.type = COMMAND_ACK, .need_id = need->record.id});
    view = view_need(world.rules, &world.now, need);
    assert_string_equal(board_text(view, "state"), "acked");
    assert_string_equal(board_text(view, "decision"), "withdraw");
    json_decref(view);
}

static void snoozed_and_resolved_say_so(void **state)
{
    (void)state;
    const struct need *need = board_world_ask(&world, "s", "payments", "", KIND_QUESTION, "Which?");
    uint64_t id = need->record.id;
    board_world_command(&world,
                        (struct command){.type = COMMAND_SNOOZE, .need_id = id, .for_ms = 60000});
    json_t *view = view_need(world.rules, &world.now, need);
    assert_string_equal(board_text(view, "state"), "snoozed");
    assert_string_equal(board_text(view, "decision"), "hold");
    assert_int_equal(board_number(view, "until_ms"), BOARD_MORNING_MS + 60000);
    json_decref(view);
    board_world_command(&world, (struct command){.type = COMMAND_RESOLVE, .need_id = id});
    view = view_need(world.rules, &world.now, rules_need_find(world.rules, id));
    assert_string_equal(board_text(view, "state"), "resolved");
    assert_true(board_number(view, "resolved_ms") == BOARD_MORNING_MS);
    assert_true(strlen(board_text(view, "resolved_by")) > 0);
    json_decref(view);
}

/* Worth a look, and then a need; a session of another agent, silent by nature, is neither. */
static void silence_is_seen(void **state)
{
    (void)state;
    struct event event = {
        .agent = "codex", .session = "s", .state = STATE_WORKING, .talks = TALKS_ALWAYS};
    board_world_event(&world, &event);
    event = (struct event){.agent = "aider", .session = "t", .state = STATE_WORKING};
    board_world_event(&world, &event);
    const struct session *list[4], *session = rules_session_next(world.rules, NULL);
    board_world_wait(&world, 300000);
    assert_int_equal(rules_silent(world.rules, &world.now, list), 0);
    board_world_wait(&world, 1);
    assert_int_equal(rules_silent(world.rules, &world.now, list), 1);
    assert_ptr_equal(list[0], session);
    json_t *view = view_session(world.rules, &world.now, session, true);
    assert_int_equal(board_number(view, "silent_ms"), 300001);
    json_decref(view);
    board_world_wait(&world, 310000);
    assert_int_equal(rules_silent(world.rules, &world.now, list), 0); /* a need by now */
    view = view_session(world.rules, &world.now, session, true);
    assert_null(json_object_get(view, "silent_ms"));
    assert_string_equal(board_text(item(view, "needs", 0), "kind"), "stalled");
    json_decref(view);
}

static void a_session_carries_its_needs(void **state)
{
    (void)state;
    const struct event event = {.agent = "codex",
                                .session = "s",
                                .cwd = "/home/dev/notes",
                                .state = STATE_WORKING,
                                .task = "Tidy up",
                                .pid = 77,
                                .place = {.pane = "%3", .tty = "pts/4"}};
    board_world_event(&world, &event);
    board_world_wait(&world, 5000);
    const struct session *session = rules_session_next(world.rules, NULL);
    json_t *view = view_session(world.rules, &world.now, session, true);
    assert_string_equal(board_text(view, "state"), "working");
    assert_string_equal(board_text(view, "where"), "notes");
    assert_string_equal(board_text(view, "task"), "Tidy up");
    assert_int_equal(board_number(view, "pid"), 77);
    assert_int_equal(board_number(view, "since_ms"), BOARD_MORNING_MS);
    assert_string_equal(board_text(json_object_get(view, "place"), "pane"), "%3");
    assert_int_equal(json_array_size(json_object_get(view, "needs")), 0);
    json_decref(view);
}

static void status_puts_needs_first(void **state)
{
    (void)state;
    const struct event busy = {
        .agent = "codex", .session = "busy", .repository = "webshop", .state = STATE_WORKING};
    const struct event over = {.agent = "codex", .session = "over", .ends = true, .state = STATE_ENDED};
    board_world_event(&world, &busy);
    board_world_event(&world, &over);
    board_world_ask(&world, "r", "payments", "", KIND_REVIEW, "Done");
    board_world_ask(&world, "p", "payments", "", KIND_PERMISSION, "Bash: ls");
    board_world_command(
        &world, (struct command){.type = COMMAND_FOCUS_ON, .focus = "deep-work", .for_ms = 60000});
    trouble_set("receiver team", "team: 404 no such hook", "Check url_file");

    json_t *answer = ask("status", NULL);
    assert_true(json_is_true(json_object_get(answer, "ok")));
    const json_t *status = json_object_get(answer, "status");
    assert_int_equal(json_array_size(json_object_get(status, "sessions")), 3);
    assert_string_equal(board_text(item(status, "sessions", 0), "session"), "p");
    assert_string_equal(board_text(item(status, "sessions", 1), "session"), "r");
    assert_string_equal(board_text(item(status, "sessions", 2), "session"), "busy");
    assert_string_equal(board_text(item(item(status, "sessions", 0), "needs", 0), "kind"),
                        "permission");
    assert_string_equal(board_text(item(status, "focus", 0), "focus"), "deep-work");
    assert_true(json_is_true(json_object_get(item(status, "focus", 0), "on")));
    assert_string_equal(board_text(item(status, "focus", 0), "by"), "hand");
    assert_int_equal(board_number(item(status, "focus", 0), "until_ms"), BOARD_MORNING_MS + 60000);
    /* 22:00 of the same day */
    assert_int_equal(board_number(item(status, "focus", 1), "until_ms"),
                     BOARD_MORNING_MS + 13 * 3600000);
    assert_string_equal(board_text(item(status, "troubles", 0), "todo"), "Check url_file");
    assert_string_equal(board_text(item(status, "receivers", 0), "receiver"), "popup");
    assert_non_null(strstr(board_text(json_object_get(status, "config"), "problem"), "setle"));
    json_decref(answer);
    trouble_clear("receiver team");
}

static void lists_come_in_pages(void **state)
{
    (void)state;
    char session[32];
    for (int i = 0; i < QUERY_ROWS + 20; i++) {
        snprintf(session, sizeof session, "s%d", i);
        board_world_ask(&world, session, "payments", "", KIND_PERMISSION, "Bash: ls");
    }
    json_t *answer = ask("needs", NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "needs")), QUERY_ROWS);
    assert_int_equal(board_number(answer, "next"), QUERY_ROWS);
    json_decref(answer);
    answer = ask("needs", "{\"from\":200}");
    assert_int_equal(json_array_size(json_object_get(answer, "needs")), 20);
    assert_null(json_object_get(answer, "next"));
    json_decref(answer);
    answer = ask("sessions", "{\"from\":200}");
    assert_int_equal(json_array_size(json_object_get(answer, "sessions")), 20);
    json_decref(answer);
    answer = ask("status", NULL);
    assert_int_equal(board_number(json_object_get(answer, "status"), "more"), 20);
    json_decref(answer);
}

static void why_finds_needs_sessions_and_alerts(void **state)
{
    (void)state;
    char message[96], id[ID_TEXT_MAX];
    const struct need *need =
        board_world_ask(&world, "390bf04d", "payments", "", KIND_PERMISSION, "Bash: ls");
    board_world_wait(&world, 3000);

    snprintf(message, sizeof message, "{\"need\":\"%s\"}", id_text(need->record.id, id));
    json_t *answer = ask("why", message);
    const json_t *why = json_object_get(answer, "why");
    assert_true(json_array_size(json_object_get(why, "steps")) >= 2);
    bool named = false;
    for (size_t i = 0; i < json_array_size(json_object_get(why, "steps")); i++)
        named |= strcmp(board_text(item(why, "steps", i), "rule"), "everything") == 0 &&
                 strcmp(board_text(item(why, "steps", i), "file"), "test.yaml") == 0 &&
                 board_number(item(why, "steps", i), "line") == 7;
    assert_true(named);
    json_decref(answer);

    answer = ask("why", "{\"of\":\"390b\"}");
    assert_string_equal(
        board_text(json_object_get(json_object_get(answer, "why"), "session"), "session"), "390bf04d");
    json_decref(answer);

    snprintf(message, sizeof message, "{\"of\":\"%s\"}",
             id_text(rules_alert_next(world.rules, NULL)->record.id, id));
    answer = ask("why", message);
    why = json_object_get(answer, "why");
    assert_string_equal(board_text(json_object_get(why, "alert"), "receiver"), "popup");
    assert_int_equal(json_array_size(json_object_get(why, "needs")), 1);
    json_decref(answer);

    answer = ask("why", "{\"of\":\"99.0\"}");
    assert_true(json_is_false(json_object_get(answer, "ok")));
    json_decref(answer);
    answer = ask("why", "{\"of\":\"\"}");
    assert_true(json_is_false(json_object_get(answer, "ok")));
    json_decref(answer);
    answer = ask("why", NULL); /* of nothing in particular: what was told last, and what is held */
    why = json_object_get(answer, "why");
    assert_string_equal(board_text(json_object_get(why, "alert"), "receiver"), "popup");
    assert_int_equal(json_array_size(json_object_get(why, "held")), 0);
    assert_int_equal(json_array_size(json_object_get(why, "heard")), 0);
    json_decref(answer);
    assert_false(query_knows("ack"));
    assert_true(query_knows("focus-status"));
}

static void troubles_are_capped_and_counted(void **state)
{
    (void)state;
    char key[16];
    for (int i = 0; i < TROUBLE_MAX + 3; i++) {
        snprintf(key, sizeof key, "t%d", i);
        assert_int_equal(trouble_set(key, "what\nnow", NULL), i < TROUBLE_MAX);
    }
    assert_false(trouble_set("t0", "again", "mend it"));
    assert_string_equal(trouble_next(NULL)->what, "again");
    assert_int_equal(trouble_next(NULL)->count, 2);
    assert_int_equal(trouble_more(), 3);
    assert_true(trouble_clear("t0"));
    assert_false(trouble_clear("t0"));
    assert_string_equal(trouble_next(NULL)->what, "what now");
    for (int i = 1; i < TROUBLE_MAX; i++) {
        snprintf(key, sizeof key, "t%d", i);
        assert_true(trouble_clear(key));
    }
    assert_null(trouble_next(NULL));
}

static void plain_texts(void **state)
{
    (void)state;
    char buf[64], small[8];
    assert_string_equal(plain_line("  a \t b\r\n\r\nc ", buf, sizeof buf), "a b c");
    assert_string_equal(plain_lines("a  \n\n\n\n b", buf, sizeof buf), "a\n\nb");
    assert_string_equal(plain_line("abcdefghij", small, sizeof small), "abcd…");
    assert_string_equal(plain_line(NULL, buf, sizeof buf), "");
    assert_string_equal(plain_line("x\033[2Jy\xff", buf, sizeof buf), "xy\xef\xbf\xbd");
    assert_int_equal(plain_width("añ世e\xcc\x81"), 5);
    assert_string_equal(plain_cut("hello world", 6, buf, sizeof buf), "hello…");
    assert_string_equal(plain_cut("hello", 5, buf, sizeof buf), "hello");
    assert_string_equal(plain_cut("世界世界", 5, buf, sizeof buf), "世界…");
    assert_string_equal(plain_cut("hello world", 64, small, sizeof small), "hell…");
    assert_string_equal(plain_cut("x", 0, buf, sizeof buf), "");
    assert_string_equal(plain_join(buf, sizeof buf, ", ", "a", "", "b", NULL), "a, b");
    assert_string_equal(plain_age(59999, buf, sizeof buf), "59 s");
    assert_string_equal(plain_age(3600000, buf, sizeof buf), "1 h");
    assert_string_equal(plain_age(-5, buf, sizeof buf), "0 s");
}

static void durations(void **state)
{
    (void)state;
    assert_int_equal(client_duration("90s"), 90000);
    assert_int_equal(client_duration("1h30m"), 5400000);
    assert_int_equal(client_duration("2d"), 172800000);
    static const char *const bad[] = {
        "",     "0s",  "5",   "30",   "m",    "30 m",  "1m1h",
        "1m1m", "31d", "-5m", "1.5h", "17.0", "30min", "999999999999999999999d"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(client_duration(bad[i]), -1);
}

static void narrow_grids_give_way(void **state)
{
    (void)state;
    struct grid grid;
    char *out = NULL;
    size_t size;
    FILE *file = open_memstream(&out, &size);

    grid_init(&grid, 3, 1);
    grid_heading(&grid, STYLE_BOLD, "head");
    grid_row(&grid);
    grid_set(&grid, 0, STYLE_PLAIN, "kind");
    grid_set(&grid, 1, STYLE_RED, "a long text that has to give way");
    grid_set(&grid, 2, STYLE_DIM, "last");
    grid_print(&grid, file, 30, 2, false);
    grid_print(&grid, file, 20, 2, false);
    grid_print(&grid, file, 0, 0, true);
    fclose(file);
    assert_string_equal(out, "head\n  kind  a long text tha…  last\n"
                             "head\n  kind  a long text…\n"
                             "\033[1mhead\033[0m\nkind  \033[31ma long text that has to give way\033[0m"
                             "  \033[2mlast\033[0m\n");
    free(out);
    grid_release(&grid);
}

#define WITH_WORLD(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_need_says_what_where_and_why),
        WITH_WORLD(snoozed_and_resolved_say_so),
        WITH_WORLD(silence_is_seen),
        WITH_WORLD(a_session_carries_its_needs),
        WITH_WORLD(status_puts_needs_first),
        WITH_WORLD(lists_come_in_pages),
        WITH_WORLD(why_finds_needs_sessions_and_alerts),
        cmocka_unit_test(troubles_are_capped_and_counted),
        cmocka_unit_test(plain_texts),
        cmocka_unit_test(durations),
        cmocka_unit_test(narrow_grids_give_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
