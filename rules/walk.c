/* walk.c: the rule walk (rules.md sections 1, 3, 4): rules are read top to bottom, each that matches sets the
 * keys it names, a later one wins, key by key; `stop` ends it. */
#include "core.h"

static const struct treatment defaults = {
    .urgency = URGENCY_UNSET,
    .settle_ms = 3000,
    .slot = SLOT_BREAKPOINT,
    .at_most_ms = 300000,
    .group_by = GROUP_REPOSITORY,
    .expire_ms = INT64_C(3) * 86400000,
    .inhibit = INHIBIT_SESSION | INHIBIT_BOARD,
};

static const char *field_text(const struct need *need, const struct reason *reason,
                              enum urgency urgency, enum match_field field)
{
    const struct session *session = need->session;
    switch (field) {
    case MATCH_AGENT:
        return session->agent;
    case MATCH_KIND:
        return word_name(&word_kind, reason->kind);
    case MATCH_REPOSITORY:
        return session->repository;
    case MATCH_WORKTREE:
        return session->worktree;
    case MATCH_BRANCH:
        return session->branch;
    case MATCH_HOST:
        return session->host;
    case MATCH_TOOL:
        return reason->tool;
    case MATCH_TITLE:
        return reason->title;
    case MATCH_SESSION:
        return session->session;
    case MATCH_URGENCY:
        return word_name(&word_urgency, urgency);
    case MATCH_FIELDS:
        break;
    }
    return "";
}

static bool any_globs(const struct globs *globs, const char *text)
{
    for (int i = 0; i < globs->n; i++) {
        if (text_globs(globs->glob[i], text))
            return true;
    }
    return false;
}

static bool matches(const struct rule *rule, const struct need *need, const struct reason *reason,
                    enum urgency urgency)
{
    for (int field = 0; field < MATCH_FIELDS; field++) {
        const struct globs *wanted = &rule->match.field[field], *not = &rule->unless.field[field];
        if (wanted->n == 0 && not ->n == 0)
            continue;
        const char *text = field_text(need, reason, urgency, (enum match_field)field);
        if ((wanted->n && !any_globs(wanted, text)) || any_globs(not, text))
            return false;
    }
    return true;
}

/* Policy indexes as slots. */
static uint32_t slots(const int *slot_of, uint32_t indexes)
{
    uint32_t mask = 0;
    for (int i = 0; indexes; i++, indexes >>= 1)
        mask |= indexes & 1 ? 1u << slot_of[i] : 0;
    return mask;
}

static bool during_holds(const struct rules *rules, const struct rule *rule, uint32_t named)
{
    if (rule->presence && !(rule->presence & 1u << person_presence(rules)))
        return false;
    switch (rule->during) {
    case DURING_ALWAYS:
        return true;
    case DURING_NAMED:
        return (rules->focuses_on & named) != 0;
    case DURING_ANY:
        return rules->focuses_on != 0;
    case DURING_NONE:
        return rules->focuses_on == 0;
    }
    return false;
}

uint32_t walk_receivers(const struct rules *rules, uint32_t indexes)
{
    return slots(rules->receiver_slot, indexes);
}

/* A rule written for a focus opens it by saying where or when; `hold: focus-end` shuts it. Last wins. */
static void open_or_shut(const struct rules *rules, const struct rule *rule, uint32_t named,
                         struct treatment *out, struct walk_trace *trace)
{
    bool for_focus = rule->during == DURING_NAMED || rule->during == DURING_ANY;
    uint32_t speaks = 1u << SET_TO | 1u << SET_SLOT;
    if (!for_focus || !(rule->sets & speaks))
        return;
    uint32_t focuses = rule->during == DURING_ANY ? rules->focuses_on : rules->focuses_on & named;
    if (rule->sets & 1u << SET_SLOT && rule->slot == SLOT_FOCUS_END) {
        out->walls |= focuses;
        trace->shut = rule;
    } else {
        out->walls &= ~focuses;
        trace->opened = rule;
    }
}

static void apply(const struct rules *rules, const struct rule *rule, uint32_t named,
                  struct treatment *out, struct walk_trace *trace)
{
    for (int key = 0; key < SET_KEYS; key++) {
        if (!(rule->sets & 1u << key))
            continue;
        trace->by[key] = rule;
        switch ((enum set_key)key) {
        case SET_URGENCY:
            out->urgency = rule->urgency;
            break;
        case SET_TO: /* replaces what was appended, too */
            out->to = slots(rules->receiver_slot, rule->to);
            trace->by[SET_ALSO] = NULL;
            break;
        case SET_ALSO:
            out->to |= slots(rules->receiver_slot, rule->also);
            break;
        case SET_SETTLE:
            out->settle_ms = rule->settle_ms;
            break;
        case SET_SLOT:
            out->slot = rule->slot;
            out->batch_ms = rule->batch_ms;
            out->times = rule->n_times ? rule : NULL;
            out->slot_focuses = rule->during == DURING_NAMED ? named
                                : rule->during == DURING_ANY ? rules->focuses_on
                                                             : 0;
            break;
        case SET_AT_MOST:
            out->at_most_ms = rule->at_most_ms;
            break;
        case SET_GROUP_BY:
            out->group_by = rule->group_by;
            break;
        case SET_SILENT:
            out->silent = rule->silent;
            break;
        case SET_EXPIRE:
            out->expire_ms = rule->expire_ms;
            break;
        case SET_INHIBIT:
            out->inhibit = rule->inhibit;
            break;
        case SET_REPEAT:
            out->repeat_ms = rule->repeat_ms;
            out->repeat_times = rule->repeat_times;
            break;
        case SET_ESCALATE:
            out->escalate = rule->n_escalate ? rule : NULL;
            break;
        case SET_KEYS:
            break;
        }
    }
    open_or_shut(rules, rule, named, out, trace);
}

static enum urgency own_urgency(const struct reason *reason)
{
    if (reason->urgency != URGENCY_UNSET)
        return reason->urgency;
    return reason->kind == KIND_REVIEW ? URGENCY_LOW : URGENCY_NORMAL;
}

static void walk_reason(const struct rules *rules, const struct need *need,
                        const struct reason *reason, struct treatment *out, struct walk_trace *trace)
{
    *out = defaults;
    *trace = (struct walk_trace){0};
    out->reason = reason;
    out->urgency = own_urgency(reason);
    out->walls = rules->focuses_on;
    if (!rules->policy)
        return;
    if (rules->policy->n_receivers > 0)
        out->to = 1u << rules->receiver_slot[0];
    for (int i = 0; i < rules->policy->n_rules; i++) {
        const struct rule *rule = &rules->policy->rules[i];
        uint32_t named = slots(rules->focus_slot, rule->focuses);
        if (!during_holds(rules, rule, named) || !matches(rule, need, reason, out->urgency))
            continue;
        apply(rules, rule, named, out, trace);
        if (rule->stop)
            break;
    }
    if (out->settle_ms > out->at_most_ms)
        out->at_most_ms = out->settle_ms;
}

/* Each reason is walked; the highest urgency counts, then the kind, then the oldest. */
void walk_need(const struct rules *rules, const struct need *need, struct treatment *out,
               struct walk_trace *trace)
{
    bool found = false;
    for (const struct reason *reason = need->reasons; reason; reason = reason->next) {
        struct treatment one;
        struct walk_trace by;
        if (reason->closed_ms && need_open(need))
            continue;
        walk_reason(rules, need, reason, &one, &by);
        bool counts = !found || one.urgency > out->urgency ||
                      (one.urgency == out->urgency && reason->kind < out->reason->kind);
        found = true;
        if (!counts)
            continue;
        *out = one;
        if (trace)
            *trace = by;
    }
    if (!found)
        *out = defaults;
}
