/* test_json_read.c: our reader against jansson: what it takes, jansson takes to the same value; what it must leave, it
 * leaves. And the writer of events against jansson's. */
#include "event_json.h"
#include "json_read.h"
#include "message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *theirs(const char *text, size_t len)
{
    return json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
}

/* True if it was taken, and then as jansson takes it. */
static bool taken(const char *text, size_t len)
{
    json_t *ours = json_read(text, len, MESSAGE_DEPTH_MAX);
    if (!ours)
        return false;
    json_t *other = theirs(text, len);
    if (!other || !json_equal(ours, other))
        fail_msg("differs: %.*s", (int)len, text);
    json_decref(ours);
    json_decref(other);
    return true;
}

static const char *const plain[] = {
    "{}",
    "[]",
    "\"\"",
    "0",
    "-0",
    "7",
    "-7",
    "999999999999999999",
    "true",
    "false",
    "null",
    " { \"a\" : [ 1 , -2 , true , false , null , \"x\" ] , \"b\" : { } } \r\n\t",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\\uFFFF\"",
    "\"é€😀\x7f\"",
    "{\"\":1,\"é\":2}",
    "[[[[[[[[1]]]]]]]]",
    "{\"type\":\"event\",\"id\":\"00ff\",\"at_ms\":1795455862021}",
};

static void takes_what_is_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (!taken(plain[i], strlen(plain[i])))
            fail_msg("left: %s", plain[i]);
    }
}

/* Wrong, or only unusual: both are jansson's. */
static void leaves_the_rest(void **state)
{
    static const char *const rest[] = {
        "",
        " ",
        "{",
        "[",
        "\"",
        "\"\\",
        "\"\\u",
        "\"\\u12",
        "\"\\u12\"",
        "\"\\q\"",
        "\"a\nb\"",
        "\"\\u0000\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\n\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ude00\"",
        "\"\\u00g0\"",
        "{\"a\":1,\"a\":2}",
        "{\"a\":{\"b\":1,\"b\":1}}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{1:2}",
        "{\"a\" 1}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{\"a\":1]",
        "-",
        "+1",
        "01",
        "-01",
        "1.5",
        "1e3",
        "1E3",
        "0x10",
        "1000000000000000000",
        "99999999999999999999",
        "tru",
        "nul",
        "True",
        "truefalse",
        "{} {}",
        "1 x",
        "'a'",
        "//",
        "\"a\"\"b\"",
        "{\"a\\u0062\":1}",
        "\xef\xbb\xbf{}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        if (taken(rest[i], strlen(rest[i])))
            fail_msg("taken: %s", rest[i]);
    }
}

static void stops_at_the_depth(void **state)
{
    char text[2 * MESSAGE_DEPTH_MAX + 3];
    (void)state;
    for (int depth = MESSAGE_DEPTH_MAX; depth <= MESSAGE_DEPTH_MAX + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        assert_int_equal(taken(text, 2 * (size_t)depth), depth == MESSAGE_DEPTH_MAX);
    }
}

/* A fixed sequence: a failure can be played again. */
static unsigned next_random(unsigned below)
{
    static uint64_t state = 7;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % below;
}

/* Each plain text, broken in one or two places by a byte that means something, and cut at every length. */
static void agrees_on_broken_texts(void **state)
{
    static const char bytes[] = "{}[]\",:\\u0019-.eE tfn\n\x01/d8";
    char text[256];
    int n = 0;
    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        size_t len = strlen(plain[i]);
        for (size_t cut = 0; cut <= len; cut++)
            n += taken(plain[i], cut);
        for (int round = 0; round < 3000; round++) {
            memcpy(text, plain[i], len + 1);
            for (unsigned breaks = 1 + next_random(2); breaks > 0 && len > 0; breaks--)
                text[next_random((unsigned)len)] = bytes[next_random(sizeof bytes - 1)];
            struct refusal refusal;
            if (message_scan(text, len, &refusal) == 0) /* what it is promised: UTF-8 without NUL */
                n += taken(text, len);
        }
    }
    assert_true(n > 1000);
}

/* ---- the writer ---------------------------------------------------------------------------------------- */

static void writes_as_jansson(const struct event *event)
{
    json_t *json = event_to_json(event);
    char *expected = json_dumps(json, JSON_COMPACT), *text = event_to_text(event);
    assert_string_equal(text, expected);
    free(text);
    free(expected);
    json_decref(json);
}

static void writes_events_as_jansson(void **state)
{
    char all[0x80], longer[5000];
    (void)state;
    for (int i = 1; i < 0x80; i++)
        all[i - 1] = (char)i;
    all[0x7f] = 0;
    memset(longer, '\x01', sizeof longer - 1); /* each six bytes long */
    longer[sizeof longer - 1] = 0;
    writes_as_jansson(&(struct event){0});
    writes_as_jansson(&(struct event){.pid = -1});
    writes_as_jansson(&(struct event){.agent = "claude-code",
                                      .session = "s",
                                      .title = all,
                                      .text = "é€😀 </script> \xe2\x80\xa8",
                                      .at_wall_ms = INT64_MAX,
                                      .pid = INT64_MIN,
                                      .observed = true,
                                      .starts = true,
                                      .state = STATE_BLOCKED,
                                      .opens = OPENS_REASON,
                                      .kind = KIND_QUESTION,
                                      .closes = CLOSES_THREAD,
                                      .urgency = URGENCY_CRITICAL,
                                      .place = {.tmux = "/tmp/tmux,1,0", .pane = "%1", .term = ""}});
    writes_as_jansson(&(struct event){.text = longer, .branch = "main"});
    writes_as_jansson(&(struct event){.branch = "main"}); /* after a long one a short one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_plain),      cmocka_unit_test(leaves_the_rest),
        cmocka_unit_test(stops_at_the_depth),       cmocka_unit_test(agrees_on_broken_texts),
        cmocka_unit_test(writes_events_as_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
