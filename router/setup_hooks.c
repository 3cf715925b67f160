/* setup_hooks.c: our hooks in an agent's JSON file: put in, brought up to date, taken out, found.
 *
 * A hook is ours if it calls a program named quietbell-hook with this agent's name first. Whatever else
 * stands in the file is not touched, not even set in anew. */
#include "setup.h"

#include "rules/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 4096 };

/* ---- command lines ------------------------------------------------------------------------------------- */

/* The next word of a shell command, without its quotes, cut at WORD. Returns what follows it. */
static const char *next_word(const char *p, char word[WORD])
{
    size_t n = 0;
    char quote = '\0';

    p += strspn(p, " \t");
    for (; *p && (quote || !strchr(" \t", *p)); p++) {
        if (quote ? *p == quote : *p == '\'' || *p == '"')
            quote = quote ? '\0' : *p;
        else {
            if (*p == '\\' && quote != '\'' && p[1])
                p++;
            if (n < WORD - 1)
                word[n++] = *p;
        }
    }
    word[n] = '\0';
    return p;
}

char *setup_quoted(const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,";
    char *text = must_alloc(strlen(word) * 4 + 3), *p = text;

    if (*word && strspn(word, plain) == strlen(word))
        return strcpy(text, word);
    *p++ = '\'';
    for (; *word; word++) {
        if (*word == '\'')
            p = stpcpy(p, "'\\''");
        else
            *p++ = *word;
    }
    strcpy(p, "'");
    return text;
}

/* Whether a hook calls our hook client for this agent; *command is heap then. */
static bool is_ours(const struct setup_agent *agent, const json_t *hook, char **command)
{
    const json_t *args = json_object_get(hook, "args");
    const char *line = json_string_value(json_object_get(hook, agent->command_key));
    char program[WORD], first[WORD];

    if (!line)
        line = json_string_value(json_object_get(hook, "command"));
    if (!line)
        return false;
    if (json_array_size(args) > 0) {
        const char *arg = json_string_value(json_array_get(args, 0));
        if (strlen(line) >= WORD || !arg || strlen(arg) >= WORD)
            return false;
        strcpy(program, line);
        strcpy(first, arg);
    } else
        next_word(next_word(line, program), first);
    if (strcmp(text_last_part(program), "quietbell-hook") != 0 || strcmp(first, agent->name) != 0)
        return false;
    *command = must_copy(program);
    return true;
}

/* ---- what is wanted ------------------------------------------------------------------------------------ */

struct line {
    char *text;
    size_t n;
};

static void add(struct line *line, const char *text)
{
    size_t n = strlen(text);
    line->text = must_grow(line->text, line->n + n + 1);
    memcpy(line->text + line->n, text, n + 1);
    line->n += n;
}

static void add_string(struct line *line, const char *text)
{
    json_t *string = json_string(text);
    char *dumped = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    add(line, dumped ? dumped : "\"\"");
    free(dumped);
    json_decref(string);
}

/* {"type": "command", "command": "/usr/bin/quietbell-hook codex Stop", "timeout": 3} */
static char *wanted_hook(const struct setup_agent *agent, const char *event, const char *command)
{
    struct line line = {0}, call = {0};

    add(&line, agent->typed ? "{\"type\": \"command\", \"" : "{\"");
    add(&line, agent->command_key);
    add(&line, "\": ");
    if (agent->exec) {
        add_string(&line, command);
        add(&line, ", \"args\": [");
        add_string(&line, agent->name);
        add(&line, ", ");
        add_string(&line, event);
        add(&line, "]");
    } else {
        char *quoted = setup_quoted(command);
        add(&call, quoted);
        add(&call, " ");
        add(&call, agent->name);
        add(&call, " ");
        add(&call, event);
        add_string(&line, call.text);
        free(quoted);
        free(call.text);
    }
    if (agent->more) {
        add(&line, ", ");
        add(&line, agent->more);
    }
    add(&line, "}");
    return line.text;
}

/* The element of an event's array: the hook, in a group if the agent has groups. */
static char *wanted_element(const struct setup_agent *agent, const struct setup_event *event,
                            const char *command)
{
    char *hook = wanted_hook(agent, event->name, command);
    struct line line = {0};

    if (agent->shape != SETUP_GROUPS)
        return hook;
    add(&line, "{");
    if (event->matcher) {
        add(&line, "\"matcher\": ");
        add_string(&line, event->matcher);
        add(&line, ", ");
    }
    add(&line, "\"hooks\": [");
    add(&line, hook);
    add(&line, "]}");
    free(hook);
    return line.text;
}

static const struct setup_event *wanted_event(const struct setup_agent *agent,
                                              const struct setup_json *json, int node)
{
    for (const struct setup_event *event = agent->events; event < agent->events + agent->n_events;
         event++) {
        if (setup_json_named(json, node, event->name))
            return event;
    }
    return NULL;
}

/* ---- what is there --------------------------------------------------------------------------------------- */

/* A hook of ours in a document: nodes. */
struct own {
    int event;   /* the member of "hooks" */
    int element; /* of its array: a group, or the hook itself */
    int hook;
    bool alone;    /* in its group */
    char *command; /* heap */
};

/* The next hook of a group, or the element itself where there are no groups. -1: no more. */
static int next_hook(const struct setup_agent *agent, const struct setup_json *json, int element,
                     int after)
{
    if (agent->shape != SETUP_GROUPS)
        return after < 0 ? element : -1;
    if (after >= 0)
        return json->nodes[after].next;
    int list = setup_json_member(json, element, "hooks", NULL);
    return list >= 0 && json->nodes[list].kind == '[' ? json->nodes[list].child : -1;
}

/* The first hook of ours behind own->hook (-1: of all). Nodes are numbered in the order of the text. */
static bool next_own(const struct setup_agent *agent, const struct setup_json *json, struct own *own)
{
    int hooks = setup_json_member(json, 0, "hooks", NULL), behind = own->hook;

    free(own->command);
    own->command = NULL;
    if (hooks < 0 || json->nodes[hooks].kind != '{')
        return false;
    for (int event = json->nodes[hooks].child; event >= 0; event = json->nodes[event].next) {
        int element = json->nodes[event].kind == '[' ? json->nodes[event].child : -1;
        for (; element >= 0; element = json->nodes[element].next) {
            for (int hook = -1; (hook = next_hook(agent, json, element, hook)) >= 0;) {
                if (hook <= behind)
                    continue;
                json_t *value = setup_json_value(json, hook);
                bool ours = is_ours(agent, value, &own->command);
                json_decref(value);
                if (!ours)
                    continue;
                own->event = event;
                own->element = element;
                own->hook = hook;
                own->alone = json->nodes[json->nodes[hook].parent].n == 1;
                return true;
            }
        }
    }
    return false;
}

static bool same_matcher(const char *a, const char *b)
{
    a = a && strcmp(a, "*") != 0 ? a : "";
    b = b && strcmp(b, "*") != 0 ? b : "";
    return strcmp(a, b) == 0;
}

/* Whether it is as wanted. In a group that others share the matcher is the person's. */
static bool is_wanted(const struct setup_agent *agent, const struct setup_json *json,
                      const struct own *own, const struct setup_event *event, const char *command)
{
    char *text = wanted_hook(agent, event->name, command);
    json_t *wanted = json_loads(text, 0, NULL), *hook = setup_json_value(json, own->hook);
    json_t *group = setup_json_value(json, own->element);
    const json_t *matcher = json_object_get(group, "matcher");
    bool same = json_equal(wanted, hook);

    if (agent->shape == SETUP_GROUPS && own->alone)
        same = same && (!matcher || json_is_string(matcher)) &&
               same_matcher(json_string_value(matcher), event->matcher);
    json_decref(group);
    json_decref(hook);
    json_decref(wanted);
    free(text);
    return same;
}

/* ---- reading a file ------------------------------------------------------------------------------------- */

static bool is_blank_text(const struct setup_text *text)
{
    return text->len == 0 || strspn(text->bytes, " \t\r\n") == text->len;
}

static int wrong(const struct setup_json *json, int node, const char *file, const char *key,
                 struct problems *problems, const char *message)
{
    setup_json_problem(json, node, file, key, problems, message);
    return -EINVAL;
}

/* Whether the places we would write to are what they should be. */
static int check_shape(const struct setup_agent *agent, const struct setup_json *json,
                       const char *file, struct problems *problems)
{
    bool twice;

    if (json->nodes[0].kind != '{')
        return wrong(json, 0, file, "", problems, "an object { … } should be here");
    int hooks = setup_json_member(json, 0, "hooks", &twice);
    if (hooks < 0)
        return 0;
    if (twice)
        return wrong(json, hooks, file, "hooks", problems, "\"hooks\" stands here twice; make it one");
    if (json->nodes[hooks].kind != '{')
        return wrong(json, hooks, file, "hooks", problems, "\"hooks\" should be an object { … }");
    for (const struct setup_event *event = agent->events; event < agent->events + agent->n_events;
         event++) {
        int node = setup_json_member(json, hooks, event->name, &twice);
        if (node < 0)
            continue;
        if (twice)
            return wrong(json, node, file, event->name, problems, "stands here twice; make it one");
        if (json->nodes[node].kind != '[')
            return wrong(json, node, file, event->name, problems, "should be a list [ … ]");
    }
    return 0;
}

static int read_document(const struct setup_agent *agent, const struct setup_text *text,
                         const char *file, struct setup_json *json, struct problems *problems)
{
    static const char empty[] = "{}\n";
    bool blank = is_blank_text(text);
    int error = setup_json_parse(json, blank ? empty : text->bytes,
                                 blank ? sizeof empty - 1 : text->len, agent->allow, file, problems);
    if (!error)
        error = check_shape(agent, json, file, problems);
    if (error)
        setup_json_release(json);
    return error;
}

static void give(struct setup_json *json, struct setup_text *out)
{
    setup_text_set(out, json->text, json->len);
    setup_json_release(json);
}

/* ---- changing ---------------------------------------------------------------------------------------------- */

/* Takes a hook of ours out, and what it leaves empty. */
static void take_out(const struct setup_agent *agent, struct setup_json *json, const struct own *own)
{
    bool whole = agent->shape != SETUP_GROUPS || own->alone;

    if (whole && json->nodes[own->event].n == 1)
        setup_json_remove(json, own->event);
    else
        setup_json_remove(json, whole ? own->element : own->hook);
}

/* Brings one hook that is there into line: kept, replaced, or taken out. True if the text changed. */
static bool mend_one(const struct setup_agent *agent, struct setup_json *json, const char *command)
{
    struct own own = {.hook = -1};
    int last_event = -1;
    bool changed = false;

    while (!changed && next_own(agent, json, &own)) {
        const struct setup_event *event = wanted_event(agent, json, own.event);
        bool again = own.event == last_event;
        last_event = own.event;
        if (event && !again && is_wanted(agent, json, &own, event, command))
            continue;
        if (!event || again)
            take_out(agent, json, &own);
        else {
            bool whole = agent->shape != SETUP_GROUPS || own.alone;
            char *text = whole ? wanted_element(agent, event, command)
                               : wanted_hook(agent, event->name, command);
            setup_json_replace(json, whole ? own.element : own.hook, text);
            free(text);
        }
        changed = true;
    }
    free(own.command);
    return changed;
}

static bool has_event(const struct setup_agent *agent, const struct setup_json *json,
                      const struct setup_event *event)
{
    struct own own = {.hook = -1};
    bool found = false;
    while (!found && next_own(agent, json, &own))
        found = setup_json_named(json, own.event, event->name);
    free(own.command);
    return found;
}

static void insert_event(const struct setup_agent *agent, struct setup_json *json,
                         const struct setup_event *event, const char *command)
{
    int hooks = setup_json_member(json, 0, "hooks", NULL);
    int list = setup_json_member(json, hooks, event->name, NULL);
    char *element = wanted_element(agent, event, command);

    if (list >= 0)
        setup_json_insert(json, list, element);
    else {
        struct line line = {0};
        add_string(&line, event->name);
        add(&line, ": [");
        add(&line, element);
        add(&line, "]");
        setup_json_insert(json, hooks, line.text);
        free(line.text);
    }
    free(element);
}

int setup_hooks_add(const struct setup_agent *agent, const char *command, const struct setup_text *text,
                    const char *file, struct setup_text *out, struct problems *problems)
{
    struct setup_json json;
    int error = read_document(agent, text, file, &json, problems);

    if (error)
        return error;
    if (agent->version && setup_json_member(&json, 0, "version", NULL) < 0) {
        struct line line = {0};
        add(&line, "\"version\": ");
        add(&line, agent->version);
        setup_json_insert(&json, 0, line.text);
        free(line.text);
    }
    if (setup_json_member(&json, 0, "hooks", NULL) < 0)
        setup_json_insert(&json, 0, "\"hooks\": {}");
    while (mend_one(agent, &json, command))
        continue;
    for (const struct setup_event *event = agent->events; event < agent->events + agent->n_events;
         event++) {
        if (!has_event(agent, &json, event))
            insert_event(agent, &json, event, command);
    }
    give(&json, out);
    return 0;
}

int setup_hooks_strip(const struct setup_agent *agent, const struct setup_text *text,
                      const char *file, struct setup_text *out, struct problems *problems)
{
    struct setup_json json;
    struct own own = {.hook = -1};
    int error = read_document(agent, text, file, &json, problems);

    if (error)
        return error;
    for (; next_own(agent, &json, &own); own.hook = -1)
        take_out(agent, &json, &own);
    int hooks = setup_json_member(&json, 0, "hooks", NULL);
    if (hooks >= 0 && json.nodes[hooks].kind == '{' && json.nodes[hooks].n == 0)
        setup_json_remove(&json, hooks);
    free(own.command);
    give(&json, out);
    return 0;
}

/* Whether the agent's switch turns all hooks off. */
static bool is_off(const struct setup_agent *agent, const struct setup_json *json)
{
    char path[128];
    int node = 0;

    if (!agent->off || strlen(agent->off) >= sizeof path)
        return false;
    strcpy(path, agent->off);
    for (char *key = path, *dot; node >= 0 && key; key = dot) {
        dot = strchr(key, '.');
        if (dot)
            *dot++ = '\0';
        node = setup_json_member(json, node, key, NULL);
    }
    if (node < 0)
        return false;
    json_t *value = setup_json_value(json, node);
    bool off = agent->off_when ? json_is_true(value) : json_is_false(value);
    json_decref(value);
    return off;
}

int setup_hooks_look(const struct setup_agent *agent, const struct setup_text *text,
                     const char *file, struct setup_found *found, struct problems *problems)
{
    struct setup_json json;
    struct own own = {.hook = -1};
    int error = read_document(agent, text, file, &json, problems);

    *found = (struct setup_found){0};
    if (error)
        return error;
    while (next_own(agent, &json, &own)) {
        found->hooks++;
        if (!found->command)
            found->command = must_copy(own.command);
    }
    free(own.command);
    found->off = is_off(agent, &json);
    setup_json_release(&json);
    return 0;
}
