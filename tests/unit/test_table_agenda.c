/* test_table_agenda.c: the two containers of the core against the simplest things that could be right. */
#include "rules/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ITEMS = 600, TURNS = 20000 };

static uint64_t chance_state;

static unsigned below(unsigned n)
{
    chance_state = chance_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(chance_state >> 33) % n;
}

struct item {
    uint64_t key;
    bool in;
};

static bool same_key(const void *item, const void *key)
{
    return ((const struct item *)item)->key == *(const uint64_t *)key;
}

/* `spread` 0: all collide; small: in a few places, also around the end of the slots. */
static uint64_t hash(uint64_t key, unsigned spread)
{
    return spread == 0 ? 7 : spread == 1 ? UINT64_MAX - key % 3 : table_mix(key);
}

static void table_finds_what_is_in_it(void **state)
{
    static struct item items[ITEMS];
    unsigned spread = *(const unsigned *)*state;
    unsigned n = spread == 2 ? ITEMS : ITEMS / 6;
    struct table table = {0};
    chance_state = spread;
    for (unsigned i = 0; i < n; i++)
        items[i] = (struct item){.key = i};
    for (int turn = 0; turn < TURNS; turn++) {
        struct item *item = &items[below(n)];
        if (item->in)
            table_remove(&table, hash(item->key, spread), item);
        else
            table_add(&table, hash(item->key, spread), item);
        item->in = !item->in;
        item = &items[below(n)];
        assert_ptr_equal(table_find(&table, hash(item->key, spread), same_key, &item->key),
                         item->in ? item : NULL);
    }
    size_t in = 0;
    for (unsigned i = 0; i < n; i++) {
        in += items[i].in;
        assert_ptr_equal(table_find(&table, hash(i, spread), same_key, &items[i].key),
                         items[i].in ? &items[i] : NULL);
    }
    assert_int_equal(table.n, in);
    struct item stranger = {.key = 5};
    table_remove(&table, hash(5, spread), &stranger); /* the same key, another item */
    assert_int_equal(table.n, in);
    table_clear(&table);
    assert_null(table_find(&table, hash(1, spread), same_key, &items[1].key));
}

static void agenda_gives_the_earliest(void **state)
{
    static struct need needs[ITEMS];
    struct agenda agenda = {0};
    (void)state;
    for (int i = 0; i < ITEMS; i++)
        needs[i] = (struct need){.record.id = (uint64_t)i + 1, .heap_at = -1, .look_ms = NEVER_MS};
    for (int turn = 0; turn < TURNS; turn++) {
        struct need *need = &needs[below(ITEMS)];
        int64_t look = below(4) ? (int64_t)below(500) : NEVER_MS;
        if (below(5) == 0)
            agenda_remove(&agenda, need), need->look_ms = NEVER_MS;
        else
            agenda_set(&agenda, need, look);
        if (turn % 20)
            continue;
        const struct need *first = NULL;
        for (int i = 0; i < ITEMS; i++) {
            if (needs[i].look_ms != NEVER_MS && (!first || needs[i].look_ms < first->look_ms))
                first = &needs[i]; /* of equal ones the oldest */
        }
        int64_t deadline = first ? first->look_ms : NEVER_MS;
        assert_int_equal(agenda_deadline(&agenda), deadline);
        if (!first)
            continue;
        assert_null(agenda_due(&agenda, deadline - 1));
        assert_ptr_equal(agenda_due(&agenda, deadline), first);
    }
    for (struct need *need; (need = agenda_due(&agenda, NEVER_MS - 1));)
        agenda_remove(&agenda, need);
    assert_int_equal(agenda.n, 0);
    free(agenda.heap);
}

static void ids_are_read_as_they_are_written(void **state)
{
    char text[ID_TEXT_MAX];
    static const char *const wrong[] = {"",
                                        "1",
                                        ".1",
                                        "1.",
                                        "1.2.3",
                                        " 1.2",
                                        "1. 2",
                                        "-1.2",
                                        "+1.2",
                                        "1.0x2",
                                        "1.1048576",
                                        "99999999999999999999.1",
                                        "17592186044416.0"};
    (void)state;
    uint64_t ids[] = {1u << 20, (UINT64_C(17) << 20) | 2, (UINT64_C(17) << 20) | 0xfffff,
                      UINT64_C(17592186044415) << 19};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        assert_int_equal(id_parse(id_text(ids[i], text)), ids[i]);
    assert_string_equal(id_text((UINT64_C(17) << 20) | 2, text), "17.2");
    assert_string_equal(id_text(0, text), "");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(id_parse(wrong[i]), 0);
    assert_int_equal(id_parse(NULL), 0);
}

static void texts_are_cut_at_a_character(void **state)
{
    char *slot = NULL;
    int64_t bytes = 0;
    (void)state;
    assert_false(text_set(&bytes, &slot, "", 10));
    assert_true(text_set(&bytes, &slot, "grün", 3)); /* the ü would be cut in two */
    assert_string_equal(slot, "gr");
    assert_int_equal(bytes, 2);
    assert_false(text_set(&bytes, &slot, "grün", 3));
    assert_true(text_set(&bytes, &slot, "grün", 4));
    assert_int_equal(bytes, 4);
    assert_true(text_set(&bytes, &slot, "\x80\x80\x80\x80", 2)); /* no character at all */
    assert_null(slot);
    assert_int_equal(bytes, 0);
    assert_true(text_same(NULL, "") && !text_same("a", NULL) && !text_same("a", "A"));
    assert_string_equal(text_last_part("/home/me/src/quietbell"), "quietbell");
    assert_string_equal(text_last_part(NULL), "");
    assert_true(text_hash(text_hash(TEXT_HASH, "a"), "b") != text_hash(text_hash(TEXT_HASH, "ab"), ""));
}

static void globs_match_the_whole_text(void **state)
{
    static const struct {
        const char *glob, *text;
        bool matches;
    } cases[] = {
        {"payments*", "payments", true},
        {"payments*", "payments-api", true},
        {"payments", "payments-api", false},
        {"*", "", true},
        {"", "", true},
        {"", "x", false},
        {"?", "", false},
        {"?", "x", true},
        {"a?c", "abc", true},
        {"[a-c]x", "bx", true},
        {"[a-c]x", "dx", false},
        {"[!a-c]x", "dx", true},
        {"[^a-c]x", "ax", false},
        {"[]]", "]", true},
        {"[", "[", true},
        {"[a", "[a", true},
        {"[a-]", "-", true},
        {"*.c", "a.c.c", true},
        {"*a*b", "xaxxb", true},
        {"*a*b", "xaxxbx", false},
        {"Payments", "payments", false},
        {"**", "anything", true},
        {"a*b*c", "abbbc", true},
        {"a*b*c", "abbb", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (text_globs(cases[i].glob, cases[i].text) != cases[i].matches)
            fail_msg("%s on %s", cases[i].glob, cases[i].text);
    }
    assert_true(text_globs("", NULL));
    char glob[512], text[4096]; /* not exponential */
    for (int i = 0; i < 255; i++)
        glob[2 * i] = '*', glob[2 * i + 1] = 'a';
    glob[510] = 'b', glob[511] = '\0';
    for (int i = 0; i < 4095; i++)
        text[i] = 'a';
    text[4095] = '\0';
    assert_false(text_globs(glob, text));
}

int main(void)
{
    static unsigned all = 0, few = 1, mixed = 2;
    const struct CMUnitTest tests[] = {
        {"table: all collide", table_finds_what_is_in_it, NULL, NULL, &all},
        {"table: around the end", table_finds_what_is_in_it, NULL, NULL, &few},
        {"table: mixed", table_finds_what_is_in_it, NULL, NULL, &mixed},
        cmocka_unit_test(agenda_gives_the_earliest),
        cmocka_unit_test(ids_are_read_as_they_are_written),
        cmocka_unit_test(texts_are_cut_at_a_character),
        cmocka_unit_test(globs_match_the_whole_text),
    };
    return cmocka_run_group_tests_name("table and agenda", tests, NULL, NULL);
}
