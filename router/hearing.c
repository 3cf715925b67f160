/* hearing.c: see hearing.h. */
#include "router/hearing.h"

#include "router/plain.h"
#include "rules/text.h"

#include <stdio.h>
#include <string.h>

static void copy(char *to, size_t size, const char *text)
{
    plain_line(text_or(text, ""), to, size);
}

void hearing_add(struct hearing *hearing, const struct rules *rules, const struct moment *now,
                 const struct event *event, const char *file, int line)
{
    const struct session *session;
    enum heard heard = rules_heard(rules, &session);
    if (!session || heard == HEARD_NOTHING)
        return;
    struct hearing_entry *entry = &hearing->entries[hearing->next];
    hearing->next = (hearing->next + 1) % HEARING_MAX;
    hearing->n += hearing->n < HEARING_MAX;
    bool of_need = heard >= HEARD_OPENED && heard <= HEARD_RESOLVED && session->need;
    *entry = (struct hearing_entry){.session_id = session->record.id,
                                    .need_id = of_need ? session->need->record.id : 0,
                                    .at_ms = now->steady_ms,
                                    .heard = heard,
                                    .line = line};
    copy(entry->source, sizeof entry->source, event->source);
    copy(entry->thread, sizeof entry->thread, event->thread);
    copy(entry->title, sizeof entry->title, event->title);
    copy(entry->file, sizeof entry->file, file);
}

void hearing_clear(struct hearing *hearing)
{
    hearing->n = hearing->next = 0;
}

const struct hearing_entry *hearing_before(const struct hearing *hearing,
                                           const struct hearing_entry *after, uint64_t session_id)
{
    int begin = (hearing->next - hearing->n + HEARING_MAX) % HEARING_MAX;
    int at = after ? (int)(after - hearing->entries) : hearing->next;
    int left = (at - begin + HEARING_MAX) % HEARING_MAX; /* how many are older */
    if (!after)
        left = hearing->n;
    while (left-- > 0) {
        at = (at - 1 + HEARING_MAX) % HEARING_MAX;
        if (!session_id || hearing->entries[at].session_id == session_id)
            return &hearing->entries[at];
    }
    return NULL;
}

bool hearing_turned_down(const struct hearing_entry *entry)
{
    switch (entry->heard) {
    case HEARD_THREAD:
    case HEARD_WAKES:
    case HEARD_UNATTENDED:
    case HEARD_FRESH:
    case HEARD_HUSHED:
    case HEARD_LATE:
    case HEARD_SHED:
    case HEARD_JOINED:
    case HEARD_AGAIN:
    case HEARD_REOPENED:
    case HEARD_ANOTHER:
        return true;
    case HEARD_NOTHING:
    case HEARD_NOTE:
    case HEARD_WORK:
    case HEARD_END:
    case HEARD_OPENED:
    case HEARD_CLOSED:
    case HEARD_RESOLVED:
    case HEARDS:
        break;
    }
    return false;
}
