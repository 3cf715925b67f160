/* receiver.c: see receiver.h. While a receiver is down the outbox keeps the newest version of each alert;
 * after give_up its needs ring on the fallback; when it comes back, what is open and was delivered nowhere
 * else comes as one alert. */
#include "core.h"

#include <stdlib.h>

// clang-format off
static const struct field receiver_fields[] = {
    FIELD(receiver, FIELD_TEXT, name),
    FIELD(receiver, FIELD_INT, slot),
    FIELD(receiver, FIELD_BOOL, declared),
    FIELD(receiver, FIELD_BOOL, updates),
    FIELD(receiver, FIELD_BOOL, withdraws),
    FIELD(receiver, FIELD_INT, down_ms),
    FIELD(receiver, FIELD_TEXT, trouble),
    FIELD(receiver, FIELD_INT, give_up_ms),
    FIELD(receiver, FIELD_INT, budget),
    FIELD(receiver, FIELD_INT, fallback),
};
// clang-format on
const struct noun noun_receiver = {"receiver", sizeof(struct receiver), receiver_fields,
                                   sizeof receiver_fields / sizeof *receiver_fields};

struct receiver *receiver_find(const struct rules *rules, const char *name)
{
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        if (rules->receivers[slot] && text_same(rules->receivers[slot]->name, name))
            return rules->receivers[slot];
    }
    return NULL;
}

/* ---- the policy's receivers ----------------------------------------------------------------------- */

static bool slot_in_use(const struct rules *rules, int slot)
{
    for (const struct alert *alert = rules->first_alert; alert; alert = alert->next) {
        if (alert->receiver == slot)
            return true;
    }
    return false;
}

/* A slot that no declared receiver and no alert has; the policy has fewer receivers than there are slots. */
static int free_slot(struct rules *rules)
{
    int undeclared = -1;
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        if (!rules->receivers[slot])
            return slot;
        if (rules->receivers[slot]->declared)
            continue;
        if (!slot_in_use(rules, slot))
            return slot;
        undeclared = slot;
    }
    for (struct alert *alert = rules->first_alert, *next; alert; alert = next) {
        next = alert->next;
        if (alert->receiver == undeclared)
            alert_drop(rules, alert);
    }
    return undeclared;
}

/* The slot's former owner is forgotten. */
static void forget_receiver(struct rules *rules, struct need *need, uint32_t bit)
{
    if (!((need->to | need->delivered | need->pending | need->owed) & bit))
        return;
    need->to &= ~bit;
    need->delivered &= ~bit;
    need->pending &= ~bit;
    need->owed &= ~bit;
    core_changed(rules, need);
}

static struct receiver *make(struct rules *rules, const char *name)
{
    int slot = free_slot(rules);
    if (rules->receivers[slot]) {
        rules->n_down -= rules->receivers[slot]->down_ms != 0;
        core_gone(rules, rules->receivers[slot]);
    }
    ring_forget(rules, slot);
    for (struct need *need = rules->first_need; need; need = need->next)
        forget_receiver(rules, need, 1u << slot);
    struct receiver *receiver = must_alloc(sizeof *receiver);
    receiver->record.noun = &noun_receiver;
    receiver->record.id = core_id(rules);
    receiver->slot = slot;
    text_set(&rules->bytes, &receiver->name, name, TEXT_NAME);
    rules->receivers[slot] = receiver;
    return receiver;
}

static void withdraw_all(struct rules *rules, int64_t slot)
{
    for (struct alert *alert = rules->first_alert, *next; alert; alert = next) {
        next = alert->next;
        if (alert->receiver == slot)
            alert_withdraw(rules, alert);
    }
}

void receiver_configure(struct rules *rules, const struct policy *policy)
{
    bool was[RECEIVER_SLOTS] = {false};
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        if (!rules->receivers[slot])
            continue;
        was[slot] = rules->receivers[slot]->declared;
        rules->receivers[slot]->declared = false;
        core_changed(rules, rules->receivers[slot]);
    }
    for (int i = 0; i < policy->n_receivers; i++) { /* the known ones first, so that none loses its slot */
        struct receiver *receiver = receiver_find(rules, policy->receivers[i].name);
        if (receiver)
            receiver->declared = true;
    }
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        if (was[slot] && !rules->receivers[slot]->declared)
            withdraw_all(rules, slot);
    }
    for (int i = 0; i < policy->n_receivers; i++) {
        const struct policy_receiver *wanted = &policy->receivers[i];
        struct receiver *receiver = receiver_find(rules, wanted->name);
        if (!receiver) {
            receiver = make(rules, wanted->name);
            receiver->updates = wanted->updates;
            receiver->withdraws = wanted->withdraws;
        }
        receiver->declared = true;
        receiver->give_up_ms = wanted->give_up_ms;
        receiver->budget = wanted->budget;
        rules->receiver_slot[i] = (int)receiver->slot;
        core_changed(rules, receiver);
    }
    for (int i = 0; i < policy->n_receivers; i++) {
        int fallback = policy->receivers[i].fallback;
        rules->receivers[rules->receiver_slot[i]]->fallback =
            fallback < 0 ? -1 : rules->receiver_slot[fallback];
    }
}

/* ---- down, given up, up again ---------------------------------------------------------------------- */

void receiver_down(struct rules *rules, struct receiver *receiver, const char *reason)
{
    text_set(&rules->bytes, &receiver->trouble, reason, TEXT_TITLE);
    core_changed(rules, receiver);
    if (receiver->down_ms)
        return;
    receiver->down_ms = rules->now.steady_ms;
    rules->n_down++;
}

static bool undelivered(const struct alert *alert)
{
    return alert->open && alert->news_ms;
}

/* When its needs are told elsewhere: after give_up; a critical one sooner, and at once if the receiver was
 * known to be down when it was told. */
static int64_t give_up_at(const struct receiver *receiver, const struct alert *alert)
{
    bool critical = alert->urgency == URGENCY_CRITICAL;
    if (alert->failed || (critical && receiver->down_ms < alert->news_ms))
        return alert->news_ms;
    if (critical && receiver->give_up_ms > CRITICAL_GIVE_UP_MS)
        return alert->news_ms + CRITICAL_GIVE_UP_MS;
    return alert->news_ms + receiver->give_up_ms;
}

static bool on_receiver(const struct need *need, int slot)
{
    for (const struct line *line = need->lines; line; line = line->next_in_need) {
        if (line->alert->receiver == slot)
            return true;
    }
    return false;
}

static void fall_back(struct rules *rules, struct alert *alert, int to)
{
    alert->gave_up = true;
    core_changed(rules, alert);
    for (struct line *line = alert->lines; line; line = line->next_in_alert) {
        struct need *need = line->need;
        if (on_receiver(need, to))
            continue;
        need->to |= 1u << to;
        need_touch(rules, need);
        alert_add(rules, tell_alert(rules, need, to, false), need, !need->delivered && need->rings);
    }
}

/* Whether an alert waits for a receiver that is down and has a fallback; and until when. */
static bool waits(const struct rules *rules, const struct alert *alert, int64_t *until_ms)
{
    const struct receiver *receiver = rules->receivers[alert->receiver];
    if (!receiver || !receiver->down_ms || receiver->fallback < 0 || alert->gave_up ||
        !undelivered(alert))
        return false;
    const struct receiver *fallback = rules->receivers[receiver->fallback];
    *until_ms = give_up_at(receiver, alert);
    return fallback && fallback->declared;
}

void receiver_give_up(struct rules *rules)
{
    int64_t until_ms;
    for (struct alert *alert = rules->n_down ? rules->first_alert : NULL; alert; alert = alert->next) {
        if (waits(rules, alert, &until_ms) && until_ms <= rules->now.steady_ms)
            fall_back(rules, alert, (int)rules->receivers[alert->receiver]->fallback);
    }
}

int64_t receiver_deadline(const struct rules *rules)
{
    int64_t deadline = NEVER_MS, until_ms;
    for (const struct alert *alert = rules->n_down ? rules->first_alert : NULL; alert;
         alert = alert->next) {
        if (waits(rules, alert, &until_ms) && until_ms < deadline)
            deadline = until_ms;
    }
    return deadline;
}

/* Takes out what somebody else has; true if something is left that nobody has. */
static bool keep_unheard(struct rules *rules, struct alert *alert)
{
    for (struct line *line = alert->lines, *next; line; line = next) {
        next = line->next_in_alert;
        if (line->need->delivered & ~(1u << alert->receiver))
            line_remove(rules, line);
    }
    return alert->n_lines > 0;
}

static void move_needs(struct rules *rules, struct alert *from, struct alert *to)
{
    while (from != to && from->lines) {
        struct need *need = from->lines->need;
        line_remove(rules, from->lines);
        alert_add(rules, to, need, need->rings);
    }
}

/* An alert it has, whose news were told on the fallback meanwhile: they do not ring again. */
static void forget_ring(struct rules *rules, const struct receiver *receiver, struct alert *alert)
{
    for (const struct line *line = alert->lines; line; line = line->next_in_alert) {
        if (!line->need->delivered)
            return;
    }
    alert->gave_up = false;
    alert->news_ms = 0;
    alert_hush(rules, alert);
    if (!receiver->updates)
        alert->queued = alert->delivered;
}

/* What is open and was delivered nowhere else comes as one alert. */
static void recover(struct rules *rules, struct receiver *receiver)
{
    struct alert *first = NULL, *all = NULL;
    for (struct alert *alert = rules->first_alert; alert; alert = alert->next) {
        if (alert->receiver != receiver->slot || !alert->open)
            continue;
        if (alert->delivered && alert->gave_up)
            forget_ring(rules, receiver, alert);
        if (alert->delivered || alert->handed || alert->maybe || !keep_unheard(rules, alert))
            continue;
        alert->gave_up = false;
        core_changed(rules, alert);
        if (!first) {
            first = alert;
            continue;
        }
        if (!all) {
            all = alert_get(rules, (int)receiver->slot, "*", "");
            move_needs(rules, first, all);
        }
        move_needs(rules, alert, all);
    }
}

void receiver_up(struct rules *rules, struct receiver *receiver)
{
    core_changed(rules, receiver);
    if (!receiver->down_ms)
        return;
    receiver->down_ms = 0;
    rules->n_down--;
    text_set(&rules->bytes, &receiver->trouble, NULL, 0);
    recover(rules, receiver);
}

void receiver_free(struct receiver *receiver)
{
    if (receiver) {
        free(receiver->name);
        free(receiver->trouble);
    }
    free(receiver);
}
