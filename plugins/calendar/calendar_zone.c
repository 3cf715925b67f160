/* calendar_zone.c: see calendar_zone.h. The C library knows one zone at a time: TZ is set when another is asked for. */
#include "calendar_zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { DAY_S = 86400 };

static char own_tz[256]; /* TZ as it was */
static bool has_own_tz;
static char in_force[ZONE_NAME_MAX]; /* "": the machine's own */

void zone_open(void)
{
    const char *tz = getenv("TZ");
    has_own_tz = tz != NULL;
    snprintf(own_tz, sizeof own_tz, "%s", tz ? tz : "");
    in_force[0] = '\0';
    tzset();
}

static void use(const char *name)
{
    char tz[ZONE_NAME_MAX + 1];
    if (strcmp(name, in_force) == 0)
        return;
    snprintf(tz, sizeof tz, ":%s", name);
    if (*name)
        setenv("TZ", tz, 1);
    else if (has_own_tz)
        setenv("TZ", own_tz, 1);
    else
        unsetenv("TZ");
    tzset();
    snprintf(in_force, sizeof in_force, "%s", name);
}

/* ---- which -------------------------------------------------------------------------------------------- */

static bool in_database(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
    const char *folder = getenv("TZDIR");
    char path[512];
    struct stat st;
    if (!*name || strlen(name) >= ZONE_NAME_MAX || *name == '/' || name[strspn(name, letters)])
        return false;
    snprintf(path, sizeof path, "%s/%s", folder && *folder ? folder : "/usr/share/zoneinfo", name);
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* "/freeassociation.sourceforge.net/Tzfile/Europe/Berlin": its last parts are a name. */
static bool find_name(const char *tzid, char name[ZONE_NAME_MAX])
{
    for (const char *part = tzid; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        if (in_database(part)) {
            snprintf(name, ZONE_NAME_MAX, "%s", part);
            return true;
        }
    }
    return false;
}

bool zone_of(struct zone *zone, icalcomponent *calendar, icalproperty *property, icaltimetype time)
{
    *zone = (struct zone){.utc = icaltime_is_utc(time)};
    icalparameter *parameter = icalproperty_get_first_parameter(property, ICAL_TZID_PARAMETER);
    const char *tzid = parameter ? icalparameter_get_tzid(parameter) : NULL;
    if (zone->utc || time.is_date || !tzid)
        return true;
    if (find_name(tzid, zone->name))
        return true;
    zone->own = icalcomponent_get_timezone(calendar, tzid);
    if (zone->own)
        return true;
    if (strcmp(tzid, "UTC") == 0 || strcmp(tzid, "GMT") == 0 || strcmp(tzid, "Etc/UTC") == 0)
        return zone->utc = true;
    return false;
}

/* ---- reckoning ---------------------------------------------------------------------------------------- */

static int64_t offset_s(const struct zone *zone, int64_t instant_s)
{
    time_t seconds = (time_t)instant_s;
    struct tm tm;
    int daylight;
    if (zone->utc)
        return 0;
    if (zone->own) {
        icaltimetype time = icaltime_from_timet_with_zone(seconds, 0, icaltimezone_get_utc_timezone());
        return icaltimezone_get_utc_offset_of_utc_time(zone->own, &time, &daylight);
    }
    use(zone->name);
    return localtime_r(&seconds, &tm) ? tm.tm_gmtoff : 0;
}

int64_t zone_local(const struct zone *zone, int64_t instant_s)
{
    return instant_s + offset_s(zone, instant_s);
}

int64_t zone_instant(const struct zone *zone, int64_t local_s)
{
    int64_t before_s = offset_s(zone, local_s - DAY_S), after_s = offset_s(zone, local_s + DAY_S);
    int64_t first = local_s - before_s, second = local_s - after_s;
    bool is_first = offset_s(zone, first) == before_s, is_second = offset_s(zone, second) == after_s;
    if (is_first && is_second)
        return first < second ? first : second;
    return is_second ? second : first;
}

int64_t zone_naive(icaltimetype time)
{
    time.zone = NULL;
    return icaltime_as_timet(time);
}
