/* config_focus.c: `focus:`: do-not-disturb states by name, and their weekly times. */
#include "config_parts.h"
#include "rules/text.h"

#include <stdlib.h>
#include <string.h>

enum { TIMES_MAX = 64 };

static const char *const day_names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
enum { DAYS = 7, EVERY_DAY = 0x7f };

enum focus_key { FOCUS_TIMES, FOCUS_FOLLOW, FOCUS_CALENDAR, FOCUS_PRESENCE };
static const char *const focus_key_names[] = {"times", "follow", "calendar", "presence"};
static const struct words word_focus_key = {"key of a focus", 4, focus_key_names};

int focus_names(const struct policy *policy, const char *names[POLICY_FOCUSES_MAX])
{
    for (int i = 0; i < policy->n_focuses; i++)
        names[i] = policy->focuses[i].name;
    return policy->n_focuses;
}

/* "Mon-Fri", "Mon,Wed", "Fri-Mon" (wraps), up to `end`. On failure *wrong is the piece. */
static bool days_parse(const char *text, const char *end, uint8_t *days, char wrong[16])
{
    int from = 0;
    *days = 0;
    for (bool range = false; text <= end; text++) {
        size_t len = strcspn(text, ",- ");
        int day = -1;
        for (int i = 0; i < DAYS && len == 3; i++) {
            if (strncmp(text, day_names[i], 3) == 0)
                day = i;
        }
        snprintf(wrong, 16, "%.*s", (int)(len < 12 ? len : 12), text);
        text += len;
        if (day < 0 || (range && *text == '-'))
            return false;
        for (int i = range ? from : day; *days |= (uint8_t)(1 << i), i != day;)
            i = (i + 1) % DAYS;
        from = day;
        range = *text == '-';
        if (text == end)
            return !range;
    }
    return false;
}

static bool span_read(const struct source *source, const struct yaml_node *node, const char *text,
                      struct span *span)
{
    const char *space = strrchr(text, ' '), *clock = space ? space + 1 : text;
    char from[8] = "", to[8] = "", wrong[16] = "", hint[80];
    int from_min, to_min;
    span->days = EVERY_DAY;
    if (space && !days_parse(text, space, &span->days, wrong)) {
        const char *near = nearest(wrong, day_names, DAYS);
        snprintf(hint, sizeof hint,
                 near ? "did you mean %s?" : "days: Mon Tue Wed Thu Fri Sat Sun, Mon-Fri, Sat,Sun",
                 near);
        yaml_problem(source->yaml, node, hint, "\"%s\" is no day", wrong);
        return false;
    }
    if (strlen(clock) == 11 && clock[5] == '-') {
        memcpy(from, clock, 5);
        memcpy(to, clock + 6, 5);
    }
    if (!clock_parse(from, &from_min) || !clock_parse(to, &to_min) || from_min == 24 * 60) {
        yaml_problem(source->yaml, node, "write \"Mon-Fri 09:30-12:00\" or \"22:00-07:30\"",
                     "\"%.40s\" is no time span", text);
        return false;
    }
    if (from_min == to_min) {
        yaml_problem(source->yaml, node, "write 00:00-24:00 for whole days",
                     "\"%.40s\" has no length", text);
        return false;
    }
    span->from_min = (int16_t)from_min;
    span->to_min = (int16_t)to_min;
    return true;
}

static void times_read(const struct source *source, const struct yaml_node *node,
                       struct policy_focus *focus)
{
    const char **texts;
    int n;
    if (!yaml_texts(source->yaml, node, &texts, &n))
        return;
    if (n > TIMES_MAX)
        yaml_problem(source->yaml, node, NULL, "too many times (at most %d)", TIMES_MAX);
    else if (n > 0)
        focus->times = must_alloc((size_t)n * sizeof *focus->times);
    for (int i = 0; i < n && focus->times; i++) {
        if (span_read(source, yaml_item(node, i), texts[i], &focus->times[focus->n_times]))
            focus->n_times++;
    }
    free(texts);
}

static void follow_read(const struct source *source, const struct yaml_node *node,
                        struct policy_focus *focus)
{
    const char *text;
    if (!yaml_text(source->yaml, node, &text))
        return;
    int follow = word_find(&word_follow, text);
    if (follow > FOLLOW_NONE)
        focus->follow = (enum follow)follow;
    else
        yaml_unknown(source->yaml, node, "unknown switch", word_follow.names + 1, FOLLOWS - 1);
}

/* A file beside the configuration. It is opened by the sensor: one that is not there now may come. */
static void calendar_read(struct reading *reading, const struct source *source,
                          const struct yaml_node *node, struct policy_focus *focus)
{
    struct config *config = reading->config;
    const char *text;
    if (!yaml_text(source->yaml, node, &text))
        return;
    if (*text == '~') {
        yaml_problem(source->yaml, node, "write the whole path, or one that begins beside this file",
                     "~ means nothing here");
        return;
    }
    if (!*text || strlen(text) >= TEXT_PATH) {
        yaml_problem(source->yaml, node, "name a file: work.ics", "this is no file's name");
        return;
    }
    if (strstr(text, "://")) {
        yaml_problem(source->yaml, node,
                     "let vdirsyncer, or curl from a timer, fetch it into a file, and name that",
                     "a calendar is a file; addresses are not fetched");
        return;
    }
    focus->calendar = must_copy(text);
    config->calendars[config->n_calendars++] = (struct config_calendar){
        must_copy(focus->name), path_of(reading, text), node->line, node->column};
}

static void focus_read(struct reading *reading, const struct source *source,
                       const struct yaml_node *node, struct policy_focus *focus)
{
    focus->name = must_copy(node->key);
    if (yaml_null(node) || !yaml_is(source->yaml, node, YAML_MAPPING))
        return;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        switch (yaml_key(source->yaml, item, &word_focus_key)) {
        case FOCUS_TIMES:
            times_read(source, item, focus);
            break;
        case FOCUS_PRESENCE:
            presence_bits(source, item, &focus->presence);
            break;
        case FOCUS_FOLLOW:
            follow_read(source, item, focus);
            break;
        case FOCUS_CALENDAR:
            calendar_read(reading, source, item, focus);
            break;
        }
    }
}

void focuses_read(struct reading *reading, struct source *source, const struct yaml_node *node)
{
    struct policy *policy = reading->config->policy;
    const char *names[POLICY_FOCUSES_MAX];
    if (!yaml_is(source->yaml, node, YAML_MAPPING))
        return;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        int n = focus_names(policy, names);
        if (name_find(names, n, item->key) >= 0 || !name_good(source, item, "focus"))
            continue;
        if (!strcmp(item->key, "any") || !strcmp(item->key, "none")) {
            yaml_problem_key(source->yaml, item, "choose another name",
                             "this word means something else in `during`");
            continue;
        }
        if (n == POLICY_FOCUSES_MAX) {
            yaml_problem_key(source->yaml, item, NULL,
                             "too many focuses (at most %d, the preset's among them)",
                             POLICY_FOCUSES_MAX);
            return;
        }
        focus_read(reading, source, item, &policy->focuses[policy->n_focuses++]);
    }
}
