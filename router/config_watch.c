/* config_watch.c: the key `watch`: whether agents' own files are watched, and other files that say something. What is
 * read in them is written as in the `files` of a mapping file (mapping_load_files.c). */
#include "config_parts.h"
#include "mapping.h"
#include "rules/text.h"

#include <string.h>

static void add_watch(struct reading *reading, const struct source *source, const struct yaml_node *item)
{
    struct config *config = reading->config;
    if (config->n_watches == CONFIG_WATCHES_MAX) {
        yaml_problem(source->yaml, item, NULL, "too many watches (at most %d)", CONFIG_WATCHES_MAX);
        return;
    }
    if (name_good(source, item, "watch"))
        config->watches[config->n_watches++] = watch_read(source->yaml, item);
}

void watch_read_all(struct reading *reading, struct source *source, const struct yaml_node *node)
{
    if (node->type == YAML_SCALAR) {
        yaml_bool(source->yaml, node, &reading->config->watch_agents);
        return;
    }
    if (!yaml_is(source->yaml, node, YAML_MAPPING))
        return;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        if (strcmp(item->key, "agents") == 0)
            yaml_bool(source->yaml, item, &reading->config->watch_agents);
        else
            add_watch(reading, source, item);
    }
}

void watches_free(struct config *config)
{
    for (int i = 0; i < config->n_watches; i++)
        mapping_free(config->watches[i]);
}
