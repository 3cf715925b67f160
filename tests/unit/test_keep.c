/* test_keep.c: what is kept is enough. Random histories are played twice as they are, which must give the same
 * effects byte for byte (P13); once cut: at random moments the core is thrown away and a fresh one is restored
 * from what was marked as changed; and once with looks in between that find nothing due, because a tick
 * without an effect is not recorded. Nothing of what happens may differ. */
#include "stage.h"

#include "rules/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEEDS = 80, STEPS = 500, SESSIONS = 10 };

/* ---- chance, the same everywhere -------------------------------------------------------------------- */

struct chance {
    uint64_t state;
};

static unsigned below(struct chance *chance, unsigned n)
{
    chance->state = chance->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(chance->state >> 33) % n;
}

static bool one_in(struct chance *chance, unsigned n)
{
    return below(chance, n) == 0;
}

/* ---- a policy with a bit of everything ---------------------------------------------------------------- */

static struct policy *make_policy(void *arg)
{
    static const struct span nights[] = {{0x7f, 22 * 60, 7 * 60 + 30}, {0x1f, 12 * 60, 13 * 60}};
    bool second = *(const bool *)arg;
    struct policy *policy = plain_policy();
    int popup = 0, team = policy_receiver(policy, "team", false, popup, 5 * MINUTE);
    int phone = second ? policy_receiver(policy, "phone", true, team, MINUTE) : team;
    policy->receivers[popup].fallback = team;
    int night = policy_focus(policy, "night", nights, 2);
    int dnd = policy_focus(policy, "dnd", NULL, 0);
    struct rule *rule = policy_rule(policy, "everything");
    rule->sets = 1u << SET_TO | 1u << SET_SETTLE | 1u << SET_SLOT | 1u << SET_EXPIRE;
    rule->to = 1u << popup;
    rule->settle_ms = second ? 5 * SECOND : 2 * SECOND;
    rule->expire_ms = 6 * HOUR;
    rule = policy_rule(policy, "reviews in batches");
    policy_match(&rule->match, MATCH_KIND, "review");
    rule->sets = 1u << SET_SLOT | 1u << SET_ALSO;
    rule->slot = SLOT_BATCH;
    rule->batch_ms = second ? 3 * MINUTE : 10 * MINUTE;
    rule->also = 1u << phone;
    rule = policy_rule(policy, "quiet, in groups of their own");
    policy_match(&rule->match, MATCH_REPOSITORY, "repo1");
    rule->sets = 1u << SET_SILENT | 1u << SET_GROUP_BY;
    rule->silent = true;
    rule->group_by = GROUP_SESSION | GROUP_KIND;
    rule = policy_rule(policy, "failures break through");
    policy_match(&rule->match, MATCH_KIND, "failure");
    policy_match(&rule->unless, MATCH_REPOSITORY, "repo2");
    rule->sets = 1u << SET_URGENCY;
    rule->urgency = URGENCY_CRITICAL;
    rule = policy_rule(policy, "to the team in focus");
    rule->during = DURING_NAMED;
    rule->focuses = 1u << dnd;
    policy_match(&rule->match, MATCH_KIND, "question");
    rule->sets = 1u << SET_TO | 1u << SET_SLOT;
    rule->to = 1u << team;
    rule->slot = SLOT_BATCH;
    rule->batch_ms = 4 * MINUTE;
    rule = policy_rule(policy, "never at night");
    rule->during = DURING_NAMED;
    rule->focuses = 1u << night;
    rule->sets = 1u << SET_SLOT;
    rule->slot = SLOT_FOCUS_END;
    policy->focuses[policy_focus(policy, "away", NULL, 0)].presence =
        1u << PRESENCE_LOCKED | 1u << PRESENCE_AWAY;
    policy->focuses[policy_focus(policy, "meeting", NULL, 0)].calendar =
        must_copy(second ? "work.ics" : "home.ics");
    policy->focuses[policy_focus(policy, "desktop", NULL, 0)].follow = true;
    policy->receivers[team].budget = second ? 5 : 2;
    policy->receivers[popup].budget = second ? 0 : 12;
    rule = policy_rule(policy, "again, and to somebody else");
    policy_match(&rule->match, MATCH_KIND, "permission");
    rule->sets = 1u << SET_REPEAT | 1u << SET_ESCALATE;
    rule->repeat_ms = 4 * MINUTE;
    rule->repeat_times = 2;
    rule->n_escalate = 2;
    rule->escalate[0].after_ms = 3 * MINUTE;
    rule->escalate[0].to = 1u << team;
    rule->escalate[1].after_ms = second ? 20 * MINUTE : 40 * MINUTE;
    rule->escalate[1].to = 1u << phone | 1u << popup;
    rule = policy_rule(policy, "plans twice an hour");
    policy_match(&rule->match, MATCH_KIND, "plan");
    rule->sets = 1u << SET_SLOT;
    rule->slot = SLOT_DIGEST;
    rule->n_times = RULE_TIMES_MAX;
    for (int i = 0; i < RULE_TIMES_MAX; i++)
        rule->times_min[i] = (int16_t)(i * 120 + (second ? 30 : 15));
    rule = policy_rule(policy, "the board does not hold back repo3, idle hands get it at once");
    policy_match(&rule->match, MATCH_REPOSITORY, "repo3");
    rule->presence = 1u << PRESENCE_IDLE | 1u << PRESENCE_ENGAGED;
    rule->sets = 1u << SET_INHIBIT | 1u << SET_SLOT | 1u << SET_AT_MOST;
    rule->inhibit = INHIBIT_SESSION;
    rule->slot = SLOT_NEVER;
    rule->at_most_ms = 20 * MINUTE;
    rule = policy_rule(policy, "but permissions of repo0");
    rule->during = DURING_ANY;
    policy_match(&rule->match, MATCH_REPOSITORY, "repo0");
    rule->sets = 1u << SET_SLOT;
    return policy;
}

/* ---- random inputs ------------------------------------------------------------------------------------- */

static void random_event(struct stage *stage, struct chance *chance)
{
    static const char *const threads[] = {"", "", "", "t1", "t2"}, *const requests[] = {"", "r1",
                                                                                        "r2", "r3"};
    static const char *const titles[] = {"one", "two"};
    static const enum closes closes[] = {CLOSES_NOTHING, CLOSES_NOTHING, CLOSES_REQUEST,
                                         CLOSES_THREAD,  CLOSES_MAIN,    CLOSES_SESSION};
    char session[16], repository[16];
    unsigned which = below(chance, SESSIONS);
    snprintf(session, sizeof session, "s%u", which);
    snprintf(repository, sizeof repository, "repo%u", which % 4);
    struct event event = {.at_wall_ms = stage->now.wall_ms,
                          .agent = "claude-code",
                          .session = session,
                          .repository = repository,
                          .source = "chance",
                          .thread = threads[below(chance, 5)],
                          .request = requests[below(chance, 4)],
                          .closes = closes[below(chance, 6)],
                          .kind = (enum kind)below(chance, KINDS),
                          .title = titles[below(chance, 2)],
                          .state = (enum state)below(chance, STATE_ENDED),
                          .pid = 100 + below(chance, 3),
                          .starts = one_in(chance, 20),
                          .ends = one_in(chance, 40),
                          .waking = one_in(chance, 10),
                          .unattended = one_in(chance, 3),
                          .prompt = one_in(chance, 9)};
    char pane[8];
    snprintf(pane, sizeof pane, "%%%u", which % 5);
    if (one_in(chance, 3))
        event.place.pane = pane;
    if (one_in(chance, 5)) /* a retry of the same words, an older one, one from a clock that is ahead */
        event.at_wall_ms += (int64_t)below(chance, 30000) - 25000;
    if (one_in(chance, 12))
        event.urgency = (enum urgency)below(chance, URGENCIES);
    event.opens = one_in(chance, 4)   ? CONFIRMS_REASON
                  : one_in(chance, 3) ? OPENS_NOTHING
                                      : OPENS_REASON;
    stage_event(stage, &event);
}

static void random_command(struct stage *stage, struct chance *chance)
{
    static const char *const focuses[] = {"dnd", "night", "", "none"};
    char session[16];
    snprintf(session, sizeof session, "s%u", below(chance, SESSIONS));
    const struct need *need = stage_need(stage, session);
    struct command command = {.type = (enum command_type)below(chance, COMMANDS),
                              .need_id = need ? need->record.id : 0,
                              .for_ms = (1 + (int64_t)below(chance, 40)) * MINUTE,
                              .focus = focuses[below(chance, 4)]};
    if (stage->n_alerts > 0 && one_in(chance, 3)) {
        const struct stage_alert *alert =
            &stage->alerts[stage->n_alerts - 1 -
                           (int)below(chance, (unsigned)(stage->n_alerts < 5 ? stage->n_alerts : 5))];
        command.alert_id = alert->id;
        command.version = one_in(chance, 2) ? alert->version : 0;
        command.need_id = 0;
    }
    if (command.type == COMMAND_FOCUS_ON && one_in(chance, 3))
        command.for_ms = 0;
    stage_command(stage, command);
}

/* What a sensor says of the person. */
static void random_presence(struct stage *stage, struct chance *chance)
{
    char pane[8] = "";
    if (one_in(chance, 2))
        snprintf(pane, sizeof pane, "%%%u", below(chance, 5));
    struct presence_input presence = {.says = 1 + below(chance, 15),
                                      .state = (enum presence)(PRESENCE_ACTIVE + below(chance, 4)),
                                      .dnd = one_in(chance, 4),
                                      .engaged = one_in(chance, 3),
                                      .front = {.pane = pane},
                                      .breakpoint = one_in(chance, 3) ? "a commit" : NULL};
    if (one_in(chance, 2)) /* mostly there */
        presence.state = PRESENCE_ACTIVE;
    stage_step(stage, (struct input){.type = INPUT_PRESENCE, .presence = presence});
}

/* What a calendar says: in any order, overlapping, around now. */
static void random_calendar(struct stage *stage, struct chance *chance)
{
    struct busy spans[4];
    int n = (int)below(chance, 5);
    for (int i = 0; i < n; i++) {
        int64_t from = stage->now.wall_ms + ((int64_t)below(chance, 300) - 60) * MINUTE;
        spans[i] = (struct busy){from, from + (int64_t)below(chance, 40) * MINUTE};
    }
    stage_step(stage, (struct input){.type = INPUT_CALENDAR, .calendar = {"meeting", spans, n}});
}

static void random_trouble(struct stage *stage, struct chance *chance)
{
    static const char *const names[] = {"popup", "team"};
    const char *name = names[below(chance, 2)];
    if (one_in(chance, 2))
        stage_up(stage, name, one_in(chance, 2), "chance");
    else
        stage_manner(stage, name, one_in(chance, 2) ? MANNER_DELIVERS : (enum manner)below(chance, 4));
}

static void explain_nothing(void *arg, const char *sentence, const struct rule *rule)
{
    (void)rule;
    assert_true(*sentence);
    ++*(int *)arg;
}

static void explain_all(const struct stage *stage)
{
    for (const struct need *need = rules_need_next(stage->rules, NULL); need;
         need = rules_need_next(stage->rules, need)) {
        int sentences = 0;
        rules_explain(stage->rules, &stage->now, need, explain_nothing, &sentences);
        assert_true(sentences > 0);
    }
}

/* A look too many. */
static void look(struct stage *stage, int64_t steady_ms, unsigned seed)
{
    stage_to(stage, steady_ms, true);
    uint64_t seq = stage->seq;
    int64_t deadline = stage->deadline_ms;
    int happened = stage->n_happened;
    stage_step(stage, (struct input){.type = INPUT_TICK});
    stage->seq = seq;
    if (stage->n_happened != happened || stage->deadline_ms != deadline)
        fail_msg("seed %u: a look for nothing did something", seed);
}

/* One step of a history: time passes, something comes in. */
static void random_step(struct stage *stage, struct chance *chance, bool *second, unsigned looks)
{
    static const int64_t pauses[] = {0,    0,     300,   900,        1500,
                                     4000, 11000, 40000, 4 * MINUTE, 90 * MINUTE};
    int64_t pause = pauses[below(chance, 9 + one_in(chance, 6))];
    bool with = one_in(chance, 2);
    int64_t until = stage->now.steady_ms + pause;
    if (looks && stage->deadline_ms > stage->now.steady_ms)
        look(stage, stage->now.steady_ms + pause / 3, looks);
    stage_to(stage, until, with);
    unsigned what = below(chance, 100);
    if (what < 78)
        random_event(stage, chance);
    else if (what < 87)
        random_command(stage, chance);
    else if (what < 92)
        random_presence(stage, chance);
    else if (what < 95 && one_in(chance, 4))
        random_calendar(stage, chance);
    else if (what < 95)
        random_trouble(stage, chance);
    else if (what < 97)
        stage_step(stage, (struct input){.type = INPUT_GONE,
                                         .gone = {.host = "", .pid = 100 + below(chance, 3)}});
    else if (what < 98) {
        stage->now.wall_ms += ((int64_t)below(chance, 240) - 120) * MINUTE;
        stage_step(stage, (struct input){.type = INPUT_TICK});
    } else {
        *second = !*second;
        stage_reload(stage);
    }
}

/* ---- the histories -------------------------------------------------------------------------------------- */

/* The core is thrown away; the fresh one must go on as if nothing had been. */
static void cut(struct stage *stage, unsigned seed, int step)
{
    uint64_t seq = stage->seq;
    int64_t deadline = stage->deadline_ms;
    int happened = stage->n_happened;
    rules_free(stage->rules);
    stage->rules = rules_new();
    if (stage_restore(stage, stage->rules) != 0)
        fail_msg("seed %u, input %d: rows fitted nowhere", seed, step);
    stage_reload(stage);
    stage->seq = seq;
    if (stage->n_happened != happened) {
        char text[1024];
        happening_text(&stage->happened[happened], text, sizeof text);
        fail_msg("seed %u, input %d: restoring alone did: %s", seed, step, text);
    }
    if (stage->deadline_ms != deadline)
        fail_msg("seed %u, input %d: the deadline was %lld, is %lld", seed, step,
                 (long long)deadline, (long long)stage->deadline_ms);
}

/* No ring of an hour is one too many, but what is critical (which counts). */
static void within_budget(const struct stage *stage, int from, int budget, unsigned seed)
{
    for (int i = from; i < stage->n_happened; i++) {
        const struct happening *ring = &stage->happened[i];
        int n = 0;
        if (ring->what != HAPPENED_ALERT || !ring->audible || ring->urgency == URGENCY_CRITICAL ||
            strcmp(ring->receiver, "team") != 0)
            continue;
        for (int j = i; j >= 0 && ring->steady_ms - stage->happened[j].steady_ms < HOUR; j--)
            n += stage->happened[j].what == HAPPENED_ALERT && stage->happened[j].audible &&
                 strcmp(stage->happened[j].receiver, "team") == 0;
        if (n > budget)
            fail_msg("seed %u: %d rings in an hour, %d are allowed", seed, n, budget);
    }
}

enum disturbance { NOTHING, CUTS, LOOKS };

/* Plays a history; the text of what happened after each input is appended to `log`, or compared with it. */
static void play(unsigned seed, enum disturbance by, char **log, int64_t *deadlines)
{
    struct stage stage;
    struct chance chance = {seed * UINT64_C(0x9e3779b97f4a7c15)}, knife = {seed + 1};
    bool second = false, first_time = log[0] == NULL;
    char why[256];
    stage_init(&stage, NULL, make_policy, &second);
    for (int i = 0; i < STEPS; i++) {
        int from = stage.n_happened;
        bool was_second = second;
        random_step(&stage, &chance, &second, by == LOOKS ? seed : 0);
        within_budget(&stage, from, second || was_second ? 5 : 2, seed);
        const char *text = stage_text(&stage, true);
        if (first_time) {
            log[i] = must_copy(text);
            deadlines[i] = stage.deadline_ms;
        } else if (strcmp(log[i], text) != 0) {
            fail_msg("seed %u, input %d: first it was\n%sand now\n%s", seed, i, log[i], text);
        } else if (deadlines[i] != stage.deadline_ms) {
            fail_msg("seed %u, input %d: the deadline was %lld, is %lld", seed, i,
                     (long long)deadlines[i], (long long)stage.deadline_ms);
        }
        if (by == NOTHING && one_in(&knife, 10)) {
            if (!stage_kept(&stage, why, sizeof why))
                fail_msg("seed %u, input %d: %s", seed, i, why);
            explain_all(&stage);
        }
        if (by == CUTS && one_in(&knife, 7) && stage.deadline_ms > stage.now.steady_ms)
            cut(&stage, seed, i);
    }
    stage_release(&stage);
}

static void same_inputs_same_effects(void **state)
{
    enum disturbance by = *(const enum disturbance *)*state;
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        char *log[STEPS] = {NULL};
        int64_t deadlines[STEPS];
        play(seed, NOTHING, log, deadlines);
        play(seed, by, log, deadlines);
        for (int i = 0; i < STEPS; i++)
            free(log[i]);
    }
}

/* ---- what a store may bring ------------------------------------------------------------------------------ */

static void restores_nothing_that_fits_nowhere(void **state)
{
    (void)state;
    int n;
    const struct noun *const *nouns = rules_nouns(&n);
    struct rules *rules = rules_new();
    for (int i = 0; i < n; i++) { /* zeroed rows: parents missing, slots that clash */
        for (uint64_t id = 1; id <= 2; id++)
            rules_restore(rules, nouns[i])->id = id;
    }
    int dropped = rules_restored(rules);
    assert_true(dropped > 0);
    bool second = false;
    struct moment now = stage_monday;
    struct input input = {.seq = 9, .type = INPUT_POLICY, .policy = make_policy(&second)};
    rules_step(rules, &now, &input);
    input = (struct input){.seq = 10, .type = INPUT_START};
    rules_step(rules, &now, &input);
    rules_free(rules);
}

/* The spool is taken before the first look, and may be committed before it, too. */
static void an_alert_emptied_before_the_first_look(void **state)
{
    (void)state;
    bool second = false;
    struct stage stage;
    stage_init(&stage, NULL, make_policy, &second);
    struct event event = {
        .agent = "a", .session = "s1", .repository = "x", .opens = OPENS_REASON, .kind = KIND_PERMISSION};
    stage_pass(&stage, 8 * HOUR);
    stage_event(&stage, &event);
    stage_pass(&stage, 10 * SECOND);
    assert_string_equal(stage_text(&stage, false),
                        "08:00:02 popup#1 v1 rings normal in \"x\": s1 permission\n");
    stage_stop(&stage);
    event =
        (struct event){.at_wall_ms = stage.now.wall_ms, .agent = "a", .session = "s1", .ends = true};
    stage.rules = rules_new(); /* restored, the spool is taken and committed; then it dies again */
    stage_restore(&stage, stage.rules);
    stage_event(&stage, &event);
    stage_stop(&stage);
    stage_start(&stage, NULL, 0, NULL, 0);
    assert_string_equal(stage_text(&stage, false), "08:00:10 popup#1 withdrawn\n");
    stage_release(&stage);
}

int main(void)
{
    static enum disturbance nothing = NOTHING, cuts = CUTS, looks = LOOKS;
    const struct CMUnitTest tests[] = {
        {"same inputs, same effects", same_inputs_same_effects, NULL, NULL, &nothing},
        {"cut anywhere, the same effects", same_inputs_same_effects, NULL, NULL, &cuts},
        {"looks in between, the same effects", same_inputs_same_effects, NULL, NULL, &looks},
        cmocka_unit_test(restores_nothing_that_fits_nowhere),
        cmocka_unit_test(an_alert_emptied_before_the_first_look),
    };
    return cmocka_run_group_tests_name("keep", tests, NULL, NULL);
}
