/* query.c: the daemon's answers to the commands that only read. See query.h. */
#include "query.h"

#include "plain.h"
#include "rules/text.h"
#include "trouble.h"
#include "view.h"
#include "why.h"

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
    json_t *object = view_answer(key, list);
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

/* Those that are worth a look, the longest silent first; the caller frees the array. */
static const struct session **silent_sessions(const struct query *world, size_t *n)
{
    size_t room = (size_t)rules_counts(world->rules).sessions + 1;
    const struct session **list = malloc(room * sizeof *list);
    if (!list)
        abort();
    *n = (size_t)rules_silent(world->rules, &world->now, list);
    return list;
}

/* The one to serve next, and the longest silent session: the first that is neither acknowledged nor snoozed, if any. */
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
    size_t n_silent;
    const struct session **silent = silent_sessions(world, &n_silent);
    if (n_silent > 0)
        view_set(view, "silent", view_session(world->rules, &world->now, silent[0], false));
    free(silent);
    return view_answer("next", view);
}

/* ---- status --------------------------------------------------------------------------------------- */

/* Sessions with an open need in the order to do them, those that are silent for long, then the others by id; ended
 * ones never. */
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
    const struct session **silent = silent_sessions(world, &n);
    for (size_t i = 0; i < n; i++) {
        if (rows++ < QUERY_ROWS)
            view_add(list, view_session(world->rules, &world->now, silent[i], true));
    }
    free(silent);
    for (const struct session *s = NULL; (s = rules_session_next(world->rules, s));) {
        if (s->state == STATE_ENDED || (s->need && need_open(s->need)) ||
            rules_silence(world->rules, &world->now, s) > 0)
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

/* What is in front of the person, as the sensors say. */
static void set_front(const struct query *world, json_t *view, const struct person *person)
{
    json_t *front = view_object();
    if (!text_empty(person->tmux))
        set_text(front, "tmux", person->tmux);
    if (!text_empty(person->pane))
        set_text(front, "pane", person->pane);
    if (!text_empty(person->window))
        set_text(front, "window", person->window);
    if (!text_empty(person->tty))
        set_text(front, "tty", person->tty);
    view_set(view, "front", front);
    const struct session *session = rules_session_find(world->rules, person->front_id);
    if (session)
        set_text(view, "session", session->session);
    if (!text_empty(person->breakpoint_by))
        set_text(view, "breakpoint", person->breakpoint_by);
}

static json_t *presence(const struct query *world)
{
    json_t *view = view_object();
    const struct person *person = rules_person(world->rules);
    set_text(view, "state", word_name(&word_presence, (int)person_presence(world->rules)));
    view_set(view, "dnd", json_boolean(person && person->dnd));
    view_set(view, "microphone", json_boolean(person && person->microphone));
    if (person)
        set_front(world, view, person);
    if (world->signals)
        view_set(view, "signals", json_deep_copy(world->signals));
    return view;
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
    view_set(view, "presence", presence(world));
    view_set(view, "counts", counts(world));
    view_set(view, "troubles", troubles());
    if (trouble_more())
        set_number(view, "troubles_more", trouble_more());
    return view_answer("status", view);
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
        return why_answer(world, message);
    case FOCUS_STATUS:
        return view_answer("focus", focuses(world));
    case NEXT:
        return next(world);
    }
    return view_refusal("unknown command \"%s\"", command);
}
