/* test_mapping.c: the mapping language, the mapping of Claude Code, posted events, and the journalled form. */
#include "event_json.h"
#include "mapping.h"
#include "mapping_parts.h"
#include "rules/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct mappings *claude;
static struct mapped mapped;
static struct refusal refusal;
static struct message message;

static int map_with(const struct mappings *mappings, const char *line)
{
    message_clear(&message); /* the event borrows nothing from it */
    assert_int_equal(message_parse(&message, line, strlen(line), &refusal), 0);
    return mapping_event(mappings, &message, &mapped, &refusal);
}

/* A Claude Code hook; `members` follow session_id, with a comma. */
static const struct event *hook(const char *event, const char *members)
{
    char *line = malloc(strlen(members) + 400);
    sprintf(line,
            "{\"type\":\"hook\",\"at_ms\":5000,\"agent\":\"claude-code\",\"event\":\"%s\",\"payload\":{\"session_id\":\"s1\","
            "\"cwd\":\"/home/dev/src/demo\",\"hook_event_name\":\"%s\"%s},\"context\":{\"pid\":7,\"pid_start\":8}}",
            event, event, members);
    int got = map_with(claude, line);
    free(line);
    return got > 0 ? &mapped.event : NULL;
}

static int set_up(void **state)
{
    struct problems problems = {0};
    (void)state;
    int error = mappings_load(&claude, NULL, &problems);
    problems_print(stderr, &problems, false);
    return error;
}

static int tear_down(void **state)
{
    (void)state;
    message_clear(&message);
    mappings_free(claude);
    return 0;
}

/* ---- Claude Code --------------------------------------------------------------------------------- */

#define BASH                                                                                       \
    "\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"touch x\",\"description\":\"Create a file\"}"

static void a_permission_opens_and_its_tool_closes(void **state)
{
    (void)state;
    const struct event *event = hook("PermissionRequest", "," BASH);
    assert_int_equal(event->opens, OPENS_REASON);
    assert_int_equal(event->kind, KIND_PERMISSION);
    assert_int_equal(event->state, STATE_BLOCKED);
    assert_string_equal(event->title, "Bash: touch x");
    assert_string_equal(event->text, "Create a file");
    assert_string_equal(event->tool, "Bash");
    assert_string_equal(event->repository, "demo");
    assert_string_equal(event->source, "PermissionRequest");
    assert_string_equal(event->thread, "");
    assert_int_equal(event->pid, 7);
    assert_int_equal(event->at_wall_ms, 5000);
    char *request = must_copy(event->request);
    event = hook("PostToolUse",
                 ",\"tool_name\":\"Bash\",\"agent_id\":\"a1\","
                 "\"tool_input\":{\"description\":\"Create a file\",\"command\":\"touch x\"}");
    assert_int_equal(event->closes, CLOSES_REQUEST);
    assert_string_equal(event->request, request); /* whatever the order of the members */
    assert_string_equal(event->thread, "a1");
    assert_int_equal(event->state, STATE_WORKING);
    event = hook("PostToolUse", ",\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"touch y\"}");
    assert_string_not_equal(event->request, request);
    free(request);
}

static void questions_and_plans_are_known_by_what_they_ask(void **state)
{
    (void)state;
    const struct event *event =
        hook("PermissionRequest",
             ",\"tool_name\":\"AskUserQuestion\",\"tool_input\":{\"questions\":[{\"question\":"
             "\"Which database?\",\"options\":[{\"label\":\"SQLite\"},{\"label\":\"Postgres\"}]}]}");
    assert_int_equal(event->kind, KIND_QUESTION);
    assert_string_equal(event->title, "Which database?");
    assert_string_equal(event->text, "SQLite / Postgres");
    char *request = strdup(event->request);
    event = hook("PostToolUse", /* the answers stand beside the questions */
                 ",\"tool_name\":\"AskUserQuestion\",\"tool_input\":{\"answers\":{\"a\":\"b\"},"
                 "\"questions\":[{\"options\":[{\"label\":\"SQLite\"},{\"label\":\"Postgres\"}],"
                 "\"question\":\"Which database?\"}]}");
    assert_string_equal(event->request, request);
    assert_int_equal(event->closes, CLOSES_REQUEST);
    event = hook(
        "PostToolUse",
        ",\"tool_name\":\"AskUserQuestion\",\"tool_input\":{\"questions\":[{\"question\":\"Else?\"}]}");
    assert_string_not_equal(event->request, request);
    free(request);
    event = hook("PermissionRequest",
                 ",\"tool_name\":\"ExitPlanMode\",\"tool_input\":{\"plan\":\"\\n# Plan\\n\\n1. A\"}");
    assert_int_equal(event->kind, KIND_PLAN);
    assert_string_equal(event->title, "Plan");
    assert_string_equal(event->text, "# Plan\n\n1. A");
    request = strdup(event->request);
    event = hook("PostToolUse",
                 ",\"tool_name\":\"ExitPlanMode\",\"tool_input\":{\"plan\":\"\\n# Plan\\n\\n1. A\"}");
    assert_string_equal(event->request, request);
    free(request);
}

static void turns_end(void **state)
{
    (void)state;
    const struct event *event = hook(
        "Stop",
        ",\"prompt_id\":\"p1\",\"last_assistant_message\":\"Done.\\nMore.\",\"background_tasks\":[]");
    assert_int_equal(event->closes, CLOSES_MAIN);
    assert_int_equal(event->opens, OPENS_REASON);
    assert_int_equal(event->kind, KIND_REVIEW);
    assert_string_equal(event->title, "Done.");
    assert_string_equal(event->request, "p1");
    assert_false(event->waking);
    event = hook("Stop", ",\"background_tasks\":[{\"id\":\"b\"}]");
    assert_int_equal(event->opens, OPENS_NOTHING);
    assert_true(event->waking);
    assert_int_equal(event->state, STATE_DONE);
    assert_int_equal(hook("StopFailure", ",\"error\":\"rate_limit\"")->kind, KIND_LIMIT);
    assert_int_equal(hook("StopFailure", ",\"error\":\"billing_error\"")->kind, KIND_LIMIT);
    assert_int_equal(hook("StopFailure", ",\"error\":\"authentication_failed\"")->kind, KIND_LOGIN);
    event = hook("StopFailure", ",\"error\":\"server_error\"");
    assert_int_equal(event->kind, KIND_FAILURE);
    assert_string_equal(event->title, "server_error");
}

static void prompts_of_a_person_and_others(void **state)
{
    (void)state;
    const struct event *event = hook("UserPromptSubmit", ",\"prompt\":\"fix it\\nplease\"");
    assert_int_equal(event->closes, CLOSES_MAIN);
    assert_true(event->prompt);
    assert_string_equal(event->task, "fix it");
    event = hook("UserPromptSubmit", ",\"prompt\":\"<task-notification>\\nx\"");
    assert_int_equal(event->closes, CLOSES_NOTHING);
    assert_false(event->prompt);
    assert_int_equal(event->state, STATE_WORKING);
}

static void starts_and_ends(void **state)
{
    (void)state;
    const struct event *event = hook("SessionStart", ",\"source\":\"startup\",\"model\":\"m\"");
    assert_true(event->starts);
    assert_false(event->unattended);
    assert_true(hook("SessionStart", ",\"source\":\"startup\"")->unattended);
    assert_false(hook("SessionStart", ",\"source\":\"resume\"")->unattended);
    assert_false(hook("SessionStart", ",\"source\":\"clear\"")->unattended);
    event = hook("SessionStart", ",\"source\":\"compact\",\"model\":\"m\"");
    assert_false(event->starts);
    assert_int_equal(event->closes, CLOSES_MAIN);
    assert_true(hook("SessionEnd", ",\"reason\":\"other\"")->ends);
}

static void forms_prove_that_their_tool_runs(void **state)
{
    (void)state;
    const struct event *event =
        hook("Elicitation", ",\"mcp_server_name\":\"my server\",\"message\":\"Name?\"");
    assert_int_equal(event->closes, CLOSES_REQUEST);
    assert_string_equal(event->closes_request, "mcp__my_server__*");
    assert_int_equal(event->kind, KIND_QUESTION);
    assert_string_equal(event->request, "elicitation:my server");
    assert_true(text_globs(event->closes_request, "mcp__my_server__ask#0123456789abcdef"));
    event = hook("ElicitationResult", ",\"mcp_server_name\":\"my server\"");
    assert_int_equal(event->closes, CLOSES_REQUEST);
    assert_string_equal(event->request, "elicitation:my server");
    event = hook("Elicitation", ",\"mcp_server_name\":\"*\""); /* a name is no pattern */
    assert_string_equal(event->closes_request, "mcp_____*");
    assert_string_equal(event->request, "elicitation:_");
}

static void notices_and_notes(void **state)
{
    static const char *const notes[] = {"PreCompact",     "SubagentStart", "TeammateIdle",
                                        "TaskCreated",    "TaskCompleted", "UserPromptExpansion",
                                        "Setup",          "ConfigChange",  "CwdChanged",
                                        "DirectoryAdded", "FileChanged",   "InstructionsLoaded",
                                        "WorktreeRemove", "SomethingNew"};
    (void)state;
    const struct event *event =
        hook("Notification", ",\"notification_type\":\"permission_prompt\",\"message\":\"m\"");
    assert_int_equal(event->opens, CONFIRMS_REASON);
    assert_int_equal(event->kind, KIND_PERMISSION);
    assert_int_equal(hook("Notification", ",\"notification_type\":\"idle_prompt\"")->kind, KIND_REVIEW);
    assert_int_equal(hook("Notification", ",\"notification_type\":\"elicitation_dialog\"")->kind,
                     KIND_QUESTION);
    assert_int_equal(hook("Notification", ",\"notification_type\":\"elicitation_response\"")->opens,
                     OPENS_NOTHING);
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        event = hook(notes[i], ",\"trigger\":\"auto\"");
        assert_non_null(event);
        assert_int_equal(event->state, STATE_NONE);
        assert_int_equal(event->opens, OPENS_NOTHING);
        assert_int_equal(event->closes, CLOSES_NOTHING);
        assert_false(event->starts || event->ends || event->prompt);
    }
    assert_null(hook("MessageDisplay", ",\"delta\":\"x\""));
    assert_null(hook("WorktreeCreate", ""));
    assert_int_equal(hook("SubagentStop", ",\"agent_id\":\"a1\"")->closes, CLOSES_THREAD);
    assert_int_equal(hook("SubagentStop", "")->closes, CLOSES_NOTHING);
    assert_int_equal(hook("PostToolBatch", ",\"agent_id\":\"a1\"")->closes, CLOSES_THREAD);
}

static void texts_are_inert(void **state)
{
    (void)state;
    const struct event *event =
        hook("PermissionRequest", ",\"tool_name\":\"Ba\\u001b[31msh\",\"tool_input\":{\"command\":"
                                  "\"a\\nb\\u202ec\\u0007\",\"description\":\"one\\ntwo\\u009b\"}");
    assert_string_equal(event->title, "Bash: a bc");
    assert_string_equal(event->text, "one\ntwo");
    char members[6000];
    snprintf(members, sizeof members,
             ",\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"%0*d\"}", 5000, 1);
    assert_in_range(strlen(hook("PermissionRequest", members)->title), 190, TEXT_TITLE);
}

static void refusals_name_the_place(void **state)
{
    (void)state;
    assert_int_equal(map_with(claude, "{\"type\":\"hook\",\"agent\":\"claude-cod\",\"payload\":{}}"),
                     -ENOENT);
    assert_string_equal(refusal.at, "/agent");
    assert_non_null(strstr(refusal.error, "claude-code"));
    assert_int_equal(
        map_with(claude, "{\"type\":\"hook\",\"agent\":\"claude-code\",\"payload\":{\"x\":1}}"),
        -EINVAL);
    assert_string_equal(refusal.at, "/payload/session_id");
    assert_int_equal(
        map_with(claude, "{\"type\":\"hook\",\"agent\":\"claude-code\",\"payload\":{\"session_id\":7}}"),
        -EINVAL);
    assert_true(map_with(claude, "{\"type\":\"command\",\"command\":\"status\"}") < 0);
}

static void odd_context_does_no_harm(void **state)
{
    (void)state;
    assert_int_equal(
        map_with(claude,
                 "{\"type\":\"hook\",\"agent\":\"claude-code\",\"event\":\"Stop\",\"payload\":{\"session_id\":"
                 "\"s\"},\"context\":{\"pid\":\"x\",\"pid_start\":-1,\"host\":7,\"repository\":[],\"place\":"
                 "\"here\",\"cwd\":\"/a/b\",\"branch\":\"main\",\"marks\":1}}"),
        1);
    assert_int_equal(mapped.event.pid, 0);
    assert_int_equal(mapped.event.pid_start, 0);
    assert_string_equal(mapped.event.host, "");
    assert_string_equal(mapped.event.repository, "b");
    assert_string_equal(mapped.event.branch, "main");
    assert_string_equal(mapped.event.source, "Stop"); /* from the command line */
}

static void long_names_stay_different(void **state)
{
    char line[800], first[200];
    (void)state;
    snprintf(line, sizeof line,
             "{\"type\":\"event\",\"agent\":\"a\",\"session\":\"%0200d1\",\"state\":\"done\"}", 0);
    assert_int_equal(map_with(claude, line), 1);
    assert_true(strlen(mapped.event.session) <= TEXT_NAME);
    snprintf(first, sizeof first, "%s", mapped.event.session);
    snprintf(line, sizeof line,
             "{\"type\":\"event\",\"agent\":\"a\",\"session\":\"%0200d2\",\"state\":\"done\"}", 0);
    assert_int_equal(map_with(claude, line), 1);
    assert_string_not_equal(mapped.event.session, first);
}

/* ---- posted events ------------------------------------------------------------------------------- */

static const struct event *post(const char *members)
{
    char line[1000];
    snprintf(line, sizeof line, "{\"type\":\"event\",\"agent\":\"shell\",\"session\":\"s\"%s}",
             members);
    return map_with(claude, line) > 0 ? &mapped.event : NULL;
}

static void posted_states(void **state)
{
    (void)state;
    const struct event *event = post(
        ",\"state\":\"blocked\",\"kind\":\"permission\",\"title\":\"t\",\"text\":\"a\\nb\",\"urgency\":\"critical\","
        "\"repository\":\"r\",\"context\":{\"branch\":\"b\",\"repository\":\"q\",\"cwd\":\"/x\"}");
    assert_int_equal(event->opens, OPENS_REASON);
    assert_int_equal(event->kind, KIND_PERMISSION);
    assert_int_equal(event->urgency, URGENCY_CRITICAL);
    assert_string_equal(event->text, "a\nb");
    assert_string_equal(event->repository, "r");
    assert_string_equal(event->branch, "b");
    assert_string_equal(event->cwd, "/x");
    assert_int_equal(post(",\"state\":\"blocked\"")->kind, KIND_QUESTION);
    assert_int_equal(post(",\"state\":\"done\"")->kind, KIND_REVIEW);
    assert_int_equal(post(",\"state\":\"failed\"")->kind, KIND_FAILURE);
    assert_int_equal(post(",\"state\":\"failed\",\"kind\":\"limit\"")->kind, KIND_LIMIT);
    assert_int_equal(post(",\"state\":\"working\"")->closes, CLOSES_THREAD);
    assert_int_equal(post(",\"state\":\"working\",\"request\":\"r\"")->closes, CLOSES_REQUEST);
    assert_int_equal(post(",\"state\":\"idle\"")->closes, CLOSES_THREAD);
    assert_true(post(",\"state\":\"started\"")->starts);
    assert_true(post(",\"state\":\"ended\"")->ends);
    assert_int_equal(post(",\"state\":\"note\"")->state, STATE_NONE);
}

static void posted_mistakes(void **state)
{
    (void)state;
    assert_null(post(""));
    assert_string_equal(refusal.at, "/state");
    assert_null(post(",\"state\":\"bloked\""));
    assert_non_null(strstr(refusal.error, "did you mean blocked?"));
    assert_null(post(",\"state\":\"blocked\",\"kind\":\"permision\""));
    assert_string_equal(refusal.at, "/kind");
    assert_null(post(",\"state\":\"blocked\",\"urgency\":\"unset\""));
    assert_string_equal(refusal.at, "/urgency");
    assert_null(post(",\"state\":\"blocked\",\"title\":[1]"));
    assert_string_equal(refusal.at, "/title");
}

/* ---- the language -------------------------------------------------------------------------------- */

static struct mappings *language(const char *text)
{
    struct problems problems = {0};
    struct mappings *mappings;
    int error = mappings_parse(&mappings, text, strlen(text), "x.yaml", &problems);
    problems_print(stderr, &problems, false);
    problems_clear(&problems);
    assert_int_equal(error, 0);
    return mappings;
}

/* What silence means: by the file's head, or once the agent told of a tool. */
static void tools_run_and_agents_are_silent(void **state)
{
    (void)state;
    assert_int_equal(hook("PreToolUse", ",\"tool_name\":\"Bash\"")->busy, 1);
    assert_int_equal(mapped.event.talks, TALKS_TOOLS);
    assert_int_equal(hook("PostToolUse", ",\"tool_name\":\"Bash\"")->busy, -1);
    assert_int_equal(hook("Stop", "")->busy, 0);
    for (int silent = 0; silent < 2; silent++) {
        char text[120];
        snprintf(text, sizeof text,
                 "agent: other\nsession: s\nsilent: %s\nrows: [ { on: x, busy: ends } ]\n",
                 silent ? "true" : "false");
        struct mappings *mappings = language(text);
        assert_int_equal(map_with(mappings, "{\"type\":\"hook\",\"agent\":\"other\",\"event\":\"x\",\"at_ms\":1,"
                                            "\"payload\":{\"s\":\"1\"}}"),
                         1);
        assert_int_equal(mapped.event.talks, silent ? TALKS_NEVER : TALKS_ALWAYS);
        assert_int_equal(mapped.event.busy, -1);
        mappings_free(mappings);
    }
}

/* opencode, gemini and codex need no more than this */
static void other_agents_need_only_a_file(void **state)
{
    (void)state;
    struct mappings *mappings = language(
        "agent: other\n"
        "event: [type, hook_event_name]\n"
        "session: [properties.sessionID, session-id, workspace_roots.0]\n"
        "rows:\n"
        "  - { on: permission.asked, opens: permission, request: '{properties.id}', title: '{properties.metadata.command|properties.patterns.0}' }\n"
        "  - { on: permission.replied, closes: request, request: '{properties.requestID}' }\n"
        "  - on: session.error\n"
        "    when: [{ properties.error.name: { not: Aborted, prefix: [API, Net] } }, { properties.code: [401, 403] }]\n"
        "    opens: failure\n"
        "    state: failed\n"
        "    title: ['{properties.message} ({properties.code})', '{{x}} {properties.message}']\n"
        "  - { on: '*', when: { agent_id: { present: true } }, ignore: true }\n"
        "  - { on: notify, thread: 't{properties.n}', state: idle, urgency: low }\n");
#define OTHER(body)                                                                                \
    "{\"type\":\"hook\",\"agent\":\"other\",\"event\":\"notify\",\"payload\":" body "}"
    assert_int_equal(
        map_with(mappings, OTHER("{\"type\":\"permission.asked\",\"properties\":{\"sessionID\":\"s\",\"id\":\"per_1\","
                                 "\"patterns\":[\"ls\"],\"metadata\":{\"command\":\" \"}}}")),
        1);
    assert_string_equal(mapped.event.title, "ls");
    assert_string_equal(mapped.event.request, "per_1");
    assert_int_equal(
        map_with(
            mappings,
            OTHER("{\"type\":\"permission.replied\",\"session-id\":\"s\",\"properties\":{\"requestID\":\"per_1\"}}")),
        1);
    assert_int_equal(mapped.event.closes, CLOSES_REQUEST);
    assert_int_equal(
        map_with(
            mappings,
            OTHER("{\"type\":\"session.error\",\"session-id\":\"s\",\"properties\":{\"error\":{\"name\":\"APIError\"},\"message\":\"m\"}}")),
        1);
    assert_int_equal(mapped.event.kind, KIND_FAILURE);
    assert_string_equal(mapped.event.title, "{x} m");
    assert_int_equal(
        map_with(
            mappings,
            OTHER("{\"type\":\"session.error\",\"session-id\":\"s\",\"properties\":{\"code\":403,\"message\":\"m\"}}")),
        1);
    assert_string_equal(mapped.event.title, "m (403)");
    assert_int_equal(
        map_with(
            mappings,
            OTHER("{\"type\":\"session.error\",\"session-id\":\"s\",\"properties\":{\"error\":{\"name\":\"Aborted\"}}}")),
        1);
    assert_int_equal(mapped.event.opens, OPENS_NOTHING); /* no row: a note */
    assert_int_equal(
        map_with(mappings, OTHER("{\"type\":\"z\",\"session-id\":\"s\",\"agent_id\":\"a\"}")), 0);
    assert_int_equal(
        map_with(mappings, OTHER("{\"workspace_roots\":[\"/w\"],\"properties\":{\"n\":1.5}}")), 1);
    assert_string_equal(mapped.event.session, "/w");
    assert_string_equal(mapped.event.thread, "t1.5");
    assert_int_equal(mapped.event.state, STATE_IDLE);
    assert_int_equal(mapped.event.urgency, URGENCY_LOW);
    assert_int_equal(map_with(mappings, OTHER("{\"type\":\"z\"}")), -EINVAL);
    assert_non_null(strstr(refusal.error, "properties.sessionID or session-id or workspace_roots.0"));
    assert_string_equal(refusal.at, "/payload/properties/sessionID");
    mappings_free(mappings);
}

static void mistakes_in_a_file_are_shown(void **state)
{
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"session: s\nrows: []\n", "`agent` is missing"},
        {"agent: a\n", "`session` is missing"},
        {"agent: A\nsession: s\n", "small letters"},
        {"agent: a\nsesion: s\n", "did you mean session?"},
        {"agent: a\nsession: s..t\n", "is no path"},
        {"agent: a\nsession: s\nrows:\n  - { on: X }\n", "does nothing"},
        {"agent: a\nsession: s\nrows:\n  - { note: true }\n", "no `on`"},
        {"agent: a\nsession: s\nrows:\n  - { on: X, note: true, ends: true }\n", "does nothing else"},
        {"agent: a\nsession: s\nrows:\n  - { on: X, opens: permision }\n", "did you mean permission?"},
        {"agent: a\nsession: s\nrows:\n  - { on: X, opens: plan, confirms: plan }\n", "one thing"},
        {"agent: a\nsession: s\nrows:\n  - { on: X, closes: request }\n", "names none"},
        {"agent: a\nsession: s\nrows:\n  - { on: X, ends: true, closes_request: x }\n", "closes nothing"},
        {"agent: a\nsession: s\nrows:\n  - { on: X, ends: true, title: '{a' }\n", "a { without its }"},
        {"agent: a\nsession: s\nrows:\n  - { on: X, ends: true, title: 'a}' }\n", "a } without its {"},
        {"agent: a\nsession: s\nrows:\n  - { on: X, ends: true, title: '{upper:a}' }\n",
         "an unknown filter"},
        {"agent: a\nsession: s\nrows:\n  - { on: X, ends: true, when: { a: { begins: x } } }\n",
         "begins"},
        {"agent: a\nsession: s\nrows:\n  - { on: X, ends: true, when: { a: { empty: perhaps } } }\n",
         "perhaps"},
        {"agent: a\nsession: s\nrows: x\n", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct problems problems = {0};
        struct mappings *mappings;
        int error =
            mappings_parse(&mappings, cases[i].text, strlen(cases[i].text), "x.yaml", &problems);
        if (error != -EINVAL || mappings || !problems.n ||
            !strstr(problems.list[0].text, cases[i].problem) ||
            !strstr(problems.list[0].text, "x.yaml:"))
            fail_msg("%s: %d %s", cases[i].text, error, problems.n ? problems.list[0].text : "");
        problems_clear(&problems);
    }
}

static void a_persons_file_replaces_ours(void **state)
{
    char dir[] = "/tmp/qb-mapping-XXXXXX", path[80];
    struct problems problems = {0};
    struct mappings *mappings;
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/my.yaml", dir);
    FILE *file = fopen(path, "w");
    fputs("agent: claude-code\nsession: id\nrows: []\n", file);
    fclose(file);
    assert_int_equal(mappings_load(&mappings, dir, &problems), 0);
    assert_int_equal(mappings_count(mappings), mappings_count(claude));
    const struct mapping *mine = mappings_find(mappings, "claude-code");
    assert_string_equal(mapping_file(mine), path);
    assert_string_not_equal(mapping_hash(mine), mapping_hash(mappings_find(claude, "claude-code")));
    mappings_free(mappings);
    file = fopen(path, "w");
    fputs("agent: claude-code\nsession: [\n", file);
    fclose(file);
    assert_true(mappings_load(&mappings, dir, &problems) < 0);
    assert_null(mappings);
    assert_true(problems.n > 0);
    problems_clear(&problems);
    unlink(path);
    rmdir(dir);
    assert_int_equal(mappings_load(&mappings, dir, &problems), 0); /* no folder is no mistake */
    mappings_free(mappings);
}

static uint64_t hash_of(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    uint64_t hash = json_structure_hash(json);
    json_decref(json);
    return hash;
}

static void structures_are_told_apart(void **state)
{
    static const char *const different[] = {"{}",
                                            "[]",
                                            "\"\"",
                                            "null",
                                            "{\"a\":1}",
                                            "{\"b\":1}",
                                            "{\"a\":\"1\"}",
                                            "{\"a\":2}",
                                            "{\"a\":{\"b\":1}}",
                                            "{\"a\":1,\"b\":2}",
                                            "{\"a\":2,\"b\":1}",
                                            "[1,2]",
                                            "[2,1]",
                                            "[[1],2]",
                                            "[[1,2]]",
                                            "[1]",
                                            "1",
                                            "true",
                                            "\"true\"",
                                            "{\"a\":[]}",
                                            "{\"a\":{}}"};
    (void)state;
    for (size_t i = 0; i < sizeof different / sizeof *different; i++) {
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(hash_of(different[i]), hash_of(different[j]));
    }
    assert_int_equal(hash_of("{\"a\":1,\"b\":[{\"x\":1,\"y\":2}]}"),
                     hash_of("{\"b\":[{\"y\":2,\"x\":1}],\"a\":1}"));
}

/* ---- the journalled form --------------------------------------------------------------------------- */

static void events_come_back_as_they_were(void **state)
{
    struct event event = {.at_wall_ms = 1795455862021,
                          .host = "h",
                          .agent = "a",
                          .session = "s",
                          .thread = "t",
                          .request = "r",
                          .source = "Stop",
                          .starts = true,
                          .closes = CLOSES_REQUEST,
                          .closes_request = "mcp__*",
                          .opens = CONFIRMS_REASON,
                          .kind = KIND_REVIEW,
                          .ends = true,
                          .state = STATE_ENDED,
                          .urgency = URGENCY_CRITICAL,
                          .waking = true,
                          .unattended = true,
                          .prompt = true,
                          .talks = TALKS_ALWAYS,
                          .busy = -1,
                          .title = "ti",
                          .text = "te\nxt",
                          .tool = "to",
                          .task = "ta",
                          .cwd = "/c",
                          .repository = "re",
                          .worktree = "w",
                          .branch = "b",
                          .place = {"tm", "pa", "wi", "tt", "ki", "ks", "we", "te"},
                          .pid = 7,
                          .pid_start = 8};
    struct event back;
    (void)state;
    json_t *json = event_to_json(&event), *again;
    assert_int_equal(event_from_json(json, &back), 0);
    again = event_to_json(&back);
    assert_true(json_equal(json, again));
    assert_int_equal(json_object_size(json), 38); /* every field is in it */
    assert_int_equal(back.kind, KIND_REVIEW);
    assert_string_equal(back.place.term, "te");
    assert_string_equal(back.closes_request, "mcp__*");
    json_decref(again);
    json_object_set_new(json, "kind", json_string("no such kind"));
    assert_int_equal(event_from_json(json, &back), -EINVAL);
    json_object_set_new(json, "kind", json_string("plan"));
    json_object_set_new(json, "pid", json_string("7"));
    assert_int_equal(event_from_json(json, &back), -EINVAL);
    json_decref(json);
    json = event_to_json(&(struct event){.agent = "", .session = "s"});
    assert_int_equal(json_object_size(json), 1);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_permission_opens_and_its_tool_closes),
        cmocka_unit_test(questions_and_plans_are_known_by_what_they_ask),
        cmocka_unit_test(turns_end),
        cmocka_unit_test(prompts_of_a_person_and_others),
        cmocka_unit_test(tools_run_and_agents_are_silent),
        cmocka_unit_test(starts_and_ends),
        cmocka_unit_test(forms_prove_that_their_tool_runs),
        cmocka_unit_test(notices_and_notes),
        cmocka_unit_test(texts_are_inert),
        cmocka_unit_test(refusals_name_the_place),
        cmocka_unit_test(odd_context_does_no_harm),
        cmocka_unit_test(long_names_stay_different),
        cmocka_unit_test(posted_states),
        cmocka_unit_test(posted_mistakes),
        cmocka_unit_test(other_agents_need_only_a_file),
        cmocka_unit_test(mistakes_in_a_file_are_shown),
        cmocka_unit_test(a_persons_file_replaces_ours),
        cmocka_unit_test(structures_are_told_apart),
        cmocka_unit_test(events_come_back_as_they_were),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
