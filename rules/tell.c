/* tell.c: from what is due to alerts (rules.md section 6): who rides along, what is gathered, who rings.
 *
 * A tell is an interruption that is paid for: every ready need of the same receiver comes with it, and what
 * will settle within GATHER_MS is waited for, so that five agents asking within a moment ring once. */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is due --------------------------------------------------------------------------------- */

static void due_add(struct rules *rules, struct need *need)
{
    if (need->telling)
        return;
    need->telling = true;
    if (rules->n_due == rules->due_capacity) {
        rules->due_capacity = rules->due_capacity ? rules->due_capacity * 2 : 32;
        rules->due = must_grow(rules->due, (size_t)rules->due_capacity * sizeof *rules->due);
    }
    rules->due[rules->n_due++] = need;
}

void tell_note(struct rules *rules, struct need *need)
{
    if (need->verdict == VERDICT_DUE || need->verdict == VERDICT_CRITICAL)
        due_add(rules, need);
}

/* ---- waiting a moment for others ------------------------------------------------------------------ */

enum { STORM = 256 }; /* so many at once are one look anyway */

static bool at_once(const struct rules *rules, const struct need *need)
{
    return need->treatment.slot == SLOT_NEVER ||
           (need->treatment.slot == SLOT_BREAKPOINT && wait_pays_not(rules, need));
}

/* The instant until which this tell waits for others of its receivers that settle in a moment; now: for nobody. */
static int64_t wait_until(const struct rules *rules, const struct need *due)
{
    int64_t until = rules->now.steady_ms, limit = due->due_ms + GATHER_MS;
    if (due->verdict != VERDICT_DUE || due->gathers || !at_once(rules, due) ||
        rules->n_due > STORM || rules->n_untold[VERDICT_UNSETTLED] > STORM)
        return until;
    for (const struct need *other = rules->untold[VERDICT_UNSETTLED]; other;
         other = other->next_untold) {
        if (other->treatment.to & due->treatment.to && at_once(rules, other) &&
            other->due_ms <= limit && other->due_ms > until)
            until = other->due_ms;
    }
    return until;
}

/* Takes what waits for others out of the due; it rides along if somebody else is told on its receivers. */
static void put_off(struct rules *rules)
{
    int n = 0;
    for (int i = 0; i < rules->n_due; i++) {
        struct need *need = rules->due[i];
        int64_t until = wait_until(rules, need);
        need->telling = until <= rules->now.steady_ms;
        if (need->telling) {
            rules->due[n++] = need;
            continue;
        }
        agenda_set(&rules->agenda, need, until);
        rules->waiting = true;
    }
    rules->n_due = n;
}

void tell_again(struct rules *rules)
{
    if (!rules->waiting)
        return;
    rules->waiting = false;
    for (struct need *need = rules->untold[VERDICT_DUE]; need; need = need->next_untold)
        need_touch(rules, need);
}

/* ---- who comes with it ---------------------------------------------------------------------------- */

/* A silent tell takes only silent needs along. */
static bool rides(const struct need *need, uint32_t audible, uint32_t silent)
{
    return need->treatment.to & (need->treatment.silent ? audible | silent : audible);
}

static void add_riders(struct rules *rules, enum verdict ready, uint32_t audible, uint32_t silent)
{
    for (struct need *need = rules->untold[ready]; need; need = need->next_untold) {
        if (need->telling || !rides(need, audible, silent))
            continue;
        due_add(rules, need);
        need->rides = true;
    }
}

/* Adds every ready need of the receivers that are spoken to, until no more come. */
static void ride_along(struct rules *rules)
{
    uint32_t audible = 0, silent = 0;
    for (int taken = 0; taken < rules->n_due;) {
        for (; taken < rules->n_due; taken++) {
            struct need *need = rules->due[taken];
            if (need->treatment.silent)
                silent |= need->treatment.to;
            else
                audible |= need->treatment.to;
        }
        add_riders(rules, VERDICT_HELD, audible, silent);
        add_riders(rules, VERDICT_DUE, audible, silent);
    }
}

static int compare_due(const void *a, const void *b)
{
    return need_compare(*(struct need *const *)a, *(struct need *const *)b);
}

/* ---- groups -------------------------------------------------------------------------------------- */

static const char *group_value(const struct need *need, enum group_by field)
{
    switch (field) {
    case GROUP_REPOSITORY:
        return session_where(need->session);
    case GROUP_WORKTREE:
        return text_or(need->session->worktree, "");
    case GROUP_BRANCH:
        return text_or(need->session->branch, "");
    case GROUP_HOST:
        return text_or(need->session->host, "");
    case GROUP_AGENT:
        return text_or(need->session->agent, "");
    case GROUP_KIND:
        return word_name(&word_kind, need->kind);
    case GROUP_SESSION:
        return text_or(need->session->session, "");
    }
    return "";
}

enum { KEY_SIZE = 10 * (TEXT_NAME + 16) };

/* "repository=payments;branch=main;" for the machine, "payments · main" for the person. A session is known by its
 * host and agent, too: they are in the key, and the person need not read them. */
static void group_of(const struct need *need, char key[KEY_SIZE], char group[KEY_SIZE])
{
    size_t k = 0, g = 0;
    key[0] = group[0] = '\0';
    for (int i = 0; i < word_group_by.n; i++) {
        if (!(need->treatment.group_by & 1u << i))
            continue;
        const char *value = group_value(need, (enum group_by)(1 << i));
        if (1 << i == GROUP_SESSION)
            k += (size_t)snprintf(key + k, KEY_SIZE - k, "host=%.*s;agent=%.*s;", TEXT_NAME,
                                  group_value(need, GROUP_HOST), TEXT_NAME,
                                  group_value(need, GROUP_AGENT));
        k += (size_t)snprintf(key + k, KEY_SIZE - k, "%s=%.*s;", word_group_by.names[i], TEXT_NAME,
                              value);
        if (*value)
            g += (size_t)snprintf(group + g, KEY_SIZE - g, "%s%.*s", g ? " · " : "", TEXT_NAME, value);
    }
}

struct alert *tell_alert(struct rules *rules, struct need *need, int receiver, bool gathered)
{
    char key[KEY_SIZE], group[KEY_SIZE];
    for (const struct line *line = need->lines; line; line = line->next_in_need) {
        if (line->alert->receiver == receiver && line->alert->open)
            return line->alert; /* it stays where it was told, whatever its group is called by now */
    }
    if (gathered)
        return alert_get(rules, receiver, "*", "");
    group_of(need, key, group);
    return alert_get(rules, receiver, key, group);
}

/* The receivers on which this look's tells are one alert: something due there gathers, and they span
 * several keys. `due` is the number of needs that are due themselves. */
static uint32_t gathered(const struct rules *rules, int due)
{
    uint32_t gathers = 0, several = 0, seen = 0;
    uint64_t keys[RECEIVER_SLOTS];
    for (int i = 0; i < rules->n_due; i++) {
        char key[KEY_SIZE], group[KEY_SIZE];
        const struct need *need = rules->due[i];
        if (i < due && need->gathers)
            gathers |= need->treatment.to;
        group_of(need, key, group);
        uint64_t hash = text_hash(TEXT_HASH, key);
        for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
            uint32_t bit = 1u << slot;
            if (!(need->treatment.to & bit))
                continue;
            if (seen & bit && keys[slot] != hash)
                several |= bit;
            keys[slot] = hash;
            seen |= bit;
        }
    }
    return gathers & several;
}

/* A ring costs budget: without room the receiver waits, until the bound; what gathers comes silently at once. */
static void tell_on(struct rules *rules, struct need *need, int slot, bool gathered, bool paid)
{
    int64_t bound_ms = need->opened_ms + need->walled_ms + need->treatment.at_most_ms;
    bool room = paid || ring_room_ms(rules, slot) <= rules->now.steady_ms;
    if (need->rings && !room && !need->gathers && rules->now.steady_ms < bound_ms) {
        need->pending |= 1u << slot;
        return;
    }
    alert_add(rules, tell_alert(rules, need, slot, gathered), need, need->rings && room);
}

/* Why now, for `why`. */
static void note_cause(struct rules *rules, struct need *need, bool rides)
{
    char cause[TEXT_TITLE];
    const char *by = "no rule holds it";
    bool early = need->due_ms > rules->now.steady_ms; /* wait.c told it before its bound */
    if (rides)
        by = "it came along with what was told there anyway";
    else if (need->verdict == VERDICT_CRITICAL)
        by = "it is critical";
    else if (need->released)
        by = "what held it back was over";
    else if (early && !person_at_breakpoint(rules))
        by = "to wait longer would have cost more than to break in";
    else if (early && snprintf(cause, sizeof cause, "a good moment: %s",
                               text_or(rules->person->breakpoint_by, "a breakpoint")) > 0)
        by = cause;
    else if (need->treatment.slot == SLOT_BATCH)
        by = "its batch was due";
    else if (need->treatment.times)
        by = "its time of day had come";
    else if (need->treatment.slot == SLOT_BREAKPOINT && need->treatment.silent)
        by = "what is only shown need not wait for a good moment";
    else if (need->treatment.slot == SLOT_BREAKPOINT && wait_pays_not(rules, need))
        by = "so few sessions are alive that nothing is held for a good moment";
    else if (need->treatment.slot == SLOT_BREAKPOINT)
        by = "it had waited as long as it may";
    text_set(&rules->bytes, &need->told_by, by, TEXT_TITLE);
}

static void tell_need(struct rules *rules, struct need *need, uint32_t gathered, uint32_t paid)
{
    need_leave_untold(rules, need);
    need->told = true;
    need->told_ms = rules->now.steady_ms;
    need->to = need->treatment.to;
    bool rings = !need->treatment.silent;
    need->owed = rings && need->inhibited ? need->to : 0; /* a critical one: it rings when that ends */
    need->rings = rings && !need->owed;
    need->rung_ms = need->rings ? rules->now.steady_ms : 0;
    if (need->treatment.urgency == URGENCY_CRITICAL)
        paid = UINT32_MAX; /* passes every budget, but counts */
    for (int slot = 0; slot < RECEIVER_SLOTS; slot++) {
        if (need->to & 1u << slot)
            tell_on(rules, need, slot, gathered & 1u << slot, paid & 1u << slot);
    }
    core_changed(rules, need);
}

static void clear_due(struct rules *rules)
{
    for (int i = 0; i < rules->n_due; i++)
        rules->due[i]->telling = rules->due[i]->rides = false;
    rules->n_due = 0;
}

void tell_due(struct rules *rules)
{
    put_off(rules);
    if (rules->n_due == 0)
        return;
    int due = rules->n_due;
    uint32_t paid = 0; /* what is critical rings, whatever the budget: others come with it */
    for (int i = 0; i < due; i++)
        paid |= rules->due[i]->verdict == VERDICT_CRITICAL ? rules->due[i]->treatment.to : 0;
    ride_along(rules);
    uint32_t mask = gathered(rules, due);
    qsort(rules->due, (size_t)rules->n_due, sizeof *rules->due, compare_due);
    for (int i = 0; i < rules->n_due; i++) {
        struct need *need = rules->due[i];
        note_cause(rules, need, need->rides);
        rules->defer_again |= need->verdict == VERDICT_HELD;
        tell_need(rules, need, mask, paid);
        need_judged(rules, need, VERDICT_TOLD);
        agenda_set(&rules->agenda, need, again_deadline(rules, need));
        again_follow_room(rules, need);
    }
    clear_due(rules);
}
