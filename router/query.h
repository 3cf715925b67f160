/* query.h: the daemon's answers to the commands that only read: status, sessions, needs, alerts, why,
 * focus-status, next.
 *
 * Answered between turns, so nobody sees what is not committed. Nothing here changes anything. */
#ifndef ROUTER_QUERY_H
#define ROUTER_QUERY_H

#include "router/hearing.h"
#include "rules/rules.h"

#include <jansson.h>
#include <stdbool.h>

/* Rows in one answer: more are asked for with "from". Bounds the memory of an answer. */
enum { QUERY_ROWS = 200 };

/* What the shell knows of a receiver, beside the core. Strings are borrowed. */
struct query_receiver {
    const char *name;
    const char *plugin;
    const char *state;  /* of its plugin's life: "starting", "serving", "stopped", "disabled" … */
    const char *reason; /* why it is not serving, or NULL */
    int64_t pid;        /* 0: no process */
    int64_t waiting;    /* deliveries queued, in flight or deferred */
    int64_t delivered;  /* since the start */
    int64_t retried, failed;
    int64_t restarts;
};

/* Since the start, or now. */
struct query_counts {
    int64_t taken;      /* messages acknowledged */
    int64_t duplicates; /* known ids answered again */
    int64_t refused;    /* messages refused */
    int64_t spooled;    /* messages taken from the spool */
    int64_t quarantined;
    int64_t ignored; /* hooks that no mapping row wants */
    int64_t shed;    /* dropped at a cap of the shell; the core counts its own */
    int64_t clients; /* connected now */
    int64_t seq;     /* the last sequence number */
};

struct query {
    const struct rules *rules;
    struct moment now;
    const char *version;
    int64_t pid, started_wall_ms;
    const char *socket;
    const char *config;     /* the file, or NULL: none, the preset is in force */
    int64_t config_wall_ms; /* when what is in force was loaded */
    const char *config_problem; /* why the file as it is now is not in force (its first problem), or NULL */
    const struct query_receiver *receivers;
    int n_receivers;
    const json_t *signals; /* what the presence sensor can see (sensing.h), or NULL */
    struct query_counts counts;
    const struct hearing *hearing; /* NULL: nothing was heard */
};

/* Whether a command is one of those. */
bool query_knows(const char *command);

/* The answer, a new reference, never NULL: {"ok":true, COMMAND'S NAME: …} or {"ok":false,"error":…}.
 *
 *   status        {"status":{"version","pid","started_ms","socket","config":{…},"sessions":[with needs, those
 *                 that need the person first, ended ones never],"more"?,"focus":[…],"receivers":[…],
 *                 "presence":{"state","dnd","microphone","front":{a place},"session"? (in front),
 *                 "breakpoint"? (the last),"signals"?:{name: a line}},
 *                 "counts":{…},"troubles":[{"key","what","todo","since_ms"}],"troubles_more"?}}
 *   sessions      {"sessions":[…],"next"?}     ended ones only with "all":true
 *   needs         {"needs":[…],"next"?}        open ones, most urgent first; resolved ones too with "all":true
 *   alerts        {"alerts":[…],"next"?}       open ones; with "all":true those kept in memory too
 *   why           {"why":{"need"|"session"|"alert":{…},"steps":[{"sentence","rule","file","line"}],
 *                 "needs"?:[{"need":…,"steps":[…]}],"heard"?:[{"sentence","at_ms","session","need"?,"file"?,
 *                 "line"?}]}}; asked by "need", "session", "alert", or "of", which may be any of them: ids, or a
 *                 beginning of the agent's own session id; by none of them: the alert that was told last (if
 *                 there is one), "held":[{"need","steps"}] and "heard", of all sessions what asked for nobody.
 *                 What was heard, newest first; "file","line": the row of the mapping
 *   focus-status  {"focus":[…]}
 *   next          {"next":{"need"?:{…},"waiting":N}}    the one to serve next; how many wait, that one too
 *
 * "from":N in the message skips rows; "next":N in an answer says that there are more. */
json_t *query_answer(const struct query *world, const char *command, const json_t *message);

#endif
