/* yaml_tree.h: what yaml.c (the tree), and yaml_read.c (its readers) share. Nobody else includes it. */
#ifndef ROUTER_YAML_TREE_H
#define ROUTER_YAML_TREE_H

#include "yaml.h"

struct yaml_block;

struct yaml {
    char *name;
    char *text; /* the file, as read */
    size_t len;
    char *secret_under;        /* or NULL */
    struct problems *problems; /* the caller's */
    struct yaml_node *root;
    int n_nodes;
    struct yaml_block *blocks; /* all nodes and their texts */
};

/* The start of a line of the text, from 1; NULL if there is none. */
const char *yaml_line(const struct yaml *yaml, int line);
/* That line as it may be shown: secrets and, beside them, comments blanked. Moves *column along. Heap, or
 * NULL if it must not be shown. */
char *yaml_line_shown(const struct yaml *yaml, int line, int *column);

#endif
