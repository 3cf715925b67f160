/* test_mapping_files.c: the section `files` of mapping files: which paths fit, what a file's content becomes, what
 * a recording says of files, and what the core makes of observations. */
#include "mapping.h"
#include "mapping_parts.h"
#include "observe.h"
#include "rules/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_MS INT64_C(1795455862000)

static struct mappings *all;
static struct mapped mapped;
static struct refusal refusal;
static struct message message;

static int set_up(void **state)
{
    struct problems problems = {0};
    (void)state;
    int error = mappings_load(&all, NULL, &problems);
    problems_print(stderr, &problems, false);
    return error;
}

static int tear_down(void **state)
{
    (void)state;
    message_clear(&message);
    mappings_free(all);
    return 0;
}

/* A file seen at NOW_MS; content NULL: it is gone. */
static int see_with(const struct mappings *mappings, const char *path, const char *content,
                    const char *head)
{
    json_t *json = json_pack("{s:s, s:I, s:s, s:o}", "type", "file", "at_ms", (json_int_t)NOW_MS,
                             "path", path, "content", content ? json_string(content) : json_null());
    if (head)
        json_object_set_new(json, "head", json_string(head));
    message_clear(&message);
    assert_int_equal(message_take(&message, json, &refusal), 0);
    return mapping_event(mappings, &message, &mapped, &refusal);
}

static int see(const char *path, const char *content)
{
    return see_with(all, path, content, NULL);
}

static struct mappings *parse(const char *text)
{
    struct problems problems = {0};
    struct mappings *mappings;
    int error = mappings_parse(&mappings, text, strlen(text), "test.yaml", &problems);
    problems_print(stderr, &problems, false);
    assert_int_equal(error, 0);
    return mappings;
}

/* ---- Claude Code's status file ------------------------------------------------------------------- */

#define STATUS(status, at)                                                                                              \
    "{\"pid\":20436,\"sessionId\":\"s1\",\"cwd\":\"/home/dev/src/demo\",\"procStart\":\"373570\",\"name\":\"demo-db\"," \
    "\"status\":\"" status "\",\"statusUpdatedAt\":" at ",\"waitingFor\":\"permission prompt\"}"
#define STATUS_PATH "/home/dev/.claude/sessions/20436.json"

static void a_status_file_is_an_observation(void **state)
{
    (void)state;
    assert_int_equal(see(STATUS_PATH, STATUS("busy", "1795455861000")), 1);
    assert_true(mapped.event.observed);
    assert_string_equal(mapped.event.agent, "claude-code");
    assert_string_equal(mapped.event.session, "s1");
    assert_string_equal(mapped.event.source, "session-file");
    assert_string_equal(mapped.event.repository, "demo");
    assert_int_equal(mapped.event.at_wall_ms, 1795455861000);
    assert_int_equal(mapped.event.state, STATE_WORKING);
    assert_int_equal(mapped.event.closes, CLOSES_SESSION);
    assert_false(mapped.event.closes_kinds >> KIND_QUESTION &
                 1); /* a form of an MCP server is open while it says busy */
    assert_true(mapped.event.closes_kinds >> KIND_PERMISSION & 1);
    assert_int_equal(mapped.pid, 20436);
    assert_int_equal(mapped.pid_start, 373570);
    assert_int_equal(mapped.event.pid, 0); /* hooks alone say whose process it is */

    assert_int_equal(see(STATUS_PATH, STATUS("idle", "1795455861000")), 1);
    assert_true(mapped.event.closes_kinds >> KIND_QUESTION & 1);
    assert_false(mapped.event.closes_kinds >> KIND_REVIEW & 1);
    assert_int_equal(mapped.event.state, STATE_NONE);

    assert_int_equal(see(STATUS_PATH, STATUS("waiting", "1795455861000")), 1);
    assert_int_equal(mapped.event.opens, CONFIRMS_REASON);
    assert_string_equal(mapped.event.title, "demo-db: permission prompt");

    assert_int_equal(see(STATUS_PATH, "{\"pid\":1,\"sessionId\":\"s1\"}"), 0); /* SDK hosts: never a status */
    assert_int_equal(see(STATUS_PATH, "{\"status\":\"busy\"}"), 0);            /* whose? */
    assert_int_equal(see(STATUS_PATH, "{\"sta"), -EINVAL);
    assert_int_equal(see(STATUS_PATH, "[]"), -EINVAL);
}

static void a_status_file_that_is_gone(void **state)
{
    (void)state;
    assert_int_equal(see_with(all, STATUS_PATH, NULL, "s1"), 1);
    assert_true(mapped.gone);
    assert_true(mapped.event.ends);
    assert_string_equal(mapped.event.session, "s1");
    assert_int_equal(mapped.pid, 20436); /* its name says so */
    assert_int_equal(see_with(all, STATUS_PATH, NULL, NULL), 0);
}

static void transcripts(void **state)
{
    static const char path[] = "/home/dev/.claude/projects/-home-dev-src-demo/s1.jsonl";
    (void)state;
    assert_int_equal(
        see(path,
            "{\"type\":\"user\",\"sessionId\":\"s1\",\"timestamp\":\"2026-11-23T17:44:21.500Z\","
            "\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"[Request interrupted by user]\"}]}}"),
        1);
    assert_int_equal(mapped.event.at_wall_ms, 1795455861500);
    assert_int_equal(mapped.event.closes, CLOSES_MAIN);
    assert_int_equal(mapped.event.state, STATE_IDLE);
    assert_int_equal(see(path, "{\"type\":\"system\",\"subtype\":\"turn_duration\",\"sessionId\":\"s1\","
                               "\"timestamp\":\"2026-11-23T17:44:21Z\"}"),
                     1);
    assert_int_equal(mapped.event.opens, CONFIRMS_REASON);
    /* a line that was there long before it was read opens nothing */
    assert_int_equal(see(path, "{\"type\":\"system\",\"subtype\":\"turn_duration\",\"sessionId\":\"s1\","
                               "\"timestamp\":\"2026-11-23T16:44:21+00:00\"}"),
                     1);
    assert_int_equal(mapped.event.opens, OPENS_NOTHING);
    assert_int_equal(
        see(path, "{\"type\":\"user\",\"sessionId\":\"s1\",\"message\":{\"content\":\"go on\"}}"), 0);
}

/* ---- paths ---------------------------------------------------------------------------------------- */

static void which_paths_fit(void **state)
{
    static const char *const known[] = {
        "/home/dev/.claude/sessions/1.json",
        "/root/.claude/sessions/1.json",
        "/home/dev/.claude/jobs/0022859d/state.json",
        "/home/dev/.copilot/session-state/x/events.jsonl",
        "/home/dev/.gemini/tmp/x/chats/session-1.jsonl",
        "/home/dev/.qwen/projects/x/chats/s.runtime.json",
        "/home/dev/.codex/sessions/2026/11/23/rollout-2026-11-23T17-40-59-01a2097f-2e4c-7051-9ade-fb6deb3d555e.jsonl"};
    static const char *const unknown[] = {
        "/home/dev/.claude/sessions/x/1.json", "/home/dev/.claude/sessions/.1.json",
        "/home/dev/.claude/sessions/1.txt",    "/home/dev/claude/sessions/1.json",
        "/home/dev/.claude/sessions",          "sessions/1.json"};
    const struct mapping *mapping;
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_non_null(file_entry_find(all, known[i], &mapping));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_null(file_entry_find(all, unknown[i], &mapping));
    assert_int_equal(see("/etc/passwd", "{}"), -EINVAL);
    assert_string_equal(refusal.at, "/path");
}

static const char *variable(const char *name)
{
    return strcmp(name, "HOME") == 0        ? "/home/me"
           : strcmp(name, "LAMP_HOME") == 0 ? "/srv/lamp"
                                            : NULL;
}

#define LAMP "agent: lamp\nsession: id\nfiles:\n"

static void what_is_watched(void **state)
{
    static const char *const expected[] = {"/home/me/.lamp/a/*.json", "/srv/lamp/b/*.json",
                                           "/home/me/.other/c.log", "/var/d.json"};
    struct mappings *lamp = parse(
        LAMP "  - { path: \"~/.lamp/a/*.json\", session: id, rows: [{ note: true }] }\n"
             "  - { path: \"${LAMP_HOME:-~/.lamp}/b/*.json\", session: id, rows: [{ note: true }] }\n"
             "  - { path: \"${OTHER:-~/.other}/c.log\", format: log, session: id, contains: x, head: [a.b, c], rows: [{ note: true }] }\n"
             "  - { path: \"/var/d.json\", session: id, gone: { ends: true } }\n"
             "  - { path: \"$NOWHERE/e.json\", session: id, rows: [{ note: true }] }\n");
    const struct mapping *mapping;
    int n;
    (void)state;
    json_t *settings = mappings_watches(lamp, variable, true, &n),
           *list = json_object_get(settings, "files");
    assert_int_equal(n, 4);
    for (int i = 0; i < n; i++)
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(list, (size_t)i), "path")), expected[i]);
    json_t *log = json_array_get(list, 2);
    assert_string_equal(json_string_value(json_object_get(log, "format")), "log");
    assert_int_equal(json_array_size(json_object_get(log, "contains")), 1);
    assert_int_equal(json_array_size(json_object_get(log, "head")), 2);
    assert_true(json_is_true(json_object_get(json_array_get(list, 3), "gone")));
    json_decref(settings);
    assert_non_null(file_entry_find(lamp, "/srv/lamp/b/1.json", &mapping)); /* where the variable points to */
    assert_non_null(file_entry_find(lamp, "/home/x/.lamp/b/1.json", &mapping));
    mappings_free(lamp);
}

/* ---- a log, names, stamps ---------------------------------------------------------------------------- */

static void a_log_with_a_pattern_per_state(void **state)
{
    struct mappings *lamp = parse(
        LAMP
        "  - path: /var/log/lamp/*/run.log\n    format: log\n    session: \"{@folder}-{@name}\"\n    rows:\n"
        "      - when: { \"@line\": { like: \"*waits for you*\" } }\n        opens: question\n        title: \"{@line}\"\n"
        "      - when: { \"@line\": { prefix: \"done\" } }\n        closes: main\n        state: idle\n");
    (void)state;
    assert_int_equal(
        see_with(lamp, "/var/log/lamp/seven/run.log", "12:00 the lamp waits for you", NULL), 1);
    assert_string_equal(mapped.event.session, "seven-run");
    assert_string_equal(mapped.event.title, "12:00 the lamp waits for you");
    assert_int_equal(mapped.event.opens, OPENS_REASON);
    assert_int_equal(mapped.event.at_wall_ms, NOW_MS);
    assert_int_equal(see_with(lamp, "/var/log/lamp/seven/run.log", "done", NULL), 1);
    assert_int_equal(mapped.event.closes, CLOSES_MAIN);
    assert_int_equal(see_with(lamp, "/var/log/lamp/seven/run.log", "else", NULL), 0);
    mappings_free(lamp);
}

static void stamps(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"1795455861000", 1795455861000},
                 {"1795455861.5", 1795455861500},
                 {"\"1795455861\"", 1795455861000},
                 {"\"2026-11-23T17:44:21Z\"", 1795455861000},
                 {"\"2026-11-23T17:44:21.123456Z\"", 1795455861123},
                 {"\"2026-11-23T18:44:21+01:00\"", 1795455861000},
                 {"\"2026-11-23 12:14:21-0530\"", 1795455861000},
                 {"\"2024-02-29T00:00:00Z\"", 1709164800000},
                 {"\"2026-13-23T17:44:21Z\"", NOW_MS},
                 {"\"2026-11-23\"", NOW_MS},
                 {"\"soon\"", NOW_MS},
                 {"-5", NOW_MS},
                 {"null", NOW_MS}};
    struct mappings *lamp =
        parse(LAMP "  - { path: /var/d.json, session: id, at: t, rows: [{ note: true }] }\n");
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char content[80];
        snprintf(content, sizeof content, "{\"id\":\"x\",\"t\":%s}", cases[i].text);
        assert_int_equal(see_with(lamp, "/var/d.json", content, NULL), 1);
        assert_int_equal(mapped.event.at_wall_ms, cases[i].ms);
    }
    mappings_free(lamp);
}

static void an_agent_cannot_forge_what_stands_around(void **state)
{
    struct mappings *lamp =
        parse(LAMP "  - { path: /var/d.json, session: \"{@name}\", rows: [{ note: true }] }\n");
    (void)state;
    assert_int_equal(see_with(lamp, "/var/d.json", "{\"@name\":\"other\",\"@head\":\"x\"}", NULL), 1);
    assert_string_equal(mapped.event.session, "d");
    mappings_free(lamp);
}

/* ---- mistakes ---------------------------------------------------------------------------------------- */

static void mistakes_are_told(void **state)
{
    static const struct {
        const char *entry, *says;
    } cases[] = {
        {"{ path: sessions/*.json, session: id, rows: [{ note: true }] }", "it has to begin with"},
        {"{ path: \"~/a/../b\", session: id, rows: [{ note: true }] }", "neither .. nor **"},
        {"{ path: \"~/a/\", session: id, rows: [{ note: true }] }", "it names a folder"},
        {"{ path: ~/a, rows: [{ note: true }] }", "`session` is missing"},
        {"{ session: id, rows: [{ note: true }] }", "`path` is missing"},
        {"{ path: ~/a, session: id }", "`rows` are missing"},
        {"{ path: ~/a, session: id, format: xml, rows: [{ note: true }] }", "xml"},
        {"{ path: ~/a, session: id, rows: [{ on: Stop, note: true }] }", "a file's row has no `on`"},
        {"{ path: ~/a, session: id, rows: [{ kinds: plan, state: idle }] }", "`kinds` says what"},
        {"{ path: ~/a, session: id, rows: [{}] }", "the row does nothing"},
        {"{ path: ~/a, session: \"{id\", rows: [{ note: true }] }", "a { without its }"},
        {"{ path: ~/a, session: id, contains: x, rows: [{ note: true }] }", "`contains` is for lines"},
        {"{ path: ~/a, session: id, pathh: b, rows: [{ note: true }] }", "pathh"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct problems problems = {0};
        struct mappings *mappings;
        char text[400];
        int n = snprintf(text, sizeof text, LAMP "  - %s\n", cases[i].entry);
        assert_int_not_equal(mappings_parse(&mappings, text, (size_t)n, "test.yaml", &problems), 0);
        assert_true(problems.n > 0);
        if (!strstr(problems.list[0].text, cases[i].says))
            fail_msg("%s: %s", cases[i].entry, problems.list[0].text);
        problems_clear(&problems);
    }
}

/* ---- recordings ---------------------------------------------------------------------------------------- */

static json_t *sightings(const struct mappings *mappings, const char *path, const char *content,
                         json_t *heads)
{
    json_t *json = json_pack("{s:s, s:I, s:s, s:s}", "type", "file", "at_ms", (json_int_t)NOW_MS,
                             "path", path, "content", content);
    message_clear(&message);
    assert_int_equal(message_take(&message, json, &refusal), 0);
    return mapping_sightings(mappings, &message, heads);
}

static void a_recording_has_many_lines_at_once(void **state)
{
    static const char path[] = "/home/dev/.gemini/tmp/x/chats/session-1.jsonl";
    json_t *heads = json_object();
    (void)state;
    json_t *first =
        sightings(all, path, "{\"sessionId\":\"g1\"}\n{\"type\":\"user\"}\n{nonsense\n", heads);
    assert_int_equal(json_array_size(first), 0); /* nothing that counts */
    json_t *second =
        sightings(all, path, "{\"type\":\"info\",\"content\":\"Request cancelled.\"}\n", heads);
    assert_int_equal(json_array_size(second), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(second, 0), "head")), "g1");
    json_t *other = sightings(all, "/etc/passwd", "x", heads);
    assert_int_equal(json_array_size(other), 0);
    json_t *half = sightings(all, STATUS_PATH, "{\"pid\":", heads);
    assert_int_equal(json_array_size(half), 0);
    json_decref(first);
    json_decref(second);
    json_decref(other);
    json_decref(half);
    json_decref(heads);
}

/* ---- told to the core ------------------------------------------------------------------------------------ */

static struct rules *core;
static uint64_t seq;

static void step_at(int64_t at_ms, const struct event *event)
{
    struct moment now = {.wall_ms = at_ms, .steady_ms = at_ms, .next_offset_ms = NEVER_MS};
    rules_step(core, &now, &(struct input){.seq = ++seq, .type = INPUT_EVENT, .event = event});
    rules_committed(core);
}

static void ask_at(int64_t at_ms, const char *thread, enum kind kind, int64_t pid)
{
    step_at(at_ms, &(struct event){.at_wall_ms = at_ms,
                                   .agent = "claude-code",
                                   .session = "s1",
                                   .thread = thread,
                                   .opens = OPENS_REASON,
                                   .kind = kind,
                                   .state = STATE_BLOCKED,
                                   .title = "t",
                                   .pid = pid});
}

/* Sees a status stamped at_ms, at seen_ms. */
static void status_at(const char *status, int64_t at_ms, int64_t seen_ms)
{
    char content[300];
    snprintf(content, sizeof content,
             "{\"sessionId\":\"s1\",\"status\":\"%s\",\"statusUpdatedAt\":%lld}", status,
             (long long)at_ms);
    assert_int_equal(see(STATUS_PATH, content), 1);
    assert_true(observe_counts(core, &mapped));
    step_at(seen_ms, &mapped.event);
}

static int open_reasons(void)
{
    int n = 0;
    for (const struct need *need = rules_need_next(core, NULL); need;
         need = rules_need_next(core, need)) {
        for (const struct reason *reason = need->reasons; reason; reason = reason->next)
            n += !reason->closed_ms;
    }
    return n;
}

static void a_stale_busy_closes_nothing(void **state)
{
    (void)state;
    core = rules_new();
    ask_at(NOW_MS, "", KIND_PERMISSION, 7);
    status_at("busy", NOW_MS - 20, NOW_MS + 5);
    status_at("busy", NOW_MS, NOW_MS + 6); /* in the same millisecond */
    status_at("busy", NOW_MS + 1, NOW_MS + 7);
    assert_int_equal(open_reasons(), 1);
    status_at("waiting", NOW_MS + 100, NOW_MS + 130);
    assert_int_equal(open_reasons(), 1); /* it joins */
    status_at("busy", NOW_MS + 2000, NOW_MS + 2100);
    assert_int_equal(open_reasons(), 0);
    rules_free(core);
}

static void an_observation_is_no_measure_for_hooks(void **state)
{
    (void)state;
    core = rules_new();
    step_at(
        NOW_MS,
        &(struct event){
            .at_wall_ms = NOW_MS, .agent = "claude-code", .session = "s1", .starts = true, .pid = 7});
    status_at("busy", NOW_MS + 500, NOW_MS + 501);
    ask_at(NOW_MS + 490, "", KIND_PERMISSION, 7); /* sent before, here after it */
    assert_int_equal(open_reasons(), 1);
    rules_free(core);
}

static void only_what_its_row_names(void **state)
{
    (void)state;
    core = rules_new();
    ask_at(NOW_MS, "", KIND_REVIEW, 7);
    ask_at(NOW_MS + 1, "sub", KIND_PERMISSION, 7);
    ask_at(NOW_MS + 2, "sub2", KIND_PERMISSION, 7);
    assert_int_equal(open_reasons(), 3);
    status_at("idle", NOW_MS + 1000, NOW_MS + 1001);
    assert_int_equal(open_reasons(), 1);
    assert_int_equal(rules_need_next(core, NULL)->kind, KIND_REVIEW);
    rules_free(core);
}

static void without_hooks_files_open_at_once(void **state)
{
    (void)state;
    core = rules_new();
    status_at("busy", NOW_MS, NOW_MS);
    status_at("waiting", NOW_MS + 1000, NOW_MS + 1000);
    assert_int_equal(open_reasons(), 1);
    status_at("waiting", NOW_MS + 1500, NOW_MS + 1500);
    assert_int_equal(open_reasons(), 1);
    status_at("busy", NOW_MS + 2000, NOW_MS + 2000);
    assert_int_equal(open_reasons(), 0);
    rules_free(core);
    core = rules_new(); /* with hooks the real edge is theirs */
    step_at(
        NOW_MS,
        &(struct event){
            .at_wall_ms = NOW_MS, .agent = "claude-code", .session = "s1", .starts = true, .pid = 7});
    status_at("waiting", NOW_MS + 1000, NOW_MS + 1000);
    assert_int_equal(open_reasons(), 0);
    rules_free(core);
}

static void of_known_sessions_only(void **state)
{
    (void)state;
    core = rules_new();
    assert_int_equal(see_with(all, "/home/dev/.gemini/tmp/x/chats/session-1.jsonl",
                              "{\"type\":\"error\",\"content\":\"x\"}", "nobody"),
                     1);
    assert_false(observe_counts(core, &mapped));
    rules_free(core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_file_is_an_observation),
        cmocka_unit_test(a_status_file_that_is_gone),
        cmocka_unit_test(transcripts),
        cmocka_unit_test(which_paths_fit),
        cmocka_unit_test(what_is_watched),
        cmocka_unit_test(a_log_with_a_pattern_per_state),
        cmocka_unit_test(stamps),
        cmocka_unit_test(an_agent_cannot_forge_what_stands_around),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(a_recording_has_many_lines_at_once),
        cmocka_unit_test(a_stale_busy_closes_nothing),
        cmocka_unit_test(an_observation_is_no_measure_for_hooks),
        cmocka_unit_test(only_what_its_row_names),
        cmocka_unit_test(without_hooks_files_open_at_once),
        cmocka_unit_test(of_known_sessions_only),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
