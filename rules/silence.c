/* silence.c: a working session that is silent for longer than any normal gap: its word was lost, or it hangs.
 *
 * First it is worth a look (rules_silent(): the end of the board), then it is `stalled`, a reason like any other,
 * that its next sign of life closes. Silence says something only of a session that talks while it works: of agents
 * that are silent by nature it says nothing, nor while a tool runs, nor of one that waits for the person. The watched
 * ones are one list by their last sign of life; so the one that is due next is always the first. */
#include "core.h"

#include <stdio.h>
#include <string.h>

#define REQUEST "silence" /* of the reason that it opens */

static bool says_something(const struct session *session)
{
    return session->talks && !session->busy && session->state == STATE_WORKING &&
           !session->unattended && !(session->need && need_open(session->need));
}

void silence_part(struct rules *rules, struct session *session)
{
    if (!session->watched)
        return;
    if (session->earlier)
        session->earlier->later = session->later;
    else
        rules->longest_silent = session->later;
    if (session->later)
        session->later->earlier = session->earlier;
    else
        rules->last_heard = session->earlier;
    session->earlier = session->later = NULL;
    session->watched = false;
}

static void add(struct rules *rules, struct session *session)
{
    struct session *earlier = rules->last_heard; /* nearly always it is the last; ties by id */
    while (earlier &&
           (earlier->heard_ms > session->heard_ms ||
            (earlier->heard_ms == session->heard_ms && earlier->record.id > session->record.id)))
        earlier = earlier->earlier;
    session->earlier = earlier;
    session->later = earlier ? earlier->later : rules->longest_silent;
    if (session->later)
        session->later->earlier = session;
    else
        rules->last_heard = session;
    if (earlier)
        earlier->later = session;
    else
        rules->longest_silent = session;
    session->watched = true;
}

void silence_follow(struct rules *rules, struct session *session)
{
    silence_part(rules, session);
    if (says_something(session))
        add(rules, session);
}

/* A tool begins, or has ended; a new turn begins without any. */
static void follow_busy(struct session *session, const struct event *event)
{
    bool main = text_empty(event->thread);
    if (main && !event->observed &&
        (event->starts || event->prompt || event->state == STATE_DONE ||
         event->state == STATE_FAILED || event->state == STATE_IDLE ||
         (event->closes != CLOSES_NOTHING && event->closes != CLOSES_REQUEST)))
        session->busy = 0;
    session->busy += event->busy;
    if (session->busy < 0)
        session->busy = 0;
    if (event->talks == TALKS_NEVER)
        session->talks = false;
    else if (event->talks == TALKS_ALWAYS || event->busy > 0)
        session->talks = true;
}

/* Its stalled reason is closed by whatever it says after. */
static void speaks_again(struct rules *rules, struct session *session, const struct event *event,
                         int64_t at_ms)
{
    const struct event said = {.at_wall_ms = event->at_wall_ms,
                               .source = event->source,
                               .closes = CLOSES_REQUEST,
                               .closes_request = REQUEST,
                               .closes_kinds = 1 << KIND_STALLED};
    if (!session->stalled)
        return;
    if (session->need && need_open(session->need) && session->need->kind == KIND_STALLED)
        need_take(rules, session, &said, at_ms, false);
    session->stalled = session->need && need_open(session->need);
}

void silence_heard(struct rules *rules, struct session *session, const struct event *event, int64_t at_ms)
{
    if (event->opens == CONFIRMS_REASON)
        return; /* a notice is no sign of life: it is sent because there is none */
    if (at_ms > session->heard_ms)
        session->heard_ms = at_ms;
    follow_busy(session, event);
    speaks_again(rules, session, event, at_ms);
    session->stalled |= event->opens != OPENS_NOTHING && event->kind == KIND_STALLED;
}

/* ---- the look ------------------------------------------------------------------------------------ */

static int64_t stalled_ms(const struct rules *rules)
{
    return rules->policy ? rules->policy->deferral.stalled_s * 1000 : 0;
}

int64_t silence_deadline(const struct rules *rules)
{
    if (!rules->longest_silent || stalled_ms(rules) <= 0)
        return NEVER_MS;
    return rules->longest_silent->heard_ms + stalled_ms(rules);
}

static void open_stalled(struct rules *rules, struct session *session)
{
    char title[64];
    snprintf(title, sizeof title, "silent for %d min",
             (int)((rules->now.steady_ms - session->heard_ms) / 60000));
    const struct event event = {.at_wall_ms = rules->now.wall_ms,
                                .source = "silence",
                                .opens = OPENS_REASON,
                                .kind = KIND_STALLED,
                                .request = REQUEST,
                                .title = title,
                                .text = "It was working, and has not been heard of since."};
    session->stalled = true;
    need_take(rules, session, &event, rules->now.steady_ms, true);
}

/* What is due long ago was due while the machine slept, or the daemon was down: then the silence was nobody's, and
 * is counted from now. */
void silence_look(struct rules *rules)
{
    while (silence_deadline(rules) <= rules->now.steady_ms) {
        struct session *session = rules->longest_silent;
        bool slept = rules->now.steady_ms - silence_deadline(rules) > SLEPT_MS;
        silence_part(rules, session);
        if (session->need && need_open(session->need))
            continue; /* its next word puts it back */
        if (!slept) {
            open_stalled(rules, session);
            continue;
        }
        session->heard_ms = rules->now.steady_ms;
        core_changed(rules, session);
        add(rules, session);
    }
}

int64_t rules_silence(const struct rules *rules, const struct moment *now, const struct session *session)
{
    int64_t silent_ms = rules->policy ? rules->policy->deferral.silent_s * 1000 : 0;
    int64_t ago_ms = now->steady_ms - session->heard_ms;
    return session->watched && says_something(session) && silent_ms > 0 && ago_ms > silent_ms ? ago_ms
                                                                                              : 0;
}

int rules_silent(const struct rules *rules, const struct moment *now, const struct session **list)
{
    int n = 0;
    int64_t silent_ms = rules->policy ? rules->policy->deferral.silent_s * 1000 : 0;
    for (const struct session *session = rules->longest_silent;
         session && now->steady_ms - session->heard_ms > silent_ms; session = session->later) {
        if (rules_silence(rules, now, session) > 0)
            list[n++] = session;
    }
    return n;
}
