/* mapping.h: what an agent's message does: one declarative YAML file per agent (quietbell-mapping(5)).
 *
 * The map: mappings.c finds the files, mapping_load.c reads one; mapping_path.c takes values out of
 * payloads, by paths and templates; mapping.c finds the row that a hook's message fits and makes the event
 * of it; mapping_who.c says whose message it is; mapping_post.c makes one of a message of type `event`. No agent is named in any of them. */
#ifndef ROUTER_MAPPING_H
#define ROUTER_MAPPING_H

#include "message.h"
#include "problem.h"
#include "rules/event.h"

struct mappings;
struct mapping;

/* The embedded files, and those of a folder (NULL: none; a missing folder is none), where a file for the same
 * agent replaces the embedded one. All or nothing: 0, or negative errno with at least one problem and *out NULL. */
int mappings_load(struct mappings **out, const char *dir, struct problems *problems);
/* One file's text, as recorded: a set of one. */
int mappings_parse(struct mappings **out, const char *text, size_t len, const char *name,
                   struct problems *problems);
/* NULL is allowed. */
void mappings_free(struct mappings *mappings);

/* What is loaded, for the record: n mappings, sorted by agent. */
int mappings_count(const struct mappings *mappings);
const struct mapping *mappings_at(const struct mappings *mappings, int i);
const struct mapping *mappings_find(const struct mappings *mappings, const char *agent);
const char *mapping_agent(const struct mapping *mapping);
const char *mapping_file(const struct mapping *mapping); /* as problems call it */
const char *mapping_text(const struct mapping *mapping, size_t *len);
const char *mapping_hash(const struct mapping *mapping); /* of the text, 16 hexadecimal digits */
/* Those of the folder: [{"agent", "file", "hash", "text"}, …], a new reference; NULL: none. */
json_t *mappings_record(const struct mappings *mappings);

/* What a file watch has to watch, as its settings (plugins/watch): {"files":[…]}; a new reference. `value` looks
 * environment variables up. Without `agents` only the watches of the configuration. The number of entries is set. */
json_t *mappings_watches(struct mappings *mappings, const char *(*value)(const char *name),
                         bool agents, int *n);
/* Watches of a configuration that hold from now on, before the agents' own files; borrowed until the next call. */
void mappings_borrow(struct mappings *mappings, struct mapping *const *watches, int n);

/* One watch of a configuration, as far as it is right: yaml.h has the problems. The node's key is its name. */
struct yaml;
struct yaml_node;
struct mapping *watch_read(const struct yaml *yaml, const struct yaml_node *node);
void mapping_free(struct mapping *mapping);

/* The messages that a file watch would have sent of what a recording says of a file: a new list. Of a file that no
 * mapping reads: none. `heads` is an object that remembers first lines between calls. */
json_t *mapping_sightings(const struct mappings *mappings, const struct message *message,
                          json_t *heads);

/* An event with its strings: those point into `scratch`, so a struct mapped must not be moved or copied. */
struct mapped {
    struct event event;
    size_t used;
    int line;                      /* of the row that fitted, in its mapping file; 0: none did */
    const struct mapping *mapping; /* the one that decided; NULL: a message of type event */
    /* from a file (event.observed) */
    bool known_only;        /* it counts only if the core knows the session */
    bool first;             /* it was there when the watch began: it may be known already */
    int64_t written_ms;     /* when the file was written last; 0: unknown */
    bool gone;              /* the file is */
    int64_t pid, pid_start; /* of the process the file speaks of; 0: it names none */
    char scratch[6144];
};

/* Makes the event of a message of type hook or event. 1: it is in out; 0: knowingly ignored, nothing to do;
 * negative errno: refused, and why (-ENOENT: no mapping for this agent). Texts in the event are one line
 * (`text` may have several), free of controls and within the caps of rules/text.h. */
int mapping_event(const struct mappings *mappings, const struct message *message,
                  struct mapped *out, struct refusal *refusal);

#endif
