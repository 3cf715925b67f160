/* config_presence.c: `presence:`: whether the person is watched, and by which signals. */
#include "config_parts.h"
#include "rules/text.h"

#include <stddef.h>
#include <string.h>

enum presence_key { PRESENCE_KEY_IDLE, PRESENCE_KEY_AWAY, PRESENCE_KEY_SIGNALS };
/* The signals are those of plugins/presence/presence.c. */
static const char *const presence_key_names[] = {"idle",       "away",   "x11",         "sway",
                                                 "tmux",       "logind", "screensaver", "desktop",
                                                 "microphone", "commits"};
enum { KEYS = sizeof presence_key_names / sizeof *presence_key_names };
static const struct words word_presence_key = {"key of presence", KEYS, presence_key_names};

static void duration_read(const struct source *source, const struct yaml_node *node,
                          const char *name, json_t *settings)
{
    int64_t ms;
    if (!yaml_duration(source->yaml, node, &ms))
        return;
    if (ms < 1000)
        yaml_problem(source->yaml, node, "write 5m", "this is less than a second");
    else
        json_object_set_new(settings, name, json_integer(ms));
}

static void signal_read(const struct source *source, const struct yaml_node *node, json_t *off)
{
    bool on;
    if (yaml_bool(source->yaml, node, &on) && !on)
        json_array_append_new(off, json_string(node->key));
}

static void keys_read(struct reading *reading, const struct source *source, const struct yaml_node *node)
{
    json_t *settings = reading->config->presence, *off = json_array();
    json_object_set_new(settings, "off", off);
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        int key = yaml_key(source->yaml, item, &word_presence_key);
        if (key == PRESENCE_KEY_IDLE)
            duration_read(source, item, "idle_ms", settings);
        else if (key == PRESENCE_KEY_AWAY)
            duration_read(source, item, "away_ms", settings);
        else if (key >= PRESENCE_KEY_SIGNALS)
            signal_read(source, item, off);
    }
}

void presence_read(struct reading *reading, struct source *source, const struct yaml_node *node)
{
    bool on;
    if (node->type == YAML_MAPPING) {
        keys_read(reading, source, node);
    } else if (yaml_bool(source->yaml, node, &on) && !on) {
        json_decref(reading->config->presence);
        reading->config->presence = NULL;
    }
}
