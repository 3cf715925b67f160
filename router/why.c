/* why.c: see why.h. The sentences of the judgement are the core's (rules/explain.c, rules/heard.c); here they are
 * put together for what was asked. */
#include "why.h"

#include "plain.h"
#include "view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEARD_ROWS = 8, HELD_ROWS = 20 };

static void set_text(json_t *object, const char *key, const char *text)
{
    view_set(object, key, plain_json(text));
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

static json_t *need_object(const struct query *world, const struct need *need)
{
    json_t *object = view_object();
    view_set(object, "need", view_need(world->rules, &world->now, need));
    view_set(object, "steps", view_steps(world->rules, &world->now, need));
    return object;
}

/* ---- what was heard ---------------------------------------------------------------------------------- */

/* "Stop of sub-agent a1, 12 s ago: the end of a sub-agent asks for nobody …" */
static json_t *heard_object(const struct query *world, const struct hearing_entry *entry, bool names)
{
    const struct session *session = rules_session_find(world->rules, entry->session_id);
    json_t *object = view_object();
    char age[32], text[512], who[160] = "";

    if (names)
        snprintf(who, sizeof who,
                 "%s in %s: ", session && session->agent ? session->agent : "a session that is gone",
                 session ? session_where(session) : "?");
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s, %s ago: %s", who,
             *entry->source ? entry->source : "a message", *entry->thread ? " of sub-agent " : "",
             entry->thread, *entry->title ? " (" : "", entry->title, *entry->title ? ")" : "",
             plain_age(world->now.steady_ms - entry->at_ms, age, sizeof age),
             heard_sentence(entry->heard));
    set_text(object, "sentence", text);
    view_set(object, "at_ms", json_integer(view_wall_ms(&world->now, entry->at_ms)));
    if (session)
        set_text(object, "session", session->session);
    if (entry->need_id) {
        char id[ID_TEXT_MAX];
        set_text(object, "need", id_text(entry->need_id, id));
    }
    if (*entry->file) {
        set_text(object, "file", entry->file);
        view_set(object, "line", json_integer(entry->line));
    }
    return object;
}

/* Newest first: all of a session, or of all sessions what might have asked for the person and did not. */
static json_t *heard(const struct query *world, const struct session *session)
{
    json_t *list = view_array();
    const struct hearing_entry *entry = NULL;
    uint64_t id = session ? session->record.id : 0;

    while (world->hearing && json_array_size(list) < HEARD_ROWS &&
           (entry = hearing_before(world->hearing, entry, id))) {
        if (session || hearing_turned_down(entry))
            view_add(list, heard_object(world, entry, !session));
    }
    return list;
}

/* ---- a session --------------------------------------------------------------------------------------- */

static json_t *session_steps(const struct query *world, const struct session *session)
{
    json_t *steps = view_array();
    char age[32];

    say(steps, "it is %s since %s", word_name(&word_state, (int)session->state),
        plain_age(world->now.steady_ms - session->state_ms, age, sizeof age));
    if (session->waking)
        say(steps,
            "something runs in the background that will wake it, so the end of its turn asks for nobody");
    if (session->unattended)
        say(steps, "it was started without a person, so the end of its turn asks for nobody");
    if (session->hushed)
        say(steps, "its last need was resolved by hand: notices alone open no other");
    if (session->need)
        say(steps, "nothing of it asks for you now: its last need is resolved");
    else
        say(steps, "nothing of it asks for you: there is no need to judge");
    return steps;
}

static json_t *why_session(const struct query *world, const struct session *session)
{
    json_t *object = view_object();
    const struct need *need = session->need;

    view_set(object, "session", view_session(world->rules, &world->now, session, false));
    if (need && need_open(need)) {
        view_set(object, "need", view_need(world->rules, &world->now, need));
        view_set(object, "steps", view_steps(world->rules, &world->now, need));
    } else {
        view_set(object, "steps", session_steps(world, session));
        json_t *needs = view_array();
        if (need)
            view_add(needs, need_object(world, need));
        view_set(object, "needs", needs);
    }
    view_set(object, "heard", heard(world, session));
    return view_answer("why", object);
}

/* ---- an alert ---------------------------------------------------------------------------------------- */

static void put_alert(const struct query *world, const struct alert *alert, json_t *object)
{
    json_t *list = view_array(), *steps = view_array();
    const struct receiver *receiver = rules_receiver_at(world->rules, (int)alert->receiver);
    int n = 0;
    const struct need *const *shown = rules_alert_needs(world->rules, alert, &n);
    const char *key = view_key(alert);

    for (int i = 0; i < n && i < QUERY_ROWS; i++)
        view_add(list, need_object(world, shown[i]));
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
}

/* ---- nothing in particular --------------------------------------------------------------------------- */

static void keep_decision(void *arg, const char *sentence, const struct rule *rule)
{
    if (strncmp(sentence, "decision: ", 10) == 0)
        view_step(arg, sentence, rule);
}

/* Every open need that was not told, in the order to serve them, each with its decision only. */
static json_t *held(const struct query *world)
{
    json_t *list = view_array();
    const struct need **board =
        malloc(((size_t)rules_counts(world->rules).needs + 1) * sizeof(const struct need *));
    if (!board)
        abort();
    int n = rules_board(world->rules, &world->now, board);
    for (int i = 0; i < n && json_array_size(list) < HELD_ROWS; i++) {
        if (board[i]->told)
            continue;
        json_t *object = view_object(), *steps = view_array();
        rules_explain(world->rules, &world->now, board[i], keep_decision, steps);
        view_set(object, "need", view_need(world->rules, &world->now, board[i]));
        view_set(object, "steps", steps);
        view_add(list, object);
    }
    free(board);
    return list;
}

static json_t *why_all(const struct query *world)
{
    json_t *object = view_object();
    const struct alert *latest = NULL;

    for (const struct alert *alert = NULL; (alert = rules_alert_next(world->rules, alert));) {
        if (!latest || alert->open >= latest->open) /* open ones first; of them the youngest */
            latest = alert;
    }
    if (latest) {
        put_alert(world, latest, object);
    } else {
        json_t *steps = view_array();
        say(steps, "nothing that is remembered was told");
        view_set(object, "steps", steps);
    }
    view_set(object, "held", held(world));
    view_set(object, "heard", heard(world, NULL));
    return view_answer("why", object);
}

/* ---- which ------------------------------------------------------------------------------------------- */

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
json_t *why_answer(const struct query *world, const json_t *message)
{
    const char *of = text_in(message, "of"), *need_text = text_in(message, "need");
    const char *alert_text = text_in(message, "alert"), *session_text = text_in(message, "session");
    int n = 1;

    if (!json_object_get(message, "of") && !json_object_get(message, "need") &&
        !json_object_get(message, "alert") && !json_object_get(message, "session"))
        return why_all(world);
    if (!*of && !*need_text && !*alert_text && !*session_text)
        return view_refusal("why of what? give a need, a session or an alert, or none of them");
    need_text = *need_text ? need_text : of;
    alert_text = *alert_text ? alert_text : of;
    session_text = *session_text ? session_text : of;

    const struct need *need = rules_need_find(world->rules, id_parse(need_text));
    if (need)
        return view_answer("why", need_object(world, need));
    const struct alert *alert = rules_alert_find(world->rules, id_parse(alert_text));
    if (alert) {
        json_t *object = view_object();
        put_alert(world, alert, object);
        return view_answer("why", object);
    }
    const struct session *session = rules_session_find(world->rules, id_parse(session_text));
    if (!session)
        session = session_named(world->rules, session_text, &n);
    if (session)
        return why_session(world, session);
    if (n > 1)
        return view_refusal("%d sessions begin with \"%s\": give more of the id", n, session_text);
    return view_refusal("no need, alert or session \"%s\"", *of           ? of
                                                            : *need_text  ? need_text
                                                            : *alert_text ? alert_text
                                                                          : session_text);
}
