/* outbox.h: from alerts to receivers: who is handed what, when, and what came of it.
 *
 * The core decides what is to be told; the outbox hands over the newest version of each alert, a few at a
 * time, one attempt each, and alone retries: with back-off and jitter, obeying a receiver's wish to wait.
 * A version is marked in flight in a transaction before it leaves ("commit, then speak"). */
#ifndef ROUTER_OUTBOX_H
#define ROUTER_OUTBOX_H

#include "router/config.h"
#include "rules/rules.h"

#include <jansson.h>
#include <uv.h>

struct outbox;
struct query_receiver;

/* The router, as the outbox sees it. Outcomes become inputs of the next batch. */
struct outbox_router {
    void *arg;
    /* an outcome to be judged; strings are copied */
    void (*outcome)(void *arg, const struct outcome *outcome);
    /* the person pressed a button on an alert */
    void (*command)(void *arg, const struct command *command);
    /* a sensor's event: a message as on the socket; the answer goes to outbox_ack(). False: it is none */
    bool (*event)(void *arg, const char *receiver, const json_t *message);
    /* a deadline may have moved */
    void (*changed)(void *arg);
    /* no room for more commands and events now: plugins are read on at the next kick */
    bool (*busy)(void *arg);
    /* the person pressed Open on an alert of this receiver */
    void (*open)(void *arg, const char *receiver, uint64_t alert_id);
    /* a plugin tells something of the person. False: it makes no sense */
    bool (*presence)(void *arg, const json_t *message);
};

struct outbox *outbox_new(uv_loop_t *loop, const char *libexec, const struct outbox_router *router);
/* Stops every plugin; the loop must run until outbox_stopped(). */
void outbox_stop(struct outbox *outbox);
bool outbox_stopped(const struct outbox *outbox);
void outbox_free(struct outbox *outbox);

/* Starts the plugins of a configuration; keeps those that are unchanged; those that are gone go once the
 * core has no alert left for them. */
void outbox_configure(struct outbox *outbox, const struct config *config);

/* Between two turns: marks what can be handed over now (an outcome input each). */
void outbox_kick(struct outbox *outbox, const struct rules *rules);
/* After the commit of such a mark: hands it over, as it is now. */
void outbox_hand(struct outbox *outbox, const struct rules *rules, const struct moment *now,
                 uint64_t alert_id, int64_t version);
/* The state was dropped and loaded anew: forget what is in flight. */
void outbox_forget(struct outbox *outbox);

/* Sends a message for trying a receiver out, past all rules; answers once. False: no such receiver. */
typedef void (*outbox_test_cb)(void *arg, bool delivered, const char *reason);
bool outbox_test(struct outbox *outbox, const char *receiver, const char *title, const char *body,
                 outbox_test_cb cb, void *arg);
/* Answers a sensor's event. */
void outbox_ack(struct outbox *outbox, const char *receiver, const json_t *answer);

/* Time-outs, restarts, back-off: does what is due, returns when to look again (host_elapsed_ms). */
int64_t outbox_look(struct outbox *outbox, int64_t elapsed_ms);

/* For status: one row per receiver, at most max. */
int outbox_status(const struct outbox *outbox, const struct rules *rules,
                  struct query_receiver *rows, int max);

#endif
