/* recording.h: a file of messages, to be played: one JSON object a line, as on the socket (message.h), and
 * `file` lines. Lines of the raw hook recordings of the agents' test benches ({"received_at_ns", "event",
 * "env", "ppid", "stdin", …}) are turned into messages; what the person did there (events that begin with @)
 * is skipped. */
#ifndef ROUTER_RECORDING_H
#define ROUTER_RECORDING_H

#include "message.h"

#include <stdio.h>
#include <sys/types.h>

struct recorded {
    int64_t at_ms;
    uint64_t id; /* if has_id */
    off_t at;    /* in the file */
    int line;    /* from 1 */
    bool has_id;
};

/* What is kept of a message is where it stands: a day has a million of them. */
struct recording {
    FILE *file;
    off_t at; /* where the file stands */
    char *text;
    size_t size;
    struct recorded *list; /* by at_ms; in file order for equal times; each id once */
    int n;
    int refused;     /* lines that are no messages: each was said on `complaints` */
    int quarantined; /* hooks whose payload is no JSON: said too, and no fault of the recording */
};

/* Looks through a whole file. 0 or negative errno of opening or reading it. */
int recording_load(struct recording *out, const char *path, FILE *complaints);
/* Reads one of its messages, with its at_ms; message_clear() it. 0, or a negative errno: the file is another now. */
int recording_get(struct recording *recording, int i, struct message *out);
void recording_clear(struct recording *recording);

#endif
