/* word.h: the words of the trade, as enums, with one table of names each.
 *
 * Every enum whose values are ever read from, or shown to, a person stands here, and its names in
 * word.c, so that code, configuration, store and output cannot drift apart. */
#ifndef RULES_WORD_H
#define RULES_WORD_H

#include <stddef.h>

/* What a session is doing, as far as its last event tells. */
enum state {
    STATE_NONE,    /* nothing known yet; as an event's state: a note, changes nothing */
    STATE_STARTED, /* opened, no prompt yet */
    STATE_WORKING, /* the agent has the turn */
    STATE_BLOCKED, /* the agent waits for an answer in the middle of its turn */
    STATE_DONE,    /* the turn is over; the next step is the person's */
    STATE_FAILED,  /* the turn ended in an error */
    STATE_IDLE,    /* the turn ended without a result (interrupted, denied) */
    STATE_ENDED,   /* the session is over */
    STATES
};

/* Why a session needs the person, the most urgent first: a need's kind is the first of its open reasons. */
enum kind {
    KIND_PERMISSION,
    KIND_QUESTION,
    KIND_PLAN,
    KIND_LOGIN,
    KIND_FAILURE,
    KIND_LIMIT,
    KIND_STALLED,
    KIND_CUSTOM,
    KIND_REVIEW,
    KINDS
};

enum urgency { URGENCY_UNSET, URGENCY_LOW, URGENCY_NORMAL, URGENCY_CRITICAL, URGENCIES };

/* What an event does to the reasons that are open (a mapping row's `closes`). */
enum closes {
    CLOSES_NOTHING,
    CLOSES_REQUEST, /* the reasons with the event's request id, in its thread; a glob reaches every thread */
    CLOSES_THREAD,  /* every reason of the event's thread */
    CLOSES_MAIN,    /* every reason of the main thread, whichever thread speaks */
    CLOSES_SESSION, /* every reason of the session */
    CLOSES
};

/* What an event does to open one (a mapping row's `opens` and `confirms`). */
enum opens {
    OPENS_NOTHING,
    OPENS_REASON,    /* the real edge */
    CONFIRMS_REASON, /* a notice: joins an open reason, opens one only after 10 s of other silence */
    OPENS
};

/* When a need that has settled may be told: one slot. */
enum slot {
    SLOT_NEVER,     /* never held: at once */
    SLOT_BATCH,     /* when it has waited so long */
    SLOT_FOCUS_END, /* when the focus ends */
    SLOT_BREAKPOINT, /* at a breakpoint, or when waiting has become dearer than breaking in (defer.h) */
    SLOT_TIMES, /* hold: ["11:45"]: at the first such time after settling; until then it is walled */
    SLOT_DIGEST, /* digest: ["11:45"]: the same */
    SLOTS
};

/* What it means when a working session is silent for long (silence.c). */
enum talks {
    TALKS_TOOLS, /* nothing, until it has told of a tool that it runs; from then on: that it hangs */
    TALKS_NEVER,  /* nothing: the agent is silent by nature */
    TALKS_ALWAYS, /* that it hangs */
    TALKS
};

/* Whether the person is there. Engaged: answering from the board (next, Open, ack) just now. */
enum presence {
    PRESENCE_ENGAGED,
    PRESENCE_ACTIVE,
    PRESENCE_IDLE,
    PRESENCE_LOCKED,
    PRESENCE_AWAY,
    PRESENCES
};

/* What one version of one alert has come to on its receiver (delivery.h has the transitions). */
enum delivery_state {
    DELIVERY_NONE,      /* nothing to hand over: this version is shown, or was not worth an edit */
    DELIVERY_QUEUED,    /* to be handed over */
    DELIVERY_IN_FLIGHT, /* handed to the plugin, no answer yet */
    DELIVERY_DEFERRED,  /* tried, to be tried again later */
    DELIVERY_DELIVERED, /* the receiver has it */
    DELIVERY_FAILED,    /* given up: told on the fallback, or never */
    DELIVERY_WITHDRAWN, /* taken back */
    DELIVERY_STATES
};

/* The names of one enum's values, in order. */
struct words {
    const char *what; /* "kind", for "unknown kind" */
    int n;
    const char *const *names;
};

extern const struct words word_state, word_kind, word_urgency, word_closes, word_opens, word_slot,
    word_presence, word_delivery, word_talks;

/* The name of a value; values outside the table are "?". */
const char *word_name(const struct words *words, int value);
/* The value of a name, or -1. */
int word_find(const struct words *words, const char *name);

#endif
