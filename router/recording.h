/* recording.h: a file of messages, to be played: one JSON object a line, as on the socket (message.h), and
 * `file` lines. Lines of the raw hook recordings of the agents' test benches ({"received_at_ns", "event",
 * "env", "ppid", "stdin", …}) are turned into messages; what the person did there (events that begin with @)
 * is skipped. */
#ifndef ROUTER_RECORDING_H
#define ROUTER_RECORDING_H

#include "message.h"

#include <stdio.h>

struct recorded {
    struct message message; /* at_ms is always set */
    int line;               /* from 1 */
};

struct recording {
    struct recorded *list; /* by at_ms; in file order for equal times; each id once */
    int n;
    int refused;     /* lines that are no messages: each was said on `complaints` */
    int quarantined; /* hooks whose payload is no JSON: said too, and no fault of the recording */
};

/* Reads a whole file. 0 or negative errno of opening or reading it. */
int recording_load(struct recording *out, const char *path, FILE *complaints);
void recording_clear(struct recording *recording);

#endif
