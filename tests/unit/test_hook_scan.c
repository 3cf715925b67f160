/* test_hook_scan.c - the hook client's scanner: what goes in, what comes out, in any pieces. */
#include "../../plugins/agents/hook_number.c"

#include "../../plugins/agents/hook_text.c"

#include "../../plugins/agents/hook_scan.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define BIG (256 * 1024)

static char out[BIG];

static enum scan_result scan_bytes(struct scan *scan, const char *bytes, size_t n, size_t piece)
{
    scan_init(scan, out, sizeof out);
    for (size_t i = 0; i < n; i += piece)
        scan_feed(scan, bytes + i, n - i < piece ? n - i : piece);
    return scan_end(scan);
}

static void check_n(const char *in, size_t n, const char *expected)
{
    for (size_t piece = 1; piece <= n + 1; piece += piece < 8 ? 1 : n / 3 + 1) {
        struct scan scan;
        assert_int_equal(scan_bytes(&scan, in, n, piece), SCAN_COMPLETE);
        assert_int_equal(scan.len, strlen(expected));
        assert_memory_equal(out, expected, scan.len);
    }
}

static void check(const char *in, const char *expected)
{
    check_n(in, strlen(in), expected);
}

static void check_result(const char *in, enum scan_result expected)
{
    for (size_t piece = 1; piece <= strlen(in) + 1; piece++) {
        struct scan scan;
        if (scan_bytes(&scan, in, strlen(in), piece) != expected)
            fail_msg("%s in pieces of %zu", in, piece);
    }
}

static void test_values(void **state)
{
    (void)state;
    check("{ \"a\" : [ 1 , -2.50e+3,\r\n\ttrue,false , null, {}, [ ] ] }\n",
          "{\"a\":[1,-2.50e+3,true,false,null,{},[]]}");
    check("\"x\"", "\"x\"");
    check(" 12 ", "12");
    check("12", "12");
    check("\xEF\xBB\xBF{}", "{}");
    check("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"");
    check("\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80 \xE2\x82\xAC\"",
          "\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80 \xE2\x82\xAC\"");
}

static void test_not_values(void **state)
{
    static const char *const bad[] = {
        "{",         "[1",    "{\"a\"", "{\"a\":", "{\"a\":1",    "{\"a\":1,}", "[1,]",
        "[,1]",      "{,}",   "]",      "}",       "[}",          "{]",         "{1:2}",
        "{\"a\" 1}", "[1 2]", "\"a",    "\"\\x\"", "\"\\u12g4\"", "01",         "-",
        "1.",        ".5",    "1e",     "+1",      "nul",         "True",       "NaN",
        "{} x",      "{}{}",  "1 2",    "'a'",     "{\"a\":1}]",  "tru\"e\"",   "\\",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_result(bad[i], SCAN_BAD);
    check_result("", SCAN_EMPTY);
    check_result(" \n\t\r ", SCAN_EMPTY);
}

static void test_repairs(void **state)
{
    (void)state;
    check("\"a\xFF\xC0\x80z\"", "\"a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\"");
    check("\"\xE2\x82\"", "\"\xEF\xBF\xBD\""); /* cut short by the quote */
    check("\"\xED\xA0\x80\"", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""); /* an encoded surrogate */
    check("\"\xF0\x9F\\n\"", "\"\xEF\xBF\xBD\\n\"");
    check_n("\"a\0b\x01\nc\td\"", 10, "\"a\\ufffdb\\u0001\\nc\\td\"");
    check("\"\\u0000\"", "\"\\ufffd\"");
    check("\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\"");
    check("\"\\uD83D\"", "\"\\ufffd\"");
    check("\"\\ude00x\"", "\"\\ufffdx\"");
    check("\"\\ud83dx\\ud83d\\n\\ud83d\\ud83d\\ude00\"", "\"\\ufffdx\\ufffd\\n\\ufffd\\ud83d\\ude00\"");
    check("\"\\ud83d\xC3\xA9\"", "\"\\ufffd\xC3\xA9\"");
}

static void test_numbers(void **state)
{
    char in[300], *p = in;
    (void)state;
    check("[9223372036854775807,-9223372036854775807]", "[9223372036854775807,-9223372036854775807]");
    check("[9223372036854775808,18446744073709551615]",
          "[9223372036854775808.0,18446744073709551615.0]");
    check("[1e300,1e299,1e-999,1E9999999999]", "[null,1e299,1e-999,null]");
    for (int i = 0; i < 129; i++)
        *p++ = '7';
    *p = 0;
    check(in, "null");
}

/* A string of n bytes made of `unit`, scanned; returns the bytes between the quotes. */
static size_t cut_string(const char *unit, size_t n, char **content)
{
    static char in[3 * 1024 * 1024 + 64];
    struct scan scan;
    size_t size = strlen(unit), len = 0;
    in[len++] = '"';
    while (len + size <= n + 1) {
        memcpy(in + len, unit, size);
        len += size;
    }
    in[len++] = '"';
    assert_int_equal(scan_bytes(&scan, in, len, 65536), SCAN_COMPLETE);
    assert_true(out[0] == '"' && out[scan.len - 1] == '"');
    *content = out + 1;
    return scan.len - 2;
}

static void test_cuts(void **state)
{
    static const char *const units[] = {"x",   "\xC3\xA9", "\xE2\x82\xAC",
                                        "\\n", "\\u00e9",  "\\ud83d\\ude00"};
    char *content;
    (void)state;
    assert_int_equal(cut_string("x", 4096, &content), 4096);
    assert_true(content[4095] == 'x');
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        for (size_t n = 4097 + strlen(units[i]); n < 3 * 1024 * 1024; n *= 7) {
            size_t len = cut_string(units[i], n, &content);
            assert_in_range(len, 4096 - 16, 4096);
            assert_memory_equal(content + len - 3, TEXT_ELLIPSIS, 3);
            assert_int_equal((len - 3) % strlen(units[i]), 0);
        }
    }
}

static void test_depth(void **state)
{
    char in[2 * SCAN_DEPTH + 8];
    struct scan scan;
    (void)state;
    for (int depth = SCAN_DEPTH; depth <= SCAN_DEPTH + 1; depth++) {
        memset(in, '[', (size_t)depth);
        memset(in + depth, ']', (size_t)depth);
        assert_int_equal(scan_bytes(&scan, in, 2 * (size_t)depth, 5),
                         depth > SCAN_DEPTH ? SCAN_BAD : SCAN_COMPLETE);
    }
}

/* Feeds text made on the way; what came out is NUL-terminated in `out`. */
static void feed(struct scan *scan, const char *bytes)
{
    scan_feed(scan, bytes, strlen(bytes));
}

static void finish(struct scan *scan)
{
    struct scan again;
    static char copy[BIG];
    feed(scan, ",\"session_id\":\"the id\",\"cwd\":\"/w\",\"agent_id\":\"a1\"}");
    assert_int_equal(scan_end(scan), SCAN_COMPLETE);
    assert_true(scan->len < sizeof out);
    assert_true(scan->values < SCAN_VALUES);
    out[scan->len] = 0;
    assert_non_null(strstr(out, "\"session_id\":\"the id\",\"cwd\":\"/w\",\"agent_id\":\"a1\"}"));
    scan_init(&again, copy, sizeof copy);
    scan_feed(&again, out, scan->len);
    assert_int_equal(scan_end(&again), SCAN_COMPLETE);
}

static void test_too_many_strings(void **state)
{
    static char text[4001];
    struct scan scan;
    (void)state;
    memset(text, 'y', 4000);
    scan_init(&scan, out, sizeof out);
    feed(&scan, "{\"tool_name\":\"Edit\",\"tool_input\":{\"edits\":[{\"a\":\"1\"}");
    for (int i = 0; i < 2000; i++) {
        feed(&scan, ",{\"old\":\"");
        feed(&scan, text);
        feed(&scan, "\"}");
    }
    feed(&scan, "]}");
    finish(&scan);
    assert_non_null(strstr(
        out, "{\"tool_name\":\"Edit\",\"tool_input\":{\"edits\":[{\"a\":\"1\"},{\"old\":\"yyy"));
}

static void test_too_many_values(void **state)
{
    struct scan scan;
    (void)state;
    scan_init(&scan, out, sizeof out);
    feed(&scan, "{\"tool_response\":[0");
    for (int i = 0; i < 1000000; i++)
        feed(&scan, ",7");
    feed(&scan, "]");
    finish(&scan);
}

static void test_too_many_members(void **state)
{
    struct scan scan;
    (void)state;
    scan_init(&scan, out, sizeof out);
    feed(&scan, "{\"a\":1");
    for (int i = 0; i < 100000; i++) {
        char member[64];
        snprintf(member, sizeof member, ",\"member%d\":{\"b\":[[1,2],{\"c\":[3]}]}", i);
        feed(&scan, member);
    }
    finish(&scan);
}

static void test_wide_and_deep(void **state)
{
    struct scan scan;
    (void)state;
    scan_init(&scan, out, sizeof out);
    feed(&scan, "{\"deep\":");
    for (int i = 0; i < 40; i++)
        feed(&scan, "[\"a long enough string to fill it up\",{\"key\":");
    assert_int_equal(scan_end(&scan), SCAN_BAD); /* 81 levels */

    scan_init(&scan, out, sizeof out);
    feed(&scan, "{\"deep\":");
    for (int i = 0; i < 30; i++)
        feed(&scan, "{\"key\":[");
    for (int i = 0; i < 30000; i++)
        feed(&scan, "\"a long enough string to fill it up\",");
    feed(&scan, "0");
    for (int i = 0; i < 30; i++)
        feed(&scan, "]}");
    finish(&scan);
}

/* The last row of the limits must hold whatever comes: kept names repeated, all of the longest. */
static void test_hardest(void **state)
{
    static char text[5001];
    struct scan scan;
    (void)state;
    memset(text, 'z', 5000);
    scan_init(&scan, out, sizeof out);
    feed(&scan, "{\"a\":1");
    for (int round = 0; round < 300; round++) {
        for (size_t i = 0; i < sizeof kept_names / sizeof *kept_names; i++) {
            if (!strcmp(kept_names[i], "session_id") || !strcmp(kept_names[i], "cwd") ||
                !strcmp(kept_names[i], "agent_id"))
                continue;
            feed(&scan, ",\"");
            feed(&scan, kept_names[i]);
            feed(&scan, "\":\"");
            feed(&scan, text);
            feed(&scan, "\",\"");
            feed(&scan, text);
            feed(&scan, "\":[[1,2,3],{\"q\":\"");
            feed(&scan, text);
            feed(&scan, "\",\"r\":[]}]");
        }
    }
    finish(&scan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_not_values),
        cmocka_unit_test(test_repairs),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_too_many_strings),
        cmocka_unit_test(test_too_many_values),
        cmocka_unit_test(test_too_many_members),
        cmocka_unit_test(test_wide_and_deep),
        cmocka_unit_test(test_hardest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
