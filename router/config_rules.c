/* config_rules.c: `rules:`.
 *
 * The way: rules_read() → rule_read() → match_read(), during_read(), set_read(), which walks the table set_rows: a new key of `set` is a row there and a reader. */
#include "config_parts.h"
#include "rules/text.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LEN = 100, GLOB_MAX = 256 };

/* ---- match ---------------------------------------------------------------------------------------- */

/* One rule being read. */
struct rule_reading {
    struct reading *reading;
    struct source *source;
    struct rule *rule;
    const struct yaml_node *slot_node; /* which of hold, batch and digest was there first */
};

/* Every '[' has its ']' (a ']' that comes first is one of the set). */
static bool glob_good(const char *glob)
{
    while ((glob = strchr(glob, '[')) != NULL) {
        glob += glob[1] == '!' ? 2 : 1;
        if (!*glob || !(glob = strchr(glob + 1, ']')))
            return false;
    }
    return true;
}

/* A kind or urgency has to be one, or a glob that matches one. `first` leaves out "unset". */
static bool word_good(const struct source *source, const struct yaml_node *node, const char *text,
                      const struct words *words, int first)
{
    char what[48];
    for (int i = first; i < words->n; i++) {
        if (text_globs(text, words->names[i]))
            return true;
    }
    snprintf(what, sizeof what, strpbrk(text, "*?[") ? "no %s matches" : "unknown %s", words->what);
    yaml_unknown(source->yaml, node, what, words->names + first, words->n - first);
    return false;
}

static void globs_read(const struct source *source, const struct yaml_node *node,
                       enum match_field field, struct globs *globs)
{
    const char **texts;
    int n;
    if (!yaml_texts(source->yaml, node, &texts, &n))
        return;
    if (n == 0)
        yaml_problem(source->yaml, node, "name something, or leave the condition out",
                     "an empty list never matches");
    else
        globs->glob = must_alloc((size_t)n * sizeof *globs->glob);
    for (int i = 0; i < n; i++) {
        const struct yaml_node *item = yaml_item(node, i);
        if (strlen(texts[i]) > GLOB_MAX)
            yaml_problem(source->yaml, item, NULL, "this is too long (at most %d bytes)", GLOB_MAX);
        else if (!glob_good(texts[i]))
            yaml_problem(source->yaml, item, "close it: [a-z]; for the character itself write [[]",
                         "a [ without its ]");
        else if ((field != MATCH_KIND || word_good(source, item, texts[i], &word_kind, 0)) &&
                 (field != MATCH_URGENCY ||
                  word_good(source, item, texts[i], &word_urgency, URGENCY_LOW)))
            globs->glob[globs->n++] = must_copy(texts[i]);
    }
    free(texts);
}

static void match_read(const struct rule_reading *rule, const struct yaml_node *node, bool inside_not)
{
    const struct source *source = rule->source;
    const char *names[MATCH_FIELDS + 1];
    struct words known = {inside_not ? "condition in not" : "condition", MATCH_FIELDS + !inside_not,
                          names};
    if (!yaml_is(source->yaml, node, YAML_MAPPING))
        return;
    for (int i = 0; i < MATCH_FIELDS; i++)
        names[i] = word_match.names[i];
    names[MATCH_FIELDS] = "not";
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        int field = yaml_key(source->yaml, item, &known);
        if (field == MATCH_FIELDS)
            match_read(rule, item, true);
        else if (field >= 0)
            globs_read(source, item, (enum match_field)field,
                       inside_not ? &rule->rule->unless.field[field] : &rule->rule->match.field[field]);
    }
}

static void during_read(const struct rule_reading *rule, const struct yaml_node *node)
{
    const struct source *source = rule->source;
    const char *names[POLICY_FOCUSES_MAX + 2], **texts;
    int known = focus_names(rule->reading->config->policy, names), n;
    if (!yaml_texts(source->yaml, node, &texts, &n))
        return;
    names[known] = "any";
    names[known + 1] = "none";
    rule->rule->during = DURING_NAMED;
    if (n == 0)
        yaml_problem(source->yaml, node, "name a focus, or write any, or leave it out",
                     "no focus is named here");
    for (int i = 0; i < n; i++) {
        int focus = name_find(names, known + 2, texts[i]);
        if (focus < 0)
            yaml_unknown(source->yaml, yaml_item(node, i), "unknown focus", names, known + 2);
        else if (focus < known)
            rule->rule->focuses |= 1u << focus;
        else if (n > 1)
            yaml_problem(source->yaml, yaml_item(node, i), NULL, "\"%s\" stands alone", texts[i]);
        else
            rule->rule->during = focus == known ? DURING_ANY : DURING_NONE;
    }
    free(texts);
}

/* ---- set ------------------------------------------------------------------------------------------ */

static void set_urgency(const struct rule_reading *rule, const struct yaml_node *node)
{
    struct words words = {word_urgency.what, URGENCIES - URGENCY_LOW, word_urgency.names + URGENCY_LOW};
    int urgency;
    if (yaml_word(rule->source->yaml, node, &words, &urgency))
        rule->rule->urgency = (enum urgency)(urgency + URGENCY_LOW);
}

static uint32_t receivers_named(const struct rule_reading *rule, const struct yaml_node *node)
{
    const char *names[POLICY_RECEIVERS_MAX], **texts;
    int known = receiver_names(rule->reading->config->policy, names), n;
    uint32_t mask = 0;
    if (!yaml_texts(rule->source->yaml, node, &texts, &n))
        return 0;
    for (int i = 0; i < n; i++) {
        int receiver = name_find(names, known, texts[i]);
        if (receiver < 0 && rule->source == &rule->reading->preset) /* the person cannot mend that file */
            yaml_problem(rule->source->yaml, yaml_item(node, i),
                         "add one of that name under receivers:",
                         "this preset needs a receiver called %s", texts[i]);
        else if (receiver < 0)
            yaml_unknown(rule->source->yaml, yaml_item(node, i), "unknown receiver", names, known);
        else
            mask |= 1u << receiver;
    }
    free(texts);
    return mask;
}

static void set_to(const struct rule_reading *rule, const struct yaml_node *node)
{
    rule->rule->to = receivers_named(rule, node);
}

static void set_also(const struct rule_reading *rule, const struct yaml_node *node)
{
    rule->rule->also = receivers_named(rule, node);
}

static void set_settle(const struct rule_reading *rule, const struct yaml_node *node)
{
    yaml_duration(rule->source->yaml, node, &rule->rule->settle_ms);
}

static void set_at_most(const struct rule_reading *rule, const struct yaml_node *node)
{
    yaml_duration(rule->source->yaml, node, &rule->rule->at_most_ms);
}

static void set_expire(const struct rule_reading *rule, const struct yaml_node *node)
{
    if (yaml_duration(rule->source->yaml, node, &rule->rule->expire_ms) && rule->rule->expire_ms == 0)
        yaml_problem(rule->source->yaml, node, NULL, "a need that expires at once is never seen");
}

static void set_batch(const struct rule_reading *rule, const struct yaml_node *node)
{
    rule->rule->slot = SLOT_BATCH;
    yaml_duration(rule->source->yaml, node, &rule->rule->batch_ms);
}

/* Times of the local day: one, or a list. */
static void times_of_day(const struct rule_reading *rule, const struct yaml_node *node, enum slot slot)
{
    const struct yaml *yaml = rule->source->yaml;
    int n = node->type == YAML_SEQUENCE ? node->n : 1, minute;
    rule->rule->slot = slot;
    if (n == 0 || n > RULE_TIMES_MAX) {
        yaml_problem(yaml, node, "write [\"11:45\", \"16:45\"]", "between one and %d times of day",
                     RULE_TIMES_MAX);
        return;
    }
    for (int i = 0; i < n; i++) {
        const struct yaml_node *item = node->type == YAML_SEQUENCE ? yaml_item(node, i) : node;
        if (yaml_clock(yaml, item, &minute))
            rule->rule->times_min[rule->rule->n_times++] = (int16_t)(minute % 1440);
    }
}

static void set_digest(const struct rule_reading *rule, const struct yaml_node *node)
{
    times_of_day(rule, node, SLOT_DIGEST);
}

static void set_hold(const struct rule_reading *rule, const struct yaml_node *node)
{
    static const struct {
        const char *name;
        enum slot slot;
    } holds[] = {{"never", SLOT_NEVER}, {"breakpoint", SLOT_BREAKPOINT}, {"focus-end", SLOT_FOCUS_END}};
    static const char *const names[] = {"never", "breakpoint", "focus-end"};
    const char *text;
    int minute;
    if (node->type == YAML_SEQUENCE)
        return times_of_day(rule, node, SLOT_TIMES);
    if (!yaml_text(rule->source->yaml, node, &text))
        return;
    if (clock_parse(text, &minute))
        return times_of_day(rule, node, SLOT_TIMES);
    int hold = name_find(names, 3, text);
    if (hold < 0)
        yaml_unknown(rule->source->yaml, node, "unknown hold", names, 3);
    else
        rule->rule->slot = holds[hold].slot;
}

static void set_inhibit(const struct rule_reading *rule, const struct yaml_node *node)
{
    const char **texts;
    int n, word;
    if (!yaml_texts(rule->source->yaml, node, &texts, &n))
        return;
    for (int i = 0; i < n; i++) {
        if (yaml_word(rule->source->yaml, yaml_item(node, i), &word_inhibit, &word))
            rule->rule->inhibit |= 1u << word;
    }
    free(texts);
}

enum { REPEAT_TIMES = 3, REPEAT_TIMES_MAX = 20 };

static void set_repeat(const struct rule_reading *rule, const struct yaml_node *node)
{
    static const char *const keys[] = {"every", "times"};
    static const struct words known = {"key of repeat", 2, keys};
    const struct yaml *yaml = rule->source->yaml;
    int64_t times = REPEAT_TIMES;
    if (node->type == YAML_MAPPING) {
        for (const struct yaml_node *item = node->first; item; item = item->next) {
            int key = yaml_key(yaml, item, &known);
            if (key == 0)
                yaml_duration(yaml, item, &rule->rule->repeat_ms);
            else if (key == 1)
                yaml_int(yaml, item, 1, REPEAT_TIMES_MAX, &times);
        }
    } else if (!yaml_duration(yaml, node, &rule->rule->repeat_ms)) {
        return;
    }
    rule->rule->repeat_times = (int)times;
    if (node->type == YAML_MAPPING && rule->rule->repeat_ms == 0) /* repeat: 0 is never again */
        yaml_problem(yaml, node, "write { every: 10m, times: 3 }",
                     "repeat needs every: after how long");
}

static void step_read(const struct rule_reading *rule, const struct yaml_node *node, int at)
{
    static const char *const keys[] = {"after", "to"};
    static const struct words known = {"key of a step", 2, keys};
    const struct yaml *yaml = rule->source->yaml;
    if (!yaml_is(yaml, node, YAML_MAPPING))
        return;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        int key = yaml_key(yaml, item, &known);
        if (key == 0)
            yaml_duration(yaml, item, &rule->rule->escalate[at].after_ms);
        else if (key == 1)
            rule->rule->escalate[at].to = receivers_named(rule, item);
    }
    if (!yaml_find(node, "after") || !yaml_find(node, "to"))
        yaml_problem(yaml, node, "write { after: 15m, to: phone }", "a step needs after and to");
    if (at == 0)
        return;
    if (rule->rule->escalate[at].after_ms < rule->rule->escalate[at - 1].after_ms)
        yaml_problem(yaml, node, "put the steps in the order of their times",
                     "this step comes before the one above it");
}

static void set_escalate(const struct rule_reading *rule, const struct yaml_node *node)
{
    int n = node->type == YAML_SEQUENCE ? node->n : 1;
    if (n > RULE_STEPS_MAX) {
        yaml_problem(rule->source->yaml, node, NULL, "too many steps (at most %d)", RULE_STEPS_MAX);
        return;
    }
    for (int i = 0; i < n; i++)
        step_read(rule, node->type == YAML_SEQUENCE ? yaml_item(node, i) : node, i);
    rule->rule->n_escalate = n;
}

static void set_group_by(const struct rule_reading *rule, const struct yaml_node *node)
{
    const char **texts;
    int n;
    if (!yaml_texts(rule->source->yaml, node, &texts, &n))
        return;
    for (int i = 0; i < n; i++) {
        int group;
        if (yaml_word(rule->source->yaml, yaml_item(node, i), &word_group_by, &group))
            rule->rule->group_by |= 1u << group;
    }
    free(texts);
}

static void set_silent(const struct rule_reading *rule, const struct yaml_node *node)
{
    yaml_bool(rule->source->yaml, node, &rule->rule->silent);
}

/* Every key of `set`. */
static const struct set_row {
    const char *key;
    enum set_key sets;
    void (*read)(const struct rule_reading *rule, const struct yaml_node *node);
} set_rows[] = {
    {"urgency", SET_URGENCY, set_urgency},
    {"to", SET_TO, set_to},
    {"also", SET_ALSO, set_also},
    {"settle", SET_SETTLE, set_settle},
    {"hold", SET_SLOT, set_hold},
    {"batch", SET_SLOT, set_batch},
    {"digest", SET_SLOT, set_digest},
    {"at_most", SET_AT_MOST, set_at_most},
    {"group_by", SET_GROUP_BY, set_group_by},
    {"silent", SET_SILENT, set_silent},
    {"expire", SET_EXPIRE, set_expire},
    {"inhibit", SET_INHIBIT, set_inhibit},
    {"repeat", SET_REPEAT, set_repeat},
    {"escalate", SET_ESCALATE, set_escalate},
};
enum { SET_ROWS = sizeof set_rows / sizeof *set_rows };

static void set_read(struct rule_reading *rule, const struct yaml_node *node)
{
    const struct source *source = rule->source;
    const char *names[SET_ROWS];
    struct words known = {"key of set", SET_ROWS, names};
    if (!yaml_is(source->yaml, node, YAML_MAPPING))
        return;
    if (node->n == 0)
        yaml_problem(source->yaml, node, "name what the rule sets: set: { to: popup }",
                     "nothing is set here");
    for (int i = 0; i < SET_ROWS; i++)
        names[i] = set_rows[i].key;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        int key = yaml_key(source->yaml, item, &known);
        if (key < 0)
            continue;
        const struct set_row *row = &set_rows[key];
        if (row->sets == SET_SLOT && rule->slot_node)
            yaml_problem_key(source->yaml, item, "keep one: hold, batch and digest write the same slot",
                             "%s and %s in one rule", rule->slot_node->key, item->key);
        if (row->sets == SET_SLOT)
            rule->slot_node = item;
        row->read(rule, item);
        rule->rule->sets |= 1u << row->sets;
    }
}

/* ---- rules ---------------------------------------------------------------------------------------- */

enum rule_key { RULE_NAME, RULE_MATCH, RULE_DURING, RULE_SET, RULE_STOP, RULE_PRESENCE };
static const char *const rule_key_names[] = {"name", "match", "during", "set", "stop", "presence"};
static const struct words word_rule_key = {"key of a rule", 6, rule_key_names};

static void name_read(const struct rule_reading *rule, const struct yaml_node *node)
{
    const char *text;
    if (!yaml_text(rule->source->yaml, node, &text))
        return;
    if (strlen(text) > NAME_MAX_LEN)
        yaml_problem(rule->source->yaml, node, NULL, "a name of at most %d bytes, please",
                     NAME_MAX_LEN);
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            yaml_problem(rule->source->yaml, node, NULL, "a name is one line of text");
            return;
        }
    }
    free(rule->rule->name);
    rule->rule->name = must_copy(text);
}

/* A key that is none of a rule's: often one that stands a level too high. */
static void misplaced(const struct source *source, const struct yaml_node *item)
{
    const char *place =
        strcmp(item->key, "not") == 0 || word_find(&word_match, item->key) >= 0 ? "match" : NULL;
    char hint[64];
    for (int i = 0; i < SET_ROWS && !place; i++) {
        if (strcmp(set_rows[i].key, item->key) == 0)
            place = "set";
    }
    if (!place) {
        yaml_key(source->yaml, item, &word_rule_key);
        return;
    }
    snprintf(hint, sizeof hint, "write %s: { %s: … }", place, item->key);
    yaml_problem_key(source->yaml, item, hint, "this key stands inside %s", place);
}

static void rule_read(struct rule_reading *rule, const struct yaml_node *node)
{
    const struct source *source = rule->source;
    const struct yaml_node *set = NULL;
    bool stops = false;
    if (!yaml_is(source->yaml, node, YAML_MAPPING))
        return;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        switch (word_find(&word_rule_key, item->key)) {
        case RULE_NAME:
            name_read(rule, item);
            break;
        case RULE_MATCH:
            match_read(rule, item, false);
            break;
        case RULE_DURING:
            during_read(rule, item);
            break;
        case RULE_SET:
            set = item;
            set_read(rule, item);
            break;
        case RULE_STOP:
            stops = !yaml_bool(source->yaml, item, &rule->rule->stop) || rule->rule->stop;
            break;
        case RULE_PRESENCE:
            presence_bits(source, item, &rule->rule->presence);
            break;
        default: /* not our enum: the place of a word, or -1 */
            misplaced(source, item);
        }
    }
    if (!set && !stops)
        yaml_problem(source->yaml, node, "add set: { to: popup }, or stop: true",
                     "this rule sets nothing");
}

void rules_read(struct reading *reading, struct source *source, const struct yaml_node *node)
{
    struct policy *policy = reading->config->policy;
    if (!yaml_is(source->yaml, node, YAML_SEQUENCE))
        return;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        if (policy->n_rules == POLICY_RULES_MAX) {
            yaml_problem(source->yaml, item, NULL,
                         "too many rules (at most %d, the preset's among them)", POLICY_RULES_MAX);
            return;
        }
        policy->rules =
            must_grow(policy->rules, (size_t)(policy->n_rules + 1) * sizeof *policy->rules);
        struct rule_reading rule = {reading, source, &policy->rules[policy->n_rules++], NULL};
        char name[32];
        snprintf(name, sizeof name, "rule %d", item->index + 1);
        *rule.rule = (struct rule){
            .name = must_copy(name), .file = must_copy(source->file), .line = item->line};
        rule_read(&rule, item);
    }
}
