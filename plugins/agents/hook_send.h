/* hook_send.h - a message on its way to the socket.
 *
 * Time: all deadlines are milliseconds since the process started; hook_elapsed_ms() tells now.
 */
#ifndef QUIETBELL_HOOK_SEND_H
#define QUIETBELL_HOOK_SEND_H

#include "hook_context.h"

enum send_outcome {
    SEND_TAKEN,   /* acknowledged: it is on the daemon's disk */
    SEND_REFUSED, /* judged bad, for good: the daemon keeps it in quarantine */
    SEND_FAILED,  /* nobody there, no answer in time, or "retry": the spool's case */
};

/* One connection; before the line (it ends in \n) some of what lies in the spool (hook_spool.h); the line's answer. */
enum send_outcome send_line(const struct environment *environment, const char *line, size_t len,
                            int deadline_ms);

/* Sends what lies in the spool, as long as there is some. How much that was, or -1: nobody took it. Each time it
 * waits for at most `patience_ms`. */
int send_spool(const struct environment *environment, int patience_ms);

#endif
