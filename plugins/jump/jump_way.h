/* jump_way.h - brings the person to a place: which ways there are, and what each is told and answers.
 *
 * The map: jump.c reads the order, picks the way and prints the one line of answer; jump_run.c runs a child
 * with a hard limit; jump_shape.c checks shapes; jump_tmux.c, jump_window.c (X11), jump_sway.c and
 * jump_terminal.c (kitty, WezTerm) are the ways.
 *
 * A place was written down by an agent's hook, so it is hostile: each member is checked for its shape before
 * anything is done with it, nothing of it ever passes through a shell, and the worst that a made-up place
 * can do is to bring another of the person's own windows to the front, when they asked to be brought there. */
#ifndef QUIETBELL_JUMP_WAY_H
#define QUIETBELL_JUMP_WAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Members are NULL when unknown, never empty. Strings are borrowed. */
struct jump_place {
    const char *host;
    const char *tmux, *pane; /* socket, %N */
    const char *window;      /* X11 window id, decimal */
    const char *kitty, *kitty_socket;
    const char *wezterm;
    const char *tty;
    int64_t pid; /* of the agent, 0: unknown */
};

struct jump_result {
    bool ok;
    const char *by;   /* "tmux", "x11", "sway", "kitty", "wezterm": what brought them there */
    const char *also; /* what brought the terminal around it to the front, or NULL */
    char reason[400]; /* if not ok: a sentence for the person */
};

/* Each way: whether the place has what it needs, and the jump itself. */
void jump_tmux(const struct jump_place *place, struct jump_result *result);
void jump_window(const struct jump_place *place, struct jump_result *result);
void jump_sway(const struct jump_place *place, struct jump_result *result);
void jump_kitty(const struct jump_place *place, struct jump_result *result);
void jump_wezterm(const struct jump_place *place, struct jump_result *result);

/* The best way to a place that is not in tmux; what tmux uses for the terminal around it. */
void jump_terminal(const struct jump_place *place, struct jump_result *result);

/* False, with the reason written. */
bool jump_fail(struct jump_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "0" to "4294967295", and nothing else. False: it is no such number. */
bool jump_number(const char *text, uint32_t *number);
/* Whether an absolute path names a socket that is ours. */
bool jump_own_socket(const char *path);
/* The parent of a process, 0: none, or not to be seen. */
int64_t jump_parent(int64_t pid);

/* ---- jump_run.c ---------------------------------------------------------------------------- */

/* Runs argv[0] (searched in PATH) with argv, no stdin; what it prints on both outputs comes as text into
 * `out`, cut. The exit status, or a negative errno: -ENOENT not installed, -ETIMEDOUT killed at its limit. */
int jump_run(const char *const argv[], int limit_ms, char *out, size_t size);
/* Ends the child that runs now, if any: for the end of the whole at its own limit; async-signal-safe. */
void jump_run_kill(void);

#endif
