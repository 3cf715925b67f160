/* store.c: opening, the commit, and reading back (store.h).
 *
 *   store_open ─▶ lock ─▶ store_schema ─▶ known_load     (damaged: set aside, once more)
 *   store_commit: begin, one INSERT per input (and per raw message), one REPLACE or DELETE per
 *   changed record, commit. The last number and moment are those of the newest input: nothing
 *   else has to be written.
 *
 * The lock is a file of its own beside the database: SQLite's locks belong to the process, and
 * closing any other descriptor of the database would drop them. */
#include "store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUSY_MS = 10000, LOCK_TRIES = 50, LOCK_WAIT_NS = 10000000 };

/* ---- errors ---------------------------------------------------------------------------------- */

static int errno_of(sqlite3 *db, int rc)
{
    int system = db ? sqlite3_system_errno(db) : 0;
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CONSTRAINT:
        return -EEXIST;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return system > 0 ? -system : -EIO;
    default: /* SQLite's codes are not our enum */
        return -EIO;
    }
}

int store_fail(struct store *store, sqlite3 *db, int rc, const char *doing)
{
    if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
        return 0;
    if (rc == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM)
        abort();
    int error = errno_of(db, rc);
    const char *what =
        db && sqlite3_extended_errcode(db) == rc ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    bool from_system = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;
    if (from_system && error != -EIO)
        return store_say(store, error, "%s %s: %s (%s)", doing, store->path, what, strerror(-error));
    return store_say(store, error, "%s %s: %s", doing, store->path, what);
}

int store_say(struct store *store, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&store->lock);
    vsnprintf(store->error, sizeof store->error, format, args);
    pthread_mutex_unlock(&store->lock);
    va_end(args);
    return error;
}

const char *store_error(struct store *store, char buf[STORE_ERROR_MAX])
{
    pthread_mutex_lock(&store->lock);
    memcpy(buf, store->error, STORE_ERROR_MAX);
    pthread_mutex_unlock(&store->lock);
    return buf;
}

/* ---- connections ----------------------------------------------------------------------------- */

int store_connect(struct store *store, sqlite3 **out)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(store->path, out, flags, NULL);
    if (rc != SQLITE_OK)
        return store_fail(store, *out, rc, "opening");
    sqlite3_busy_timeout(*out, BUSY_MS);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* Small caches: the kernel's is behind them, and the daemon has 32 MiB for everything. */
    rc = sqlite3_exec(*out,
                      "PRAGMA cache_size=-1024; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
                      "PRAGMA cell_size_check=ON",
                      NULL, NULL, NULL);
    return store_fail(store, *out, rc, "opening");
}

int store_run(sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    sqlite3_reset(statement);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int store_number(struct store *store, sqlite3 *db, const char *sql, int64_t missing, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    *out = missing;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL)
            *out = sqlite3_column_int64(statement, 0);
        if (rc == SQLITE_ROW || rc == SQLITE_DONE)
            rc = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return store_fail(store, db, rc, "reading");
}

static int prepare(struct store *store, sqlite3 *db, const char *sql, sqlite3_stmt **out)
{
    if (*out)
        return 0;
    int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return store_fail(store, db, rc, "preparing");
}

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
    *statement = NULL;
}

/* The writer goes last: the last connection to go brings the log into the file. */
static void disconnect(struct store *store)
{
    finalize(&store->find_id);
    finalize(&store->begin);
    finalize(&store->commit);
    finalize(&store->put_input);
    finalize(&store->put_raw);
    for (int i = 0; i < store->n_kept; i++) {
        finalize(&store->kept[i].put);
        finalize(&store->kept[i].drop);
    }
    sqlite3_close(store->side);
    sqlite3_close(store->reader);
    sqlite3_close(store->writer);
    store->side = store->reader = store->writer = NULL;
    store->check = (struct check){0, INT64_MIN};
    store->wal_pages = store->wal_copied = store->wal_room = 0;
}

/* ---- open ------------------------------------------------------------------------------------ */

static int take_lock(struct store *store)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s.lock", store->path) >= (int)sizeof path - 64)
        return store_say(store, -ENAMETOOLONG, "opening %s: the name is too long", store->path);
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0) {
        int error = -errno;
        return store_say(store, error, "opening %s: %s", path, strerror(-error));
    }
    /* The fork of a daemon that was killed while it started a plugin holds it until it has become that plugin. */
    int error = 0;
    for (int tries = 0; flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0 && !error; tries++) {
        if (errno != EWOULDBLOCK)
            error = -errno;
        else if (tries == LOCK_TRIES)
            error = -EBUSY;
        else
            nanosleep(&(struct timespec){.tv_nsec = LOCK_WAIT_NS}, NULL);
    }
    if (!error)
        return 0;
    return store_say(store, error,
                     error == -EBUSY ? "%s is in use by another quietbelld" : "locking %s failed",
                     store->path);
}

/* SQLite would make it readable to all; its companions inherit the mode. */
static int make_file(struct store *store)
{
    struct stat st;
    int fd = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    int error = fd < 0 || fstat(fd, &st) ? -errno : 0;
    if (!error && !S_ISREG(st.st_mode))
        error = -EINVAL;
    if (!error && (st.st_mode & 077) && fchmod(fd, 0600))
        error = -errno;
    if (fd >= 0)
        close(fd);
    if (error == -EINVAL)
        return store_say(store, error, "opening %s: it is not a regular file", store->path);
    return error ? store_say(store, error, "opening %s: %s", store->path, strerror(-error)) : 0;
}

static int begin(struct store *store, bool *fresh)
{
    int error = make_file(store);
    if (!error)
        error = store_connect(store, &store->writer);
    if (!error)
        error = store_schema(store, fresh);
    if (error)
        return error;
    /* The log keeps its length: STORE_WAL_MOST bounds it, and growing again is slow (store_stretch). */
    int rc = sqlite3_exec(store->writer,
                          "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
                          "PRAGMA journal_size_limit=-1; PRAGMA secure_delete=FAST",
                          NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return store_fail(store, store->writer, rc, "opening");
    store_watch_wal(store);
    error = store_connect(store, &store->reader);
    return error ? error : known_load(store);
}

/* A file that is too new, or could not be read, must stay as it is: no checkpoint while closing. */
static void disconnect_untouched(struct store *store)
{
    if (store->writer)
        sqlite3_db_config(store->writer, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    disconnect(store);
}

static int begin_or_set_aside(struct store *store, int64_t wall_ms, struct store_opened *info)
{
    int error = begin(store, &info->fresh);
    if (error == -EUCLEAN) {
        store_error(store, info->why);
        disconnect_untouched(store);
        error = store_set_aside(store, wall_ms, info->aside);
        info->damaged = !error;
        if (!error)
            error = begin(store, &info->fresh);
    }
    if (error) {
        store_error(store, info->error);
        disconnect_untouched(store);
    }
    return error;
}

struct store *store_new(const char *path, const struct noun *const *nouns, int n_nouns)
{
    struct store *store = calloc(1, sizeof *store);
    /* Counting every allocation costs a lock; SQLite ignores this once it has been used. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (!store || !(store->path = strdup(path)) ||
        !(store->kept = calloc((size_t)n_nouns + 1, sizeof *store->kept)))
        abort();
    for (store->n_kept = 0; store->n_kept < n_nouns; store->n_kept++)
        store->kept[store->n_kept].noun = nouns[store->n_kept];
    store->lock_fd = -1;
    store->check.input_seq = INT64_MIN;
    pthread_mutex_init(&store->lock, NULL);
    known_init(&store->known);
    return store;
}

int store_open(struct store **out, const char *path, const struct noun *const *nouns, int n_nouns,
               int64_t wall_ms, struct store_opened *info)
{
    struct store *store = store_new(path, nouns, n_nouns);
    memset(info, 0, sizeof *info);
    *out = NULL;
    int error = take_lock(store);
    if (error)
        store_error(store, info->error);
    else
        error = begin_or_set_aside(store, wall_ms, info);
    if (error) {
        store_close(store);
        return error;
    }
    *out = store;
    return 0;
}

int store_renew(struct store *store, int64_t wall_ms, struct store_opened *info)
{
    memset(info, 0, sizeof *info);
    store_error(store, info->why);
    disconnect_untouched(store);
    int error = store_set_aside(store, wall_ms, info->aside);
    info->damaged = !error;
    if (!error)
        error = begin(store, &info->fresh);
    if (error) {
        store_error(store, info->error);
        disconnect_untouched(store);
    }
    return error;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    /* Readers go first, or the checkpoint could not truncate. Closing the writer would do the same,
     * but a connection left over by mistake must not keep the log long. */
    finalize(&store->find_id);
    sqlite3_close(store->side);
    sqlite3_close(store->reader);
    store->side = store->reader = NULL;
    if (store->writer)
        sqlite3_wal_checkpoint_v2(store->writer, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    disconnect(store);
    known_release(&store->known);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_mutex_destroy(&store->lock);
    free(store->kept);
    free(store->path);
    free(store);
}

/* ---- the commit ------------------------------------------------------------------------------ */

static struct kept *kept_of(struct store *store, const struct noun *noun)
{
    for (int i = 0; i < store->n_kept; i++) {
        if (store->kept[i].noun == noun)
            return &store->kept[i];
    }
    abort(); /* a record of a noun that store_open was not told of: a mistake in the program */
}

static void bind_field(sqlite3_stmt *statement, int at, const struct record *record,
                       const struct field *field)
{
    const char *place = (const char *)record + field->offset;
    const char *text = NULL;
    switch (field->type) {
    case FIELD_INT:
    case FIELD_ID:
        sqlite3_bind_int64(statement, at, *(const int64_t *)(const void *)place);
        return;
    case FIELD_MASK:
        sqlite3_bind_int64(statement, at, *(const uint32_t *)(const void *)place);
        return;
    case FIELD_BOOL:
        sqlite3_bind_int(statement, at, *(const bool *)(const void *)place);
        return;
    case FIELD_WORD:
        text = word_name(field->words, *(const int *)(const void *)place);
        break;
    case FIELD_TEXT:
        text = *(char *const *)(const void *)place;
        break;
    }
    if (text && *text)
        sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, at);
}

static int prepare_put(struct store *store, struct kept *kept)
{
    char *sql = NULL;
    if (kept->put)
        return 0;
    sql_add(&sql, "INSERT OR REPLACE INTO \"%s\"(id", kept->noun->name);
    for (int i = 0; i < kept->noun->n_fields; i++)
        sql_add(&sql, ",\"%s\"", kept->noun->fields[i].name);
    sql_add(&sql, ")VALUES(?");
    for (int i = 0; i < kept->noun->n_fields; i++)
        sql_add(&sql, ",?");
    sql_add(&sql, ")");
    int error = prepare(store, store->writer, sql, &kept->put);
    sqlite3_free(sql);
    return error;
}

static int prepare_drop(struct store *store, struct kept *kept)
{
    char *sql = NULL;
    if (kept->drop)
        return 0;
    sql_add(&sql, "DELETE FROM \"%s\" WHERE id=?", kept->noun->name);
    int error = prepare(store, store->writer, sql, &kept->drop);
    sqlite3_free(sql);
    return error;
}

static int put_record(struct store *store, const struct record *record)
{
    struct kept *kept = kept_of(store, record->noun);
    int error = record->gone ? prepare_drop(store, kept) : prepare_put(store, kept);
    if (error)
        return error;
    sqlite3_stmt *statement = record->gone ? kept->drop : kept->put;
    sqlite3_bind_int64(statement, 1, (int64_t)record->id);
    for (int i = 0; !record->gone && i < kept->noun->n_fields; i++)
        bind_field(statement, i + 2, record, &kept->noun->fields[i]);
    return store_fail(store, store->writer, store_run(statement), "writing");
}

static int put_input(struct store *store, const struct store_input *input)
{
    sqlite3_stmt *put = store->put_input;
    sqlite3_bind_int64(put, 1, (int64_t)input->seq);
    if (input->message_id) {
        sqlite3_bind_int64(put, 2, (int64_t)input->message_id);
        sqlite3_bind_int64(put, 3, input->at_wall_ms);
    } else {
        sqlite3_bind_null(put, 2);
        sqlite3_bind_null(put, 3);
    }
    sqlite3_bind_int64(put, 4, input->moment.wall_ms);
    sqlite3_bind_int64(put, 5, input->moment.steady_ms);
    sqlite3_bind_int(put, 6, input->moment.utc_offset_s);
    sqlite3_bind_int64(put, 7, input->moment.next_offset_ms);
    sqlite3_bind_int(put, 8, input->moment.next_offset_s);
    sqlite3_bind_text(put, 9, input->type, -1, SQLITE_STATIC);
    sqlite3_bind_text64(put, 10, input->body ? input->body : "", input->body_len, SQLITE_STATIC,
                        SQLITE_UTF8);
    int rc = store_run(put);
    if (rc == SQLITE_OK && input->raw) {
        sqlite3_bind_int64(store->put_raw, 1, (int64_t)input->seq);
        sqlite3_bind_text64(store->put_raw, 2, input->raw, input->raw_len, SQLITE_STATIC, SQLITE_UTF8);
        rc = store_run(store->put_raw);
    }
    return store_fail(store, store->writer, rc, "writing");
}

static int prepare_commit(struct store *store)
{
    if (!store->writer)
        return store_say(store, -EIO, "%s is not open", store->path);
    int error = prepare(store, store->writer, "BEGIN IMMEDIATE", &store->begin);
    if (!error)
        error = prepare(store, store->writer, "COMMIT", &store->commit);
    if (!error)
        error = prepare(store, store->writer, "INSERT INTO input VALUES(?,?,?,?,?,?,?,?,?,?)",
                        &store->put_input);
    if (!error)
        error = prepare(store, store->writer, "INSERT INTO raw VALUES(?,?)", &store->put_raw);
    return error;
}

/* The batch is the caller's again: no statement may keep pointing into it. */
static void forget_batch(struct store *store)
{
    sqlite3_clear_bindings(store->put_input);
    sqlite3_clear_bindings(store->put_raw);
    for (int i = 0; i < store->n_kept; i++) {
        if (store->kept[i].put)
            sqlite3_clear_bindings(store->kept[i].put);
    }
}

int store_commit(struct store *store, const struct store_batch *batch)
{
    int error = prepare_commit(store);
    if (error)
        return error;
    error = store_fail(store, store->writer, store_run(store->begin), "writing");
    if (error)
        return error;
    for (int i = 0; i < batch->n && !error; i++)
        error = put_input(store, &batch->inputs[i]);
    for (const struct record *record = batch->changed; record && !error; record = record->next_changed)
        error = put_record(store, record);
    if (!error)
        error = store_fail(store, store->writer, store_run(store->commit), "writing");
    forget_batch(store);
    /* Some failures roll back by themselves. */
    if (error && !sqlite3_get_autocommit(store->writer))
        sqlite3_exec(store->writer, "ROLLBACK", NULL, NULL, NULL);
    return error;
}

void store_limit_pages(struct store *store, int pages)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count=%d", pages ? pages : 1073741823);
    sqlite3_exec(store->writer, sql, NULL, NULL, NULL);
}
