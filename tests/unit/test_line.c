/* test_line.c - the line framer (plugins/line.h) and the inert text (plugins/inert.h). */
#include "../../plugins/inert.h"
#include "../../plugins/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void feed(struct line_buf *buf, const char *text)
{
    line_feed(buf, text, strlen(text));
}

static void expect(struct line_buf *buf, const char *want)
{
    char *line;
    size_t len;

    assert_int_equal(line_next(buf, &line, &len), LINE_READY);
    assert_string_equal(line, want);
    assert_int_equal(len, strlen(want));
}

static void expect_got(struct line_buf *buf, enum line_got want)
{
    char *line;
    size_t len;

    assert_int_equal(line_next(buf, &line, &len), want);
    assert_null(line);
    assert_int_equal(len, 0);
}

static void lines_in_one_feed(void **state)
{
    struct line_buf buf;

    (void)state;
    line_init(&buf, 100);
    expect_got(&buf, LINE_NONE);
    feed(&buf, "one\n\ntwo\r\nthr");
    expect(&buf, "one");
    expect(&buf, "");
    expect(&buf, "two\r");
    expect_got(&buf, LINE_NONE);
    assert_int_equal(line_pending(&buf), 3);
    feed(&buf, "ee\n");
    expect(&buf, "three");
    expect_got(&buf, LINE_NONE);
    assert_null(buf.data);
}

static void byte_by_byte(void **state)
{
    static const char text[] = "{\"a\":1}\n{\"b\":2}\n";
    struct line_buf buf;
    char *line;
    size_t len, lines = 0;

    (void)state;
    line_init(&buf, 7);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        line_feed(&buf, text + i, 1);
        while (line_next(&buf, &line, &len) == LINE_READY) {
            assert_int_equal(len, 7);
            lines++;
        }
    }
    assert_int_equal(lines, 2);
    line_release(&buf);
}

static void nul_bytes_are_kept(void **state)
{
    struct line_buf buf;
    char *line;
    size_t len;

    (void)state;
    line_init(&buf, 10);
    line_feed(&buf, "a\0b\n", 4);
    assert_int_equal(line_next(&buf, &line, &len), LINE_READY);
    assert_int_equal(len, 3);
    assert_memory_equal(line, "a\0b", 4);
    line_release(&buf);
}

static void exactly_the_cap(void **state)
{
    struct line_buf buf;

    (void)state;
    line_init(&buf, 4);
    feed(&buf, "1234\n12345\n1\n");
    expect(&buf, "1234");
    expect_got(&buf, LINE_TOO_LONG);
    expect(&buf, "1");
    line_release(&buf);
}

static void too_long_is_told_once_and_early(void **state)
{
    struct line_buf buf;

    (void)state;
    line_init(&buf, 4);
    feed(&buf, "12345");
    expect_got(&buf, LINE_TOO_LONG); /* before its newline came */
    expect_got(&buf, LINE_NONE);
    for (int i = 0; i < 1000; i++) {
        feed(&buf, "more of it");
        expect_got(&buf, LINE_NONE);
        assert_null(buf.data); /* nothing is kept */
    }
    feed(&buf, "end\nok\n");
    expect(&buf, "ok");
    expect_got(&buf, LINE_NONE);
    line_release(&buf);
}

static void two_too_long_in_a_row(void **state)
{
    struct line_buf buf;

    (void)state;
    line_init(&buf, 2);
    feed(&buf, "aaa\nbbbb\nok\nccc");
    expect_got(&buf, LINE_TOO_LONG);
    expect_got(&buf, LINE_TOO_LONG);
    expect(&buf, "ok");
    expect_got(&buf, LINE_TOO_LONG);
    expect_got(&buf, LINE_NONE);
    feed(&buf, "\nok\n");
    expect(&buf, "ok");
    line_release(&buf);
}

static void memory_stays_at_the_cap(void **state)
{
    enum { CAP = 1000 };
    struct line_buf buf;

    (void)state;
    line_init(&buf, CAP);
    for (int i = 0; i < CAP; i++) {
        line_feed(&buf, "x", 1);
        expect_got(&buf, LINE_NONE);
        assert_true(buf.size <= CAP + 1);
    }
    line_feed(&buf, "\n", 1);
    char *line;
    size_t len;
    assert_int_equal(line_next(&buf, &line, &len), LINE_READY);
    assert_int_equal(len, CAP);
    expect_got(&buf, LINE_NONE);
    assert_null(buf.data);
}

static void the_last_line(void **state)
{
    struct line_buf buf;
    char *line;
    size_t len;

    (void)state;
    line_init(&buf, 10);
    feed(&buf, "a\nb");
    expect(&buf, "a");
    expect_got(&buf, LINE_NONE);
    assert_int_equal(line_last(&buf, &line, &len), LINE_READY);
    assert_string_equal(line, "b");
    assert_int_equal(line_last(&buf, &line, &len), LINE_NONE);
    line_release(&buf);
    feed(&buf, "too long for it");
    expect_got(&buf, LINE_TOO_LONG);
    assert_int_equal(line_last(&buf, &line, &len), LINE_NONE);
    line_release(&buf);
}

static void feeding_without_taking(void **state)
{
    struct line_buf buf;

    (void)state;
    line_init(&buf, 3);
    for (int i = 0; i < 500; i++)
        feed(&buf, "abc\nd\n");
    for (int i = 0; i < 500; i++) {
        expect(&buf, "abc");
        expect(&buf, "d");
    }
    expect_got(&buf, LINE_NONE);
}

/* Every way to cut a text into feeds gives the same lines. */
static void any_cut_gives_the_same(void **state)
{
    static const char text[] = "ab\ntoolong\n\ncd\nalsotoolong\nx\n";
    static const char want[] = "ab|!||cd|!|x|";

    (void)state;
    for (size_t first = 0; first < sizeof text - 1; first++) {
        for (size_t second = first; second < sizeof text - 1; second++) {
            size_t cuts[] = {0, first, second, sizeof text - 1};
            struct line_buf buf;
            char got[100] = "", *line;
            size_t len;
            enum line_got kind;
            line_init(&buf, 4);
            for (int i = 0; i < 3; i++) {
                line_feed(&buf, text + cuts[i], cuts[i + 1] - cuts[i]);
                while ((kind = line_next(&buf, &line, &len)) != LINE_NONE) {
                    strcat(got, kind == LINE_READY ? line : "!");
                    strcat(got, "|");
                }
            }
            assert_string_equal(got, want);
            line_release(&buf);
        }
    }
}

/* ---- inert text ---- */

static void expect_inert(const char *text, size_t bytes, size_t chars, enum inert_lines lines,
                         const char *want)
{
    char *got = inert_text(text, bytes, chars, lines);

    assert_string_equal(got, want);
    free(got);
}

static void inert_takes_controls_out(void **state)
{
    (void)state;
    expect_inert(NULL, 0, 0, INERT_LINES, "");
    expect_inert("a\033[31;1mred\033[0m b", 0, 0, INERT_ONE_LINE, "ared b");
    expect_inert("a\033]0;title\ab\033]8;;http://x\033\\link", 0, 0, INERT_ONE_LINE, "ablink");
    expect_inert("a\033]0;never ended\nb", 0, 0, INERT_LINES, "a]0;never ended\nb");
    expect_inert("a\a\b\x7f\xc2\x9b"
                 "b\xc2\x85"
                 "c",
                 0, 0, INERT_LINES, "ab\nc");
    expect_inert("\xe2\x80\xae"
                 "evil\xe2\x81\xa9\xd8\x9c\xe2\x80\x8f",
                 0, 0, INERT_LINES, "evil");
    expect_inert("\033", 0, 0, INERT_LINES, "");
    expect_inert("\033[", 0, 0, INERT_LINES, "");
}

static void inert_lines_and_spaces(void **state)
{
    (void)state;
    expect_inert("  a\tb\r\nc\rd\n\n", 0, 0, INERT_LINES, "a b\nc\nd");
    expect_inert("a\r\n\tb\n", 0, 0, INERT_ONE_LINE, "a b");
    expect_inert("a\xe2\x80\xa8"
                 "b",
                 0, 0, INERT_LINES, "a\nb");
}

static void inert_makes_utf8_valid(void **state)
{
    (void)state;
    expect_inert("a\xff"
                 "b",
                 0, 0, INERT_LINES,
                 "a\xef\xbf\xbd"
                 "b");
    expect_inert("\xc0\x80", 0, 0, INERT_LINES, "\xef\xbf\xbd\xef\xbf\xbd"); /* overlong */
    expect_inert("\xed\xa0\x80", 0, 0, INERT_LINES, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* surrogate */
    expect_inert("\xe2\x82", 0, 0, INERT_LINES, "\xef\xbf\xbd\xef\xbf\xbd"); /* cut */
    expect_inert("\xf4\x90\x80\x80", 4, 0, INERT_LINES, "\xe2\x80\xa6"); /* over U+10FFFF, cut */
    expect_inert("\xf0\x9f\x98\x80", 0, 0, INERT_LINES, "\xf0\x9f\x98\x80");
}

static void inert_cuts_at_a_character(void **state)
{
    (void)state;
    expect_inert("abcdef", 6, 0, INERT_LINES, "abcdef");
    expect_inert("abcdefg", 6, 0, INERT_LINES, "abc\xe2\x80\xa6");
    expect_inert("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 8, 0, INERT_LINES, "\xe2\x82\xac\xe2\x80\xa6");
    expect_inert("abcdef", 0, 6, INERT_LINES, "abcdef");
    expect_inert("abcdef", 0, 4, INERT_LINES, "abc\xe2\x80\xa6");
    expect_inert("ab cdef", 0, 4, INERT_LINES, "ab\xe2\x80\xa6");
    expect_inert("abcdef", 2, 0, INERT_LINES, "");
    for (size_t bytes = 1; bytes < 40; bytes++) {
        char *got = inert_text("\xe2\x82\xac"
                               "a\xf0\x9f\x98\x80\xc3\xa9 \xff\xff\xff\xff\xff\xff\xff",
                               bytes, 0, INERT_LINES);
        assert_true(strlen(got) <= bytes);
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_in_one_feed),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(nul_bytes_are_kept),
        cmocka_unit_test(exactly_the_cap),
        cmocka_unit_test(too_long_is_told_once_and_early),
        cmocka_unit_test(two_too_long_in_a_row),
        cmocka_unit_test(memory_stays_at_the_cap),
        cmocka_unit_test(the_last_line),
        cmocka_unit_test(feeding_without_taking),
        cmocka_unit_test(any_cut_gives_the_same),
        cmocka_unit_test(inert_takes_controls_out),
        cmocka_unit_test(inert_lines_and_spaces),
        cmocka_unit_test(inert_makes_utf8_valid),
        cmocka_unit_test(inert_cuts_at_a_character),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
