/* router.h: the shell around the core. Read router_take() first.
 *
 * What comes in is offered; one turn takes what has arrived, steps the core with it, writes inputs and
 * effects in one transaction off the loop thread, and only then answers and speaks ("commit, then speak").
 * One transaction is in flight at a time; what arrives meanwhile is the next turn. All on the loop thread. */
#ifndef ROUTER_ROUTER_H
#define ROUTER_ROUTER_H

#include "router/arrival.h"
#include "router/paths.h"

#include <jansson.h>
#include <uv.h>

struct router;

/* Opens the store and joins what it keeps. config is taken over; config_path may be NULL. 0 or a negative
 * errno; then `error` says why. */
int router_open(struct router **out, uv_loop_t *loop, const struct paths *paths,
                const char *config_path, struct config *config, char *error, size_t size);
/* The spool is taken: judges what is known, then calls `ready` once that is committed. */
void router_start(struct router *router, void (*ready)(void *arg), void *arg);
/* Stops the plugins, waits for the commit in flight, calls `stopped`. */
void router_stop(struct router *router, void (*stopped)(void *arg), void *arg);
void router_close(struct router *router);

/* One turn, if none is in flight. The loop calls it; it is here because it is what to read first. */
void router_take(struct router *router);

/* Takes over an arrival; it is answered in the turn that takes it, maybe at once. */
void router_offer(struct router *router, struct arrival *arrival);
/* Whether doors should wait before they read more. */
bool router_full(const struct router *router);
/* Called when it is no longer full. */
void router_on_room(struct router *router, void (*room)(void *arg), void *arg);

/* A command message of a client. Calls answer once with a new reference: at once, after the commit, or
 * after a receiver answered. */
typedef void (*router_answer_cb)(void *owner, json_t *answer);
void router_command(struct router *router, const struct message *message, router_answer_cb answer,
                    void *owner);
/* Reads the configuration again; the answer as for a client, or NULL for nobody. */
void router_reload(struct router *router, router_answer_cb answer, void *owner);

/* Whether the configuration lets another user's programs speak to us. */
bool router_accepts(const struct router *router, uint32_t uid);
/* Counting, for status. */
struct query_counts *router_counts(struct router *router);

#endif
