/* mapping_parts.h: a mapping file as read, for the files of the mapping engine only. */
#ifndef ROUTER_MAPPING_PARTS_H
#define ROUTER_MAPPING_PARTS_H

#include "mapping.h"
#include "yaml.h"

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
    FILTER_UUID, /* the last UUID in it */
    FILTER_HASH, /* 16 hexadecimal digits of the value's structure, whatever the order of its members */
    FILTER_NUMBER, /* the last number in it */
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
    TEST_IS,      /* equal to one of the values; of a list: one of its items is */
    TEST_PREFIX,  /* begins with one of them */
    TEST_LIKE,    /* matches one of them as a glob */
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
    char **lines; /* of a log: globs, of which the line fits one; none: any line */
    int n_lines;
    int line; /* in the file, from 1 */
    bool ignore;
    bool starts, ends, prompt;
    int busy; /* 1: a tool begins, -1: one has ended */
    enum closes closes;
    enum opens opens;
    enum kind kind;
    enum state state;
    enum urgency urgency;
    int64_t during;       /* bits 1 << enum state; 0: any */
    int64_t closes_kinds; /* bits 1 << enum kind; 0: any */
    struct when waking, unattended;
    struct templates pick[PICKS];
};

enum file_format { FORMAT_JSON, FORMAT_LINES, FORMAT_LOG, FORMAT_NAME, FORMATS };
extern const struct words word_format;

/* What is to be read in files whose path fits. */
struct file_entry {
    char *set;    /* as a glob of this machine, or NULL */
    char *path;   /* as written: "${VAR:-~/.agent}/sessions/" and wildcards */
    char *source; /* what it is called for the person, or NULL: by the file's name */
    enum file_format format;
    char **contains; /* a line has to have one of them; none: any */
    int n_contains;
    char **head; /* paths of values in the first line: @head, with blanks between them */
    int n_head;
    bool known_only; /* says something only of sessions that hooks told of */
    bool watch; /* a watch of the configuration: no hooks speak of its sessions, it is all there is */
    struct templates session, thread, at, host, pid, pid_start;
    struct paths cwd;
    struct row *rows;
    int n_rows;
    struct row gone;
    bool has_gone;
};

struct naming {
    char *from, *to;
};

struct mapping {
    char *agent;
    struct paths event, session, thread, cwd;
    char **marks; /* environment variables by which its hooks can be told from another agent's */
    int n_marks;
    struct when known_by;    /* what proves that a message is this agent's */
    struct when place;       /* where the hook's place is the agent's; none: always */
    enum talks talks;        /* what it means if a working session is silent */
    struct when process;     /* where the process that ran the hook is the agent's; none: always */
    struct paths speaks_for; /* of the name of the agent that is spoken of */
    struct naming *names;    /* what that one is called here */
    int n_names;
    struct row *rows;
    int n_rows;
    struct file_entry *files;
    int n_files;
    char *file, *text;
    size_t len;
    char hash[17];
};

/* mapping_load.c: NULL: refused, and why is in problems */
struct mapping *mapping_read(const char *text, size_t len, const char *name, struct problems *problems);

void texts_clear(char **texts, int n);
bool load_path(const struct yaml *yaml, const struct yaml_node *node, const char *text,
               struct path *path);
bool load_texts(const struct yaml *yaml, const struct yaml_node *node, char ***out, int *n);
void load_paths(const struct yaml *yaml, const struct yaml_node *node, struct paths *paths);
void load_templates(const struct yaml *yaml, const struct yaml_node *node, struct templates *templates);

/* mapping_load_rows.c */
void when_clear(struct when *when);
void row_clear(struct row *row);
/* Conditions, or a list of them of which one is enough. */
void load_when(const struct yaml *yaml, const struct yaml_node *node, struct when *when);
void load_row(const struct yaml *yaml, const struct yaml_node *item, struct row *row, bool of_file);

/* Reads the agent's name. */
void load_agent(const struct yaml *yaml, const struct yaml_node *item, struct mapping *mapping);

/* mapping_load_files.c: the section `files` */
void load_files(const struct yaml *yaml, const struct yaml_node *node, struct mapping *mapping);
void files_clear(struct mapping *mapping);

/* mappings.c: all whose `files` count: the watches of the configuration, then the agents. */
int mappings_files_count(const struct mappings *mappings);
const struct mapping *mappings_files_at(const struct mappings *mappings, int i);

/* mapping_files.c: the event of a message of type file */
int mapping_seen(const struct mappings *mappings, const struct message *message, struct mapped *out,
                 struct refusal *refusal);
/* The first entry whose path fits, whoever's home it lies in, or NULL; and its mapping. */
const struct file_entry *file_entry_find(const struct mappings *mappings, const char *path,
                                         const struct mapping **mapping);

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

void mapped_apply(const struct row *row, const json_t *payload, struct mapped *out);
/* mapping.c: copies into the scratch of `out`, inert and cut at cap; never NULL. */
const char *mapped_line(struct mapped *out, const char *text, size_t cap);
const char *mapped_lines(struct mapped *out, const char *text, size_t cap);
/* The same for what identifies: what is too long keeps its difference as a hash at its end. */
const char *mapped_name(struct mapped *out, const char *text, size_t cap);
/* Fills the event's identity but the thread, and its context. `cwd` may be NULL. */
void mapped_context(struct mapped *out, const struct message *message, const char *session,
                    const char *cwd);

/* mapping_who.c: the payload as paths see it: its members, and what stands around it as @context, @event and @id.
 * A new reference. */
json_t *mapping_view(const struct message *message);
/* Whose message it is: one hook file may be run by another agent. `named` is what the message says, or NULL. */
const struct mapping *mapping_sender(const struct mappings *mappings, const struct mapping *named,
                                     const json_t *view);
void load_names(const struct yaml *yaml, const struct yaml_node *node, struct mapping *mapping);
void names_clear(struct mapping *mapping);
/* The agent that is spoken of; NULL: the mapping's own. */
const char *mapping_spoken(const struct mapping *mapping, const json_t *view);

/* mapping_post.c */
int mapping_post(const struct message *message, struct mapped *out, struct refusal *refusal);

#endif
