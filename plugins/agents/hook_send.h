/* hook_send.h - where a message goes: one socket, or the spool directory.
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

/* In hook.c. */
int hook_elapsed_ms(void);

/* One connection, one line (ends in \n), one answer. */
enum send_outcome send_line(const struct environment *environment, const char *line, size_t len,
                            int deadline_ms);

/* Writes NAME (13 digits of at_ms, a dash, the id, ".json") into the spool directory, which is made
 * if it is missing. */
void spool_line(const struct environment *environment, const char *name, const char *line, size_t len);

#endif
