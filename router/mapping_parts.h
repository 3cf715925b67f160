/* mapping_parts.h: a mapping file as read, for the files of the mapping engine only. */
#ifndef ROUTER_MAPPING_PARTS_H
#define ROUTER_MAPPING_PARTS_H

#include "mapping.h"

/* "tool_input.questions.0.question": members by name, or items of an array by number. */
struct path {
    char *text; /* cut into its keys in place; each ends with NUL */
    int n;      /* keys */
};
struct paths {
    struct path *list;
    int n;
};

/* What is made of a value in a template. */
enum filter {
    FILTER_NONE,
    FILTER_LINE, /* the first line that is not blank */
    FILTER_NAME, /* letters, digits, _ and - stay; anything else becomes _ */
    FILTER_HASH, /* 16 hexadecimal digits of the value's structure, whatever the order of its members */
    FILTERS
};
extern const struct words word_filter;

/* A piece of a template: literal text, or the first of some paths that leads to a value. */
struct part {
    char *literal; /* NULL: paths */
    enum filter filter;
    struct paths paths;
};
struct template
{
    struct part *parts;
    int n;
};
/* The first whose every piece is there. */
struct templates {
    struct template *list;
    int n;
};

enum test {
    TEST_IS,      /* equal to one of the values */
    TEST_PREFIX,  /* begins with one of them */
    TEST_PRESENT, /* there, and not null */
    TEST_EMPTY,   /* missing, null, "", [] or {} */
    TESTS
};
struct condition {
    struct path path;
    enum test test;
    bool negated;
    char **values;
    int n;
};
/* All of them must hold. */
struct conditions {
    struct condition *list;
    int n;
};
/* Any of them is enough. None: `otherwise`. */
struct when {
    struct conditions *list;
    int n;
    bool otherwise;
};

enum pick {
    PICK_TITLE,
    PICK_TEXT,
    PICK_TOOL,
    PICK_TASK,
    PICK_REQUEST,
    PICK_THREAD,
    PICK_CLOSES_REQUEST,
    PICKS
};

struct row {
    char **on; /* event names; "*" is any */
    int n_on;
    struct when when;
    bool ignore;
    bool starts, ends, prompt;
    enum closes closes;
    enum opens opens;
    enum kind kind;
    enum state state;
    enum urgency urgency;
    struct when waking, unattended;
    struct templates pick[PICKS];
};

struct mapping {
    char *agent;
    struct paths event, session, thread, cwd;
    char **marks; /* environment variables by which its hooks can be told from another agent's */
    int n_marks;
    struct row *rows;
    int n_rows;
    char *file, *text;
    size_t len;
    char hash[17];
};

/* mapping_load.c: NULL: refused, and why is in problems */
struct mapping *mapping_read(const char *text, size_t len, const char *name, struct problems *problems);
void mapping_free(struct mapping *mapping);

/* mapping_path.c */
bool path_parse(struct path *path, const char *text);
void paths_clear(struct paths *paths);
const json_t *path_value(const struct path *path, const json_t *json);
/* The first path that leads to a string which is not empty; NULL: none. */
const char *paths_string(const struct paths *paths, const json_t *json);
/* false: not well-formed; *error says why, one phrase. */
bool template_parse(struct template *out, const char *text, const char **error);
void template_clear(struct template *template);
/* Renders into buf, cut at size - 1. false: no template had all its pieces. `id`: characters that mean something
 * in a glob become _ where they come out of the payload. */
bool templates_render(const struct templates *templates, const json_t *json, bool id, char *buf,
                      size_t size);
bool when_holds(const struct when *when, const json_t *json);
uint64_t json_structure_hash(const json_t *value);

/* mapping.c: copies into the scratch of `out`, inert and cut at cap; never NULL. */
const char *mapped_line(struct mapped *out, const char *text, size_t cap);
const char *mapped_lines(struct mapped *out, const char *text, size_t cap);
/* The same for what identifies: what is too long keeps its difference as a hash at its end. */
const char *mapped_name(struct mapped *out, const char *text, size_t cap);
/* Fills the event's identity but the thread, and its context. `cwd` may be NULL. */
void mapped_context(struct mapped *out, const struct message *message, const char *session,
                    const char *cwd);

/* mapping_post.c */
int mapping_post(const struct message *message, struct mapped *out, struct refusal *refusal);

#endif
