/* outbox.c: see outbox.h. One post per receiver (post.c): which there are, what they are handed, and when. */
#include "router/post.h"

#include "plugins/protocol.h"
#include "router/compose.h"
#include "router/host.h"
#include "router/paths.h"
#include "router/query.h"
#include "router/trouble.h"
#include "rules/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- configuration ------------------------------------------------------------------------------- */

/* A desktop is where a session bus is; libnotify must not be asked without one (facts.md). */
static bool has_desktop(void)
{
    char path[4096];
    const char *runtime = host_env("XDG_RUNTIME_DIR");
    if (host_env("DBUS_SESSION_BUS_ADDRESS"))
        return true;
    return runtime && (size_t)snprintf(path, sizeof path, "%s/bus", runtime) < sizeof path &&
           access(path, F_OK) == 0;
}

static char *program_of(const struct outbox *outbox, const char *plugin)
{
    if (strcmp(plugin, "auto") == 0)
        plugin = has_desktop() ? "desktop" : "terminal";
    return paths_program(outbox->libexec, plugin);
}

static struct post *find_post(const struct outbox *outbox, const char *receiver)
{
    for (struct post *post = outbox->posts; post; post = post->next) {
        if (strcmp(post->receiver, receiver) == 0 && !post->leaving)
            return post;
    }
    return NULL;
}

static void open_post(struct outbox *outbox, const struct config_receiver *receiver)
{
    struct post *post = must_alloc(sizeof *post);
    post->outbox = outbox;
    post->receiver = must_copy(receiver->name);
    post->program = program_of(outbox, receiver->plugin);
    post->plugin_name = must_copy(text_last_part(post->program));
    post->settings = json_deep_copy(receiver->settings);
    post->patience_ms = receiver->patience_ms;
    post->next = outbox->posts;
    outbox->posts = post;
    const struct plugin_owner owner = post_owner(post);
    post->plugin = plugin_start(outbox->loop, post->receiver, post->program, post->settings,
                                post->patience_ms, &owner);
}

/* A plugin has ended: a stop may be complete. */
static void on_gone(void *arg)
{
    struct outbox *outbox = arg;
    outbox->router.changed(outbox->router.arg);
}

static void close_post(struct outbox *outbox, struct post *post)
{
    struct post **at = &outbox->posts;
    while (*at != post)
        at = &(*at)->next;
    *at = post->next;
    for (int i = 0; i < FLIGHTS_MAX; i++) {
        if (post->flights[i].test_cb)
            post->flights[i].test_cb(post->flights[i].test_arg, false, "the daemon is stopping it");
    }
    post_clear_trouble(post);
    plugin_stop(post->plugin, on_gone, outbox);
    json_decref(post->settings);
    free(post->receiver);
    free(post->program);
    free(post->plugin_name);
    free(post);
}

static bool same_post(const struct outbox *outbox, const struct post *post,
                      const struct config_receiver *receiver)
{
    char *program = program_of(outbox, receiver->plugin);
    bool same =
        strcmp(program, post->program) == 0 && json_equal(receiver->settings, post->settings) &&
        receiver->patience_ms == post->patience_ms && plugin_state(post->plugin) != PLUGIN_DISABLED;
    free(program);
    return same;
}

static const struct config_receiver *wanted(const struct config *config, const char *receiver)
{
    for (int i = 0; i < config->n_receivers; i++) {
        if (strcmp(config->receivers[i].name, receiver) == 0)
            return &config->receivers[i];
    }
    return NULL;
}

void outbox_configure(struct outbox *outbox, const struct config *config)
{
    for (struct post *post = outbox->posts, *next; post; post = next) {
        next = post->next;
        const struct config_receiver *receiver = wanted(config, post->receiver);
        if (!receiver) {
            post->leaving = true;
        } else if (!same_post(outbox, post, receiver)) {
            post_down(post, "its settings changed");
            close_post(outbox, post);
        } else {
            post->leaving = false;
        }
    }
    for (int i = 0; i < config->n_receivers; i++) {
        if (!find_post(outbox, config->receivers[i].name))
            open_post(outbox, &config->receivers[i]);
    }
}

/* ---- handing over --------------------------------------------------------------------------------- */

static bool to_be_handed(const struct alert *alert)
{
    return alert->queued > alert->delivered && !alert->handed && !alert->failed;
}

static struct post *post_of(const struct outbox *outbox, const struct rules *rules,
                            const struct alert *alert)
{
    const struct receiver *receiver = rules_receiver_at(rules, (int)alert->receiver);
    for (struct post *post = outbox->posts; receiver && post; post = post->next) {
        if (strcmp(post->receiver, text_or(receiver->name, "")) == 0)
            return post;
    }
    return NULL;
}

static void leave_if_done(struct outbox *outbox, const struct rules *rules, struct post *post)
{
    for (const struct alert *alert = rules_alert_next(rules, NULL); alert;
         alert = rules_alert_next(rules, alert)) {
        if (post_of(outbox, rules, alert) == post && plugin_state(post->plugin) == PLUGIN_SERVING)
            return;
    }
    close_post(outbox, post);
}

void outbox_kick(struct outbox *outbox, const struct rules *rules)
{
    int64_t now_ms = host_elapsed_ms();
    for (struct post *post = outbox->posts, *next; post; post = next) {
        next = post->next;
        if (post->leaving)
            leave_if_done(outbox, rules, post);
        else
            plugin_resume(post->plugin);
    }
    for (const struct alert *alert = rules_alert_next(rules, NULL); alert && !outbox->stopping;
         alert = rules_alert_next(rules, alert)) {
        if (!to_be_handed(alert) || !rules_alert_wanted(rules, alert))
            continue;
        struct post *post = post_of(outbox, rules, alert);
        if (!post || plugin_state(post->plugin) != PLUGIN_SERVING || post->not_before_ms > now_ms ||
            post_find_flight(post, alert->record.id))
            continue;
        struct flight *flight = post_free_flight(post);
        if (!flight || (post->attempts > 0 && flight != &post->flights[0]))
            continue; /* after a failure one delivery at a time tries the way */
        flight->alert_id = alert->record.id;
        flight->marked = alert->version;
        const struct outcome outcome = {.type = OUTCOME_HANDED,
                                        .receiver = post->receiver,
                                        .alert_id = alert->record.id,
                                        .version = alert->version};
        outbox->router.outcome(outbox->router.arg, &outcome);
    }
}

static json_t *hand_message(const struct rules *rules, const struct moment *now,
                            const struct alert *alert, int64_t ref)
{
    char id[ID_TEXT_MAX], ref_text[24];
    const struct receiver *receiver = rules_receiver_at(rules, (int)alert->receiver);
    const char *type = !alert->open                                ? PROTOCOL_WITHDRAW
                       : receiver->updates && alert->delivered > 0 ? PROTOCOL_UPDATE
                                                                   : PROTOCOL_DELIVER;
    snprintf(ref_text, sizeof ref_text, "%" PRId64, ref);
    json_t *what = alert->open
                       ? compose_alert(rules, now, alert, alert->version, alert_audible(alert))
                       : json_pack("{s:s, s:I}", "id", id_text(alert->record.id, id), "version",
                                   (json_int_t)alert->version);
    return json_pack("{s:s, s:s, s:o}", "type", type, "id", ref_text, "alert", what);
}

void outbox_hand(struct outbox *outbox, const struct rules *rules, const struct moment *now,
                 uint64_t alert_id, int64_t version)
{
    for (struct post *post = outbox->posts; post; post = post->next) {
        struct flight *flight = post_find_flight(post, alert_id);
        if (!flight || flight->ref || version == 0)
            continue;
        const struct alert *alert = rules_alert_find(rules, alert_id);
        if (!alert || outbox->stopping || alert->queued <= alert->delivered ||
            (!alert->open && !alert->delivered && !alert->maybe)) {
            post_not_handed(post, flight);
            return;
        }
        flight->ref = ++outbox->next_ref;
        flight->version = alert->version;
        flight->due_ms = host_elapsed_ms() + post->patience_ms;
        json_t *message = hand_message(rules, now, alert, flight->ref);
        if (!message || !plugin_send(post->plugin, message)) {
            flight = post_find_flight(post, alert_id); /* a failing plugin lands its own flights */
            if (flight)
                post_not_handed(post, flight);
        }
        json_decref(message);
        return;
    }
}

void outbox_forget(struct outbox *outbox)
{
    for (struct post *post = outbox->posts; post; post = post->next) {
        for (int i = 0; i < FLIGHTS_MAX; i++) {
            if (post->flights[i].alert_id)
                post->flights[i] = (struct flight){0};
        }
    }
}

/* ---- trying out, sensors --------------------------------------------------------------------------- */

bool outbox_test(struct outbox *outbox, const char *receiver, const char *title, const char *body,
                 outbox_test_cb cb, void *arg)
{
    struct post *post = find_post(outbox, receiver);
    if (!post)
        return false;
    struct flight *flight = post_free_flight(post);
    if (plugin_state(post->plugin) != PLUGIN_SERVING || !flight) {
        cb(arg, false,
           flight ? text_or(plugin_reason(post->plugin), "its plugin is starting") : "it is busy");
        return true;
    }
    char ref[24];
    *flight = (struct flight){.ref = ++outbox->next_ref,
                              .due_ms = host_elapsed_ms() + post->patience_ms,
                              .test_cb = cb,
                              .test_arg = arg};
    snprintf(ref, sizeof ref, "%" PRId64, flight->ref);
    json_t *message = json_pack("{s:s, s:s, s:{s:s, s:i, s:b, s:s, s:s, s:s, s:I, s:s, s:[]}}",
                                "type", PROTOCOL_DELIVER, "id", ref, "alert", "id", "0.0", "version",
                                1, "audible", 1, "urgency", "normal", "title", title, "body", body,
                                "at_ms", (json_int_t)host_wall_ms(), "key", "test", "needs");
    bool sent = message && plugin_send(post->plugin, message);
    if (!sent && flight->test_cb)
        post_land(post, flight, OUTCOME_FAILED, 0, "its plugin does not read");
    json_decref(message);
    return true;
}

void outbox_ack(struct outbox *outbox, const char *receiver, const json_t *answer)
{
    struct post *post = find_post(outbox, receiver);
    if (post)
        plugin_send(post->plugin, answer);
}

/* ---- time ---------------------------------------------------------------------------------------- */

static int64_t look_at_flights(struct post *post, int64_t elapsed_ms)
{
    int64_t next_ms = NEVER_MS;
    for (int i = 0; i < FLIGHTS_MAX; i++) {
        struct flight *flight = &post->flights[i];
        if (!post_flying(flight) || !flight->ref)
            continue;
        if (flight->due_ms <= elapsed_ms) {
            plugin_fail(post->plugin, "did not answer a delivery in time");
            return NEVER_MS; /* that landed them all */
        }
        if (flight->due_ms < next_ms)
            next_ms = flight->due_ms;
    }
    return next_ms;
}

int64_t outbox_look(struct outbox *outbox, int64_t elapsed_ms)
{
    int64_t next_ms = plugin_look_stopping(elapsed_ms);
    for (struct post *post = outbox->posts; post; post = post->next) {
        int64_t flights_ms = look_at_flights(post, elapsed_ms),
                plugin_ms = plugin_look(post->plugin, elapsed_ms);
        if (post->not_before_ms && post->not_before_ms <= elapsed_ms)
            post->not_before_ms = 0; /* the kick that follows tries again */
        int64_t retry_ms = post->not_before_ms ? post->not_before_ms : NEVER_MS;
        next_ms = flights_ms < next_ms ? flights_ms : next_ms;
        next_ms = plugin_ms < next_ms ? plugin_ms : next_ms;
        next_ms = retry_ms < next_ms ? retry_ms : next_ms;
    }
    return next_ms;
}

/* ---- life, status --------------------------------------------------------------------------------- */

struct outbox *outbox_new(uv_loop_t *loop, const char *libexec, const struct outbox_router *router)
{
    struct outbox *outbox = must_alloc(sizeof *outbox);
    outbox->loop = loop;
    outbox->libexec = must_copy(libexec);
    outbox->router = *router;
    return outbox;
}

void outbox_stop(struct outbox *outbox)
{
    outbox->stopping = true;
    while (outbox->posts)
        close_post(outbox, outbox->posts);
}

bool outbox_stopped(const struct outbox *outbox)
{
    return !outbox->posts && plugin_stopping() == 0;
}

void outbox_free(struct outbox *outbox)
{
    if (outbox)
        free(outbox->libexec);
    free(outbox);
}

static int64_t waiting(const struct outbox *outbox, const struct rules *rules, const struct post *post)
{
    int64_t n = 0;
    for (const struct alert *alert = rules_alert_next(rules, NULL); alert;
         alert = rules_alert_next(rules, alert))
        n += (to_be_handed(alert) || alert->handed) && post_of(outbox, rules, alert) == post;
    return n;
}

int outbox_status(const struct outbox *outbox, const struct rules *rules,
                  struct query_receiver *rows, int max)
{
    int n = 0;
    for (struct post *post = outbox->posts; post && n < max; post = post->next) {
        rows[n++] = (struct query_receiver){.name = post->receiver,
                                            .plugin = post->plugin_name,
                                            .state = plugin_state_name(post->plugin),
                                            .reason = plugin_reason(post->plugin),
                                            .pid = plugin_pid(post->plugin),
                                            .waiting = waiting(outbox, rules, post),
                                            .delivered = post->delivered,
                                            .retried = post->retried,
                                            .failed = post->failed,
                                            .restarts = plugin_restarts(post->plugin)};
    }
    return n;
}
