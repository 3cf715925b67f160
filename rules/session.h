/* session.h: one run of an agent, known by (host, agent, session id), and its threads. */
#ifndef RULES_SESSION_H
#define RULES_SESSION_H

#include "event.h"
#include "record.h"

struct rules;
struct need;

/* A sub-agent, a teammate: kept only for the newest stamp, which tells a late message. */
struct thread {
    struct record record;
    uint64_t session_id;
    char *name;
    int64_t newest_ms;
    struct thread *next; /* in its session */
};

/* What every event touches stands first and together, and the texts, which lie elsewhere, are left alone by most: with
 * thousands of sessions it is the memory that an event touches that costs. */
enum { SESSION_NAME = 72 };
struct session {
    struct record record;
    char name[SESSION_NAME]; /* host, agent and session in one, each with its end, … */
    uint8_t name_length;     /* … 0: they are too long for it */
    bool waking; /* the last turn ended with something running that will wake the session */
    bool unattended;
    bool hushed;   /* resolved by hand: notices alone open nothing until other evidence */
    bool talks;    /* silence while it works means that it hangs */
    bool in_ended; /* which of the two lists by last event */
    bool watched;  /* it is in the list of those whose silence is watched */
    bool stalled;  /* it was found silent for too long, and its need may still say so */
    enum state state;
    uint64_t context;     /* hash of the context last taken: the same need not be compared */
    struct need *need;    /* the open one, or the one resolved last, or NULL */
    int64_t seen_wall_ms; /* of the newest event */
    int64_t newest_ms;    /* newest input of the main thread that was not a note */
    int64_t evidence_ms;  /* newest input of any thread that was neither a note nor a notice */
    int64_t heard_ms;     /* the last sign of life; a notice is none */
    int64_t busy;         /* tools that it runs: meanwhile silence means nothing */
    struct session *older, *younger; /* by last event, in the live or the ended list */

    char *host, *agent, *session; /* the identity; session is the agent's own id */
    char *cwd, *repository, *worktree, *branch;
    char *task;                                                               /* what it is doing */
    char *tmux, *pane, *window, *tty, *kitty, *kitty_socket, *wezterm, *term; /* the place */
    int64_t pid, pid_start;
    int64_t started_wall_ms;
    int64_t state_ms; /* since when the state is what it is */

    struct need *needs;     /* all that are kept, newest first */
    struct thread *threads; /* n_threads, newest first */
    int n_threads;
    struct session *prev, *next;     /* all, by id */
    struct session *earlier, *later; /* by heard_ms, in the list of those whose silence is watched */
};

extern const struct noun noun_session, noun_thread;

/* Finds or makes the session of an event, takes over its context, and notes its stamp. */
struct session *session_get(struct rules *rules, const struct event *event, int64_t at_ms);
/* Notes the stamp of an event; false: it is older than the newest of its thread, and may open nothing. */
bool session_newer(struct rules *rules, struct session *session, const struct event *event,
                   int64_t at_ms);
/* Takes over which process it is, once its needs have been judged by the old one. */
void session_process(struct rules *rules, struct session *session, const struct event *event);
/* Moves to a state. */
void session_state(struct rules *rules, struct session *session, enum state state, int64_t at_ms);
/* Drops the sessions that ended an hour ago and have nothing open. */
void session_forget(struct rules *rules);
/* Drops the oldest beyond the caps, ended ones first. */
void session_collect(struct rules *rules);
/* Joins and parts a session, or a thread of it, with the core's lists (also when restored). */
void session_join(struct rules *rules, struct session *session);
void session_drop(struct rules *rules, struct session *session);
void thread_join(struct session *session, struct thread *thread);
/* The session's name for a person: repository, or the last part of cwd, or the agent. */
const char *session_where(const struct session *session);

#endif
