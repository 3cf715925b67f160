/* post.c: see post.h. */
#include "router/post.h"

#include "plugins/protocol.h"
#include "router/host.h"
#include "router/log.h"
#include "router/plain.h"
#include "router/trouble.h"
#include "rules/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- flights ------------------------------------------------------------------------------------- */

bool post_flying(const struct flight *flight)
{
    return flight->alert_id || flight->test_cb;
}

struct flight *post_free_flight(struct post *post)
{
    for (int i = 0; i < FLIGHTS_MAX; i++) {
        if (!post_flying(&post->flights[i]))
            return &post->flights[i];
    }
    return NULL;
}

struct flight *post_find_flight(struct post *post, uint64_t alert_id)
{
    for (int i = 0; i < FLIGHTS_MAX; i++) {
        if (post->flights[i].alert_id == alert_id)
            return &post->flights[i];
    }
    return NULL;
}

/* 1 s, 2 s, 4 s … 5 min, and up to a quarter more, by a hash of what is retried: no thundering herd. */
static int64_t retry_delay(const struct post *post, uint64_t alert_id, int64_t after_ms)
{
    int64_t delay = RETRY_FIRST_MS;
    for (int i = 1; i < post->attempts && delay < RETRY_MAX_MS; i++)
        delay *= 2;
    if (delay > RETRY_MAX_MS)
        delay = RETRY_MAX_MS;
    uint64_t hash = (alert_id + (uint64_t)post->attempts) * 0x9e3779b97f4a7c15u;
    delay += (int64_t)((hash >> 40) % (uint64_t)(delay / 4 + 1));
    return after_ms > delay ? after_ms : delay;
}

static void tell_trouble(struct post *post, const char *reason)
{
    char key[TROUBLE_KEY_MAX], what[TROUBLE_TEXT_MAX], todo[TROUBLE_TEXT_MAX];
    snprintf(key, sizeof key, "receiver %.40s", post->receiver);
    snprintf(what, sizeof what, "receiver %.40s does not take alerts: %.240s", post->receiver, reason);
    snprintf(todo, sizeof todo, "see to that, then: quietbell test %.40s", post->receiver);
    if (trouble_set(key, what, todo))
        log_error("%s", what);
}

/* True if there was one. */
bool post_clear_trouble(const struct post *post)
{
    char key[TROUBLE_KEY_MAX];
    snprintf(key, sizeof key, "receiver %.40s", post->receiver);
    return trouble_clear(key);
}

static void end_trouble(const struct post *post)
{
    if (post_clear_trouble(post))
        log_info("receiver %s takes alerts again", post->receiver);
}

/* One attempt is over: says so to the core, or to whoever tried the receiver out. */
void post_land(struct post *post, struct flight *flight, enum outcome_type type, int64_t after_ms,
               const char *reason)
{
    struct flight landed = *flight;
    *flight = (struct flight){0};
    if (type == OUTCOME_DELIVERED) {
        post->delivered++;
        post->attempts = 0;
        post->not_before_ms = 0;
        end_trouble(post);
    } else {
        post->attempts++;
        post->retried += type == OUTCOME_RETRY;
        post->failed += type == OUTCOME_FAILED;
        if (type == OUTCOME_RETRY && !landed.test_cb)
            post->not_before_ms = host_elapsed_ms() + retry_delay(post, landed.alert_id, after_ms);
        tell_trouble(post, reason);
    }
    if (landed.test_cb) {
        landed.test_cb(landed.test_arg, type == OUTCOME_DELIVERED, reason);
        return;
    }
    const struct outcome outcome = {.type = type,
                                    .receiver = post->receiver,
                                    .alert_id = landed.alert_id,
                                    .version = type == OUTCOME_DELIVERED ? landed.version : landed.marked,
                                    .reason = reason};
    post->outbox->router.outcome(post->outbox->router.arg, &outcome);
}

/* ---- what a plugin says -------------------------------------------------------------------------- */

static const char *member(const json_t *message, const char *key)
{
    return text_or(json_string_value(json_object_get(message, key)), "");
}

/* A plugin's sentence, cut and on one line. */
static void take_reason(const json_t *message, const char *otherwise, char *buf, size_t size)
{
    plain_line(text_or(member(message, "reason"), otherwise), buf, size);
}

static void take_result(struct post *post, const json_t *message)
{
    char reason[PROTOCOL_REASON_MAX];
    int64_t ref = strtoll(member(message, "id"), NULL, 10);
    struct flight *flight = NULL;
    for (int i = 0; i < FLIGHTS_MAX; i++) {
        if (post_flying(&post->flights[i]) && post->flights[i].ref && post->flights[i].ref == ref)
            flight = &post->flights[i];
    }
    if (!flight)
        return log_debug("receiver %s: its plugin answered what is not in flight", post->receiver);
    for (int i = 0; i < FLIGHTS_MAX; i++) /* it works: each answer renews the patience for the others */
        post->flights[i].due_ms = host_elapsed_ms() + post->patience_ms;
    const char *outcome = member(message, "outcome");
    json_int_t after_ms = json_integer_value(json_object_get(message, "after_ms"));
    take_reason(message, "it gave no reason", reason, sizeof reason);
    if (strcmp(outcome, PROTOCOL_DELIVERED) == 0)
        post_land(post, flight, OUTCOME_DELIVERED, 0, "");
    else if (strcmp(outcome, PROTOCOL_FAILED) == 0)
        post_land(post, flight, OUTCOME_FAILED, 0, reason);
    else
        post_land(post, flight, OUTCOME_RETRY,
                  after_ms < 0              ? 0
                  : after_ms > AFTER_MAX_MS ? AFTER_MAX_MS
                                            : after_ms,
                  reason);
}

static void take_acted(struct post *post, const json_t *message, const char *action)
{
    struct command command = {.alert_id = id_parse(member(message, "alert")),
                              .version = json_integer_value(json_object_get(message, "version")),
                              .for_ms = json_integer_value(json_object_get(message, "for_ms"))};
    if (!command.alert_id || command.version <= 0)
        return;
    if (strcmp(action, PROTOCOL_OPEN) == 0) {
        post->outbox->router.open(post->outbox->router.arg, post->receiver, command.alert_id);
        return;
    }
    if (strcmp(action, PROTOCOL_ACKNOWLEDGE) == 0) {
        command.type = COMMAND_ACK;
    } else if (strcmp(action, PROTOCOL_SNOOZE) == 0) {
        command.type = COMMAND_SNOOZE;
        if (command.for_ms <= 0 || command.for_ms > INT64_C(30) * 86400000)
            command.for_ms = 1800000;
    } else {
        return; /* open: a jump to the place, of a later issue */
    }
    post->outbox->router.command(post->outbox->router.arg, &command);
}

static void on_said(void *arg, const char *type, const json_t *message)
{
    struct post *post = arg;
    if (strcmp(type, PROTOCOL_RESULT) == 0)
        take_result(post, message);
    else if (strcmp(type, "acted") == 0)
        take_acted(post, message, member(message, "action"));
    else if (strcmp(type, "closed") == 0 && strcmp(member(message, "by"), "person") == 0)
        take_acted(post, message, PROTOCOL_ACKNOWLEDGE); /* dismissed by hand; a time-out says nothing */
    else if (strcmp(type, "event") == 0 &&
             !post->outbox->router.event(post->outbox->router.arg, post->receiver, message))
        plugin_nonsense(post->plugin, "an event that is no message");
    else if (strcmp(type, PROTOCOL_PRESENCE) == 0 &&
             !post->outbox->router.presence(post->outbox->router.arg, message))
        plugin_nonsense(post->plugin, "presence that makes no sense");
}

static void on_up(void *arg, bool updates, bool withdraws)
{
    struct post *post = arg;
    const struct outcome outcome = {
        .type = OUTCOME_UP, .receiver = post->receiver, .updates = updates, .withdraws = withdraws};
    post->attempts = 0;
    post->not_before_ms = 0;
    end_trouble(post);
    log_info("receiver %s: its plugin %s serves", post->receiver, post->plugin_name);
    post->outbox->router.outcome(post->outbox->router.arg, &outcome);
}

/* It was not handed over after all, or nobody knows whether it arrived: it returns to the queue. */
void post_not_handed(struct post *post, struct flight *flight)
{
    const struct outcome nothing = {
        .type = OUTCOME_HANDED, .receiver = post->receiver, .alert_id = flight->alert_id, .version = 0};
    *flight = (struct flight){0};
    post->outbox->router.outcome(post->outbox->router.arg, &nothing);
}

static void give_back(struct post *post, struct flight *flight, const char *reason)
{
    if (flight->test_cb)
        post_land(post, flight, OUTCOME_FAILED, 0, reason);
    else
        post_not_handed(post, flight);
}

/* What was in flight may have arrived, or not: it returns to the queue. */
void post_down(struct post *post, const char *reason)
{
    const struct outcome outcome = {.type = OUTCOME_DOWN, .receiver = post->receiver, .reason = reason};
    tell_trouble(post, reason);
    post->outbox->router.outcome(post->outbox->router.arg, &outcome);
    for (int i = 0; i < FLIGHTS_MAX; i++) {
        if (post_flying(&post->flights[i]) && post->flights[i].ref)
            give_back(post, &post->flights[i], reason);
    }
}

static void on_changed(void *arg)
{
    struct post *post = arg;
    post->outbox->router.changed(post->outbox->router.arg);
}

static bool is_busy(void *arg)
{
    const struct post *post = arg;
    return post->outbox->router.busy(post->outbox->router.arg);
}

static void on_down(void *arg, const char *reason)
{
    post_down(arg, reason);
}

struct plugin_owner post_owner(struct post *post)
{
    return (struct plugin_owner){post, on_up, on_down, on_said, on_changed, is_busy};
}
