/* test_journal.c: what a daemon recorded, exported and played again, is what it decided, byte for byte: random days
 * with restarts, reloads, failing receivers and the person's acts, written to a real store as the router does it. Then
 * what is read back of each input, snapshots, and what a cut or meddled-with export is told. */
#include "../../router/config.h"
#include "../../router/event_json.h"
#include "../../router/journal.h"
#include "../../router/journal_file.h"
#include "../../router/replay_journal.h"
#include "../../router/replay_print.h"
#include "../../router/stats.h"
#include "../../router/store.h"
#include "../../rules/rules.h"
#include "../../rules/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WALL INT64_C(1760000000000)
#define MINUTE INT64_C(60000)

static const char *const policies[] = {
    "preset: none\n"
    "receivers: { popup: { plugin: desktop }, phone: { plugin: exec, budget: 3/h, fallback: popup, give_up: 2m },\n"
    "             log: { plugin: terminal } }\n"
    "focus: { dnd: {}, night: { times: [\"22:00-07:30\"] } }\n"
    "rules:\n"
    "  - set: { to: popup, settle: 3s, hold: breakpoint, at_most: 5m, group_by: [repository], inhibit: [session, board] }\n"
    "  - { match: { kind: review }, set: { settle: 15s, batch: 10m, expire: 2h } }\n"
    "  - { match: { kind: question }, set: { repeat: { every: 10m, times: 3 }, escalate: [{ after: 15m, to: phone }] } }\n"
    "  - { match: { repository: \"repo-1\", kind: permission }, set: { urgency: critical, also: phone } }\n"
    "  - { during: dnd, match: { kind: failure }, set: { batch: 20m, to: phone } }\n",
    "preset: none\n"
    "receivers: { popup: { plugin: desktop }, log: { plugin: terminal }, phone: { plugin: exec } }\n"
    "focus: { dnd: {} }\n"
    "rules:\n"
    "  - set: { to: popup, settle: 1s, hold: never, group_by: [] }\n"
    "  - { match: { kind: plan }, set: { to: log, silent: true } }\n"
    "  - { match: { kind: review }, set: { digest: [\"09:00\", \"16:45\"] } }\n",
};

/* ---- a daemon in small --------------------------------------------------------------------------- */

enum { HANDED_MAX = 64 };

struct world {
    char folder[64], database[96], export[96];
    struct store *store;
    struct rules *rules;
    uint64_t seq;
    struct moment now;
    int64_t deadline_ms;
    unsigned seed;
    struct {
        uint64_t alert_id;
        int64_t version;
        char receiver[32];
    } handed[HANDED_MAX];
    int n_handed;
    int policy;
    struct replay_print print; /* what was decided, to a file */
};

static int chance(struct world *world, int n)
{
    return rand_r(&world->seed) % n;
}

static void open_store(struct world *world)
{
    struct store_opened info;
    int n, dropped;
    const struct noun *const *nouns = rules_nouns(&n);
    assert_int_equal(store_open(&world->store, world->database, nouns, n, WALL, &info), 0);
    world->rules = rules_new();
    assert_int_equal(store_load(world->store, world->rules, &dropped), 0);
    assert_int_equal(dropped, 0);
}

static void write_input(struct world *world, const char *type, const char *body)
{
    struct store_input input = {
        .seq = ++world->seq, .moment = world->now, .type = type, .body = body, .body_len = strlen(body)};
    struct store_batch batch = {&input, 1, rules_changed(world->rules)};
    assert_int_equal(store_commit(world->store, &batch), 0);
    rules_committed(world->rules);
}

static void see(struct world *world, const struct effects *effects)
{
    world->deadline_ms = effects->deadline_ms;
    for (int i = 0; i < effects->n; i++) {
        const struct effect *effect = &effects->list[i];
        const struct alert *alert = rules_alert_find(world->rules, effect->alert_id);
        const struct receiver *receiver =
            alert ? rules_receiver_at(world->rules, (int)alert->receiver) : NULL;
        if (effect->type != EFFECT_REFUSED && (effect->type != EFFECT_ALERT || effect->deliver))
            replay_print(&world->print, world->rules, world->now.wall_ms, effect);
        if (!effect->deliver || !receiver || world->n_handed == HANDED_MAX)
            continue;
        world->handed[world->n_handed].alert_id = effect->alert_id;
        world->handed[world->n_handed].version = effect->version;
        snprintf(world->handed[world->n_handed++].receiver, 32, "%s", receiver->name);
    }
}

static void step(struct world *world, struct input *input, const char *text)
{
    char *body = journal_body(input, text, text ? "test.yaml" : NULL);
    input->seq = world->seq + 1;
    const struct effects *effects = rules_step(world->rules, &world->now, input);
    bool refused = false;
    for (int i = 0; i < effects->n; i++)
        refused |= effects->list[i].type == EFFECT_REFUSED;
    bool looked = effects->n > 1 || rules_changed(world->rules);
    see(world, effects);
    if (!refused && (input->type != INPUT_TICK || effects->n || rules_changed(world->rules)))
        write_input(world, journal_type(input->type), body);
    else if (refused && looked)
        write_input(world, "tick", "{}");
    free(body);
}

static void set_policy(struct world *world)
{
    struct problems problems = {0};
    struct config *config = NULL;
    const char *text = policies[world->policy];
    int error =
        config_parse(&config, text, strlen(text), "test.yaml", NULL, CONFIG_RECORDED, &problems);
    if (error)
        problems_print(stderr, &problems, false);
    assert_int_equal(error, 0);
    step(world, &(struct input){.type = INPUT_POLICY, .policy = config->policy}, text);
    config->policy = NULL;
    for (int i = 0; i < config->n_receivers; i++) {
        struct outcome up = {.type = OUTCOME_UP,
                             .receiver = config->receivers[i].name,
                             .updates = i == 0,
                             .withdraws = true};
        step(world, &(struct input){.type = INPUT_OUTCOME, .outcome = up}, NULL);
    }
    config_free(config);
}

static void start(struct world *world)
{
    step(world, &(struct input){.type = INPUT_START}, NULL);
    set_policy(world);
}

static void event(struct world *world)
{
    char session[16], repository[16], title[48], request[16], thread[16];
    int s = chance(world, 12), what = chance(world, 10);
    snprintf(session, sizeof session, "session-%d", s);
    snprintf(repository, sizeof repository, "repo-%d", s % 4);
    snprintf(title, sizeof title, "Bash: \"make %d\" … é\n\t\\", chance(world, 5));
    snprintf(request, sizeof request, "r%d", chance(world, 3));
    snprintf(thread, sizeof thread, "%s", chance(world, 4) ? "" : chance(world, 2) ? "t0" : "t1");
    struct event event = {.at_wall_ms = world->now.wall_ms - chance(world, 4) * 700,
                          .host = "here",
                          .agent = "shell",
                          .session = session,
                          .repository = repository,
                          .thread = thread,
                          .source = "test",
                          .title = title,
                          .place = {.tmux = "/t", .pane = session}};
    if (what < 4) {
        event.opens = chance(world, 4) ? OPENS_REASON : CONFIRMS_REASON;
        event.kind = (enum kind)chance(world, KINDS);
        event.state = event.kind == KIND_REVIEW ? STATE_DONE : STATE_BLOCKED;
        event.request = request;
    } else if (what < 7) {
        event.closes = (enum closes)(1 + chance(world, CLOSES - 1));
        event.request = request;
        event.state = STATE_WORKING;
        event.prompt = chance(world, 2);
    } else if (what == 7) {
        event.starts = true;
        event.state = STATE_STARTED;
        event.pid = s + 1;
        event.pid_start = 77;
    } else if (what == 8) {
        event.ends = chance(world, 3) == 0;
    }
    step(world, &(struct input){.type = INPUT_EVENT, .event = &event}, NULL);
}

static uint64_t some_need(struct world *world)
{
    int skip = chance(world, 6);
    const struct need *need = rules_need_next(world->rules, NULL);
    for (; need && skip; skip--)
        need = rules_need_next(world->rules, need);
    return need ? need->record.id : 99;
}

static void act(struct world *world)
{
    const struct alert *alert = rules_alert_next(world->rules, NULL);
    struct command command = {.type = (enum command_type)chance(world, COMMANDS)};
    struct input input = {.type = INPUT_COMMAND};
    if (command.type == COMMAND_FOCUS_ON || command.type == COMMAND_FOCUS_OFF) {
        command.focus = chance(world, 5) ? "dnd" : "nothing";
        command.for_ms = chance(world, 2) * 20 * MINUTE;
    } else if (command.type != COMMAND_BREAK) {
        bool whole = alert && chance(world, 2) && command.type != COMMAND_SERVE;
        command.need_id = whole ? 0 : some_need(world);
        command.alert_id = whole ? alert->record.id : 0;
        command.version = whole ? alert->version : 0;
        command.for_ms = command.type == COMMAND_SNOOZE ? 7 * MINUTE : 0;
    }
    input.command = command;
    step(world, &input, NULL);
}

static void be(struct world *world)
{
    char pane[16];
    struct presence_input presence = {.says = PRESENCE_SAYS_STATE | PRESENCE_SAYS_FRONT,
                                      .state = (enum presence)(1 + chance(world, PRESENCES - 1)),
                                      .front = {.tmux = "/t", .pane = pane},
                                      .breakpoint = chance(world, 5) ? "" : "a commit"};
    snprintf(pane, sizeof pane, "session-%d", chance(world, 12));
    step(world, &(struct input){.type = INPUT_PRESENCE, .presence = presence}, NULL);
}

/* Hands over what waits; a receiver fails now and then. */
static void deliver(struct world *world)
{
    int n = world->n_handed;
    world->n_handed = 0;
    for (int i = 0; i < n; i++) {
        char receiver[32];
        snprintf(receiver, sizeof receiver, "%s", world->handed[i].receiver);
        struct outcome outcome = {.type = OUTCOME_HANDED,
                                  .receiver = receiver,
                                  .alert_id = world->handed[i].alert_id,
                                  .version = world->handed[i].version};
        struct input input = {.type = INPUT_OUTCOME, .outcome = outcome};
        step(world, &input, NULL);
        int luck = chance(world, 12);
        input.outcome.type = luck               ? OUTCOME_DELIVERED
                             : chance(world, 2) ? OUTCOME_RETRY
                                                : OUTCOME_FAILED;
        input.outcome.reason = luck ? NULL : "429 Too Many Requests";
        step(world, &input, NULL);
    }
}

static void pass(struct world *world, int64_t ms)
{
    int64_t until_ms = world->now.steady_ms + ms;
    for (int looks = 0; world->deadline_ms <= until_ms && looks < 50; looks++) {
        int64_t late_ms =
            world->deadline_ms > world->now.steady_ms ? world->deadline_ms - world->now.steady_ms : 0;
        world->now.steady_ms += late_ms + chance(world, 3);
        world->now.wall_ms += late_ms + chance(world, 2);
        step(world, &(struct input){.type = INPUT_TICK}, NULL);
        deliver(world);
    }
    if (until_ms > world->now.steady_ms) {
        world->now.wall_ms += until_ms - world->now.steady_ms;
        world->now.steady_ms = until_ms;
    }
}

/* Killed, and started again: what was handed over is ambiguous. */
static void restart(struct world *world)
{
    store_close(world->store);
    rules_free(world->rules);
    open_store(world);
    world->n_handed = 0;
    world->deadline_ms = NEVER_MS;
    world->now.wall_ms += chance(world, 2) * 30 * MINUTE;
    world->now.steady_ms = world->now.wall_ms + 5;
    write_input(world, JOURNAL_LOADED, "{}");
    for (int i = chance(world, 4); i > 0; i--)
        event(world); /* from the spool */
    struct outcome nothing = {.type = OUTCOME_HANDED, .receiver = "popup"};
    for (const struct alert *alert = rules_alert_next(world->rules, NULL); alert;
         alert = rules_alert_next(world->rules, alert)) {
        nothing.alert_id = alert->record.id;
        if (alert->handed) {
            step(world, &(struct input){.type = INPUT_OUTCOME, .outcome = nothing}, NULL);
            break;
        }
    }
    start(world);
}

static void live(struct world *world, int inputs)
{
    for (int i = 0; i < inputs; i++) {
        int what = chance(world, 100);
        if (what < 70)
            event(world);
        else if (what < 85)
            act(world);
        else if (what < 95)
            be(world);
        else if (what < 97)
            step(world,
                 &(struct input){.type = INPUT_GONE, .gone = {"here", 1 + chance(world, 12), 77}},
                 NULL);
        else if (what < 98)
            restart(world);
        else if (what < 99)
            world->policy = !world->policy, set_policy(world);
        else
            pass(world, 3 * 60 * MINUTE);
        deliver(world);
        pass(world, chance(world, 3) ? chance(world, 3000) : chance(world, 400000));
    }
}

/* ---- what is written ----------------------------------------------------------------------------- */

static int kept_stdout = -1;

static void print_to(const char *path)
{
    fflush(stdout);
    kept_stdout = dup(STDOUT_FILENO);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, STDOUT_FILENO);
    close(fd);
}

static void print_again(void)
{
    fflush(stdout);
    dup2(kept_stdout, STDOUT_FILENO);
    close(kept_stdout);
}

static char *file_of(const struct world *world, const char *name)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", world->folder, name);
    return path;
}

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    assert_int_equal(fread(text, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    return text;
}

static void write_all(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void begin_world(struct world *world, unsigned seed)
{
    *world = (struct world){
        .seed = seed, .deadline_ms = NEVER_MS, .print = {.json = true, .forgets = true}};
    /* every input is a commit: in memory, where there is such a place */
    strcpy(world->folder,
           access("/dev/shm", W_OK) ? "/tmp/qb-journal-XXXXXX" : "/dev/shm/qb-journal-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->database, sizeof world->database, "%s/quietbell.db", world->folder);
    snprintf(world->export, sizeof world->export, "%s/journal", world->folder);
    world->now = (struct moment){
        .wall_ms = WALL, .steady_ms = WALL, .next_offset_ms = WALL + 86400000, .utc_offset_s = 3600};
    open_store(world);
    start(world); /* decides nothing that is printed: there is nothing yet */
}

static void end_world(struct world *world)
{
    char command[128];
    store_close(world->store);
    rules_free(world->rules);
    replay_print_clear(&world->print);
    snprintf(command, sizeof command, "rm -rf %s", world->folder);
    assert_int_equal(system(command), 0);
}

/* As a client does: by a reader of its own, beside the daemon. */
static struct journal_counts export(struct world *world, int64_t since_ms)
{
    struct store *reader;
    struct journal_counts counts;
    char error[STORE_ERROR_MAX];
    int n;
    const struct noun *const *nouns = rules_nouns(&n);
    assert_int_equal(store_open_reading(&reader, world->database, nouns, n, error), 0);
    FILE *out = fopen(world->export, "w");
    assert_int_equal(journal_write(out, reader, since_ms, world->now.wall_ms, &counts), 0);
    fclose(out);
    store_close(reader);
    return counts;
}

/* The exit code; what was printed lies in the file. */
static int play(struct world *world, const char *config, bool json, const char *to)
{
    struct replay_journal order = {.path = world->export, .config = config, .json = json};
    FILE *file = fopen(world->export, "re");
    assert_true(journal_is(file));
    print_to(file_of(world, to));
    int code = replay_journal(&order, file);
    print_again();
    return code;
}

/* ---- the tests ----------------------------------------------------------------------------------- */

/* What a withdrawn alert is called depends on what was printed of it before. */
static void forget_names(char *text)
{
    for (char *at = text; (at = strstr(at, "\"alert_withdrawn\",\"session\":"));) {
        char *from = at + strlen("\"alert_withdrawn\""), *to = strstr(from, ",\"reason\"");
        memmove(from, to, strlen(to) + 1);
        from = strstr(from, ",\"receiver\""); /* and where it stood, if that went, too */
        to = strstr(from, ",\"alert\"");
        memmove(from, to, strlen(to) + 1);
        at = from;
    }
}

/* Every decision, and at the end every record, whatever happened: from the beginning, and from a snapshot. */
static void is_played_again_byte_for_byte(void **state)
{
    (void)state;
    int seeds = getenv("JOURNAL_SEEDS") ? atoi(getenv("JOURNAL_SEEDS")) : 25;
    int from = getenv("JOURNAL_FIRST") ? atoi(getenv("JOURNAL_FIRST")) : 1;
    for (int seed = from; seed < from + seeds; seed++) {
        struct world world;
        begin_world(&world, (unsigned)seed);
        print_to(file_of(&world, "first"));
        live(&world, 150);
        print_again();
        assert_int_equal(store_take_snapshot(world.store, world.now.steady_ms + STORE_SNAPSHOT_MS), 1);
        int64_t cut_ms = world.now.wall_ms;
        world.now.wall_ms += 10000;
        world.now.steady_ms += 10000;
        print_to(file_of(&world, "second"));
        live(&world, 150);
        print_again();

        char *first = read_all(file_of(&world, "first")),
             *second = read_all(file_of(&world, "second"));
        export(&world, 0);
        int code = play(&world, NULL, true, "played");
        char *played = read_all(file_of(&world, "played")),
             *end = strstr(played, "{\"what\":\"figures\"");
        assert_non_null(end);
        char *good = strstr(end, "\"exact\":true");
        *end = '\0';
        if (code || !good || strncmp(played, first, strlen(first)) != 0 ||
            strcmp(played + strlen(first), second) != 0)
            fail_msg("seed %d: not the same from the beginning (%s)", seed, world.folder);
        free(played);

        struct journal_counts counts = export(&world, cut_ms + 1);
        assert_true(counts.base > 0);
        code = play(&world, NULL, true, "played");
        played = read_all(file_of(&world, "played"));
        end = strstr(played, "{\"what\":\"figures\"");
        *end = '\0';
        forget_names(played);
        forget_names(second);
        if (code || strcmp(played, second) != 0)
            fail_msg("seed %d: not the same from a snapshot (%s)", seed, world.folder);
        free(played);
        free(first);
        free(second);
        end_world(&world);
    }
}

static int64_t figure(const json_t *figures, const char *key)
{
    return json_integer_value(json_object_get(figures, key));
}

/* Each need is in one of the sums, whatever the configuration. */
static void check_sums(const json_t *figures)
{
    const json_t *avoided = json_object_get(figures, "avoided");
    assert_int_equal(figure(figures, "needs"),
                     figure(figures, "rang") + figure(avoided, "answered") +
                         figure(avoided, "rode_along") + figure(avoided, "gathered") +
                         figure(avoided, "silent") + figure(avoided, "held"));
    int64_t needs = 0, rings = 0;
    const char *key;
    json_t *one;
    json_object_foreach(json_object_get(figures, "kinds"), key, one) needs += figure(one, "needs");
    json_object_foreach(json_object_get(figures, "receivers"), key, one) rings += figure(one, "rings");
    assert_int_equal(needs, figure(figures, "needs"));
    assert_int_equal(rings, figure(figures, "interruptions"));
    assert_true(figure(figures, "walled_ms") <= figure(figures, "blocked_ms"));
}

static void is_compared_with_another_configuration(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 10; seed++) {
        struct world world;
        begin_world(&world, (unsigned)seed);
        print_to("/dev/null");
        live(&world, 200);
        print_again();
        export(&world, 0);
        for (int i = 0; i < 2; i++) {
            char *config = file_of(&world, "other.yaml");
            write_all(config, policies[i]);
            if (play(&world, config, true, "played"))
                fail_msg("seed %d (%s)", seed, world.folder);
            char *played = read_all(file_of(&world, "played")),
                 *end = strstr(played, "{\"what\":\"figures\"");
            json_t *json = json_loads(end, 0, NULL);
            check_sums(json_object_get(json, "recorded"));
            check_sums(json_object_get(json, "other"));
            assert_non_null(strstr(played, "{\"stream\":\"other\""));
            json_decref(json);
            free(played);
            assert_int_equal(play(&world, config, false, "played"), 0);
            played = read_all(file_of(&world, "played"));
            assert_non_null(strstr(played, "interruptions (rings)"));
            free(played);
        }
        end_world(&world);
    }
}

/* stats reads the store itself, and comes to the same as replay; days add up to the week. */
static void stats_are_those_of_replay(void **state)
{
    (void)state;
    struct world world;
    begin_world(&world, 7);
    print_to("/dev/null");
    live(&world, 300);
    print_again();
    export(&world, 0);
    assert_int_equal(play(&world, NULL, true, "played"), 0);
    char *played = read_all(file_of(&world, "played"));
    json_t *json = json_loads(strstr(played, "{\"what\":\"figures\""), 0, NULL);
    int64_t now_ms = world.now.wall_ms, middle_ms = WALL + (now_ms - WALL) / 2;
    struct stats_span spans[3] = {
        {.from_wall_ms = 0, .until_wall_ms = middle_ms},
        {.from_wall_ms = middle_ms, .until_wall_ms = now_ms},
        {.from_wall_ms = 0, .until_wall_ms = now_ms},
    };
    struct store *reader;
    char error[STORE_ERROR_MAX];
    bool late;
    int n;
    const struct noun *const *nouns = rules_nouns(&n);
    assert_int_equal(store_open_reading(&reader, world.database, nouns, n, error), 0);
    assert_int_equal(stats_take(reader, spans, 3, now_ms, &late, error, sizeof error), 0);
    assert_false(late);
    json_t *figures = figures_json(&spans[2].figures), *recorded = json_object_get(json, "recorded");
    assert_int_equal(figure(figures, "needs"), figure(recorded, "needs"));
    assert_int_equal(figure(figures, "interruptions"), figure(recorded, "interruptions"));
    assert_int_equal(figure(figures, "switches"), figure(recorded, "switches"));
    assert_int_equal(figure(figures, "blocked_ms"), figure(recorded, "blocked_ms"));
    assert_int_equal(spans[0].figures.rings + spans[1].figures.rings, spans[2].figures.rings);
    int64_t blocked_ms[3] = {0};
    for (int i = 0; i < 3; i++) {
        json_t *one = figures_json(&spans[i].figures);
        check_sums(one);
        blocked_ms[i] = figure(one, "blocked_ms");
        json_decref(one);
        assert_true(spans[i].inputs > 0);
    }
    assert_int_equal(blocked_ms[0] + blocked_ms[1], blocked_ms[2]);
    assert_int_equal(spans[0].figures.needs + spans[1].figures.needs - spans[1].figures.carried,
                     spans[2].figures.needs);
    for (int i = 0; i < 3; i++)
        figures_clear(&spans[i].figures);
    json_decref(figures);
    json_decref(json);
    free(played);
    store_close(reader);
    end_world(&world);
}

/* After a month the beginning goes; what is left is played from a snapshot, and that is said. */
static void outlives_retention(void **state)
{
    (void)state;
    struct world world;
    begin_world(&world, 3);
    print_to("/dev/null");
    for (int day = 0; day < 40; day++) {
        live(&world, 20);
        pass(&world, STORE_DAY_MS);
        store_take_snapshot(world.store, world.now.steady_ms);
        while (store_retain(world.store, world.now.steady_ms, STORE_RETAIN_MOST) > 0)
            ;
    }
    print_again();
    struct journal_counts counts = export(&world, 0);
    assert_true(counts.base > 0);
    assert_true(counts.late);
    assert_int_equal(play(&world, NULL, true, "played"), 0);
    uint64_t deleted;
    assert_int_equal(store_snapshot(world.store, &deleted), 0);
    assert_true(counts.base >= deleted && deleted > 0);
    counts = export(&world, world.now.wall_ms - 3 * STORE_DAY_MS);
    assert_false(counts.late);
    assert_int_equal(play(&world, NULL, true, "played"), 0);
    end_world(&world);
}

static void tells_of_a_bad_export(void **state)
{
    (void)state;
    struct world world;
    begin_world(&world, 5);
    print_to("/dev/null");
    live(&world, 60);
    print_again();
    export(&world, 0);
    char *whole = read_all(world.export), *text = strdup(whole), *at;
    fflush(stderr);
    int kept = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO);

    text[strlen(text) / 2] = '\0'; /* cut off */
    write_all(world.export, text);
    int cut = play(&world, NULL, true, "played");
    strcpy(text, whole);
    at = strstr(text, "{\"seq\":20,"); /* a line is gone */
    memmove(at, strchr(at, '\n') + 1, strlen(strchr(at, '\n') + 1) + 1);
    write_all(world.export, text);
    int gone = play(&world, NULL, true, "played");
    strcpy(text, whole);
    at = strstr(strstr(text, "{\"now\":\"session\""), "\"agent\":\"shell\"");
    memcpy(at, "\"agent\":\"shelL\"", 15); /* the daemon had something else */
    write_all(world.export, text);
    int other = play(&world, NULL, true, "played");
    strcpy(text, whole);
    at = strstr(text, "\"type\":\"event\",\"body\":{\"");
    at[24] = '\xff';
    write_all(world.export, text);
    int bytes = play(&world, NULL, true, "played");

    dup2(kept, STDERR_FILENO);
    close(kept);
    close(null);
    assert_int_equal(cut, 1);
    assert_int_equal(gone, 1);
    assert_int_equal(other, 1);
    assert_int_equal(bytes, 1);
    free(whole);
    free(text);
    end_world(&world);
}

/* An event's text is read back to the same, however it is spaced and escaped. */
static void reads_events_back(void **state)
{
    (void)state;
    struct event event = {.at_wall_ms = -5,
                          .host = "h\"\\",
                          .title = "a\tb\x01 … 𝄞",
                          .opens = OPENS_REASON,
                          .kind = KIND_PLAN,
                          .prompt = true,
                          .pid = 1234567890123,
                          .place = {.pane = "%3"}},
                 back;
    char *text = event_to_text(&event);
    assert_int_equal(event_from_text(text, strlen(text), &back), 0);
    char *again = event_to_text(&back);
    char *once_more = event_to_text(&event);
    assert_string_equal(again, once_more);
    free(text);
    free(again);
    free(once_more);

    char spaced[] =
        "{ \"title\" : \"\\u00e9\\ud834\\udd1e\\/\" , \"new\" : \"x\", \"prompt\":false , \"pid\": -7 }";
    assert_int_equal(event_from_text(spaced, strlen(spaced), &back), 0);
    assert_string_equal(back.title, "é𝄞/");
    assert_int_equal(back.pid, -7);
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{\"title\":1}",
                                      "{\"title\":\"\\u0000\"}",
                                      "{\"title\":\"\\ud834\"}",
                                      "{\"kind\":\"none of ours\"}",
                                      "{\"pid\":99999999999999999999}",
                                      "{\"title\":\"x\"",
                                      "{\"title\":\"x}",
                                      "{\"title\":\"x\\",
                                      "{\"pid\":}",
                                      "{\"prompt\":tru}",
                                      "{\"x\":{}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *copy = strdup(bad[i]);
        assert_int_equal(event_from_text(copy, strlen(copy), &back), -EINVAL);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_events_back),
        cmocka_unit_test(is_played_again_byte_for_byte),
        cmocka_unit_test(is_compared_with_another_configuration),
        cmocka_unit_test(stats_are_those_of_replay),
        cmocka_unit_test(outlives_retention),
        cmocka_unit_test(tells_of_a_bad_export),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
