/* orders.c: what the person asks of the daemon: acting commands become inputs, reading ones are answered
 * between turns, so that nobody sees what is not committed. */
#include "router/calendar.h"
#include "router/host.h"
#include "router/log.h"
#include "router/mapping.h"
#include "router/presence.h"
#include "router/plain.h"
#include "router/router_inside.h"
#include "router/trouble.h"
#include "router/view.h"
#include "rules/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct order { /* somebody waits for an answer */
    struct router *router;
    router_answer_cb answer;
    void *owner;
    char *warning; /* it is done, but */
};

static struct order *order_new(struct router *router, router_answer_cb answer, void *owner)
{
    struct order *order = must_alloc(sizeof *order);
    *order = (struct order){router, answer, owner, NULL};
    return order;
}

static json_t *refusal(const char *error, const char *at)
{
    return json_pack("{s:b, s:o, s:s}", "ok", 0, "error", plain_json(error), "at", text_or(at, ""));
}

static void on_taken(void *owner, struct arrival *arrival, const struct answer *answer)
{
    struct order *order = owner;
    (void)arrival;
    json_t *reply = answer->ok ? json_pack("{s:b, s:I}", "ok", 1, "seq", (json_int_t)answer->seq)
                               : refusal(answer->error, answer->at);
    if (!answer->ok && answer->retry)
        json_object_set_new(reply, "retry", json_true());
    if (answer->ok && order->warning)
        json_object_set_new(reply, "warning", plain_json(order->warning));
    order->answer(order->owner, reply);
    free(order->warning);
    free(order);
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static json_t *answer_query(struct router *router, const char *command, const json_t *message)
{
    struct query_receiver receivers[RECEIVER_SLOTS];
    struct query query = {.rules = router->rules,
                          .version = QUIETBELL_VERSION,
                          .pid = getpid(),
                          .started_wall_ms = router->started_wall_ms,
                          .socket = router->paths->socket,
                          .config = router->config_path,
                          .config_wall_ms = router->config_wall_ms,
                          .config_problem = text_or(router->config_problem, NULL),
                          .receivers = receivers,
                          .signals = sensing_signals(router->sensing),
                          .counts = router->counts,
                          .hearing = &router->hearing};
    host_moment(&query.now);
    query.n_receivers = outbox_status(router->outbox, router->rules, receivers, RECEIVER_SLOTS);
    return query_answer(&query, command, message);
}

void orders_flush(struct router *router)
{
    while (router->asked) {
        struct asked *asked = router->asked;
        router->asked = asked->next;
        asked->answer(asked->owner, answer_query(router, asked->command, asked->message));
        json_decref(asked->message);
        free(asked->command);
        free(asked);
    }
    router->asked_end = &router->asked;
}

static void ask(struct router *router, const char *command, json_t *message,
                router_answer_cb answer, void *owner)
{
    if (!router->committing) {
        answer(owner, answer_query(router, command, message));
        return;
    }
    struct asked *asked = must_alloc(sizeof *asked);
    asked->message = json_incref(message);
    asked->command = must_copy(command);
    asked->answer = answer;
    asked->owner = owner;
    *router->asked_end = asked;
    router->asked_end = &asked->next;
}

/* ---- acting ------------------------------------------------------------------------------------------- */

static const char *text_member(const json_t *message, const char *key)
{
    return text_or(json_string_value(json_object_get(message, key)), "");
}

static uint64_t need_of_session(const struct router *router, const char *name)
{
    for (const struct need *need = rules_need_next(router->rules, NULL); need && *name;
         need = rules_need_next(router->rules, need)) {
        char id[ID_TEXT_MAX];
        if (need_open(need) && (text_same(need->session->session, name) ||
                                text_same(id_text(need->session->record.id, id), name)))
            return need->record.id;
    }
    return 0;
}

static void act(struct router *router, enum command_type type, const json_t *message,
                router_answer_cb answer, void *owner)
{
    struct command command = {.type = type,
                              .need_id = id_parse(text_member(message, "need")),
                              .alert_id = id_parse(text_member(message, "alert")),
                              .version = json_integer_value(json_object_get(message, "version")),
                              .for_ms = json_integer_value(json_object_get(message, "for_ms")),
                              .focus = text_member(message, "focus")};
    bool on_need = type == COMMAND_ACK || type == COMMAND_SNOOZE || type == COMMAND_RESOLVE ||
                   type == COMMAND_SERVE;
    if (on_need && !command.need_id && !command.alert_id)
        command.need_id = need_of_session(router, text_member(message, "session"));
    if (on_need && !command.need_id && !command.alert_id)
        return answer(owner,
                      refusal("no open need has that id: `quietbell needs` lists them", "/need"));
    if (command.for_ms < 0 || command.for_ms > INT64_C(30) * 86400000)
        return answer(owner,
                      refusal("for_ms is a duration in milliseconds, at most 30 days", "/for_ms"));
    if (type == COMMAND_SNOOZE && command.for_ms == 0)
        return answer(owner, refusal("snooze needs for_ms: for how long", "/for_ms"));
    struct arrival *arrival = arrival_command(&command);
    arrival->answer = on_taken;
    arrival->owner = order_new(router, answer, owner);
    router_offer(router, arrival);
}

static void take_presence(struct router *router, json_t *message, router_answer_cb answer, void *owner)
{
    struct presence_input presence;
    struct refusal why;
    if (presence_parse(message, &presence, &why) < 0)
        return answer(owner, refusal(why.error, why.at));
    struct arrival *arrival = arrival_presence(&presence, json_incref(message));
    arrival->answer = on_taken;
    arrival->owner = order_new(router, answer, owner);
    router_offer(router, arrival);
}

static void on_tested(void *arg, bool delivered, const char *reason)
{
    struct order *order = arg;
    order->answer(order->owner, delivered ? json_pack("{s:b}", "ok", 1) : refusal(reason, ""));
    free(order);
}

static void test(struct router *router, const json_t *message, router_answer_cb answer, void *owner)
{
    struct order *order = order_new(router, answer, owner);
    const char *receiver = text_member(message, "receiver");
    if (outbox_test(router->outbox, receiver, "quietbell: a test",
                    "If you can read this, the receiver works.", on_tested, order))
        return;
    char error[128];
    snprintf(error, sizeof error, "no receiver is called %.40s", text_or(receiver, "that"));
    free(order);
    answer(owner, refusal(error, "/receiver"));
}

/* ---- Open -------------------------------------------------------------------------------------------- */

struct opening { /* the person is on the way */
    struct router *router;
    char receiver[128], need[ID_TEXT_MAX];
};

static void on_said(void *arg, bool delivered, const char *reason)
{
    (void)arg, (void)delivered, (void)reason; /* the log has it */
}

/* They pressed a button and nothing happened: the receiver they pressed it on says why. */
static void on_arrived(void *arg, bool ok, const char *said)
{
    struct opening *opening = arg;
    struct router *router = opening->router;
    router->jump = NULL;
    if (ok) {
        log_info("need %s: opened by %s", opening->need, said);
    } else {
        log_error("need %s: cannot be opened: %s", opening->need, said);
        if (!router->stopping)
            outbox_test(router->outbox, opening->receiver, "quietbell cannot go there", said,
                        on_said, NULL);
    }
    free(opening);
    router_want(router);
}

void orders_open(struct router *router, const char *receiver, uint64_t alert_id)
{
    const struct alert *alert = rules_alert_find(router->rules, alert_id);
    int n = 0;
    const struct need *const *needs = alert ? rules_alert_needs(router->rules, alert, &n) : NULL;
    if (n == 0 || router->jump || router->stopping)
        return; /* answered meanwhile; or they press again while the first is under way */
    struct moment now;
    host_moment(&now);
    const struct command serve = {.type = COMMAND_SERVE, .need_id = needs[0]->record.id};
    router_offer(router, arrival_command(&serve));
    struct opening *opening = must_alloc(sizeof *opening);
    opening->router = router;
    snprintf(opening->receiver, sizeof opening->receiver, "%s", receiver);
    id_text(needs[0]->record.id, opening->need);
    json_t *view = view_need(router->rules, &now, needs[0]);
    router->jump =
        jump_start(router->loop, router->paths->libexec, jump_order(view), on_arrived, opening);
    json_decref(view);
}

/* ---- the configuration ------------------------------------------------------------------------------ */

/* On one line: where, the key, what, and what may have been meant. */
static void tell_problem(const struct problem *first, int status, char *buf, size_t size)
{
    if (!first) {
        snprintf(buf, size, "%s", strerror(-status));
        return;
    }
    snprintf(buf, size, "%s:%d:%d: %s%s%s%s%s%s", first->file, first->line, first->column,
             text_or(first->key, ""), text_empty(first->key) ? "" : ": ", first->message,
             text_empty(first->suggestion) ? "" : " (", text_or(first->suggestion, ""),
             text_empty(first->suggestion) ? "" : ")");
}

/* The configuration and the person's mapping files: all of it is right, or nothing is taken. */
static int load(struct router *router, struct config **config, struct mappings **mappings,
                struct problems *problems)
{
    int status = config_load(config, router->config_path, problems);
    if (status == 0)
        status = mappings_load(mappings, router->paths->agents, problems);
    if (status < 0)
        config_free(*config);
    return status;
}

/* A bad file changes nothing. */
void router_reload(struct router *router, router_answer_cb answer, void *owner)
{
    struct problems problems = {0};
    struct config *config = NULL;
    struct mappings *mappings = NULL;
    if (!router->config_path && router->paths->config && access(router->paths->config, F_OK) == 0)
        router->config_path = router->paths->config; /* it was written since the start */
    int status = load(router, &config, &mappings, &problems);
    if (status < 0) {
        const struct problem *first = problems.n ? &problems.list[0] : NULL;
        tell_problem(first, status, router->config_problem, sizeof router->config_problem);
        trouble_set("config", router->config_problem,
                    "mend the file (`quietbell check` shows all that is wrong in the configuration), then `quietbell reload`; "
                    "until then the rules that were in force stay");
        log_error("not loaded: %s", router->config_problem);
        problems_clear(&problems);
        if (answer)
            answer(owner, refusal(router->config_problem, ""));
        return;
    }
    problems_clear(&problems);
    router->config_problem[0] = '\0';
    trouble_clear("config");
    log_info("loaded %s", text_or(router->config_path, "the embedded defaults"));
    struct arrival *arrival = arrival_new(INPUT_POLICY);
    arrival->config = config;
    arrival->mappings = mappings;
    if (answer) {
        struct order *order = order_new(router, answer, owner);
        order->warning = calendars_missing(config);
        arrival->answer = on_taken;
        arrival->owner = order;
    }
    router_offer(router, arrival);
}

void router_command(struct router *router, const struct message *message, router_answer_cb answer,
                    void *owner)
{
    static const struct {
        const char *name;
        enum command_type type;
    } acts[] = {{"ack", COMMAND_ACK},
                {"snooze", COMMAND_SNOOZE},
                {"resolve", COMMAND_RESOLVE},
                {"focus-on", COMMAND_FOCUS_ON},
                {"focus-off", COMMAND_FOCUS_OFF},
                {"break", COMMAND_BREAK},
                {"serve", COMMAND_SERVE}};
    const char *command = text_member(message->json, "command");
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (strcmp(command, acts[i].name) == 0)
            return act(router, acts[i].type, message->json, answer, owner);
    }
    if (query_knows(command))
        return ask(router, command, message->json, answer, owner);
    if (strcmp(command, "presence") == 0)
        return take_presence(router, message->json, answer, owner);
    if (strcmp(command, "test") == 0)
        return test(router, message->json, answer, owner);
    if (strcmp(command, "reload") == 0)
        return router_reload(router, answer, owner);
    answer(owner, refusal("unknown command", "/command"));
}
