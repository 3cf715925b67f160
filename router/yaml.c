/* yaml.c: from text to a checked tree of nodes with positions.
 *
 * The way: yaml_load() checks the bytes, then build() turns libfyaml's events into nodes, then
 * check_nodes() refuses what we do not read (aliases, tags, duplicate keys …), and hide() marks secrets.
 * We take events and not libfyaml's documents, because those resolve aliases (a billion laughs costs 4 GB)
 * and silently take the first of several documents; and libfyaml stops without a word at bytes that are
 * no UTF-8, so those are refused before. Block texts are refused because 0.7.12 reads the keys that follow
 * into a text no further indented than they are. */
#include "yaml.h"

#include "rules/text.h"
#include "yaml_tree.h"

#include <libfyaml.h>

#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 16 * 1024 };

struct yaml_block {
    struct yaml_block *next;
    size_t used, size;
    char bytes[];
};

/* Why check_nodes() refuses a node; kept beside it, for problems are told only when the whole tree stands. */
enum odd { ODD_NONE, ODD_ALIAS, ODD_ANCHOR, ODD_TAG, ODD_BLOCK };

struct made_node {
    struct yaml_node node; /* first, so that one is the other */
    struct made_node *last;
    enum odd odd;
    int odd_line, odd_column;
    bool flow; /* written with [ or { */
};

/* ---- memory --------------------------------------------------------------------------------------- */

static void *take(struct yaml *yaml, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (!yaml->blocks || yaml->blocks->size - yaml->blocks->used < size) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        struct yaml_block *block = must_alloc(sizeof *block + room);
        block->size = room;
        block->next = yaml->blocks;
        yaml->blocks = block;
    }
    void *memory = yaml->blocks->bytes + yaml->blocks->used;
    yaml->blocks->used += size;
    return memory;
}

static const char *keep(struct yaml *yaml, const char *text, size_t len)
{
    char *copy = take(yaml, len + 1);
    if (len > 0)
        memcpy(copy, text, len);
    return copy;
}

void yaml_free(struct yaml *yaml)
{
    if (!yaml)
        return;
    while (yaml->blocks) {
        struct yaml_block *block = yaml->blocks;
        yaml->blocks = block->next;
        free(block);
    }
    free(yaml->secret_under);
    free(yaml->name);
    free(yaml->text);
    free(yaml);
}

const struct yaml_node *yaml_root(const struct yaml *yaml)
{
    return yaml->root;
}

/* ---- the bytes ------------------------------------------------------------------------------------ */

/* Bytes of the UTF-8 character that starts here, or 0: it is none, or a control character. */
static size_t good_char(const unsigned char *s, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (s[0] < 0x80)
        return s[0] >= 0x20 ? s[0] != 0x7f : s[0] == '\t' || s[0] == '\n' || s[0] == '\r';
    size_t len = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (len == 0 || len > left)
        return 0;
    uint32_t c = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || (c >= 0x80 && c < 0xa0))
        return 0;
    return len;
}

static bool bytes_good(const struct yaml *yaml)
{
    struct problem_at at = {.file = yaml->name, .line = 1, .column = 1};
    for (size_t i = 0, step; i < yaml->len; i += step) {
        step = good_char((const unsigned char *)yaml->text + i, yaml->len - i);
        if (yaml->text[i] == '\r' && yaml->text[i + 1] != '\n')
            step = 0; /* YAML's line end, but nobody else's: lines would count differently */
        if (step == 0) {
            problem_set(yaml->problems, &at, "save the file as UTF-8, without control characters",
                        "byte 0x%02x is no text", (unsigned char)yaml->text[i]);
            return false;
        }
        at.column++;
        if (yaml->text[i] == '\n') {
            at.line++;
            at.column = 1;
        }
    }
    return true;
}

/* ---- building ------------------------------------------------------------------------------------- */

struct build {
    struct yaml *yaml;
    struct made_node *open[YAML_DEPTH_MAX + 1]; /* the collections we are in */
    int depth;
    const char *key[YAML_DEPTH_MAX + 1]; /* in a mapping: the key that waits for its value */
    int key_line[YAML_DEPTH_MAX + 1], key_column[YAML_DEPTH_MAX + 1];
    int line, column; /* where the last event ended */
    int documents;
};

/* A problem that ends the building. Its line is shown only if no secret can stand there: in a block of a
 * plain top-level key other than secret_under. */
static bool stop(const struct build *build, int line, int column, const char *suggestion,
                 const char *message)
{
    struct yaml *yaml = build->yaml;
    struct problem_at at = {.file = yaml->name, .line = line, .column = column};
    at.source = yaml_line(yaml, line);
    for (int l = line; at.source && yaml->secret_under; l--) {
        const char *start = l > 0 ? yaml_line(yaml, l) : NULL;
        if (start && *start && strchr(" #-\r\n", *start))
            continue;
        size_t word = start ? strspn(start, "abcdefghijklmnopqrstuvwxyz_") : 0;
        bool block = word > 0 && start[word] == ':';
        if (!block || (strlen(yaml->secret_under) == word && !strncmp(start, yaml->secret_under, word)))
            at.source = NULL;
        break;
    }
    problem_set(yaml->problems, &at, suggestion, "%s", message);
    return false;
}

/* Hangs a new node into the innermost collection. */
static struct made_node *add(struct build *build, enum yaml_type type)
{
    struct yaml *yaml = build->yaml;
    struct made_node *made = take(yaml, sizeof *made);
    struct yaml_node *node = &made->node;
    node->type = type;
    node->text = "";
    yaml->n_nodes++;
    if (build->depth == 0) {
        yaml->root = node;
        return made;
    }
    struct made_node *parent = build->open[build->depth - 1];
    if (parent->node.type == YAML_MAPPING) {
        node->key = build->key[build->depth - 1];
        node->key_line = build->key_line[build->depth - 1];
        node->key_column = build->key_column[build->depth - 1];
        build->key[build->depth - 1] = NULL;
    }
    node->parent = &parent->node;
    node->index = parent->node.n++;
    if (parent->last)
        parent->last->node.next = node;
    else
        parent->node.first = node;
    parent->last = made;
    return made;
}

/* Where a value stands; a value that is not there (`key:`) has no mark of its own. */
static void place(const struct build *build, struct made_node *made, struct fy_event *event)
{
    struct yaml_node *node = &made->node;
    const struct fy_mark *start = fy_event_start_mark(event), *end = fy_event_end_mark(event);
    node->line = start ? start->line + 1 : node->key ? node->key_line : build->line;
    node->column = start ? start->column + 1 : node->key ? node->key_column : build->column;
    node->end_line = end ? end->line + 1 : node->line;
    node->end_column = end ? end->column + 1 : node->column;
    if (node->type == YAML_SCALAR && event->type == FYET_SCALAR) {
        enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
        if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) { /* libfyaml points inside */
            node->column--;
            node->end_column++;
        }
    }
    struct fy_token *anchor = fy_event_get_anchor_token(event), *tag = fy_event_get_tag_token(event);
    made->odd = event->type == FYET_ALIAS ? ODD_ALIAS
                : anchor                  ? ODD_ANCHOR
                : tag                     ? ODD_TAG
                                          : ODD_NONE;
    const struct fy_mark *mark = event->type == FYET_ALIAS ? start
                                 : anchor || tag ? fy_token_start_mark(anchor ? anchor : tag)
                                                 : NULL;
    if (event->type == FYET_SCALAR && made->odd == ODD_NONE) {
        enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
        if (style == FYSS_LITERAL || style == FYSS_FOLDED)
            made->odd = ODD_BLOCK;
    }
    made->odd_line = mark ? mark->line + 1 : node->line;
    made->odd_column = mark ? mark->column + 1 : node->column;
    if (mark && mark->column > 0 && made->odd != ODD_TAG)
        made->odd_column--; /* the sign before the name */
}

static bool take_key(struct build *build, struct fy_event *event)
{
    int at = build->depth - 1;
    const struct fy_mark *start = fy_event_start_mark(event);
    build->key_line[at] = start ? start->line + 1 : build->line;
    build->key_column[at] = start ? start->column + 1 : build->column;
    size_t len = 0;
    const char *text = event->type == FYET_SCALAR ? fy_token_get_text(event->scalar.value, &len) : NULL;
    if (!text || memchr(text, 0, len) || fy_event_get_anchor_token(event) ||
        fy_event_get_tag_token(event))
        return stop(build, build->key_line[at], build->key_column[at], "write KEY: VALUE",
                    "a key has to be a plain word");
    build->key[at] = keep(build->yaml, text, len);
    if (len > 0 && fy_token_scalar_style(event->scalar.value) != FYSS_PLAIN)
        build->key_column[at]--;
    return true;
}

static bool take_value(struct build *build, struct fy_event *event)
{
    bool scalar = event->type == FYET_SCALAR || event->type == FYET_ALIAS;
    if (build->yaml->n_nodes >= YAML_NODES_MAX)
        return stop(build, build->line, build->column, "is this the right file?",
                    "too many values (at most 20000)");
    if (!scalar && build->depth >= YAML_DEPTH_MAX)
        return stop(build, build->line, build->column, "close the brackets",
                    "nested too deep (at most 32)");
    struct made_node *made = add(build, scalar                              ? YAML_SCALAR
                                        : event->type == FYET_MAPPING_START ? YAML_MAPPING
                                                                            : YAML_SEQUENCE);
    place(build, made, event);
    if (!scalar) {
        made->flow = !fy_event_is_implicit(event);
        build->key[build->depth] = NULL;
        build->open[build->depth++] = made;
    } else if (event->type == FYET_SCALAR) {
        const char *text = fy_token_get_text(event->scalar.value, &made->node.len);
        made->node.text = keep(build->yaml, text ? text : "", made->node.len);
        made->node.plain = fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN;
    }
    return true;
}

static bool take_event(struct build *build, struct fy_event *event)
{
    bool in_mapping = build->depth > 0 && build->open[build->depth - 1]->node.type == YAML_MAPPING;
    const struct fy_mark *mark = fy_event_start_mark(event);
    switch (event->type) {
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
        return true;
    case FYET_DOCUMENT_START:
        if (build->documents++ == 0)
            return true;
        return stop(build, mark ? mark->line + 1 : build->line, mark ? mark->column + 1 : build->column,
                    "keep one document, and take the line --- away", "a second document begins here");
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        build->depth--;
        return true;
    case FYET_SCALAR:
    case FYET_ALIAS:
    case FYET_MAPPING_START:
    case FYET_SEQUENCE_START:
        if (in_mapping && !build->key[build->depth - 1])
            return take_key(build, event);
        return take_value(build, event);
    }
    return true;
}

/* A piece of a complaint of libfyaml's, and what to do. */
static const char *const advice[][2] = {
    {"tab character", "indent with spaces"},
    {"without closing quote", "close the quote, on the same line"},
    {"quoted scalar", "close the quote, on the same line"},
    {"without a closing", "close the bracket"},
    {"wrongly indented flow", "close the bracket that is open above"},
    {"flow", "look at the brackets and commas here"},
    {"indentation", "indent it like the keys above it"},
    {"directive", "take the line away"},
    {"expected key", "indent it like the keys above it"},
};

/* What libfyaml complains of. It points at the end of the file when a bracket is not closed; we, at the
 * bracket. */
static void take_complaint(const struct build *build, struct fy_diag *diag)
{
    void *iterator = NULL;
    struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);
    int line = error && error->line > 0 ? error->line : build->line;
    int column = error && error->line > 0 ? error->column : build->column;
    const char *message = error && error->msg ? error->msg : "this is no YAML";
    if (strstr(message, "without a closing")) {
        for (int i = build->depth - 1; i >= 0; i--) {
            if (build->open[i]->flow && build->open[i]->node.type == YAML_SEQUENCE) {
                line = build->open[i]->node.line;
                column = build->open[i]->node.column;
                break;
            }
        }
    }
    const char *suggestion = "quote the value if it holds one of : # { } [ ] , & * % @";
    for (size_t i = 0; i < sizeof advice / sizeof *advice; i++) {
        if (strstr(message, advice[i][0])) {
            suggestion = advice[i][1];
            break;
        }
    }
    stop(build, line, column, suggestion, message);
}

static bool build(struct build *build, struct fy_diag *diag)
{
    struct fy_parse_cfg how = {.flags = FYPCF_JSON_NONE | FYPCF_DEFAULT_VERSION_1_2, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&how);
    if (!parser || fy_parser_set_string(parser, build->yaml->text, build->yaml->len) != 0)
        abort();
    struct fy_event *event;
    bool good = true;
    while (good && (event = fy_parser_parse(parser)) != NULL) {
        good = take_event(build, event);
        const struct fy_mark *end = fy_event_end_mark(event);
        if (end) {
            build->line = end->line + 1;
            build->column = end->column + 1;
        }
        fy_parser_event_free(parser, event);
    }
    void *iterator = NULL;
    if (good && (fy_parser_get_stream_error(parser) || fy_diag_errors_iterate(diag, &iterator))) {
        take_complaint(build, diag);
        good = false;
    }
    fy_parser_destroy(parser);
    return good;
}

/* ---- what we do not read -------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    const struct yaml_node *p = *(struct yaml_node *const *)a, *q = *(struct yaml_node *const *)b;
    int order = strcmp(p->key, q->key);
    return order != 0 ? order : p->index - q->index;
}

static bool keys_differ(const struct yaml *yaml, const struct yaml_node *mapping)
{
    bool good = true;
    const struct yaml_node **items = must_alloc((size_t)mapping->n * sizeof *items + 1);
    int n = 0;
    for (const struct yaml_node *item = mapping->first; item; item = item->next) {
        items[n++] = item;
        if (strcmp(item->key, "<<") == 0) {
            yaml_problem_key(yaml, item, "write the keys out", "merge keys are not read");
            good = false;
        }
    }
    qsort(items, (size_t)n, sizeof *items, by_key);
    for (int i = 1; i < n; i++) {
        if (strcmp(items[i - 1]->key, items[i]->key) != 0)
            continue;
        int first = items[i - 1]->key_line;
        char *hint = NULL;
        if (asprintf(&hint, "keep one of them: the other is in line %d", first) < 0)
            abort();
        yaml_problem_key(yaml, items[i], hint, "this key was there before");
        free(hint);
        good = false;
    }
    free(items);
    return good;
}

static bool check_nodes(const struct yaml *yaml, struct yaml_node *node)
{
    struct made_node *made = (struct made_node *)node;
    bool good = made->odd == ODD_NONE;
    if (!good) {
        int line = node->line, column = node->column;
        node->line = made->odd_line;
        node->column = made->odd_column;
        if (made->odd == ODD_BLOCK)
            yaml_problem_key(yaml, node, "write it in quotes; \\n is a line end there",
                             "block texts (| and >) are not read");
        else if (made->odd == ODD_TAG)
            yaml_problem(yaml, node, "leave the tag out", "tags are not read");
        else
            yaml_problem(yaml, node,
                         "write the value out in each place; quote a text that begins with * or &",
                         "%s are not read", made->odd == ODD_ALIAS ? "aliases" : "anchors");
        node->line = line;
        node->column = column;
    }
    if (node->type == YAML_MAPPING)
        good &= keys_differ(yaml, node);
    for (const struct yaml_node *item = node->first; item; item = item->next)
        good &= check_nodes(yaml, (struct yaml_node *)item);
    return good;
}

static void hide(const struct yaml_node *node, bool secret)
{
    ((struct yaml_node *)node)->secret = secret; /* the tree is ours: const only to readers */
    for (const struct yaml_node *item = node->first; item; item = item->next)
        hide(item, secret);
}

void yaml_public(struct yaml *yaml, const struct yaml_node *node)
{
    (void)yaml;
    hide(node, false);
}

/* ---- loading -------------------------------------------------------------------------------------- */

static bool load(struct yaml *yaml)
{
    struct fy_diag_cfg to_nowhere;
    fy_diag_cfg_default(&to_nowhere);
    to_nowhere.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&to_nowhere);
    if (!diag)
        abort();
    fy_diag_set_collect_errors(diag, true);
    struct build state = {.yaml = yaml, .line = 1, .column = 1};
    bool good = build(&state, diag);
    fy_diag_destroy(diag);
    if (!good)
        return false;
    if (!yaml->root || yaml_null(yaml->root)) {
        struct made_node *made = take(yaml, sizeof *made); /* nothing there: an empty mapping */
        made->node = (struct yaml_node){.type = YAML_MAPPING, .line = 1, .column = 1, .text = ""};
        yaml->root = &made->node;
    }
    const struct yaml_node *secrets =
        yaml->secret_under ? yaml_find(yaml->root, yaml->secret_under) : NULL;
    for (; secrets; secrets = secrets->next) { /* every one, should the key be there twice */
        if (strcmp(secrets->key, yaml->secret_under) == 0)
            hide(secrets, true);
    }
    return check_nodes(yaml, yaml->root);
}

struct yaml *yaml_load(const char *text, size_t len, const char *name, const char *secret_under,
                       struct problems *problems)
{
    struct problem_at at = {.file = name};
    if (len > YAML_SIZE_MAX) {
        problem_set(problems, &at, NULL, "too large (at most %d KiB)", YAML_SIZE_MAX / 1024);
        return NULL;
    }
    struct yaml *yaml = must_alloc(sizeof *yaml);
    yaml->name = must_copy(name);
    yaml->text = must_alloc(len + 1);
    if (len > 0)
        memcpy(yaml->text, text, len);
    yaml->len = len;
    yaml->secret_under = secret_under ? must_copy(secret_under) : NULL;
    yaml->problems = problems;
    if (!bytes_good(yaml) || !load(yaml)) {
        yaml_free(yaml);
        return NULL;
    }
    return yaml;
}
