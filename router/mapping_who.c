/* mapping_who.c: whose message it is. One agent's hook file may be run by another (Copilot runs the hooks in a
 * project's .claude/settings.json), and a terminal speaks for whatever runs in it. So the name on the hook's
 * command line counts only as far as payload and context do not say otherwise. */
#include "mapping_parts.h"

#include "rules/text.h"
#include "yaml.h"

#include <stdlib.h>
#include <string.h>

static void set(json_t *view, const char *key, json_t *value)
{
    if (json_object_set_new(view, key, value) != 0)
        abort();
}

json_t *mapping_view(const struct message *message)
{
    json_t *view = json_copy((json_t *)message->payload), *id = json_object_get(message->json, "id");
    if (!view)
        abort();
    /* an agent cannot forge these: whatever it calls so is replaced */
    set(view, "@context", message->context ? json_incref((json_t *)message->context) : json_object());
    set(view, "@event", json_string(message->event));
    set(view, "@id", id ? json_incref(id) : json_integer(message->at_ms));
    return view;
}

static bool has_mark(const struct mapping *mapping, const json_t *view)
{
    json_t *marks = json_object_get(json_object_get(view, "@context"), "marks"), *mark;
    size_t i;
    json_array_foreach(marks, i, mark)
    {
        for (int n = 0; n < mapping->n_marks && json_is_string(mark); n++) {
            if (strcmp(mapping->marks[n], json_string_value(mark)) == 0)
                return true;
        }
    }
    return false;
}

static bool is_known(const struct mapping *mapping, const json_t *view)
{
    return mapping->known_by.n ? when_holds(&mapping->known_by, view) : has_mark(mapping, view);
}

const struct mapping *mapping_sender(const struct mappings *mappings, const struct mapping *named,
                                     const json_t *view)
{
    if (named && ((!named->known_by.n && !named->n_marks) || is_known(named, view)))
        return named;
    for (int i = 0; i < mappings_count(mappings); i++) {
        const struct mapping *other = mappings_at(mappings, i);
        if (other != named && is_known(other, view))
            return other;
    }
    return named;
}

const char *mapping_spoken(const struct mapping *mapping, const json_t *view)
{
    const char *name = paths_string(&mapping->speaks_for, view);
    for (int i = 0; name && i < mapping->n_names; i++) {
        if (strcmp(mapping->names[i].from, name) == 0)
            return mapping->names[i].to;
    }
    return name;
}

/* ---- names --------------------------------------------------------------------------------------- */

void load_names(const struct yaml *yaml, const struct yaml_node *node, struct mapping *mapping)
{
    const char *to;
    if (!yaml_is(yaml, node, YAML_MAPPING))
        return;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        if (!yaml_text(yaml, item, &to))
            continue;
        mapping->names =
            must_grow(mapping->names, (size_t)(mapping->n_names + 1) * sizeof *mapping->names);
        mapping->names[mapping->n_names++] = (struct naming){must_copy(item->key), must_copy(to)};
    }
}

void names_clear(struct mapping *mapping)
{
    for (int i = 0; i < mapping->n_names; i++) {
        free(mapping->names[i].from);
        free(mapping->names[i].to);
    }
    free(mapping->names);
}
