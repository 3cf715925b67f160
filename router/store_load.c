/* store_load.c: reading back: the tables into records, and the log (store.h). On the loop thread.
 * */
#include "store_inside.h"

#include "../rules/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    EACH_INPUTS = 256
}; /* so many per read transaction: a longer one would hold up checkpoints */

/* ---- the tables ------------------------------------------------------------------------------ */

static void fill_field(sqlite3_stmt *row, int at, struct record *record, const struct field *field,
                       int *unknown)
{
    char *place = (char *)record + field->offset;
    switch (field->type) {
    case FIELD_INT:
    case FIELD_ID:
        *(int64_t *)(void *)place = sqlite3_column_int64(row, at);
        return;
    case FIELD_MASK:
        *(uint32_t *)(void *)place = (uint32_t)sqlite3_column_int64(row, at);
        return;
    case FIELD_BOOL:
        *(bool *)(void *)place = sqlite3_column_int(row, at) != 0;
        return;
    case FIELD_WORD: {
        const char *name = (const char *)sqlite3_column_text(row, at);
        int word = word_find(field->words, name ? name : "");
        *unknown += name && word < 0;
        *(int *)(void *)place = word < 0 ? 0 : word;
        return;
    }
    case FIELD_TEXT: {
        const char *text = (const char *)sqlite3_column_text(row, at);
        if (text && *text && !(*(char **)(void *)place = strdup(text)))
            abort();
        return;
    }
    }
}

static int load_noun(struct store *store, const struct noun *noun, store_restore_cb cb, void *arg,
                     int *unknown)
{
    char *sql = NULL;
    sqlite3_stmt *row = NULL;
    sql_add(&sql, "SELECT id");
    for (int i = 0; i < noun->n_fields; i++)
        sql_add(&sql, ",\"%s\"", noun->fields[i].name);
    sql_add(&sql, " FROM \"%s\" ORDER BY id", noun->name);
    int rc = sqlite3_prepare_v2(store->reader, sql, -1, &row, NULL);
    sqlite3_free(sql);
    while (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        struct record *record = cb(arg, noun);
        record->noun = noun;
        record->id = (uint64_t)sqlite3_column_int64(row, 0);
        for (int i = 0; i < noun->n_fields; i++)
            fill_field(row, i + 1, record, &noun->fields[i], unknown);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(row);
    return store_fail(store, store->reader, rc, "reading");
}

int store_load_rows(struct store *store, store_restore_cb cb, void *arg, int *unknown)
{
    int ignored, error = 0;
    if (!unknown)
        unknown = &ignored;
    *unknown = 0;
    if (!store->reader)
        return store_say(store, -EIO, "%s is not open", store->path);
    for (int i = 0; i < store->n_kept && !error; i++)
        error = load_noun(store, store->kept[i].noun, cb, arg, unknown);
    return error ? error : known_load(store);
}

static struct record *restore(void *arg, const struct noun *noun)
{
    return rules_restore(arg, noun);
}

int store_load(struct store *store, struct rules *rules, int *dropped)
{
    int unknown;
    int error = store_load_rows(store, restore, rules, &unknown);
    *dropped = rules_restored(rules); /* after an error too: what was read must be freed with the core */
    return error;
}

/* ---- the log --------------------------------------------------------------------------------- */

static void moment_of(sqlite3_stmt *row, int at, struct moment *moment)
{
    moment->wall_ms = sqlite3_column_int64(row, at);
    moment->steady_ms = sqlite3_column_int64(row, at + 1);
    moment->utc_offset_s = sqlite3_column_int(row, at + 2);
    moment->next_offset_ms = sqlite3_column_int64(row, at + 3);
    moment->next_offset_s = sqlite3_column_int(row, at + 4);
}

int store_last(struct store *store, uint64_t *seq, struct moment *moment)
{
    sqlite3_stmt *row = NULL;
    *seq = 0;
    memset(moment, 0, sizeof *moment);
    if (!store->reader)
        return store_say(store, -EIO, "%s is not open", store->path);
    int rc = sqlite3_prepare_v2(store->reader,
                                "SELECT seq,wall_ms,steady_ms,utc_offset_s,next_offset_ms,next_offset_s"
                                " FROM input ORDER BY seq DESC LIMIT 1",
                                -1, &row, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        *seq = (uint64_t)sqlite3_column_int64(row, 0);
        moment_of(row, 1, moment);
    }
    sqlite3_finalize(row);
    return store_fail(store, store->reader, rc, "reading");
}

int store_snapshot(struct store *store, uint64_t *seq)
{
    int64_t number = 0;
    *seq = 0;
    if (!store->reader)
        return store_say(store, -EIO, "%s is not open", store->path);
    int error = store_number(store, store->reader,
                             "SELECT value FROM meta WHERE key='snapshot_seq'", 0, &number);
    *seq = (uint64_t)number;
    return error;
}

/* Some inputs from *from on; *from becomes the next. Returns how many, or an SQLite code negated.
 * */
static int each_some(sqlite3_stmt *row, int64_t *from, store_input_cb cb, void *arg, bool *more)
{
    int rc, n = 0;
    sqlite3_bind_int64(row, 1, *from);
    while (*more && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        struct store_input input = {
            .seq = (uint64_t)sqlite3_column_int64(row, 0),
            .message_id = (uint64_t)sqlite3_column_int64(row, 1),
            .at_wall_ms = sqlite3_column_int64(row, 2),
        };
        moment_of(row, 3, &input.moment);
        input.type = (const char *)sqlite3_column_text(row, 8);
        input.body = (const char *)sqlite3_column_text(row, 9);
        input.body_len = (size_t)sqlite3_column_bytes(row, 9);
        input.raw = (const char *)sqlite3_column_text(row, 10);
        input.raw_len = (size_t)sqlite3_column_bytes(row, 10);
        *from = (int64_t)input.seq + 1;
        *more = cb(arg, &input);
        n++;
    }
    *more = *more && n == EACH_INPUTS;
    rc = sqlite3_reset(row);
    return rc == SQLITE_OK ? n : -rc;
}

int store_each_input(struct store *store, uint64_t from_seq, store_input_cb cb, void *arg)
{
    sqlite3_stmt *row = NULL;
    char *sql = NULL;
    int64_t from = from_seq > INT64_MAX ? INT64_MAX : (int64_t)from_seq;
    bool more = true;
    if (!store->reader)
        return store_say(store, -EIO, "%s is not open", store->path);
    sql_add(&sql,
            "SELECT seq,message_id,at_wall_ms,wall_ms,steady_ms,utc_offset_s,next_offset_ms,next_offset_s,"
            "type,body,raw.text FROM input LEFT JOIN raw USING(seq) WHERE seq>=? ORDER BY seq LIMIT %d",
            EACH_INPUTS);
    int rc = sqlite3_prepare_v2(store->reader, sql, -1, &row, NULL);
    sqlite3_free(sql);
    while (rc == SQLITE_OK && more) {
        int n = each_some(row, &from, cb, arg, &more);
        rc = n < 0 ? -n : SQLITE_OK;
    }
    sqlite3_finalize(row);
    return store_fail(store, store->reader, rc, "reading");
}
