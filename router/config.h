/* config.h: what the person wrote in quietbell.yaml (quietbell.yaml(5)): the policy for the core, and
 * the receivers' settings for the plugins.
 *
 * Reading is all or nothing: with one problem nothing is returned. Nothing here prints. Secrets (URLs,
 * tokens, from files, the environment or written in place) stand only in config_receiver.settings; they
 * are in no problem, nor in config.text. */
#ifndef ROUTER_CONFIG_H
#define ROUTER_CONFIG_H

#include "rules/policy.h"
#include "problem.h"

#include <jansson.h>
#include <stdint.h>

enum {
    CONFIG_UIDS_MAX = 16,
    CONFIG_WATCHES_MAX = 32,
    CONFIG_PATH_MAX = 4096,
    CONFIG_SECRET_MAX = 8192
};

/* One receiver, at the same index as in the policy. */
struct config_receiver {
    char *name;
    char *plugin; /* "desktop" (in libexec), an absolute path, or "auto": desktop if there is one, else terminal */
    int line, column;    /* where that stands; 0: in no file of the person's */
    int64_t patience_ms; /* how long its plugin may take to be ready, and for each answer */
    json_t *settings; /* an object for the plugin's hello: keys as written, secrets filled in, and for every
                         duration KEY also KEY_ms. Holds secrets: hand it to the plugin and to nobody else. */
};

/* A focus by calendar. */
struct config_calendar {
    char *focus, *path; /* path: relative ones are completed */
    int line, column;   /* where the file is named */
};

struct config {
    struct policy *policy; /* whoever takes it over sets this to NULL */
    struct config_receiver receivers[POLICY_RECEIVERS_MAX];
    int n_receivers;
    uint32_t accept_uids[CONFIG_UIDS_MAX]; /* other users whose connections are taken */
    int n_accept_uids;
    bool watch_agents;                           /* agents' own files are watched */
    struct mapping *watches[CONFIG_WATCHES_MAX]; /* and these, mapping.h */
    int n_watches;
    struct config_calendar calendars[POLICY_FOCUSES_MAX];
    int n_calendars;
    json_t *presence; /* the presence sensor's settings, {"idle_ms"?,"away_ms"?,"off"?:[…]}; NULL: it is off */
    char *preset; /* "default", "none" */
    char *file;   /* as problems call it; "preset default" if there is none */
    char *text; /* for the record: the file, with secrets and comments blanked, lines kept; "" if there is none.
                     config_parse(…, CONFIG_RECORDED) reads it again to the same policy. */
    char hash[17]; /* of text, 16 hexadecimal digits. Says nothing about secrets. */
};

/* Or'ed together. */
enum config_flags {
    CONFIG_RECORDED = 1, /* for replay: secrets are neither read nor asked for, the file system and the
                            environment are not touched; settings lack what they would give */
};

/* Reads a file; NULL: there is none, the embedded default preset holds. 0, or -errno of opening, or
 * -EINVAL, with at least one problem. */
int config_load(struct config **out, const char *path, struct problems *problems);
/* Reads a text. `name` is what problems call it; secret files are relative to base_dir (NULL: "."). */
int config_parse(struct config **out, const char *text, size_t len, const char *name,
                 const char *base_dir, unsigned flags, struct problems *problems);
/* The folder that a file lies in, "." of a bare name; heap. */
char *config_folder(const char *path);
/* NULL is allowed. */
void config_free(struct config *config);

#endif
