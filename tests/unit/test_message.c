/* test_message.c: lines from a door: what is taken, what is refused, and what the refusal says. */
#include "message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct message message;
static struct refusal refusal;

static int parse_bytes(const char *line, size_t len)
{
    message_clear(&message);
    memset(&refusal, 0, sizeof refusal);
    return message_parse(&message, line, len, &refusal);
}

static int parse(const char *line)
{
    return parse_bytes(line, strlen(line));
}

static void takes_a_hook(void **state)
{
    (void)state;
    assert_int_equal(
        parse("{\"type\":\"hook\",\"id\":\"00000000000000fF\",\"at_ms\":1795455862021,\"agent\":\"claude-code\","
              "\"event\":\"Stop\",\"payload\":{\"session_id\":\"s\"},\"context\":{\"pid\":7},\"new\":[1]}"),
        0);
    assert_int_equal(message.type, MESSAGE_HOOK);
    assert_true(message.has_id);
    assert_int_equal(message.id, 255);
    assert_int_equal(message.at_ms, 1795455862021);
    assert_string_equal(message.agent, "claude-code");
    assert_string_equal(message.event, "Stop");
    assert_non_null(json_object_get(message.payload, "session_id"));
    assert_int_equal(json_integer_value(json_object_get(message.context, "pid")), 7);
    message_clear(&message);
}

static void takes_what_may_be_missing(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"type\":\"hook\",\"agent\":\"a\",\"payload\":{},\"context\":null}"), 0);
    assert_false(message.has_id);
    assert_int_equal(message.at_ms, 0);
    assert_string_equal(message.event, "");
    assert_null(message.context);
    assert_int_equal(
        parse("{\"type\":\"event\",\"agent\":\"a\",\"session\":\"s\",\"state\":\"done\"}"), 0);
    assert_int_equal(parse("{\"type\":\"command\",\"command\":\"status\"}"), 0);
    assert_string_equal(message.command, "status");
    assert_int_equal(parse("{\"type\":\"follow\"}"), 0);
    assert_int_equal(parse("{\"type\":\"file\",\"at_ms\":1,\"path\":\"/x\"}"), 0);
    assert_int_equal(message.type, MESSAGE_FILE);
    message_clear(&message);
}

#define HOOK "{\"type\":\"hook\",\"agent\":\"a\",\"payload\":{}"

static void names_what_is_wrong_and_where(void **state)
{
    static const struct {
        const char *line, *at, *error;
    } cases[] = {
        {"{\"type\":\"hook\"", "", "no JSON"},
        {"", "", "no JSON"},
        {"nonsense", "", "no JSON"},
        {"[1,2]", "", "must be an object, not an array"},
        {"17", "", "must be an object, not a number"},
        {"{} {}", "", "no JSON"},
        {"{\"a\":1,\"a\":2}", "", "duplicate"},
        {"{\"type\":\"hook\",\"agent\":\"a\",\"payload\":{\"x\":1,\"x\":2}}", "", "duplicate"},
        {"{\"x\":123456789012345678901234567890}", "", "no JSON"},
        {"{\"x\":1e999}", "", "no JSON"},
        {"{\"x\":\"\\ud800\"}", "", "no JSON"},
        {"{\"x\":\"\\u0000\"}", "", "no JSON"},
        {"{\"x\":\"\xff\"}", "", "byte 7 is no valid UTF-8"},
        {"{\"x\":\"\xed\xa0\x80\"}", "", "byte 7 is no valid UTF-8"},
        {"{\"x\":\"\xc0\xaf\"}", "", "byte 7 is no valid UTF-8"},
        {"{}", "/type", "type is missing"},
        {"{\"type\":7}", "/type", "must be a string, not a number"},
        {"{\"type\":\"hok\"}", "/type", "unknown type \"hok\""},
        {HOOK ",\"id\":\"12\"}", "/id", "16 hexadecimal digits"},
        {HOOK ",\"id\":\"00000000000000zz\"}", "/id", "16 hexadecimal digits"},
        {HOOK ",\"id\":\"00000000000000000\"}", "/id", "16 hexadecimal digits"},
        {HOOK ",\"id\":17}", "/id", "must be a string"},
        {HOOK ",\"at_ms\":\"now\"}", "/at_ms", "whole number"},
        {HOOK ",\"at_ms\":1.5}", "/at_ms", "whole number"},
        {HOOK ",\"at_ms\":-1}", "/at_ms", "no instant"},
        {HOOK ",\"at_ms\":9223372036854775807}", "/at_ms", "no instant"},
        {HOOK ",\"context\":[]}", "/context", "must be an object, not an array"},
        {HOOK ",\"event\":{}}", "/event", "must be a string, not an object"},
        {"{\"type\":\"hook\",\"payload\":{}}", "/agent", "agent is missing"},
        {"{\"type\":\"hook\",\"agent\":\"\",\"payload\":{}}", "/agent", "agent is empty"},
        {"{\"type\":\"hook\",\"agent\":\"a\"}", "/payload", "payload is missing"},
        {"{\"type\":\"hook\",\"agent\":\"a\",\"payload\":\"x\"}", "/payload",
         "must be an object, not a string"},
        {"{\"type\":\"event\",\"agent\":\"a\"}", "/session", "session is missing"},
        {"{\"type\":\"command\"}", "/command", "command is missing"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int error = parse(cases[i].line);
        if (error != -EINVAL || strcmp(refusal.at, cases[i].at) != 0 ||
            !strstr(refusal.error, cases[i].error))
            fail_msg("%s: %d \"%s\" at \"%s\"", cases[i].line, error, refusal.error, refusal.at);
        assert_null(message.json);
    }
}

static void sets_payloads_that_are_no_json_aside(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"type\":\"hook\",\"agent\":\"a\",\"payload_text\":\"{\\\"cut\"}"),
                     -ENOTSUP);
    assert_string_equal(refusal.at, "/payload_text");
}

/* A hook whose payload is: before, n times middle, after. */
static char *build(const char *before, const char *middle, size_t n, const char *after)
{
    size_t each = strlen(middle);
    char *line = calloc(1, 200 + strlen(before) + n * each + strlen(after)), *end = line;
    end += sprintf(end, "{\"type\":\"hook\",\"agent\":\"a\",\"payload\":{\"x\":%s", before);
    for (size_t i = 0; i < n; i++, end += each)
        memcpy(end, middle, each);
    sprintf(end, "%s}}", after);
    return line;
}

static int parse_built(const char *before, const char *middle, size_t n, const char *after)
{
    char *line = build(before, middle, n, after);
    int error = parse(line);
    free(line);
    return error;
}

static void limits_hold_before_parsing(void **state)
{
    (void)state;
    assert_int_equal(parse_built("\"", "x", MESSAGE_SIZE_MAX, "\""), -EMSGSIZE);
    assert_non_null(strstr(refusal.error, "256 KiB"));
    assert_int_equal(parse_built("\"", "x", MESSAGE_SIZE_MAX - 100, "\""), 0);

    char *deep = build("", "[", 62, "");
    char *line = calloc(1, strlen(deep) + 100);
    memcpy(line, deep, strlen(deep) - 2); /* the message and its payload are two levels */
    memset(line + strlen(line), ']', 62);
    strcat(line, "}}");
    assert_int_equal(parse(line), 0);
    free(line);
    free(deep);
    assert_int_equal(parse_built("", "[", 63, ""), -EMSGSIZE);
    assert_non_null(strstr(refusal.error, "deeper than 64"));
    assert_int_equal(parse_built("", "[", 100000, ""), -EMSGSIZE);

    /* the message, type, agent, payload, x are five values; the list has n + 1 */
    assert_int_equal(parse_built("[", "0,", MESSAGE_VALUES_MAX - 6, "0]"), 0);
    assert_int_equal(parse_built("[", "0,", MESSAGE_VALUES_MAX - 5, "0]"), -EMSGSIZE);
    assert_non_null(strstr(refusal.error, "20000 values"));
    assert_int_equal(parse_built("[", "[],", 6000, "0]"), 0);
    assert_int_equal(parse_built("\"", "[,{", 30000, "\""), 0); /* in a string nothing counts */
    assert_int_equal(parse_built("\"", "\\\"", 30000, "\""), 0);
    message_clear(&message);
}

static void nul_is_refused(void **state)
{
    (void)state;
    assert_int_equal(parse_bytes("{\"a\":1}\0{}", 10), -EINVAL);
    assert_string_equal(refusal.error, "byte 8 is NUL");
}

static void every_cut_of_a_line_is_refused(void **state)
{
    static const char line[] = HOOK
        ",\"id\":\"0123456789abcdef\",\"at_ms\":1795455862021,\"context\":{\"a\":[1,\"\xc3\xa4\\n\"]}}";
    (void)state;
    for (size_t len = 0; len < sizeof line - 1; len++)
        assert_true(parse_bytes(line, len) < 0);
    assert_int_equal(parse(line), 0);
    message_clear(&message);
}

static void refusals_are_one_inert_line(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"type\":\"a\\u001b[31m\\nb\\u202e\"}"), -EINVAL);
    for (const char *p = refusal.error; *p; p++)
        assert_true((unsigned char)*p >= 0x20);
    assert_null(strstr(refusal.error, "\xe2\x80\xae"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_hook),
        cmocka_unit_test(takes_what_may_be_missing),
        cmocka_unit_test(names_what_is_wrong_and_where),
        cmocka_unit_test(sets_payloads_that_are_no_json_aside),
        cmocka_unit_test(limits_hold_before_parsing),
        cmocka_unit_test(nul_is_refused),
        cmocka_unit_test(every_cut_of_a_line_is_refused),
        cmocka_unit_test(refusals_are_one_inert_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
