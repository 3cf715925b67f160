/* mapping_load_files.c: reads the section `files` of a mapping file: which files say something about the agent's
 * sessions, how they are read, and what their rows do. */
#include "mapping_parts.h"

#include "rules/text.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 16, FILE_ROWS_MAX = 100 };

static const char *const format_names[] = {"json", "json-lines", "log", "name"};
const struct words word_format = {"format", FORMATS, format_names};

enum entry_key {
    ENTRY_PATH,
    ENTRY_SOURCE,
    ENTRY_FORMAT,
    ENTRY_CONTAINS,
    ENTRY_HEAD,
    ENTRY_KNOWN_ONLY,
    ENTRY_SESSION,
    ENTRY_THREAD,
    ENTRY_CWD,
    ENTRY_AT,
    ENTRY_HOST,
    ENTRY_PID,
    ENTRY_PID_START,
    ENTRY_ROWS,
    ENTRY_GONE,
    ENTRY_AGENT, /* of a watch of the configuration only */
    ENTRY_KEYS
};
static const char *const entry_names[] = {
    "path", "source", "format", "contains", "head",      "known_only", "session", "thread",
    "cwd",  "at",     "host",   "pid",      "pid_start", "rows",       "gone",    "agent"};
static const struct words word_entry = {"key of `files`", ENTRY_AGENT, entry_names};
static const struct words word_watch = {"key of a watch", ENTRY_KEYS, entry_names};

/* ---- freeing ------------------------------------------------------------------------------------- */

static void templates_clear(struct templates *templates)
{
    for (int i = 0; i < templates->n; i++)
        template_clear(&templates->list[i]);
    free(templates->list);
}

void files_clear(struct mapping *mapping)
{
    for (int i = 0; i < mapping->n_files; i++) {
        struct file_entry *entry = &mapping->files[i];
        for (int r = 0; r < entry->n_rows; r++)
            row_clear(&entry->rows[r]);
        free(entry->rows);
        row_clear(&entry->gone);
        templates_clear(&entry->session);
        templates_clear(&entry->thread);
        templates_clear(&entry->at);
        templates_clear(&entry->host);
        templates_clear(&entry->pid);
        templates_clear(&entry->pid_start);
        paths_clear(&entry->cwd);
        texts_clear(entry->contains, entry->n_contains);
        free(entry->path);
        free(entry->set);
        free(entry->source);
        texts_clear(entry->head, entry->n_head);
    }
    free(mapping->files);
}

/* ---- values -------------------------------------------------------------------------------------- */

/* "~/…", "$VAR/…", "${VAR:-~/…}/…" or absolute; wildcards * ? [ ] within a segment. */
static void read_place(const struct yaml *yaml, const struct yaml_node *node, char **out)
{
    const char *text,
        *hint = "write ~/.agent/sessions/*.json, or ${AGENT_HOME:-~/.agent}/sessions/*.json";
    if (!yaml_text(yaml, node, &text))
        return;
    const char *brace = text[0] == '$' && text[1] == '{' ? strchr(text, '}') : NULL;
    bool braced = text[0] == '$' && text[1] == '{';
    if ((text[0] != '/' && text[0] != '~' && text[0] != '$') || (braced && !brace) ||
        (text[0] == '~' && text[1] != '/'))
        yaml_problem(yaml, node, hint, "it has to begin with /, ~/, $VAR or ${VAR:-~/DEFAULT}");
    else if (strstr(text, "..") || strstr(text, "**"))
        yaml_problem(yaml, node, hint, "neither .. nor ** can be in it; * stands for one segment");
    else if (text[strlen(text) - 1] == '/')
        yaml_problem(yaml, node, hint, "it names a folder, not files");
    free(*out);
    *out = must_copy(text);
}

static void read_text(const struct yaml *yaml, const struct yaml_node *node, char **out)
{
    const char *text;
    if (!yaml_text(yaml, node, &text))
        return;
    free(*out);
    *out = must_copy(text);
}

/* Templates; a path alone, as in the head of the file, is the template of it. */
static void read_values(const struct yaml *yaml, const struct yaml_node *node, struct templates *out)
{
    const char **texts, *error;
    int n;
    if (!yaml_texts(yaml, node, &texts, &n))
        return;
    for (int i = 0; i < n; i++) {
        char *text = must_alloc(strlen(texts[i]) + 3);
        if (strchr(texts[i], '{'))
            strcpy(text, texts[i]);
        else
            stpcpy(stpcpy(stpcpy(text, "{"), texts[i]), "}");
        out->list = must_grow(out->list, (size_t)(out->n + 1) * sizeof *out->list);
        if (!template_parse(&out->list[out->n++], text, &error))
            yaml_problem(yaml, yaml_item(node, i),
                         "write sessionId, or \"{sessionId}\", or \"{@name}\"", "it has %s", error);
        free(text);
    }
    free(texts);
}

static void read_file_rows(const struct yaml *yaml, const struct yaml_node *node,
                           struct file_entry *entry)
{
    if (!yaml_is(yaml, node, YAML_SEQUENCE))
        return;
    if (node->n > FILE_ROWS_MAX) {
        yaml_problem(yaml, node, NULL, "more than %d rows", FILE_ROWS_MAX);
        return;
    }
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        if (!yaml_is(yaml, item, YAML_MAPPING))
            continue;
        entry->rows = must_grow(entry->rows, (size_t)(entry->n_rows + 1) * sizeof *entry->rows);
        struct row *row = &entry->rows[entry->n_rows++];
        *row = (struct row){0};
        load_row(yaml, item, row, true);
    }
}

static void read_gone(const struct yaml *yaml, const struct yaml_node *node, struct file_entry *entry)
{
    if (!yaml_is(yaml, node, YAML_MAPPING))
        return;
    row_clear(&entry->gone);
    entry->gone = (struct row){0};
    load_row(yaml, node, &entry->gone, true);
    entry->has_gone = true;
}

/* ---- entries ------------------------------------------------------------------------------------- */

static void read_key(const struct yaml *yaml, const struct yaml_node *item, enum entry_key key,
                     struct file_entry *entry)
{
    int word;
    switch (key) {
    case ENTRY_PATH:
        read_place(yaml, item, &entry->path);
        break;
    case ENTRY_SOURCE:
        read_text(yaml, item, &entry->source);
        break;
    case ENTRY_FORMAT:
        if (yaml_word(yaml, item, &word_format, &word))
            entry->format = (enum file_format)word;
        break;
    case ENTRY_CONTAINS:
        load_texts(yaml, item, &entry->contains, &entry->n_contains);
        break;
    case ENTRY_HEAD:
        load_texts(yaml, item, &entry->head, &entry->n_head);
        break;
    case ENTRY_KNOWN_ONLY:
        yaml_bool(yaml, item, &entry->known_only);
        break;
    case ENTRY_SESSION:
        read_values(yaml, item, &entry->session);
        break;
    case ENTRY_THREAD:
        read_values(yaml, item, &entry->thread);
        break;
    case ENTRY_CWD:
        load_paths(yaml, item, &entry->cwd);
        break;
    case ENTRY_AT:
        read_values(yaml, item, &entry->at);
        break;
    case ENTRY_HOST:
        read_values(yaml, item, &entry->host);
        break;
    case ENTRY_PID:
        read_values(yaml, item, &entry->pid);
        break;
    case ENTRY_PID_START:
        read_values(yaml, item, &entry->pid_start);
        break;
    case ENTRY_ROWS:
        read_file_rows(yaml, item, entry);
        break;
    case ENTRY_GONE:
        read_gone(yaml, item, entry);
        break;
    case ENTRY_AGENT:
    case ENTRY_KEYS:
        break;
    }
}

static void check_entry(const struct yaml *yaml, const struct yaml_node *node,
                        const struct file_entry *entry)
{
    if (!entry->path)
        yaml_problem(yaml, node, NULL, "`path` is missing: which files");
    if (!entry->session.n)
        yaml_problem(yaml, node, "write session: sessionId, or session: \"{@name}\"",
                     "`session` is missing: where its id stands");
    for (int i = 0; i < entry->n_rows && entry->format != FORMAT_LOG; i++) {
        if (entry->rows[i].n_lines)
            yaml_problem(yaml, node, "write format: log", "`line` is for logs, whose lines are text");
    }
    if (!entry->n_rows && !entry->has_gone)
        yaml_problem(yaml, node, NULL, "`rows` are missing: what the files say");
    if ((entry->format == FORMAT_JSON || entry->format == FORMAT_NAME) && entry->n_contains)
        yaml_problem(yaml, node, "write format: json-lines", "`contains` is for lines");
}

void load_files(const struct yaml *yaml, const struct yaml_node *node, struct mapping *mapping)
{
    if (!yaml_is(yaml, node, YAML_SEQUENCE))
        return;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        if (!yaml_is(yaml, item, YAML_MAPPING))
            continue;
        if (mapping->n_files == ENTRIES_MAX) {
            yaml_problem(yaml, item, NULL, "more than %d entries", ENTRIES_MAX);
            return;
        }
        mapping->files =
            must_grow(mapping->files, (size_t)(mapping->n_files + 1) * sizeof *mapping->files);
        struct file_entry *entry = &mapping->files[mapping->n_files++];
        *entry = (struct file_entry){0};
        for (const struct yaml_node *key = item->first; key; key = key->next)
            read_key(yaml, key, (enum entry_key)yaml_key(yaml, key, &word_entry), entry);
        check_entry(yaml, item, entry);
    }
}

/* ---- a watch of the configuration ------------------------------------------------------------------ */

static enum file_format format_by_name(const char *path)
{
    static const struct {
        const char *end;
        enum file_format format;
    } ends[] = {{".json", FORMAT_JSON}, {".jsonl", FORMAT_LINES}, {".ndjson", FORMAT_LINES}};
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(ends[i].end);
        if (len > n && strcmp(path + len - n, ends[i].end) == 0)
            return ends[i].format;
    }
    return FORMAT_LOG;
}

/* A file is a session by its name, if nothing else is said; and it is what it is about. */
static void set_usual(struct file_entry *entry, bool format)
{
    const char *error;
    if (!format && entry->path)
        entry->format = format_by_name(entry->path);
    if (entry->session.n)
        return;
    entry->session.list = must_alloc(sizeof *entry->session.list);
    entry->session.n = 1;
    template_parse(entry->session.list, "{@name}", &error);
}

struct mapping *watch_read(const struct yaml *yaml, const struct yaml_node *node)
{
    struct mapping *mapping = must_alloc(sizeof *mapping);
    struct file_entry *entry = mapping->files = must_alloc(sizeof *mapping->files);
    bool format = false;
    mapping->n_files = 1;
    mapping->agent = must_copy(node->key);
    mapping->file = must_copy("the configuration");
    entry->watch = true;
    if (!yaml_is(yaml, node, YAML_MAPPING))
        return mapping;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        enum entry_key key = (enum entry_key)yaml_key(yaml, item, &word_watch);
        format |= key == ENTRY_FORMAT;
        if (key == ENTRY_AGENT)
            load_agent(yaml, item, mapping);
        else
            read_key(yaml, item, key, entry);
    }
    set_usual(entry, format);
    check_entry(yaml, node, entry);
    return mapping;
}
