/* hook_context.h - what the hook client knows of where it was started: environment, parent, .git.
 *
 * `environment_read` takes one walk over the environment; `context_write` writes the members of the
 * message's "context" object (design.md section 10). Missing things are left out; nothing fails.
 */
#ifndef QUIETBELL_HOOK_CONTEXT_H
#define QUIETBELL_HOOK_CONTEXT_H

#include "hook_text.h"

#include <stdint.h>

#define CONTEXT_MAX 12288 /* bytes context_write may need at most (its caps add up to less) */

/* Values are borrowed from environ; NULL: not set or empty. */
struct environment {
    const char *quietbell_socket, *xdg_runtime_dir, *xdg_state_home, *home;
    const char *tmux, *tmux_pane, *windowid, *kitty_window_id, *kitty_listen_on, *wezterm_pane,
        *term_program;
    uint64_t marks; /* bit i: the variable mark_names[i] is set */
};

void environment_read(struct environment *environment);
void context_write(struct text *text, const struct environment *environment);

#endif
