/* heard.h: what the last event was judged to be. A message that asks for nobody leaves no need behind, so
 * this is what `why` answers from when the person asks why they were not told. */
#ifndef RULES_HEARD_H
#define RULES_HEARD_H

enum heard {
    HEARD_NOTHING, /* the step was no event */
    HEARD_NOTE,
    HEARD_WORK, /* the session's state, at most */
    HEARD_END,
    HEARD_OPENED,
    HEARD_ANOTHER, /* reason in a need that was open */
    HEARD_AGAIN,   /* the same request */
    HEARD_REOPENED,
    HEARD_JOINED, /* a notice of what was open */
    HEARD_CLOSED, /* something that was asked; more is open */
    HEARD_RESOLVED,
    HEARD_THREAD,     /* a sub-agent's work, or its end */
    HEARD_WAKES,      /* an end, while something runs that will wake the session */
    HEARD_UNATTENDED, /* an end in a run without a person */
    HEARD_FRESH,      /* a notice, right after other evidence */
    HEARD_HUSHED,     /* a notice, after the person resolved by hand */
    HEARD_LATE,       /* it may open nothing */
    HEARD_SHED,       /* the session asks for too much at once */
    HEARDS
};

/* The sentence for a person: what came of it. */
const char *heard_sentence(enum heard heard);

#endif
