/* judge.c: the judgement of one need (rules.md section 5): the first line that applies. */
#include "core.h"

static bool snoozed(const struct rules *rules, const struct need *need)
{
    return need->snoozed_until_ms > rules->now.steady_ms;
}

/* Keeps account of the time behind walls. When the last one ends, or a focus the slot was set for, what was
 * held for it is released. A snooze is a wall, too. */
static void follow_walls(struct rules *rules, struct need *need, const struct treatment *treatment)
{
    uint32_t walls = treatment->urgency == URGENCY_CRITICAL ? 0 : treatment->walls;
    bool walled = walls || snoozed(rules, need);
    bool focus_over = need->slot_focuses & ~rules->focuses_on;
    bool ended = need->walled_since_ms && !walled;
    if (walled && !need->walled_since_ms)
        need->walled_since_ms = rules->now.steady_ms;
    if (ended) {
        need->walled_ms += rules->now.steady_ms - need->walled_since_ms;
        need->walled_since_ms = 0;
    }
    if (!walled && need->snoozed_until_ms)
        need->snoozed_until_ms = 0;
    bool released = !walled && (ended || focus_over);
    if (walls != need->walls || ended || focus_over || released != need->released ||
        need->slot_focuses != treatment->slot_focuses)
        core_changed(rules, need);
    need->released = released;
    need->walls = walls;
    need->slot_focuses = treatment->slot_focuses & rules->focuses_on;
}

/* Line 7: when the slot lets it be told, and whether that gathers. */
static int64_t slot_due(const struct rules *rules, const struct need *need, bool *gathers)
{
    const struct treatment *treatment = &need->treatment;
    *gathers = false;
    switch (treatment->slot) {
    case SLOT_BATCH:
        *gathers = true;
        return need->opened_ms + need->walled_ms + treatment->batch_ms;
    case SLOT_FOCUS_END:
        return rules->focuses_on ? NEVER_MS : 0; /* no focus on: the same as never */
    case SLOT_NEVER:
    case SLOT_BREAKPOINT: /* refused by the configuration until there are breakpoints */
    case SLOT_TIMES:
    case SLOT_DIGEST:
    case SLOTS:
        break;
    }
    return 0;
}

enum verdict judge_line(const struct rules *rules, const struct need *need, int64_t *due_ms,
                        bool *gathers)
{
    const struct treatment *treatment = &need->treatment;
    int64_t now = rules->now.steady_ms, settled = need->opened_ms + treatment->settle_ms;
    *due_ms = NEVER_MS;
    *gathers = false;
    if (!need_open(need))
        return VERDICT_RESOLVED;
    if (need->acked)
        return VERDICT_ACKED;
    if (snoozed(rules, need))
        return VERDICT_SNOOZED;
    if (need->told)
        return VERDICT_TOLD;
    if (!treatment->to)
        return VERDICT_DROP;
    if (treatment->urgency == URGENCY_CRITICAL)
        return *due_ms = now, VERDICT_CRITICAL;
    if (need->walls)
        return VERDICT_WALLED;
    *due_ms = slot_due(rules, need, gathers);
    if (*due_ms < settled)
        *due_ms = settled;
    if (now < settled)
        return VERDICT_UNSETTLED;
    if (need->released) {
        *due_ms = now;
        *gathers = true;
    }
    return *due_ms <= now ? VERDICT_DUE : VERDICT_HELD;
}

static int64_t next_look(const struct need *need)
{
    switch (need->verdict) {
    case VERDICT_SNOOZED:
        return need->snoozed_until_ms;
    case VERDICT_TOLD:
        return need->last_ms + need->treatment.expire_ms;
    case VERDICT_UNSETTLED:
        return need->opened_ms + need->treatment.settle_ms;
    case VERDICT_HELD:
    case VERDICT_DUE:
        return need->due_ms;
    case VERDICT_RESOLVED:
    case VERDICT_ACKED:
    case VERDICT_DROP:
    case VERDICT_CRITICAL:
    case VERDICT_WALLED:
    case VERDICT_INHIBITED:
    case VERDICTS:
        break;
    }
    return NEVER_MS;
}

void judge_need(struct rules *rules, struct need *need)
{
    if (!need_open(need)) {
        need->verdict = VERDICT_RESOLVED;
        agenda_remove(&rules->agenda, need);
        return;
    }
    struct treatment treatment;
    walk_need(rules, need, &treatment);
    follow_walls(rules, need, &treatment);
    need->treatment = treatment;
    need->verdict = judge_line(rules, need, &need->due_ms, &need->gathers);
    if (need->verdict == VERDICT_TOLD && next_look(need) <= rules->now.steady_ms)
        return need_resolve(rules, need, "expired: nobody came, and nothing was heard of it");
    int64_t look = next_look(need);
    agenda_set(&rules->agenda, need, look > rules->now.steady_ms ? look : NEVER_MS); /* else: told now */
    if (rules->gather && need->verdict == VERDICT_DUE)
        need->gathers = true;
    tell_note(rules, need);
}
