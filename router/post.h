/* post.h: one receiver's post in the outbox: its plugin, what it has in flight, its back-off. For outbox.c and
 * post.c only.
 *
 * A flight is one version of one alert that is marked in flight; it lands when the plugin has answered, or is
 * given back when nobody knows what became of it. */
#ifndef ROUTER_POST_H
#define ROUTER_POST_H

#include "router/outbox.h"
#include "router/plugin.h"

enum {
    FLIGHTS_MAX = 8, /* handed over and not answered, per receiver */
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 300000,
    AFTER_MAX_MS = 3600000 /* no receiver's Retry-After holds longer */
};

struct flight {
    uint64_t alert_id; /* 0: free, unless test_cb */
    int64_t marked;    /* the version recorded as in flight … */
    int64_t version;   /* … and the one handed over: a newer one may have come in between */
    int64_t ref;       /* the id of the delivery in the protocol; 0: marked, not sent yet */
    int64_t due_ms;    /* when patience ends */
    outbox_test_cb test_cb;
    void *test_arg;
};

struct post {
    struct outbox *outbox;
    char *receiver, *program, *plugin_name;
    json_t *settings;
    int64_t patience_ms;
    struct plugin *plugin;
    bool leaving; /* no longer configured */
    struct flight flights[FLIGHTS_MAX];
    int attempts; /* failed in a row */
    int64_t not_before_ms;
    int64_t delivered, retried, failed;
    struct post *next;
};

struct outbox {
    uv_loop_t *loop;
    char *libexec;
    struct outbox_router router;
    struct post *posts;
    int64_t next_ref;
    bool stopping;
};

/* What a post's plugin calls. */
struct plugin_owner post_owner(struct post *post);

bool post_flying(const struct flight *flight);
/* NULL: as many are in flight as may be. */
struct flight *post_free_flight(struct post *post);
struct flight *post_find_flight(struct post *post, uint64_t alert_id);
/* One attempt is over: says so to the core, or to whoever tried the receiver out. */
void post_land(struct post *post, struct flight *flight, enum outcome_type type, int64_t after_ms,
               const char *reason);
/* It was not handed over after all, or nobody knows whether it arrived: it returns to the queue. */
void post_not_handed(struct post *post, struct flight *flight);
/* Its plugin does not serve any more: everything in flight is given back. */
void post_down(struct post *post, const char *reason);
/* Takes its trouble off the list; true if there was one. */
bool post_clear_trouble(const struct post *post);

#endif
