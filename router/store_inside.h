/* store_inside.h: what the files of the store share. Nobody else includes it. */
#ifndef ROUTER_STORE_INSIDE_H
#define ROUTER_STORE_INSIDE_H

#include "store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

/* A noun and its table. The statements belong to the writer, and are made when first needed. */
struct kept {
    const struct noun *noun;
    sqlite3_stmt *put, *drop;
};

/* store_known.c: the newest message ids. `ring` holds them in the order they came, `slots` finds
 * them: open addressing, linear probing, a slot is an index into the ring plus one. */
struct known_id {
    uint64_t message_id, seq;
    int64_t at_wall_ms;
};
struct known {
    struct known_id *ring;
    uint16_t *slots; /* 2 * STORE_IDS */
    unsigned head, n;
    uint64_t salt;
    bool complete;             /* no id ever left: what is not here is new */
    int64_t complete_after_ms; /* else: what is stamped later and not here is new */
};

/* store_keep.c: how far the check of the file has come. */
struct check {
    int noun;          /* tables of nouns first, then the log */
    int64_t input_seq; /* checked up to here */
};

struct store {
    char *path;
    int lock_fd;
    struct kept *kept;
    int n_kept;

    sqlite3 *writer; /* commit worker */
    sqlite3_stmt *begin, *commit, *put_input, *put_raw;

    sqlite3 *reader; /* loop thread */
    sqlite3_stmt *find_id;
    struct known known;

    sqlite3 *side; /* side worker; opened when first needed */
    struct check check;

    atomic_int wal_pages;  /* in the write-ahead log after the last commit … */
    atomic_int wal_copied; /* … of which so many were in the file at the last checkpoint */
    atomic_int wal_room;   /* how many its file has room for without growing, as far as known */

    pthread_mutex_t lock; /* error */
    char error[STORE_ERROR_MAX];
};

/* store.c: one that is not open yet. */
struct store *store_new(const char *path, const struct noun *const *nouns, int n_nouns);

/* Turns an SQLite result code into a negative errno and keeps the sentence; 0 stays 0. */
int store_fail(struct store *store, sqlite3 *db, int rc, const char *doing);
/* A sentence of our own. Returns error. */
int store_say(struct store *store, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Opens one connection with what all of them have in common. */
int store_connect(struct store *store, sqlite3 **out);
/* Steps a statement that gives no rows, and resets it. Returns an SQLite code. */
int store_run(sqlite3_stmt *statement);
/* The first column of the first row; `missing` if there is none, or NULL. */
int store_number(struct store *store, sqlite3 *db, const char *sql, int64_t missing, int64_t *out);

/* store_schema.c: makes or completes the tables. fresh is set if there were none. */
int store_schema(struct store *store, bool *fresh);
/* Renames the file and its companions; all connections are closed. */
int store_set_aside(struct store *store, int64_t wall_ms, char aside[PATH_MAX]);
/* Appends to a string at *sql (NULL: begins one), to be freed by sqlite3_free(). */
void sql_add(char **sql, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* store_known.c */
void known_init(struct known *known);
void known_release(struct known *known);
/* Forgets everything and reads the newest ids from the file. */
int known_load(struct store *store);

/* store_past.c: a snapshot now, whatever is due, in a transaction of its own on the side connection. */
int past_take(struct store *store);
/* The highest number that a snapshot has; 0: none. */
int past_newest(struct store *store, sqlite3 *db, int64_t *seq);

/* store_keep.c: the side connection, opened when first needed. */
int store_open_side(struct store *store);
/* The writer tells how long its log has become. */
void store_watch_wal(struct store *store);

#endif
