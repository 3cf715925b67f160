/* calendar_read.c: see calendar_read.h.
 *
 *   text -> VCALENDARs -> moved occurrences (RECURRENCE-ID) -> each event -> its occurrences -> spans
 *
 * Recurrences are expanded in the event's own local time and only then made instants: "every day at 10" stays at 10
 * when summer time begins. */
#include "calendar_read.h"

#include "calendar_zone.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DAY_S = 86400 };

static void note(struct read_state *state, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(struct read_state *state, const char *format, ...)
{
    va_list args;
    if (state->n_notes == READ_NOTES_MAX) {
        state->more_notes++;
        return;
    }
    va_start(args, format);
    vsnprintf(state->notes[state->n_notes++], READ_TEXT_MAX, format, args);
    va_end(args);
}

/* ---- an event ----------------------------------------------------------------------------------------- */

struct moved { /* an occurrence that another VEVENT describes */
    const char *uid;
    int64_t at;
};

struct event {
    icalcomponent *component, *calendar;
    const char *uid, *title;
    struct zone zone;
    icaltimetype start; /* its zone taken off */
    int64_t first;      /* the same in seconds, local */
    bool whole_days;
    int64_t days, seconds; /* how long: so many days of the calendar, then so many seconds */
};

struct reading {
    struct read_state *state;
    struct moved *moved;
    int n_moved;
    struct event *event;
    int64_t *excluded; /* instants that EXDATE and EXRULE take out; of a whole day: its midnight */
    int n_excluded, size_excluded;
    bool excludes; /* what is expanded is EXRULE */
};

static bool is_busy(icalcomponent *component)
{
    icalproperty *transp = icalcomponent_get_first_property(component, ICAL_TRANSP_PROPERTY);
    if (transp && icalproperty_get_transp(transp) == ICAL_TRANSP_TRANSPARENT)
        return false;
    if (icalcomponent_get_status(component) == ICAL_STATUS_CANCELLED)
        return false;
    for (icalproperty *x = icalcomponent_get_first_property(component, ICAL_X_PROPERTY); x;
         x = icalcomponent_get_next_property(component, ICAL_X_PROPERTY)) {
        const char *name = icalproperty_get_x_name(x), *value = icalproperty_get_x(x);
        if (name && value && strcasecmp(name, "X-MICROSOFT-CDO-BUSYSTATUS") == 0 &&
            strcasecmp(value, "FREE") == 0)
            return false;
    }
    return true;
}

static int64_t seconds_of(struct icaldurationtype duration)
{
    int64_t seconds =
        duration.hours * INT64_C(3600) + duration.minutes * INT64_C(60) + duration.seconds;
    return duration.is_neg ? -seconds : seconds;
}

static int64_t days_of(struct icaldurationtype duration)
{
    int64_t days = duration.weeks * INT64_C(7) + duration.days;
    return duration.is_neg ? -days : days;
}

/* DTEND gives a length in seconds, of whole days one in days; DURATION both. */
static void length_of(struct event *event)
{
    icalproperty *end = icalcomponent_get_first_property(event->component, ICAL_DTEND_PROPERTY);
    icalproperty *length = icalcomponent_get_first_property(event->component, ICAL_DURATION_PROPERTY);
    if (end) {
        icaltimetype time = icalproperty_get_dtend(end);
        struct zone zone;
        zone_of(&zone, event->calendar, end, time);
        if (event->whole_days)
            event->days = (zone_naive(time) - event->first) / DAY_S;
        else
            event->seconds =
                zone_instant(&zone, zone_naive(time)) - zone_instant(&event->zone, event->first);
    } else if (length) {
        struct icaldurationtype duration = icalproperty_get_duration(length);
        event->days = days_of(duration);
        event->seconds = seconds_of(duration);
    } else if (event->whole_days) {
        event->days = 1;
    }
}

/* libical reads the 99th hour of the 20th month, too. */
static bool is_time(icaltimetype time)
{
    return time.month >= 1 && time.month <= 12 && time.day >= 1 && time.day <= 31 &&
           (time.is_date || (time.hour >= 0 && time.hour <= 24 && time.minute >= 0 &&
                             time.minute <= 59 && time.second >= 0 && time.second <= 60));
}

static bool event_open(struct reading *reading, struct event *event, icalcomponent *calendar,
                       icalcomponent *component)
{
    icalproperty *start = icalcomponent_get_first_property(component, ICAL_DTSTART_PROPERTY);
    *event = (struct event){.component = component, .calendar = calendar};
    const char *uid = icalcomponent_get_uid(component), *title = icalcomponent_get_summary(component);
    event->uid = uid ? uid : "";
    event->title = title ? title : event->uid;
    icaltimetype time = start ? icalproperty_get_dtstart(start) : icaltime_null_time();
    if (icaltime_is_null_time(time) || !is_time(time)) {
        note(reading->state, "\"%.60s\" has no DTSTART that can be read: left out", event->title);
        return false;
    }
    if (!zone_of(&event->zone, calendar, start, time))
        note(reading->state, "\"%.60s\" is in a time zone that is not known: read as local time",
             event->title);
    event->whole_days = time.is_date;
    time.zone = NULL;
    event->start = time;
    event->first = zone_naive(time);
    length_of(event);
    return true;
}

/* ---- its occurrences ---------------------------------------------------------------------------------- */

static bool is_moved(const struct reading *reading, int64_t at)
{
    int low = 0, high = reading->n_moved;
    while (low < high) {
        int middle = (low + high) / 2;
        const struct moved *moved = &reading->moved[middle];
        int order = strcmp(moved->uid, reading->event->uid);
        if (order == 0 && moved->at == at)
            return true;
        if (order < 0 || (order == 0 && moved->at < at))
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool is_excluded(const struct reading *reading, int64_t at)
{
    for (int i = 0; i < reading->n_excluded; i++) {
        if (reading->excluded[i] == at)
            return true;
    }
    return false;
}

static void exclude(struct reading *reading, int64_t at)
{
    if (reading->n_excluded == reading->size_excluded) {
        reading->size_excluded = reading->size_excluded ? reading->size_excluded * 2 : 16;
        reading->excluded =
            realloc(reading->excluded, (size_t)reading->size_excluded * sizeof *reading->excluded);
        if (!reading->excluded)
            abort();
    }
    reading->excluded[reading->n_excluded++] = at;
}

/* One occurrence by its local time; length_s < 0: as long as the event. */
static void occur(struct reading *reading, int64_t local, int64_t length_s)
{
    const struct event *event = reading->event;
    int64_t at = zone_instant(&event->zone, local), until = at + length_s;
    if (reading->excludes) {
        exclude(reading, at);
        return;
    }
    if (is_moved(reading, at) || is_excluded(reading, at))
        return;
    if (length_s < 0)
        until = event->days ? zone_instant(&event->zone, local + event->days * DAY_S) + event->seconds
                            : at + event->seconds;
    spans_add(reading->state, at, until);
}

/* UNTIL is written in UTC, and occurrences are reckoned in local time. */
static void localise_until(const struct event *event, struct icalrecurrencetype *rule)
{
    icaltimetype *until = &rule->until;
    if (icaltime_is_null_time(*until))
        return;
    if (icaltime_is_utc(*until) && !event->zone.utc)
        *until = icaltime_from_timet_with_zone((time_t)zone_local(&event->zone, zone_naive(*until)),
                                               0, NULL);
    until->zone = NULL;
    if (until->is_date && !event->whole_days) {
        until->is_date = 0;
        until->hour = 23;
        until->minute = until->second = 59;
    }
    if (event->whole_days) {
        until->is_date = 1;
        until->hour = until->minute = until->second = 0;
    }
}

/* What was years ago need not be counted through: for rules of days and weeks without a count libical leaps right
 * (seen against counting, 1,500 rules); for the others it counts, which is cheap there. */
static void leap(const struct reading *reading, icalrecur_iterator *each,
                 const struct icalrecurrencetype *rule)
{
    const struct event *event = reading->event;
    int64_t from = reading->state->from - 2 * DAY_S - event->days * DAY_S - event->seconds;
    bool days = rule->freq == ICAL_DAILY_RECURRENCE || rule->freq == ICAL_WEEKLY_RECURRENCE;
    if (!days || rule->count || rule->by_set_pos[0] != ICAL_RECURRENCE_ARRAY_MAX || from <= event->first)
        return;
    icaltimetype until = rule->until,
                 start = icaltime_from_timet_with_zone((time_t)from, event->whole_days, NULL);
    if (icaltime_is_null_time(until) || zone_naive(until) > from)
        icalrecur_iterator_set_start(each, start);
}

static void expand(struct reading *reading, struct icalrecurrencetype rule)
{
    const struct event *event = reading->event;
    int64_t end = reading->state->until + 2 * DAY_S;
    int n = 0;
    localise_until(event, &rule);
    icalrecur_iterator *each = icalrecur_iterator_new(rule, event->start);
    if (!each) {
        note(reading->state, "\"%.60s\" has a rule of recurrence that is none: told once",
             event->title);
        return;
    }
    leap(reading, each, &rule);
    for (;;) {
        icaltimetype time = icalrecur_iterator_next(each);
        int64_t local = icaltime_is_null_time(time) ? end : zone_naive(time);
        if (local >= end)
            break;
        if (++n > READ_OCCURRENCES_MAX) {
            note(reading->state,
                 "\"%.60s\" recurs too often (more than %d times): the rest is left out",
                 event->title, READ_OCCURRENCES_MAX);
            break;
        }
        if (event->days || local + event->seconds >= reading->state->from - 2 * DAY_S)
            occur(reading, local, -1);
    }
    icalrecur_iterator_free(each);
}

static void expand_rules(struct reading *reading, icalproperty_kind kind)
{
    icalcomponent *component = reading->event->component;
    for (icalproperty *p = icalcomponent_get_first_property(component, kind); p;
         p = icalcomponent_get_next_property(component, kind))
        expand(reading, kind == ICAL_RRULE_PROPERTY ? icalproperty_get_rrule(p)
                                                    : icalproperty_get_exrule(p));
}

/* The local time, in the event's zone, of a time with a zone of its own. A date alone: that day's occurrence. */
static int64_t local_in_event(const struct event *event, icalproperty *property, icaltimetype time)
{
    struct zone zone;
    int64_t naive = zone_naive(time);
    if (time.is_date)
        return event->whole_days ? naive : naive + (event->first % DAY_S + DAY_S) % DAY_S;
    zone_of(&zone, event->calendar, property, time);
    return zone_local(&event->zone, zone_instant(&zone, naive));
}

static void exclude_dates(struct reading *reading)
{
    const struct event *event = reading->event;
    for (icalproperty *p = icalcomponent_get_first_property(event->component, ICAL_EXDATE_PROPERTY);
         p; p = icalcomponent_get_next_property(event->component, ICAL_EXDATE_PROPERTY)) {
        int64_t local = local_in_event(event, p, icalproperty_get_exdate(p));
        exclude(reading, zone_instant(&event->zone, local));
    }
}

static void add_dates(struct reading *reading)
{
    const struct event *event = reading->event;
    for (icalproperty *p = icalcomponent_get_first_property(event->component, ICAL_RDATE_PROPERTY);
         p; p = icalcomponent_get_next_property(event->component, ICAL_RDATE_PROPERTY)) {
        struct icaldatetimeperiodtype date = icalproperty_get_rdate(p);
        if (!icaltime_is_null_time(date.time)) {
            occur(reading, local_in_event(event, p, date.time), -1);
            continue;
        }
        int64_t length_s = days_of(date.period.duration) * DAY_S + seconds_of(date.period.duration);
        if (!icaltime_is_null_time(date.period.end))
            length_s = zone_naive(date.period.end) - zone_naive(date.period.start);
        if (length_s > 0)
            occur(reading, local_in_event(event, p, date.period.start), length_s);
    }
}

static void expand_event(struct reading *reading, struct event *event)
{
    reading->event = event;
    reading->n_excluded = 0;
    exclude_dates(reading);
    reading->excludes = true;
    expand_rules(reading, ICAL_EXRULE_PROPERTY);
    reading->excludes = false;
    occur(reading, event->first, -1); /* DTSTART counts, whatever the rule says */
    expand_rules(reading, ICAL_RRULE_PROPERTY);
    add_dates(reading);
}

/* ---- all of them -------------------------------------------------------------------------------------- */

typedef void (*each_event)(struct reading *reading, icalcomponent *calendar, icalcomponent *component);

static void each_component(struct reading *reading, icalcomponent *root, icalcomponent_kind kind,
                           each_event take)
{
    int n = 0;
    if (icalcomponent_isa(root) != ICAL_VCALENDAR_COMPONENT) {
        for (icalcomponent *inner = icalcomponent_get_first_component(root, ICAL_VCALENDAR_COMPONENT);
             inner; inner = icalcomponent_get_next_component(root, ICAL_VCALENDAR_COMPONENT))
            each_component(reading, inner, kind, take);
        return;
    }
    for (icalcomponent *event = icalcomponent_get_first_component(root, kind);
         event && n < READ_EVENTS_MAX; event = icalcomponent_get_next_component(root, kind)) {
        n++;
        take(reading, root, event);
    }
}

static int by_uid_and_time(const void *a, const void *b)
{
    const struct moved *x = a, *y = b;
    int order = strcmp(x->uid, y->uid);
    return order ? order : x->at < y->at ? -1 : x->at > y->at;
}

/* RECURRENCE-ID names an occurrence by the time that it would have had. */
static void note_moved(struct reading *reading, icalcomponent *calendar, icalcomponent *component)
{
    icalproperty *id = icalcomponent_get_first_property(component, ICAL_RECURRENCEID_PROPERTY);
    const char *uid = icalcomponent_get_uid(component);
    struct zone zone;
    if (!id || !uid)
        return;
    icaltimetype time = icalproperty_get_recurrenceid(id);
    zone_of(&zone, calendar, id, time);
    if ((reading->n_moved & (reading->n_moved - 1)) == 0) { /* full at every power of two */
        size_t size = reading->n_moved ? (size_t)reading->n_moved * 2 : 1;
        reading->moved = realloc(reading->moved, size * sizeof *reading->moved);
        if (!reading->moved)
            abort();
    }
    reading->moved[reading->n_moved++] =
        (struct moved){.uid = uid, .at = zone_instant(&zone, zone_naive(time))};
}

static void take_event(struct reading *reading, icalcomponent *calendar, icalcomponent *component)
{
    struct read_state *state = reading->state;
    struct event event;
    state->n_events++;
    if (state->event)
        *state->event = state->n_events;
    if (state->left_out && state->n_events < READ_EVENTS_MAX && state->left_out[state->n_events]) {
        const char *title = icalcomponent_get_summary(component);
        note(state, "\"%.60s\" takes too long to expand: left out", title ? title : "");
        return;
    }
    if (!is_busy(component) || !event_open(reading, &event, calendar, component))
        return;
    if (icalcomponent_get_first_property(component, ICAL_RECURRENCEID_PROPERTY)) {
        event.uid = ""; /* it stands where it says, and is no occurrence of another */
        reading->event = &event;
        reading->n_excluded = 0;
        occur(reading, event.first, -1);
    } else {
        expand_event(reading, &event);
    }
    reading->event = NULL;
}

static void take_free_busy(struct reading *reading, icalcomponent *calendar, icalcomponent *component)
{
    (void)calendar;
    for (icalproperty *p = icalcomponent_get_first_property(component, ICAL_FREEBUSY_PROPERTY); p;
         p = icalcomponent_get_next_property(component, ICAL_FREEBUSY_PROPERTY)) {
        icalparameter *type = icalproperty_get_first_parameter(p, ICAL_FBTYPE_PARAMETER);
        struct icalperiodtype period = icalproperty_get_freebusy(p);
        int64_t from = zone_naive(period.start); /* always UTC */
        int64_t until = icaltime_is_null_time(period.end)
                            ? from + days_of(period.duration) * DAY_S + seconds_of(period.duration)
                            : zone_naive(period.end);
        if (!type || icalparameter_get_fbtype(type) != ICAL_FBTYPE_FREE)
            spans_add(reading->state, from, until);
    }
}

/* Whether it begins and ends as a calendar: half a file is none. */
static bool looks_whole(struct read_state *state, const char *text, size_t length)
{
    static const char begin[] = "BEGIN:VCALENDAR", end[] = "END:VCALENDAR";
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3, length -= 3;
    while (length > 0 && isspace((unsigned char)*text))
        text++, length--;
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    if (length < sizeof begin - 1 || strncasecmp(text, begin, sizeof begin - 1) != 0)
        snprintf(state->problem, sizeof state->problem,
                 "this is no calendar: it does not begin with %s", begin);
    else if (length < sizeof end - 1 ||
             strncasecmp(text + length - (sizeof end - 1), end, sizeof end - 1) != 0)
        snprintf(state->problem, sizeof state->problem, "it is cut off: it does not end with %s", end);
    return !*state->problem;
}

bool calendar_read(struct read_state *state, const char *text, size_t length)
{
    struct reading reading = {.state = state};
    if (!looks_whole(state, text, length))
        return false;
    icalerror_set_errors_are_fatal(0);
    icalcomponent *root = icalparser_parse_string(text);
    if (!root) {
        snprintf(state->problem, sizeof state->problem, "this is no calendar that can be read");
        return false;
    }
    each_component(&reading, root, ICAL_VEVENT_COMPONENT, note_moved);
    if (reading.n_moved > 1)
        qsort(reading.moved, (size_t)reading.n_moved, sizeof *reading.moved, by_uid_and_time);
    each_component(&reading, root, ICAL_VEVENT_COMPONENT, take_event);
    each_component(&reading, root, ICAL_VFREEBUSY_COMPONENT, take_free_busy);
    spans_join(&state->spans);
    free(reading.moved);
    free(reading.excluded);
    icalcomponent_free(root);
    return true;
}
