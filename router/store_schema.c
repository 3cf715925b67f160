/* store_schema.c: the tables: made, completed, and set aside when they are damaged (store.h).
 *
 * The log's tables are versioned: `user_version` counts the steps below that were taken, and a new
 * version is one more step. The tables of nouns follow the core's field tables: what is missing is
 * added at open, a column the core no longer names stays and is not read. All in one transaction.
 * */
#include "store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x51426c6c /* "QBll", so that a foreign database is told from ours */

static const char *const steps[] = {
    /* 1: the log. The raw messages lie apart because they go earlier, and whole pages at a time. */
    "CREATE TABLE input(seq INTEGER PRIMARY KEY, message_id INTEGER, at_wall_ms INTEGER,"
    " wall_ms INTEGER NOT NULL, steady_ms INTEGER NOT NULL, utc_offset_s INTEGER NOT NULL,"
    " next_offset_ms INTEGER NOT NULL, next_offset_s INTEGER NOT NULL,"
    " type TEXT NOT NULL, body TEXT NOT NULL);"
    "CREATE UNIQUE INDEX input_message ON input(at_wall_ms, message_id) WHERE message_id IS NOT NULL;"
    "CREATE TABLE raw(seq INTEGER PRIMARY KEY, text TEXT NOT NULL);"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;",
    /* 2: what the tables were at some numbers (store_past.c). The policy in force then is found at once. */
    "CREATE TABLE snapshot(seq INTEGER NOT NULL, noun TEXT NOT NULL, id INTEGER NOT NULL, body TEXT NOT NULL);"
    "CREATE INDEX snapshot_at ON snapshot(seq);"
    "CREATE INDEX input_policy ON input(seq) WHERE type='policy';",
};
enum { VERSION = sizeof steps / sizeof *steps };

void sql_add(char **sql, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *more = sqlite3_vmprintf(format, args);
    va_end(args);
    char *all = sqlite3_mprintf("%s%s", *sql ? *sql : "", more);
    if (!more || !all)
        abort();
    sqlite3_free(more);
    sqlite3_free(*sql);
    *sql = all;
}

static int run(struct store *store, const char *sql)
{
    int rc = sqlite3_exec(store->writer, sql, NULL, NULL, NULL);
    return store_fail(store, store->writer, rc, "making the tables of");
}

/* ---- what is there --------------------------------------------------------------------------- */

/* Is this file ours, and not of a later time? */
static int look(struct store *store, int64_t *version)
{
    int64_t application = 0, tables = 0;
    int error = store_number(store, store->writer, "PRAGMA user_version", 0, version);
    if (!error)
        error = store_number(store, store->writer, "PRAGMA application_id", 0, &application);
    if (!error)
        error = store_number(store, store->writer, "SELECT count(*) FROM sqlite_schema", 0, &tables);
    if (error)
        return error;
    if (application != APPLICATION_ID && (application || *version || tables))
        return store_say(store, -EUCLEAN, "%s is another program's database", store->path);
    if (*version > VERSION)
        return store_say(
            store, -ENOTSUP,
            "%s was written by a newer quietbell (schema %lld, this one knows %d); it is left as it is",
            store->path, (long long)*version, VERSION);
    return 0;
}

/* SQL that gives the noun its table, or the columns it lacks. */
static int complete_noun(struct store *store, const struct noun *noun, char **sql)
{
    bool *there = calloc((size_t)noun->n_fields + 1, sizeof *there);
    bool table = false;
    sqlite3_stmt *row = NULL;
    if (!there)
        abort();
    int rc =
        sqlite3_prepare_v2(store->writer, "SELECT name FROM pragma_table_info(?)", -1, &row, NULL);
    sqlite3_bind_text(row, 1, noun->name, -1, SQLITE_STATIC);
    while (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(row, 0);
        for (int i = 0; i < noun->n_fields; i++)
            there[i] |= sqlite3_stricmp(name, noun->fields[i].name) == 0;
        table = true;
        rc = SQLITE_OK;
    }
    sqlite3_finalize(row);
    if (!table)
        sql_add(sql, "CREATE TABLE \"%s\"(id INTEGER PRIMARY KEY", noun->name);
    for (int i = 0; i < noun->n_fields; i++) {
        const struct field *field = &noun->fields[i];
        const char *type = field->type == FIELD_WORD || field->type == FIELD_TEXT ? "TEXT" : "INTEGER";
        if (!table)
            sql_add(sql, ",\"%s\" %s", field->name, type);
        else if (!there[i])
            sql_add(sql, "ALTER TABLE \"%s\" ADD COLUMN \"%s\" %s;", noun->name, field->name, type);
    }
    if (!table)
        sql_add(sql, ");");
    free(there);
    return store_fail(store, store->writer, rc, "reading");
}

static int use_wal(struct store *store)
{
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(store->writer, "PRAGMA journal_mode=WAL", -1, &row, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(row);
    const char *mode = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(row, 0) : NULL;
    bool wal = mode && strcmp(mode, "wal") == 0;
    sqlite3_finalize(row);
    if (rc == SQLITE_ROW && !wal)
        return store_say(store, -ENOTSUP,
                         "%s cannot have a write-ahead log: is it on a network file system?",
                         store->path);
    return store_fail(store, store->writer, rc, "opening");
}

int store_schema(struct store *store, bool *fresh)
{
    int64_t version;
    char *sql = NULL;
    int error = look(store, &version);
    *fresh = !error && version == 0;
    if (!error && *fresh)
        error = run(store, "PRAGMA auto_vacuum=NONE");
    if (!error)
        error = use_wal(store);
    for (int64_t step = version; !error && step < VERSION; step++)
        sql_add(&sql, "%s", steps[step]);
    for (int i = 0; i < store->n_kept && !error; i++)
        error = complete_noun(store, store->kept[i].noun, &sql);
    if (!error && sql) {
        char *all = NULL;
        sql_add(&all,
                "PRAGMA synchronous=FULL; BEGIN IMMEDIATE; %s PRAGMA application_id=%d; PRAGMA user_version=%d;"
                "COMMIT",
                sql, APPLICATION_ID, VERSION);
        error = run(store, all);
        sqlite3_free(all);
        if (error && !sqlite3_get_autocommit(store->writer))
            sqlite3_exec(store->writer, "ROLLBACK", NULL, NULL, NULL);
    }
    sqlite3_free(sql);
    return error;
}

/* ---- set aside ------------------------------------------------------------------------------- */

static const char *const companions[] = {"-wal", "-shm"};

static void with_suffix(char out[PATH_MAX], const char *path, const char *suffix)
{
    snprintf(out, PATH_MAX, "%s%s", path, suffix); /* take_lock saw to it that there is room */
}

static void sync_folder(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* The companions are linked to their new names before the file moves and leave their old names
 * after, so that a crash in between never parts the file from its log. */
int store_set_aside(struct store *store, int64_t wall_ms, char aside[PATH_MAX])
{
    char from[PATH_MAX], to[PATH_MAX];
    bool linked[2];
    snprintf(aside, PATH_MAX, "%s.damaged-%lld", store->path, (long long)wall_ms);
    for (int n = 2; exists(aside); n++)
        snprintf(aside, PATH_MAX, "%s.damaged-%lld-%d", store->path, (long long)wall_ms, n);
    for (int i = 0; i < 2; i++) {
        with_suffix(from, store->path, companions[i]);
        with_suffix(to, aside, companions[i]);
        linked[i] = link(from, to) == 0;
    }
    if (rename(store->path, aside)) {
        int error = -errno;
        return store_say(store, error, "setting %s aside: %s", store->path, strerror(-error));
    }
    for (int i = 0; i < 2; i++) {
        with_suffix(from, store->path, companions[i]);
        with_suffix(to, aside, companions[i]);
        if (linked[i])
            unlink(from);
        else
            rename(from, to); /* no links here, or no such file: nothing to say */
    }
    sync_folder(store->path);
    return 0;
}
