/* hook_spool.h - the spool directory: messages that nobody took, one file each. The daemon of the same machine takes
 * them by itself. Where there is none (in a container, on a machine that reaches us over SSH), the next call that
 * finds somebody at the socket takes some of them along.
 */
#ifndef QUIETBELL_HOOK_SPOOL_H
#define QUIETBELL_HOOK_SPOOL_H

#include "hook_context.h"

enum {
    SPOOL_FEW = 8,               /* taken along by a hook, which has to be quick … */
    SPOOL_FEW_BYTES = 16 * 1024, /* … also over a slow way; the first of them may be larger */
    SPOOL_FEW_MS = 20, /* looking for them; a spool that needs longer is left to --send-spool */
    SPOOL_MANY = 64,
    SPOOL_NAME = 36, /* bytes of a file's name, with its NUL */
};

/* The oldest messages of it, as lines. */
struct spool {
    int dir;
    int n;
    char names[SPOOL_MANY][SPOOL_NAME];
    size_t len;
    char lines[384 * 1024]; /* one of 256 KiB always fits */
};

/* Starts a path with the state directory, …/quietbell; false: there is none. */
bool state_path(struct text *path, const struct environment *environment);

/* Writes NAME (13 digits of at_ms, a dash, the id, ".json") into it; it is made if it is missing. */
void spool_line(const struct environment *environment, const char *name, const char *line, size_t len);

/* Looks for the oldest SPOOL_FEW, or SPOOL_MANY; none, where a daemon of this machine has its database beside it. */
void spool_look(struct spool *spool, const struct environment *environment, bool few);
/* The i-th of them has been taken. */
void spool_drop(const struct spool *spool, int i);
/* After each spool_look(). */
void spool_close(struct spool *spool);

/* In hook.c: since the process began. */
int hook_elapsed_ms(void);

#endif
