/* message.h: one line from a door, read once: a hook of an agent, an event, a command, a follow.
 *
 *     {"type":"hook","id":"…","at_ms":…,"agent":"claude-code","event":"Stop","payload":{…},"context":{…}}
 *     {"type":"event","agent":…,"session":…,"state":"blocked","kind":"permission","title":…,"text":…}
 *     {"type":"command","command":"ack","need":"17.0"}      {"type":"follow","from":…}
 *     {"type":"file","at_ms":…,"path":…,"content":…}        from the file watch, and in recordings
 *
 * The limits of design.md section 6 are checked on the bytes, before jansson sees them. Unknown members
 * are ignored; a known member at the top with a wrong type is refused; members of `context` that make no
 * sense are as good as missing, because a hook client may be newer or older than the daemon. */
#ifndef ROUTER_MESSAGE_H
#define ROUTER_MESSAGE_H

#include "rules/word.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MESSAGE_SIZE_MAX = 256 * 1024, /* bytes of a line, without its newline */
    MESSAGE_DEPTH_MAX = 64,
    MESSAGE_VALUES_MAX = 20000,
};

enum message_type {
    MESSAGE_HOOK,
    MESSAGE_EVENT,
    MESSAGE_COMMAND,
    MESSAGE_FOLLOW,
    MESSAGE_FILE, /* what a file watch would have seen */
    MESSAGES
};
extern const struct words word_message;

struct message {
    enum message_type type;
    bool has_id; /* 16 hex digits; without one the daemon makes one */
    uint64_t id;
    int64_t at_ms; /* the sender's wall clock; 0: not given */
    json_t *json;  /* the whole message, owned */

    /* borrowed from json; NULL where the type has none */
    const char *agent;     /* hook, event */
    const char *event;     /* hook: the name on its command line; "" if none */
    const char *command;   /* command */
    const json_t *payload; /* hook: an object */
    const char *path;      /* file; its content is a text or an object */
    bool gone;             /* file: it is not there any more */
    const json_t *context; /* hook, event: an object, or NULL */
};

/* Why a message is refused. `at` is a JSON pointer ("/payload/session_id"), "" the message as a whole. Both are
 * of our own words or inert, one line, for the answer {"ok":false,"error":…,"at":…}. */
struct refusal {
    char at[160];
    char error[240];
};

/* Fills a refusal; returns -EINVAL. */
int refuse(struct refusal *refusal, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads one line. 0, or negative errno with *refusal filled: -EMSGSIZE over a limit, -ENOTSUP a hook whose
 * payload is no JSON (payload_text: to be quarantined), -EINVAL anything else. On error nothing is owned. */
int message_parse(struct message *out, const char *line, size_t len, struct refusal *refusal);
/* Takes over a message that is JSON already (from a plugin); on error the reference is given back too. */
int message_take(struct message *out, json_t *json, struct refusal *refusal);
void message_clear(struct message *message);

/* Whether these bytes are valid UTF-8 without NUL. */
bool message_is_utf8(const char *text, size_t len);

/* The limits alone: 0 or -EMSGSIZE or -EINVAL, and why. */
int message_scan(const char *line, size_t len, struct refusal *refusal);

#endif
