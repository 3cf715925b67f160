/* setup_json.h: a person's JSON file, edited by byte ranges, so that every byte that is not ours stays.
 *
 * A parse gives nodes that know where they lie in the text. An edit changes the text and parses it again:
 * node numbers hold until the next edit. Comments and trailing commas are read where the agent reads them. */
#ifndef ROUTER_SETUP_JSON_H
#define ROUTER_SETUP_JSON_H

#include "problem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { SETUP_JSON_MAX = 1 << 20, SETUP_JSON_DEPTH = 64 };
/* What a file may have that plain JSON does not. */
enum { SETUP_JSON_COMMENTS = 1, SETUP_JSON_COMMAS = 2 };

struct setup_node {
    char kind;                  /* '{', '[', '"', or 'x' for a number or a word */
    int parent, child, next, n; /* numbers of nodes, -1: none; n: how many children */
    size_t lead;                /* where the blanks before it begin, behind any comment */
    size_t key, key_end;        /* of a member: its name with the quotes; 0, 0 in arrays */
    size_t begin, end;          /* of the value */
    size_t comma;               /* of the comma after it; 0: none */
};

struct setup_json {
    char *text; /* ends with NUL, which len does not count */
    size_t len;
    unsigned allow;
    struct setup_node *nodes; /* the first is the root */
    int n, room;
};

/* Reads a copy of the text. 0, or -EINVAL with a problem; release it either way. */
int setup_json_parse(struct setup_json *json, const char *text, size_t len, unsigned allow,
                     const char *file, struct problems *problems);
void setup_json_release(struct setup_json *json);

/* The member of an object by name: the last, as every reader has it; -1: none. *twice, if it is not NULL,
 * tells whether the name stands there more than once. */
int setup_json_member(const struct setup_json *json, int object, const char *name, bool *twice);
/* Whether a member has this name. */
bool setup_json_named(const struct setup_json *json, int node, const char *name);
/* The value; a new reference, never NULL. What cannot be had (a lone surrogate) is null. */
json_t *setup_json_value(const struct setup_json *json, int node);
/* Adds a problem at a node. */
void setup_json_problem(const struct setup_json *json, int node, const char *file, const char *key,
                        struct problems *problems, const char *message);

/* The edits. `item` is one line: a value, or "name": value. It goes behind the last child. */
void setup_json_insert(struct setup_json *json, int container, const char *item);
void setup_json_remove(struct setup_json *json, int node);
void setup_json_replace(struct setup_json *json, int node, const char *value);

/* For setup_json_edit.c: reads the text again after an edit. */
void setup_json_again(struct setup_json *json);

#endif
