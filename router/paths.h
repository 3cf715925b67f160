/* paths.h: where everything lies (design.md section 6 and 10): the XDG rules, and the build tree. */
#ifndef ROUTER_PATHS_H
#define ROUTER_PATHS_H

#include <stdbool.h>
#include <stddef.h>

/* Absolute paths, heap strings. Nothing is looked at or made; a path that cannot be named (no home, no
 * such candidate) is NULL. */
struct paths {
    char *socket;     /* where the daemon listens: the first of paths_socket() that can be used */
    char *config;     /* $XDG_CONFIG_HOME/quietbell/quietbell.yaml */
    char *agents;     /* $XDG_CONFIG_HOME/quietbell/agents: the person's own mapping files */
    char *state;      /* $XDG_STATE_HOME/quietbell */
    char *database;   /* …/quietbell.db */
    char *spool;      /* …/spool */
    char *quarantine; /* …/quarantine */
    char *libexec; /* the plugins: beside the program in a build tree, else ../libexec/quietbell */
};

void paths_init(struct paths *paths);
void paths_release(struct paths *paths);

/* The candidates for the socket, in order; NULL after the last: QUIETBELL_SOCKET alone if it is set, else
 * $XDG_RUNTIME_DIR, /run/user/UID if it is ours, $XDG_STATE_HOME or ~/.local/state. The daemon takes the
 * first whose folder is there or can be made; a client tries one after the other. Heap. */
char *paths_socket(int nth);

/* A plugin's program: a path as it is, a name in libexec (NULL: here). Heap. */
char *paths_program(const char *libexec, const char *plugin);

/* Makes a folder and what is missing above it, 0700. 0, or a negative errno. */
int paths_make(const char *folder);
/* The same for the folder that a file is to lie in. */
int paths_make_above(const char *file);

#endif
