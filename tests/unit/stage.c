/* stage.c: see stage.h. The way of an input: stage_step() → rules_step() → note what happened → stage_save()
 * what changed → pump() hands over what is queued, whose outcomes are inputs again. */
#include "stage.h"

#include "rules/core.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what happened --------------------------------------------------------------------------------- */

static struct stage_alert *alert_find(const struct stage *stage, uint64_t id)
{
    for (int i = stage->n_alerts - 1; i >= 0; i--) {
        if (stage->alerts[i].id == id)
            return &stage->alerts[i];
    }
    return NULL;
}

static struct stage_alert *alert_meet(struct stage *stage, const struct alert *alert)
{
    struct stage_alert *known = alert_find(stage, alert->record.id);
    if (known)
        return known;
    stage->alerts = must_grow(stage->alerts, (size_t)(stage->n_alerts + 1) * sizeof *stage->alerts);
    struct stage_receiver *receiver =
        stage_receiver(stage, rules_receiver_at(stage->rules, (int)alert->receiver)->name);
    stage->alerts[stage->n_alerts] = (struct stage_alert){
        .id = alert->record.id, .receiver = receiver, .number = ++receiver->alerts};
    return &stage->alerts[stage->n_alerts++];
}

static struct happening *happen(struct stage *stage, enum happened what)
{
    if (stage->n_happened == stage->happened_capacity) {
        stage->happened_capacity = stage->happened_capacity ? stage->happened_capacity * 2 : 64;
        stage->happened =
            must_grow(stage->happened, (size_t)stage->happened_capacity * sizeof *stage->happened);
    }
    struct happening *happening = &stage->happened[stage->n_happened++];
    *happening = (struct happening){.what = what,
                                    .wall_ms = stage->now.wall_ms,
                                    .steady_ms = stage->now.steady_ms,
                                    .utc_offset_s = stage->now.utc_offset_s};
    return happening;
}

static void name_need(struct happening *happening, const struct need *need, enum kind kind)
{
    if (happening->n_needs == (int)(sizeof happening->needs / sizeof *happening->needs))
        return;
    struct named *named = &happening->needs[happening->n_needs++];
    snprintf(named->session, sizeof named->session, "%s",
             need ? text_or(need->session->session, "?") : "?");
    named->kind = kind;
}

static void name_alert(struct stage *stage, struct happening *happening, const struct alert *alert,
                       const struct stage_alert *known)
{
    snprintf(happening->receiver, sizeof happening->receiver, "%s", known->receiver->name);
    happening->alert = known->number;
    if (!alert)
        return;
    bool all = text_same(alert->key, "*");
    snprintf(happening->group, sizeof happening->group, "%s", all ? "*" : text_or(alert->group, ""));
    happening->urgency = alert->urgency;
    int n;
    const struct need *const *needs = rules_alert_needs(stage->rules, alert, &n);
    for (int i = 0; i < n; i++)
        name_need(happening, needs[i], needs[i]->kind);
}

static void note_alert(struct stage *stage, const struct effect *effect)
{
    const struct alert *alert = rules_alert_find(stage->rules, effect->alert_id);
    struct stage_alert *known = alert ? alert_meet(stage, alert) : alert_find(stage, effect->alert_id);
    bool told = effect->type == EFFECT_ALERT;
    struct happening *happening = happen(stage, told ? HAPPENED_ALERT : HAPPENED_WITHDRAWN);
    name_alert(stage, happening, alert, known);
    happening->version = effect->version;
    happening->audible = effect->audible;
    happening->deliver = effect->deliver;
    known->version = effect->version;
    known->audible = effect->audible;
    known->decided_ms = stage->now.steady_ms;
}

static void note(struct stage *stage, const struct effect *effect)
{
    static const enum happened of[EFFECTS] = {[EFFECT_NEED_OPENED] = HAPPENED_OPENED,
                                              [EFFECT_NEED_CHANGED] = HAPPENED_CHANGED,
                                              [EFFECT_NEED_RESOLVED] = HAPPENED_RESOLVED,
                                              [EFFECT_ALERT] = HAPPENED_ALERT,
                                              [EFFECT_ALERT_WITHDRAWN] = HAPPENED_WITHDRAWN,
                                              [EFFECT_REFUSED] = HAPPENED_REFUSED,
                                              [EFFECT_SHED] = HAPPENED_SHED};
    if (effect->type == EFFECT_ALERT || effect->type == EFFECT_ALERT_WITHDRAWN) {
        note_alert(stage, effect);
        return;
    }
    struct happening *happening = happen(stage, of[effect->type]);
    snprintf(happening->reason, sizeof happening->reason, "%s", effect->reason);
    if (effect->need_id)
        name_need(happening, rules_need_find(stage->rules, effect->need_id), effect->kind);
}

/* ---- steps and deliveries --------------------------------------------------------------------------- */

static void step(struct stage *stage, struct input input)
{
    input.seq = ++stage->seq;
    const struct effects *effects = rules_step(stage->rules, &stage->now, &input);
    for (int i = 0; i < effects->n; i++)
        note(stage, &effects->list[i]);
    stage->deadline_ms = effects->deadline_ms;
    stage_save(stage);
}

static void outcome(struct stage *stage, enum outcome_type type, const char *receiver,
                    uint64_t alert_id, int64_t version, const char *reason)
{
    const struct receiver *known = NULL;
    for (known = rules_receiver_next(stage->rules, NULL); known && !text_same(known->name, receiver);)
        known = rules_receiver_next(stage->rules, known);
    step(stage, (struct input){.type = INPUT_OUTCOME,
                               .outcome = {.type = type,
                                           .receiver = receiver,
                                           .alert_id = alert_id,
                                           .version = version,
                                           .updates = known && known->updates,
                                           .withdraws = known && known->withdraws,
                                           .reason = reason}});
}

/* What arrives late, or rings although its decision was silent, is worth telling. */
static void note_received(struct stage *stage, const struct alert *alert)
{
    struct stage_alert *known = alert_meet(stage, alert);
    bool audible = alert->open && alert_audible(alert);
    if (known->decided_ms == stage->now.steady_ms && (!alert->open || known->audible == audible))
        return;
    struct happening *happening = happen(stage, HAPPENED_RECEIVED);
    name_alert(stage, happening, alert, known);
    happening->version = alert->version;
    happening->audible = audible;
}

static void hand_over(struct stage *stage, const struct alert *alert,
                      const struct stage_receiver *receiver)
{
    uint64_t id = alert->record.id;
    int64_t version = alert->version; /* what is handed over is always the newest */
    enum manner manner = receiver->manner;
    const char *name = receiver->name;
    if (manner == MANNER_DELIVERS)
        note_received(stage, alert);
    outcome(stage, OUTCOME_HANDED, name, id, version, NULL);
    switch (manner) {
    case MANNER_DELIVERS:
        outcome(stage, OUTCOME_DELIVERED, name, id, version, NULL);
        break;
    case MANNER_FAILS:
        outcome(stage, OUTCOME_RETRY, name, id, version, "it fails");
        break;
    case MANNER_REFUSES:
        outcome(stage, OUTCOME_FAILED, name, id, version, "it refuses");
        break;
    case MANNER_HANGS:
        break;
    }
}

/* Hands over all that is queued; `again`: also what is to be tried again. */
static void pump(struct stage *stage, bool again)
{
    for (bool found = true; found;) {
        found = false;
        for (const struct alert *alert = rules_alert_next(stage->rules, NULL); alert;
             alert = rules_alert_next(stage->rules, alert)) {
            const struct receiver *receiver = rules_receiver_at(stage->rules, (int)alert->receiver);
            struct stage_receiver *here = receiver ? stage_receiver(stage, receiver->name) : NULL;
            bool tried = alert->delivery == DELIVERY_DEFERRED;
            if (!here || here->down || (tried && (!again || here->manner != MANNER_DELIVERS)) ||
                (!tried && alert->delivery != DELIVERY_QUEUED) ||
                !rules_alert_wanted(stage->rules, alert))
                continue;
            hand_over(stage, alert, here);
            found = true;
            break; /* the step may have changed the list */
        }
    }
}

void stage_step(struct stage *stage, struct input input)
{
    step(stage, input);
    pump(stage, false);
}

void stage_event(struct stage *stage, const struct event *event)
{
    struct event copy = *event;
    if (!copy.at_wall_ms)
        copy.at_wall_ms = stage->now.wall_ms;
    stage_step(stage, (struct input){.type = INPUT_EVENT, .event = &copy});
}

void stage_command(struct stage *stage, struct command command)
{
    stage_step(stage, (struct input){.type = INPUT_COMMAND, .command = command});
}

void stage_reload(struct stage *stage)
{
    stage_step(stage, (struct input){.type = INPUT_POLICY, .policy = stage->policy(stage->policy_arg)});
}

/* ---- the clock -------------------------------------------------------------------------------------- */

static void move(struct stage *stage, int64_t steady_ms)
{
    stage->now.wall_ms += steady_ms - stage->now.steady_ms;
    stage->now.steady_ms = steady_ms;
    if (stage->zone) {
        stage->zone(&stage->now);
    } else if (stage->now.wall_ms >= stage->now.next_offset_ms) {
        stage->now.utc_offset_s = stage->now.next_offset_s;
        stage->now.next_offset_ms = NEVER_MS;
    }
}

void stage_to(struct stage *stage, int64_t steady_ms, bool with)
{
    while (stage->rules &&
           (stage->deadline_ms < steady_ms || (with && stage->deadline_ms == steady_ms))) {
        bool moved = stage->deadline_ms > stage->now.steady_ms;
        if (moved)
            move(stage, stage->deadline_ms);
        stage->idle_ticks = moved ? 0 : stage->idle_ticks + 1;
        stage->ticks++;
        if (stage->idle_ticks > 100) {
            fprintf(stderr, "the core wants to be looked at again at once, for ever\n");
            abort();
        }
        stage_step(stage, (struct input){.type = INPUT_TICK});
    }
    if (steady_ms > stage->now.steady_ms)
        move(stage, steady_ms);
}

void stage_pass(struct stage *stage, int64_t ms)
{
    stage_to(stage, stage->now.steady_ms + ms, true);
}

void stage_offset_at(struct stage *stage, int64_t wall_ms, int32_t offset_s)
{
    stage->now.next_offset_ms = wall_ms;
    stage->now.next_offset_s = offset_s;
}

/* ---- receivers -------------------------------------------------------------------------------------- */

struct stage_receiver *stage_receiver(struct stage *stage, const char *name)
{
    for (int i = 0; i < stage->n_receivers; i++) {
        if (text_same(stage->receivers[i].name, name))
            return &stage->receivers[i];
    }
    if (stage->n_receivers == (int)(sizeof stage->receivers / sizeof *stage->receivers))
        abort();
    struct stage_receiver *receiver = &stage->receivers[stage->n_receivers++];
    snprintf(receiver->name, sizeof receiver->name, "%s", name);
    return receiver;
}

/* What was in flight returns to the queue: NULL: everywhere, as at a start; else with a failure. */
static void give_back(struct stage *stage, const char *name)
{
    const struct alert *alert = rules_alert_next(stage->rules, NULL);
    while (alert) {
        const struct receiver *receiver = rules_receiver_at(stage->rules, (int)alert->receiver);
        bool its = alert->handed && receiver && (!name || text_same(receiver->name, name));
        if (its)
            outcome(stage, name ? OUTCOME_RETRY : OUTCOME_HANDED, receiver->name, alert->record.id,
                    name ? alert->handed : 0, "its plugin ended");
        alert = rules_alert_next(stage->rules, its ? NULL : alert); /* the step may have changed the list */
    }
}

void stage_up(struct stage *stage, const char *name, bool up, const char *reason)
{
    struct stage_receiver *receiver = stage_receiver(stage, name);
    receiver->down = !up;
    outcome(stage, up ? OUTCOME_UP : OUTCOME_DOWN, receiver->name, 0, 0, reason);
    if (!up)
        give_back(stage, name);
    pump(stage, up);
}

void stage_manner(struct stage *stage, const char *name, enum manner manner)
{
    stage_receiver(stage, name)->manner = manner;
    pump(stage, true);
}

/* ---- life ------------------------------------------------------------------------------------------- */

const struct moment stage_monday = {
    .wall_ms = STAGE_MONDAY_MS, .steady_ms = 1000000, .next_offset_ms = NEVER_MS};

void stage_init(struct stage *stage, const struct moment *now, struct policy *(*policy)(void *arg),
                void *arg)
{
    *stage = (struct stage){
        .now = now ? *now : stage_monday, .policy = policy, .policy_arg = arg, .deadline_ms = NEVER_MS};
    stage->rules = rules_new();
    stage_reload(stage);
}

void stage_release(struct stage *stage)
{
    rules_free(stage->rules);
    stage_forget(stage);
    free(stage->alerts);
    free(stage->happened);
    free(stage->text);
}

void stage_stop(struct stage *stage)
{
    rules_free(stage->rules);
    stage->rules = NULL;
}

/* The spool and the dead come before the first look; a core without a policy does not look. */
void stage_start(struct stage *stage, const struct event *spool, int n_spool,
                 const struct input *gone, int n_gone)
{
    stage->rules = rules_new();
    if (stage_restore(stage, stage->rules) != 0)
        abort();
    for (int i = 0; i < n_spool; i++)
        step(stage, (struct input){.type = INPUT_EVENT, .event = &spool[i]});
    for (int i = 0; i < n_gone; i++)
        step(stage, gone[i]);
    give_back(stage, NULL);
    step(stage, (struct input){.type = INPUT_START});
    step(stage, (struct input){.type = INPUT_POLICY, .policy = stage->policy(stage->policy_arg)});
    pump(stage, true);
}

/* ---- reading ---------------------------------------------------------------------------------------- */

const struct session *stage_session(const struct stage *stage, const char *name)
{
    const struct session *found = NULL;
    for (const struct session *session = rules_session_next(stage->rules, NULL); session;
         session = rules_session_next(stage->rules, session)) {
        if (text_same(session->session, name))
            found = session;
    }
    return found;
}

const struct need *stage_need(const struct stage *stage, const char *name)
{
    const struct session *session = stage_session(stage, name);
    return session ? session->need : NULL;
}

static void add(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add(char *buf, size_t size, const char *format, ...)
{
    size_t at = strlen(buf);
    va_list args;
    va_start(args, format);
    vsnprintf(buf + at, size - at, format, args);
    va_end(args);
}

static void add_clock(char *buf, size_t size, const struct happening *happening)
{
    int64_t local = happening->wall_ms + (int64_t)happening->utc_offset_s * 1000;
    int64_t ms = (local % DAY + DAY) % DAY;
    add(buf, size, "%02d:%02d:%02d", (int)(ms / HOUR), (int)(ms / MINUTE % 60),
        (int)(ms / SECOND % 60));
    if (ms % 1000)
        add(buf, size, ".%03d", (int)(ms % 1000));
}

void happening_text(const struct happening *happening, char *buf, size_t size)
{
    const struct named *first = happening->needs;
    buf[0] = '\0';
    add_clock(buf, size, happening);
    switch (happening->what) {
    case HAPPENED_OPENED:
        add(buf, size, " %s opened %s", first->session, word_name(&word_kind, first->kind));
        return;
    case HAPPENED_CHANGED:
        add(buf, size, " %s becomes %s", first->session, word_name(&word_kind, first->kind));
        return;
    case HAPPENED_RESOLVED:
        add(buf, size, " %s resolved \"%s\"", first->session, happening->reason);
        return;
    case HAPPENED_WITHDRAWN:
        add(buf, size, " %s#%d withdrawn", happening->receiver, happening->alert);
        return;
    case HAPPENED_REFUSED:
        add(buf, size, " refused \"%s\"", happening->reason);
        return;
    case HAPPENED_SHED:
        add(buf, size, " shed \"%s\"", happening->reason);
        return;
    case HAPPENED_ALERT:
    case HAPPENED_RECEIVED:
        break;
    }
    bool received = happening->what == HAPPENED_RECEIVED;
    add(buf, size, " %s#%d %sv%lld %s%s %s in \"%s\":", happening->receiver, happening->alert,
        received ? "receives " : "", (long long)happening->version,
        happening->audible ? "rings" : "silent", received || happening->deliver ? "" : " unsent",
        word_name(&word_urgency, happening->urgency), happening->group);
    for (int i = 0; i < happening->n_needs; i++)
        add(buf, size, "%s %s %s", i ? "," : "", happening->needs[i].session,
            word_name(&word_kind, happening->needs[i].kind));
}

const char *stage_text(struct stage *stage, bool all)
{
    char line[2048];
    size_t size = 1;
    free(stage->text);
    stage->text = must_copy("");
    for (; stage->n_read < stage->n_happened; stage->n_read++) {
        const struct happening *happening = &stage->happened[stage->n_read];
        if (!all && happening->what < HAPPENED_ALERT)
            continue;
        happening_text(happening, line, sizeof line);
        size += strlen(line) + 1;
        stage->text = must_grow(stage->text, size);
        strcat(stage->text, line);
        strcat(stage->text, "\n");
    }
    return stage->text;
}
