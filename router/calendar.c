/* calendar.c: see calendar.h.
 *
 *   config.calendars → the sensor "calendar" (plugins/calendar) → {"type":"calendar"} → INPUT_CALENDAR → ack
 *
 * libical lives over there, in a process with limits: a rule of recurrence can keep it busy for ever. */
#include "router/calendar.h"

#include "plugins/protocol.h"
#include "router/log.h"
#include "router/router_inside.h"
#include "router/trouble.h"
#include "rules/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAITING_MAX = 2 * POLICY_FOCUSES_MAX };

struct calendars {
    struct router *router;
    struct sensor *sensor;
    char *names[POLICY_FOCUSES_MAX]; /* of the focuses whose calendars are read: their troubles */
    int n;
    int waiting; /* inputs on their way */
};

/* ---- as JSON -------------------------------------------------------------------------------------------- */

int calendar_parse(const json_t *json, struct calendar_input *out, struct refusal *why)
{
    static struct busy spans[BUSY_MAX];
    const json_t *list = json_object_get(json, "busy"), *item;
    size_t i;
    *out = (struct calendar_input){.focus = json_string_value(json_object_get(json, "focus")),
                                   .busy = spans};
    if (!out->focus || !json_is_array(list))
        return refuse(why, out->focus ? "/busy" : "/focus", "it has a focus and a list: busy");
    if (json_array_size(list) > BUSY_MAX)
        return refuse(why, "/busy", "more than %d spans", BUSY_MAX);
    json_array_foreach(list, i, item)
    {
        const json_t *from = json_array_get(item, 0), *until = json_array_get(item, 1);
        if (!json_is_integer(from) || !json_is_integer(until) ||
            json_integer_value(from) >= json_integer_value(until))
            return refuse(why, "/busy", "a span is [from_ms, until_ms]");
        spans[out->n++] = (struct busy){json_integer_value(from), json_integer_value(until)};
    }
    return 0;
}

json_t *calendar_to_json(const struct calendar_input *input)
{
    json_t *list = json_array();
    for (int i = 0; i < input->n; i++)
        json_array_append_new(list, json_pack("[I, I]", (json_int_t)input->busy[i].from_wall_ms,
                                              (json_int_t)input->busy[i].until_wall_ms));
    return json_pack("{s:s, s:o}", "focus", text_or(input->focus, ""), "busy", list);
}

/* ---- what the sensor says -------------------------------------------------------------------------------- */

static void acknowledge(struct calendars *calendars, const char *id, bool ok, bool retry)
{
    json_t *ack =
        json_pack("{s:s, s:s, s:b, s:b}", "type", PROTOCOL_ACK, "id", id, "ok", ok, "retry", retry);
    if (ack)
        sensor_send(calendars->sensor, ack);
    json_decref(ack);
}

static void on_taken(void *owner, struct arrival *arrival, const struct answer *answer)
{
    struct calendars *calendars = owner;
    calendars->waiting--;
    if (!answer->ok && !answer->retry) /* its focus went meanwhile */
        log_debug("calendar: %s", answer->error);
    acknowledge(calendars, arrival->text, answer->ok, answer->retry);
}

/* Whether the core knows it already: most readings find nothing new. */
static bool is_known(const struct calendars *calendars, const struct calendar_input *input)
{
    struct busy spans[BUSY_MAX];
    const struct focus *focus = NULL;
    do
        focus = rules_focus_next(calendars->router->rules, focus);
    while (focus && !text_same(focus->name, input->focus));
    if (!focus)
        return false;
    memcpy(spans, input->busy, (size_t)input->n * sizeof *spans);
    char *text = busy_text(spans, busy_merge(spans, input->n));
    bool known = text_same(text, focus->busy);
    free(text);
    return known;
}

static const char *file_of(const struct calendars *calendars, const char *focus)
{
    const struct config *config = calendars->router->config;
    for (int i = 0; config && i < config->n_calendars; i++) {
        if (text_same(config->calendars[i].focus, focus))
            return config->calendars[i].path;
    }
    return "its file";
}

/* The problem, or what was left out, as a trouble; or that there is none any more. */
static void follow_trouble(struct calendars *calendars, const char *focus, const json_t *said)
{
    char key[TROUBLE_KEY_MAX], what[TROUBLE_TEXT_MAX];
    const char *problem = json_string_value(json_object_get(said, "problem"));
    const json_t *notes = json_object_get(said, "notes");
    const char *note = json_string_value(json_array_get(notes, 0));
    snprintf(key, sizeof key, "calendar %s", focus);
    if (!problem && !note) {
        if (trouble_clear(key))
            log_info("the calendar of focus %s is good again", focus);
        return;
    }
    snprintf(what, sizeof what, "the calendar of focus %.40s, %.120s: %.120s", focus,
             file_of(calendars, focus), problem ? problem : note);
    if (trouble_set(key, what,
                    problem ? "mend the file, it is read again by itself; what it said before holds"
                            : "the other events count; `quietbell check` says all"))
        log_error("%s", what);
}

static void on_said(void *arg, const char *type, const json_t *said)
{
    struct calendars *calendars = arg;
    struct calendar_input input;
    struct refusal why;
    const char *id = json_string_value(json_object_get(said, "id"));
    const char *focus = json_string_value(json_object_get(said, "focus"));
    if (strcmp(type, PROTOCOL_CALENDAR) != 0)
        return;
    bool problem = json_is_string(json_object_get(said, "problem"));
    if (!id || !focus || calendars->waiting >= WAITING_MAX ||
        (!problem && calendar_parse(said, &input, &why) < 0))
        return sensor_nonsense(calendars->sensor, "a calendar that makes no sense");
    follow_trouble(calendars, focus, said);
    if (problem || is_known(calendars, &input))
        return acknowledge(calendars, id, true, false);
    struct arrival *arrival = arrival_calendar(calendar_to_json(&input));
    arrival->text = must_copy(id);
    arrival->answer = on_taken;
    arrival->owner = calendars;
    calendars->waiting++;
    router_offer(calendars->router, arrival);
}

static void on_changed(void *arg)
{
    struct calendars *calendars = arg;
    router_want(calendars->router);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

struct calendars *calendars_new(struct router *router)
{
    struct calendars *calendars = must_alloc(sizeof *calendars);
    const struct sensor_owner owner = {.arg = calendars, .said = on_said, .changed = on_changed};
    calendars->router = router;
    calendars->sensor = sensor_new(router->loop, router->paths->libexec, "calendar", &owner);
    return calendars;
}

static void forget_names(struct calendars *calendars)
{
    char key[TROUBLE_KEY_MAX];
    for (int i = 0; i < calendars->n; i++) {
        snprintf(key, sizeof key, "calendar %s", calendars->names[i]);
        trouble_clear(key);
        free(calendars->names[i]);
    }
    calendars->n = 0;
}

void calendars_configure(struct calendars *calendars, const struct config *config)
{
    forget_names(calendars);
    if (!config || config->n_calendars == 0) {
        sensor_configure(calendars->sensor, NULL);
        return;
    }
    json_t *list = json_array();
    for (int i = 0; i < config->n_calendars; i++) {
        const struct config_calendar *calendar = &config->calendars[i];
        calendars->names[calendars->n++] = must_copy(calendar->focus);
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "focus", calendar->focus, "file", calendar->path));
    }
    json_t *settings = json_pack("{s:o, s:I}", "calendars", list, "loaded_ms",
                                 (json_int_t)calendars->router->config_wall_ms);
    sensor_configure(calendars->sensor,
                     settings); /* other settings after each load: begun anew, it reads anew */
    json_decref(settings);
}

char *calendars_missing(const struct config *config)
{
    char *text = NULL;
    for (int i = 0; i < config->n_calendars; i++) {
        const struct config_calendar *calendar = &config->calendars[i];
        if (access(calendar->path, R_OK) == 0)
            continue;
        if (asprintf(&text, "the calendar of focus %s cannot be read: %s: %s", calendar->focus,
                     calendar->path, strerror(errno)) < 0)
            abort();
        return text;
    }
    return NULL;
}

int64_t calendars_look(struct calendars *calendars, int64_t elapsed_ms)
{
    return sensor_look(calendars->sensor, elapsed_ms);
}

void calendars_free(struct calendars *calendars)
{
    if (!calendars)
        return;
    sensor_free(calendars->sensor);
    forget_names(calendars);
    free(calendars);
}
