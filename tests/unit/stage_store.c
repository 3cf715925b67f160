/* stage_store.c: the store beside the core on a stage (stage.h): rows of what the core said it changed, by the
 * tables of fields in record.h, and nothing else. */
#include "stage.h"

#include "rules/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 48 };

union value {
    int64_t integer;
    char *text;
};

struct row {
    const struct noun *noun;
    uint64_t id;
    union value values[FIELDS_MAX];
};

static void row_clear(struct row *row)
{
    for (int f = 0; f < row->noun->n_fields; f++) {
        if (row->noun->fields[f].type == FIELD_TEXT)
            free(row->values[f].text);
    }
}

static union value value_of(const struct record *record, const struct field *field)
{
    const void *at = (const char *)record + field->offset;
    switch (field->type) {
    case FIELD_INT:
        return (union value){.integer = *(const int64_t *)at};
    case FIELD_ID:
        return (union value){.integer = (int64_t) * (const uint64_t *)at};
    case FIELD_MASK:
        return (union value){.integer = *(const uint32_t *)at};
    case FIELD_BOOL:
        return (union value){.integer = *(const bool *)at};
    case FIELD_WORD: /* as its name, like a real store */
        return (union value){.integer =
                                 word_find(field->words, word_name(field->words, *(const int *)at))};
    case FIELD_TEXT:
        return (union value){.text = *(char *const *)at};
    }
    abort();
}

static void put_value(struct record *record, const struct field *field, union value value)
{
    void *at = (char *)record + field->offset;
    switch (field->type) {
    case FIELD_INT:
        *(int64_t *)at = value.integer;
        break;
    case FIELD_ID:
        *(uint64_t *)at = (uint64_t)value.integer;
        break;
    case FIELD_MASK:
        *(uint32_t *)at = (uint32_t)value.integer;
        break;
    case FIELD_BOOL:
        *(bool *)at = value.integer != 0;
        break;
    case FIELD_WORD:
        *(int *)at = (int)value.integer;
        break;
    case FIELD_TEXT:
        *(char **)at = value.text ? must_copy(value.text) : NULL;
        break;
    }
}

static struct row *row_find(const struct stage *stage, const struct noun *noun, uint64_t id)
{
    for (int i = stage->n_rows - 1; i >= 0; i--) {
        if (stage->rows[i].id == id && stage->rows[i].noun == noun)
            return &stage->rows[i];
    }
    return NULL;
}

static void save_record(struct stage *stage, const struct record *record)
{
    struct row *row = row_find(stage, record->noun, record->id);
    if (row)
        row_clear(row);
    if (record->gone) {
        if (row)
            *row = stage->rows[--stage->n_rows];
        return;
    }
    if (!row) {
        if (stage->n_rows == stage->rows_capacity) {
            stage->rows_capacity = stage->rows_capacity ? stage->rows_capacity * 2 : 64;
            stage->rows = must_grow(stage->rows, (size_t)stage->rows_capacity * sizeof *stage->rows);
        }
        row = &stage->rows[stage->n_rows++];
    }
    if (record->noun->n_fields > FIELDS_MAX)
        abort();
    *row = (struct row){.noun = record->noun, .id = record->id};
    for (int f = 0; f < record->noun->n_fields; f++) {
        row->values[f] = value_of(record, &record->noun->fields[f]);
        if (record->noun->fields[f].type == FIELD_TEXT)
            row->values[f].text = row->values[f].text ? must_copy(row->values[f].text) : NULL;
    }
}

void stage_save(struct stage *stage)
{
    for (struct record *record = rules_changed(stage->rules); record; record = record->next_changed)
        save_record(stage, record);
    rules_committed(stage->rules);
}

int stage_restore(const struct stage *stage, struct rules *rules)
{
    for (int i = 0; i < stage->n_rows; i++) {
        const struct row *row = &stage->rows[i];
        struct record *record = rules_restore(rules, row->noun);
        record->id = row->id;
        for (int f = 0; f < row->noun->n_fields; f++)
            put_value(record, &row->noun->fields[f], row->values[f]);
    }
    return rules_restored(rules);
}

static bool same_values(const struct stage *stage, const struct record *record, char *why, size_t size)
{
    const struct row *row = row_find(stage, record->noun, record->id);
    char id[ID_TEXT_MAX];
    if (!row) {
        snprintf(why, size, "%s %s is not in the store", record->noun->name, id_text(record->id, id));
        return false;
    }
    for (int f = 0; f < record->noun->n_fields; f++) {
        const struct field *field = &record->noun->fields[f];
        union value value = value_of(record, field);
        bool same = field->type == FIELD_TEXT ? text_same(value.text, row->values[f].text)
                                              : value.integer == row->values[f].integer;
        if (same)
            continue;
        snprintf(why, size, "%s %s: %s was changed and not marked", record->noun->name,
                 id_text(record->id, id), field->name);
        return false;
    }
    return true;
}

bool stage_kept(const struct stage *stage, char *why, size_t size)
{
    const struct rules *rules = stage->rules;
    int n = 0;
#define SAME(item)                                                                                 \
    do {                                                                                           \
        n++;                                                                                       \
        if (!same_values(stage, &(item)->record, why, size))                                       \
            return false;                                                                          \
    } while (0)
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        if (rules->receivers[slot])
            SAME(rules->receivers[slot]);
    }
    for (int slot = 0; slot < FOCUS_SLOTS; slot++) {
        if (rules->focuses[slot])
            SAME(rules->focuses[slot]);
    }
    for (const struct session *session = rules->first_session; session; session = session->next) {
        SAME(session);
        for (const struct thread *thread = session->threads; thread; thread = thread->next)
            SAME(thread);
    }
    for (const struct need *need = rules->first_need; need; need = need->next) {
        SAME(need);
        for (const struct reason *reason = need->reasons; reason; reason = reason->next)
            SAME(reason);
    }
    for (const struct alert *alert = rules->first_alert; alert; alert = alert->next) {
        SAME(alert);
        for (const struct line *line = alert->lines; line; line = line->next_in_alert)
            SAME(line);
    }
    if (rules->person)
        SAME(rules->person);
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        for (const struct ring *ring = rules->rings[slot]; ring; ring = ring->next)
            SAME(ring);
    }
#undef SAME
    if (n == stage->n_rows)
        return true;
    snprintf(why, size, "the core has %d records, the store %d", n, stage->n_rows);
    return false;
}

void stage_forget(struct stage *stage)
{
    for (int i = 0; i < stage->n_rows; i++)
        row_clear(&stage->rows[i]);
    free(stage->rows);
    stage->rows = NULL;
    stage->n_rows = stage->rows_capacity = 0;
}
