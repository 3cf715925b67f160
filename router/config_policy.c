/* config_policy.c: `policy:`, the numbers of bounded deferral (rules/defer.h): one row of the table each. */
#include "config_parts.h"

#include <stddef.h>
#include <string.h>

enum number { NUMBER_COUNT, NUMBER_SPAN, NUMBER_NEVER, NUMBER_PART };

// clang-format off
static const struct policy_row {
    const char *key;
    enum number number; /* a count; a duration in seconds, or never: 0; a decimal in thousandths */
    size_t offset;
    int64_t min, max;
} rows[] = {
    {"few",        NUMBER_COUNT, offsetof(struct deferral, few),          0, 1000},
    {"waiting",    NUMBER_PART,  offsetof(struct deferral, waiting),      1, 100000},
    {"growth",     NUMBER_PART,  offsetof(struct deferral, growth),       0, 100000},
    {"middle",     NUMBER_SPAN,  offsetof(struct deferral, middle_s),     1, 7200},
    {"breakpoint", NUMBER_SPAN,  offsetof(struct deferral, breakpoint_s), 0, 7200},
    {"recall",     NUMBER_PART,  offsetof(struct deferral, recall),       0, 1000},
    {"every",      NUMBER_SPAN,  offsetof(struct deferral, every_s),      1, 86400},
    {"patience",   NUMBER_PART,  offsetof(struct deferral, patience),     1, 100000},
    {"reluctance", NUMBER_PART,  offsetof(struct deferral, reluctance),   0, 100000},
    {"setup",      NUMBER_SPAN,  offsetof(struct deferral, setup_s),      0, 7200},
    {"grace",      NUMBER_SPAN,  offsetof(struct deferral, grace_s),      0, 86400},
    {"late",       NUMBER_SPAN,  offsetof(struct deferral, late_s),       0, 86400},
    {"silent",     NUMBER_NEVER, offsetof(struct deferral, silent_s),     0, 2592000},
    {"stalled",    NUMBER_NEVER, offsetof(struct deferral, stalled_s),    0, 2592000},
};
// clang-format on
enum { ROWS = sizeof rows / sizeof *rows, KEY_WEIGHT = ROWS, KEY_SERVICE, KEYS };

/* "0.25", "2": in thousandths, at most three places. */
static bool part_parse(const char *text, int64_t *thousandths)
{
    int64_t value = 0;
    int places = -1, digits = 0;
    for (const char *p = text; *p; p++) {
        if (*p == '.' && places < 0 && digits > 0) {
            places = 0;
            continue;
        }
        if (*p < '0' || *p > '9' || ++digits > 9 || places == 3)
            return false;
        value = value * 10 + (*p - '0');
        places += places >= 0;
    }
    for (int i = places < 0 ? 0 : places; i < 3; i++)
        value *= 10;
    *thousandths = value;
    return digits > 0 && places != 0;
}

static bool part_read(const struct yaml *yaml, const struct yaml_node *node, int64_t *out)
{
    const char *text;
    if (!yaml_text(yaml, node, &text))
        return false;
    if (!part_parse(text, out))
        yaml_problem(yaml, node, "write 0.5, or 2", "\"%s\" is no number of this kind", text);
    return part_parse(text, out);
}

static bool never(const struct yaml *yaml, const struct yaml_node *node)
{
    const char *text;
    return yaml_text(yaml, node, &text) && strcmp(text, "never") == 0;
}

static void number_read(const struct source *source, const struct yaml_node *node,
                        const struct policy_row *row, struct deferral *deferral)
{
    int64_t value = 0;
    bool read = false;
    switch (row->number) {
    case NUMBER_COUNT:
        read = yaml_int(source->yaml, node, row->min, row->max, &value);
        break;
    case NUMBER_SPAN:
        read = yaml_duration(source->yaml, node, &value);
        value /= 1000;
        break;
    case NUMBER_NEVER:
        read = never(source->yaml, node) || yaml_duration(source->yaml, node, &value);
        value /= 1000;
        break;
    case NUMBER_PART:
        read = part_read(source->yaml, node, &value);
        break;
    }
    if (read && (value < row->min || value > row->max))
        yaml_problem(source->yaml, node, NULL, "this is out of range");
    else if (read)
        *(int64_t *)((char *)deferral + row->offset) = value;
}

static void weights_read(const struct source *source, const struct yaml_node *node,
                         struct deferral *deferral)
{
    if (!yaml_is(source->yaml, node, YAML_MAPPING))
        return;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        int kind = yaml_key(source->yaml, item, &word_kind);
        if (kind >= 0)
            part_read(source->yaml, item, &deferral->weight[kind]);
    }
}

/* How long serving one takes, by kind. */
static void service_read(const struct source *source, const struct yaml_node *node,
                         struct deferral *deferral)
{
    int64_t ms;
    if (!yaml_is(source->yaml, node, YAML_MAPPING))
        return;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        int kind = yaml_key(source->yaml, item, &word_kind);
        if (kind < 0 || !yaml_duration(source->yaml, item, &ms))
            continue;
        if (ms < 1000 || ms > 86400000)
            yaml_problem(source->yaml, item, NULL, "this is out of range");
        deferral->service_s[kind] = ms / 1000;
    }
}

void policy_read(struct reading *reading, struct source *source, const struct yaml_node *node)
{
    const char *names[KEYS];
    const struct words known = {"key of policy", KEYS, names};
    struct deferral *deferral = &reading->config->policy->deferral;
    if (!yaml_is(source->yaml, node, YAML_MAPPING))
        return;
    for (int i = 0; i < ROWS; i++)
        names[i] = rows[i].key;
    names[KEY_WEIGHT] = "weight";
    names[KEY_SERVICE] = "service";
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        int key = yaml_key(source->yaml, item, &known);
        if (key == KEY_WEIGHT)
            weights_read(source, item, deferral);
        else if (key == KEY_SERVICE)
            service_read(source, item, deferral);
        else if (key >= 0)
            number_read(source, item, &rows[key], deferral);
    }
}
