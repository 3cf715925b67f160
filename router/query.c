/* query.c: the daemon's answers to the commands that only read. See query.h. */
#include "query.h"

#include "plain.h"
#include "trouble.h"
#include "view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_text(json_t *object, const char *key, const char *text)
{
    view_set(object, key, plain_json(text));
}

static void set_number(json_t *object, const char *key, int64_t number)
{
    view_set(object, key, json_integer(number));
}

static json_t *answer(const char *key, json_t *value)
{
    json_t *object = view_object();
    view_set(object, "ok", json_true());
    view_set(object, key, value);
    return object;
}

__attribute__((format(printf, 1, 2))) static json_t *refuse(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_t *object = view_object();
    view_set(object, "ok", json_false());
    set_text(object, "error", text);
    return object;
}

/* ---- lists ---------------------------------------------------------------------------------------- */

/* Which rows of a list an answer shows. */
struct page {
    int64_t from, at, next; /* next: where the following page begins, 0: none */
};

static struct page page_of(const json_t *message)
{
    json_int_t from = json_integer_value(json_object_get(message, "from"));
    return (struct page){.from = from > 0 ? from : 0};
}

/* Whether the next row is on the page; rows beyond it only mark that there are more. */
static bool page_takes(struct page *page)
{
    int64_t at = page->at++;
    if (at < page->from)
        return false;
    if (at < page->from + QUERY_ROWS)
        return true;
    page->next = page->from + QUERY_ROWS;
    return false;
}

static json_t *page_answer(const char *key, json_t *list, const struct page *page)
{
    json_t *object = answer(key, list);
    if (page->next)
        set_number(object, "next", page->next);
    return object;
}

static bool wants_all(const json_t *message)
{
    return json_is_true(json_object_get(message, "all"));
}

static json_t *sessions(const struct query *world, const json_t *message)
{
    json_t *list = view_array();
    struct page page = page_of(message);
    bool all = wants_all(message);

    for (const struct session *s = NULL; (s = rules_session_next(world->rules, s));) {
        if ((all || s->state != STATE_ENDED) && page_takes(&page))
            view_add(list, view_session(world->rules, &world->now, s, true));
    }
    return page_answer("sessions", list, &page);
}

/* Resolved ones, the youngest first. */
static int by_end(const void *a, const void *b)
{
    const struct need *x = *(const struct need *const *)a, *y = *(const struct need *const *)b;
    if (x->resolved_ms != y->resolved_ms)
        return x->resolved_ms < y->resolved_ms ? 1 : -1;
    return x->record.id < y->record.id ? 1 : -1;
}

/* Open needs in the order to serve them, resolved ones after them if `all`; n of them; the caller frees the
 * array, not what it points to. */
static const struct need **ordered_needs(const struct query *world, bool all, size_t *n)
{
    size_t room = 1; /* resolved ones, too */
    for (const struct need *need = NULL; (need = rules_need_next(world->rules, need));)
        room++;
    const struct need **list = malloc(room * sizeof *list);
    if (!list)
        abort();
    size_t open = (size_t)rules_board(world->rules, &world->now, list);
    *n = open;
    for (const struct need *need = NULL; all && (need = rules_need_next(world->rules, need));) {
        if (!need_open(need))
            list[(*n)++] = need;
    }
    qsort(list + open, *n - open, sizeof *list, by_end);
    return list;
}

static json_t *needs(const struct query *world, const json_t *message)
{
    json_t *list = view_array();
    struct page page = page_of(message);
    size_t n;
    const struct need **ordered = ordered_needs(world, wants_all(message), &n);

    for (size_t i = 0; i < n; i++) {
        if (page_takes(&page))
            view_add(list, view_need(world->rules, &world->now, ordered[i]));
    }
    free(ordered);
    return page_answer("needs", list, &page);
}

static json_t *alerts(const struct query *world, const json_t *message)
{
    json_t *list = view_array();
    struct page page = page_of(message);
    bool all = wants_all(message);

    for (const struct alert *alert = NULL; (alert = rules_alert_next(world->rules, alert));) {
        if ((all || alert->open) && page_takes(&page))
            view_add(list, view_alert(world->rules, alert));
    }
    return page_answer("alerts", list, &page);
}

static json_t *focuses(const struct query *world)
{
    json_t *list = view_array();
    for (const struct focus *focus = NULL; (focus = rules_focus_next(world->rules, focus));) {
        if (focus->declared)
            view_add(list, view_focus(&world->now, focus));
    }
    return list;
}

/* The one to serve next: the first that is neither acknowledged nor snoozed, if any. */
static json_t *next(const struct query *world)
{
    size_t n, wanting = 0;
    const struct need **ordered = ordered_needs(world, false, &n);
    json_t *view = view_object();

    while (wanting < n && !ordered[wanting]->acked && !ordered[wanting]->snoozed_until_ms)
        wanting++;
    if (wanting > 0)
        view_set(view, "need", view_need(world->rules, &world->now, ordered[0]));
    set_number(view, "waiting", (int64_t)wanting);
    free(ordered);
    return answer("next", view);
}

/* ---- status --------------------------------------------------------------------------------------- */

/* Sessions with an open need in the order to do them, then the others by id; ended ones never. */
static json_t *board(const struct query *world, int64_t *more)
{
    json_t *list = view_array();
    int64_t rows = 0;
    size_t n;
    const struct need **ordered = ordered_needs(world, false, &n);

    for (size_t i = 0; i < n; i++) {
        if (rows++ < QUERY_ROWS)
            view_add(list, view_session(world->rules, &world->now, ordered[i]->session, true));
    }
    free(ordered);
    for (const struct session *s = NULL; (s = rules_session_next(world->rules, s));) {
        if (s->state == STATE_ENDED || (s->need && need_open(s->need)))
            continue;
        if (rows++ < QUERY_ROWS)
            view_add(list, view_session(world->rules, &world->now, s, true));
    }
    *more = rows > QUERY_ROWS ? rows - QUERY_ROWS : 0;
    return list;
}

static const struct query_receiver *runtime_of(const struct query *world, const char *name)
{
    for (int i = 0; i < world->n_receivers; i++) {
        if (strcmp(world->receivers[i].name, name) == 0)
            return &world->receivers[i];
    }
    return NULL;
}

static json_t *receivers(const struct query *world)
{
    json_t *list = view_array();

    for (const struct receiver *r = NULL; (r = rules_receiver_next(world->rules, r));) {
        if (!r->declared)
            continue;
        json_t *view = view_receiver(world->rules, &world->now, r);
        const struct query_receiver *runtime = runtime_of(world, r->name);
        if (runtime) {
            set_text(view, "plugin", runtime->plugin);
            set_text(view, "state", runtime->state);
            if (runtime->reason)
                set_text(view, "reason", runtime->reason);
            set_number(view, "pid", runtime->pid);
            set_number(view, "waiting", runtime->waiting);
            set_number(view, "delivered", runtime->delivered);
            set_number(view, "retried", runtime->retried);
            set_number(view, "failed", runtime->failed);
            set_number(view, "restarts", runtime->restarts);
        }
        view_add(list, view);
    }
    return list;
}

static json_t *counts(const struct query *world)
{
    json_t *view = view_object();
    struct rules_counts core = rules_counts(world->rules);
    const struct query_counts *shell = &world->counts;

    set_number(view, "sessions", core.sessions);
    set_number(view, "needs", core.needs);
    set_number(view, "alerts", core.alerts);
    set_number(view, "text_bytes", core.bytes);
    set_number(view, "shed", core.shed + shell->shed);
    set_number(view, "taken", shell->taken);
    set_number(view, "duplicates", shell->duplicates);
    set_number(view, "refused", shell->refused);
    set_number(view, "spooled", shell->spooled);
    set_number(view, "quarantined", shell->quarantined);
    set_number(view, "ignored", shell->ignored);
    set_number(view, "clients", shell->clients);
    set_number(view, "seq", shell->seq);
    return view;
}

static json_t *troubles(void)
{
    json_t *list = view_array();
    for (const struct trouble *trouble = NULL; (trouble = trouble_next(trouble));) {
        json_t *view = view_object();
        set_text(view, "key", trouble->key);
        set_text(view, "what", trouble->what);
        set_text(view, "todo", trouble->todo);
        set_number(view, "since_ms", trouble->since_wall_ms);
        set_number(view, "count", trouble->count);
        view_add(list, view);
    }
    return list;
}

static json_t *status(const struct query *world)
{
    json_t *view = view_object(), *config = view_object();
    int64_t more = 0;

    set_text(view, "version", world->version);
    set_number(view, "pid", world->pid);
    set_number(view, "started_ms", world->started_wall_ms);
    set_number(view, "now_ms", world->now.wall_ms);
    set_number(view, "utc_offset_s", world->now.utc_offset_s);
    set_text(view, "socket", world->socket);
    set_text(config, "file", world->config);
    set_number(config, "loaded_ms", world->config_wall_ms);
    view_set(config, "in_force", json_boolean(!world->config_problem));
    if (world->config_problem)
        set_text(config, "problem", world->config_problem);
    view_set(view, "config", config);
    view_set(view, "sessions", board(world, &more));
    if (more)
        set_number(view, "more", more);
    view_set(view, "focus", focuses(world));
    view_set(view, "receivers", receivers(world));
    view_set(view, "counts", counts(world));
    view_set(view, "troubles", troubles());
    if (trouble_more())
        set_number(view, "troubles_more", trouble_more());
    return answer("status", view);
}

/* ---- why ------------------------------------------------------------------------------------------- */

static json_t *steps_object(const struct query *world, const struct need *need)
{
    json_t *object = view_object();
    view_set(object, "need", view_need(world->rules, &world->now, need));
    view_set(object, "steps", view_steps(world->rules, &world->now, need));
    return object;
}

__attribute__((format(printf, 2, 3))) static void say(json_t *steps, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_t *step = view_object();
    set_text(step, "sentence", text);
    view_add(steps, step);
}

static json_t *why_session(const struct query *world, const struct session *session)
{
    json_t *object = view_object();
    char age[32];

    view_set(object, "session", view_session(world->rules, &world->now, session, false));
    if (session->need) {
        view_set(object, "need", view_need(world->rules, &world->now, session->need));
        view_set(object, "steps", view_steps(world->rules, &world->now, session->need));
        return answer("why", object);
    }
    json_t *steps = view_array();
    say(steps, "it is %s since %s", word_name(&word_state, (int)session->state),
        plain_age(world->now.steady_ms - session->state_ms, age, sizeof age));
    if (session->waking)
        say(steps,
            "something runs in the background that will wake it, so the end of its turn asks for nobody");
    if (session->unattended)
        say(steps, "it was started without a person, so the end of its turn asks for nobody");
    if (session->hushed)
        say(steps, "its last need was resolved by hand: notices alone open no other");
    say(steps, "nothing of it asks for you: there is no need to judge");
    view_set(object, "steps", steps);
    return answer("why", object);
}

static json_t *why_alert(const struct query *world, const struct alert *alert)
{
    json_t *object = view_object(), *list = view_array(), *steps = view_array();
    const struct receiver *receiver = rules_receiver_at(world->rules, (int)alert->receiver);
    int n = 0;
    const struct need *const *shown = rules_alert_needs(world->rules, alert, &n);
    const char *key = view_key(alert);

    for (int i = 0; i < n && i < QUERY_ROWS; i++)
        view_add(list, steps_object(world, shown[i]));
    say(steps, "it is %s on %s, in version %lld, with %d need%s",
        alert->open ? "open" : "withdrawn", receiver ? receiver->name : "a receiver that is gone",
        (long long)alert->version, n, n == 1 ? "" : "s");
    if (strcmp(key, "*") == 0)
        say(steps, "it gathers what became due in one look");
    else if (*key)
        say(steps, "it groups what belongs to %s", key);
    if (receiver && receiver->down_ms)
        say(steps, "the receiver is down: %s",
            receiver->trouble && *receiver->trouble ? receiver->trouble : "no reason given");
    say(steps, "its delivery is %s; the receiver has version %lld",
        word_name(&word_delivery, (int)alert->delivery), (long long)alert->delivered);
    view_set(object, "alert", view_alert(world->rules, alert));
    view_set(object, "needs", list);
    view_set(object, "steps", steps);
    return answer("why", object);
}

/* The session with this agent's own id, or whose id begins so if there is one only. n: how many do. */
static const struct session *session_named(const struct rules *rules, const char *text, int *n)
{
    const struct session *found = NULL;
    size_t len = strlen(text);

    *n = 0;
    for (const struct session *s = NULL; len && (s = rules_session_next(rules, s));) {
        if (!s->session || strncmp(s->session, text, len) != 0)
            continue;
        if (s->session[len] == '\0') {
            *n = 1;
            return s;
        }
        found = s;
        ++*n;
    }
    return *n == 1 ? found : NULL;
}

static const char *text_in(const json_t *message, const char *key)
{
    const char *text = json_string_value(json_object_get(message, key));
    return text ? text : "";
}

/* "need", "session" and "alert" name the noun; "of" tries one after the other. */
static json_t *why(const struct query *world, const json_t *message)
{
    const char *of = text_in(message, "of"), *need_text = text_in(message, "need");
    const char *alert_text = text_in(message, "alert"), *session_text = text_in(message, "session");
    int n;

    if (!*of && !*need_text && !*alert_text && !*session_text)
        return refuse("why of what? give a need, a session or an alert");
    need_text = *need_text ? need_text : of;
    alert_text = *alert_text ? alert_text : of;
    session_text = *session_text ? session_text : of;

    const struct need *need = rules_need_find(world->rules, id_parse(need_text));
    if (need)
        return answer("why", steps_object(world, need));
    const struct alert *alert = rules_alert_find(world->rules, id_parse(alert_text));
    if (alert)
        return why_alert(world, alert);
    const struct session *session = rules_session_find(world->rules, id_parse(session_text));
    if (!session)
        session = session_named(world->rules, session_text, &n);
    else
        n = 1;
    if (session)
        return why_session(world, session);
    if (n > 1)
        return refuse("%d sessions begin with \"%s\": give more of the id", n, session_text);
    return refuse("no need, alert or session \"%s\"", *of           ? of
                                                      : *need_text  ? need_text
                                                      : *alert_text ? alert_text
                                                                    : session_text);
}

/* ---- the door -------------------------------------------------------------------------------------- */

static const char *const commands[] = {"status", "sessions",     "needs", "alerts",
                                       "why",    "focus-status", "next"};
enum { STATUS, SESSIONS, NEEDS, ALERTS, WHY, FOCUS_STATUS, NEXT, QUERIES };

static int find_command(const char *command)
{
    int i = 0;
    while (i < QUERIES && strcmp(commands[i], command) != 0)
        i++;
    return i;
}

bool query_knows(const char *command)
{
    return find_command(command) < QUERIES;
}

json_t *query_answer(const struct query *world, const char *command, const json_t *message)
{
    switch (find_command(command)) {
    case STATUS:
        return status(world);
    case SESSIONS:
        return sessions(world, message);
    case NEEDS:
        return needs(world, message);
    case ALERTS:
        return alerts(world, message);
    case WHY:
        return why(world, message);
    case FOCUS_STATUS:
        return answer("focus", focuses(world));
    case NEXT:
        return next(world);
    }
    return refuse("unknown command \"%s\"", command);
}
