/* replay_print.c: see replay_print.h. */
#include "replay_print.h"

#include "message.h"
#include "plain.h"
#include "rules/text.h"

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

static bool same_id(const void *item, const void *key)
{
    return ((const struct replay_alert *)item)->id == *(const uint64_t *)key;
}

static struct replay_alert *find(const struct replay_print *print, uint64_t id)
{
    return table_find(&print->told, table_mix(id), same_id, &id);
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
        known = must_alloc(sizeof *known);
        *known =
            (struct replay_alert){.id = id, .receiver = must_copy(receiver ? receiver->name : "")};
        table_add(&print->told, table_mix(id), known);
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

void replay_print_begin(struct replay_print *print, const struct rules *rules)
{
    for (const struct alert *alert = rules_alert_next(rules, NULL); alert;
         alert = rules_alert_next(rules, alert))
        note(print, rules, alert->record.id);
}

static void free_known(struct replay_alert *known)
{
    free(known->receiver);
    free(known->session);
    free(known->where);
    free(known);
}

const char *replay_receiver(const struct replay_print *print, uint64_t alert_id)
{
    const struct replay_alert *known = find(print, alert_id);
    return known ? known->receiver : NULL;
}

/* ---- as JSON ------------------------------------------------------------------------------------- */

static void set_text(struct json_text *json, const char *key, const char *text)
{
    char line[2048];
    text = text_or(text, "");
    json_put_key(json, key);
    json_put_string(json, message_is_utf8(text, strlen(text)) ? text
                                                              : plain_line(text, line, sizeof line));
}

static void set_int(struct json_text *json, const char *key, int64_t value)
{
    json_put_key(json, key);
    json_put_int(json, value);
}

static const char *need_name(const struct replay_print *print, uint64_t id, char buf[ID_TEXT_MAX])
{
    return id_text(print->need_id ? print->need_id(print->arg, id) : id, buf);
}

static void set_needs(struct replay_print *print, const struct rules *rules, const struct alert *alert)
{
    int n = 0;
    const struct need *const *needs = alert ? rules_alert_needs(rules, alert, &n) : NULL;
    json_put_key(&print->line, "needs");
    json_put(&print->line, "[", 1);
    for (int i = 0; i < n; i++) {
        char buf[ID_TEXT_MAX];
        if (i)
            json_put(&print->line, ",", 1);
        json_put_string(&print->line, need_name(print, needs[i]->record.id, buf));
    }
    json_put(&print->line, "]", 1);
}

static void print_json(struct replay_print *print, const struct rules *rules, int64_t at_ms,
                       const struct effect *effect, const struct need *need,
                       const struct replay_alert *told)
{
    struct json_text *json = &print->line;
    char buf[ID_TEXT_MAX];
    json->n = 0;
    json_put(json, "{", 1);
    if (print->stream)
        set_text(json, "stream", print->stream);
    set_int(json, "at_ms", at_ms);
    set_text(json, "what", what_name(effect->type));
    set_text(json, "session", need ? need->session->session : told ? told->session : "");
    set_text(json, "kind", word_name(&word_kind, (int)(told ? told->kind : effect->kind)));
    set_text(json, "reason", effect->reason);
    if (need) {
        set_text(json, "need", need_name(print, effect->need_id, buf));
        set_text(json, "agent", need->session->agent);
        set_text(json, "title", need_reason(need)->title);
    }
    if (effect->alert_id) {
        set_text(json, "receiver", told ? told->receiver : "");
        set_text(json, "alert", id_text(effect->alert_id, buf));
        set_int(json, "version", effect->version);
    }
    if (effect->type == EFFECT_ALERT) {
        set_needs(print, rules, rules_alert_find(rules, effect->alert_id));
        json_put_key(json, "audible");
        json_put(json, effect->audible ? "true" : "false", effect->audible ? 4 : 5);
    }
    json_put(json, "}\n", 2);
    fwrite(json->text, 1, json->n, stdout);
}

/* ---- for a person -------------------------------------------------------------------------------- */

static void print_time(const struct replay_print *print, int64_t at_ms)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun",
                                       "Mon", "Tue", "Wed"}; /* of 1970 */
    int64_t ms = at_ms - print->start_ms;
    if (print->clock) {
        int64_t local_s = at_ms / 1000 + print->utc_offset_s;
        printf("%s %02d:%02d:%02d", days[local_s / 86400 % 7], (int)(local_s / 3600 % 24),
               (int)(local_s / 60 % 60), (int)(local_s % 60));
        return;
    }
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
    print_time(print, at_ms);
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
        print_json(print, rules, at_ms, effect, need, told);
    else
        print_line(print, rules, at_ms, effect, need, told);
    if (print->forgets && effect->type == EFFECT_ALERT_WITHDRAWN) {
        struct replay_alert *known = find(print, effect->alert_id);
        if (known) {
            table_remove(&print->told, table_mix(known->id), known);
            free_known(known);
        }
    }
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
    replay_print_clear(print);
}

void replay_print_clear(struct replay_print *print)
{
    for (size_t i = 0; i < print->told.capacity; i++) {
        if (print->told.slots[i].item)
            free_known(print->told.slots[i].item);
    }
    table_clear(&print->told);
    free(print->line.text);
    print->line = (struct json_text){0};
}
