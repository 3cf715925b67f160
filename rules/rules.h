/* rules.h: the judgement. The one door of rules/.
 *
 * The core is told a moment and an input; it answers with effects and with one deadline, "look again at
 * T". It does no I/O, reads no clock and takes no randomness: the same inputs give the same judgements,
 * byte for byte. Its state can be written to and restored from a store at any point between two steps
 * (record.h). Single-threaded; between two steps anybody may read. Out of memory aborts. */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include "alert.h"
#include "event.h"
#include "focus.h"
#include "heard.h"
#include "moment.h"
#include "need.h"
#include "person.h"
#include "policy.h"
#include "reason.h"
#include "receiver.h"
#include "record.h"
#include "session.h"

struct rules;

/* ---- inputs ------------------------------------------------------------------------------------ */

enum input_type {
    INPUT_TICK,  /* the deadline has come: only look */
    INPUT_START, /* the shell has started and taken the spool: what fell due meanwhile is gathered */
    INPUT_POLICY,   /* a configuration was loaded */
    INPUT_EVENT,    /* an agent spoke */
    INPUT_GONE,     /* the process of a session died */
    INPUT_COMMAND,  /* the person spoke */
    INPUT_OUTCOME,  /* a receiver's plugin spoke */
    INPUT_PRESENCE, /* a sensor spoke of the person */
    INPUT_CALENDAR, /* a calendar was read */
    INPUTS
};

enum command_type {
    COMMAND_ACK,       /* need, session's need, or alert up to a version */
    COMMAND_SNOOZE,    /* the same, for for_ms */
    COMMAND_RESOLVE,   /* need */
    COMMAND_FOCUS_ON,  /* focus, for_ms or 0: until switched off */
    COMMAND_FOCUS_OFF, /* focus; "" is every focus that is on */
    COMMAND_BREAK,     /* "I have just finished something" */
    COMMAND_SERVE,     /* need: the person goes to it, from the board */
    COMMANDS
};

struct command {
    enum command_type type;
    uint64_t need_id;  /* ack, snooze, resolve, serve: one need … */
    uint64_t alert_id; /* … or every need in this alert … */
    int64_t version;   /* … that stood in it up to this version (0: any) */
    int64_t for_ms;
    const char *focus;
};

enum outcome_type {
    OUTCOME_UP,     /* the plugin serves; updates and withdraws hold */
    OUTCOME_DOWN,   /* the plugin died or was disabled */
    OUTCOME_HANDED, /* this version is about to be handed over; 0: nothing is in flight after all */
    OUTCOME_DELIVERED, /* it arrived */
    OUTCOME_RETRY,     /* it did not; the outbox will try again */
    OUTCOME_FAILED,    /* it never will */
    OUTCOMES
};

struct outcome {
    enum outcome_type type;
    const char *receiver;
    uint64_t alert_id; /* 0 for up and down */
    int64_t version;
    bool updates, withdraws;
    const char *reason; /* for `why` and status; borrowed */
};

struct input {
    uint64_t seq; /* the shell counts; every recorded input has its own, rising */
    enum input_type type;
    union {
        const struct event *event;
        struct command command;
        struct outcome outcome;
        struct presence_input presence;
        struct calendar_input calendar;
        struct policy *policy; /* the core takes it over */
        struct {               /* gone: every session of this process on this host */
            const char *host;
            int64_t pid, pid_start;
        } gone;
    };
};

/* ---- effects ----------------------------------------------------------------------------------- */

enum effect_type {
    EFFECT_NEED_OPENED,   /* need_id */
    EFFECT_NEED_CHANGED,  /* need_id: its kind is another now */
    EFFECT_NEED_RESOLVED, /* need_id; reason: the evidence */
    EFFECT_ALERT, /* alert_id, version, audible: to be handed to its receiver (if `deliver`) */
    EFFECT_ALERT_WITHDRAWN, /* alert_id, version */
    EFFECT_REFUSED,         /* the command could not be obeyed; reason says why */
    EFFECT_SHED,            /* something was dropped at a cap; reason says what */
    EFFECTS
};

struct effect {
    enum effect_type type;
    uint64_t need_id, alert_id;
    int64_t version;
    bool audible;
    bool deliver;       /* something is to be handed over (not so where a receiver cannot edit) */
    enum kind kind;     /* of the need, or the most urgent in the alert */
    const char *reason; /* one sentence; lives until the next step */
};

struct effects {
    struct effect *list;
    int n;
    int64_t deadline_ms; /* steady; look again then. NEVER_MS: only when something comes in */
};

/* ---- the way ----------------------------------------------------------------------------------- */

struct rules *rules_new(void);
void rules_free(struct rules *rules);

/* One input at one moment: event → session → need → decision → alert → delivery. The effects belong to
 * the core and live until the next step. Without a policy nothing is ever told. */
const struct effects *rules_step(struct rules *rules, const struct moment *now,
                                 const struct input *input);

/* ---- keeping (record.h) ------------------------------------------------------------------------ */

/* Every kept noun, n of them, parents before children. */
const struct noun *const *rules_nouns(int *n);
/* The records changed since the last rules_committed(): a list by next_changed. */
struct record *rules_changed(struct rules *rules);
/* They are on disk: forget the list, free what is gone. */
void rules_committed(struct rules *rules);
/* Restoring: for every stored row, a zeroed record to fill (id and fields, texts as heap strings) …*/
struct record *rules_restore(struct rules *rules, const struct noun *noun);
/* … and when all rows are filled, join them. Rows that fit nowhere are dropped and counted. A policy
 * step must follow. Returns the number of rows dropped. */
int rules_restored(struct rules *rules);

/* ---- reading, between steps ---------------------------------------------------------------------- */

/* Iterate: NULL starts; returns NULL at the end. Order: by id. */
const struct session *rules_session_next(const struct rules *rules, const struct session *after);
const struct need *rules_need_next(const struct rules *rules, const struct need *after);
const struct alert *rules_alert_next(const struct rules *rules, const struct alert *after);
const struct receiver *rules_receiver_next(const struct rules *rules, const struct receiver *after);
const struct focus *rules_focus_next(const struct rules *rules, const struct focus *after);

/* What is known of the person; NULL: nothing yet. */
const struct person *rules_person(const struct rules *rules);
const struct session *rules_session_find(const struct rules *rules, uint64_t id);
const struct need *rules_need_find(const struct rules *rules, uint64_t id);
const struct alert *rules_alert_find(const struct rules *rules, uint64_t id);
const struct receiver *rules_receiver_at(const struct rules *rules, int slot);

/* The needs of an alert in the order they are named in (most urgent first); n is set. Valid until the
 * next step. */
const struct need *const *rules_alert_needs(const struct rules *rules, const struct alert *alert,
                                            int *n);
/* Every open need in the order to serve them (board.h), acknowledged and snoozed ones last. The list has room for
 * all needs (rules_counts); returns how many they are. */
int rules_board(const struct rules *rules, const struct moment *now, const struct need **list);
/* What follows them there: working sessions that are silent for longer than `policy.silent` without a need, the
 * longest first. The list has room for all sessions; returns how many they are. */
int rules_silent(const struct rules *rules, const struct moment *now, const struct session **list);
/* For how long such a session has been silent; 0: it is none of them. */
int64_t rules_silence(const struct rules *rules, const struct moment *now,
                      const struct session *session);
/* Whether an undelivered alert is still worth an attempt: some need in it was delivered nowhere else. */
bool rules_alert_wanted(const struct rules *rules, const struct alert *alert);

/* The steps of the judgement of one need at a moment, as sentences: cb is called for each, with the rule
 * that decided it, or NULL. The one that begins "decision: " is the decision; where it was told may follow.
 * Changes nothing. */
typedef void (*explain_cb)(void *arg, const char *sentence, const struct rule *rule);
void rules_explain(const struct rules *rules, const struct moment *now, const struct need *need,
                   explain_cb cb, void *arg);

/* What the event of the last step was judged to be, and of which session; NULL: the step was no event, or the
 * session is gone. */
enum heard rules_heard(const struct rules *rules, const struct session **of);

/* Sessions, needs, alerts alive, bytes of text kept, things shed so far. */
struct rules_counts {
    int sessions, needs, alerts;
    int64_t bytes, shed;
};
struct rules_counts rules_counts(const struct rules *rules);

#endif
