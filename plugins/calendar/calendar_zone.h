/* calendar_zone.h: local times of a calendar as instants.
 *
 * A zone is UTC, the machine's own (floating times, whole days), one of the zone database (by the name in TZID), or
 * a VTIMEZONE of the file. The first three ask the C library, whose data are kept up to date; a VTIMEZONE counts
 * where the name says nothing to it. A local time that does not exist is read with the offset before the gap, one
 * that comes twice is the first (RFC 5545, 3.3.5). */
#ifndef QUIETBELL_CALENDAR_ZONE_H
#define QUIETBELL_CALENDAR_ZONE_H

#include <libical/ical.h>
#include <stdbool.h>
#include <stdint.h>

enum { ZONE_NAME_MAX = 64 };

struct zone {
    bool utc;
    char name[ZONE_NAME_MAX]; /* of the zone database; "": the machine's own, unless one of the others is set */
    icaltimezone *own; /* a VTIMEZONE; borrowed from its component */
};

/* Remembers what the machine's own zone is. Call it first. */
void zone_open(void);
/* The zone of a property that holds a time. False: its TZID is not known, *zone is the machine's own. */
bool zone_of(struct zone *zone, icalcomponent *calendar, icalproperty *property, icaltimetype time);
/* Seconds since 1970 of a local time, given as if it were UTC; and back. */
int64_t zone_instant(const struct zone *zone, int64_t local_s);
int64_t zone_local(const struct zone *zone, int64_t instant_s);
/* A time as read, its zone taken off, in seconds. */
int64_t zone_naive(icaltimetype time);

#endif
