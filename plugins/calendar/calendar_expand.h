/* calendar_expand.h: `calendar --expand FILE FROM_MS UNTIL_MS [ZONE]`: reads one calendar and prints what it says as one
 * line of JSON:
 *
 *   {"busy":[[from_ms,until_ms],…], "until_ms":…, "events":N, "notes":["…"]}     or {"problem":"…"}
 *
 * A process of its own, with limits: a file may be hostile, and a rule of recurrence can keep libical busy for ever. */
#ifndef QUIETBELL_CALENDAR_EXPAND_H
#define QUIETBELL_CALENDAR_EXPAND_H

enum {
    EXPAND_FILE_MAX = 16 * 1024 * 1024,
    EXPAND_BUSY_MAX = 500, /* spans told; the host takes 512 */
    EXPAND_TRIES = 5,      /* so many events that take too long are left out */
    EXPAND_CPU_S = 2,      /* of each try */
};

/* argv: FILE FROM_MS UNTIL_MS, and the zone of floating times if it is not the machine's own. The exit status: 0 also for a problem, 2 wrong arguments. */
int expand_main(int argc, char **argv);

#endif
