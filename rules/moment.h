/* moment.h: the one reading of the clocks that a whole step is judged by.
 *
 * Durations are measured in steady time (counts suspend and downtime, never goes back), schedules by
 * wall time and offset. Every `_ms` instant in rules/ is steady unless its name ends `_wall_ms`. */
#ifndef RULES_MOMENT_H
#define RULES_MOMENT_H

#include <stdint.h>

#define NEVER_MS INT64_MAX

struct moment {
    int64_t wall_ms;        /* milliseconds since 1970, UTC */
    int64_t steady_ms;      /* carried over restarts by max(0, wall difference) */
    int32_t utc_offset_s;   /* local time = wall + offset */
    int64_t next_offset_ms; /* wall instant of the next change of the offset, or NEVER_MS */
    int32_t next_offset_s;  /* the offset from then on */
};

#endif
