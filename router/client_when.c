/* client_when.c: the instants that a person names: "2d", "2026-11-24", "yesterday". */
#include "client.h"

#include "host.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)

static int32_t offset_at(int64_t wall_ms)
{
    struct moment moment = {.wall_ms = wall_ms};
    host_zone(&moment);
    return moment.utc_offset_s;
}

/* The instant at which local clocks show this; where they never do, that of the offset before. */
static int64_t from_local(int64_t local_ms)
{
    int64_t wall_ms = local_ms - INT64_C(1000) * offset_at(local_ms);
    return local_ms - INT64_C(1000) * offset_at(wall_ms);
}

/* Days since 1970 of a day of the Gregorian calendar; -1: there is no such day. */
static int64_t days_of(int year, int month, int day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1)
        return -1;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    int length = before[month] - before[month - 1] + (leap && month == 2);
    int past = year - 1;
    int64_t days = INT64_C(365) * (year - 1970) + (past / 4 - past / 100 + past / 400) -
                   (1969 / 4 - 1969 / 100 + 1969 / 400);
    return day > length ? -1 : days + before[month - 1] + (leap && month > 2) + day - 1;
}

int64_t client_midnight(int64_t wall_ms, int days)
{
    int64_t local_ms = wall_ms + INT64_C(1000) * offset_at(wall_ms);
    return from_local((local_ms / DAY_MS + days) * DAY_MS);
}

/* A number of one to `most` digits; NULL: there is none. */
static const char *digits(const char *text, int most, int *value)
{
    int n = 0;
    *value = 0;
    for (; n < most && text[n] >= '0' && text[n] <= '9'; n++)
        *value = *value * 10 + (text[n] - '0');
    return n ? text + n : NULL;
}

/* "2026-11-24", "2026-11-24 09:00", "2026-11-24T09:00". */
static bool read_date(const char *text, int date[5])
{
    static const char *const before[] = {"", "-", "-", " T", ":"};
    for (int i = 0; i < 5; i++) {
        if (i == 3 && !*text)
            return true;
        if (i > 0 && (!*text || !strchr(before[i], *text++)))
            return false;
        text = digits(text, i == 0 ? 4 : 2, &date[i]);
        if (!text)
            return false;
    }
    return !*text;
}

int64_t client_instant(const char *text)
{
    int date[5] = {0};
    int64_t ago_ms = client_duration(text);
    if (ago_ms > 0)
        return host_wall_ms() - ago_ms;
    if (strcmp(text, "today") == 0 || strcmp(text, "yesterday") == 0)
        return client_midnight(host_wall_ms(), *text == 't' ? 0 : -1);
    if (!read_date(text, date))
        return -1;
    int64_t days = days_of(date[0], date[1], date[2]);
    if (days < 0 || date[3] > 23 || date[4] > 59)
        return -1;
    return from_local(days * DAY_MS + (date[3] * INT64_C(60) + date[4]) * 60000);
}
