/* mapping_load.c: reads one mapping file: YAML (yaml.h) into a struct mapping, with every mistake reported at
 * its place. */
#include "mapping_parts.h"

#include "rules/text.h"
#include "yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 400 };

enum top {
    TOP_AGENT,
    TOP_EVENT,
    TOP_SESSION,
    TOP_THREAD,
    TOP_CWD,
    TOP_MARKS,
    TOP_KNOWN_BY,
    TOP_PLACE,
    TOP_PROCESS,
    TOP_SPEAKS_FOR,
    TOP_NAMES,
    TOP_ROWS,
    TOP_FILES,
    TOP_INSTALL,
    TOP_SILENT,
    TOPS
};
static const char *const top_names[] = {"agent", "event",    "session", "thread",  "cwd",
                                        "marks", "known_by", "place",   "process", "speaks_for",
                                        "names", "rows",     "files",   "install", "silent"};
static const struct words word_top = {"key of a mapping file", TOPS, top_names};

/* ---- freeing ------------------------------------------------------------------------------------- */

void texts_clear(char **texts, int n)
{
    for (int i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}

void mapping_free(struct mapping *mapping)
{
    for (int i = 0; i < mapping->n_rows; i++)
        row_clear(&mapping->rows[i]);
    free(mapping->rows);
    files_clear(mapping);
    paths_clear(&mapping->event);
    paths_clear(&mapping->session);
    paths_clear(&mapping->thread);
    paths_clear(&mapping->cwd);
    texts_clear(mapping->marks, mapping->n_marks);
    when_clear(&mapping->known_by);
    when_clear(&mapping->place);
    when_clear(&mapping->process);
    paths_clear(&mapping->speaks_for);
    names_clear(mapping);
    free(mapping->agent);
    free(mapping->file);
    free(mapping->text);
    free(mapping);
}

/* ---- values -------------------------------------------------------------------------------------- */

static void *grow(void *list, int n, size_t size)
{
    list = must_grow(list, (size_t)(n + 1) * size);
    memset((char *)list + (size_t)n * size, 0, size);
    return list;
}

bool load_texts(const struct yaml *yaml, const struct yaml_node *node, char ***out, int *n)
{
    const char **texts;
    int found;
    if (!yaml_texts(yaml, node, &texts, &found))
        return false;
    for (int i = 0; i < found; i++) {
        *out = grow(*out, *n, sizeof **out);
        (*out)[(*n)++] = must_copy(texts[i]);
    }
    free(texts);
    return true;
}

bool load_path(const struct yaml *yaml, const struct yaml_node *node, const char *text,
               struct path *path)
{
    if (path_parse(path, text))
        return true;
    yaml_problem(yaml, node, "write names joined by dots: tool_input.questions.0.question",
                 "\"%s\" is no path", text);
    return false;
}

void load_paths(const struct yaml *yaml, const struct yaml_node *node, struct paths *paths)
{
    const char **texts;
    int n;
    if (!yaml_texts(yaml, node, &texts, &n))
        return;
    for (int i = 0; i < n; i++) {
        paths->list = grow(paths->list, paths->n, sizeof *paths->list);
        if (load_path(yaml, yaml_item(node, i), texts[i], &paths->list[paths->n]))
            paths->n++;
    }
    free(texts);
}

void load_templates(const struct yaml *yaml, const struct yaml_node *node, struct templates *templates)
{
    const char **texts, *error;
    int n;
    if (!yaml_texts(yaml, node, &texts, &n))
        return;
    for (int i = 0; i < n; i++) {
        templates->list = grow(templates->list, templates->n, sizeof *templates->list);
        if (!template_parse(&templates->list[templates->n++], texts[i], &error))
            yaml_problem(yaml, yaml_item(node, i),
                         "write \"{tool_name}: {tool_input.command|tool_input.url}\"",
                         "the template has %s", error);
    }
    free(texts);
}

/* ---- rows ---------------------------------------------------------------------------------------- */

static void read_rows(const struct yaml *yaml, const struct yaml_node *node, struct mapping *mapping)
{
    if (!yaml_is(yaml, node, YAML_SEQUENCE))
        return;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        if (!yaml_is(yaml, item, YAML_MAPPING))
            continue;
        if (mapping->n_rows == ROWS_MAX) {
            yaml_problem(yaml, item, NULL, "more than %d rows", ROWS_MAX);
            return;
        }
        mapping->rows = grow(mapping->rows, mapping->n_rows, sizeof *mapping->rows);
        load_row(yaml, item, &mapping->rows[mapping->n_rows++], false);
    }
}

/* ---- files --------------------------------------------------------------------------------------- */

void load_agent(const struct yaml *yaml, const struct yaml_node *item, struct mapping *mapping)
{
    const char *name;
    if (!yaml_text(yaml, item, &name))
        return;
    if (strlen(name) > TEXT_NAME ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != strlen(name))
        yaml_problem(yaml, item, NULL, "an agent's name is made of small letters, digits, - _ and .");
    free(mapping->agent);
    mapping->agent = must_copy(name);
}

/* silent: true, by nature; false: silence always means that it hangs. Unsaid: once it told of a tool. */
static void read_silent(const struct yaml *yaml, const struct yaml_node *item, struct mapping *mapping)
{
    bool silent = false;
    if (yaml_bool(yaml, item, &silent))
        mapping->talks = silent ? TALKS_NEVER : TALKS_ALWAYS;
}

static void read_top(const struct yaml *yaml, const struct yaml_node *item, struct mapping *mapping)
{
    switch ((enum top)yaml_key(yaml, item, &word_top)) {
    case TOP_AGENT:
        load_agent(yaml, item, mapping);
        break;
    case TOP_EVENT:
        load_paths(yaml, item, &mapping->event);
        break;
    case TOP_SESSION:
        load_paths(yaml, item, &mapping->session);
        break;
    case TOP_THREAD:
        load_paths(yaml, item, &mapping->thread);
        break;
    case TOP_CWD:
        load_paths(yaml, item, &mapping->cwd);
        break;
    case TOP_MARKS:
        load_texts(yaml, item, &mapping->marks, &mapping->n_marks);
        break;
    case TOP_KNOWN_BY:
        load_when(yaml, item, &mapping->known_by);
        break;
    case TOP_PLACE:
        load_when(yaml, item, &mapping->place);
        break;
    case TOP_PROCESS:
        load_when(yaml, item, &mapping->process);
        break;
    case TOP_SPEAKS_FOR:
        load_paths(yaml, item, &mapping->speaks_for);
        break;
    case TOP_NAMES:
        load_names(yaml, item, mapping);
        break;
    case TOP_ROWS:
        read_rows(yaml, item, mapping);
        break;
    case TOP_FILES:
        load_files(yaml, item, mapping);
        break;
    case TOP_SILENT:
        read_silent(yaml, item, mapping);
        break;
    case TOP_INSTALL: /* for `quietbell setup`: setup_install.c reads it */
    case TOPS:
        break;
    }
}

struct mapping *mapping_read(const char *text, size_t len, const char *name, struct problems *problems)
{
    int before = problems->n + problems->more;
    struct yaml *yaml = yaml_load(text, len, name, NULL, problems);
    if (!yaml)
        return NULL;
    struct mapping *mapping = must_alloc(sizeof *mapping);
    const struct yaml_node *root = yaml_root(yaml);
    if (yaml_is(yaml, root, YAML_MAPPING)) {
        for (const struct yaml_node *item = root->first; item; item = item->next)
            read_top(yaml, item, mapping);
        if (!mapping->agent)
            yaml_problem(yaml, root, NULL, "`agent` is missing");
        if (!mapping->session.n)
            yaml_problem(yaml, root, NULL, "`session` is missing: the path of the session's id");
    }
    yaml_free(yaml);
    if (problems->n + problems->more > before) {
        mapping_free(mapping);
        return NULL;
    }
    mapping->file = must_copy(name);
    mapping->text = must_alloc(len + 1);
    memcpy(mapping->text, text, len);
    mapping->len = len;
    snprintf(mapping->hash, sizeof mapping->hash, "%016llx",
             (unsigned long long)text_hash(TEXT_HASH, mapping->text));
    return mapping;
}
