/* test_config.c: configurations: what good ones mean, and that each file of tests/config is refused at
 * its place, with its key, its reason and its suggestion, and without showing a secret.
 *
 * A file there begins with one line per problem, in the order of their places:
 *     # expect: LINE:COLUMN KEY | part of the message | part of the suggestion
 * where "-" is an empty key or no suggestion. The word SECRET must never be shown. */
#include "router/config.h"
#include "router/yaml.h"
#include "rules/text.h"

#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants the four above first */
#include <cmocka.h>

/* ---- helpers -------------------------------------------------------------------------------------- */

static char folder[64] = "/tmp/quietbell-config-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    glob_t found;
    char pattern[80];
    (void)state;
    snprintf(pattern, sizeof pattern, "%s/*", folder);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            remove(found.gl_pathv[i]);
        globfree(&found);
    }
    return rmdir(folder);
}

static char *put(const char *name, const char *text, mode_t mode)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static struct config *good_flags(const char *text, unsigned flags)
{
    struct problems problems = {0};
    struct config *config = NULL;
    int result = config_parse(&config, text, strlen(text), "t.yaml", folder, flags, &problems);
    problems_print(stderr, &problems, false);
    assert_int_equal(problems.n, 0);
    assert_int_equal(result, 0);
    assert_non_null(config);
    return config;
}

static struct config *good(const char *text)
{
    return good_flags(text, 0);
}

/* Refused; the whole of what is told, for strstr. */
static const char *bad(const char *text)
{
    static char told[8192];
    struct problems problems = {0};
    struct config *config = NULL;
    assert_int_equal(config_parse(&config, text, strlen(text), "t.yaml", folder, 0, &problems),
                     -EINVAL);
    assert_null(config);
    assert_true(problems.n > 0);
    FILE *out = fmemopen(told, sizeof told, "w");
    problems_print(out, &problems, false);
    fclose(out);
    problems_clear(&problems);
    return told;
}

#define assert_told(told, part)                                                                    \
    do {                                                                                           \
        const char *t_ = (told);                                                                   \
        if (!strstr(t_, part))                                                                     \
            fail_msg("not told: %s\nbut:\n%s", part, t_);                                          \
    } while (0)

static const struct rule *last_rule(const struct config *config)
{
    return &config->policy->rules[config->policy->n_rules - 1];
}

static const char *setting(const struct config *config, int receiver, const char *key)
{
    return json_string_value(json_object_get(config->receivers[receiver].settings, key));
}

/* ---- the broken ones ------------------------------------------------------------------------------ */

struct expected {
    int line, column;
    char key[128], message[128], suggestion[128];
};

static int read_expected(const char *path, struct expected *list, int max)
{
    char line[600];
    int n = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (n < max && fgets(line, sizeof line, file) && strncmp(line, "# expect:", 9) == 0) {
        struct expected *e = &list[n++];
        char *first = strstr(line, " | "), *second = first ? strstr(first + 3, " | ") : NULL;
        if (!second)
            fail_msg("%s: no expectation: %s", path, line);
        *first = *second = 0;
        if (sscanf(line + 9, "%d:%d %127[^\n]", &e->line, &e->column, e->key) != 3)
            fail_msg("%s: no position: %s", path, line);
        snprintf(e->message, sizeof e->message, "%s", first + 3);
        snprintf(e->suggestion, sizeof e->suggestion, "%.*s", (int)strcspn(second + 3, "\n"),
                 second + 3);
    }
    fclose(file);
    return n;
}

static void check_problem(const char *path, const struct problem *problem, const struct expected *e)
{
    char place[256];
    if (problem->line != e->line || problem->column != e->column)
        fail_msg("%s: expected at %d:%d, told:\n%s", path, e->line, e->column, problem->text);
    if (strcmp(problem->key, strcmp(e->key, "-") ? e->key : "") != 0)
        fail_msg("%s: expected key %s, told:\n%s", path, e->key, problem->text);
    if (!strstr(problem->message, e->message))
        fail_msg("%s: expected '%s', told:\n%s", path, e->message, problem->text);
    if (strcmp(e->suggestion, "-") ? !strstr(problem->suggestion, e->suggestion) : *problem->suggestion)
        fail_msg("%s: expected suggestion '%s', told:\n%s", path, e->suggestion, problem->text);
    if (strstr(problem->text, "SECRET"))
        fail_msg("%s: a secret is told:\n%s", path, problem->text);
    snprintf(place, sizeof place, "%s:%d:%d: ", path, e->line, e->column);
    assert_int_equal(strncmp(problem->text, place, strlen(place)), 0);
    assert_true(!*problem->suggestion || strstr(problem->text, problem->suggestion));
}

static void test_broken(void **state)
{
    glob_t found;
    (void)state;
    unsetenv("QUIETBELL_TEST_NOT_SET");
    assert_int_equal(glob("tests/config/*.yaml", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];
        struct expected expected[PROBLEMS_MAX];
        struct problems problems = {0};
        struct config *config = NULL;
        int n = read_expected(path, expected, PROBLEMS_MAX);
        if (n == 0)
            fail_msg("%s: expects nothing", path);
        assert_int_equal(config_load(&config, path, &problems), -EINVAL);
        assert_null(config);
        bool only_first = strstr(path, "billion-laughs") != NULL;
        if (problems.n != n && !only_first) {
            problems_print(stderr, &problems, false);
            fail_msg("%s: %d problems instead of %d", path, problems.n, n);
        }
        for (int j = 0; j < n; j++)
            check_problem(path, &problems.list[j], &expected[j]);
        problems_clear(&problems);
    }
    assert_true(found.gl_pathc >= 30);
    globfree(&found);
}

/* ---- presets -------------------------------------------------------------------------------------- */

static void check_default(const struct config *config)
{
    const struct policy *policy = config->policy;
    assert_string_equal(config->preset, "default");
    assert_int_equal(policy->n_rules, 4);
    assert_string_equal(policy->rules[0].file, "preset default");
    assert_int_equal(policy->rules[0].sets, 1 << SET_TO | 1 << SET_SETTLE | 1 << SET_SLOT |
                                                1 << SET_AT_MOST | 1 << SET_GROUP_BY);
    assert_int_equal(policy->rules[0].settle_ms, 3000);
    assert_int_equal(policy->rules[0].slot, SLOT_BREAKPOINT);
    assert_int_equal(policy->rules[0].at_most_ms, 300000);
    assert_string_equal(policy->rules[2].match.field[MATCH_KIND].glob[0], "review");
    assert_int_equal(policy->rules[2].settle_ms, 15000);
    assert_int_equal(policy->rules[2].at_most_ms, 1200000);
}

static void test_default(void **state)
{
    struct problems problems = {0};
    struct config *config = NULL;
    (void)state;
    assert_int_equal(config_load(&config, NULL, &problems), 0);
    check_default(config);
    assert_string_equal(config->file, "preset default");
    assert_string_equal(config->text, "");
    assert_int_equal(config->n_receivers, 1);
    assert_string_equal(config->receivers[0].name, "popup");
    assert_string_equal(config->receivers[0].plugin, "auto");
    assert_int_equal(config->policy->receivers[0].fallback, -1);
    assert_int_equal(config->policy->receivers[0].give_up_ms, 600000);
    assert_true(config->policy->receivers[0].updates);
    assert_string_equal(config->policy->focuses[0].name, "away");
    assert_int_equal(config->policy->focuses[0].presence, 1 << PRESENCE_LOCKED | 1 << PRESENCE_AWAY);
    assert_true(config->policy->focuses[1].follow);
    assert_string_equal(config->policy->focuses[2].name, "dnd");
    assert_int_equal(config->policy->focuses[2].n_times, 0);
    config_free(config);
    for (int i = 0; i < 3; i++) {
        static const char *const texts[] = {"", "# nothing\n", "rules:\nreceivers:\nfocus:\n"};
        config = good(texts[i]);
        check_default(config);
        config_free(config);
    }
    config_free(NULL);
}

static void test_merge(void **state)
{
    (void)state;
    struct config *config = good("receivers:\n  mine: { plugin: terminal }\n  other: { plugin: auto }\n"
                                 "focus:\n  dnd: { times: \"01:00-02:00\" }\n  night:\n"
                                 "rules:\n  - set: { to: mine }\n");
    const struct policy *policy = config->policy;
    assert_int_equal(policy->n_receivers, 3);
    assert_string_equal(policy->receivers[0].name, "mine");
    assert_string_equal(policy->receivers[2].name, "popup");
    assert_int_equal(policy->receivers[0].fallback, 1);
    assert_int_equal(policy->receivers[1].fallback, 0);
    assert_int_equal(policy->receivers[2].fallback, 0);
    assert_int_equal(policy->rules[0].to, 1 << 2); /* the preset's, at its new place */
    assert_int_equal(policy->n_focuses, 4);
    assert_int_equal(policy->focuses[0].n_times, 1);
    assert_int_equal(policy->n_rules, 5);
    assert_string_equal(policy->rules[4].name, "rule 1");
    assert_string_equal(policy->rules[4].file, "t.yaml");
    assert_int_equal(policy->rules[4].line, 8);
    config_free(config);

    config = good("receivers:\n  popup: { plugin: terminal, path: ./here, give_up: 1m }\n");
    assert_int_equal(config->policy->n_receivers, 1);
    assert_string_equal(config->receivers[0].plugin, "terminal");
    assert_int_equal(config->policy->receivers[0].give_up_ms, 60000);
    assert_true(strstr(setting(config, 0, "path"), folder) &&
                strstr(setting(config, 0, "path"), "/here"));
    config_free(config);

    config = good("preset: none\naccept_uids: [0, 1000]\n");
    assert_int_equal(
        config->policy->n_receivers + config->policy->n_rules + config->policy->n_focuses, 0);
    assert_int_equal(config->n_accept_uids, 2);
    assert_int_equal(config->accept_uids[1], 1000);
    config_free(config);
}

/* ---- rules and focuses ---------------------------------------------------------------------------- */

static void test_rule(void **state)
{
    (void)state;
    struct config *config = good(
        "receivers:\n  a: { plugin: auto }\n  b: { plugin: auto }\nfocus:\n  night: {}\nrules:\n"
        "  - name: \"all of it\"\n    during: [night, dnd]\n    stop: true\n"
        "    match: { repository: [\"pay*\", x], kind: \"[pq]*\", urgency: low, branch: \"\",\n"
        "             not: { tool: Bash, session: \"a[]]b\" } }\n"
        "    set: { urgency: critical, to: [a, popup], also: b, settle: 0, batch: 1h30m, at_most: 90s,\n"
        "           group_by: [branch, kind], silent: true, expire: 30d,\n"
        "           inhibit: board, repeat: { every: 5m, times: 2 },\n"
        "           escalate: [{ after: 15m, to: b }, { after: 1h, to: [a, popup] }] }\n");
    const struct rule *rule = last_rule(config);
    assert_string_equal(rule->name, "all of it");
    assert_int_equal(rule->during, DURING_NAMED);
    assert_int_equal(rule->focuses, 1 << 0 | 1 << 3); /* the preset's stand behind */
    assert_true(rule->stop);
    assert_int_equal(rule->match.field[MATCH_REPOSITORY].n, 2);
    assert_string_equal(rule->match.field[MATCH_REPOSITORY].glob[1], "x");
    assert_string_equal(rule->match.field[MATCH_BRANCH].glob[0], "");
    assert_int_equal(rule->match.field[MATCH_BRANCH].n, 1);
    assert_int_equal(rule->match.field[MATCH_TOOL].n, 0);
    assert_int_equal(rule->unless.field[MATCH_TOOL].n, 1);
    assert_int_equal(rule->sets, (1 << SET_KEYS) - 1);
    assert_int_equal(rule->urgency, URGENCY_CRITICAL);
    assert_int_equal(rule->to, 1 | 4);
    assert_int_equal(rule->also, 2);
    assert_int_equal(rule->settle_ms, 0);
    assert_int_equal(rule->slot, SLOT_BATCH);
    assert_int_equal(rule->batch_ms, 5400000);
    assert_int_equal(rule->at_most_ms, 90000);
    assert_int_equal(rule->group_by, GROUP_BRANCH | GROUP_KIND);
    assert_true(rule->silent);
    assert_int_equal(rule->expire_ms, 30LL * 86400000);
    assert_int_equal(rule->inhibit, INHIBIT_BOARD);
    assert_int_equal(rule->repeat_ms, 300000);
    assert_int_equal(rule->repeat_times, 2);
    assert_int_equal(rule->n_escalate, 2);
    assert_int_equal(rule->escalate[1].after_ms, 3600000);
    assert_int_equal(rule->escalate[1].to, 1 | 4);
    config_free(config);

    config = good(
        "receivers:\n  phone: { plugin: auto, budget: 4/h }\n"
        "policy: { few: 5, waiting: 0.25, middle: 5m, weight: { review: 0.5 }, service: { plan: 2m },\n"
        "  recall: 0, setup: 40s, silent: 8m, stalled: never }\n"
        "rules:\n  - presence: [idle, away]\n    set: { digest: [\"11:45\", \"16:45\"] }\n");
    assert_int_equal(config->policy->receivers[0].budget, 4);
    assert_int_equal(config->policy->deferral.few, 5);
    assert_int_equal(config->policy->deferral.waiting, 250);
    assert_int_equal(config->policy->deferral.middle_s, 300);
    assert_int_equal(config->policy->deferral.weight[KIND_REVIEW], 500);
    assert_int_equal(config->policy->deferral.service_s[KIND_PLAN], 120);
    assert_int_equal(config->policy->deferral.recall, 0);
    assert_int_equal(config->policy->deferral.setup_s, 40);
    assert_int_equal(config->policy->deferral.silent_s, 480);
    assert_int_equal(config->policy->deferral.stalled_s, 0);
    assert_int_equal(last_rule(config)->presence, 1 << PRESENCE_IDLE | 1 << PRESENCE_AWAY);
    assert_int_equal(last_rule(config)->slot, SLOT_DIGEST);
    assert_int_equal(last_rule(config)->times_min[1], 16 * 60 + 45);
    config_free(config);
    for (int i = 0; i < 4; i++) {
        static const char *const presets[] = {
            "preset: default\n", "preset: eager\n", "preset: deep-focus\n",
            "preset: on-call\nreceivers: { phone: { plugin: auto } }\n"};
        config_free(good(presets[i]));
    }

    config = good("rules:\n  - { during: any, set: { hold: focus-end, to: [], group_by: [] } }\n");
    assert_int_equal(last_rule(config)->during, DURING_ANY);
    assert_int_equal(last_rule(config)->slot, SLOT_FOCUS_END);
    assert_int_equal(last_rule(config)->sets, 1 << SET_SLOT | 1 << SET_TO | 1 << SET_GROUP_BY);
    assert_int_equal(last_rule(config)->to | last_rule(config)->group_by, 0);
    config_free(config);
    config = good("rules:\n  - { during: none, match: {}, set: { silent: false } }\n");
    assert_int_equal(last_rule(config)->during, DURING_NONE);
    config_free(config);
}

static void test_times(void **state)
{
    static const struct {
        const char *text;
        struct span span;
    } rows[] = {
        {"Mon-Fri 09:30-12:00", {0x1f, 570, 720}}, {"Mon,Wed 22:00-07:30", {0x05, 1320, 450}},
        {"22:00-07:30", {0x7f, 1320, 450}},        {"Sat-Sun 00:00-24:00", {0x60, 0, 1440}},
        {"Fri-Mon 01:00-02:00", {0x71, 60, 120}},  {"Sun 22:00-00:00", {0x40, 1320, 0}},
        {"Mon-Mon 01:00-02:00", {0x01, 60, 120}},  {"Mon,Wed-Thu 01:00-02:00", {0x0d, 60, 120}},
    };
    static const char *const wrong[] = {
        "Mon- 01:00-02:00",
        "-Mon 01:00-02:00",
        "Mon,,Tue 01:00-02:00",
        "Mon-Tue-Wed 01:00-02:00",
        "Mon",
        "Mon  01:00-02:00",
        " 01:00-02:00",
        "01:00 - 02:00",
        "01:00-02:60",
        "24:00-01:00",
        "01:00-24:01",
        "1:00-02:00",
        "01:00",
        "Mon,Tue, 01:00-02:00",
        "01:00-02:00 ",
        "MON 01:00-02:00",
        "+1:00-02:00",
        "01:00–02:00",
    };
    char text[200];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text, "focus: { f: { times: [\"%s\"] } }\n", rows[i].text);
        struct config *config = good(text);
        const struct policy_focus *focus = &config->policy->focuses[0];
        assert_int_equal(focus->n_times, 1);
        assert_int_equal(focus->times[0].days, rows[i].span.days);
        assert_int_equal(focus->times[0].from_min, rows[i].span.from_min);
        assert_int_equal(focus->times[0].to_min, rows[i].span.to_min);
        config_free(config);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "focus: { f: { times: [\"%s\"] } }\n", wrong[i]);
        assert_told(bad(text), "t.yaml:1:23: focus.f.times[1]");
    }
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: none */
    } rows[] = {
        {"90s", 90000},     {"1h30m", 5400000},  {"0", 0},
        {"0s", 0},          {"3d", 259200000},   {"1d1h1m1s", 90061000},
        {"1h1s", 3601000},  {"30d", 2592000000}, {"720h", 2592000000},
        {"", -1},           {"1", -1},           {"s", -1},
        {"1h30", -1},       {"30m1h", -1},       {"1m1m", -1},
        {"2 minutes", -1},  {"1.5h", -1},        {"-1s", -1},
        {"+1s", -1},        {" 1s", -1},         {"1s ", -1},
        {"31d", -1},        {"30d1s", -1},       {"1ms", -1},
        {"1S", -1},         {"0x1s", -1},        {"99999999999999999999s", -1},
        {"999999999d", -1}, {"1w", -1},          {"1h 30m", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ms = -1;
        assert_int_equal(duration_parse(rows[i].text, &ms), rows[i].ms >= 0);
        assert_int_equal(ms, rows[i].ms);
    }
    int minute;
    assert_true(clock_parse("24:00", &minute) && minute == 1440);
    assert_true(clock_parse("00:00", &minute) && minute == 0);
    assert_false(clock_parse("24:01", &minute) || clock_parse("9:30", &minute) ||
                 clock_parse("09:3", &minute) || clock_parse("09:60", &minute) ||
                 clock_parse("0a:30", &minute) || clock_parse("", &minute));
}

static void test_nearest(void **state)
{
    static const char *const names[] = {"settle",   "to", "also", "repository",
                                        "critical", NULL, "Mon"};
    (void)state;
    assert_string_equal(nearest("setle", names, 7), "settle");
    assert_string_equal(nearest("ot", names, 7), "to");
    assert_string_equal(nearest("repo", names, 7), "repository");
    assert_string_equal(nearest("Monday", names, 7), "Mon");
    assert_string_equal(nearest("CRITICAL", names, 7), "critical");
    assert_null(nearest("banana", names, 7));
    assert_null(nearest("", names, 7));
    assert_null(nearest("x", names, 7));
}

/* ---- receivers and secrets ------------------------------------------------------------------------ */

static void test_webhook(void **state)
{
    (void)state;
    put("slack.url", "  https://example.org/services/T0/SECRET\r\n", 0600);
    put("token", "SECRET-token", 0400);
    setenv("QUIETBELL_TEST_SECRET", "whsec_SECRET", 1);
    struct config *config =
        good("receivers:\n  team: { plugin: webhook, url_file: slack.url, token_file: ./token,\n"
             "          secret_env: QUIETBELL_TEST_SECRET, timeout: 5s, fallback: popup }\n");
    assert_string_equal(setting(config, 0, "url"), "https://example.org/services/T0/SECRET");
    assert_string_equal(setting(config, 0, "token"), "SECRET-token");
    assert_string_equal(setting(config, 0, "secret"), "whsec_SECRET");
    assert_int_equal(json_integer_value(json_object_get(config->receivers[0].settings, "timeout_ms")),
                     5000);
    assert_null(json_object_get(config->receivers[0].settings, "url_file"));
    assert_null(json_object_get(config->receivers[0].settings, "plugin"));
    assert_false(config->policy->receivers[0].updates || config->policy->receivers[0].withdraws);
    assert_int_equal(config->policy->receivers[0].fallback, 1);
    assert_null(strstr(config->text, "SECRET-"));
    config_free(config);
}

#define WEBHOOK(file) "receivers:\n  team: { plugin: webhook, url_file: " file " }\n"

static void test_secret_files(void **state)
{
    char text[300];
    (void)state;
    put("open.url", "https://example.org/SECRET\n", 0666);
    assert_told(bad(WEBHOOK("open.url")), "t.yaml:2:38: receivers.team.url_file: ");
    assert_told(bad(WEBHOOK("open.url")), "can be written by other users (mode 666)");
    assert_told(bad(WEBHOOK("open.url")), "\nchmod 600 /tmp/");
    put("empty.url", " \n", 0600);
    assert_told(bad(WEBHOOK("empty.url")), "empty.url is empty");
    put("two.url", "https://example.org/SECRET\nhttps://example.org/SECRET\n", 0600);
    assert_told(bad(WEBHOOK("two.url")), "more than one line");
    put("ftp.url", "ftp://SECRET\n", 0600);
    assert_told(bad(WEBHOOK("ftp.url")), "begin with https");
    put("bytes.url", "https://example.org/\xff\n", 0600);
    assert_told(bad(WEBHOOK("bytes.url")), "no URL can hold");
    char big[CONFIG_SECRET_MAX + 2];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    put("big.url", big, 0600);
    assert_told(bad(WEBHOOK("big.url")), "larger than 8 KiB");
    snprintf(text, sizeof text, "%s/fifo", folder);
    assert_int_equal(mkfifo(text, 0600), 0);
    assert_told(bad(WEBHOOK("fifo")), "this is no file");
    put("token", "t\xff", 0600);
    assert_told(bad("receivers:\n  x: { plugin: webhook, url: \"http://a\", token_file: token }\n"),
                "no UTF-8");
    static const char *const files[] = {"open.url", "two.url", "ftp.url"};
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "receivers:\n  team: { plugin: webhook, url_file: %s }\n",
                 files[i]);
        assert_null(strstr(bad(text), "SECRET"));
    }
    setenv("QUIETBELL_TEST_SECRET", "SECRET\nSECRET", 1);
    assert_null(strstr(bad("receivers:\n  x: { plugin: webhook, url_env: QUIETBELL_TEST_SECRET }\n"),
                       "SECRET\n"));
}

static void test_other_plugin(void **state)
{
    (void)state;
    put("pass", "SECRET9\n", 0600);
    struct config *config =
        good("receivers:\n  x:\n    plugin: ./my/program\n    give_up: 5m\n    port: 8080\n"
             "    ratio: 2.5\n    on: true\n    none: ~\n    text: \"12\"\n    list: [a, 1, {b: c}]\n"
             "    password_file: pass\n    log_file: ./log\n    when: 12:30\n"
             "  y: { plugin: ntfy-sender, token: SECRET }\n");
    json_t *settings = config->receivers[0].settings;
    char *dumped = json_dumps(settings, JSON_SORT_KEYS | JSON_COMPACT);
    assert_string_equal(
        dumped,
        "{\"list\":[\"a\",1,{\"b\":\"c\"}],\"log_file\":\"./log\",\"none\":null,\"on\":true,"
        "\"password\":\"SECRET9\",\"port\":8080,\"ratio\":2.5,\"text\":\"12\",\"when\":\"12:30\"}");
    free(dumped);
    assert_int_equal(*config->receivers[0].plugin, '/');
    assert_string_equal(config->receivers[1].plugin, "ntfy-sender");
    assert_string_equal(setting(config, 1, "token"), "SECRET");
    assert_true(config->policy->receivers[0].updates);
    config_free(config);
}

/* ---- the record ----------------------------------------------------------------------------------- */

static int lines(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void test_record(void **state)
{
    static const char *const text =
        "# SECRET in a comment\n"
        "receivers:\n"
        "  team: { plugin: webhook, url: \"https://example.org/#SECRET\", token: SECRET } # SECRET\n"
        "  \"quoted\": { \"plugin\": x-y, 'a': 'SECRET', b: [SECRET, { c: \"SECRET \\\" # SECRET\" }] }\n"
        "  mine:\n"
        "    plugin: /x\n"
        "    lines: SECRET#\n"
        "      SECRET\n"
        "    quoted: 'SECRET\n"
        "\n"
        "      SECRET' # SECRET\n"
        "    double: \"SECRET\\\n"
        "       # SECRET \\\" SECRET\"\n"
        "    flow: [ SECRET\n"
        "      SECRET, 'SECRET\n"
        "      SECRET' ]\n"
        "focus: { night: { times: \"22:00-07:30\" } } # SECRET\n"
        "rules:\n"
        "  - name: \"a # b\"\n"
        "    match: { title: 'it''s #1' }\n"
        "    set: { to: team }\n";
    (void)state;
    struct config *config = good(text);
    assert_string_equal(setting(config, 2, "lines"), "SECRET# SECRET");
    if (strstr(config->text, "SECRET"))
        fail_msg("kept: %s", config->text);
    assert_int_equal(lines(config->text), lines(text));
    struct config *again = good_flags(config->text, CONFIG_RECORDED);
    assert_int_equal(again->policy->n_rules, 5);
    assert_string_equal(last_rule(again)->name, "a # b");
    assert_int_equal(last_rule(again)->line, 19);
    assert_string_equal(last_rule(again)->match.field[MATCH_TITLE].glob[0], "it's #1");
    assert_int_equal(again->policy->n_receivers, config->policy->n_receivers);
    assert_string_equal(again->hash, config->hash);
    assert_string_equal(again->text, config->text);
    assert_int_equal(strlen(config->hash), 16);
    config_free(again);
    config_free(config);

    config = good_flags(WEBHOOK("not-there"), CONFIG_RECORDED);
    assert_null(json_object_get(config->receivers[0].settings, "url"));
    config_free(config);
    /* the last value of the file, without a newline at its end */
    config = good("receivers:\n  x:\n    plugin: /x\n    text: SECRET\n      SECRET");
    assert_null(strstr(config->text, "SECRET"));
    config_free(good_flags(config->text, CONFIG_RECORDED));
    config_free(config);
}

/* ---- caps ----------------------------------------------------------------------------------------- */

static char *many(const char *head, const char *item, int n)
{
    char *out = NULL;
    size_t size;
    FILE *file = open_memstream(&out, &size);
    fputs(head, file);
    for (int i = 0; i < n; i++)
        fprintf(file, item, i, i, i);
    fclose(file);
    return out;
}

static void test_caps(void **state)
{
    struct problems problems = {0};
    struct config *config = NULL;
    (void)state;
    char *text = many("rules:\n", "  - { set: { to: popup } }\n", POLICY_RULES_MAX - 4);
    config_free(good(text));
    free(text);
    text = many("rules:\n", "  - { set: { to: popup } }\n", POLICY_RULES_MAX);
    assert_told(bad(text), "too many rules");
    free(text);
    text = many("receivers:\n", "  r%d: { plugin: auto }\n", POLICY_RECEIVERS_MAX);
    assert_told(bad(text), "too many receivers");
    free(text);
    text = many("focus:\n", "  f%d: {}\n", POLICY_FOCUSES_MAX);
    assert_told(bad(text), "too many focuses");
    free(text);
    text = many("watch:\n", "  w%d: { path: /x, rows: [ { opens: failure } ] }\n",
                CONFIG_WATCHES_MAX + 1);
    assert_told(bad(text), "too many watches");
    free(text);
    text = many("rules:\n", "  - { set: { a%d: 1 } }\n", 100);
    assert_told(bad(text), "and 80 more");
    free(text);
    text = many("rules: [", "x,", YAML_NODES_MAX);
    assert_told(bad(text), "too many values");
    free(text);
    text = many("#", "0123456789%03d", 25000);
    const char *path = put("large.yaml", text, 0600);
    assert_int_equal(config_load(&config, path, &problems), -EFBIG);
    assert_told(problems.list[0].text, "too large (at most 256 KiB)");
    problems_clear(&problems);
    free(text);
    assert_int_equal(config_load(&config, "/nowhere/quietbell.yaml", &problems), -ENOENT);
    assert_string_equal(problems.list[0].text,
                        "/nowhere/quietbell.yaml: cannot be read: No such file or directory");
    problems_clear(&problems);
    assert_int_equal(config_load(&config, folder, &problems), -EISDIR);
    problems_clear(&problems);
    assert_null(config);
}

static void test_presence(void **state)
{
    (void)state;
    struct config *config = good("");
    assert_int_equal(json_object_size(config->presence), 0);
    config_free(config);
    config = good("presence: true\n");
    assert_non_null(config->presence);
    config_free(config);
    config = good("presence: false\n");
    assert_null(config->presence);
    config_free(config);
    config = good("presence: { idle: 10m, away: 1h, tmux: false, x11: true, commits: false }\n"
                  "focus: { call: { follow: microphone }, quiet: { follow: desktop } }\n");
    char *settings = json_dumps(config->presence, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(settings,
                        "{\"away_ms\":3600000,\"idle_ms\":600000,\"off\":[\"tmux\",\"commits\"]}");
    free(settings);
    assert_int_equal(config->policy->focuses[0].follow, FOLLOW_MICROPHONE);
    assert_int_equal(config->policy->focuses[1].follow, FOLLOW_DESKTOP);
    config_free(config);
    assert_told(bad("presence: { tmx: false }\n"), "did you mean tmux?");
    assert_told(bad("presence: { idle: 100 }\n"), "t.yaml:1:19");
    assert_told(bad("presence: { idle: 0 }\n"), "less than a second");
    assert_told(bad("presence: { x11: maybe }\n"), "t.yaml:1:18");
    assert_told(bad("presence: [ x11 ]\n"), "t.yaml:1:11");
    assert_told(bad("focus: { call: { follow: microfone } }\n"), "did you mean microphone?");
    assert_told(bad("focus: { call: { follow: nothing } }\n"), "unknown switch");
}

static void test_watch(void **state)
{
    (void)state;
    struct config *config = good("");
    assert_true(config->watch_agents && config->n_watches == 0);
    config_free(config);
    config = good("watch: false\n");
    assert_false(config->watch_agents);
    config_free(config);
    config = good(
        "watch:\n  agents: false\n  b: { path: ~/b/*.log, rows: [ { line: x, opens: failure } ] }\n");
    assert_true(!config->watch_agents && config->n_watches == 1);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken),       cmocka_unit_test(test_default),
        cmocka_unit_test(test_merge),        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_times),        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_nearest),      cmocka_unit_test(test_webhook),
        cmocka_unit_test(test_secret_files), cmocka_unit_test(test_other_plugin),
        cmocka_unit_test(test_record),       cmocka_unit_test(test_caps),
        cmocka_unit_test(test_presence),     cmocka_unit_test(test_watch),
    };
    return cmocka_run_group_tests_name("config", tests, make_folder, remove_folder);
}
