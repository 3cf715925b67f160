/* again.c: what is still said of a need that was told (rules.md section 5, line 2): one ring per rise, repeats,
 * escalations, and its receivers that waited for budget. A wall or the person's look holds them up: they come
 * once, when it ends. Without room in the budget they wait until the need's bound, then come silently:
 * alert_publish() sees to that. */
#include "core.h"

static bool held_up(const struct need *need)
{
    return need->inhibited || (need->walls && need->treatment.urgency != URGENCY_CRITICAL);
}

static int64_t bound_ms(const struct need *need)
{
    return need->opened_ms + need->walled_ms + need->treatment.at_most_ms;
}

/* When one of these receivers may ring, or the need's bound; by then at the latest it is said, if silently. */
static int64_t room_at(const struct rules *rules, const struct need *need, uint32_t to)
{
    int64_t at = bound_ms(need);
    if (need->treatment.urgency == URGENCY_CRITICAL || need->treatment.silent)
        return rules->now.steady_ms;
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        int64_t room = to & 1u << slot ? ring_room_ms(rules, slot) : NEVER_MS;
        at = room < at ? room : at;
    }
    return at;
}

static int64_t repeat_at(const struct need *need)
{
    const struct treatment *treatment = &need->treatment;
    if (!treatment->repeat_ms || need->repeats >= treatment->repeat_times || treatment->silent ||
        !need->rung_ms)
        return NEVER_MS;
    return need->rung_ms + treatment->repeat_ms;
}

static int64_t escalate_at(const struct need *need)
{
    const struct rule *rule = need->treatment.escalate;
    if (!rule || need->escalated >= rule->n_escalate)
        return NEVER_MS;
    return need->told_ms + rule->escalate[need->escalated].after_ms;
}

int64_t again_deadline(const struct rules *rules, const struct need *need)
{
    int64_t at = need->last_ms + need->treatment.expire_ms;
    if (need->inhibited && !need->looked_at && need->inhibited_until_ms < at)
        at = need->inhibited_until_ms;
    if (held_up(need))
        return at;
    if (repeat_at(need) < at)
        at = repeat_at(need);
    if (escalate_at(need) < at)
        at = escalate_at(need);
    if (need->pending && room_at(rules, need, need->pending) < at)
        at = room_at(rules, need, need->pending);
    if (need->owed && room_at(rules, need, need->owed) < at)
        at = room_at(rules, need, need->owed);
    return at;
}

static void ring(struct rules *rules, struct need *need, uint32_t on)
{
    if (need->treatment.silent) {
        alert_touch(rules, need, 0);
        return;
    }
    need->rung_ms = rules->now.steady_ms;
    alert_touch(rules, need, on);
    core_changed(rules, need);
}

/* A rise rings once on each receiver, when that may. */
static void ring_owed(struct rules *rules, struct need *need)
{
    uint32_t on = 0;
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        uint32_t bit = 1u << slot;
        if (need->owed & bit && room_at(rules, need, bit) <= rules->now.steady_ms)
            on |= bit;
    }
    need->owed &= ~on;
    if (on)
        ring(rules, need, on);
}

static void escalate(struct rules *rules, struct need *need)
{
    const struct rule *rule = need->treatment.escalate;
    uint32_t to = walk_receivers(rules, rule->escalate[need->escalated].to);
    need->escalated++;
    need->to |= to;
    need->rung_ms = rules->now.steady_ms;
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        uint32_t bit = to & 1u << slot;
        if (bit && room_at(rules, need, bit) > rules->now.steady_ms)
            need->pending |= bit;
        else if (bit)
            alert_add(rules, tell_alert(rules, need, slot, false), need, !need->treatment.silent);
    }
    core_changed(rules, need);
}

static void tell_pending(struct rules *rules, struct need *need)
{
    int64_t now = rules->now.steady_ms;
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        uint32_t bit = 1u << slot;
        if (!(need->pending & bit) || room_at(rules, need, bit) > now)
            continue;
        bool room = need->treatment.urgency == URGENCY_CRITICAL || ring_room_ms(rules, slot) <= now;
        need->pending &= ~bit;
        bool rings = room && !need->treatment.silent;
        need->rung_ms = rings ? now : need->rung_ms;
        alert_add(rules, tell_alert(rules, need, slot, false), need, rings);
        core_changed(rules, need);
    }
}

void again_look(struct rules *rules, struct need *need)
{
    int64_t now = rules->now.steady_ms;
    if (held_up(need))
        return;
    if (need->owed)
        ring_owed(rules, need);
    if (need->pending)
        tell_pending(rules, need);
    while (escalate_at(need) <= now)
        escalate(rules, need);
    if (repeat_at(need) <= now) {
        need->repeats++;
        ring(rules, need, UINT32_MAX);
    }
}

/* ---- who waits for room -------------------------------------------------------------------------- */

void again_leave_room(struct rules *rules, struct need *need)
{
    if (!need->in_short)
        return;
    need->in_short = false;
    *(need->prev_short ? &need->prev_short->next_short : &rules->short_of_room) = need->next_short;
    if (need->next_short)
        need->next_short->prev_short = need->prev_short;
}

void again_follow_room(struct rules *rules, struct need *need)
{
    bool waits = need_open(need) && need->told && (need->pending | need->owed);
    if (waits == need->in_short)
        return;
    if (!waits)
        return again_leave_room(rules, need);
    need->in_short = true;
    need->prev_short = NULL;
    need->next_short = rules->short_of_room;
    if (need->next_short)
        need->next_short->prev_short = need;
    rules->short_of_room = need;
}
