/* store_bench.c: what a commit of the store costs, against a bare transaction of one 1 KB row per event.
 *
 *   store_bench FOLDER [EVENTS]        rounds are interleaved; medians of the rounds
 *   store_bench FOLDER fill N          makes FOLDER/quietbell.db with N inputs
 *   store_bench FOLDER open            how long opening and loading it takes
 *
 * "note": an input of 400 bytes with its 1 KB raw message and one changed session. "event": the same with
 * no raw message. Both sides are checkpointed between the rounds, outside the measured time. */
#include "../../router/store.h"
#include "../../rules/rules.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SESSIONS = 20, BATCH_MOST = 1000, ROUNDS = 15 };

static char body[400], raw[1024];
static const struct noun *const *nouns;
static int n_nouns;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t random_id(void)
{
    static uint64_t x = UINT64_C(88172645463325252);
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
}

static void must(int failed, const char *what)
{
    if (failed) {
        fprintf(stderr, "store_bench: %s failed: %d\n", what, failed);
        exit(1);
    }
}

/* ---- the bare peer ----------------------------------------------------------------------------- */

struct bare {
    sqlite3 *db;
    sqlite3_stmt *begin, *put, *commit;
    int64_t seq;
};

static void bare_open(struct bare *bare, const char *path)
{
    memset(bare, 0, sizeof *bare);
    must(sqlite3_open(path, &bare->db), "open");
    must(sqlite3_exec(bare->db,
                      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
                      "CREATE TABLE event(seq INTEGER PRIMARY KEY, text TEXT)",
                      NULL, NULL, NULL),
         "create");
    must(sqlite3_prepare_v2(bare->db, "BEGIN IMMEDIATE", -1, &bare->begin, NULL), "prepare");
    must(sqlite3_prepare_v2(bare->db, "INSERT INTO event VALUES(?,?)", -1, &bare->put, NULL),
         "prepare");
    must(sqlite3_prepare_v2(bare->db, "COMMIT", -1, &bare->commit, NULL), "prepare");
}

static void step(sqlite3_stmt *statement)
{
    must(sqlite3_step(statement) != SQLITE_DONE, "step");
    sqlite3_reset(statement);
}

static void bare_commit(struct bare *bare, int n)
{
    step(bare->begin);
    for (int i = 0; i < n; i++) {
        sqlite3_bind_int64(bare->put, 1, ++bare->seq);
        sqlite3_bind_text(bare->put, 2, raw, sizeof raw, SQLITE_STATIC);
        step(bare->put);
    }
    step(bare->commit);
}

static void bare_close(struct bare *bare)
{
    sqlite3_finalize(bare->begin);
    sqlite3_finalize(bare->put);
    sqlite3_finalize(bare->commit);
    sqlite3_close(bare->db);
}

/* ---- ours -------------------------------------------------------------------------------------- */

struct ours {
    struct store *store;
    struct session sessions[SESSIONS];
    uint64_t seq;
    bool raw;
};

static struct store *open_store(const char *path)
{
    struct store *store;
    struct store_opened info;
    must(store_open(&store, path, nouns, n_nouns, INT64_C(1760000000000), &info), "store_open");
    return store;
}

static void ours_open(struct ours *ours, const char *path, bool with_raw)
{
    memset(ours, 0, sizeof *ours);
    ours->store = open_store(path);
    ours->raw = with_raw;
    for (int i = 0; i < SESSIONS; i++) {
        struct session *session = &ours->sessions[i];
        session->record.noun = &noun_session;
        session->record.id = (uint64_t)(i + 1) << 20;
        session->agent = "claude-code", session->session = "390bf04d-0d4b-4b6f-9d53-1c7d2f2b8c11";
        session->cwd = "/home/dev/work/payments-worktrees/fix-login", session->repository = "payments";
        session->branch = "fix-login", session->task = "Mend the login test that fails on Fridays";
        session->tmux = "/tmp/tmux-1000/default", session->pane = "%12";
        session->pid = 12345, session->pid_start = 99887766;
    }
}

static void ours_commit(struct ours *ours, int n)
{
    static struct store_input inputs[BATCH_MOST];
    struct store_batch batch = {inputs, n, NULL};
    for (int i = 0; i < n; i++) {
        int64_t at = INT64_C(1760000000000) + (int64_t)(++ours->seq / 8);
        inputs[i] =
            (struct store_input){ours->seq, random_id(), at,          {at + 1, at, 3600, at, 7200},
                                 "event",   body,        sizeof body, ours->raw ? raw : NULL,
                                 sizeof raw};
        store_remember(ours->store, inputs[i].message_id, at, ours->seq);
        struct session *session = &ours->sessions[random_id() % SESSIONS];
        session->seen_wall_ms = session->newest_ms = at;
        if (!session->record.changed) {
            session->record.changed = true;
            session->record.next_changed = (struct record *)batch.changed;
            batch.changed = &session->record;
        }
    }
    must(store_commit(ours->store, &batch), "store_commit");
    for (int i = 0; i < SESSIONS; i++)
        ours->sessions[i].record.changed = false;
}

/* ---- the measures ------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

static const char *fresh(const char *folder, const char *name, char out[256])
{
    static const char *const suffix[] = {"", "-wal", "-shm", ".lock"};
    char file[300];
    snprintf(out, 256, "%s/%s.db", folder, name);
    for (int i = 0; i < 4; i++) {
        snprintf(file, sizeof file, "%s%s", out, suffix[i]);
        unlink(file);
    }
    return out;
}

static void compare(const char *folder, int batch, int events)
{
    struct bare bare;
    struct ours event, note;
    double bare_us[ROUNDS], event_us[ROUNDS], note_us[ROUNDS];
    char path[256];
    bare_open(&bare, fresh(folder, "bare", path));
    ours_open(&event, fresh(folder, "event", path), false);
    ours_open(&note, fresh(folder, "note", path), true);
    int commits = events / ROUNDS / batch + 1;
    for (int round = 0; round < ROUNDS; round++) {
        double t0 = now();
        for (int i = 0; i < commits; i++)
            bare_commit(&bare, batch);
        double t1 = now();
        for (int i = 0; i < commits; i++)
            ours_commit(&event, batch);
        double t2 = now();
        for (int i = 0; i < commits; i++)
            ours_commit(&note, batch);
        double t3 = now(), each = 1e6 / (commits * batch);
        bare_us[round] = (t1 - t0) * each, event_us[round] = (t2 - t1) * each;
        note_us[round] = (t3 - t2) * each;
        sqlite3_wal_checkpoint_v2(bare.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        must(store_checkpoint(event.store) || store_checkpoint(note.store), "checkpoint");
    }
    bare_close(&bare);
    store_close(event.store);
    store_close(note.store);
    double b = median(bare_us), e = median(event_us), n = median(note_us);
    printf("batch %4d: bare %7.1f us/event, event %7.1f (x %.2f), with raw %7.1f (x %.2f)\n", batch,
           b, e, e / b, n, n / b);
}

static void fill(const char *folder, int64_t n)
{
    struct ours ours;
    char path[256];
    ours_open(&ours, fresh(folder, "quietbell", path), true);
    while ((int64_t)ours.seq < n) {
        ours_commit(&ours, BATCH_MOST);
        if (store_checkpoint_due(ours.store))
            store_checkpoint(ours.store);
    }
    store_close(ours.store);
}

static void time_open(const char *folder)
{
    char path[256];
    uint64_t seq;
    struct moment moment;
    int dropped;
    snprintf(path, sizeof path, "%s/quietbell.db", folder);
    double t0 = now();
    struct rules *rules = rules_new();
    struct store *store = open_store(path);
    must(store_load(store, rules, &dropped), "store_load");
    must(store_last(store, &seq, &moment), "store_last");
    printf("open, load: %.2f ms, %llu inputs\n", (now() - t0) * 1e3, (unsigned long long)seq);
    double t1 = now();
    for (int i = 0; i < 10000; i++) /* messages of long ago: SQLite is asked */
        store_known(store, random_id(),
                    INT64_C(1760000000000) + (int64_t)(random_id() % (seq / 8 + 1)));
    printf("store_known, asking the file: %.1f us\n", (now() - t1) * 1e6 / 10000);
    rules_free(rules);
    store_close(store);
}

int main(int argc, char **argv)
{
    static const int batches[] = {1, 16, 64, 256};
    if (argc < 2) {
        fprintf(stderr, "usage: store_bench FOLDER [EVENTS | fill N | open]\n");
        return 2;
    }
    memset(body, 'b', sizeof body);
    memset(raw, 'r', sizeof raw);
    nouns = rules_nouns(&n_nouns);
    if (argc > 3 && strcmp(argv[2], "fill") == 0)
        fill(argv[1], atoll(argv[3]));
    else if (argc > 2 && strcmp(argv[2], "open") == 0)
        time_open(argv[1]);
    else
        for (int i = 0; i < 4; i++)
            compare(argv[1], batches[i], (argc > 2 ? atoi(argv[2]) : 30000) / (i ? 1 : 4));
    return 0;
}
