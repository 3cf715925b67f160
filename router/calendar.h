/* calendar.h: focuses by calendar, seen from the router: the calendar sensor is told which files belong to which
 * focus, and what it reads in them becomes INPUT_CALENDAR. A file that cannot be used is a trouble; what was read
 * before holds. */
#ifndef ROUTER_CALENDAR_H
#define ROUTER_CALENDAR_H

#include "router/config.h"
#include "router/message.h"
#include "rules/rules.h"

#include <jansson.h>
#include <stdint.h>

struct router;
struct calendars;

struct calendars *calendars_new(struct router *router);
/* Reads the calendars of a configuration, anew if it was loaded anew; NULL: stops. */
void calendars_configure(struct calendars *calendars, const struct config *config);
/* The first calendar that cannot be opened just now, as a sentence, heap; NULL: none. */
char *calendars_missing(const struct config *config);
/* Does what is due; returns when to look again (host_elapsed_ms). */
int64_t calendars_look(struct calendars *calendars, int64_t elapsed_ms);
/* NULL is allowed. */
void calendars_free(struct calendars *calendars);

/* {"focus":NAME, "busy":[[from_ms,until_ms],…]}: as the sensor says it, and as it is journalled. The focus is
 * borrowed; the spans live until the next call. 0 or -EINVAL and why. */
int calendar_parse(const json_t *json, struct calendar_input *out, struct refusal *why);
/* A new reference. */
json_t *calendar_to_json(const struct calendar_input *input);

/* Reads one file now, for the client: the sensor's program in `libexec` expands it over a span of wall time (zone: of
 * floating times, NULL: the machine's own). What it says, with "problem" if there is one; a new reference. */
json_t *calendar_file(const char *libexec, const char *file, int64_t from_ms, int64_t until_ms,
                      const char *zone);
/* The same as an input, whose spans live until the next. 0, or -EINVAL and why. */
int calendar_read_now(const struct config_calendar *calendar, int64_t from_ms, int64_t until_ms,
                      const char *zone, struct calendar_input *out, char *why, size_t size);

#endif
