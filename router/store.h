/* store.h: what is kept: the log of inputs, and the tables that are its fold, in one SQLite file.
 *
 * The tables are made from the core's field tables (rules/record.h): one per noun, a column per
 * field. A batch of inputs and the records they changed are one transaction; what is committed
 * survives a crash and a power loss (WAL, synchronous=FULL).
 *
 * Three threads may be in here at once, each with a connection of its own:
 *   the loop thread       store_load .. store_each_input, store_remember, store_known
 *   the commit worker     store_commit                      (never two at once)
 *   the side worker       store_checkpoint, store_stretch, store_take_snapshot, store_retain, store_check_step
 *                         (one at a time)
 *
 * store_open, store_renew and store_close want all of them idle. store_error,
 * store_checkpoint_due and store_stretch_due may be called from anywhere.
 *
 * Errors are negative errno: -ENOSPC disk full, -EUCLEAN the file is damaged, -EBUSY another daemon
 * has it, -EEXIST a sequence number or message id is there already, -ENOTSUP written by a newer
 * quietbell, else what the system said, or -EIO. store_error() gives the sentence. No clock is read
 * in here. */
#ifndef ROUTER_STORE_H
#define ROUTER_STORE_H

#include "../rules/moment.h"
#include "../rules/record.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct rules;

enum {
    STORE_ERROR_MAX = 512,
    STORE_IDS = 32768,     /* message ids known without asking SQLite */
    STORE_IDS_OPEN = 1024, /* of which so many are read at open */
    STORE_WAL_DUE =
        4096, /* pages in the write-ahead log that ask for a checkpoint, whose syncs slow commits: 16 MiB */
    STORE_WAL_MOST = 4 * STORE_WAL_DUE, /* from here on a checkpoint makes the commits wait */
    STORE_RETAIN_MOST = 500,            /* rows deleted in one call */
    STORE_CHECK_ROWS = 1000,            /* inputs checked in one call */
    STORE_KEEP_INPUTS = 4000000,        /* the caps, whatever their age */
    STORE_KEEP_RAW = 1000000,
    STORE_SNAPSHOT_INPUTS = 500000, /* a snapshot after so many inputs … */
};

#define STORE_DAY_MS (24 * INT64_C(3600000))
#define STORE_RAW_MS (7 * STORE_DAY_MS)
#define STORE_INPUT_MS (30 * STORE_DAY_MS)
#define STORE_SNAPSHOT_MS STORE_DAY_MS /* … or after so much time */

/* ---- open ------------------------------------------------------------------------------------ */

struct store_opened {
    bool fresh;                  /* there was none, or it had to be set aside: this one is new */
    bool damaged;                /* the old file was set aside: tell the person … */
    char aside[PATH_MAX];        /* … that it lies here now … */
    char why[STORE_ERROR_MAX];   /* … and why */
    char error[STORE_ERROR_MAX]; /* the sentence when store_open fails */
};

/* Opens, or makes (0600; the folder is there), the store at path, with a table for each of the
 * nouns. The nouns must outlive it. A second daemon gets -EBUSY. A damaged or foreign file is set
 * aside as `<path>.damaged-<wall_ms>` (with its -wal and -shm) and a new one begun. */
int store_open(struct store **out, const char *path, const struct noun *const *nouns, int n_nouns,
               int64_t wall_ms, struct store_opened *info);
/* The same for a store that turned out to be damaged while open (-EUCLEAN from any function): sets
 * the file aside and begins a new one in the same struct. On error the store can only be closed, or
 * renewed once more. */
int store_renew(struct store *store, int64_t wall_ms, struct store_opened *info);
/* Opens a store to read it only, beside a daemon or without one: what stands under "reading back" and "the past"
 * can be called, nothing else. -ENOENT: there is none. On error the sentence is in `error`. */
int store_open_reading(struct store **out, const char *path, const struct noun *const *nouns,
                       int n_nouns, char error[STORE_ERROR_MAX]);
/* Brings the write-ahead log into the file, and frees everything. NULL does nothing. */
void store_close(struct store *store);
/* The sentence of the newest failure, of any thread, copied to buf; returns buf. */
const char *store_error(struct store *store, char buf[STORE_ERROR_MAX]);

/* ---- the commit ------------------------------------------------------------------------------ */

struct store_input {
    uint64_t seq;
    uint64_t message_id; /* 0: none */
    int64_t at_wall_ms; /* the message's own stamp (`at_ms`); with the id it is the message's key */
    struct moment moment;
    const char *type; /* journal.h */
    const char *body; /* normalised JSON */
    size_t body_len;
    const char *raw; /* the message as received, or NULL */
    size_t raw_len;
};

struct store_batch {
    const struct store_input *inputs;
    int n;
    const struct record *changed; /* a list by next_changed; written, or deleted where `gone` */
};

/* One transaction. All that the batch points to must live, unchanged, until it returns. After an
 * error nothing of the batch is there, and the next commit may succeed. */
int store_commit(struct store *store, const struct store_batch *batch);

/* ---- reading back, on the loop thread -------------------------------------------------------- */

typedef struct record *(*store_restore_cb)(void *arg, const struct noun *noun);
/* Fills a record from cb for every row, parents before children, and reads the recent message ids
 * anew (so ids remembered for a failed commit are forgotten). Texts are heap strings, NULL where
 * there is none. `unknown` (or NULL): how many words had no meaning any more; they became the first
 * of their table. */
int store_load_rows(struct store *store, store_restore_cb cb, void *arg, int *unknown);
/* The same into the core. `dropped`: rows that fitted nowhere. A policy step must follow. */
int store_load(struct store *store, struct rules *rules, int *dropped);

/* The newest committed input: its number and moment; seq 0 and a zeroed moment if there is none. */
int store_last(struct store *store, uint64_t *seq, struct moment *moment);
/* The inputs up to here are deleted: the log begins after it, the tables hold what they came to. */
int store_snapshot(struct store *store, uint64_t *seq);

/* Calls cb for each input from `from_seq` on, in order, until it returns false. The input is valid
 * within the call. The loop may commit in between: nothing is held open for long. */
typedef bool (*store_input_cb)(void *arg, const struct store_input *input);
int store_each_input(struct store *store, uint64_t from_seq, store_input_cb cb, void *arg);

/* ---- the past, for export and stats ------------------------------------------------------------ */

/* A snapshot is what the tables were right after one input. What is before the first input is one too. */
struct store_base {
    uint64_t seq; /* the inputs that come after it have higher numbers; 0: nothing was before */
    bool late;    /* the inputs from the instant asked for on are not all there any more */
    char *head; /* seq > 0: {"wall_ms", "steady_ms", "utc_offset_s", "next_offset_ms", "next_offset_s",
                         "policy":{the body of the policy in force}}; heap */
};
/* The newest snapshot taken before an instant, else the oldest. -ENODATA: none is left, one will be taken. */
int store_base(struct store *store, int64_t since_wall_ms, struct store_base *base);
void store_base_clear(struct store_base *base);

/* Calls cb for each row of a snapshot, parents before children; body is one JSON object, by fields. */
typedef void (*store_row_cb)(void *arg, const char *noun, uint64_t id, const char *body);
int store_each_row(struct store *store, uint64_t seq, store_row_cb cb, void *arg);
/* The same of the tables as they are now, and between store_begin and store_end as they were at begin: what is
 * read in between is of one moment. Keep it short: it holds up checkpoints. */
int store_each_row_now(struct store *store, store_row_cb cb, void *arg);
int store_begin(struct store *store);
void store_end(struct store *store);

/* ---- knowing messages again -------------------------------------------------------------------- */

/* Before a commit: this message has this number now. store_known() finds it at once, so acknowledge
 * a repeated message only when the commit of its number is through. */
void store_remember(struct store *store, uint64_t message_id, int64_t at_wall_ms, uint64_t seq);
/* The number of a message taken before, or 0. The newest STORE_IDS are known by id alone, older
 * ones by id and stamp. A message stamped later than all that left the memory is new without asking
 * SQLite. If the disk cannot be read it counts as new, and the commit refuses it. */
uint64_t store_known(struct store *store, uint64_t message_id, int64_t at_wall_ms);

/* ---- the side work --------------------------------------------------------------------------- */

/* Whether the write-ahead log has grown enough. */
bool store_checkpoint_due(struct store *store);
/* Brings the write-ahead log into the file while commits go on. */
int store_checkpoint(struct store *store);

/* Whether the log will soon be longer than its file ever was, … */
bool store_stretch_due(struct store *store);
/* … and making the file longer before it is. To sync a file that grows costs the file system a transaction of its
 * own; one that is written over does not, and takes two thirds of the time. */
void store_stretch(struct store *store);

/* Takes a snapshot if one is due. Commits wait for it: it copies the tables, which are small. 1 if it did. */
int store_take_snapshot(struct store *store, int64_t steady_ms);

/* Deletes raw messages older than STORE_RAW_MS and inputs older than STORE_INPUT_MS (in steady
 * time, which a wrong clock cannot shorten), at most max_rows; a snapshot is there, or is taken, before inputs go. Returns how many were deleted (call
 * again while it is not 0), or an error. A commit may wait for it, so call it when idle and with
 * small bites. */
int store_retain(struct store *store, int64_t steady_ms, int max_rows);

/* Reads the next piece of the file and checks it. 1: more to do; 0: all is well, the next call
 * starts again; -EUCLEAN: damaged, see store_renew(). */
int store_check_step(struct store *store);

/* For tests: the file may not grow beyond so many pages (of 4 KiB); 0 lifts the limit. */
void store_limit_pages(struct store *store, int pages);

#endif
