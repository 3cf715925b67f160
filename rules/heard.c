/* heard.c: see heard.h. */
#include "heard.h"

static const char *const sentences[HEARDS] = {
    [HEARD_NOTHING] = "it was no event",
    [HEARD_NOTE] = "a note: it says nothing of whether you are needed",
    [HEARD_WORK] = "it goes on: it asks for nothing, and answers nothing that is open",
    [HEARD_END] = "the session is over, and nothing of it was open",
    [HEARD_OPENED] = "it asks for you: it opened a need",
    [HEARD_ANOTHER] = "it asks for one thing more: the same need, as the session had one open",
    [HEARD_AGAIN] = "it asks the same again: counted, no second need",
    [HEARD_REOPENED] = "it asks the same again within 10 s: the same need, shown without a ring",
    [HEARD_JOINED] = "a notice of what is open already: counted, no second need",
    [HEARD_CLOSED] = "it answers a part of what was asked; the rest is open",
    [HEARD_RESOLVED] = "it answers what was asked: the need was resolved",
    [HEARD_THREAD] = "a sub-agent's work, or its end: only the main agent's end asks for you",
    [HEARD_WAKES] =
        "the turn is over, but something runs in the background that will wake the session: nobody "
        "is needed yet",
    [HEARD_UNATTENDED] =
        "the turn is over, but the session was started without a person: nobody waits for it",
    [HEARD_FRESH] =
        "a notice less than 10 s after other signs of life, with nothing open: you were not waited "
        "for",
    [HEARD_HUSHED] = "a notice of what you resolved by hand: it does not come back for that",
    [HEARD_LATE] = "it is older than what is known of the session already: it may open nothing",
    [HEARD_SHED] = "it asks for too many things at once: this one was left out",
};

const char *heard_sentence(enum heard heard)
{
    return sentences[heard];
}
