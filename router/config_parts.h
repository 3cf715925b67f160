/* config_parts.h: one reading of a configuration, shared by config.c (the whole), config_receivers.c and
 * config_rules.c (its parts). Nobody else includes it. */
#ifndef ROUTER_CONFIG_PARTS_H
#define ROUTER_CONFIG_PARTS_H

#include "config.h"
#include "yaml.h"

/* The person's file, or a preset. */
struct source {
    struct yaml *yaml;
    const char *file; /* "preset eager" */
};

struct reading {
    struct config *config;
    struct problems *problems;
    const char *base_dir;
    unsigned flags;
    struct source own, preset; /* preset.yaml NULL: none */

    struct { /* `fallback` can only be read when all receivers are known */
        const struct yaml *yaml;
        const struct yaml_node *node;
    } fallback[POLICY_RECEIVERS_MAX];
};

/* One receiver being read. */
struct receiver_reading {
    struct reading *reading;
    struct source *source;
    struct config_receiver *receiver;
    const struct yaml_node *node;
    bool shipped; /* its plugin is one of ours, whose keys we know */
};

/* A path as the configuration means it: relative to its folder. Heap. */
char *path_of(const struct reading *reading, const char *name);
/* The KEY, KEY_file or KEY_env of one secret, whichever is there, or NULL. More than one is reported, if
 * so wished. */
const struct yaml_node *secret_node(const struct receiver_reading *slot, const char *key, bool report);
/* Reads one secret, if it is there, into the settings as KEY. `url`: it has to be a web address. */
void secret_read(const struct receiver_reading *slot, const char *key, bool url);

/* Adds the receivers of one source that have no namesake yet. */
void receivers_read(struct reading *reading, struct source *source, const struct yaml_node *node);
/* Resolves every fallback. */
void receivers_join(struct reading *reading);

/* The same for focuses. */
void focuses_read(struct reading *reading, struct source *source, const struct yaml_node *node);
/* Appends the rules of one source. All receivers and focuses are known. */
void rules_read(struct reading *reading, struct source *source, const struct yaml_node *node);

/* What is watched. */
void watch_read_all(struct reading *reading, struct source *source, const struct yaml_node *node);
void watches_free(struct config *config);

/* How the person is watched. */
void presence_read(struct reading *reading, struct source *source, const struct yaml_node *node);
/* The numbers of deferral. */
void policy_read(struct reading *reading, struct source *source, const struct yaml_node *node);
/* presence: one of its words, or a list; as bits. */
bool presence_bits(const struct source *source, const struct yaml_node *node, uint32_t *bits);
/* "not yet": a key that the design knows and this version does not. */
void not_yet(const struct source *source, const struct yaml_node *item, const char *meanwhile);
/* A name of a receiver or focus: a letter, then at most 39 of [a-z0-9_-]. Reports. */
bool name_good(const struct source *source, const struct yaml_node *item, const char *what);
/* The names, for suggestions. Returns how many. */
int receiver_names(const struct policy *policy, const char *names[POLICY_RECEIVERS_MAX]);
int focus_names(const struct policy *policy, const char *names[POLICY_FOCUSES_MAX]);
/* The place of a name, or -1. */
int name_find(const char *const *names, int n, const char *name);

#endif
