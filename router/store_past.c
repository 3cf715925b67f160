/* store_past.c: snapshots, and reading the past from one on (store.h).
 *
 * The log of inputs is the truth, and its beginning goes after a month. So now and then the tables are copied, in one
 * transaction, as they were right after one input: from there on the log can be played again. SQLite makes the rows'
 * JSON itself, so that a copy costs one statement a table. A row with no noun is the snapshot's head. */
#include "store_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READING_BUSY_MS = 10000 };

/* "json_object('name',"name",…)" of a noun's fields. */
static void add_object(char **sql, const struct noun *noun)
{
    sql_add(sql, "json_object(");
    for (int i = 0; i < noun->n_fields; i++)
        sql_add(sql, "%s'%s',\"%s\"", i ? "," : "", noun->fields[i].name, noun->fields[i].name);
    sql_add(sql, ")");
}

/* ---- taking one ------------------------------------------------------------------------------ */

int past_newest(struct store *store, sqlite3 *db, int64_t *seq)
{
    return store_number(store, db, "SELECT max(seq) FROM snapshot", 0, seq);
}

/* The policy in force is that of the newest input that set one, which may be gone: then the last snapshot has it. */
static const char take_head[] =
    "INSERT INTO snapshot SELECT seq,'',0,json_object('wall_ms',wall_ms,'steady_ms',steady_ms,"
    "'utc_offset_s',utc_offset_s,'next_offset_ms',next_offset_ms,'next_offset_s',next_offset_s,"
    "'policy',json(coalesce((SELECT body FROM input WHERE type='policy' ORDER BY seq DESC LIMIT 1),"
    "(SELECT json_extract(body,'$.policy') FROM snapshot WHERE noun='' ORDER BY seq DESC LIMIT 1),'{}')))"
    " FROM input ORDER BY seq DESC LIMIT 1;";

int past_take(struct store *store)
{
    char *sql = NULL;
    sql_add(&sql, "BEGIN IMMEDIATE;DELETE FROM snapshot WHERE seq=(SELECT max(seq) FROM input);%s",
            take_head);
    for (int i = 0; i < store->n_kept; i++) {
        const struct noun *noun = store->kept[i].noun;
        sql_add(&sql, "INSERT INTO snapshot SELECT (SELECT max(seq) FROM input),'%s',id,", noun->name);
        add_object(&sql, noun);
        sql_add(&sql, " FROM \"%s\" ORDER BY id;", noun->name);
    }
    sql_add(&sql, "COMMIT");
    int rc = sqlite3_exec(store->side, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    int error = store_fail(store, store->side, rc, "taking a snapshot of");
    if (error && !sqlite3_get_autocommit(store->side))
        sqlite3_exec(store->side, "ROLLBACK", NULL, NULL, NULL);
    return error;
}

int store_take_snapshot(struct store *store, int64_t steady_ms)
{
    int64_t seq = 0, newest = 0, newest_ms = 0;
    int error = store_open_side(store);
    if (!error)
        error = store_number(store, store->side, "SELECT max(seq) FROM input", 0, &seq);
    if (!error)
        error = past_newest(store, store->side, &newest);
    if (!error)
        error = store_number(store, store->side,
                             "SELECT coalesce((SELECT json_extract(body,'$.steady_ms') FROM snapshot"
                             " WHERE noun='' ORDER BY seq DESC LIMIT 1),"
                             "(SELECT steady_ms FROM input ORDER BY seq LIMIT 1))",
                             0, &newest_ms);
    bool due = steady_ms - newest_ms >= STORE_SNAPSHOT_MS || seq - newest >= STORE_SNAPSHOT_INPUTS;
    if (error || !due || seq == newest)
        return error;
    error = past_take(store);
    return error == -EBUSY ? 0 : error ? error : 1; /* commits come first */
}

/* ---- reading --------------------------------------------------------------------------------- */

int store_open_reading(struct store **out, const char *path, const struct noun *const *nouns,
                       int n_nouns, char error[STORE_ERROR_MAX])
{
    struct store *store = store_new(path, nouns, n_nouns);
    int64_t version = 0;
    int rc = sqlite3_open_v2(path, &store->reader,
                             SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    int status = access(path, F_OK) ? store_say(store, -ENOENT, "%s is not there", path)
                                    : store_fail(store, store->reader, rc, "opening");
    if (!status) {
        sqlite3_busy_timeout(store->reader, READING_BUSY_MS);
        status = store_number(store, store->reader, "PRAGMA user_version", 0, &version);
    }
    if (!status && version < 2)
        status = store_say(store, -ENOTSUP,
                           "%s was written by an older quietbell: start quietbelld once", path);
    store_error(store, error);
    if (status)
        store_close(store);
    else
        *out = store;
    return status;
}

static char *text_at(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    char *copy = strdup(text ? text : "");
    if (!copy)
        abort();
    return copy;
}

/* The head of the first snapshot that the query finds; base->seq stays 0 if there is none. */
static int find_base(struct store *store, const char *sql, int64_t wall_ms, struct store_base *base)
{
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(store->reader, sql, -1, &row, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, wall_ms);
        rc = sqlite3_step(row);
    }
    if (rc == SQLITE_ROW) {
        base->seq = (uint64_t)sqlite3_column_int64(row, 0);
        base->head = text_at(row, 1);
    }
    sqlite3_finalize(row);
    return store_fail(store, store->reader, rc, "reading");
}

int store_base(struct store *store, int64_t since_wall_ms, struct store_base *base)
{
    uint64_t deleted = 0;
    memset(base, 0, sizeof *base);
    int error = store_snapshot(store, &deleted);
    if (!error)
        error = find_base(store,
                          "SELECT seq,body FROM snapshot WHERE noun='' AND"
                          " json_extract(body,'$.wall_ms')<=?1 ORDER BY seq DESC LIMIT 1",
                          since_wall_ms, base);
    if (error || base->seq || !deleted)
        return error;
    base->late = true;
    error = find_base(store, "SELECT seq,body FROM snapshot WHERE noun='' ORDER BY seq LIMIT ?1", 1,
                      base);
    return error || base->seq ? error
                              : store_say(store, -ENODATA,
                                          "the beginning of the log is gone, and no snapshot was taken "
                                          "yet: quietbelld takes one within a day");
}

void store_base_clear(struct store_base *base)
{
    free(base->head);
    memset(base, 0, sizeof *base);
}

static int each_row(struct store *store, const char *sql, const char *noun, uint64_t seq,
                    store_row_cb cb, void *arg)
{
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(store->reader, sql, -1, &row, NULL);
    if (rc == SQLITE_OK && !noun)
        sqlite3_bind_int64(row, 1, (int64_t)seq);
    while (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        cb(arg, noun ? noun : (const char *)sqlite3_column_text(row, 2),
           (uint64_t)sqlite3_column_int64(row, 0), (const char *)sqlite3_column_text(row, 1));
        rc = SQLITE_OK;
    }
    sqlite3_finalize(row);
    return store_fail(store, store->reader, rc, "reading");
}

int store_each_row(struct store *store, uint64_t seq, store_row_cb cb, void *arg)
{
    return each_row(store, "SELECT id,body,noun FROM snapshot WHERE seq=?1 AND noun<>'' ORDER BY rowid",
                    NULL, seq, cb, arg);
}

int store_each_row_now(struct store *store, store_row_cb cb, void *arg)
{
    int error = 0;
    for (int i = 0; i < store->n_kept && !error; i++) {
        const struct noun *noun = store->kept[i].noun;
        char *sql = NULL;
        sql_add(&sql, "SELECT id,");
        add_object(&sql, noun);
        sql_add(&sql, " FROM \"%s\" ORDER BY id", noun->name);
        error = each_row(store, sql, noun->name, 0, cb, arg);
        sqlite3_free(sql);
    }
    return error;
}

int store_begin(struct store *store)
{
    return store_fail(store, store->reader, sqlite3_exec(store->reader, "BEGIN", NULL, NULL, NULL),
                      "reading");
}

void store_end(struct store *store)
{
    sqlite3_exec(store->reader, "COMMIT", NULL, NULL, NULL);
}
