/* observe.c: see observe.h. */
#include "observe.h"

#include "rules/text.h"

#include <string.h>

static int64_t steady_of(const struct moment *now, int64_t wall_ms)
{
    int64_t ago_ms = now->wall_ms - wall_ms;
    return now->steady_ms - (ago_ms > 0 ? ago_ms : 0);
}

static int64_t wall_of(const struct moment *now, int64_t steady_ms)
{
    return now->wall_ms - (now->steady_ms - steady_ms);
}

static const struct session *find_session(const struct rules *rules, const struct event *event)
{
    for (const struct session *session = rules_session_next(rules, NULL); session;
         session = rules_session_next(rules, session)) {
        if (text_same(session->session, event->session) && text_same(session->agent, event->agent) &&
            text_same(session->host, event->host))
            return session;
    }
    return NULL;
}

/* Hooks bring their process, files do not. */
static bool has_hooks(const struct session *session)
{
    return session && session->pid > 0;
}

/* What the core's `closes` would close, as far as the observation may. */
static bool may_close(const struct mapped *mapped, const struct reason *reason, int64_t at_ms)
{
    const struct event *event = &mapped->event;
    const char *request = text_or(event->closes_request, text_or(event->request, ""));
    if (reason->closed_ms || reason->opened_ms > at_ms)
        return false;
    if (mapped->closes_kinds && !(mapped->closes_kinds >> reason->kind & 1))
        return false;
    switch (event->ends ? CLOSES_SESSION : event->closes) {
    case CLOSES_REQUEST:
        if (strchr(request, '*'))
            return text_globs(request, reason->request);
        return text_same(event->thread, reason->thread) && text_same(request, reason->request);
    case CLOSES_THREAD:
        return text_same(event->thread, reason->thread);
    case CLOSES_MAIN:
        return text_empty(reason->thread);
    case CLOSES_SESSION:
        return true;
    case CLOSES_NOTHING:
    case CLOSES:
        break;
    }
    return false;
}

static struct event closing(const struct event *event, const struct reason *reason)
{
    return (struct event){.at_wall_ms = event->at_wall_ms,
                          .host = event->host,
                          .agent = event->agent,
                          .session = event->session,
                          .source = event->source,
                          .thread = reason->thread,
                          .request = reason->request,
                          .closes = CLOSES_REQUEST};
}

/* One by one while others stay open; what is left of `closes` in the last event is all or nothing. */
static bool close_next(struct mapped *mapped, const struct need *need, int64_t at_ms, struct event *out)
{
    const struct reason *first = NULL;
    int open = 0, hit = 0;
    for (const struct reason *reason = need->reasons; reason; reason = reason->next) {
        bool hits = may_close(mapped, reason, at_ms);
        open += !reason->closed_ms;
        hit += hits;
        if (hits && !first)
            first = reason;
    }
    if (hit > 0 && hit < open && mapped->n_closed++ < OBSERVE_MAX) {
        *out = closing(&mapped->event, first);
        return true;
    }
    mapped->event.closes = hit > 0 ? CLOSES_SESSION : CLOSES_NOTHING;
    mapped->event.ends &= hit == open;
    return false;
}

/* Another process of the same session (it was resumed) has left its file behind. */
static bool is_others(const struct session *session, const struct mapped *mapped)
{
    return mapped->gone && mapped->pid && has_hooks(session) && session->pid != mapped->pid;
}

/* The last event: at most as new as the newest hook. */
static void settle(const struct session *session, const struct moment *now, struct event *event, int64_t at_ms)
{
    if (has_hooks(session)) {
        event->cwd = event->repository = event->worktree = event->branch = NULL;
        if (at_ms > session->newest_ms && session->newest_ms > INT64_MIN / 4)
            event->at_wall_ms = wall_of(now, session->newest_ms);
        return;
    }
    bool asks = session && session->need && need_open(session->need);
    if (event->opens == CONFIRMS_REASON && !asks && !(session && session->hushed))
        event->opens = OPENS_REASON;
}

bool observe_next(const struct rules *rules, const struct moment *now, struct mapped *mapped, struct event *out)
{
    if (mapped->n_closed < 0)
        return false;
    const struct session *session = mapped->observed ? find_session(rules, &mapped->event) : NULL;
    int64_t at_ms = steady_of(now, mapped->event.at_wall_ms);
    if (is_others(session, mapped))
        return false;
    if (session && session->need && need_open(session->need) &&
        close_next(mapped, session->need, at_ms, out)) {
        if (has_hooks(session) && at_ms > session->newest_ms && session->newest_ms > INT64_MIN / 4)
            out->at_wall_ms = wall_of(now, session->newest_ms);
        return true;
    }
    mapped->n_closed = -1;
    if (mapped->observed)
        settle(session, now, &mapped->event, at_ms);
    *out = mapped->event;
    return true;
}
