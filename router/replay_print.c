/* replay_print.c: see replay_print.h. */
#include "replay_print.h"

#include "plain.h"
#include "rules/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct replay_alert {
    uint64_t id;
    enum kind kind; /* of the most urgent need it named */
    char *receiver, *session, *where;
};

static const char *what_name(enum effect_type type)
{
    switch (type) {
    case EFFECT_NEED_OPENED:
        return "need_opened";
    case EFFECT_NEED_CHANGED:
        return "need_changed";
    case EFFECT_NEED_RESOLVED:
        return "need_resolved";
    case EFFECT_ALERT:
        return "alert";
    case EFFECT_ALERT_WITHDRAWN:
        return "alert_withdrawn";
    case EFFECT_REFUSED:
        return "refused";
    case EFFECT_SHED:
        return "shed";
    case EFFECTS:
        break;
    }
    return "?";
}

/* ---- what is known ------------------------------------------------------------------------------- */

static struct replay_alert *find(const struct replay_print *print, uint64_t id)
{
    for (int i = print->n_told - 1; i >= 0; i--) {
        if (print->told[i].id == id)
            return &print->told[i];
    }
    return NULL;
}

/* Notes who is told, and of whom: the first need named. */
static struct replay_alert *note(struct replay_print *print, const struct rules *rules, uint64_t id)
{
    const struct alert *alert = rules_alert_find(rules, id);
    struct replay_alert *known = find(print, id);
    if (!alert)
        return known;
    if (!known) {
        const struct receiver *receiver = rules_receiver_at(rules, (int)alert->receiver);
        print->told = must_grow(print->told, (size_t)(print->n_told + 1) * sizeof *print->told);
        known = &print->told[print->n_told++];
        *known =
            (struct replay_alert){.id = id, .receiver = must_copy(receiver ? receiver->name : "")};
    }
    int n;
    const struct need *const *needs = rules_alert_needs(rules, alert, &n);
    if (n > 0) {
        free(known->session);
        free(known->where);
        known->session = must_copy(needs[0]->session->session);
        known->where = must_copy(session_where(needs[0]->session));
        known->kind = needs[0]->kind;
    }
    return known;
}

const char *replay_receiver(const struct replay_print *print, uint64_t alert_id)
{
    const struct replay_alert *known = find(print, alert_id);
    return known ? known->receiver : NULL;
}

/* ---- as JSON ------------------------------------------------------------------------------------- */

static void set(json_t *json, const char *key, json_t *value)
{
    if (json_object_set_new(json, key, value) != 0)
        abort();
}

static void set_text(json_t *json, const char *key, const char *text)
{
    set(json, key, json_string(text_or(text, "")));
}

static void set_id(json_t *json, const char *key, uint64_t id)
{
    char buf[ID_TEXT_MAX];
    set_text(json, key, id_text(id, buf));
}

static void set_needs(json_t *json, const struct rules *rules, const struct alert *alert)
{
    int n = 0;
    const struct need *const *needs = alert ? rules_alert_needs(rules, alert, &n) : NULL;
    json_t *ids = json_array();
    for (int i = 0; i < n; i++) {
        char buf[ID_TEXT_MAX];
        json_array_append_new(ids, json_string(id_text(needs[i]->record.id, buf)));
    }
    set(json, "needs", ids);
}

static void print_json(const struct rules *rules, int64_t at_ms, const struct effect *effect,
                       const struct need *need, const struct replay_alert *told)
{
    json_t *json = json_object();
    set(json, "at_ms", json_integer(at_ms));
    set_text(json, "what", what_name(effect->type));
    set_text(json, "session", need ? need->session->session : told ? told->session : "");
    set_text(json, "kind", word_name(&word_kind, (int)(told ? told->kind : effect->kind)));
    set_text(json, "reason", effect->reason);
    if (need) {
        set_id(json, "need", effect->need_id);
        set_text(json, "agent", need->session->agent);
        set_text(json, "title", need_reason(need)->title);
    }
    if (effect->alert_id) {
        set_text(json, "receiver", told ? told->receiver : "");
        set_id(json, "alert", effect->alert_id);
        set(json, "version", json_integer(effect->version));
    }
    if (effect->type == EFFECT_ALERT) {
        set_needs(json, rules, rules_alert_find(rules, effect->alert_id));
        set(json, "audible", json_boolean(effect->audible));
    }
    if (json_dumpf(json, stdout, JSON_COMPACT) == 0)
        putchar('\n');
    json_decref(json);
}

/* ---- for a person -------------------------------------------------------------------------------- */

static void print_time(int64_t ms)
{
    if (ms < 0)
        ms = 0;
    printf("%4lld:%02d:%02d.%03d", (long long)(ms / 3600000), (int)(ms / 60000 % 60),
           (int)(ms / 1000 % 60), (int)(ms % 1000));
}

static void print_line(const struct replay_print *print, const struct rules *rules, int64_t at_ms,
                       const struct effect *effect, const struct need *need,
                       const struct replay_alert *told)
{
    char what[40], where[128], session[128], words[200];
    int n = 0;
    const struct alert *alert = rules_alert_find(rules, effect->alert_id);
    snprintf(what, sizeof what, "%s", what_name(effect->type));
    for (char *p = what; (p = strchr(p, '_'));)
        *p = ' ';
    if (effect->type == EFFECT_ALERT)
        snprintf(what, sizeof what, "alert v%lld %s", (long long)effect->version,
                 effect->audible ? "rings" : "silent");
    if (alert)
        rules_alert_needs(rules, alert, &n);
    if (need)
        plain_line(need_reason(need)->title, words, sizeof words);
    else
        snprintf(words, sizeof words, n == 1 ? "on %s: 1 need" : "on %s: %d needs",
                 told ? told->receiver : "?", n);
    plain_cut(need   ? session_where(need->session)
              : told ? text_or(told->where, "")
                     : "",
              20, where, sizeof where);
    plain_cut(need   ? need->session->session
              : told ? text_or(told->session, "")
                     : "",
              8, session, sizeof session);
    print_time(at_ms - print->start_ms);
    printf("  %-16s %-10s %-20s %-8s  %s", what,
           word_name(&word_kind, (int)(told ? told->kind : effect->kind)), where, session, words);
    printf(text_empty(effect->reason) ? "\n" : "  (%s)\n", effect->reason);
}

/* ---- both ---------------------------------------------------------------------------------------- */

void replay_print(struct replay_print *print, const struct rules *rules, int64_t at_ms,
                  const struct effect *effect)
{
    const struct need *need = effect->alert_id ? NULL : rules_need_find(rules, effect->need_id);
    const struct replay_alert *told = effect->alert_id ? note(print, rules, effect->alert_id) : NULL;
    print->needs += effect->type == EFFECT_NEED_OPENED;
    print->alerts += effect->type == EFFECT_ALERT && effect->version == 1;
    print->rings += effect->type == EFFECT_ALERT && effect->audible;
    if (print->json)
        print_json(rules, at_ms, effect, need, told);
    else
        print_line(print, rules, at_ms, effect, need, told);
}

static void print_count(int64_t n, const char *one, const char *many, const char *end)
{
    printf("%lld %s%s", (long long)n, n == 1 ? one : many, end);
}

void replay_print_end(struct replay_print *print)
{
    if (!print->json) {
        print_count(print->events, "event", "events", ", ");
        print_count(print->needs, "need", "needs", ", ");
        print_count(print->alerts, "alert", "alerts", ", ");
        print_count(print->rings, "ring", "rings", "\n");
    }
    for (int i = 0; i < print->n_told; i++) {
        free(print->told[i].receiver);
        free(print->told[i].session);
        free(print->told[i].where);
    }
    free(print->told);
    print->told = NULL;
    print->n_told = 0;
}
