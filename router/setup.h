/* setup.h: connecting an agent: its hooks put into its own file, and taken out again.
 *
 * The map: setup_install.c reads what each agent needs from its mapping file, setup_agents.c finds them on
 * this machine; setup_hooks.c merges hooks
 * into a JSON text (setup_json.h); setup_plugin.c writes the agents' own kind of plugin file; setup_file.c
 * reads and writes files safely; setup.c makes a plan of one agent (before, after, why not) and carries it
 * out. client_setup.c shows and asks, client_doctor.c looks at the same plans. */
#ifndef ROUTER_SETUP_H
#define ROUTER_SETUP_H

#include "problem.h"
#include "setup_json.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* How an agent's file holds hooks. */
enum setup_shape {
    SETUP_GROUPS, /* "hooks": {EVENT: [{"matcher", "hooks": [HOOK]}]} */
    SETUP_FLAT,   /* "hooks": {EVENT: [HOOK]} */
    SETUP_PLUGIN, /* a file of its own, in JavaScript */
    SETUP_HAND,   /* nothing that can be merged: the person is told what to do */
};

struct setup_event {
    char *name, *matcher; /* matcher: NULL: every one */
};

/* The `install` section of a mapping file, as quietbell-mapping(5) has it. */
struct setup_agent {
    char *name, *title;
    char *program;    /* how it is found on the PATH, or NULL */
    char *home;       /* its folder, under the person's home; NULL: none */
    char *home_env;   /* the variable that names that folder instead, or NULL */
    char *home_below; /* what is appended to that variable's value, or NULL */
    char *file;       /* in that folder; NULL: by hand */
    enum setup_shape shape;
    unsigned allow;    /* SETUP_JSON_* */
    bool exec;         /* command and args, without a shell */
    bool typed;        /* a hook says "type": "command" */
    char *command_key; /* "command", "bash" */
    char *more;        /* more members of a hook, as JSON without braces, or NULL */
    char *version;     /* a member of the root that must be there, as JSON, or NULL */
    char *off;         /* dotted path of a switch … */
    bool off_when;     /* … that turns all hooks off when it has this value */
    struct setup_event *events;
    int n_events;
    char *trusted_in; /* a file in its folder that names the hooks it trusts, or NULL: it trusts all */
    char *todo;       /* what the person must still do, or NULL; $HOOK is the hook client */
};

/* ---- the agents (setup_install.c, setup_agents.c) -------------------------------------------------------- */

/* Reads the mapping files, embedded and of the person's own; done at the first look if not before. 0, or
 * -EINVAL with problems: then the embedded ones alone hold. */
int setup_agents_load(struct problems *problems);
const struct setup_agent *setup_agent_next(const struct setup_agent *after); /* NULL: the first */
const struct setup_agent *setup_agent_find(const char *name);
/* Whether its folder or its program is there. */
bool setup_agent_here(const struct setup_agent *agent);
/* The folder and the file, heap; NULL: no home. */
char *setup_agent_folder(const struct setup_agent *agent);
char *setup_agent_file(const struct setup_agent *agent);
/* The hook client as an agent should call it: beside this program, by the name under which the PATH has it
 * if that is the same file, because a link there outlives versions. Heap; NULL: there is none. */
char *setup_hook_path(void);
/* A program on the PATH, heap, or NULL. */
char *setup_on_path(const char *program);

/* ---- hooks in a text (setup_hooks.c, setup_plugin.c) ----------------------------------------------------- */

struct setup_text {
    char *bytes; /* NULL: no file; else ends with NUL, which len does not count */
    size_t len;
};
void setup_text_set(struct setup_text *text, const char *bytes, size_t len);
void setup_text_clear(struct setup_text *text);
bool setup_text_same(const struct setup_text *a, const struct setup_text *b);

struct setup_found {
    int hooks;     /* of ours */
    char *command; /* the hook client as the first of them calls it, or NULL; heap */
    bool off;      /* the agent's switch says no hooks at all */
};

/* The text with all hooks in it, exactly as wanted, and nothing else changed. `text` may be none or empty.
 * 0, or -EINVAL with a problem. */
int setup_hooks_add(const struct setup_agent *agent, const char *command, const struct setup_text *text,
                    const char *file, struct setup_text *out, struct problems *problems);
/* The text without our hooks. */
int setup_hooks_strip(const struct setup_agent *agent, const struct setup_text *text,
                      const char *file, struct setup_text *out, struct problems *problems);
int setup_hooks_look(const struct setup_agent *agent, const struct setup_text *text,
                     const char *file, struct setup_found *found, struct problems *problems);
/* A word for a shell: quoted if it has to be. Heap. */
char *setup_quoted(const char *word);
/* The whole plugin file of an agent that loads JavaScript. Heap. */
char *setup_plugin_text(const struct setup_agent *agent, const char *command);
/* Whether a text is a plugin file of ours; *command (heap) is the hook client it calls. */
bool setup_plugin_ours(const struct setup_text *text, char **command);

/* ---- files (setup_file.c) ------------------------------------------------------------------------------- */

enum { SETUP_REASON = 512 };

struct setup_file {
    char *path;   /* as the person knows it; may be a link */
    char *target; /* the file behind every link */
    struct setup_text text;
    struct stat status; /* of the target, if there is one */
    bool exists;
};

/* 0, or a negative errno with the reason (one sentence) in `reason`. A missing file is no error. */
int setup_file_read(struct setup_file *file, const char *path, char reason[SETUP_REASON]);
void setup_file_release(struct setup_file *file);
/* Whether it may be changed: a file or folder without any write permission is meant to stay as it is, even
 * if this user could write it. 0, or -EACCES and the like with the reason. */
int setup_file_writable(const struct setup_file *file, char reason[SETUP_REASON]);
/* Writes atomically: a new file beside the target, its mode and owner, then a rename; checks before that the
 * file is what was read. With text->bytes NULL the file is removed. `backup`: PATH.quietbell-backup gets
 * the old text first. 0, or a negative errno with the reason, and nothing changed. */
int setup_file_write(const struct setup_file *file, const struct setup_text *text, bool backup,
                     char reason[SETUP_REASON]);
char *setup_backup_path(const char *path); /* heap */

/* ---- a plan for one agent (setup.c) ---------------------------------------------------------------------- */

struct setup_plan {
    const struct setup_agent *agent;
    struct setup_file file;
    struct setup_text after;  /* what it is to be; none: no file */
    struct setup_found found; /* what is there now */
    char *command;            /* the hook client as the hooks call it, or will */
    bool change;              /* after is not what is there */
    bool restores; /* after is the backup, byte for byte, or no file where there was none */
    int error;     /* 0, or why not: a negative errno, with problems or a reason */
    char reason[SETUP_REASON];
    struct problems problems;
};

/* Looks and reckons; writes nothing. `hook`: what setup_hook_path() gave. Returns plan->error. */
int setup_plan_make(struct setup_plan *plan, const struct setup_agent *agent, const char *hook,
                    bool remove);
/* Carries it out. 0, or a negative errno with the reason in the plan; then nothing changed. */
int setup_plan_apply(struct setup_plan *plan);
void setup_plan_clear(struct setup_plan *plan);

/* The change as a unified diff, heap; "" if there is none (setup_diff.c). */
char *setup_diff(const char *path, const struct setup_text *before, const struct setup_text *after);

#endif
