/* test_compose.c: the words of alerts. */
#include "board_world.h"

#include "router/compose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static struct board_world world;
static char title[COMPOSE_TITLE_MAX], body[COMPOSE_BODY_MAX];

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

static void compose(const struct need *const *needs, int n)
{
    compose_words(needs, n, &world.now, title, body);
}

static void one_need_names_everything(void **state)
{
    (void)state;
    const struct event event = {.agent = "claude-code",
                                .session = "390bf04d",
                                .repository = "payments",
                                .worktree = "feature-x",
                                .branch = "fix/12",
                                .opens = OPENS_REASON,
                                .kind = KIND_PERMISSION,
                                .state = STATE_BLOCKED,
                                .title = "Bash: git push",
                                .text = "Push the branch",
                                .task = "Mend the parser",
                                .place = {.pane = "%3"}};
    const struct need *need = board_world_event(&world, &event);
    compose(&need, 1);
    assert_string_equal(title, "payments · permission — claude-code");
    assert_string_equal(
        body, "Bash: git push\nPush the branch\nfeature-x (fix/12) · tmux %3\nTask: Mend the parser");
    board_world_wait(&world, 12 * 60000);
    compose(&need, 1);
    assert_non_null(strstr(body, "feature-x (fix/12) · tmux %3 · waiting 12 min"));
}

static void what_is_said_already_is_not_said_again(void **state)
{
    (void)state;
    const struct event event = {.agent = "codex",
                                .session = "s",
                                .cwd = "/home/dev/notes",
                                .opens = OPENS_REASON,
                                .kind = KIND_PERMISSION,
                                .state = STATE_BLOCKED,
                                .title = "Bash: git push",
                                .text = "git push",
                                .task = "Bash: git push"};
    const struct need *need = board_world_event(&world, &event);
    compose(&need, 1);
    assert_string_equal(title, "notes · permission — codex");
    assert_string_equal(body, "Bash: git push");
}

static void a_need_without_words_gets_some(void **state)
{
    (void)state;
    const struct need *need = board_world_ask(&world, "s", "payments", "", KIND_REVIEW, "");
    compose(&need, 1);
    assert_string_equal(title, "payments · review — claude-code");
    assert_string_equal(body, "has finished\nmain");
}

static void several_get_a_line_each(void **state)
{
    (void)state;
    const struct need *needs[] = {
        board_world_ask(&world, "a", "payments", "feature-x", KIND_PERMISSION, "Bash: git push"),
        board_world_ask(&world, "b", "payments", "", KIND_QUESTION, "Which database?"),
        board_world_ask(&world, "c", "payments", "docs", KIND_REVIEW, ""),
    };
    compose(needs, 3);
    assert_string_equal(title, "payments: 3 agents need you — claude-code");
    assert_string_equal(body, "permission  feature-x  Bash: git push\n"
                              "question  main  Which database?\n"
                              "review  docs  has finished");
    board_world_wait(&world, 3 * 3600000);
    compose(needs, 2);
    assert_non_null(strstr(body, "permission  feature-x  Bash: git push · 3 h\n"));
}

static void several_places_and_agents_are_told_apart(void **state)
{
    (void)state;
    const struct event codex = {.agent = "codex",
                                .session = "b",
                                .repository = "webshop",
                                .branch = "main",
                                .opens = OPENS_REASON,
                                .kind = KIND_REVIEW,
                                .state = STATE_DONE,
                                .title = "Done"};
    const struct need *needs[] = {
        board_world_ask(&world, "a", "payments", "", KIND_REVIEW, "Tests pass"),
        board_world_event(&world, &codex),
    };
    compose(needs, 2);
    assert_string_equal(title, "payments, webshop: 2 agents have finished");
    assert_string_equal(body, "review  payments/main  claude-code  Tests pass\n"
                              "review  webshop/main  codex  Done");
}

static void many_are_counted(void **state)
{
    (void)state;
    const struct need *needs[60];
    char session[16], repository[16];

    for (int i = 0; i < 60; i++) {
        snprintf(session, sizeof session, "s%d", i);
        snprintf(repository, sizeof repository, "repo%d", i % 6);
        needs[i] = board_world_ask(&world, session, repository, "", KIND_PERMISSION, "Bash: ls");
    }
    compose(needs, 16);
    assert_non_null(strstr(body, "\n… and 4 more"));
    compose(needs, 60);
    assert_string_equal(title, "repo0, repo1, repo2 and 3 more: 60 agents need you — claude-code");
    assert_non_null(strstr(body, "\n… and 48 more"));
}

static void hostile_text_is_inert_and_cut(void **state)
{
    (void)state;
    char huge[5000];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    const struct event event = {.agent = "claude-code",
                                .session = "s",
                                .repository = "pay\nments\033[31m",
                                .branch = huge,
                                .opens = OPENS_REASON,
                                .kind = KIND_QUESTION,
                                .state = STATE_BLOCKED,
                                .title = "a\xe2\x80\xae\x07z\r\nb <b>c</b>",
                                .text = huge,
                                .task = huge};
    const struct need *needs[60], *need = board_world_event(&world, &event);
    compose(&need, 1);
    assert_string_equal(title, "pay ments · question — claude-code");
    assert_true(strncmp(body, "az b <b>c</b>\n", 14) == 0);
    for (int i = 0; i < 60; i++)
        needs[i] = need;
    compose(needs, 60);
    assert_true(strlen(body) < COMPOSE_BODY_MAX);
    assert_non_null(strstr(body, " more"));
    assert_null(strchr(body, '\033'));
}

static void the_object_is_the_protocols(void **state)
{
    (void)state;
    board_world_ask(&world, "a", "payments", "", KIND_PERMISSION, "Bash: ls");
    board_world_ask(&world, "b", "payments", "", KIND_REVIEW, "Done");
    board_world_wait(&world, 3000);
    const struct alert *alert = rules_alert_next(world.rules, NULL);
    assert_non_null(alert);
    json_t *object = compose_alert(world.rules, &world.now, alert, alert->version, true);
    assert_string_equal(board_text(object, "title"), "payments: 2 agents need you — claude-code");
    assert_string_equal(board_text(object, "key"), "payments");
    assert_string_equal(board_text(object, "urgency"), "normal");
    assert_string_equal(board_text(object, "body"), "permission  main  Bash: ls\nreview  main  Done");
    assert_int_equal(board_number(object, "version"), 1);
    assert_int_equal(board_number(object, "at_ms"), world.now.wall_ms);
    assert_true(json_is_true(json_object_get(object, "audible")));
    const json_t *first = json_array_get(json_object_get(object, "needs"), 0);
    assert_string_equal(board_text(first, "kind"), "permission");
    assert_string_equal(board_text(first, "session"), "a");
    assert_int_equal(board_number(first, "opened_ms"), BOARD_MORNING_MS);
    json_decref(object);
}

#define WITH_WORLD(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(one_need_names_everything),
        WITH_WORLD(what_is_said_already_is_not_said_again),
        WITH_WORLD(a_need_without_words_gets_some),
        WITH_WORLD(several_get_a_line_each),
        WITH_WORLD(several_places_and_agents_are_told_apart),
        WITH_WORLD(many_are_counted),
        WITH_WORLD(hostile_text_is_inert_and_cut),
        WITH_WORLD(the_object_is_the_protocols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
