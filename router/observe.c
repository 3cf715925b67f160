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

/* What of each session was known when the watch began; stamps may be coarse, so what is told of it now is no measure. */
enum { BEGAN_MAX = 1024 };
static struct {
    uint64_t name;
    int64_t seen_ms;
} began[BEGAN_MAX];
static int n_began;

void observe_begin(void)
{
    n_began = 0;
}

static int64_t seen_before(const struct session *session, const struct event *event)
{
    uint64_t name =
        text_hash(text_hash(text_hash(TEXT_HASH, text_or(event->host, "")), text_or(event->agent, "")),
                  text_or(event->session, ""));
    int i = 0;
    while (i < n_began && began[i].name != name)
        i++;
    if (i == BEGAN_MAX)
        return session ? session->seen_wall_ms : 0;
    if (i == n_began) {
        began[i].name = name;
        began[i].seen_ms = session ? session->seen_wall_ms : 0;
        n_began++;
    }
    return began[i].seen_ms;
}

bool observe_counts(const struct rules *rules, const struct mapped *mapped)
{
    if (!mapped->known_only && !mapped->gone && !mapped->first)
        return true;
    const struct session *session = find_session(rules, &mapped->event);
    if (mapped->first)
        return mapped->event.at_wall_ms > seen_before(session, &mapped->event);
    if (!session)
        return false;
    /* Only hooks say whose process a session is: a resumed one runs in another than the one that has gone. */
    return !mapped->gone || !mapped->pid || !session->pid || session->pid == mapped->pid;
}

bool observe_process(const struct rules *rules, const struct mapped *mapped)
{
    const struct session *session = find_session(rules, &mapped->event);
    return !session || !session->pid;
}
