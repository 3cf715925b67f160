/* word.c: the one table of the names of every enum. */
#include "word.h"

#include <string.h>

#define WORDS(id, text, ...)                                                                       \
    static const char *const id##_names[] = {__VA_ARGS__};                                         \
    const struct words word_##id = {text, (int)(sizeof id##_names / sizeof *id##_names), id##_names}

WORDS(state, "state", "unknown", "started", "working", "blocked", "done", "failed", "idle", "ended");
WORDS(kind, "kind", "permission", "question", "plan", "login", "failure", "limit", "stalled",
      "custom", "review");
WORDS(urgency, "urgency", "unset", "low", "normal", "critical");
WORDS(closes, "closes", "nothing", "request", "thread", "main", "session");
WORDS(opens, "opens", "nothing", "opens", "confirms");
WORDS(slot, "hold", "never", "batch", "focus-end", "breakpoint", "times", "digest");
WORDS(presence, "presence", "engaged", "active", "idle", "locked", "away");
WORDS(delivery, "delivery", "none", "queued", "in flight", "deferred", "delivered", "failed",
      "withdrawn");
WORDS(talks, "word", "tools", "never", "always");

const char *word_name(const struct words *words, int value)
{
    return value >= 0 && value < words->n ? words->names[value] : "?";
}

int word_find(const struct words *words, const char *name)
{
    for (int i = 0; name && i < words->n; i++) {
        if (strcmp(words->names[i], name) == 0)
            return i;
    }
    return -1;
}
