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
    TOP_SPEAKS_FOR,
    TOP_NAMES,
    TOP_ROWS,
    TOP_FILES,
    TOP_INSTALL,
    TOPS
};
static const char *const top_names[] = {"agent", "event",    "session", "thread",     "cwd",
                                        "marks", "known_by", "place",   "speaks_for", "names",
                                        "rows",  "files",    "install"};
static const struct words word_top = {"key of a mapping file", TOPS, top_names};

/* PICKS come first, in their order. */
enum row_key {
    ROW_ON = PICKS,
    ROW_WHEN,
    ROW_STARTS,
    ROW_ENDS,
    ROW_OPENS,
    ROW_CONFIRMS,
    ROW_CLOSES,
    ROW_NOTE,
    ROW_IGNORE,
    ROW_STATE,
    ROW_DURING,
    ROW_URGENCY,
    ROW_WAKING,
    ROW_UNATTENDED,
    ROW_PROMPT,
    ROW_KINDS,
    ROW_KEYS
};
static const char *const row_names[] = {
    "title", "text",   "tool",    "task",   "request",    "thread", "closes_request", "on",
    "when",  "starts", "ends",    "opens",  "confirms",   "closes", "note",           "ignore",
    "state", "during", "urgency", "waking", "unattended", "prompt", "kinds"};
static const struct words word_row = {"key of a row", ROW_KEYS, row_names};

enum test_key { KEY_IS, KEY_PREFIX, KEY_LIKE, KEY_PRESENT, KEY_EMPTY, KEY_NOT, TEST_KEYS };
static const char *const test_names[] = {"is", "prefix", "like", "present", "empty", "not"};
static const struct words word_test = {"test", TEST_KEYS, test_names};

/* ---- freeing ------------------------------------------------------------------------------------- */

void texts_clear(char **texts, int n)
{
    for (int i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}

static void when_clear(struct when *when)
{
    for (int i = 0; i < when->n; i++) {
        for (int j = 0; j < when->list[i].n; j++) {
            free(when->list[i].list[j].path.text);
            texts_clear(when->list[i].list[j].values, when->list[i].list[j].n);
        }
        free(when->list[i].list);
    }
    free(when->list);
}

void row_clear(struct row *row)
{
    texts_clear(row->on, row->n_on);
    when_clear(&row->when);
    when_clear(&row->waking);
    when_clear(&row->unattended);
    for (int i = 0; i < PICKS; i++) {
        for (int j = 0; j < row->pick[i].n; j++)
            template_clear(&row->pick[i].list[j]);
        free(row->pick[i].list);
    }
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

static bool read_path(const struct yaml *yaml, const struct yaml_node *node, const char *text,
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
        if (read_path(yaml, yaml_item(node, i), texts[i], &paths->list[paths->n]))
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

/* ---- conditions ---------------------------------------------------------------------------------- */

static struct condition *add_condition(struct conditions *all, const struct yaml *yaml,
                                       const struct yaml_node *item, enum test test, bool negated)
{
    all->list = grow(all->list, all->n, sizeof *all->list);
    struct condition *condition = &all->list[all->n++];
    condition->test = test;
    condition->negated = negated;
    read_path(yaml, item, item->key, &condition->path);
    return condition;
}

/* `path: { prefix: x }`: one test of the value at a path. */
static void read_test(const struct yaml *yaml, const struct yaml_node *item,
                      const struct yaml_node *node, struct conditions *all)
{
    int key = yaml_key(yaml, node, &word_test);
    struct condition *condition;
    bool wanted;
    switch ((enum test_key)key) {
    case KEY_IS:
    case KEY_NOT:
    case KEY_PREFIX:
    case KEY_LIKE:
        condition = add_condition(all, yaml, item,
                                  key == KEY_PREFIX ? TEST_PREFIX
                                  : key == KEY_LIKE ? TEST_LIKE
                                                    : TEST_IS,
                                  key == KEY_NOT);
        load_texts(yaml, node, &condition->values, &condition->n);
        break;
    case KEY_PRESENT:
    case KEY_EMPTY:
        if (yaml_bool(yaml, node, &wanted))
            add_condition(all, yaml, item, key == KEY_EMPTY ? TEST_EMPTY : TEST_PRESENT, !wanted);
        break;
    case TEST_KEYS:
        break;
    }
}

/* `path: value`, `path: [values]`, `path: { tests }`; all must hold. */
static void read_conditions(const struct yaml *yaml, const struct yaml_node *node, struct when *when)
{
    if (!yaml_is(yaml, node, YAML_MAPPING))
        return;
    when->list = grow(when->list, when->n, sizeof *when->list);
    struct conditions *all = &when->list[when->n++];
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        if (item->type != YAML_MAPPING) {
            struct condition *condition = add_condition(all, yaml, item, TEST_IS, false);
            load_texts(yaml, item, &condition->values, &condition->n);
            continue;
        }
        for (const struct yaml_node *test = item->first; test; test = test->next)
            read_test(yaml, item, test, all);
    }
}

/* Conditions, or a list of them of which one is enough. */
static void read_when(const struct yaml *yaml, const struct yaml_node *node, struct when *when)
{
    if (node->type != YAML_SEQUENCE)
        return read_conditions(yaml, node, when);
    for (const struct yaml_node *item = node->first; item; item = item->next)
        read_conditions(yaml, item, when);
}

/* true, false, or conditions. */
static void read_flag(const struct yaml *yaml, const struct yaml_node *node, struct when *when)
{
    if (node->type == YAML_SCALAR)
        yaml_bool(yaml, node, &when->otherwise);
    else
        read_when(yaml, node, when);
}

/* ---- rows ---------------------------------------------------------------------------------------- */

static void read_opens(const struct yaml *yaml, const struct yaml_node *item, struct row *row,
                       enum opens opens)
{
    int kind;
    if (row->opens)
        yaml_problem_key(yaml, item, NULL, "a row opens or confirms one thing");
    row->opens = opens;
    if (yaml_word(yaml, item, &word_kind, &kind))
        row->kind = (enum kind)kind;
}

/* A state, or a list of them. */
static void read_during(const struct yaml *yaml, const struct yaml_node *item, struct row *row)
{
    const char **texts;
    int n;
    if (!yaml_texts(yaml, item, &texts, &n))
        return;
    for (int i = 0; i < n; i++) {
        int state;
        if (yaml_word(yaml, item->type == YAML_SEQUENCE ? yaml_item(item, i) : item, &word_state, &state))
            row->during |= (int64_t)1 << state;
    }
    free(texts);
}

static void read_kinds(const struct yaml *yaml, const struct yaml_node *item, struct row *row)
{
    const char **texts;
    int n, kind;
    if (!yaml_texts(yaml, item, &texts, &n))
        return;
    for (int i = 0; i < n; i++) {
        if (yaml_word(yaml, item->type == YAML_SEQUENCE ? yaml_item(item, i) : item, &word_kind, &kind))
            row->closes_kinds |= (int64_t)1 << kind;
    }
    free(texts);
}

static void read_row_key(const struct yaml *yaml, const struct yaml_node *item, struct row *row,
                         bool *note)
{
    int word = 0, key = yaml_key(yaml, item, &word_row);
    if (key >= 0 && key < PICKS)
        return load_templates(yaml, item, &row->pick[key]);
    switch ((enum row_key)key) {
    case ROW_ON:
        load_texts(yaml, item, &row->on, &row->n_on);
        break;
    case ROW_WHEN:
        read_when(yaml, item, &row->when);
        break;
    case ROW_STARTS:
        yaml_bool(yaml, item, &row->starts);
        break;
    case ROW_ENDS:
        yaml_bool(yaml, item, &row->ends);
        break;
    case ROW_OPENS:
    case ROW_CONFIRMS:
        read_opens(yaml, item, row, key == ROW_OPENS ? OPENS_REASON : CONFIRMS_REASON);
        break;
    case ROW_CLOSES:
        if (yaml_word(yaml, item, &word_closes, &word))
            row->closes = (enum closes)word;
        break;
    case ROW_NOTE:
        yaml_bool(yaml, item, note);
        break;
    case ROW_IGNORE:
        yaml_bool(yaml, item, &row->ignore);
        break;
    case ROW_STATE:
        if (yaml_word(yaml, item, &word_state, &word))
            row->state = (enum state)word;
        break;
    case ROW_DURING:
        read_during(yaml, item, row);
        break;
    case ROW_URGENCY:
        if (yaml_word(yaml, item, &word_urgency, &word))
            row->urgency = (enum urgency)word;
        break;
    case ROW_WAKING:
        read_flag(yaml, item, &row->waking);
        break;
    case ROW_UNATTENDED:
        read_flag(yaml, item, &row->unattended);
        break;
    case ROW_PROMPT:
        yaml_bool(yaml, item, &row->prompt);
        break;
    case ROW_KINDS:
        read_kinds(yaml, item, row);
        break;
    case ROW_KEYS:
        break;
    }
}

/* What a row says must be something, and must fit together. */
static void check_row(const struct yaml *yaml, const struct yaml_node *node, const struct row *row,
                      bool note, bool of_file)
{
    bool acts = row->starts || row->ends || row->closes || row->opens || row->state || row->prompt;
    if (of_file && row->n_on)
        yaml_problem(yaml, node, "leave it out", "a file's row has no `on`");
    if (row->closes_kinds && !row->closes)
        yaml_problem(yaml, node,
                     "add closes:", "`kinds` says what the row closes, but it closes nothing");
    if (!of_file && !row->n_on)
        yaml_problem(yaml, node, "write on: EVENT, [EVENT, EVENT] or \"*\"", "the row has no `on`");
    if (acts + note + row->ignore > 1)
        yaml_problem(yaml, node, NULL, "a row that is a note, or is ignored, does nothing else");
    if (acts + note + row->ignore == 0)
        yaml_problem(yaml, node, "write note: true if it is known to mean nothing",
                     "the row does nothing");
    if (row->closes == CLOSES_REQUEST && !row->pick[PICK_REQUEST].n &&
        !row->pick[PICK_CLOSES_REQUEST].n)
        yaml_problem(yaml, node,
                     "add request: or closes_request:", "the row closes a request but names none");
    if (row->closes != CLOSES_REQUEST && row->pick[PICK_CLOSES_REQUEST].n)
        yaml_problem(yaml, node, "add closes: request", "closes_request closes nothing");
}

void load_row(const struct yaml *yaml, const struct yaml_node *item, struct row *row, bool of_file)
{
    bool note = false;
    row->line = item->line;
    for (const struct yaml_node *key = item->first; key; key = key->next)
        read_row_key(yaml, key, row, &note);
    check_row(yaml, item, row, note, of_file);
}

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

static void read_agent(const struct yaml *yaml, const struct yaml_node *item, struct mapping *mapping)
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

static void read_top(const struct yaml *yaml, const struct yaml_node *item, struct mapping *mapping)
{
    switch ((enum top)yaml_key(yaml, item, &word_top)) {
    case TOP_AGENT:
        read_agent(yaml, item, mapping);
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
        read_when(yaml, item, &mapping->known_by);
        break;
    case TOP_PLACE:
        read_when(yaml, item, &mapping->place);
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
