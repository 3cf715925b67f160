/* store_keep.c: the side work: checkpoints, retention, and the check of the file (store.h).
 *
 * It has a connection of its own, with synchronous=NORMAL: what retention deletes need not be on
 * disk at once, and the next commit's sync takes it along. Nothing here is ever on the way to an
 * acknowledgement, but for one case: when commits come faster than the log can be emptied beside
 * them, a checkpoint makes them wait for its last pages, or the log would grow without end. */
#include "store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SIDE_BUSY_MS = 200,
    FRAME_SIZE = 24 + 4096, /* one page in the log */
    STRETCH_AHEAD = 256,
    STRETCH_BITE = 512 /* pages */
};

/* ---- checkpoints ----------------------------------------------------------------------------- */

static int wal_grew(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct store *store = arg;
    (void)db, (void)name;
    if (pages < store->wal_copied)
        store->wal_copied = 0; /* it was emptied and begins anew */
    store->wal_pages = pages;
    return SQLITE_OK;
}

void store_watch_wal(struct store *store)
{
    sqlite3_wal_hook(store->writer, wal_grew, store);
}

bool store_checkpoint_due(struct store *store)
{
    return store->wal_pages - store->wal_copied >= STORE_WAL_DUE;
}

int store_open_side(struct store *store)
{
    if (store->side)
        return 0;
    if (!store->writer)
        return store_say(store, -EIO, "%s is not open", store->path);
    int error = store_connect(store, &store->side);
    int rc = error ? SQLITE_OK
                   : sqlite3_exec(store->side,
                                  "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0;"
                                  "PRAGMA cache_size=-256; PRAGMA secure_delete=FAST",
                                  NULL, NULL, NULL);
    if (!error)
        error = store_fail(store, store->side, rc, "opening");
    if (error) {
        sqlite3_close(store->side);
        store->side = NULL;
        return error;
    }
    sqlite3_busy_timeout(store->side, SIDE_BUSY_MS);
    sqlite3_wal_hook(store->side, wal_grew, store);
    return 0;
}

int store_checkpoint(struct store *store)
{
    int pages, copied;
    int error = store_open_side(store);
    if (error)
        return error;
    int rc = sqlite3_wal_checkpoint_v2(store->side, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
    if (rc == SQLITE_OK && copied >= 0)
        store->wal_copied = copied;
    if (rc == SQLITE_OK && store->wal_pages >= STORE_WAL_MOST)
        rc = sqlite3_wal_checkpoint_v2(store->side, NULL, SQLITE_CHECKPOINT_RESTART, &pages, &copied);
    if ((rc & 0xff) == SQLITE_BUSY) /* somebody reads or writes: the next one will do it */
        return 0;
    return store_fail(store, store->side, rc, "bringing the write-ahead log into");
}

/* ---- the log's room -------------------------------------------------------------------------- */

bool store_stretch_due(struct store *store)
{
    int room = store->wal_room;
    return room < STORE_WAL_MOST && room - store->wal_pages < STRETCH_AHEAD;
}

/* Writes zeros behind the log's end, which SQLite takes for the end of the log as it takes the end of the file. */
static int append_zeros(struct store *store, int fd)
{
    static const char zeros[FRAME_SIZE * 32];
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    off_t end = st.st_size + (off_t)FRAME_SIZE * STRETCH_BITE;
    for (off_t at = st.st_size; at < end; at += (off_t)sizeof zeros) {
        if (pwrite(fd, zeros, sizeof zeros, at) != (ssize_t)sizeof zeros)
            return -ENOSPC;
    }
    store->wal_room = (int)(end / FRAME_SIZE);
    return 0;
}

void store_stretch(struct store *store)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s-wal", store->path);
    int fd = -1, error = store_open_side(store);
    if (!error)
        fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    /* With the write lock no commit can be where the zeros go. The sync is without it: a commit need not wait. */
    if (fd >= 0 && sqlite3_exec(store->side, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK) {
        error = append_zeros(store, fd);
        sqlite3_exec(store->side, "ROLLBACK", NULL, NULL, NULL);
        fdatasync(fd);
    } else {
        error = -EAGAIN;
    }
    if (fd >= 0)
        close(fd);
    if (error) /* only slower: not again until the next open */
        store->wal_room = STORE_WAL_MOST;
}

/* ---- retention ------------------------------------------------------------------------------- */

/* Steady time never goes back along the log, so what is too old is its beginning. The newest input
 * stays: it says where the numbers and the clock stand. */
static const char raw_until[] =
    "SELECT max(seq) FROM (SELECT raw.seq AS seq, steady_ms FROM raw LEFT JOIN input ON input.seq=raw.seq"
    " ORDER BY raw.seq LIMIT ?1) WHERE steady_ms IS NULL OR steady_ms<?2"
    " OR seq<=(SELECT max(seq) FROM input)-?3";
static const char input_until[] =
    "SELECT max(seq) FROM (SELECT seq, steady_ms FROM input ORDER BY seq LIMIT ?1)"
    " WHERE (steady_ms<?2 OR seq<=(SELECT max(seq) FROM input)-?3) AND seq<(SELECT max(seq) FROM input)";

/* The last row of the beginning that may go, 0: none. */
static int find_until(struct store *store, const char *sql, int max_rows, int64_t before_ms,
                      int64_t keep, int64_t *until)
{
    sqlite3_stmt *row = NULL;
    *until = 0;
    int rc = sqlite3_prepare_v2(store->side, sql, -1, &row, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int(row, 1, max_rows);
        sqlite3_bind_int64(row, 2, before_ms);
        sqlite3_bind_int64(row, 3, keep);
        rc = sqlite3_step(row);
        if (rc == SQLITE_ROW)
            *until = sqlite3_column_int64(row, 0);
    }
    sqlite3_finalize(row);
    return store_fail(store, store->side, rc, "reading");
}

/* Runs the statements in one transaction; *n: rows deleted, the marking of the snapshot not
 * counted. */
static int delete_until(struct store *store, const char *format, int64_t until, int *n)
{
    char *sql = NULL;
    sql_add(&sql, "BEGIN IMMEDIATE;");
    sql_add(&sql, format, until, until, until);
    sql_add(&sql, ";COMMIT");
    int rc = sqlite3_exec(store->side, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    *n = rc == SQLITE_OK ? sqlite3_changes(store->side) : 0;
    int error = store_fail(store, store->side, rc, "deleting old messages from");
    if (error && !sqlite3_get_autocommit(store->side))
        sqlite3_exec(store->side, "ROLLBACK", NULL, NULL, NULL);
    return error == -EBUSY ? 0 : error; /* commits come first */
}

/* What is left must begin at a snapshot: the newest may not lie among what goes. */
static int keep_snapshot(struct store *store, int64_t until)
{
    int64_t newest = 0;
    int error = past_newest(store, store->side, &newest);
    return error || newest >= until ? error : past_take(store);
}

int store_retain(struct store *store, int64_t steady_ms, int max_rows)
{
    int64_t until = 0;
    int n = 0;
    int error = store_open_side(store);
    if (max_rows > STORE_RETAIN_MOST)
        max_rows = STORE_RETAIN_MOST;
    if (!error)
        error =
            find_until(store, raw_until, max_rows, steady_ms - STORE_RAW_MS, STORE_KEEP_RAW, &until);
    if (!error && until)
        error = delete_until(store, "DELETE FROM raw WHERE seq<=%lld", until, &n);
    if (error || until)
        return error ? error : n;
    error = find_until(store, input_until, max_rows, steady_ms - STORE_INPUT_MS, STORE_KEEP_INPUTS,
                       &until);
    if (!error && until)
        error = keep_snapshot(store, until);
    if (!error && until)
        error = delete_until(store,
                             "INSERT OR REPLACE INTO meta VALUES('snapshot_seq',%lld);"
                             "DELETE FROM snapshot WHERE seq<%lld;"
                             "DELETE FROM input WHERE seq<=%lld",
                             until, &n);
    return error ? error : n;
}

/* ---- the check ------------------------------------------------------------------------------- */

static int check_noun(struct store *store, const struct noun *noun)
{
    sqlite3_stmt *row = NULL;
    char *sql = NULL;
    int error = 0;
    sql_add(&sql, "PRAGMA quick_check('%s')", noun->name);
    int rc = sqlite3_prepare_v2(store->side, sql, -1, &row, NULL);
    sqlite3_free(sql);
    if (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        const char *said = (const char *)sqlite3_column_text(row, 0);
        if (said && sqlite3_stricmp(said, "ok") != 0)
            error = store_say(store, -EUCLEAN, "checking %s: %s", store->path, said);
    }
    sqlite3_finalize(row);
    return error ? error : store_fail(store, store->side, rc, "checking");
}

/* Reads the next inputs whole, and looks each message up in its index. *more: there were some. */
static int check_inputs(struct store *store, bool *more)
{
    sqlite3_stmt *row = NULL;
    int64_t lost = 0;
    *more = false;
    int rc = sqlite3_prepare_v2(
        store->side,
        "SELECT max(i.seq), sum(length(i.body)+length(i.type)+coalesce(length(raw.text),0)),"
        " total(i.message_id IS NOT NULL AND NOT EXISTS(SELECT 1 FROM input AS x INDEXED BY input_message"
        "  WHERE x.at_wall_ms=i.at_wall_ms AND x.message_id=i.message_id AND x.seq=i.seq))"
        " FROM (SELECT * FROM input WHERE seq>? ORDER BY seq LIMIT ?) AS i LEFT JOIN raw ON raw.seq=i.seq",
        -1, &row, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, store->check.input_seq);
        sqlite3_bind_int(row, 2, STORE_CHECK_ROWS);
        rc = sqlite3_step(row);
        if (rc == SQLITE_ROW && sqlite3_column_type(row, 0) != SQLITE_NULL) {
            store->check.input_seq = sqlite3_column_int64(row, 0);
            lost = sqlite3_column_int64(row, 2);
            *more = true;
        }
    }
    sqlite3_finalize(row);
    if (lost)
        return store_say(store, -EUCLEAN, "checking %s: %lld messages are missing in their index",
                         store->path, (long long)lost);
    return store_fail(store, store->side, rc, "checking");
}

int store_check_step(struct store *store)
{
    bool more = true;
    int error = store_open_side(store);
    if (error)
        return error;
    if (store->check.noun < store->n_kept)
        error = check_noun(store, store->kept[store->check.noun++].noun);
    else
        error = check_inputs(store, &more);
    if (error || !more)
        store->check = (struct check){0, INT64_MIN};
    return error ? error : more;
}
