/* setup_install.c: the `install` sections of the mapping files: which hooks an agent needs, and where.
 *
 * They are read once and live as long as the program. The sections of the daemon's mapping files are no
 * business of the daemon: mapping_load.c passes over them. */
#include "setup.h"

#include "mapping.h"
#include "paths.h"
#include "rules/text.h"
#include "yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AGENTS_MAX = 64 };

static struct setup_agent agents[AGENTS_MAX];
static int n_agents;
static bool loaded;

enum install {
    INSTALL_TITLE,
    INSTALL_PROGRAM,
    INSTALL_FOLDER,
    INSTALL_FOLDER_ENV,
    INSTALL_FOLDER_BELOW,
    INSTALL_FILE,
    INSTALL_SHAPE,
    INSTALL_COMMENTS,
    INSTALL_COMMAS,
    INSTALL_EXEC,
    INSTALL_TYPED,
    INSTALL_COMMAND,
    INSTALL_MORE,
    INSTALL_VERSION,
    INSTALL_OFF,
    INSTALL_EVENTS,
    INSTALL_TRUSTED_IN,
    INSTALL_TODO,
    INSTALLS
};
static const char *const install_names[] = {
    "title", "program",  "folder", "folder_env", "folder_below", "file",
    "shape", "comments", "commas", "exec",       "typed",        "command",
    "more",  "version",  "off",    "events",     "trusted_in",   "todo"};
static const struct words word_install = {"key of `install`", INSTALLS, install_names};

static const char *const shape_names[] = {"groups", "flat", "plugin", "hand"};
static const struct words word_shape = {"shape", SETUP_HAND + 1, shape_names};

/* ---- reading ---------------------------------------------------------------------------------------------- */

static void read_string(const struct yaml *yaml, const struct yaml_node *node, char **out)
{
    const char *text;
    if (yaml_text(yaml, node, &text))
        *out = must_copy(text);
}

static void read_flag(const struct yaml *yaml, const struct yaml_node *node, unsigned flag,
                      unsigned *flags)
{
    bool on = false;
    if (yaml_bool(yaml, node, &on) && on)
        *flags |= flag;
}

/* A scalar as JSON: numbers and words as they are, all else a string. Heap. */
static char *json_of(const struct yaml_node *node)
{
    json_t *value = node->plain ? json_loadb(node->text, node->len, JSON_DECODE_ANY, NULL) : NULL;
    if (!value)
        value = json_stringn(node->text, node->len);
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    json_decref(value);
    return text ? text : must_copy("null");
}

/* { timeout: 3 }: "timeout": 3 */
static void read_more(const struct yaml *yaml, const struct yaml_node *node, char **out)
{
    size_t size = 0;
    FILE *file = open_memstream(out, &size);

    if (!file)
        abort();
    if (yaml_is(yaml, node, YAML_MAPPING)) {
        for (const struct yaml_node *item = node->first; item; item = item->next) {
            json_t *key = json_string(item->key);
            char *name = key ? json_dumps(key, JSON_ENCODE_ANY) : NULL, *value = json_of(item);
            if (yaml_is(yaml, item, YAML_SCALAR) && name)
                fprintf(file, "%s%s: %s", item->index ? ", " : "", name, value);
            free(name);
            free(value);
            json_decref(key);
        }
    }
    fclose(file);
}

/* { disableAllHooks: true } */
static void read_off(const struct yaml *yaml, const struct yaml_node *node, struct setup_agent *agent)
{
    if (!yaml_is(yaml, node, YAML_MAPPING) || !node->first)
        return;
    if (node->first->next)
        yaml_problem(yaml, node, NULL, "one switch is enough");
    else if (yaml_bool(yaml, node->first, &agent->off_when))
        agent->off = must_copy(node->first->key);
}

/* - Stop, or - Notification: "permission_prompt|idle_prompt" */
static void read_events(const struct yaml *yaml, const struct yaml_node *node, struct setup_agent *agent)
{
    if (!yaml_is(yaml, node, YAML_SEQUENCE))
        return;
    agent->events = must_alloc((size_t)(node->n + 1) * sizeof *agent->events);
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        struct setup_event *event = &agent->events[agent->n_events];
        if (item->type == YAML_MAPPING && item->n == 1) {
            event->name = must_copy(item->first->key);
            read_string(yaml, item->first, &event->matcher);
        } else
            read_string(yaml, item, &event->name);
        agent->n_events += event->name != NULL;
    }
}

/* The keys whose values are plain texts, and where those go; 0: it is another. */
static const size_t text_at[INSTALLS] = {
    [INSTALL_TITLE] = offsetof(struct setup_agent, title),
    [INSTALL_PROGRAM] = offsetof(struct setup_agent, program),
    [INSTALL_FOLDER] = offsetof(struct setup_agent, home),
    [INSTALL_FOLDER_ENV] = offsetof(struct setup_agent, home_env),
    [INSTALL_FOLDER_BELOW] = offsetof(struct setup_agent, home_below),
    [INSTALL_FILE] = offsetof(struct setup_agent, file),
    [INSTALL_COMMAND] = offsetof(struct setup_agent, command_key),
    [INSTALL_TRUSTED_IN] = offsetof(struct setup_agent, trusted_in),
    [INSTALL_TODO] = offsetof(struct setup_agent, todo),
};

static void read_key(const struct yaml *yaml, const struct yaml_node *item, struct setup_agent *agent)
{
    int key = yaml_key(yaml, item, &word_install), shape;

    if (key < 0)
        return;
    if (text_at[key])
        read_string(yaml, item, (char **)((char *)agent + text_at[key]));
    else if (key == INSTALL_SHAPE && yaml_word(yaml, item, &word_shape, &shape))
        agent->shape = (enum setup_shape)shape;
    else if (key == INSTALL_COMMENTS)
        read_flag(yaml, item, SETUP_JSON_COMMENTS, &agent->allow);
    else if (key == INSTALL_COMMAS)
        read_flag(yaml, item, SETUP_JSON_COMMAS, &agent->allow);
    else if (key == INSTALL_EXEC)
        yaml_bool(yaml, item, &agent->exec);
    else if (key == INSTALL_TYPED)
        yaml_bool(yaml, item, &agent->typed);
    else if (key == INSTALL_MORE)
        read_more(yaml, item, &agent->more);
    else if (key == INSTALL_VERSION)
        agent->version = json_of(item);
    else if (key == INSTALL_OFF)
        read_off(yaml, item, agent);
    else if (key == INSTALL_EVENTS)
        read_events(yaml, item, agent);
}

/* Whether a path leads out of the folder it is in: such a file is not ours to name. */
static bool leads_out(const char *path)
{
    return path && (path[0] == '/' || strstr(path, ".."));
}

static void check(const struct yaml *yaml, const struct yaml_node *node, const struct setup_agent *agent)
{
    bool json = agent->shape == SETUP_GROUPS || agent->shape == SETUP_FLAT;

    if (leads_out(agent->home) || leads_out(agent->file) || leads_out(agent->home_below) ||
        leads_out(agent->trusted_in))
        yaml_problem(yaml, node, NULL,
                     "`folder`, `folder_below` and `file` are relative, without `..`");
    if (agent->shape != SETUP_HAND && (!agent->home || !agent->file))
        yaml_problem(yaml, node, NULL, "`folder` or `file` is missing");
    if (json && !agent->n_events)
        yaml_problem(yaml, node, NULL, "`events` is missing");
    if (agent->shape == SETUP_HAND && !agent->todo)
        yaml_problem(yaml, node, NULL, "`todo` is missing: what is done by hand");
}

static void agent_clear(struct setup_agent *agent)
{
    for (int i = 0; i < agent->n_events; i++) {
        free(agent->events[i].name);
        free(agent->events[i].matcher);
    }
    char *texts[] = {agent->name,     agent->title,       agent->program, agent->home,
                     agent->home_env, agent->home_below,  agent->file,    agent->more,
                     agent->version,  agent->command_key, agent->off,     agent->trusted_in,
                     agent->todo};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    free(agent->events);
    *agent = (struct setup_agent){0};
}

/* The section of one mapping file, if it has one. */
static void read_mapping(const struct mapping *mapping, const char *name, struct problems *problems)
{
    size_t len;
    const char *text = mapping_text(mapping, &len);
    struct yaml *yaml = yaml_load(text, len, name, NULL, problems);
    const struct yaml_node *node = yaml ? yaml_find(yaml_root(yaml), "install") : NULL;
    int before = problems->n + problems->more;

    if (node && n_agents < AGENTS_MAX && yaml_is(yaml, node, YAML_MAPPING)) {
        struct setup_agent *agent = &agents[n_agents];
        *agent = (struct setup_agent){.name = must_copy(mapping_agent(mapping))};
        for (const struct yaml_node *item = node->first; item; item = item->next)
            read_key(yaml, item, agent);
        if (!agent->title)
            agent->title = must_copy(agent->name);
        if (!agent->command_key)
            agent->command_key = must_copy("command");
        check(yaml, node, agent);
        if (problems->n + problems->more > before)
            agent_clear(agent);
        else
            n_agents++;
    }
    yaml_free(yaml);
}

/* ---- the list ----------------------------------------------------------------------------------------------- */

int setup_agents_load(struct problems *problems)
{
    int before = problems->n + problems->more;
    struct mappings *mappings = NULL;
    struct paths paths;

    while (n_agents > 0)
        agent_clear(&agents[--n_agents]);
    loaded = true;
    paths_init(&paths);
    if (mappings_load(&mappings, paths.agents, problems) != 0) {
        struct problems unheard = {0};
        mappings_load(&mappings, NULL, &unheard);
        problems_clear(&unheard);
    }
    for (int i = 0; mappings && i < mappings_count(mappings); i++) {
        const struct mapping *mapping = mappings_at(mappings, i);
        read_mapping(mapping, mapping_file(mapping), problems);
    }
    mappings_free(mappings);
    paths_release(&paths);
    return problems->n + problems->more > before ? -EINVAL : 0;
}

static void load_once(void)
{
    struct problems unheard = {0};
    if (!loaded)
        setup_agents_load(&unheard);
    problems_clear(&unheard);
}

const struct setup_agent *setup_agent_next(const struct setup_agent *after)
{
    load_once();
    const struct setup_agent *next = after ? after + 1 : agents;
    return next < agents + n_agents ? next : NULL;
}

const struct setup_agent *setup_agent_find(const char *name)
{
    load_once();
    for (int i = 0; i < n_agents; i++) {
        if (strcmp(agents[i].name, name) == 0)
            return &agents[i];
    }
    return NULL;
}
