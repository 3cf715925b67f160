/* test_store.c: what is committed is there again, whatever happens in between; what is damaged is set
 * aside; ids, retention, checkpoints. With nouns of its own, and at the end with the core's. */
#include "../../router/store.h"
#include "../../rules/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WALL INT64_C(1760000000000)

/* ---- nouns of our own -------------------------------------------------------------------------- */

struct thing {
    struct record record;
    char *name, *group; /* "group" is a word of SQL */
    int64_t at_ms;
    uint64_t other_id;
    uint32_t mask;
    bool on;
    enum kind kind;
};
static const struct field thing_fields[] = {
    FIELD(thing, FIELD_TEXT, name),   FIELD(thing, FIELD_INT, at_ms),
    FIELD(thing, FIELD_ID, other_id), FIELD(thing, FIELD_MASK, mask),
    FIELD(thing, FIELD_BOOL, on),     FIELD_NAMED(thing, kind, &word_kind),
    FIELD(thing, FIELD_TEXT, group),
};
static const struct noun noun_thing = {"thing", sizeof(struct thing), thing_fields, 7};
/* The same noun as an older program knew it. */
static const struct noun noun_old_thing = {"thing", sizeof(struct thing), thing_fields, 3};
static const struct field part_fields[] = {FIELD(thing, FIELD_INT, at_ms)};
static const struct noun noun_part = {"part", sizeof(struct thing), part_fields, 1};

static const struct noun *const nouns[] = {&noun_thing, &noun_part};
static const struct noun *const old_nouns[] = {&noun_old_thing};

struct loaded {
    struct thing things[64];
    int n;
};

static struct record *restore(void *arg, const struct noun *noun)
{
    struct loaded *loaded = arg;
    (void)noun;
    assert_true(loaded->n < 64);
    return &loaded->things[loaded->n++].record;
}

static void unload(struct loaded *loaded)
{
    while (loaded->n--) {
        free(loaded->things[loaded->n].name);
        free(loaded->things[loaded->n].group);
    }
    memset(loaded, 0, sizeof *loaded);
}

/* ---- help -------------------------------------------------------------------------------------- */

static char folder[64], path[96];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/quietbell-store-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/quietbell.db", folder);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) != 0;
}

static struct store_opened info;

static struct store *reopen(void)
{
    struct store *store;
    int error = store_open(&store, path, nouns, 2, WALL, &info);
    if (error)
        print_message("store_open: %d %s\n", error, info.error);
    assert_int_equal(error, 0);
    return store;
}

static struct store_input input_of(uint64_t seq)
{
    static const char body[] = "{\"a\":1}", raw[] = "{\"type\":\"event\",\"a\":\"ä\"}";
    return (struct store_input){
        .seq = seq,
        .message_id = UINT64_C(0x9e3779b97f4a7c15) * seq,
        .at_wall_ms = WALL + (int64_t)seq,
        .moment = {WALL + (int64_t)seq + 5, 1000 + (int64_t)seq, 3600, NEVER_MS, -7200},
        .type = "event",
        .body = body,
        .body_len = sizeof body - 1,
        .raw = raw,
        .raw_len = sizeof raw - 1,
    };
}

/* Inputs from..to in one batch, with `changed`. */
static int commit(struct store *store, uint64_t from, uint64_t to, struct record *changed)
{
    struct store_input *inputs = calloc(to - from + 1, sizeof *inputs);
    struct store_batch batch = {inputs, (int)(to - from + 1), changed};
    for (uint64_t seq = from; seq <= to; seq++)
        inputs[seq - from] = input_of(seq);
    int error = store_commit(store, &batch);
    free(inputs);
    return error;
}

static uint64_t last_seq(struct store *store)
{
    struct moment moment;
    uint64_t seq;
    assert_int_equal(store_last(store, &seq, &moment), 0);
    return seq;
}

static bool count_input(void *arg, const struct store_input *input)
{
    uint64_t *next = arg;
    struct store_input as = input_of(input->seq);
    if (*next)
        assert_int_equal(input->seq, *next);
    *next = input->seq + 1;
    assert_int_equal(input->message_id, as.message_id);
    assert_int_equal(input->at_wall_ms, as.at_wall_ms);
    assert_memory_equal(&input->moment.wall_ms, &as.moment.wall_ms, sizeof(int64_t));
    assert_int_equal(input->moment.next_offset_ms, NEVER_MS);
    assert_int_equal(input->moment.next_offset_s, -7200);
    assert_string_equal(input->type, as.type);
    assert_int_equal(input->body_len, as.body_len);
    assert_memory_equal(input->body, as.body, as.body_len);
    if (input->raw)
        assert_memory_equal(input->raw, as.raw, as.raw_len);
    return true;
}

static bool stop_at_third(void *arg, const struct store_input *input)
{
    (void)input;
    return ++*(int *)arg < 3;
}

static bool error_says(struct store *store, const char *word)
{
    char buf[STORE_ERROR_MAX];
    return strstr(store_error(store, buf), word) != NULL;
}

static void overwrite(const char *file, long at, const void *bytes, size_t n)
{
    int fd = open(file, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
    close(fd);
}

static void copy_file(const char *from, const char *to)
{
    char command[256];
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

static bool same_file(const char *a, const char *b)
{
    char command[2 * PATH_MAX];
    snprintf(command, sizeof command, "cmp -s '%s' '%s'", a, b);
    return system(command) == 0;
}

/* ---- the tests --------------------------------------------------------------------------------- */

static void keeps(void **state)
{
    struct thing one = {.record = {&noun_thing, UINT64_C(7) << 20, false, false, NULL},
                        .name = "first \xc3\xa4 'quoted'",
                        .group = NULL,
                        .at_ms = INT64_MIN,
                        .other_id = UINT64_MAX,
                        .mask = UINT32_MAX,
                        .on = true,
                        .kind = KIND_REVIEW};
    struct thing two = {.record = {&noun_thing, 8, false, false, &one.record}, .group = "g"};
    struct thing part = {.record = {&noun_part, 8, false, false, &two.record}, .at_ms = 3};
    struct loaded loaded = {.n = 0};
    int unknown, n = 0;
    uint64_t next = 0;
    (void)state;

    struct store *store = reopen();
    assert_true(info.fresh && !info.damaged);
    assert_int_equal(last_seq(store), 0);
    assert_int_equal(commit(store, 1, 600, &part.record), 0);
    store_close(store);

    store = reopen();
    assert_false(info.fresh);
    assert_int_equal(store_load_rows(store, restore, &loaded, &unknown), 0);
    assert_int_equal(loaded.n, 3);
    assert_int_equal(unknown, 0);
    struct thing *read = &loaded.things[1]; /* by id */
    assert_int_equal(read->record.id, UINT64_C(7) << 20);
    assert_ptr_equal(read->record.noun, &noun_thing);
    assert_string_equal(read->name, one.name);
    assert_null(read->group);
    assert_true(read->at_ms == INT64_MIN && read->other_id == UINT64_MAX && read->mask == UINT32_MAX);
    assert_true(read->on && read->kind == KIND_REVIEW);
    assert_string_equal(loaded.things[0].group, "g");
    assert_int_equal(loaded.things[2].at_ms, 3);
    unload(&loaded);

    assert_int_equal(last_seq(store), 600);
    assert_int_equal(store_each_input(store, 0, count_input, &next), 0);
    assert_int_equal(next, 601);
    assert_int_equal(store_each_input(store, 5, stop_at_third, &n), 0);
    assert_int_equal(n, 3);
    next = 0;
    assert_int_equal(store_each_input(store, 601, count_input, &next), 0);
    assert_int_equal(next, 0);

    one.record.gone = true;
    two.name = "changed";
    part.record.gone = true;
    assert_int_equal(commit(store, 601, 601, &part.record), 0);
    assert_int_equal(store_load_rows(store, restore, &loaded, NULL), 0);
    assert_int_equal(loaded.n, 1);
    assert_string_equal(loaded.things[0].name, "changed");
    unload(&loaded);
    store_close(store);
}

static void is_private(void **state)
{
    const char *const suffix[] = {"", "-wal", "-shm", ".lock"};
    char file[128];
    struct stat st;
    (void)state;
    umask(0);
    struct store *store = reopen();
    assert_int_equal(commit(store, 1, 1, NULL), 0);
    for (int i = 0; i < 4; i++) {
        snprintf(file, sizeof file, "%s%s", path, suffix[i]);
        assert_int_equal(stat(file, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    store_close(store);
    snprintf(file, sizeof file, "%s-wal", path);
    assert_int_not_equal(stat(file, &st), 0);
}

static void one_at_a_time(void **state)
{
    struct store *other;
    (void)state;
    struct store *store = reopen();
    assert_int_equal(store_open(&other, path, nouns, 2, WALL, &info), -EBUSY);
    assert_non_null(strstr(info.error, "in use by another quietbelld"));
    assert_null(other);
    assert_int_equal(commit(store, 1, 1, NULL), 0);
    store_close(store);
    store_close(reopen());
}

static void refuses_what_cannot_be(void **state)
{
    struct store *store;
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(store_open(&store, path, nouns, 2, WALL, &info) < 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(store_open(&store, path, nouns, 2, WALL, &info), -EINVAL);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(store_open(&store, "/nonexistent/quietbell.db", nouns, 2, WALL, &info), -ENOENT);
    assert_non_null(strstr(info.error, "No such file"));
}

static void sets_damage_aside(void **state)
{
    struct loaded loaded = {.n = 0};
    struct thing one = {.record = {&noun_thing, 1, false, false, NULL}, .name = "x"};
    char junk[4096], copy[128];
    (void)state;
    memset(junk, 'j', sizeof junk);
    snprintf(copy, sizeof copy, "%s/copy", folder);

    struct store *store = reopen();
    assert_int_equal(commit(store, 1, 2000, &one.record), 0);
    store_close(store);
    copy_file(path, copy);

    overwrite(path, 0, junk, 100); /* the head */
    copy_file(path, copy);
    store = reopen();
    assert_true(info.damaged && info.fresh);
    assert_non_null(strstr(info.aside, ".damaged-1760000000000"));
    assert_non_null(strstr(info.why, "not a database"));
    assert_true(same_file(info.aside, copy));
    assert_int_equal(last_seq(store), 0);
    assert_int_equal(commit(store, 1, 2000, &one.record), 0);
    store_close(store);

    for (long at = 4096; at < 4096 * 12; at += 4096) /* pages of tables */
        overwrite(path, at, junk, sizeof junk);
    store = reopen();
    if (!info.damaged) {
        assert_int_equal(store_load_rows(store, restore, &loaded, NULL), -EUCLEAN);
        assert_true(error_says(store, "malformed"));
        unload(&loaded);
        assert_int_equal(store_renew(store, WALL, &info), 0);
        assert_true(info.damaged && info.fresh);
    }
    assert_non_null(strstr(info.aside, ".damaged-1760000000000-2"));
    assert_int_equal(commit(store, 1, 1, &one.record), 0);
    assert_int_equal(store_load_rows(store, restore, &loaded, NULL), 0);
    assert_int_equal(loaded.n, 1);
    unload(&loaded);
    store_close(store);

    assert_int_equal(truncate(path, 5000), 0);
    store = reopen();
    assert_true(info.damaged);
    store_close(store);
}

static void finds_damage_when_idle(void **state)
{
    char junk[64];
    int left;
    (void)state;
    memset(junk, 0xff, sizeof junk);
    struct store *store = reopen();
    assert_int_equal(commit(store, 1, 5000, NULL), 0);
    int steps = 0;
    while ((left = store_check_step(store)) == 1)
        steps++;
    assert_int_equal(left, 0);
    assert_true(steps >= 5);
    store_close(store);

    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    overwrite(path, st.st_size / 2 & ~4095L, junk, sizeof junk);
    store = reopen();
    if (!info.damaged) {
        while ((left = store_check_step(store)) == 1)
            ;
        assert_int_equal(left, -EUCLEAN);
        assert_int_equal(store_renew(store, WALL, &info), 0);
        assert_true(info.damaged);
    }
    assert_int_equal(store_check_step(store), 1);
    store_close(store);
}

static void leaves_newer_alone(void **state)
{
    char copy[128];
    struct store *store;
    (void)state;
    snprintf(copy, sizeof copy, "%s/copy", folder);
    store = reopen();
    assert_int_equal(commit(store, 1, 10, NULL), 0);
    store_close(store);
    overwrite(path, 60, "\0\0\0\143", 4); /* user_version of the file format */
    copy_file(path, copy);
    assert_int_equal(store_open(&store, path, nouns, 2, WALL, &info), -ENOTSUP);
    assert_non_null(strstr(info.error, "newer quietbell (schema 99"));
    assert_true(same_file(path, copy));
    overwrite(path, 68, "\1\2\3\4", 4); /* application_id: somebody else's */
    overwrite(path, 60, "\0\0\0\1", 4);
    store = reopen();
    assert_true(info.damaged && info.fresh);
    assert_non_null(strstr(info.why, "another program's"));
    store_close(store);
}

static void learns_fields(void **state)
{
    struct thing old = {.record = {&noun_old_thing, 5, false, false, NULL}, .name = "old", .at_ms = 9};
    struct thing new = {.record = {&noun_thing, 6, false, false, NULL}, .name = "new", .mask = 3};
    struct loaded loaded = {.n = 0};
    struct store *store;
    (void)state;
    assert_int_equal(store_open(&store, path, old_nouns, 1, WALL, &info), 0);
    assert_int_equal(commit(store, 1, 1, &old.record), 0);
    store_close(store);
    store = reopen();
    assert_false(info.fresh);
    assert_int_equal(commit(store, 2, 2, &new.record), 0);
    assert_int_equal(store_load_rows(store, restore, &loaded, NULL), 0);
    assert_int_equal(loaded.n, 2);
    assert_string_equal(loaded.things[0].name, "old");
    assert_int_equal(loaded.things[0].at_ms, 9);
    assert_int_equal(loaded.things[0].mask, 0);
    assert_int_equal(loaded.things[1].mask, 3);
    unload(&loaded);
    store_close(store);
}

static void knows_messages(void **state)
{
    enum { MANY = 40000 };
    (void)state;
    struct store *store = reopen();
    for (uint64_t from = 1; from <= MANY; from += 1000) {
        for (uint64_t seq = from; seq < from + 1000; seq++) {
            struct store_input input = input_of(seq);
            assert_int_equal(store_known(store, input.message_id, input.at_wall_ms), 0);
            store_remember(store, input.message_id, input.at_wall_ms, seq);
        }
        assert_int_equal(commit(store, from, from + 999, NULL), 0);
    }
    for (int round = 0; round < 2; round++) {
        for (uint64_t seq = 1; seq <= MANY; seq += 7) {
            struct store_input input = input_of(seq);
            assert_int_equal(store_known(store, input.message_id, input.at_wall_ms), seq);
            assert_int_equal(store_known(store, input.message_id ^ 1, input.at_wall_ms), 0);
        }
        struct store_input newest = input_of(MANY);
        assert_int_equal(store_known(store, newest.message_id, 0), MANY); /* by id alone */
        store_close(store);
        store = reopen();
    }
    assert_int_equal(store_known(store, 0, 0), 0);

    /* The same message once more, unnoticed: refused, and nothing of its batch is there. */
    struct store_input twice[2] = {input_of(MANY + 1), input_of(3)};
    struct store_batch batch = {twice, 2, NULL};
    twice[1].seq = MANY + 2;
    store_remember(store, twice[0].message_id, twice[0].at_wall_ms, MANY + 1);
    assert_int_equal(store_commit(store, &batch), -EEXIST);
    assert_int_equal(last_seq(store), MANY);
    struct loaded loaded = {.n = 0};
    assert_int_equal(store_load_rows(store, restore, &loaded, NULL), 0);
    assert_int_equal(store_known(store, twice[0].message_id, twice[0].at_wall_ms), 0);
    batch.n = 1;
    assert_int_equal(store_commit(store, &batch), 0);
    store_close(store);
}

static void lets_old_inputs_go(void **state)
{
    uint64_t next = 0, snapshot;
    int n, deleted = 0;
    (void)state;
    struct store *store = reopen();
    assert_int_equal(store_retain(store, 100 * STORE_DAY_MS, 500), 0);
    assert_int_equal(commit(store, 1, 2000, NULL), 0); /* at steady 1001 to 3000 */
    assert_int_equal(store_retain(store, STORE_RAW_MS, 500), 0);
    while ((n = store_retain(store, STORE_RAW_MS + 2001, 500)) > 0)
        deleted += n;
    assert_int_equal(n, 0);
    assert_int_equal(deleted, 1000);
    assert_int_equal(store_each_input(store, 0, count_input, &next), 0);
    assert_int_equal(next, 2001);
    assert_int_equal(store_snapshot(store, &snapshot), 0);
    assert_int_equal(snapshot, 0);

    assert_int_equal(store_retain(store, STORE_INPUT_MS + 2001, 9999), 500); /* raw */
    deleted = 500;
    while ((n = store_retain(store, STORE_INPUT_MS + 2001, 500)) > 0)
        deleted += n;
    assert_int_equal(deleted, 1000 + 1000);
    assert_int_equal(store_snapshot(store, &snapshot), 0);
    assert_int_equal(snapshot, 1000);
    next = 0;
    assert_int_equal(store_each_input(store, 0, count_input, &next), 0);
    while (store_retain(store, 100 * STORE_DAY_MS, 500) > 0)
        ;
    assert_int_equal(last_seq(store), 2000); /* the newest stays */
    assert_int_equal(store_snapshot(store, &snapshot), 0);
    assert_int_equal(snapshot, 1999);
    int left;
    while ((left = store_check_step(store)) == 1)
        ;
    assert_int_equal(left, 0);
    store_close(store);
}

static void survives_a_full_disk(void **state)
{
    struct thing one = {.record = {&noun_thing, 1, false, false, NULL}, .name = "before"};
    struct loaded loaded = {.n = 0};
    struct rlimit was, limit;
    (void)state;
    struct store *store = reopen();
    assert_int_equal(commit(store, 1, 1, &one.record), 0);
    one.name = "after";
    store_limit_pages(store, 1); /* no page more than there are */
    assert_int_equal(commit(store, 2, 3000, &one.record), -ENOSPC);
    assert_true(error_says(store, "full"));
    assert_int_equal(last_seq(store), 1);
    assert_int_equal(store_load_rows(store, restore, &loaded, NULL), 0);
    assert_string_equal(loaded.things[0].name, "before");
    unload(&loaded);
    store_limit_pages(store, 0);
    assert_int_equal(commit(store, 2, 3000, &one.record), 0);

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    limit = was;
    limit.rlim_cur = 100000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_true(commit(store, 3001, 9000, NULL) < 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(last_seq(store), 3000);
    assert_int_equal(commit(store, 3001, 9000, NULL), 0);
    store_close(store);
    store = reopen();
    assert_int_equal(last_seq(store), 9000);
    store_close(store);
}

/* ---- killed ------------------------------------------------------------------------------------ */

/* Commits batch after batch, saying after each how far it came. */
static void commit_forever(int out)
{
    struct store *store;
    struct thing one = {.record = {&noun_thing, 1, false, false, NULL}, .name = "one"};
    struct moment moment;
    uint64_t seq;
    if (store_open(&store, path, nouns, 2, WALL, &info) || store_last(store, &seq, &moment))
        _exit(1);
    for (;;) {
        uint64_t to = seq + 1 + seq % 13;
        one.at_ms = (int64_t)to;
        if (commit(store, seq + 1, to, &one.record) || write(out, &to, sizeof to) != sizeof to)
            _exit(1);
        if (store_checkpoint_due(store))
            store_checkpoint(store);
        seq = to;
    }
}

static void survives_kill(void **state)
{
    uint64_t said = 0, got;
    (void)state;
    for (int round = 0; round < 60 || (said <= 1000 && round < 2000); round++) {
        int ends[2], status;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            commit_forever(ends[1]);
        }
        close(ends[1]);
        usleep((useconds_t)(3000 + round * 977 % 20000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        while (read(ends[0], &got, sizeof got) == sizeof got)
            said = got;
        close(ends[0]);
        if (round % 3 == 0) /* killed again before anybody looks */
            continue;

        struct loaded loaded = {.n = 0};
        uint64_t next = 0;
        struct store *store = reopen();
        assert_false(info.damaged);
        uint64_t last = last_seq(store);
        assert_true(last >= said);
        assert_int_equal(store_load_rows(store, restore, &loaded, NULL), 0);
        if (last) {
            assert_int_equal(loaded.n, 1);
            assert_int_equal(loaded.things[0].at_ms, last); /* the tables are the fold of the log */
        }
        unload(&loaded);
        assert_int_equal(store_each_input(store, last > 500 ? last - 500 : 1, count_input, &next), 0);
        assert_int_equal(next ? next : 1, last + 1);
        store_close(store);
    }
    assert_true(said > 1000);
}

/* ---- three threads ----------------------------------------------------------------------------- */

static atomic_bool busy;

static void *commit_many(void *arg)
{
    for (uint64_t seq = 1; seq <= 40000; seq += 100) {
        if (commit(arg, seq, seq + 99, NULL))
            abort();
    }
    busy = false;
    return NULL;
}

static void *keep_house(void *arg)
{
    while (busy) {
        if (store_checkpoint_due(arg) && store_checkpoint(arg))
            abort();
        if (store_retain(arg, STORE_RAW_MS + 3000, 50) < 0 || store_check_step(arg) < 0)
            abort();
    }
    return NULL;
}

static void works_in_threads(void **state)
{
    pthread_t writer, side;
    char wal[128];
    struct stat st;
    long most = 0;
    (void)state;
    struct store *store = reopen();
    snprintf(wal, sizeof wal, "%s-wal", path);
    busy = true;
    assert_int_equal(pthread_create(&writer, NULL, commit_many, store), 0);
    assert_int_equal(pthread_create(&side, NULL, keep_house, store), 0);
    for (uint64_t seq = 50000; busy; seq++) { /* the loop thread */
        struct store_input input = input_of(seq);
        store_remember(store, input.message_id, input.at_wall_ms, seq);
        input = input_of(seq - 45000);
        store_known(store, input.message_id, input.at_wall_ms);
        if (stat(wal, &st) == 0 && st.st_size > most)
            most = st.st_size;
        usleep(50);
    }
    pthread_join(writer, NULL);
    pthread_join(side, NULL);
    assert_int_equal(last_seq(store), 40000);
    assert_true(most < 4 * STORE_WAL_MOST * 4096L);
    while (store_checkpoint_due(store))
        assert_int_equal(store_checkpoint(store), 0);
    store_close(store);
}

/* ---- with the core ----------------------------------------------------------------------------- */

static void same_record(const struct record *a, const struct record *b)
{
    assert_int_equal(a->id, b->id);
    for (int i = 0; i < a->noun->n_fields; i++) {
        const struct field *field = &a->noun->fields[i];
        const char *x = (const char *)a + field->offset, *y = (const char *)b + field->offset;
        switch (field->type) {
        case FIELD_INT:
        case FIELD_ID:
            assert_memory_equal(x, y, 8);
            break;
        case FIELD_MASK:
        case FIELD_WORD:
            assert_memory_equal(x, y, 4);
            break;
        case FIELD_BOOL:
            assert_int_equal(*(const bool *)x, *(const bool *)y);
            break;
        case FIELD_TEXT: {
            const char *s = *(char *const *)(const void *)x, *t = *(char *const *)(const void *)y;
            assert_string_equal(s ? s : "", t ? t : "");
        }
        }
    }
}

static void keeps_the_core(void **state)
{
    int n_nouns, dropped, n = 0;
    struct moment now = {WALL, 1000, 0, NEVER_MS, 0};
    const struct noun *const *core = rules_nouns(&n_nouns);
    struct rules *rules = rules_new(), *again = rules_new();
    struct store *store;
    char id[16];
    (void)state;
    assert_int_equal(store_open(&store, path, core, n_nouns, WALL, &info), 0);
    for (uint64_t seq = 1; seq <= 40; seq++) {
        snprintf(id, sizeof id, "s%d", (int)(seq % 7));
        struct event event = {.at_wall_ms = now.wall_ms, .agent = "claude-code", .session = id};
        event.host = "here", event.cwd = "/work/it's", event.repository = "payments";
        event.opens = seq % 3 ? OPENS_REASON : OPENS_NOTHING;
        event.closes = seq % 4 ? CLOSES_NOTHING : CLOSES_SESSION;
        event.kind = (enum kind)(seq % KINDS);
        event.state = STATE_BLOCKED;
        event.request = id, event.title = "Bash: touch x", event.text = "Create\na file";
        event.thread = seq % 5 ? "" : "sub";
        struct input input = {.seq = seq, .type = INPUT_EVENT, .event = &event};
        rules_step(rules, &now, &input);
        assert_int_equal(commit(store, seq, seq, rules_changed(rules)), 0);
        rules_committed(rules);
        now.wall_ms += 500, now.steady_ms += 500;
    }
    store_close(store);
    assert_int_equal(store_open(&store, path, core, n_nouns, WALL, &info), 0);
    assert_int_equal(store_load(store, again, &dropped), 0);
    assert_int_equal(dropped, 0);
    const struct session *a = NULL, *b = NULL;
    while ((a = rules_session_next(rules, a))) {
        assert_non_null(b = rules_session_next(again, b));
        same_record(&a->record, &b->record);
        assert_int_equal(a->n_threads, b->n_threads);
        n++;
    }
    assert_int_equal(n, 7);
    const struct need *c = NULL, *d = NULL;
    while ((c = rules_need_next(rules, c))) {
        assert_non_null(d = rules_need_next(again, d));
        same_record(&c->record, &d->record);
        const struct reason *r = c->reasons, *s = d->reasons;
        for (; r; r = r->next, s = s->next) {
            assert_non_null(s);
            same_record(&r->record, &s->record);
        }
        assert_null(s);
        n++;
    }
    assert_null(rules_need_next(again, d));
    assert_true(n > 7);
    store_close(store);
    rules_free(rules);
    rules_free(again);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(keeps),
        TEST(is_private),
        TEST(one_at_a_time),
        TEST(refuses_what_cannot_be),
        TEST(sets_damage_aside),
        TEST(finds_damage_when_idle),
        TEST(leaves_newer_alone),
        TEST(learns_fields),
        TEST(knows_messages),
        TEST(lets_old_inputs_go),
        TEST(survives_a_full_disk),
        TEST(survives_kill),
        TEST(works_in_threads),
        TEST(keeps_the_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
