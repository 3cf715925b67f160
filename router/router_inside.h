/* router_inside.h: the router's state, for router.c (the turn), orders.c (what the person asks) and
 * recover.c (start, failing store) only. */
#ifndef ROUTER_ROUTER_INSIDE_H
#define ROUTER_ROUTER_INSIDE_H

#include "router/hearing.h"
#include "router/jump.h"
#include "router/liveness.h"
#include "router/mapping.h"
#include "router/observe.h"
#include "router/outbox.h"
#include "router/query.h"
#include "router/router.h"
#include "router/sensing.h"
#include "router/sensor.h"
#include "router/store.h"
#include "router/worker.h"

enum {
    BATCH_MAX = 1024,          /* inputs in one transaction */
    CLOCK_STEP_MS = 500,       /* more is no drift: the clock was set */
    QUEUE_WEIGHT_MAX = 6 << 20 /* bytes waiting beyond which doors wait */
};

struct asked { /* a query that came while a commit was in flight */
    json_t *message;
    char *command;
    router_answer_cb answer;
    void *owner;
    struct asked *next;
};

struct router {
    uv_loop_t *loop;
    const struct paths *paths;
    const char *config_path;
    struct config *config; /* in force; its policy is the core's */
    int64_t config_wall_ms;
    char config_problem[512]; /* why the file as it is now is not in force */
    struct mappings *mappings;
    struct store *store;
    struct rules *rules;
    struct outbox *outbox;
    struct sensor *watch;
    struct sensing *sensing;
    struct calendars *calendars;
    struct jump *jump; /* the person is being brought somewhere, else NULL */
    bool watch_due;    /* its settings may have changed */
    struct liveness *liveness;

    /* the queue, and the turn */
    struct arrival *queue, **queue_end;
    size_t weight;
    struct arrival *batch;                    /* of the turn */
    struct store_input inputs[BATCH_MAX + 1]; /* one that says "loaded" */
    int n_inputs, n_batch;
    struct store_batch commit;
    int status;
    struct worker worker; /* commits */
    bool committing, wanted, stopping;
    bool answered;     /* since the last turn began */
    struct moment now; /* of the turn: the clock is read once */
    uint64_t seq;
    int64_t deadline_ms; /* the core's */
    int64_t ahead_ms; /* of the steady clock: where the wall clock was when that was last looked at */
    struct asked *asked, **asked_end;

    /* the one timer */
    int timer_fd;
    uv_poll_t timer;
    uv_check_t check;
    uv_idle_t idle; /* runs while a turn is wanted: the poll must not wait */
    int64_t armed_wall_ms;

    /* the store's side work */
    uv_work_t side;
    bool side_busy, checking, started;
    int64_t retained_ms, checked_ms;

    /* a failing store (recover.c) */
    bool failing, alarmed;
    bool loaded; /* the state was read back, and the log does not say so yet */
    int64_t next_try_ms, backoff_ms;

    void (*ready)(void *arg);
    void *ready_arg;
    void (*stopped)(void *arg);
    void *stopped_arg;
    void (*room)(void *arg);
    void *room_arg;
    bool was_full;
    int open_handles;

    int64_t started_wall_ms;
    struct query_counts counts;
    struct hearing hearing; /* for `why` */
};

/* router.c */
void router_want(struct router *router);
void router_reply(struct arrival *arrival, const struct answer *answer);

/* orders.c */
void orders_flush(struct router *router);
/* Open was pressed on an alert of a receiver: serve its first need, and go there. */
void orders_open(struct router *router, const char *receiver, uint64_t alert_id);

/* watching.c */
void watching_open(struct router *router);
/* Runs the file watch, if any mapping names files and the configuration does not switch it off; and the presence
 * sensor. */
void watching_configure(struct router *router);
void watching_stop(struct router *router);
/* Whether a message counts: not if a file was left behind by a process that has died (or see observe.h). Its process
 * is taken out of the event where it cannot be looked up from here. */
bool watching_believes(const struct router *router, const struct message *message,
                       struct mapped *mapped);

/* recover.c: the commit failed: nothing is acknowledged, the state is loaded anew */
void recover_failed(struct router *router, int status);
void recover_done(struct router *router);
/* True while the store is not to be tried yet: the queue was refused. Else what must come first is queued. */
bool recover_hold(struct router *router);
int recover_load(struct router *router, char *error, size_t size);

#endif
