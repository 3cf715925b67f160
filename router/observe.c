/* observe.c: see observe.h. */
#include "observe.h"

#include "rules/text.h"

static const struct session *find_session(const struct rules *rules, const struct event *event)
{
    for (const struct session *session = rules_session_next(rules, NULL); session;
         session = rules_session_next(rules, session)) {
        if (text_same(session->session, event->session) &&
            text_same(session->agent, event->agent) && text_same(session->host, event->host))
            return session;
    }
    return NULL;
}

bool observe_counts(const struct rules *rules, const struct mapped *mapped)
{
    if (!mapped->known_only && !mapped->gone)
        return true;
    const struct session *session = find_session(rules, &mapped->event);
    if (!session)
        return false;
    /* Only hooks say whose process a session is: a resumed one runs in another than the one that has gone. */
    return !mapped->gone || !mapped->pid || !session->pid || session->pid == mapped->pid;
}
