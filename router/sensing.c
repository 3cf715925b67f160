/* sensing.c: see sensing.h.
 *
 * A report is journalled and judged as any input. One is on its way at a time; of those that come meanwhile the newest
 * of each member is kept, so a sensor that floods costs one commit after another and no memory. */
#include "router/sensing.h"

#include "plugins/protocol.h"
#include "router/host.h"
#include "router/presence.h"
#include "router/router_inside.h"
#include "rules/text.h"

#include <stdlib.h>
#include <string.h>

enum { FOLDERS_MAX = 64, SIGNALS_MAX = 16, SIGNAL_TEXT_MAX = 200 };

struct sensing {
    struct router *router;
    struct sensor *sensor;
    bool on;
    bool busy;        /* a report is on its way */
    json_t *waiting;  /* what came meanwhile, or NULL */
    json_t *signals;  /* as it told last, or NULL */
    uint64_t folders; /* hash of what it was told last */
    uint64_t newest;  /* the session that spoke last, as far as was looked */
    /* the desktop's focus, switched by hand */
    bool held;  /* the desktop was told to be quiet */
    bool quiet; /* and is */
    bool freed; /* it was told not to be */
    bool going; /* the focus is being switched off: once is enough, however often the desktop is switched */
};

/* ---- reports ------------------------------------------------------------------------------------------ */

static void offer(struct sensing *sensing, json_t *report);

static void on_taken(void *owner, struct arrival *arrival, const struct answer *answer)
{
    struct sensing *sensing = owner;
    sensing->busy = false;
    if (!answer->ok && answer->retry) { /* the store fails: it goes with the next turn that works */
        json_t *again = json_copy(arrival->json);
        json_object_update(again, sensing->waiting);
        json_decref(sensing->waiting);
        sensing->waiting = again;
        sensing->going = false; /* that is lost, too */
        return;
    }
    json_t *next = sensing->waiting;
    sensing->waiting = NULL;
    if (next)
        offer(sensing, next);
}

/* Takes the reference. */
static void offer(struct sensing *sensing, json_t *report)
{
    struct presence_input presence;
    struct refusal why;
    if (presence_parse(report, &presence, &why) < 0) { /* cannot be: it was looked at */
        json_decref(report);
        return;
    }
    struct arrival *arrival = arrival_presence(&presence, report);
    arrival->answer = on_taken;
    arrival->owner = sensing;
    sensing->busy = true;
    router_offer(sensing->router, arrival);
}

/* Only what presence_parse() reads: the rest would be journalled for nothing. */
static json_t *known_members(const json_t *message)
{
    static const char *const names[] = {"state", "dnd", "microphone", "front", "breakpoint"};
    json_t *report = json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *value = json_object_get(message, names[i]);
        if (value)
            json_object_set(report, names[i], value);
    }
    return report;
}

/* The desktop was switched back by hand while our focus held it: the focus is over, too. */
static void let_go(struct sensing *sensing)
{
    sensing->going = true;
    for (const struct focus *focus = NULL; (focus = rules_focus_next(sensing->router->rules, focus));) {
        const struct command off = {.type = COMMAND_FOCUS_OFF, .focus = focus->name};
        if (focus->rule && focus->rule->follow == FOLLOW_DESKTOP && focus->hand == HAND_ON)
            router_offer(sensing->router, arrival_command(&off));
    }
}

bool sensing_report(struct sensing *sensing, const json_t *message)
{
    struct presence_input presence;
    struct refusal why;
    json_t *report = known_members(message);
    if (presence_parse(report, &presence, &why) < 0) {
        json_decref(report);
        return false;
    }
    if (sensing->busy || sensing->waiting) {
        if (!sensing->waiting)
            sensing->waiting = json_object();
        json_object_update(sensing->waiting, report);
        json_decref(report);
    } else {
        offer(sensing, report);
    }
    if (presence.says & PRESENCE_SAYS_DND) {
        if (sensing->held && sensing->quiet && !presence.dnd && !sensing->going)
            let_go(sensing);
        sensing->quiet = presence.dnd;
    }
    return true;
}

/* ---- the sensor ----------------------------------------------------------------------------------------- */

static bool take_signals(struct sensing *sensing, const json_t *signals)
{
    const char *name;
    json_t *value;
    if (!json_is_object(signals) || json_object_size(signals) > SIGNALS_MAX)
        return false;
    json_object_foreach((json_t *)signals, name, value)
    {
        if (!json_is_string(value) || strlen(name) > SIGNAL_TEXT_MAX ||
            json_string_length(value) > SIGNAL_TEXT_MAX)
            return false;
    }
    json_decref(sensing->signals);
    sensing->signals = json_deep_copy(signals);
    return true;
}

static void on_said(void *arg, const char *type, const json_t *message)
{
    struct sensing *sensing = arg;
    bool good = true;
    if (strcmp(type, PROTOCOL_PRESENCE) == 0)
        good = sensing_report(sensing, message);
    else if (strcmp(type, PROTOCOL_SIGNALS) == 0)
        good = take_signals(sensing, json_object_get(message, "signals"));
    if (!good)
        sensor_nonsense(sensing->sensor, "a report that makes no sense");
}

static void on_changed(void *arg)
{
    struct sensing *sensing = arg;
    router_want(sensing->router);
}

/* One that has just begun knows nothing. */
static void on_up(void *arg)
{
    struct sensing *sensing = arg;
    sensing->folders = 0;
    sensing->held = sensing->quiet = sensing->going = false;
}

struct sensing *sensing_new(struct router *router)
{
    struct sensing *sensing = must_alloc(sizeof *sensing);
    const struct sensor_owner owner = {sensing, on_said, on_changed, on_up};
    sensing->router = router;
    sensing->sensor = sensor_new(router->loop, router->paths->libexec, "presence", &owner);
    return sensing;
}

/* Where nobody looks any more the person is there, and looks nowhere: as without a sensor. */
static void forget(struct sensing *sensing)
{
    json_t *nothing =
        json_pack("{s:s, s:b, s:b, s:{}}", "state", "active", "dnd", 0, "microphone", 0, "front");
    sensing_report(sensing, nothing);
    json_decref(nothing);
    json_decref(sensing->signals);
    sensing->signals = NULL;
}

void sensing_configure(struct sensing *sensing, json_t *settings)
{
    bool was = sensing->on;
    sensing->on = settings != NULL;
    sensor_configure(sensing->sensor, settings);
    if (was && !sensing->on && !sensing->router->stopping)
        forget(sensing);
}

int64_t sensing_look(struct sensing *sensing, int64_t elapsed_ms)
{
    return sensor_look(sensing->sensor, elapsed_ms);
}

const json_t *sensing_signals(const struct sensing *sensing)
{
    return sensing->signals;
}

void sensing_free(struct sensing *sensing)
{
    if (!sensing)
        return;
    sensor_free(sensing->sensor);
    json_decref(sensing->waiting);
    json_decref(sensing->signals);
    free(sensing);
}

/* ---- what the sensor has to know -------------------------------------------------------------------------- */

static bool is_live(const struct session *session)
{
    return session && !session->in_ended;
}

/* The live session that spoke last. From the one it was before: only those that spoke since are passed. */
static const struct session *newest(struct sensing *sensing)
{
    const struct rules *rules = sensing->router->rules;
    const struct session *session = rules_session_find(rules, sensing->newest);
    if (!is_live(session)) {
        session = rules_session_next(rules, NULL);
        while (session && !is_live(session))
            session = rules_session_next(rules, session);
    }
    while (session && session->younger)
        session = session->younger;
    sensing->newest = session ? session->record.id : 0;
    return session;
}

static bool is_at_work(const struct session *session)
{
    return session->state == STATE_WORKING || session->state == STATE_BLOCKED;
}

static bool has_folder(const struct session *session)
{
    return !text_empty(session->cwd) && text_same(session->host, host_name());
}

static void tell_folders(struct sensing *sensing)
{
    const struct session *first = newest(sensing), *session = first;
    uint64_t hash = TEXT_HASH;
    int n = 0;
    for (; session && n < FOLDERS_MAX; session = session->older, n++) {
        if (has_folder(session))
            hash = text_hash(hash, session->cwd) + is_at_work(session);
    }
    if (hash == sensing->folders)
        return;
    json_t *folders = json_array();
    for (session = first; session && n-- > 0; session = session->older) {
        if (has_folder(session))
            json_array_append_new(folders, json_pack("{s:s, s:b}", "path", session->cwd, "working",
                                                     is_at_work(session)));
    }
    json_t *message = json_pack("{s:s, s:o}", "type", PROTOCOL_FOLDERS, "folders", folders);
    if (message && sensor_send(sensing->sensor, message))
        sensing->folders = hash;
    json_decref(message);
}

static bool switch_desktop(struct sensing *sensing, bool dnd)
{
    json_t *message = json_pack("{s:s, s:b}", "type", PROTOCOL_SWITCH, "dnd", dnd);
    bool sent = sensor_send(sensing->sensor, message);
    json_decref(message);
    return sent;
}

/* Whoever switches by hand the focus that follows the desktop means the desktop. */
static void tell_switch(struct sensing *sensing)
{
    bool on = false, off = false;
    for (const struct focus *focus = NULL; (focus = rules_focus_next(sensing->router->rules, focus));) {
        if (!focus->declared || !focus->rule || focus->rule->follow != FOLLOW_DESKTOP)
            continue;
        on |= focus->hand == HAND_ON;
        off |= focus->hand == HAND_OFF;
    }
    sensing->going &= on;
    if (on && !sensing->held)
        sensing->held = switch_desktop(sensing, true);
    else if (!on && sensing->held)
        sensing->held = !switch_desktop(sensing, false);
    if (off && !sensing->freed)
        sensing->freed = switch_desktop(sensing, false);
    else if (!off)
        sensing->freed = false;
}

void sensing_follow(struct sensing *sensing)
{
    if (sensing->waiting && !sensing->busy) {
        json_t *report = sensing->waiting;
        sensing->waiting = NULL;
        offer(sensing, report);
    }
    if (!sensing->on)
        return;
    tell_folders(sensing);
    tell_switch(sensing);
}
