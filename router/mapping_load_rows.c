/* mapping_load_rows.c: reads the rows of a mapping file, and their conditions. */
#include "mapping_parts.h"

#include "rules/text.h"

#include <stdlib.h>
#include <string.h>

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
    ROW_LINE,
    ROW_BUSY,
    ROW_KEYS
};
static const char *const row_names[] = {
    "title",  "text",   "tool",   "task",   "request", "thread",   "closes_request",
    "on",     "when",   "starts", "ends",   "opens",   "confirms", "closes",
    "note",   "ignore", "state",  "during", "urgency", "waking",   "unattended",
    "prompt", "kinds",  "line",   "busy"};
static const struct words word_row = {"key of a row", ROW_KEYS, row_names};

enum busy_word { BUSY_BEGINS, BUSY_ENDS, BUSY_WORDS };
static const char *const busy_names[] = {"begins", "ends"};
static const struct words word_busy = {"word", BUSY_WORDS, busy_names};

enum test_key { KEY_IS, KEY_PREFIX, KEY_LIKE, KEY_PRESENT, KEY_EMPTY, KEY_NOT, TEST_KEYS };
static const char *const test_names[] = {"is", "prefix", "like", "present", "empty", "not"};
static const struct words word_test = {"test", TEST_KEYS, test_names};

/* ---- freeing ------------------------------------------------------------------------------------- */

void when_clear(struct when *when)
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
    texts_clear(row->lines, row->n_lines);
    when_clear(&row->when);
    when_clear(&row->waking);
    when_clear(&row->unattended);
    for (int i = 0; i < PICKS; i++) {
        for (int j = 0; j < row->pick[i].n; j++)
            template_clear(&row->pick[i].list[j]);
        free(row->pick[i].list);
    }
}

static void *grow(void *list, int n, size_t size)
{
    list = must_grow(list, (size_t)(n + 1) * size);
    memset((char *)list + (size_t)n * size, 0, size);
    return list;
}

/* ---- conditions ---------------------------------------------------------------------------------- */

static struct condition *add_condition(struct conditions *all, const struct yaml *yaml,
                                       const struct yaml_node *item, enum test test, bool negated)
{
    all->list = grow(all->list, all->n, sizeof *all->list);
    struct condition *condition = &all->list[all->n++];
    condition->test = test;
    condition->negated = negated;
    load_path(yaml, item, item->key, &condition->path);
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
void load_when(const struct yaml *yaml, const struct yaml_node *node, struct when *when)
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
        load_when(yaml, node, when);
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

/* Where the keys that are true or false go. */
static bool *flag_of(enum row_key key, struct row *row, bool *note)
{
    return key == ROW_STARTS   ? &row->starts
           : key == ROW_ENDS   ? &row->ends
           : key == ROW_IGNORE ? &row->ignore
           : key == ROW_PROMPT ? &row->prompt
                               : note;
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
        load_when(yaml, item, &row->when);
        break;
    case ROW_OPENS:
    case ROW_CONFIRMS:
        read_opens(yaml, item, row, key == ROW_OPENS ? OPENS_REASON : CONFIRMS_REASON);
        break;
    case ROW_CLOSES:
        if (yaml_word(yaml, item, &word_closes, &word))
            row->closes = (enum closes)word;
        break;
    case ROW_STARTS:
    case ROW_ENDS:
    case ROW_NOTE:
    case ROW_IGNORE:
    case ROW_PROMPT:
        yaml_bool(yaml, item, flag_of((enum row_key)key, row, note));
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
    case ROW_KINDS:
        read_kinds(yaml, item, row);
        break;
    case ROW_BUSY:
        if (yaml_word(yaml, item, &word_busy, &word))
            row->busy = word == BUSY_BEGINS ? 1 : -1;
        break;
    case ROW_LINE:
        load_texts(yaml, item, &row->lines, &row->n_lines);
        break;
    case ROW_KEYS:
        break;
    }
}

/* What a row says must be something, and must fit together. */
static void check_row(const struct yaml *yaml, const struct yaml_node *node, const struct row *row,
                      bool note, bool of_file)
{
    bool acts = row->busy || row->starts || row->ends || row->closes || row->opens || row->state ||
                row->prompt;
    if (!of_file && row->n_lines)
        yaml_problem(yaml, node, "leave it out", "only the row of a log has a `line`");
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
