/* watching.c: what the router sees for itself: agents' files, through the file watch, and whether their processes
 * live. What a file says is a message; a death is an input. */
#include "router/calendar.h"
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

static void on_up(void *arg)
{
    (void)arg;
    observe_begin();
}

static void on_gone(void *arg, int64_t pid, int64_t pid_start)
{
    struct arrival *gone = arrival_new(INPUT_GONE);
    gone->text = must_copy(host_name());
    gone->pid = pid;
    gone->pid_start = pid_start;
    router_offer(arg, gone);
}

/* It ends as if it had been posted. */
static void on_silent(void *arg, const struct session *session)
{
    struct message message;
    struct refusal refusal;
    json_t *json = json_pack("{s:s, s:I, s:s, s:s, s:s, s:s}", "type", "event", "at_ms",
                             (json_int_t)host_wall_ms(), "agent", text_or(session->agent, ""),
                             "session", text_or(session->session, ""), "host",
                             text_or(session->host, ""), "state", "ended");
    if (json && message_take(&message, json, &refusal) == 0)
        router_offer(arg, arrival_message(&message, NULL, 0));
}

void watching_open(struct router *router)
{
    const struct sensor_owner owner = {router, on_said, on_changed, on_up};
    router->watch = sensor_new(router->loop, router->paths->libexec, "watch", &owner);
    router->sensing = sensing_new(router);
    router->calendars = calendars_new(router);
    router->liveness = liveness_new(router->loop, on_gone, on_silent, router);
}

void watching_configure(struct router *router)
{
    int n = 0;
    router->watch_due = false;
    json_t *settings = mappings_watches(router->mappings, host_env, router->config->watch_agents, &n);
    sensor_configure(router->watch, n > 0 ? settings : NULL);
    sensing_configure(router->sensing, router->config->presence);
    calendars_configure(router->calendars, router->config);
    json_decref(settings);
}

void watching_stop(struct router *router)
{
    sensor_configure(router->watch, NULL);
    sensing_configure(router->sensing, NULL);
    calendars_configure(router->calendars, NULL);
    liveness_free(router->liveness);
    router->liveness = NULL;
}

/* Process numbers of a container, or of another machine that is called as this one, say nothing here: only of our
 * own a death can be seen. */
static void drop_foreign(const struct message *message, struct event *event)
{
    const char *space = json_string_value(json_object_get(message->context, "pid_space"));
    if (text_empty(space) || strcmp(space, host_pid_space()) == 0)
        return;
    event->pid = event->pid_start = 0;
}

bool watching_believes(const struct router *router, const struct message *message, struct mapped *mapped)
{
    struct event *event = &mapped->event;
    drop_foreign(message, event);
    if (mapped->pid && !mapped->gone && strcmp(event->host, host_name()) == 0) {
        int64_t start = mapped->pid_start;
        if (!start)
            start = host_process_start(mapped->pid, mapped->written_ms);
        if (!start || !host_process_lives(mapped->pid, start))
            return false;
        if (observe_process(router->rules, mapped)) { /* no hook says whose it is */
            event->pid = mapped->pid;
            event->pid_start = start;
        }
    }
    return observe_counts(router->rules, mapped);
}
