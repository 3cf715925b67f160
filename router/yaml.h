/* yaml.h: YAML that people write, read strictly and with positions: a small typed layer over libfyaml.
 *
 * One document, as a tree of nodes. Refused with their position: aliases, anchors, tags, merge keys, block texts (| >),
 * keys that are no scalars, duplicate keys, a second document, nesting over YAML_DEPTH_MAX, over
 * YAML_NODES_MAX values, texts over YAML_SIZE_MAX, bytes that are no UTF-8. Readers take the scalar of a
 * node for one type, report what does not fit, and return false; they never guess.
 *
 *     struct yaml *yaml = yaml_load(text, len, "claude-code.yaml", NULL, &problems);
 *     if (!yaml)
 *         return -EINVAL;
 *     const struct yaml_node *root = yaml_root(yaml);
 *     if (yaml_is(yaml, root, YAML_MAPPING))
 *         for (const struct yaml_node *item = root->first; item; item = item->next)
 *             switch (yaml_key(yaml, item, &word_my_keys)) { case MY_AGENT: yaml_text(yaml, item, &agent); … }
 *     yaml_free(yaml);
 *
 * Strings belong to the document and live until yaml_free(). */
#ifndef ROUTER_YAML_H
#define ROUTER_YAML_H

#include "problem.h"
#include "rules/word.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    YAML_SIZE_MAX = 256 * 1024, /* bytes of one file */
    YAML_DEPTH_MAX = 32,
    YAML_NODES_MAX = 20000,
};
#define YAML_DURATION_MAX_MS (30LL * 24 * 3600 * 1000)

enum yaml_type { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
    enum yaml_type type;
    int line, column;         /* of the value, from 1 */
    int end_line, end_column; /* just after a scalar */

    const char *text; /* scalars: without quotes; never NULL (collections: "") */
    size_t len;       /* a quoted scalar may hold NULs: the readers of text refuse those */
    bool plain;       /* not quoted: null, true, 12 mean themselves */

    const char *key; /* in a mapping: the key, without NULs; else NULL */
    int key_line, key_column;

    const struct yaml_node *parent; /* NULL: the root */
    const struct yaml_node *first;  /* collections: the items in order */
    const struct yaml_node *next;   /* the next in the same collection */
    int index;                      /* in its collection, from 0 */
    int n;                          /* collections: how many items */
    bool secret;                    /* its text is never shown (see yaml_load) */
};

struct yaml;

/* Reads a text. `name` is what problems call the file. Values below the top-level key `secret_under`
 * (NULL: none) are blanked in every problem until yaml_public() says a node may be shown. NULL: refused,
 * and why is in problems. An empty text is an empty mapping. The text is copied. */
struct yaml *yaml_load(const char *text, size_t len, const char *name, const char *secret_under,
                       struct problems *problems);
void yaml_free(struct yaml *yaml);
const struct yaml_node *yaml_root(const struct yaml *yaml);
/* The node's own text, or those of everything below it, may be shown in problems. */
void yaml_public(struct yaml *yaml, const struct yaml_node *node);
/* The file for the record: every line stands where it stood, secrets read `hidden`, comments are gone. Heap. */
char *yaml_blanked(const struct yaml *yaml);

/* A whole file in one heap string, NUL added; at most `max` bytes, a regular file. 0 or -errno: -EFBIG
 * over max, -EISDIR a folder, -EINVAL no regular file. */
int yaml_read_file(const char *path, size_t max, char **text, size_t *len);

/* ---- reporting ------------------------------------------------------------------------------------ */

/* A problem at a node's value, or at its key. `suggestion` is the whole hint ("did you mean settle?") or
 * NULL. */
void yaml_problem(const struct yaml *yaml, const struct yaml_node *node, const char *suggestion,
                  const char *message, ...) __attribute__((format(printf, 4, 5)));
void yaml_problem_key(const struct yaml *yaml, const struct yaml_node *node, const char *suggestion,
                      const char *message, ...) __attribute__((format(printf, 4, 5)));
/* The same with "did you mean X?" where `nearest` (problem.h) knows one. `what`: "unknown receiver". */
void yaml_unknown(const struct yaml *yaml, const struct yaml_node *node, const char *what,
                  const char *const *names, int n);

/* ---- walking -------------------------------------------------------------------------------------- */

/* Of this type? Reports if not. */
bool yaml_is(const struct yaml *yaml, const struct yaml_node *node, enum yaml_type type);
/* Nothing there: an empty value, ~ or null, not quoted. */
bool yaml_null(const struct yaml_node *node);
/* The item of a mapping by key, or NULL. Reports nothing. */
const struct yaml_node *yaml_find(const struct yaml_node *mapping, const char *key);
/* The index of an item's key in known words (words->what names the place: "key of `set`"); -1 and a
 * problem with the nearest key if it is none. */
int yaml_key(const struct yaml *yaml, const struct yaml_node *item, const struct words *known);
/* "rules[2].set.settle", items counted from 1. Heap. */
char *yaml_path(const struct yaml_node *node);

/* ---- readers: true and *out, or false and a problem ----------------------------------------------- */

bool yaml_text(const struct yaml *yaml, const struct yaml_node *node,
               const char **out); /* any scalar, not null, not empty */
bool yaml_bool(const struct yaml *yaml, const struct yaml_node *node, bool *out); /* true, false */
bool yaml_int(const struct yaml *yaml, const struct yaml_node *node, int64_t min, int64_t max,
              int64_t *out);
bool yaml_duration(const struct yaml *yaml, const struct yaml_node *node, int64_t *ms);
bool yaml_clock(const struct yaml *yaml, const struct yaml_node *node, int *minute); /* "HH:MM" to "24:00" */
bool yaml_word(const struct yaml *yaml, const struct yaml_node *node, const struct words *words,
               int *out);
/* A scalar or a list of scalars: heap array (free() it) of the document's strings; `[]` gives n = 0 and
 * NULL. The i-th string's node is yaml_item(node, i), for reports. */
bool yaml_texts(const struct yaml *yaml, const struct yaml_node *node, const char ***out, int *n);
const struct yaml_node *yaml_item(const struct yaml_node *node, int i);

/* The grammar alone, for other readers of the same forms (commands). A duration is numbers with units d h m s,
 * each unit once, largest first: `90s`, `1h30m`, `3d`; `0` alone; at most 30 days. */
bool duration_parse(const char *text, int64_t *ms);
/* "HH:MM", exactly; "24:00" is 1440. */
bool clock_parse(const char *text, int *minute);

#endif
