/* alert.c: see alert.h. Needs come and go in alerts during a look; alert_publish() ends it: a new version of
 * every alert whose content changed, at most one ring per receiver, and the delivery queued. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

// clang-format off
static const struct field alert_fields[] = {
    FIELD(alert, FIELD_INT, receiver),
    FIELD(alert, FIELD_TEXT, key),
    FIELD(alert, FIELD_TEXT, group),
    FIELD(alert, FIELD_BOOL, open),
    FIELD(alert, FIELD_INT, version),
    FIELD_NAMED(alert, urgency, &word_urgency),
    FIELD(alert, FIELD_INT, ring),
    FIELD(alert, FIELD_INT, news),
    FIELD(alert, FIELD_INT, news_ms),
    FIELD(alert, FIELD_INT, queued),
    FIELD(alert, FIELD_INT, maybe),
    FIELD(alert, FIELD_INT, handed),
    FIELD(alert, FIELD_INT, delivered),
    FIELD(alert, FIELD_BOOL, deferred),
    FIELD(alert, FIELD_BOOL, failed),
    FIELD(alert, FIELD_BOOL, gave_up),
    FIELD_NAMED(alert, delivery, &word_delivery),
    FIELD(alert, FIELD_BOOL, touched),
    FIELD(alert, FIELD_BOOL, may_ring),
};
// clang-format on
const struct noun noun_alert = {"alert", sizeof(struct alert), alert_fields,
                                sizeof alert_fields / sizeof *alert_fields};

/* ---- lists --------------------------------------------------------------------------------------- */

struct alert_key {
    int64_t receiver;
    const char *key;
};

static uint64_t hash_key(int64_t receiver, const char *key)
{
    return text_hash(table_mix((uint64_t)receiver + 1), key);
}

static bool same_key(const void *item, const void *key)
{
    const struct alert *alert = item;
    const struct alert_key *wanted = key;
    return alert->receiver == wanted->receiver && text_same(alert->key, wanted->key);
}

void alert_mark(struct rules *rules, struct alert *alert, bool ring)
{
    alert->may_ring |= ring;
    core_changed(rules, alert);
    if (alert->touched)
        return;
    alert->touched = true;
    if (rules->n_touched == rules->touched_capacity) {
        rules->touched_capacity = rules->touched_capacity ? rules->touched_capacity * 2 : 32;
        rules->touched =
            must_grow(rules->touched, (size_t)rules->touched_capacity * sizeof *rules->touched);
    }
    rules->touched[rules->n_touched++] = alert;
}

void alert_join(struct rules *rules, struct alert *alert)
{
    if (alert->open)
        table_add(&rules->alerts_by_key, hash_key(alert->receiver, alert->key), alert);
    table_add(&rules->alerts_by_id, table_mix(alert->record.id), alert);
    alert->prev = rules->last_alert;
    if (rules->last_alert)
        rules->last_alert->next = alert;
    else
        rules->first_alert = alert;
    rules->last_alert = alert;
    rules->n_alerts++;
    if (alert->touched) { /* restored, before the look that it was touched for */
        alert->touched = false;
        alert_mark(rules, alert, alert->may_ring);
    }
}

void alert_hush(struct rules *rules, struct alert *alert)
{
    for (struct line *line = alert->lines; line; line = line->next_in_alert) {
        line->ring = 0;
        core_changed(rules, line);
    }
    alert->ring = 0;
    alert->n_rang = alert->n_lines;
    core_changed(rules, alert);
}

void alert_leave(struct rules *rules, struct need *need)
{
    while (need->lines)
        line_remove(rules, need->lines);
}

void alert_drop(struct rules *rules, struct alert *alert)
{
    while (alert->lines)
        line_remove(rules, alert->lines);
    if (alert->open)
        table_remove(&rules->alerts_by_key, hash_key(alert->receiver, alert->key), alert);
    table_remove(&rules->alerts_by_id, table_mix(alert->record.id), alert);
    if (alert->prev)
        alert->prev->next = alert->next;
    else
        rules->first_alert = alert->next;
    if (alert->next)
        alert->next->prev = alert->prev;
    else
        rules->last_alert = alert->prev;
    rules->n_alerts--;
    for (int i = 0; alert->touched && i < rules->n_touched; i++) {
        if (rules->touched[i] == alert)
            rules->touched[i] = NULL;
    }
    text_free(&rules->bytes, &alert->key);
    text_free(&rules->bytes, &alert->group);
    core_gone(rules, alert);
}

struct alert *alert_get(struct rules *rules, int receiver, const char *key, const char *group)
{
    struct alert *alert = NULL;
    char cut[TEXT_PATH * 4 + 1]; /* what is kept of the key is what is looked up */
    char *kept = NULL;
    int64_t bytes = 0;
    text_set(&bytes, &kept, key, sizeof cut - 1);
    const struct alert_key wanted = {receiver, kept};
    alert = table_find(&rules->alerts_by_key, hash_key(receiver, kept), same_key, &wanted);
    if (!alert) {
        alert = must_alloc(sizeof *alert);
        alert->record.noun = &noun_alert;
        alert->record.id = core_id(rules);
        alert->receiver = receiver;
        alert->open = true;
        text_set(&rules->bytes, &alert->key, kept, sizeof cut - 1);
        text_set(&rules->bytes, &alert->group, group, TEXT_PATH);
        alert_join(rules, alert);
    }
    text_free(&bytes, &kept);
    return alert;
}

void alert_add(struct rules *rules, struct alert *alert, struct need *need, bool ring)
{
    for (struct line *line = need->lines; line; line = line->next_in_need) {
        if (line->alert == alert)
            return line_touch(rules, line, ring);
    }
    struct line *line = must_alloc(sizeof *line);
    line->record.noun = &noun_line;
    line->record.id = core_id(rules);
    line->alert_id = alert->record.id;
    line->need_id = need->record.id;
    line_join(line, alert, need);
    line_follow(need);
    line_touch(rules, line, ring);
}

void alert_touch(struct rules *rules, struct need *need, uint32_t ring)
{
    for (struct line *line = need->lines; line; line = line->next_in_need)
        line_touch(rules, line, ring >> line->alert->receiver & 1);
}

/* ---- delivery ------------------------------------------------------------------------------------ */

bool alert_audible(const struct alert *alert)
{
    return alert->ring > alert->delivered;
}

static void follow_delivery(struct rules *rules, struct alert *alert)
{
    enum delivery_state state = DELIVERY_NONE;
    if (alert->handed)
        state = DELIVERY_IN_FLIGHT;
    else if (alert->failed)
        state = DELIVERY_FAILED;
    else if (alert->queued > alert->delivered)
        state = alert->deferred ? DELIVERY_DEFERRED : DELIVERY_QUEUED;
    else if (!alert->open)
        state = DELIVERY_WITHDRAWN;
    else if (alert->delivered)
        state = DELIVERY_DELIVERED;
    alert->delivery = state;
    core_changed(rules, alert);
}

/* A receiver that cannot edit gets no new message for news that have gone before they got there. */
static void drop_old_news(const struct rules *rules, struct alert *alert)
{
    const struct receiver *receiver = rules->receivers[alert->receiver];
    const struct line *newest = alert->last_line;
    if (!receiver || receiver->updates || !alert->open)
        return;
    while (newest && !newest->version) /* not published yet */
        newest = newest->prev_in_alert;
    if (alert->ring <= alert->delivered && (!newest || newest->version <= alert->delivered))
        alert->queued = alert->delivered;
}

/* A closed alert has nothing more to say once its withdrawal arrived, or nobody ever got it. */
static void finish_if_done(struct rules *rules, struct alert *alert)
{
    const struct receiver *receiver = rules->receivers[alert->receiver];
    bool known = alert->delivered || alert->handed || alert->maybe;
    bool takes_back = receiver && receiver->withdraws;
    if (!alert->open && !alert->handed &&
        (!known || !takes_back || alert->failed || alert->queued <= alert->delivered))
        alert_drop(rules, alert);
}

void alert_withdraw(struct rules *rules, struct alert *alert)
{
    while (alert->lines)
        line_remove(rules, alert->lines);
    if (!alert->open)
        return;
    table_remove(&rules->alerts_by_key, hash_key(alert->receiver, alert->key), alert);
    alert->open = false;
    alert->news_ms = 0;
    alert->failed = alert->deferred = false;
    alert->queued = ++alert->version;
    struct effect *effect = core_effect(rules, EFFECT_ALERT_WITHDRAWN, "no need is left in it");
    effect->alert_id = alert->record.id;
    effect->version = alert->version;
    const struct receiver *receiver = rules->receivers[alert->receiver];
    effect->deliver =
        (alert->delivered || alert->handed || alert->maybe) && receiver && receiver->withdraws;
    follow_delivery(rules, alert);
    finish_if_done(rules, alert);
}

void alert_handed(struct rules *rules, struct alert *alert, int64_t version)
{
    if (version == 0 && alert->handed > alert->maybe)
        alert->maybe = alert->handed;
    alert->handed = version; /* 0: nobody knows what became of it */
    alert->deferred = false;
    follow_delivery(rules, alert);
    finish_if_done(rules, alert);
}

void alert_delivered(struct rules *rules, struct alert *alert, int64_t version)
{
    alert->handed = alert->maybe = 0;
    alert->deferred = alert->failed = alert->gave_up = false;
    if (version > alert->delivered)
        alert->delivered = version;
    if (version >= alert->news)
        alert->news_ms = 0;
    for (; alert->fresh && alert->fresh->version && alert->fresh->version <= version;
         alert->fresh = alert->fresh->next_in_alert) {
        alert->fresh->need->delivered |= 1u << alert->receiver;
        core_changed(rules, alert->fresh->need);
    }
    drop_old_news(rules, alert);
    follow_delivery(rules, alert);
    finish_if_done(rules, alert);
}

void alert_not_delivered(struct rules *rules, struct alert *alert, int64_t version, bool for_ever)
{
    if (alert->handed != version)
        return;
    alert->handed = 0;
    alert->deferred = !for_ever;
    alert->failed = for_ever;
    if (for_ever) /* that version is not tried again; a newer one is */
        alert->queued = alert->queued > version ? alert->queued : alert->delivered;
    follow_delivery(rules, alert);
    finish_if_done(rules, alert);
}

/* ---- the end of a look --------------------------------------------------------------------------- */

static const struct need *first_need(const struct alert *alert)
{
    const struct need *first = alert->lines->need;
    for (const struct line *line = alert->lines; line; line = line->next_in_alert) {
        if (need_compare(line->need, first) < 0)
            first = line->need;
    }
    return first;
}

static int compare_ids(const void *a, const void *b)
{
    const struct alert *x = *(struct alert *const *)a, *y = *(struct alert *const *)b;
    return x->record.id < y->record.id ? -1 : x->record.id > y->record.id;
}

/* Whatever its cause, a ring needs room in the budget, but for what is critical. */
static bool may_ring(const struct rules *rules, const struct alert *alert)
{
    bool room = ring_room_ms(rules, (int)alert->receiver) <= rules->now.steady_ms;
    if (!alert->may_ring || room)
        return alert->may_ring;
    for (const struct line *line = alert->touched_lines; line; line = line->next_touched) {
        if (line->may_ring && line->need->treatment.urgency == URGENCY_CRITICAL)
            return true;
    }
    return false;
}

/* Of several alerts that would ring on a receiver the most urgent, then the oldest, does. */
static void choose_rings(struct rules *rules, struct alert *ringing[RECEIVER_SLOTS])
{
    for (int i = 0; i < rules->n_touched; i++) {
        struct alert *alert = rules->touched[i];
        struct alert **best = &ringing[alert->receiver];
        if (alert->n_lines == 0 || !may_ring(rules, alert))
            continue;
        if (!*best || need_compare(first_need(alert), first_need(*best)) < 0)
            *best = alert;
    }
}

/* The most urgent of its lines, and of those the most urgent kind. */
static enum kind first_kind(const struct alert *alert, enum urgency *urgency)
{
    for (int u = URGENCIES - 1; u >= 0; u--) {
        for (int kind = 0; kind < KINDS; kind++) {
            if (alert->many[u][kind] > 0)
                return *urgency = (enum urgency)u, (enum kind)kind;
        }
    }
    return *urgency = URGENCY_UNSET, KIND_CUSTOM;
}

static void publish(struct rules *rules, struct alert *alert, bool rings)
{
    const struct receiver *receiver = rules->receivers[alert->receiver];
    bool fresh = false;
    alert->version++;
    alert->failed = false;
    if (rings) {
        alert->ring = alert->version;
        alert->n_rang = 0;
        ring_note(rules, (int)alert->receiver);
    }
    for (struct line *line = alert->touched_lines, *next; line; line = next) {
        next = line->next_touched;
        fresh |= !line->version && (line->need->told_ms == rules->now.steady_ms ||
                                    !(line->need->delivered & 1u << alert->receiver));
        line_publish(rules, line, rings);
    }
    enum kind kind = first_kind(alert, &alert->urgency);
    if (rings || fresh) {
        bool critical = rings && alert->urgency == URGENCY_CRITICAL;
        alert->news = alert->version;
        if (!alert->news_ms || alert->gave_up || critical)
            alert->news_ms = rules->now.steady_ms;
        alert->gave_up = false;
    }
    bool deliver = receiver && (receiver->updates || rings || fresh); /* else not worth a new message */
    if (deliver)
        alert->queued = alert->version;
    drop_old_news(rules, alert);
    follow_delivery(rules, alert);
    struct effect *effect = core_effect(rules, EFFECT_ALERT, "%s", rings ? "told" : "shown silently");
    effect->alert_id = alert->record.id;
    effect->version = alert->version;
    effect->audible = rings;
    effect->deliver = deliver;
    effect->kind = kind;
}

void alert_publish(struct rules *rules)
{
    struct alert *ringing[RECEIVER_SLOTS] = {NULL};
    int n = 0;
    for (int i = 0; i < rules->n_touched; i++) {
        if (rules->touched[i])
            rules->touched[n++] = rules->touched[i];
    }
    rules->n_touched = n;
    if (n > 1)
        qsort(rules->touched, (size_t)n, sizeof *rules->touched, compare_ids);
    choose_rings(rules, ringing);
    for (int i = 0; i < n; i++) {
        struct alert *alert = rules->touched[i];
        bool rings = alert == ringing[alert->receiver];
        alert->touched = alert->may_ring = false;
        if (alert->n_lines > 0)
            publish(rules, alert, rings);
        else
            alert_withdraw(rules, alert);
    }
    rules->n_touched = 0;
}
