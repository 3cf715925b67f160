/* arrival.h: one thing that came in, on its way through a turn of the router and back to its door.
 *
 *   door → router_offer() → queue → router_take(): step, commit → answer() → freed */
#ifndef ROUTER_ARRIVAL_H
#define ROUTER_ARRIVAL_H

#include "router/config.h"
#include "router/message.h"
#include "rules/rules.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What became of it. */
struct answer {
    bool ok;
    uint64_t seq;      /* if ok */
    const char *error; /* if not; for a person */
    const char *at;    /* where in the message, or "" */
    bool retry;        /* not its fault: it may be sent again */
};

struct arrival {
    enum input_type type;

    /* INPUT_EVENT: a hook or an event, parsed; and as it came */
    struct message message;
    bool has_message;
    bool seen; /* by our own file watch */
    char *raw;
    size_t raw_len;
    uint64_t message_id; /* 0: none */
    int64_t at_wall_ms;

    struct command command;         /* focus: arrival_text */
    struct outcome outcome;         /* receiver, reason: owned */
    struct presence_input presence; /* borrows from json */
    json_t *json;                   /* INPUT_PRESENCE, INPUT_CALENDAR: owned */
    struct config *config;          /* INPUT_POLICY: owned */
    struct mappings *mappings;      /* the same; NULL: those in force stay */
    int64_t pid, pid_start;         /* INPUT_GONE */
    char *text, *more;              /* owned: what the borrowed strings above point to */

    /* where the answer goes; NULL: nobody asks */
    void (*answer)(void *owner, struct arrival *arrival, const struct answer *answer);
    void *owner;

    /* within its turn */
    uint64_t seq;
    char *body; /* of its input, for the log */
    struct moment moment;
    bool duplicate;         /* its id is known: it was taken before */
    bool recorded;          /* it is an input of the batch */
    struct refusal refused; /* error "": it was not */
    struct arrival *next;
};

struct arrival *arrival_new(enum input_type type);
/* A parsed message with its text, both taken over. */
struct arrival *arrival_message(struct message *message, char *raw, size_t raw_len);
struct arrival *arrival_command(const struct command *command);
struct arrival *arrival_outcome(const struct outcome *outcome);
/* Takes the reference. */
struct arrival *arrival_presence(const struct presence_input *presence, json_t *json);
/* What calendar_to_json() made; takes the reference. */
struct arrival *arrival_calendar(json_t *json);
/* The answer to a plugin's event (plugins/protocol.h): a new reference, or NULL if it is no UTF-8. */
json_t *arrival_ack(const struct arrival *arrival, const struct answer *answer);
void arrival_free(struct arrival *arrival);
/* What it costs in memory while it waits, roughly. */
size_t arrival_weight(const struct arrival *arrival);

#endif
