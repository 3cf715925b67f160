/* watching.c: what the router sees for itself: agents' files, through the file watch, and whether their processes
 * live. What a file says is a message; a death is an input. */
#include "router/host.h"
#include "router/log.h"
#include "router/router_inside.h"
#include "rules/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer_watch(void *owner, struct arrival *arrival, const struct answer *answer)
{
    struct router *router = owner;
    json_t *ack = arrival_ack(arrival, answer);
    if (ack)
        sensor_send(router->watch, ack);
    json_decref(ack);
}

static void on_said(void *arg, const char *type, const json_t *said)
{
    struct router *router = arg;
    struct message message;
    struct refusal refusal;
    if (strcmp(type, "file") != 0)
        return;
    if (message_take(&message, json_incref((json_t *)said), &refusal) < 0)
        return log_error("sensor watch: what it saw is refused: %s", refusal.error);
    struct arrival *arrival = arrival_message(&message, NULL, 0);
    arrival->seen = true;
    arrival->answer = answer_watch;
    arrival->owner = router;
    router_offer(router, arrival);
}

static void on_changed(void *arg)
{
    router_want(arg);
}

static void on_gone(void *arg, int64_t pid, int64_t pid_start)
{
    struct arrival *gone = arrival_new(INPUT_GONE);
    gone->text = must_copy(host_name());
    gone->pid = pid;
    gone->pid_start = pid_start;
    router_offer(arg, gone);
}

void watching_open(struct router *router)
{
    const struct sensor_owner owner = {router, on_said, on_changed};
    router->watch = sensor_new(router->loop, router->paths->libexec, "watch", &owner);
    router->liveness = liveness_new(router->loop, on_gone, router);
}

void watching_configure(struct router *router)
{
    int n = 0;
    router->watch_due = false;
    json_t *settings = router->config->watch ? mappings_watches(router->mappings, host_env, &n) : NULL;
    sensor_configure(router->watch, n > 0 ? settings : NULL);
    json_decref(settings);
}

void watching_stop(struct router *router)
{
    sensor_configure(router->watch, NULL);
    liveness_free(router->liveness);
    router->liveness = NULL;
}

bool watching_believes(const struct router *router, const struct mapped *mapped)
{
    if (mapped->pid && !mapped->gone && !host_process_lives(mapped->pid, mapped->pid_start))
        return false;
    return observe_counts(router->rules, mapped);
}
