/* recover.c: from the store to the state: at the start, and after a commit that failed.
 *
 * A failed commit acknowledges nothing. The state in memory holds what is not on disk, so it is dropped and
 * loaded anew; until the store works again everything is refused with `retry`, so that hooks spool. */
#include "router/host.h"
#include "router/log.h"
#include "router/router_inside.h"
#include "router/trouble.h"
#include "rules/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BACKOFF_FIRST_MS = 250, BACKOFF_MAX_MS = 30000 };

static void tell_set_aside(const struct store_opened *info)
{
    char what[TROUBLE_TEXT_MAX], todo[TROUBLE_TEXT_MAX];
    snprintf(what, sizeof what, "the database was damaged and set aside: %.200s", info->why);
    snprintf(todo, sizeof todo, "a new one was begun; the old one is %.200s", info->aside);
    log_error("%s; %s", what, todo);
    trouble_set("database", what, todo);
}

static int load_state(struct router *router, char *error, size_t size)
{
    struct moment last;
    int dropped = 0;
    hearing_clear(&router->hearing); /* ids may come again, of what was not committed */
    rules_free(router->rules);
    router->rules = rules_new();
    int status = store_last(router->store, &router->seq, &last);
    if (status == 0)
        status = store_load(router->store, router->rules, &dropped);
    if (status < 0) {
        char why[STORE_ERROR_MAX];
        snprintf(error, size, "store: %s", store_error(router->store, why));
        return status;
    }
    router->loaded = router->seq > 0;
    if (dropped > 0)
        log_error("store: %d rows fitted nowhere and were dropped", dropped);
    return 0;
}

int recover_load(struct router *router, char *error, size_t size)
{
    struct store_opened info = {0};
    struct moment last;
    int n;
    const struct noun *const *nouns = rules_nouns(&n);
    int status = store_open(&router->store, router->paths->database, nouns, n, host_wall_ms(), &info);
    if (status < 0) {
        snprintf(error, size, "%s", info.error);
        return status;
    }
    if (info.damaged)
        tell_set_aside(&info);
    if (store_last(router->store, &router->seq, &last) == 0 && router->seq > 0)
        host_carry(&last);
    status = load_state(router, error, size);
    if (status != -EUCLEAN)
        return status;
    status = store_renew(router->store, host_wall_ms(), &info);
    if (status < 0) {
        snprintf(error, size, "%s", info.error);
        return status;
    }
    tell_set_aside(&info);
    return load_state(router, error, size);
}

/* ---- a failing store ---------------------------------------------------------------------------------- */

static void refuse_all(struct arrival *list, const char *error)
{
    const struct answer answer = {.error = error, .at = "", .retry = true};
    while (list) {
        struct arrival *arrival = list;
        list = arrival->next;
        router_reply(arrival, &answer);
        arrival_free(arrival);
    }
}

static void refuse_queue(struct router *router, const char *error)
{
    struct arrival *queue = router->queue;
    router->queue = NULL;
    router->queue_end = &router->queue;
    router->weight = 0;
    refuse_all(queue, error);
}

static void on_alarm(void *arg, bool delivered, const char *reason)
{
    (void)arg;
    if (!delivered)
        log_error("the alarm about the store could not be shown: %s", reason);
}

/* The one alert that is not stored: there is nothing to store it in. */
static void alarm_person(struct router *router, const char *error)
{
    if (router->alarmed || router->config->n_receivers == 0)
        return;
    router->alarmed = true;
    outbox_test(router->outbox, router->config->receivers[0].name,
                "quietbell cannot store what it is told", error, on_alarm, NULL);
}

void recover_failed(struct router *router, int status)
{
    char why[STORE_ERROR_MAX], error[STORE_ERROR_MAX + 16];
    struct store_opened info = {0};
    snprintf(error, sizeof error, "store: %s", store_error(router->store, why));
    log_error("%s; nothing of this turn was acknowledged", error);
    struct arrival *batch = router->batch;
    router->batch = NULL;
    refuse_all(batch, error);
    outbox_forget(router->outbox);
    if (status == -EUCLEAN && store_renew(router->store, host_wall_ms(), &info) == 0)
        tell_set_aside(&info);
    if (load_state(router, why, sizeof why) < 0)
        log_error("%s", why);
    router->deadline_ms = NEVER_MS;
    router->failing = true;
    router->backoff_ms = router->backoff_ms ? router->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (router->backoff_ms > BACKOFF_MAX_MS)
        router->backoff_ms = BACKOFF_MAX_MS;
    router->next_try_ms = host_elapsed_ms() + router->backoff_ms;
    trouble_set("store", error,
                "make room on the disk, or see that it can be written; nothing is lost meanwhile: "
                "hooks keep their messages in the spool");
    alarm_person(router, error);
}

void recover_done(struct router *router)
{
    if (!router->failing && router->backoff_ms == 0)
        return;
    router->failing = router->alarmed = false;
    router->backoff_ms = 0;
    if (trouble_clear("store"))
        log_info("the store can be written again");
}

/* What a loaded state needs before anything else: what was in flight is ambiguous, then the policy. */
static void queue_first(struct router *router)
{
    struct arrival *behind = router->queue;
    struct problems problems = {0};
    struct config *config = NULL;
    router->queue = NULL;
    router->queue_end = &router->queue;
    for (const struct alert *alert = rules_alert_next(router->rules, NULL); alert;
         alert = rules_alert_next(router->rules, alert)) {
        const struct receiver *receiver = rules_receiver_at(router->rules, (int)alert->receiver);
        const struct outcome nothing = {.type = OUTCOME_HANDED,
                                        .receiver = receiver ? receiver->name : "",
                                        .alert_id = alert->record.id};
        if (alert->handed)
            router_offer(router, arrival_outcome(&nothing));
    }
    if (config_parse(&config, router->config->text, strlen(router->config->text),
                     router->config->file, NULL, CONFIG_RECORDED, &problems) == 0) {
        struct arrival *policy = arrival_new(INPUT_POLICY);
        policy->config = config;
        free(config->file);
        config->file = NULL; /* the receivers are in force already */
        router_offer(router, arrival_new(INPUT_START));
        router_offer(router, policy);
    }
    problems_clear(&problems);
    *router->queue_end = behind;
    while (*router->queue_end)
        router->queue_end = &(*router->queue_end)->next;
}

bool recover_hold(struct router *router)
{
    if (!router->failing)
        return false;
    if (host_elapsed_ms() < router->next_try_ms) {
        refuse_queue(router, "store: it cannot be written just now");
        return true;
    }
    router->failing = false; /* one try; recover_failed() says if it failed again */
    queue_first(router);
    return false;
}

/* ---- the start ---------------------------------------------------------------------------------------- */

static void on_started(void *owner, struct arrival *arrival, const struct answer *answer)
{
    struct router *router = owner;
    (void)arrival;
    if (!answer->ok)
        log_error("starting: %s", answer->error);
    if (router->ready)
        router->ready(router->ready_arg);
    router->ready = NULL;
    router->started = true;
    router_want(router);
}

static void offer_gone(struct router *router, const struct session *session)
{
    struct arrival *gone = arrival_new(INPUT_GONE);
    gone->text = must_copy(session->host);
    gone->pid = session->pid;
    gone->pid_start = session->pid_start;
    router_offer(router, gone);
}

void router_start(struct router *router, void (*ready)(void *arg), void *arg)
{
    router->ready = ready;
    router->ready_arg = arg;
    for (const struct session *session = rules_session_next(router->rules, NULL); session;
         session = rules_session_next(router->rules, session)) {
        if (session->pid && session->state != STATE_ENDED && text_same(session->host, host_name()) &&
            !host_process_lives(session->pid, session->pid_start))
            offer_gone(router, session);
    }
    for (const struct alert *alert = rules_alert_next(router->rules, NULL); alert;
         alert = rules_alert_next(router->rules, alert)) {
        const struct receiver *receiver = rules_receiver_at(router->rules, (int)alert->receiver);
        const struct outcome nothing = {.type = OUTCOME_HANDED,
                                        .receiver = receiver ? receiver->name : "",
                                        .alert_id = alert->record.id};
        if (alert->handed)
            router_offer(router, arrival_outcome(&nothing));
    }
    struct arrival *policy = arrival_new(INPUT_POLICY);
    policy->config = router->config;
    policy->answer = on_started;
    policy->owner = router;
    router->config = NULL;
    router_offer(router, arrival_new(INPUT_START));
    router_offer(router, policy);
}
