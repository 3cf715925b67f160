/* row.c: see row.h. */
#include "router/row.h"

#include "router/plain.h"
#include "rules/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *place(const struct record *record, const struct field *field)
{
    return (char *)record + field->offset;
}

static int read_field(const json_t *value, struct record *record, const struct field *field)
{
    void *at = place(record, field);
    int word;
    switch (field->type) {
    case FIELD_INT:
    case FIELD_ID:
        *(int64_t *)at = json_integer_value(value);
        return json_is_integer(value) ? 0 : -EINVAL;
    case FIELD_MASK:
        *(uint32_t *)at = (uint32_t)json_integer_value(value);
        return json_is_integer(value) ? 0 : -EINVAL;
    case FIELD_BOOL: /* SQLite has none */
        *(bool *)at = json_integer_value(value) != 0 || json_is_true(value);
        return json_is_integer(value) || json_is_boolean(value) ? 0 : -EINVAL;
    case FIELD_WORD:
        word = json_is_string(value) ? word_find(field->words, json_string_value(value)) : -1;
        *(int *)at = word < 0 ? 0 : word;
        return word < 0 ? -EINVAL : 0;
    case FIELD_TEXT:
        if (!json_is_string(value))
            return -EINVAL;
        if (json_string_length(value) > 0)
            *(char **)at = must_copy(json_string_value(value));
        return 0;
    }
    return 0;
}

int row_read(const json_t *fields, struct record *record)
{
    int error = 0;
    for (int i = 0; i < record->noun->n_fields; i++) {
        const json_t *value = json_object_get(fields, record->noun->fields[i].name);
        if (value && !json_is_null(value) && read_field(value, record, &record->noun->fields[i]))
            error = -EINVAL;
    }
    return error;
}

static void copy_field(const struct record *from, struct record *to, const struct field *field)
{
    const void *source = place(from, field);
    void *target = place(to, field);
    const char *text;
    switch (field->type) {
    case FIELD_INT:
    case FIELD_ID:
        *(int64_t *)target = *(const int64_t *)source;
        break;
    case FIELD_MASK:
        *(uint32_t *)target = *(const uint32_t *)source;
        break;
    case FIELD_BOOL:
        *(bool *)target = *(const bool *)source;
        break;
    case FIELD_WORD:
        *(int *)target = *(const int *)source;
        break;
    case FIELD_TEXT:
        text = *(char *const *)source;
        *(char **)target = text_empty(text) ? NULL : must_copy(text);
        break;
    }
}

void row_copy(const struct record *from, struct record *to)
{
    to->id = from->id;
    for (int i = 0; i < from->noun->n_fields; i++)
        copy_field(from, to, &from->noun->fields[i]);
}

void row_copy_values(const struct record *from, struct record *to)
{
    for (int i = 0; i < from->noun->n_fields; i++) {
        if (from->noun->fields[i].type != FIELD_TEXT)
            copy_field(from, to, &from->noun->fields[i]);
    }
}

static bool same(const struct record *a, const struct record *b, const struct field *field)
{
    const void *x = place(a, field), *y = place(b, field);
    switch (field->type) {
    case FIELD_INT:
    case FIELD_ID:
        return *(const int64_t *)x == *(const int64_t *)y;
    case FIELD_MASK:
        return *(const uint32_t *)x == *(const uint32_t *)y;
    case FIELD_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case FIELD_WORD:
        return *(const int *)x == *(const int *)y;
    case FIELD_TEXT:
        return text_same(*(char *const *)x, *(char *const *)y);
    }
    return false;
}

const struct field *row_differs(const struct record *a, const struct record *b)
{
    for (int i = 0; i < a->noun->n_fields; i++) {
        if (!same(a, b, &a->noun->fields[i]))
            return &a->noun->fields[i];
    }
    return NULL;
}

char *row_value(const struct record *record, const struct field *field, char *buf, size_t size)
{
    const void *at = place(record, field);
    switch (field->type) {
    case FIELD_INT:
    case FIELD_ID:
        snprintf(buf, size, "%lld", (long long)*(const int64_t *)at);
        break;
    case FIELD_MASK:
        snprintf(buf, size, "%#x", *(const uint32_t *)at);
        break;
    case FIELD_BOOL:
        snprintf(buf, size, "%s", *(const bool *)at ? "true" : "false");
        break;
    case FIELD_WORD:
        snprintf(buf, size, "%s", word_name(field->words, *(const int *)at));
        break;
    case FIELD_TEXT:
        plain_line(*(char *const *)at, buf, size);
        break;
    }
    return buf;
}

void row_free(struct record *record)
{
    for (int i = 0; i < record->noun->n_fields; i++) {
        if (record->noun->fields[i].type == FIELD_TEXT)
            free(*(char **)place(record, &record->noun->fields[i]));
    }
    free(record);
}
