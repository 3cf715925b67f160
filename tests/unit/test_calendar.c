/* test_calendar.c: a calendar's text as busy spans: recurrences, zones, what is moved, left out or free
 * (plugins/calendar); and what the core makes of spans (rules/busy.h, rules/focus.h). */
#include "calendar_read.h"
#include "calendar_zone.h"
#include "rules/core.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* ---- reading ------------------------------------------------------------------------------------------ */

static int64_t seconds(const char *text)
{
    struct tm tm = {0};
    assert_non_null(strptime(text, "%Y-%m-%d", &tm));
    return timegm(&tm);
}

static struct read_state last; /* of the last call */

/* "19 08:00-08:30, 20 …": day and UTC time of each span; longer than a day: with its end's day. */
static const char *busy(const char *from, const char *until, const char *zone, const char *events)
{
    static char out[4096], text[65536];
    snprintf(text, sizeof text,
             "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test\r\n%s\r\nEND:VCALENDAR\r\n", events);
    setenv("TZ", zone, 1);
    zone_open();
    free(last.spans.list);
    last = (struct read_state){.from = seconds(from), .until = seconds(until)};
    if (!calendar_read(&last, text, strlen(text)))
        return last.problem;
    out[0] = '\0';
    for (int i = 0; i < last.spans.n; i++) {
        char a[32], b[32];
        time_t begin = last.spans.list[i].from, end = last.spans.list[i].until;
        strftime(a, sizeof a, "%d %H:%M", gmtime(&begin));
        strftime(b, sizeof b, end - begin < 86400 ? "%H:%M" : "%d %H:%M", gmtime(&end));
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s-%s", i ? ", " : "", a, b);
    }
    return out;
}

#define EVENT(lines) "BEGIN:VEVENT\r\nUID:u\r\nSUMMARY:s\r\n" lines "\r\nEND:VEVENT\r\n"
#define OCTOBER "2026-10-19", "2026-10-31"

/* Summer time ends in the night to Sunday the 25th: ten o'clock stays ten o'clock. */
static void ten_stays_ten(void **state)
{
    (void)state;
    const char *zones[] = {"UTC", "America/New_York"};
    for (int i = 0; i < 2; i++) {
        assert_string_equal(
            busy(OCTOBER, zones[i],
                 EVENT("DTSTART;TZID=Europe/Berlin:20260907T100000\r\nDTEND;TZID=Europe/Berlin:20260907T103000\r\n"
                       "RRULE:FREQ=WEEKLY;BYDAY=MO,FR")),
            "19 08:00-08:30, 23 08:00-08:30, 26 09:00-09:30, 30 09:00-09:30");
    }
    /* and the other way; the end in another zone */
    assert_string_equal(
        busy("2027-03-13", "2027-03-16", "UTC",
             EVENT("DTSTART;TZID=America/New_York:20270101T090000\r\nDTEND;TZID=Europe/Berlin:20270101T160000\r\n"
                   "RRULE:FREQ=DAILY")),
        "13 14:00-15:00, 14 13:00-14:00, 15 13:00-14:00");
}

/* A VTIMEZONE whose name says nothing; its name behind a prefix; one that nobody knows. */
static void zones_of_all_kinds(void **state)
{
    static const char own[] =
        "BEGIN:VTIMEZONE\r\nTZID:Office Time\r\n"
        "BEGIN:STANDARD\r\nDTSTART:16010101T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n"
        "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\n"
        "BEGIN:DAYLIGHT\r\nDTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n"
        "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n" EVENT(
            "DTSTART;TZID=Office Time:20260907T100000\r\nDURATION:PT30M\r\nRRULE:FREQ=WEEKLY;BYDAY=MO");
    (void)state;
    assert_string_equal(busy(OCTOBER, "UTC", own), "19 08:00-08:30, 26 09:00-09:30");
    assert_string_equal(busy("2036-03-24", "2036-04-05", "UTC", own), "24 09:00-09:30, 31 08:00-08:30");
    assert_string_equal(
        busy(OCTOBER, "UTC",
             EVENT("DTSTART;TZID=/freeassociation.sourceforge.net/Tzfile/Asia/Tokyo:20261020T090000\r\nDURATION:PT1H")),
        "20 00:00-01:00");
    assert_int_equal(last.n_notes, 0);
    assert_string_equal(busy(OCTOBER, "Asia/Tokyo",
                             EVENT("DTSTART;TZID=Mars/Olympus:20261020T090000\r\nDURATION:PT1H")),
                        "20 00:00-01:00");
    assert_non_null(strstr(last.notes[0], "not known"));
    /* no zone: wherever the machine is */
    assert_string_equal(busy(OCTOBER, "Asia/Tokyo", EVENT("DTSTART:20261020T090000\r\nDURATION:PT1H")),
                        "20 00:00-01:00");
    assert_string_equal(busy(OCTOBER, "Asia/Tokyo", EVENT("DTSTART:20261020T090000Z\r\nDURATION:PT1H")),
                        "20 09:00-10:00");
}

/* A time that does not exist is read with the offset before; of two the first. */
static void gaps_and_folds(void **state)
{
    (void)state;
    assert_string_equal(
        busy(OCTOBER, "UTC", EVENT("DTSTART;TZID=Europe/Berlin:20261025T023000\r\nDURATION:PT15M")),
        "25 00:30-00:45");
    assert_string_equal(busy("2027-03-27", "2027-03-30", "UTC",
                             EVENT("DTSTART;TZID=Europe/Berlin:20270328T023000\r\nDURATION:PT15M")),
                        "28 01:30-01:45");
    /* over the change: a DTEND is so many seconds later, of every occurrence; a day of DURATION is a day */
    assert_string_equal(
        busy("2026-10-24", "2026-10-26", "UTC",
             EVENT("DTSTART;TZID=Europe/Berlin:20261020T230000\r\nDTEND;TZID=Europe/Berlin:20261021T040000\r\n"
                   "RRULE:FREQ=WEEKLY;BYDAY=SA")),
        "24 21:00-02:00");
    assert_string_equal(
        busy(OCTOBER, "UTC", EVENT("DTSTART;TZID=Europe/Berlin:20261024T120000\r\nDURATION:P1D")),
        "24 10:00-25 11:00");
}

static void whole_days(void **state)
{
    (void)state;
    assert_string_equal(busy(OCTOBER, "Europe/Berlin", EVENT("DTSTART;VALUE=DATE:20261025")),
                        "24 22:00-25 23:00");
    assert_string_equal(busy(OCTOBER, "Europe/Berlin",
                             EVENT("DTSTART;VALUE=DATE:20261020\r\nDTEND;VALUE=DATE:20261022")),
                        "19 22:00-21 22:00");
    assert_string_equal(busy(OCTOBER, "UTC",
                             EVENT("DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=MONTHLY;BYMONTHDAY=29,30\r\n"
                                   "EXDATE;VALUE=DATE:20261029")),
                        "30 00:00-31 00:00");
}

static void free_times(void **state)
{
#define AT "DTSTART:20261020T090000Z\r\nDTEND:20261020T100000Z\r\n"
    (void)state;
    assert_string_equal(busy(OCTOBER, "UTC", EVENT(AT "TRANSP:OPAQUE")), "20 09:00-10:00");
    assert_string_equal(busy(OCTOBER, "UTC", EVENT(AT "STATUS:TENTATIVE")), "20 09:00-10:00");
    assert_string_equal(busy(OCTOBER, "UTC", EVENT(AT "TRANSP:TRANSPARENT")), "");
    assert_string_equal(busy(OCTOBER, "UTC", EVENT(AT "STATUS:CANCELLED")), "");
    assert_string_equal(busy(OCTOBER, "UTC", EVENT(AT "X-MICROSOFT-CDO-BUSYSTATUS:FREE")), "");
    assert_string_equal(busy(OCTOBER, "UTC", EVENT("DTSTART:20261020T090000Z")),
                        ""); /* a reminder: no length */
    assert_string_equal(
        busy(OCTOBER, "UTC",
             "BEGIN:VFREEBUSY\r\nFREEBUSY:20261020T090000Z/PT1H,20261021T090000Z/20261021T093000Z\r\n"
             "FREEBUSY;FBTYPE=FREE:20261022T090000Z/PT1H\r\nEND:VFREEBUSY"),
        "20 09:00-10:00, 21 09:00-09:30");
#undef AT
}

/* RECURRENCE-ID moves one, cancels one, frees one; EXDATE takes one out; RDATE adds. */
static void exceptions(void **state)
{
#define DAILY_AT                                                                                   \
    "DTSTART;TZID=Europe/Berlin:20261019T100000\r\nDTEND;TZID=Europe/Berlin:20261019T110000\r\n"
    (void)state;
    assert_string_equal(
        busy(OCTOBER, "UTC",
             EVENT(DAILY_AT
                   "RRULE:FREQ=DAILY;COUNT=8\r\nEXDATE;TZID=Europe/Berlin:20261020T100000\r\n"
                   "EXDATE:20261021T080000Z\r\nRDATE;TZID=Europe/Berlin:20261028T150000\r\n"
                   "RDATE;VALUE=PERIOD:20261029T090000Z/PT15M") "BEGIN:VEVENT\r\nUID:u\r\nRECURRENCE-ID;TZID=Europe/Berlin:20261022T100000\r\n"
                                                                "DTSTART:20261022T160000Z\r\nDURATION:PT5M\r\nEND:VEVENT\r\n"
                                                                "BEGIN:VEVENT\r\nUID:u\r\nRECURRENCE-ID:20261023T080000Z\r\nDTSTART:20261023T080000Z\r\n"
                                                                "DURATION:PT1H\r\nSTATUS:CANCELLED\r\nEND:VEVENT\r\n"
                                                                "BEGIN:VEVENT\r\nUID:u\r\nRECURRENCE-ID;TZID=Europe/Berlin:20261024T100000\r\n"
                                                                "DTSTART;TZID=Europe/Berlin:20261024T100000\r\nDURATION:PT1H\r\nTRANSP:TRANSPARENT\r\nEND:VEVENT"),
        "19 08:00-09:00, 22 16:00-16:05, 25 09:00-10:00, 26 09:00-10:00, 28 14:00-15:00, 29 09:00-09:15");
    /* UNTIL is UTC, and counts itself */
    assert_string_equal(busy(OCTOBER, "UTC", EVENT(DAILY_AT "RRULE:FREQ=DAILY;UNTIL=20261020T080000Z")),
                        "19 08:00-09:00, 20 08:00-09:00");
    assert_string_equal(busy(OCTOBER, "UTC", EVENT(DAILY_AT "RRULE:FREQ=DAILY;UNTIL=20261020T075959Z")),
                        "19 08:00-09:00");
    assert_string_equal(busy(OCTOBER, "UTC", EVENT(DAILY_AT "RRULE:FREQ=DAILY;UNTIL=20261020")),
                        "19 08:00-09:00, 20 08:00-09:00");
    /* what touches is one */
    assert_string_equal(
        busy(OCTOBER, "UTC", EVENT(DAILY_AT) EVENT("DTSTART:20261019T090000Z\r\nDURATION:PT30M")),
        "19 08:00-09:30");
    /* the last Friday of the month; DTSTART counts though the rule does not name it */
    assert_string_equal(busy(OCTOBER, "UTC", EVENT(DAILY_AT "RRULE:FREQ=MONTHLY;BYDAY=-1FR")),
                        "19 08:00-09:00, 30 09:00-10:00");
}

static void broken(void **state)
{
    (void)state;
    assert_string_equal(busy(OCTOBER, "UTC", EVENT("SUMMARY:x")), "");
    assert_non_null(strstr(last.notes[0], "no DTSTART"));
    assert_string_equal(busy(OCTOBER, "UTC", EVENT("DTSTART:20261320T990000Z\r\nDURATION:PT1H")), "");
    assert_int_equal(last.n_notes, 1);
    assert_string_equal(busy(OCTOBER, "UTC", "DTSTART:"), "");
    assert_string_equal(busy(OCTOBER, "UTC", ""), "");
    struct read_state state_of_half = {.until = 1};
    assert_false(calendar_read(&state_of_half, "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\n", 41));
    assert_non_null(strstr(state_of_half.problem, "cut off"));
    state_of_half.problem[0] = '\0';
    assert_false(calendar_read(&state_of_half, "<html>", 6));
    assert_non_null(strstr(state_of_half.problem, "no calendar"));
    state_of_half.problem[0] = '\0';
    assert_false(calendar_read(&state_of_half, "", 0));
    /* every second since 1970: cut short, and the other event counts */
    assert_string_equal(busy(OCTOBER, "UTC",
                             EVENT("DTSTART:19700101T000000Z\r\nDURATION:PT1S\r\nRRULE:FREQ=SECONDLY")
                                 EVENT("DTSTART:20261020T090000Z\r\nDURATION:PT1H")),
                        "20 09:00-10:00");
    assert_non_null(strstr(last.notes[0], "too often"));
}

/* ---- the core ------------------------------------------------------------------------------------------ */

static struct policy *by_calendar(void *arg)
{
    struct policy *policy = plain_policy();
    policy->focuses[policy_focus(policy, "meeting", NULL, 0)].calendar = must_copy(arg);
    struct rule *rule = policy_rule(policy, "everything");
    rule->sets = 1u << SET_SETTLE | 1u << SET_SLOT;
    rule->settle_ms = SECOND;
    rule->slot = SLOT_NEVER;
    return policy;
}

static void says(struct stage *stage, const char *focus, const struct busy *spans, int n)
{
    stage_step(stage, (struct input){.type = INPUT_CALENDAR, .calendar = {focus, spans, n}});
}

static void asks(struct stage *stage, const char *session)
{
    stage_event(stage, &(struct event){.agent = "claude-code",
                                       .session = session,
                                       .opens = OPENS_REASON,
                                       .kind = KIND_PERMISSION,
                                       .title = session});
}

#define AT(hour) (STAGE_MONDAY_MS + (hour)*HOUR)

/* A meeting holds back, its end releases and is a breakpoint; the spans survive a restart. */
static void a_meeting(void **state)
{
    struct stage stage;
    char why[200];
    const struct busy meetings[] = {
        {AT(12), AT(13)}, {AT(10), AT(11)}, {AT(11), AT(11)}, {AT(10) + 1, AT(11)}};
    (void)state;
    stage_init(&stage, NULL, by_calendar, "work.ics");
    says(&stage, "meeting", meetings, 4);
    const struct focus *focus = focus_find(stage.rules, "meeting");
    assert_int_equal(focus->n_spans, 2);
    stage_pass(&stage, 10 * HOUR - 1);
    assert_false(focus->on);
    assert_int_equal(focus_turns(focus, &stage.now), AT(10));
    stage_pass(&stage, 1);
    assert_true(focus->on);
    assert_int_equal(focus_turns(focus, &stage.now), AT(11));
    asks(&stage, "one");
    stage_stop(&stage);
    stage_pass(&stage, 5 * MINUTE);
    stage_start(&stage, NULL, 0, NULL, 0);
    assert_true(stage_kept(&stage, why, sizeof why));
    focus = focus_find(stage.rules, "meeting");
    assert_true(focus->on);
    assert_string_equal(stage_text(&stage, false), "");
    stage_pass(&stage, 55 * MINUTE);
    assert_false(focus->on);
    assert_non_null(strstr(stage_text(&stage, false), "11:00:00 popup#1 v1 rings normal"));
    assert_true(person_at_breakpoint(stage.rules));
    assert_string_equal(stage.rules->person->breakpoint_by, "the end of meeting");
    assert_int_equal(focus_turns(focus, &stage.now), AT(12));
    /* it is cut short while it runs */
    stage_pass(&stage, HOUR + 10 * MINUTE);
    assert_true(focus->on);
    says(&stage, "meeting", NULL, 0);
    assert_false(focus->on);
    stage_pass(&stage, DAY);
    assert_int_equal(stage.ticks, 3); /* three edges, one of them a release */
    stage_release(&stage);
}

/* Another file: what the old one said is forgotten. A focus that has none is refused. */
static void another_file(void **state)
{
    struct stage stage;
    const struct busy now[] = {{AT(0), AT(9)}};
    (void)state;
    stage_init(&stage, NULL, by_calendar, "work.ics");
    says(&stage, "meeting", now, 1);
    assert_true(focus_find(stage.rules, "meeting")->on);
    stage_reload(&stage);
    assert_true(focus_find(stage.rules, "meeting")->on);
    stage.policy_arg = "home.ics";
    stage_reload(&stage);
    assert_false(focus_find(stage.rules, "meeting")->on);
    says(&stage, "lunch", now, 1);
    assert_non_null(strstr(stage_text(&stage, false), "no focus with a calendar is called lunch"));
    stage_release(&stage);
}

static void spans_as_text(void **state)
{
    struct busy spans[] = {{50, 60}, {-20, -10}, {10, 20}, {20, 30}, {12, 13}, {40, 40}};
    int n = busy_merge(spans, 6);
    (void)state;
    assert_int_equal(n, 3);
    char *text = busy_text(spans, n);
    assert_string_equal(text, "-20 -10 10 30 50 60");
    struct busy *again = busy_read(text, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(again, spans, 3 * sizeof *spans);
    assert_true(busy_on(again, n, 10) && busy_on(again, n, 29) && !busy_on(again, n, 30) &&
                !busy_on(again, n, 0));
    assert_int_equal(busy_next(again, n, -30), -20);
    assert_int_equal(busy_next(again, n, 10), 30);
    assert_int_equal(busy_next(again, n, 30), 50);
    assert_int_equal(busy_next(again, n, 60), NEVER_MS);
    free(again);
    free(text);
    assert_null(busy_read("10 5", &n));
    assert_int_equal(n, 0);
    again = busy_read("1 2 x 5", &n);
    assert_int_equal(n, 1);
    free(again);
    assert_null(busy_read(NULL, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_stays_ten),  cmocka_unit_test(zones_of_all_kinds),
        cmocka_unit_test(gaps_and_folds), cmocka_unit_test(whole_days),
        cmocka_unit_test(free_times),     cmocka_unit_test(exceptions),
        cmocka_unit_test(broken),         cmocka_unit_test(a_meeting),
        cmocka_unit_test(another_file),   cmocka_unit_test(spans_as_text),
    };
    int failed = cmocka_run_group_tests_name("calendar", tests, NULL, NULL);
    free(last.spans.list);
    return failed;
}
