/* test_setup.c: setup's parts without files: JSON changed in place, hooks put in and taken out, the diff. */
#include "setup.h"

#include "rules/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct problems problems;

static struct setup_text text_of(const char *bytes)
{
    struct setup_text text = {0};
    setup_text_set(&text, bytes, strlen(bytes));
    return text;
}

/* ---- JSON in place -------------------------------------------------------------------------------------- */

enum { ALL = SETUP_JSON_COMMENTS | SETUP_JSON_COMMAS };

static void names_line_and_column(void **state)
{
    static const struct {
        const char *text;
        unsigned allow;
        int line, column;
        const char *message;
    } cases[] = {
        {"{\n  \"a\": 1,\n  b: 2\n}", 0, 3, 3, "double quotes"},
        {"{\n  \"a\": 1\n  \"b\": 2\n}", 0, 3, 3, "comma or }"},
        {"{\"a\": 1,}", 0, 1, 8, "comma too many"},
        {"{\"a\": 1,}", SETUP_JSON_COMMENTS, 1, 8, "comma too many"},
        {"{ // c\n}", 0, 1, 3, "plain JSON only"},
        {"{ /* c", ALL, 1, 3, "does not end"},
        {"{\"ä\": tru}", 0, 1, 7, "no value"},
        {"{\"a\": 01}", 0, 1, 7, "no value"},
        {"{\"a\": 1.}", 0, 1, 7, "no value"},
        {"{\"a\": \"x\n\"}", 0, 1, 7, "does not end"},
        {"{\"a\": \"\\q\"}", 0, 1, 8, "no such escape"},
        {"{\"a\": \"\t\"}", 0, 1, 8, "control character"},
        {"{\"a\": \"\xff\"}", 0, 1, 8, "UTF-8"},
        {"{\"a\"", 0, 1, 5, "colon"},
        {"[1, 2", 0, 1, 6, "comma or ]"},
        {"{} {}", 0, 1, 4, "follows"},
        {"", 0, 1, 1, "ends"},
        {"{\"a\": [}", 0, 1, 8, "no value"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct setup_json json;
        int error = setup_json_parse(&json, cases[i].text, strlen(cases[i].text), cases[i].allow,
                                     "f", &problems);
        assert_int_equal(error, -EINVAL);
        const struct problem *p = &problems.list[0];
        if (p->line != cases[i].line || p->column != cases[i].column ||
            !strstr(p->message, cases[i].message))
            fail_msg("%s: %d:%d %s", cases[i].text, p->line, p->column, p->message);
        setup_json_release(&json);
        problems_clear(&problems);
    }
}

static void every_cut_and_depth_is_refused(void **state)
{
    static const char text[] = "{\"a\": [1, {\"b\": \"c\\u00e4\"}], \"d\": -1.5e3} ";
    struct setup_json json;
    (void)state;
    for (size_t n = 0; n < sizeof text - 2; n++) {
        assert_int_equal(setup_json_parse(&json, text, n, ALL, "f", &problems), -EINVAL);
        setup_json_release(&json);
        problems_clear(&problems);
    }
    char deep[SETUP_JSON_DEPTH * 2 + 4];
    memset(deep, '[', sizeof deep);
    assert_int_equal(setup_json_parse(&json, deep, sizeof deep, ALL, "f", &problems), -EINVAL);
    assert_non_null(strstr(problems.list[0].message, "deep"));
    setup_json_release(&json);
    problems_clear(&problems);
}

/* Inserts an item into the root, or into its member "in". */
static void check_insert(const char *before, const char *item, const char *after)
{
    struct setup_json json;
    assert_int_equal(setup_json_parse(&json, before, strlen(before), ALL, "f", &problems), 0);
    int in = setup_json_member(&json, 0, "in", NULL);
    setup_json_insert(&json, in >= 0 ? in : 0, item);
    assert_string_equal(json.text, after);
    /* The new child is the last, and taking it out gives the old text where it was not of one line. */
    in = setup_json_member(&json, 0, "in", NULL);
    int last = json.nodes[in >= 0 ? in : 0].child;
    while (json.nodes[last].next >= 0)
        last = json.nodes[last].next;
    setup_json_remove(&json, last);
    if (strchr(before, '\n') && !strstr(before, "{\n}"))
        assert_string_equal(json.text, before);
    setup_json_release(&json);
}

static void inserts_as_the_file_is_set_in(void **state)
{
    (void)state;
    check_insert("{}\n", "\"k\": 1", "{\n  \"k\": 1\n}\n");
    check_insert("{\n}\n", "\"k\": 1", "{\n  \"k\": 1\n}\n");
    check_insert("{\n    \"a\": 1\n}", "\"k\": 1", "{\n    \"a\": 1,\n    \"k\": 1\n}");
    check_insert("{\n\t\"a\": 1\n}", "\"k\": 1", "{\n\t\"a\": 1,\n\t\"k\": 1\n}");
    check_insert("{\r\n  \"a\": 1\r\n}\r\n", "\"k\": 1", "{\r\n  \"a\": 1,\r\n  \"k\": 1\r\n}\r\n");
    check_insert("{\n  \"a\": 1,\n}\n", "\"k\": 1", "{\n  \"a\": 1,\n  \"k\": 1,\n}\n");
    check_insert("{\n  \"a\": 1 // x\n}\n", "\"k\": 1", "{\n  \"a\": 1, // x\n  \"k\": 1\n}\n");
    check_insert("{\n  \"a\": 1, // x\n}\n", "\"k\": 1", "{\n  \"a\": 1, // x\n  \"k\": 1,\n}\n");
    check_insert("{ /* x */\n}\n", "\"k\": 1", "{ /* x */\n  \"k\": 1\n}\n");
    check_insert("{\"a\":1}", "\"k\": 1", "{\"a\":1,\n  \"k\": 1\n}");
    check_insert("\xef\xbb\xbf{\n  \"a\": 1\n}", "\"k\": 1",
                 "\xef\xbb\xbf{\n  \"a\": 1,\n  \"k\": 1\n}");
    check_insert("{\n  \"in\": [],\n  \"a\": 1\n}\n", "1",
                 "{\n  \"in\": [\n    1\n  ],\n  \"a\": 1\n}\n");
    check_insert("{\n  \"in\": {\n    \"x\": []\n  }\n}\n", "\"k\": 1",
                 "{\n  \"in\": {\n    \"x\": [],\n    \"k\": 1\n  }\n}\n");
    check_insert("// top\n{\n  \"in\": [\n    1\n  ] // end\n}\n", "2",
                 "// top\n{\n  \"in\": [\n    1,\n    2\n  ] // end\n}\n");
}

static void removes_one_child_only(void **state)
{
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"{\"k\": 1}", "{}"},
        {"{\"k\": 1, \"a\": 2}", "{ \"a\": 2}"},
        {"{\"a\": 2, \"k\": 1}", "{\"a\": 2}"},
        {"{\"a\": 2, \"k\": 1, \"b\": 3}", "{\"a\": 2, \"b\": 3}"},
        {"{\n  \"a\": 2,\n  \"k\": 1,\n}", "{\n  \"a\": 2,\n}"},
        {"{\n  \"a\": 2, // of a\n  \"k\": 1\n}", "{\n  \"a\": 2 // of a\n}"},
        {"{\n  // of k\n  \"k\": 1\n}", "{\n  // of k\n}"},
        {"{\"a\": 2 /* , */, \"k\": 1 /* end */}", "{\"a\": 2 /* , */ /* end */}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct setup_json json;
        assert_int_equal(
            setup_json_parse(&json, cases[i].before, strlen(cases[i].before), ALL, "f", &problems), 0);
        setup_json_remove(&json, setup_json_member(&json, 0, "k", NULL));
        assert_string_equal(json.text, cases[i].after);
        setup_json_release(&json);
    }
}

/* ---- hooks ----------------------------------------------------------------------------------------------- */

static struct setup_text with(const char *agent, const char *bytes, const char *command)
{
    struct setup_text text = text_of(bytes), out = {0};
    int error = setup_hooks_add(setup_agent_find(agent), command, &text, "f", &out, &problems);
    if (error)
        fail_msg("%s: %s", bytes, problems.n ? problems.list[0].text : "no problem told");
    setup_text_clear(&text);
    return out;
}

static struct setup_text without(const char *agent, const struct setup_text *text)
{
    struct setup_text out = {0};
    assert_int_equal(setup_hooks_strip(setup_agent_find(agent), text, "f", &out, &problems), 0);
    return out;
}

static const char *const rich[] = {
    "{\n  \"model\": \"opus\",\n  \"env\": {\"A\": \"b\"}\n}\n",
    "{\n  \"hooks\": {\n    \"Stop\": [\n      {\n        \"hooks\": [{\"type\": \"command\", \"command\": \"mine\"}]\n"
    "      }\n    ],\n    \"Mine\": [1]\n  },\n  \"z\": null\n}",
    "{\n\t\"hooks\": {\n\t\t\"Notification\": [\n\t\t\t{\"matcher\": \"x\", \"hooks\": []}\n\t\t]\n\t}\n}\n",
    "{\r\n  \"a\": \"\\u00e4 { [ // no comment\"\r\n}\r\n",
};

static void adds_once_and_strips_to_the_byte(void **state)
{
    static const char *const agents[] = {"claude-code", "codex", "gemini", "qwen", "windsurf"};
    (void)state;
    for (size_t a = 0; a < sizeof agents / sizeof *agents; a++) {
        for (size_t i = 0; i < sizeof rich / sizeof *rich; i++) {
            struct setup_text once = with(agents[a], rich[i], "/usr/bin/quietbell-hook");
            struct setup_text twice = with(agents[a], once.bytes, "/usr/bin/quietbell-hook");
            assert_true(setup_text_same(&once, &twice));
            struct setup_text back = without(agents[a], &once);
            assert_string_equal(back.bytes, rich[i]);
            setup_text_clear(&once);
            setup_text_clear(&twice);
            setup_text_clear(&back);
        }
    }
}

static void says_what_each_agent_reads(void **state)
{
    static const struct {
        const char *agent, *line;
    } cases[] = {
        {"claude-code",
         "\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"/b in/quietbell-hook\", \"args\": "
         "[\"claude-code\", \"Stop\"], \"timeout\": 2}]}]"},
        {"codex", "\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"'/b in/quietbell-hook' codex Stop\", "
                  "\"timeout\": 3}]}]"},
        {"gemini", "\"AfterAgent\": [{\"matcher\": \"*\", \"hooks\": [{\"type\": \"command\", \"command\": "
                   "\"'/b in/quietbell-hook' gemini AfterAgent\", \"timeout\": 3000}]}]"},
        {"copilot", "\"Stop\": [{\"type\": \"command\", \"bash\": \"'/b in/quietbell-hook' copilot Stop\", "
                    "\"timeoutSec\": 3}]"},
        {"cursor", "\"stop\": [{\"command\": \"'/b in/quietbell-hook' cursor stop\"}]"},
        {"windsurf", "\"post_cascade_response\": [{\"command\": \"'/b in/quietbell-hook' windsurf "
                     "post_cascade_response\", \"show_output\": false}]"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct setup_text out = with(cases[i].agent, "", "/b in/quietbell-hook");
        if (!strstr(out.bytes, cases[i].line))
            fail_msg("%s: %s", cases[i].line, out.bytes);
        json_t *json = json_loads(out.bytes, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
        for (const struct setup_event *e = setup_agent_find(cases[i].agent)->events;
             e < setup_agent_find(cases[i].agent)->events + setup_agent_find(cases[i].agent)->n_events;
             e++)
            assert_int_equal(
                json_array_size(json_object_get(json_object_get(json, "hooks"), e->name)), 1);
        json_decref(json);
        setup_text_clear(&out);
    }
}

static void mends_what_is_old(void **state)
{
    static const char old[] =
        "{\"hooks\": {\n"
        "  \"Stop\": [{\"hooks\": [{\"command\": \"mine\"}]},\n"
        "    {\"hooks\": [{\"type\": \"command\", \"command\": \"/old/quietbell-hook claude-code Stop\"}]},\n"
        "    {\"hooks\": [{\"type\": \"command\", \"command\": \"/old/quietbell-hook claude-code Stop\"}]}],\n"
        "  \"PreToolUse\": [{\"matcher\": \"Bash\", \"hooks\": [{\"command\": \"mine\"},\n"
        "    {\"type\": \"command\", \"command\": \"/old/quietbell-hook\", \"args\": [\"claude-code\", \"x\"]}]}],\n"
        "  \"MessageDisplay\": [{\"hooks\": [{\"command\": \"/old/quietbell-hook claude-code MessageDisplay\"}]}],\n"
        "  \"SessionEnd\": [{\"hooks\": [{\"command\": \"/x/quietbell-hook codex SessionEnd\"}]}]\n"
        "}}\n";
    struct setup_text out = with("claude-code", old, "/new/quietbell-hook");
    (void)state;

    assert_null(strstr(out.bytes, "/old/"));
    assert_null(strstr(out.bytes, "MessageDisplay"));
    assert_non_null(strstr(out.bytes, "/x/quietbell-hook codex SessionEnd")); /* another agent's is not ours */
    json_t *json = json_loads(out.bytes, 0, NULL), *hooks = json_object_get(json, "hooks");
    assert_int_equal(json_array_size(json_object_get(hooks, "Stop")), 2);
    const json_t *shared = json_array_get(json_object_get(hooks, "PreToolUse"), 0);
    assert_string_equal(json_string_value(json_object_get(shared, "matcher")), "Bash");
    assert_int_equal(json_array_size(json_object_get(shared, "hooks")), 2);
    assert_int_equal(json_array_size(json_object_get(hooks, "PreToolUse")), 1);
    assert_int_equal(json_array_size(json_object_get(hooks, "SessionEnd")), 2);
    json_decref(json);
    setup_text_clear(&out);
}

static void finds_switches_and_commands(void **state)
{
    struct setup_text text =
        text_of("{\"disableAllHooks\": true, \"hooks\": {\"Stop\": [{\"hooks\": [{\"command\": "
                "\"'/a b/quietbell-hook' claude-code Stop\"}]}]}}");
    struct setup_found found;
    (void)state;
    assert_int_equal(setup_hooks_look(setup_agent_find("claude-code"), &text, "f", &found, &problems),
                     0);
    assert_int_equal(found.hooks, 1);
    assert_string_equal(found.command, "/a b/quietbell-hook");
    assert_true(found.off);
    free(found.command);
    setup_text_clear(&text);
    text = text_of("{\"hooksConfig\": {\"enabled\": true}}");
    assert_int_equal(setup_hooks_look(setup_agent_find("gemini"), &text, "f", &found, &problems), 0);
    assert_false(found.off);
    setup_text_clear(&text);
}

static void refuses_what_cannot_hold_hooks(void **state)
{
    static const char *const cases[] = {"[]",
                                        "7",
                                        "{\"hooks\": []}",
                                        "{\"hooks\": null}",
                                        "{\"hooks\": {\"Stop\": {}}}",
                                        "{\"hooks\": {}, \"hooks\": {}}",
                                        "{\"hooks\": {\"Stop\": [], \"Stop\": []}}"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct setup_text text = text_of(cases[i]), out = {0};
        assert_int_equal(
            setup_hooks_add(setup_agent_find("claude-code"), "/q", &text, "f", &out, &problems),
            -EINVAL);
        assert_int_equal(problems.n, 1);
        assert_int_equal(problems.list[0].line, 1);
        assert_null(out.bytes);
        problems_clear(&problems);
        setup_text_clear(&text);
    }
}

static void quotes_for_a_shell(void **state)
{
    static const char *const cases[][2] = {{"/usr/bin/x", "/usr/bin/x"},
                                           {"/a b", "'/a b'"},
                                           {"/it's", "'/it'\\''s'"},
                                           {"$x", "'$x'"},
                                           {"", "''"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *quoted = setup_quoted(cases[i][0]);
        assert_string_equal(quoted, cases[i][1]);
        free(quoted);
    }
}

/* ---- any document ------------------------------------------------------------------------------------------ */

static uint64_t seed;

static uint32_t any(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

struct out {
    char text[1 << 16];
    size_t n;
};

static void say(struct out *out, const char *text)
{
    size_t n = strlen(text);
    assert_true(out->n + n < sizeof out->text);
    memcpy(out->text + out->n, text, n + 1);
    out->n += n;
}

/* Blanks and comments, where there may be some. */
static void gap(struct out *out)
{
    static const char *const gaps[] = {
        "", "", "", " ", "\n", "\n  ", "\t", "// c \"{[,\n", "/* , */", "\r\n"};
    say(out, gaps[any(10)]);
}

static void any_value(struct out *out, int depth);

static void any_children(struct out *out, int depth, bool member)
{
    static const char *const names[] = {"hooks",      "Stop", "a",      "\\u0041",
                                        "SessionEnd", "x y",  "version"};
    uint32_t n = any(4), first = any(7);

    for (uint32_t i = 0; i < n; i++) {
        gap(out);
        if (member) { /* no name twice */
            say(out, "\"");
            say(out, names[(first + i) % 7]);
            say(out, "\"");
            gap(out);
            say(out, ":");
            gap(out);
        }
        any_value(out, depth - 1);
        gap(out);
        if (i + 1 < n || any(4) == 0)
            say(out, ",");
    }
    gap(out);
}

static void any_value(struct out *out, int depth)
{
    static const char *const words[] = {"1",    "-0.5e+3", "true", "null", "\"s // \\\" {\"",
                                        "\"\"", "\"ä\""};
    uint32_t what = depth > 0 ? any(4) : 2;
    if (what > 1) {
        say(out, words[any(7)]);
        return;
    }
    say(out, what ? "{" : "[");
    any_children(out, depth, what);
    say(out, what ? "}" : "]");
}

/* For any document with comments: what we refuse stays out; what we take is idempotent, keeps every value, and
 * gives every value back. */
static void any_document_survives(void **state)
{
    const struct setup_agent *agent = setup_agent_find("cursor");
    int taken = 0;
    (void)state;

    for (seed = 1; seed < 4000 * 7919u; seed = (seed / 7919u + 1) * 7919u) {
        uint64_t begun = seed;
        static struct out out;
        out.n = 0;
        gap(&out);
        say(&out, "{");
        any_children(&out, 4, true);
        say(&out, "}");
        gap(&out);
        struct setup_text text = text_of(out.text), once = {0};
        if (setup_hooks_add(agent, "/q/quietbell-hook", &text, "f", &once, &problems) == 0) {
            struct setup_text twice = with("cursor", once.bytes, "/q/quietbell-hook"),
                              back = without("cursor", &once);
            struct setup_json was, is;
            assert_true(setup_text_same(&once, &twice));
            assert_int_equal(setup_json_parse(&was, text.bytes, text.len, ALL, "f", &problems), 0);
            assert_int_equal(setup_json_parse(&is, back.bytes, back.len, ALL, "f", &problems), 0);
            json_t *one = setup_json_value(&was, 0), *other = setup_json_value(&is, 0);
            if (!json_object_get(one, "version"))
                json_object_del(other, "version");
            if (json_object_size(json_object_get(one, "hooks")) == 0) {
                json_object_del(one, "hooks");
                json_object_del(other, "hooks");
            }
            if (!json_equal(one, other))
                fail_msg("%s\nbecame %s", text.bytes, back.bytes);
            json_decref(one);
            json_decref(other);
            setup_json_release(&was);
            setup_json_release(&is);
            setup_text_clear(&twice);
            setup_text_clear(&back);
            taken++;
        }
        problems_clear(&problems);
        setup_text_clear(&once);
        setup_text_clear(&text);
        seed = begun;
    }
    assert_true(taken > 1500);
}

/* ---- plugin file and diff --------------------------------------------------------------------------------- */

static void knows_its_plugin_file(void **state)
{
    char *whole = setup_plugin_text(setup_agent_find("opencode"), "/a \"b\"/quietbell-hook"),
         *command = NULL;
    struct setup_text text = text_of(whole), other = text_of("// mine\n");
    (void)state;
    assert_true(setup_plugin_ours(&text, &command));
    assert_string_equal(command, "/a \"b\"/quietbell-hook");
    free(command);
    command = NULL;
    assert_false(setup_plugin_ours(&other, &command));
    assert_null(command);
    setup_text_clear(&text);
    setup_text_clear(&other);
    free(whole);
}

static void check_diff(const char *before, const char *after, const char *expected)
{
    struct setup_text a = before ? text_of(before) : (struct setup_text){0};
    struct setup_text b = after ? text_of(after) : (struct setup_text){0};
    char *diff = setup_diff("f", &a, &b);
    assert_string_equal(diff, expected);
    free(diff);
    setup_text_clear(&a);
    setup_text_clear(&b);
}

static void prints_a_unified_diff(void **state)
{
    (void)state;
    check_diff("a\n", "a\n", "");
    check_diff(NULL, "a\n", "--- /dev/null\n+++ f\n@@ -0,0 +1,1 @@\n+a\n");
    check_diff("a\n", NULL, "--- f\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n");
    check_diff("a", "a\nb",
               "--- f\n+++ f\n@@ -1,1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n"
               "\\ No newline at end of file\n");
    check_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
               "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n");
    check_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n",
               "--- f\n+++ f\n@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -7,3 +8,4 @@\n 7\n 8\n 9\n+10\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_line_and_column),
        cmocka_unit_test(every_cut_and_depth_is_refused),
        cmocka_unit_test(inserts_as_the_file_is_set_in),
        cmocka_unit_test(removes_one_child_only),
        cmocka_unit_test(adds_once_and_strips_to_the_byte),
        cmocka_unit_test(says_what_each_agent_reads),
        cmocka_unit_test(mends_what_is_old),
        cmocka_unit_test(finds_switches_and_commands),
        cmocka_unit_test(refuses_what_cannot_hold_hooks),
        cmocka_unit_test(quotes_for_a_shell),
        cmocka_unit_test(any_document_survives),
        cmocka_unit_test(knows_its_plugin_file),
        cmocka_unit_test(prints_a_unified_diff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
