/* event.h: one normalised fact about a session, as a mapping made it.
 *
 * Strings are borrowed for the length of rules_step(), may be NULL (the same as ""), are UTF-8 and free
 * of control characters; they are cut at the caps of text.h when kept. */
#ifndef RULES_EVENT_H
#define RULES_EVENT_H

#include "word.h"

#include <stdbool.h>
#include <stdint.h>

/* Where the person finds the session again. All optional. */
struct place {
    const char *tmux, *pane, *window, *tty, *kitty, *kitty_socket, *wezterm, *term;
};

struct event {
    int64_t at_wall_ms; /* the sender's clock; never taken as later than the moment of the step */

    /* identity: the session is known by (host, agent, session) */
    const char *host, *agent, *session;
    const char *thread;  /* "" is the main thread; a sub-agent's id otherwise */
    const char *request; /* the agent's id of what is asked or answered, "" if it has none */

    const char *source; /* what the agent calls the message ("PostToolUse"), for `why` */

    /* what it does; several may hold, in this order: starts, closes, opens, ends */
    bool starts; /* a session start: closes only what this process, or a dead one, left open */
    enum closes closes;
    int64_t closes_kinds; /* bits 1 << enum kind: closes only reasons of these kinds; 0: of any */
    const char *closes_request; /* what CLOSES_REQUEST closes; "": `request`. May be a glob: then of any thread */
    enum opens opens;
    enum kind kind; /* of what it opens or confirms */
    bool ends;      /* the session's end: closes everything */
    enum state state; /* the session's state after it, of the main thread only; STATE_NONE: unchanged */

    enum urgency urgency; /* the event's own; URGENCY_UNSET: by kind */
    int64_t during; /* bits 1 << enum state: while the session is in another one this is a note; 0: any */
    bool waking;     /* something runs in the background that will wake the session: no review */
    bool unattended; /* a start without a person (-p, exec, CI): no reviews, until it asks something */
    bool prompt;     /* the person submitted a prompt */
    enum talks talks; /* what silence means of this agent, as its mapping says */
    int64_t busy; /* 1: a tool begins to run, -1: one has ended; while one runs, silence means nothing */
    /* Seen in a file, with the file's own stamp. It closes only what was asked before that; and it is no measure for
     * others: a hook that was sent before it may come after it. */
    bool observed;

    const char *title; /* what is asked, one line */
    const char *text;  /* more of it */
    const char *tool;  /* the tool it is about */
    const char *task;  /* what the session is doing, for the board; NULL: unchanged */

    /* context; NULL or "": unchanged */
    const char *cwd, *repository, *worktree, *branch;
    struct place place;
    int64_t pid, pid_start; /* the agent's process; 0: unknown */
};

/* It changes nothing of what is asked, nor of the session's state. */
bool event_is_note(const struct event *event);
/* What is left of an event that comes while the session is in no state that it belongs to (`during`). */
struct event event_as_note(const struct event *event);

#endif
