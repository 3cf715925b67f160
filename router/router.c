/* router.c: the turn. Read router_take() first: it is the whole way of what comes in, through the shell.
 *
 * Long because a turn, what it is fed by, and its end belong together. */
#include "router/router.h"

#include "router/calendar.h"
#include "router/host.h"
#include "router/journal.h"
#include "router/log.h"
#include "router/quarantine.h"
#include "router/router_inside.h"
#include "router/trouble.h"
#include "rules/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the queue ------------------------------------------------------------------------------------- */

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* the check that follows does the turn */
}

void router_want(struct router *router)
{
    router->wanted = true;
    if (!uv_is_closing((uv_handle_t *)&router->idle))
        uv_idle_start(&router->idle, on_idle);
}

void router_offer(struct router *router, struct arrival *arrival)
{
    arrival->next = NULL;
    *router->queue_end = arrival;
    router->queue_end = &arrival->next;
    router->weight += arrival_weight(arrival);
    router_want(router);
}

bool router_full(const struct router *router)
{
    return router->weight > QUEUE_WEIGHT_MAX;
}

void router_on_room(struct router *router, void (*room)(void *arg), void *arg)
{
    router->room = room;
    router->room_arg = arg;
}

void router_reply(struct arrival *arrival, const struct answer *answer)
{
    if (arrival->answer)
        arrival->answer(arrival->owner, arrival, answer);
    arrival->answer = NULL;
}

/* ---- stepping ---------------------------------------------------------------------------------------- */

/* One line of log per thing that a person would want to find again. */
static void log_effects(const struct router *router, const struct effects *effects)
{
    for (int i = 0; i < effects->n; i++) {
        const struct effect *effect = &effects->list[i];
        const struct need *need = rules_need_find(router->rules, effect->need_id);
        char id[ID_TEXT_MAX];
        if (effect->type == EFFECT_SHED) {
            if (trouble_set("shed", effect->reason, "see what asks so much: quietbell sessions"))
                log_error("%s", effect->reason); /* once: a flood of messages is no flood of lines */
        } else if (need) {
            log_debug("need %s of %s: %s (%s)", id_text(effect->need_id, id),
                      session_where(need->session),
                      effect->type == EFFECT_NEED_OPENED ? "opened" : "moved", effect->reason);
        }
    }
}

/* An input becomes part of the batch; its sequence number is taken. Of a hook the message itself is kept too,
 * so that a mended mapping can be tried on it; of the others the body says it all. */
static void record(struct router *router, struct arrival *arrival)
{
    bool hook = arrival->has_message && arrival->message.type == MESSAGE_HOOK;
    arrival->recorded = true;
    arrival->seq = ++router->seq;
    router->inputs[router->n_inputs++] = (struct store_input){.seq = arrival->seq,
                                                              .message_id = arrival->message_id,
                                                              .at_wall_ms = arrival->at_wall_ms,
                                                              .moment = router->now,
                                                              .type = journal_type(arrival->type),
                                                              .body = arrival->body,
                                                              .body_len = strlen(arrival->body),
                                                              .raw = hook ? arrival->raw : NULL,
                                                              .raw_len = hook ? arrival->raw_len : 0};
    if (arrival->message_id)
        store_remember(router->store, arrival->message_id, arrival->at_wall_ms, arrival->seq);
}

/* An input without a body. */
static void record_bare(struct router *router, const char *type)
{
    static const char body[] = "{}";
    router->inputs[router->n_inputs++] = (struct store_input){.seq = ++router->seq,
                                                              .moment = router->now,
                                                              .type = type,
                                                              .body = body,
                                                              .body_len = sizeof body - 1};
}

/* Where the state was read back the log says so, before anything else: who plays it again does the same. */
static void record_loaded(struct router *router)
{
    if (router->loaded)
        record_bare(router, JOURNAL_LOADED);
    router->loaded = false;
}

static char *body_of(const struct router *router, const struct arrival *arrival,
                     const struct input *input)
{
    const struct mappings *mappings = arrival->mappings ? arrival->mappings : router->mappings;
    if (!arrival->config)
        return journal_body(input, NULL, NULL);
    return journal_policy_body(arrival->config->text, arrival->config->file, mappings_record(mappings));
}

static void judge(struct router *router, struct arrival *arrival, struct input *input)
{
    record_loaded(router);
    input->seq = router->seq + 1;
    input->type = arrival->type;
    arrival->body = body_of(router, arrival, input);
    const struct effects *effects = rules_step(router->rules, &router->now, input);
    router->deadline_ms = effects->deadline_ms;
    log_effects(router, effects);
    for (int i = 0; i < effects->n; i++) {
        if (effects->list[i].type == EFFECT_REFUSED) {
            refuse(&arrival->refused, "", "%s", effects->list[i].reason);
            if (effects->n > 1 || rules_changed(router->rules)) /* but it was a look, too */
                record_bare(router, journal_type(INPUT_TICK));
            return;
        }
    }
    record(router, arrival);
}

static void judge_event(struct router *router, struct arrival *arrival, const struct mapped *mapped)
{
    judge(router, arrival, &(struct input){.event = &mapped->event});
    hearing_add(&router->hearing, router->rules, &router->now, &mapped->event,
                mapped->line ? mapping_file(mapped->mapping) : NULL, mapped->line);
}

/* A message: known already, or mapped to an event, or refused. */
static void judge_message(struct router *router, struct arrival *arrival)
{
    struct mapped mapped;
    if (arrival->message_id &&
        (arrival->seq = store_known(router->store, arrival->message_id, arrival->at_wall_ms))) {
        router->counts.duplicates++;
        arrival->duplicate = true;
        return;
    }
    int got = arrival->message.type == MESSAGE_FILE && !arrival->seen
                  ? refuse(&arrival->refused, "/type", "files are seen by quietbell's own watch only")
                  : mapping_event(router->mappings, &arrival->message, &mapped, &arrival->refused);
    if (got < 0) {
        router->counts.refused++;
        if (arrival->message.type == MESSAGE_HOOK)
            quarantine_text(arrival->at_wall_ms, arrival->raw, arrival->raw_len,
                            arrival->refused.error);
    } else if (got == 0) {
        router->counts.ignored++;
        arrival->seq = router->seq;
    } else {
        if (text_empty(mapped.event.host))
            mapped.event.host = host_name();
        if (watching_believes(router, &arrival->message, &mapped))
            judge_event(router, arrival, &mapped);
    }
}

static void step(struct router *router, struct arrival *arrival)
{
    struct input input = {0};
    switch (arrival->type) {
    case INPUT_EVENT:
        return judge_message(router, arrival);
    case INPUT_COMMAND:
        input.command = arrival->command;
        break;
    case INPUT_OUTCOME:
        input.outcome = arrival->outcome;
        break;
    case INPUT_POLICY:
        input.policy = arrival->config->policy;
        arrival->config->policy = NULL; /* the core's from here on */
        break;
    case INPUT_GONE:
        input.gone.host = arrival->text;
        input.gone.pid = arrival->pid;
        input.gone.pid_start = arrival->pid_start;
        break;
    case INPUT_PRESENCE:
        input.presence = arrival->presence;
        break;
    case INPUT_CALENDAR:
        if (calendar_parse(arrival->json, &input.calendar, &arrival->refused) < 0)
            return;
        break;
    case INPUT_START:
    case INPUT_TICK:
    case INPUTS:
        break;
    }
    judge(router, arrival, &input);
}

/* The deadline came: a look that had no effect is not an input. */
static void tick(struct router *router)
{
    record_loaded(router);
    struct input input = {.seq = router->seq + 1, .type = INPUT_TICK};
    const struct effects *effects = rules_step(router->rules, &router->now, &input);
    router->deadline_ms = effects->deadline_ms;
    log_effects(router, effects);
    if (effects->n == 0 && !rules_changed(router->rules))
        return;
    record_bare(router, journal_type(INPUT_TICK));
}

/* Moves what has arrived into the batch, behind what is in it, and steps it in order. */
static void step_queue(struct router *router)
{
    struct arrival **end = &router->batch;
    while (*end)
        end = &(*end)->next;
    while (router->queue && router->n_batch < BATCH_MAX - 1) {
        router->n_batch++;
        struct arrival *arrival = router->queue;
        router->queue = arrival->next;
        router->weight -= arrival_weight(arrival);
        arrival->next = NULL;
        *end = arrival;
        end = &arrival->next;
        step(router, arrival);
    }
    if (!router->queue)
        router->queue_end = &router->queue;
}

/* Deadlines are steady, focuses follow the wall clock: where it was set all is looked at, due or not. */
static bool clock_was_set(struct router *router)
{
    int64_t ahead_ms = router->now.wall_ms - router->now.steady_ms;
    int64_t step_ms = ahead_ms - router->ahead_ms;
    bool set = router->started && (step_ms > CLOCK_STEP_MS || step_ms < -CLOCK_STEP_MS);
    if (set || !router->started)
        router->ahead_ms = ahead_ms;
    return set;
}

/* What has arrived; else a deadline that came. What is to be delivered now is marked in flight in the same
 * transaction, so that a delivery costs one commit and not two. */
static void step_all(struct router *router)
{
    router->n_batch = 0;
    step_queue(router);
    bool set = clock_was_set(router);
    if ((router->n_batch == 0 && router->deadline_ms <= router->now.steady_ms) ||
        (set && router->n_inputs == 0))
        tick(router);
    if (router->n_inputs > 0) {
        outbox_kick(router->outbox, router->rules);
        step_queue(router);
    }
}

/* ---- the turn --------------------------------------------------------------------------------------- */

static void commit(void *arg)
{
    struct router *router = arg;
    router->status = store_commit(router->store, &router->commit);
}

/* What a reload read of the person's mapping files. */
static void take_mappings(struct router *router, struct arrival *arrival)
{
    if (!arrival->mappings)
        return;
    mappings_free(router->mappings);
    router->mappings = arrival->mappings;
    arrival->mappings = NULL;
}

/* Answers the batch. A version marked in flight is handed over, a policy's plugins are started. */
static void speak(struct router *router)
{
    while (router->batch) {
        struct arrival *arrival = router->batch;
        router->batch = arrival->next;
        bool ok = !arrival->refused.error[0];
        const struct answer answer = {.ok = ok,
                                      .seq = arrival->seq,
                                      .error = ok ? NULL : arrival->refused.error,
                                      .at = arrival->refused.at};
        router->counts.taken += ok && arrival->has_message && !arrival->duplicate;
        if (arrival->recorded && arrival->type == INPUT_OUTCOME &&
            arrival->outcome.type == OUTCOME_HANDED)
            outbox_hand(router->outbox, router->rules, &router->now, arrival->outcome.alert_id,
                        arrival->outcome.version);
        if (arrival->recorded && arrival->type == INPUT_POLICY && arrival->config->file) {
            config_free(router->config);
            router->config = arrival->config;
            take_mappings(router, arrival);
            mappings_borrow(router->mappings, router->config->watches, router->config->n_watches);
            router->config_wall_ms = router->now.wall_ms;
            arrival->config = NULL;
            router_reply(arrival, &answer); /* before the plugins: starting them takes milliseconds */
            outbox_configure(router->outbox, router->config);
            router->watch_due = true; /* not before the answer: it reads all mappings */
        }
        router_reply(arrival, &answer);
        arrival_free(arrival);
    }
}

static void end_turn(struct router *router)
{
    speak(router);
    router->counts.seq = (int64_t)router->seq;
    outbox_kick(router->outbox, router->rules);
    orders_flush(router);
    if (router->n_inputs > 0 && !router->stopping) {
        liveness_follow(router->liveness, router->rules);
        sensing_follow(router->sensing);
    }
    if (router->queue)
        router_want(router);
    if (router->was_full && !router_full(router) && router->room) {
        router->was_full = false;
        router->room(router->room_arg);
    }
    router->was_full |= router_full(router);
}

static void after_commit(void *arg)
{
    struct router *router = arg;
    router->committing = false;
    router_want(router);
    if (router->status < 0) {
        recover_failed(router, router->status);
        return;
    }
    rules_committed(router->rules);
    recover_done(router);
    end_turn(router);
    router->answered = true;
}

/* Take what arrived → step the core → write inputs and effects in one transaction → commit, off the loop
 * thread → only then answer, and hand over → see when to look again. */
void router_take(struct router *router)
{
    if (router->committing)
        return; /* what arrives meanwhile is the next turn */

    host_moment(&router->now);
    if (recover_hold(router))
        return;
    router->n_inputs = 0;
    step_all(router);
    if (router->n_inputs == 0)
        return end_turn(router);

    router->commit =
        (struct store_batch){router->inputs, router->n_inputs, rules_changed(router->rules)};
    router->committing = true;
    worker_run(&router->worker);
}

/* ---- the store's side work --------------------------------------------------------------------------- */

#define HOUR_MS INT64_C(3600000)

static void on_side(uv_work_t *work)
{
    struct router *router = work->data;
    while (store_stretch_due(router->store))
        store_stretch(router->store);
    if (store_checkpoint_due(router->store))
        store_checkpoint(router->store);
    store_take_snapshot(router->store, router->retained_ms);
    while (store_retain(router->store, router->retained_ms, STORE_RETAIN_MOST) > 0)
        ;
    while (router->checking && store_check_step(router->store) > 0)
        ;
}

static void after_side(uv_work_t *work, int cancelled)
{
    struct router *router = work->data;
    (void)cancelled;
    router->side_busy = router->checking = false;
    router_want(router);
}

/* Checkpoints apart from the acknowledging path; each hour of work old rows go, each day the file is checked. */
static void work_aside(struct router *router)
{
    bool hour = router->now.steady_ms - router->retained_ms > HOUR_MS;
    bool due = hour || store_checkpoint_due(router->store) || store_stretch_due(router->store);
    if (!due || !router->started || router->side_busy || router->stopping)
        return; /* nothing before "ready": whoever starts it waits */
    if (hour)
        router->retained_ms = router->now.steady_ms;
    if (router->now.steady_ms - router->checked_ms > 24 * HOUR_MS) {
        router->checking = router->checked_ms != 0;
        router->checked_ms = router->now.steady_ms;
    }
    router->side_busy = true;
    uv_queue_work(router->loop, &router->side, on_side, after_side);
}

/* ---- the loop --------------------------------------------------------------------------------------- */

/* Arms the one timer for the earliest of the core's, the outbox's and the store's deadlines. */
static void arm(struct router *router)
{
    int64_t elapsed_ms = host_elapsed_ms(), wall_ms = NEVER_MS;
    int64_t outbox_ms = outbox_look(router->outbox, elapsed_ms),
            watch_ms = sensor_look(router->watch, elapsed_ms),
            presence_ms = sensing_look(router->sensing, elapsed_ms),
            calendar_ms = calendars_look(router->calendars, elapsed_ms);
    outbox_ms = watch_ms < outbox_ms ? watch_ms : outbox_ms;
    outbox_ms = presence_ms < outbox_ms ? presence_ms : outbox_ms;
    outbox_ms = calendar_ms < outbox_ms ? calendar_ms : outbox_ms;
    if (router->deadline_ms != NEVER_MS && !router->failing)
        wall_ms = router->now.wall_ms + (router->deadline_ms - router->now.steady_ms);
    if (outbox_ms != NEVER_MS && host_wall_ms() + (outbox_ms - elapsed_ms) < wall_ms)
        wall_ms = host_wall_ms() + (outbox_ms - elapsed_ms);
    if (router->failing && host_wall_ms() + (router->next_try_ms - elapsed_ms) < wall_ms)
        wall_ms = host_wall_ms() + (router->next_try_ms - elapsed_ms);
    if (wall_ms == router->armed_wall_ms && wall_ms > host_wall_ms())
        return;
    router->armed_wall_ms = wall_ms;
    host_timer_set(router->timer_fd, wall_ms);
}

static void stop_if_done(struct router *router);

/* After each poll of the loop: one turn, if something wants it. */
static void on_check(uv_check_t *check)
{
    struct router *router = check->data;
    if (!router->wanted)
        return;
    if (router->answered && router->queue) {
        router->answered = false;
        return; /* those just answered may have more to say: one look first makes one larger commit */
    }
    router->wanted = router->answered = false;
    if (router->watch_due && !router->stopping)
        watching_configure(router);
    outbox_look(router->outbox, host_elapsed_ms());
    router_take(router);
    work_aside(router);
    arm(router);
    if (!router->wanted || router->committing) /* else: the turn has offered more */
        uv_idle_stop(&router->idle);
    stop_if_done(router);
}

static void on_timer(uv_poll_t *poll, int status, int events)
{
    struct router *router = poll->data;
    (void)status, (void)events;
    host_timer_read(router->timer_fd);
    router->armed_wall_ms = 0;
    router_want(router);
}

/* ---- life ---------------------------------------------------------------------------------------------- */

static void on_outcome(void *arg, const struct outcome *outcome)
{
    router_offer(arg, arrival_outcome(outcome));
}

static void on_command(void *arg, const struct command *command)
{
    router_offer(arg, arrival_command(command));
}

static void answer_sensor(void *owner, struct arrival *arrival, const struct answer *answer)
{
    struct router *router = owner;
    json_t *ack = arrival_ack(arrival, answer);
    if (ack)
        outbox_ack(router->outbox, arrival->more, ack);
    json_decref(ack);
}

/* A sensor's event is a message as on the socket. */
static bool on_event(void *arg, const char *receiver, const json_t *event)
{
    struct router *router = arg;
    struct message message;
    struct refusal refusal;
    char *text = json_dumps(event, JSON_COMPACT);
    if (!text)
        return false;
    if (message_parse(&message, text, strlen(text), &refusal) < 0) {
        json_t *ack = json_pack("{s:s, s:O?, s:b, s:s, s:s}", "type", "ack", "id",
                                json_object_get(event, "id"), "ok", 0, "error", refusal.error, "at",
                                refusal.at);
        if (ack)
            outbox_ack(router->outbox, receiver, ack);
        json_decref(ack);
        free(text);
        return false;
    }
    struct arrival *arrival = arrival_message(&message, text, strlen(text));
    arrival->more = must_copy(receiver);
    arrival->answer = answer_sensor;
    arrival->owner = router;
    router_offer(router, arrival);
    return true;
}

static bool on_presence(void *arg, const json_t *message)
{
    struct router *router = arg;
    return sensing_report(router->sensing, message);
}

static bool is_busy(void *arg)
{
    return router_full(arg);
}

static void on_changed(void *arg)
{
    router_want(arg);
}

static void on_open(void *arg, const char *receiver, uint64_t alert_id)
{
    orders_open(arg, receiver, alert_id);
}

int router_open(struct router **out, uv_loop_t *loop, const struct paths *paths,
                const char *config_path, struct config *config, char *error, size_t size)
{
    struct router *router = must_alloc(sizeof *router);
    const struct outbox_router ears = {router,     on_outcome, on_command, on_event,
                                       on_changed, is_busy,    on_open,    on_presence};
    router->loop = loop;
    router->paths = paths;
    router->config_path = config_path;
    router->config = config;
    router->queue_end = &router->queue;
    router->asked_end = &router->asked;
    router->deadline_ms = NEVER_MS;
    router->side.data = router;
    router->started_wall_ms = host_wall_ms();
    router->outbox = outbox_new(loop, paths->libexec, &ears);
    watching_open(router);
    uv_idle_init(loop, &router->idle);
    *out = router;
    struct problems problems = {0};
    int status = mappings_load(&router->mappings, paths->agents, &problems);
    if (status < 0)
        snprintf(error, size, "%s", problems.n ? problems.list[0].text : "the mappings cannot be read");
    problems_clear(&problems);
    if (status == 0)
        status = recover_load(router, error, size);
    if (status < 0)
        return status;
    router->timer_fd = host_timer_open();
    if (router->timer_fd < 0) {
        snprintf(error, size, "no timer: %s", strerror(-router->timer_fd));
        return router->timer_fd;
    }
    uv_poll_init(loop, &router->timer, router->timer_fd);
    uv_check_init(loop, &router->check);
    worker_begin(&router->worker, loop, commit, after_commit, router);
    router->timer.data = router->check.data = router->idle.data = router->worker.done_async.data =
        router;
    uv_poll_start(&router->timer, UV_READABLE, on_timer);
    uv_check_start(&router->check, on_check);
    router->open_handles = 4;
    host_timer_set(router->timer_fd, NEVER_MS);
    return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct router *router = handle->data;
    if (--router->open_handles == 0)
        router->stopped(router->stopped_arg);
}

static void stop_if_done(struct router *router)
{
    if (!router->stopping || router->committing || router->side_busy ||
        !outbox_stopped(router->outbox) || router->queue || router->jump ||
        uv_is_closing((uv_handle_t *)&router->check))
        return;
    worker_end(&router->worker);
    uv_close((uv_handle_t *)&router->worker.done_async, on_handle_closed);
    uv_close((uv_handle_t *)&router->timer, on_handle_closed);
    uv_close((uv_handle_t *)&router->check, on_handle_closed);
    uv_close((uv_handle_t *)&router->idle, on_handle_closed);
}

void router_stop(struct router *router, void (*stopped)(void *arg), void *arg)
{
    router->stopping = true;
    router->stopped = stopped;
    router->stopped_arg = arg;
    if (router->jump)
        jump_stop(router->jump);
    outbox_stop(router->outbox);
    watching_stop(router);
    router_want(router);
}

void router_close(struct router *router)
{
    if (!router)
        return;
    store_close(router->store);
    rules_free(router->rules);
    outbox_free(router->outbox);
    sensor_free(router->watch);
    sensing_free(router->sensing);
    calendars_free(router->calendars);
    liveness_free(router->liveness);
    mappings_free(router->mappings);
    config_free(router->config);
    free(router);
}

bool router_accepts(const struct router *router, uint32_t uid)
{
    for (int i = 0; router->config && i < router->config->n_accept_uids; i++) {
        if (router->config->accept_uids[i] == uid)
            return true;
    }
    return false;
}

struct query_counts *router_counts(struct router *router)
{
    return &router->counts;
}
