/* reason.h: one thing a session asks of the person; a need is a set of them.
 *
 * Keyed (thread, kind, request): the same said twice is one reason, said twice. A closed reason is kept for a
 * while: the same request asked again within 10 s is the same need. */
#ifndef RULES_REASON_H
#define RULES_REASON_H

#include "event.h"
#include "record.h"

struct rules;
struct need;

struct reason {
    struct record record;
    uint64_t need_id;
    struct reason *next; /* in its need, oldest first */
    int64_t closed_ms;   /* 0: open */
    int64_t asked_ms;    /* last asked for; notices do not count */
    enum kind kind;
    enum urgency urgency; /* the event's own */
    char *thread, *request, *title, *text, *tool;
    int64_t opened_ms, opened_wall_ms;
    int64_t last_ms; /* last confirmed */
    int64_t count;   /* how often it was said */
    struct need *need;
};

extern const struct noun noun_reason;

/* Puts it into its need (also when restored); takes it out and drops it. */
void reason_add(struct need *need, struct reason *reason);
void reason_drop(struct rules *rules, struct need *need, struct reason *reason);
/* A new reason of a need, from an event. */
void reason_new(struct rules *rules, struct need *need, const struct event *event, int64_t at_ms);
/* Takes over what is asked; true if the words are others now. */
bool reason_words(struct rules *rules, struct reason *reason, const struct event *event);
/* Whether an event asks for the same: by the agent's request id, else by the same words. */
bool reason_same(const struct reason *reason, const struct event *event);
/* The reason of this need that an event asks for again: open, or closed no more than 10 s ago; or NULL. */
struct reason *reason_find(const struct rules *rules, const struct need *need,
                           const struct event *event);
/* Whether an event answers it. */
bool reason_closed_by(const struct event *event, const struct reason *reason, int64_t at_ms);
/* Drops reasons that can no longer reopen; false: there are too many open ones for another. */
bool reason_purge(struct rules *rules, struct need *need);

#endif
