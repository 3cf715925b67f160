/* judge.c: the judgement of one need (rules.md section 5): the first line that applies. */
#include "core.h"

static bool snoozed(const struct rules *rules, const struct need *need)
{
    return need->snoozed_until_ms > rules->now.steady_ms;
}

static int64_t settled_ms(const struct need *need, const struct treatment *treatment)
{
    return need->opened_ms + treatment->settle_ms;
}

/* Other rules, or the same after a reload, may name other times. */
static int64_t times_hash(const struct rule *rule)
{
    uint64_t hash = TEXT_HASH;
    for (int i = 0; i < rule->n_times; i++)
        hash = table_mix(hash ^ (uint64_t)rule->times_min[i]);
    return (int64_t)(hash >> 1);
}

/* Digest and hold times are walls, too, from settling until the first such time after it. */
static bool held_to_time(struct rules *rules, struct need *need, const struct treatment *treatment)
{
    bool timed = treatment->times && treatment->urgency != URGENCY_CRITICAL;
    int64_t ago_ms = rules->now.steady_ms - settled_ms(need, treatment);
    if (!timed && need->hold_wall_ms) {
        need->hold_wall_ms = 0;
        core_changed(rules, need);
    }
    if (!timed || ago_ms < 0)
        return false;
    int64_t times = times_hash(treatment->times);
    if (!need->hold_wall_ms || need->hold_times != times) {
        struct moment settled = rules->now;
        settled.wall_ms -= ago_ms;
        need->hold_wall_ms =
            focus_next_time(treatment->times->times_min, treatment->times->n_times, &settled);
        need->hold_times = times;
        core_changed(rules, need);
    }
    if (need->hold_wall_ms > rules->now.wall_ms) { /* the clock was set back: the time it comes to next */
        int64_t next =
            focus_next_time(treatment->times->times_min, treatment->times->n_times, &rules->now);
        if (next < need->hold_wall_ms) {
            need->hold_wall_ms = next;
            core_changed(rules, need);
        }
    }
    return need->hold_wall_ms > rules->now.wall_ms;
}

/* Line 5: the place of its session is in front of the person, or they answer from the board. */
static bool looked_at(const struct rules *rules, const struct need *need, uint32_t inhibit)
{
    enum presence presence = person_presence(rules);
    if (inhibit & INHIBIT_BOARD && presence == PRESENCE_ENGAGED)
        return true;
    return inhibit & INHIBIT_SESSION && presence <= PRESENCE_ACTIVE &&
           person_faces(rules, need->session);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Since when the person looks at what is in front of them, or answers from the board. */
static int64_t looking_since(const struct person *person, const struct session *session)
{
    int64_t board_ms = person->engaged ? person->engaged_ms : 0;
    int64_t front_ms =
        person->front_id == session->record.id ? later(person->front_ms, person->presence_ms) : 0;
    return later(board_ms, front_ms);
}

/* Seen and left: it stays inhibited for a moment; longer if it was open before the person came. */
static void follow_inhibition(struct rules *rules, struct need *need, const struct treatment *treatment)
{
    int64_t now = rules->now.steady_ms;
    bool looks = looked_at(rules, need, treatment->inhibit);
    if (looks && !need->looked_at)
        need->seen = need->opened_ms < looking_since(rules->person, need->session);
    if (!looks && need->looked_at)
        need->inhibited_until_ms = now + (need->seen ? later(treatment->at_most_ms, SEEN_MS)
                                                     : later(treatment->settle_ms, LEFT_MS));
    if (looks)
        need->inhibited_until_ms = 0;
    bool inhibited = looks || need->inhibited_until_ms > now;
    if (looks != need->looked_at || inhibited != need->inhibited)
        core_changed(rules, need);
    need->looked_at = looks;
    need->inhibited = inhibited;
}

/* Keeps account of the time in which it could not be told. When the last wall ends, or a focus the slot was set
 * for, what was held for it is released; the end of an inhibition releases nothing. */
static void follow_walls(struct rules *rules, struct need *need, const struct treatment *treatment)
{
    uint32_t walls = treatment->urgency == URGENCY_CRITICAL ? 0 : treatment->walls;
    bool timed = !need->told && held_to_time(rules, need, treatment);
    bool behind = walls || timed || snoozed(rules, need);
    bool stopped = behind || need->inhibited;
    bool focus_over = need->slot_focuses & ~rules->focuses_on;
    bool released = !behind && (need->behind || focus_over);
    if (stopped && !need->walled_since_ms)
        need->walled_since_ms = rules->now.steady_ms;
    if (!stopped && need->walled_since_ms) {
        need->walled_ms += rules->now.steady_ms - need->walled_since_ms;
        need->walled_since_ms = 0;
        core_changed(rules, need);
    }
    if (behind && !need->behind_since_ms)
        need->behind_since_ms = rules->now.steady_ms;
    if (!behind && need->behind_since_ms) {
        need->behind_ms += rules->now.steady_ms - need->behind_since_ms;
        need->behind_since_ms = 0;
        core_changed(rules, need);
    }
    if (!behind && need->snoozed_until_ms)
        need->snoozed_until_ms = 0;
    if (walls != need->walls || behind != need->behind || timed != need->timed || focus_over ||
        released != need->released || need->slot_focuses != treatment->slot_focuses)
        core_changed(rules, need);
    need->released = released;
    need->behind = behind;
    need->walls = walls;
    need->timed = timed;
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
    case SLOT_BREAKPOINT:                        /* a better moment may come before (wait.c) */
        if (treatment->silent || wait_pays_not(rules, need))
            return 0;
        return need->opened_ms + need->walled_ms + treatment->at_most_ms;
    case SLOT_TIMES: /* walls, until the time is there: then released */
    case SLOT_DIGEST:
    case SLOT_NEVER:
    case SLOTS:
        break;
    }
    return 0;
}

/* Line 8: when one of its receivers may ring; without room it waits, until its bound, then comes silently. What
 * gathers comes silently at once. */
static int64_t budget_due(const struct rules *rules, const struct need *need)
{
    int64_t at = NEVER_MS, bound = need->opened_ms + need->walled_ms + need->treatment.at_most_ms;
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        int64_t room = need->treatment.to & 1u << slot ? ring_room_ms(rules, slot) : NEVER_MS;
        at = room < at ? room : at;
    }
    return at < bound ? at : bound;
}

enum verdict judge_line(const struct rules *rules, const struct need *need, int64_t *due_ms,
                        bool *gathers)
{
    const struct treatment *treatment = &need->treatment;
    int64_t now = rules->now.steady_ms, settled = settled_ms(need, treatment);
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
    if (need->walls || need->timed)
        return VERDICT_WALLED;
    if (need->inhibited)
        return VERDICT_INHIBITED;
    *due_ms = slot_due(rules, need, gathers);
    if (*due_ms < settled)
        *due_ms = settled;
    if (now < settled)
        return VERDICT_UNSETTLED;
    if (need->released) {
        *due_ms = now;
        *gathers = true;
    }
    if (*due_ms <= now && !*gathers && !treatment->silent && budget_due(rules, need) > now)
        *due_ms = budget_due(rules, need);
    return *due_ms <= now ? VERDICT_DUE : VERDICT_HELD;
}

/* Whatever holds it, three instants are to be kept account of: when an inhibition ends; when it settles, if it
 * will be held to a time of day from then on; and when that time is there. */
static int64_t account_look(const struct rules *rules, const struct need *need)
{
    int64_t at = NEVER_MS, settled = settled_ms(need, &need->treatment);
    if (need->inhibited && !need->looked_at)
        at = need->inhibited_until_ms;
    if (!need->told && need->treatment.times && settled > rules->now.steady_ms && settled < at)
        at = settled;
    if (need->timed && rules->now.steady_ms + need->hold_wall_ms - rules->now.wall_ms < at)
        at = rules->now.steady_ms + need->hold_wall_ms - rules->now.wall_ms;
    return at;
}

static int64_t next_look(const struct rules *rules, const struct need *need)
{
    switch (need->verdict) {
    case VERDICT_SNOOZED:
        return need->snoozed_until_ms;
    case VERDICT_TOLD:
        return again_deadline(rules, need);
    case VERDICT_UNSETTLED:
        return need->opened_ms + need->treatment.settle_ms;
    case VERDICT_HELD:
    case VERDICT_DUE:
        return need->due_ms;
    case VERDICT_RESOLVED:
    case VERDICT_ACKED:
    case VERDICT_DROP:
    case VERDICT_CRITICAL:
    case VERDICT_WALLED:    /* a focus's end touches it; for a time of day and the end … */
    case VERDICT_INHIBITED: /* … of an inhibition see account_look() */
    case VERDICTS:
        break;
    }
    return NEVER_MS;
}

static void set_look(struct rules *rules, struct need *need)
{
    int64_t look = next_look(rules, need), account = account_look(rules, need);
    look = account < look ? account : look;
    agenda_set(&rules->agenda, need, look > rules->now.steady_ms ? look : NEVER_MS); /* else: told now */
}

void judge_need(struct rules *rules, struct need *need)
{
    if (!need_open(need)) {
        rules->defer_again |= need->verdict == VERDICT_HELD;
        need_judged(rules, need, VERDICT_RESOLVED);
        agenda_set(&rules->agenda, need, NEVER_MS);
        again_leave_room(rules, need);
        return;
    }
    bool waited = need->verdict == VERDICT_HELD;
    struct treatment treatment;
    walk_need(rules, need, &treatment, NULL);
    follow_inhibition(rules, need, &treatment);
    follow_walls(rules, need, &treatment);
    need->treatment = treatment;
    need_judged(rules, need, judge_line(rules, need, &need->due_ms, &need->gathers));
    line_follow(need);
    rules->defer_again |= waited || need->verdict == VERDICT_HELD;
    if (need->verdict == VERDICT_TOLD) {
        if (need->last_ms + treatment.expire_ms <= rules->now.steady_ms)
            return need_resolve(rules, need, "expired: nobody came, and nothing was heard of it");
        again_look(rules, need);
    }
    again_follow_room(rules, need);
    set_look(rules, need);
    if (rules->gather && need->verdict == VERDICT_DUE)
        need->gathers = true;
    tell_note(rules, need);
}

void judge_room(struct rules *rules)
{
    uint32_t less = rules->less_room;
    rules->less_room = 0;
    for (struct need *need = less ? rules->short_of_room : NULL; need; need = need->next_short) {
        if ((need->pending | need->owed) & less)
            set_look(rules, need);
    }
    for (struct need *need = less ? rules->untold[VERDICT_HELD] : NULL; need; need = need->next_untold) {
        if (!(need->treatment.to & less))
            continue;
        judge_line(rules, need, &need->due_ms, &need->gathers);
        set_look(rules, need);
    }
}
