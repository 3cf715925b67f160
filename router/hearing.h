/* hearing.h: what the last events were judged to be, for `why`: a message that asks for nobody leaves no need
 * behind. The last HEARING_MAX of them, in memory only: what was heard before the start is not known. */
#ifndef ROUTER_HEARING_H
#define ROUTER_HEARING_H

#include "rules/rules.h"

enum { HEARING_MAX = 512 };

struct hearing_entry {
    uint64_t session_id, need_id; /* the core's; need_id 0: no need came of it, or was touched */
    int64_t at_ms;                /* steady */
    enum heard heard;
    char source[40], thread[40]; /* the agent's word for the message, and who of it spoke */
    char title[80];              /* what it was about */
    char file[64];               /* the mapping's row, "" and 0: none */
    int line;
};

struct hearing {
    struct hearing_entry entries[HEARING_MAX]; /* a ring */
    int n, next;
};

/* After the step of an event. file, line: the row of the mapping that made the event, NULL and 0 if none. */
void hearing_add(struct hearing *hearing, const struct rules *rules, const struct moment *now,
                 const struct event *event, const char *file, int line);
void hearing_clear(struct hearing *hearing);

/* The one before `after` (NULL: the newest), of a session, or of any with 0; NULL: no more. */
const struct hearing_entry *hearing_before(const struct hearing *hearing,
                                           const struct hearing_entry *after, uint64_t session_id);

/* Whether it says why the person was not told: it might have asked for them, and did not. */
bool hearing_turned_down(const struct hearing_entry *entry);

#endif
