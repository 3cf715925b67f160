/* journal.c: see journal.h. */
#include "router/journal.h"

#include "router/calendar.h"
#include "router/event_json.h"
#include "router/presence.h"
#include "rules/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[INPUTS] = {
    [INPUT_TICK] = "tick",       [INPUT_START] = "start",       [INPUT_POLICY] = "policy",
    [INPUT_EVENT] = "event",     [INPUT_GONE] = "gone",         [INPUT_COMMAND] = "command",
    [INPUT_OUTCOME] = "outcome", [INPUT_PRESENCE] = "presence", [INPUT_CALENDAR] = "calendar"};
static const char *const command_names[COMMANDS] = {[COMMAND_ACK] = "ack",
                                                    [COMMAND_SNOOZE] = "snooze",
                                                    [COMMAND_RESOLVE] = "resolve",
                                                    [COMMAND_FOCUS_ON] = "focus-on",
                                                    [COMMAND_FOCUS_OFF] = "focus-off",
                                                    [COMMAND_BREAK] = "break",
                                                    [COMMAND_SERVE] = "serve"};
static const char *const outcome_names[OUTCOMES] = {
    [OUTCOME_UP] = "up",         [OUTCOME_DOWN] = "down",
    [OUTCOME_HANDED] = "handed", [OUTCOME_DELIVERED] = "delivered",
    [OUTCOME_RETRY] = "retry",   [OUTCOME_FAILED] = "failed"};

const char *journal_type(enum input_type type)
{
    return type_names[type];
}

static json_t *policy_body(const char *text, const char *file, json_t *mappings)
{
    return json_pack("{s:s, s:s, s:o*}", "text", text_or(text, ""), "file", text_or(file, ""),
                     "mappings", mappings);
}

static json_t *body_of(const struct input *input, const char *config_text, const char *config_file)
{
    char need[ID_TEXT_MAX], alert[ID_TEXT_MAX];
    const struct command *command = &input->command;
    const struct outcome *outcome = &input->outcome;
    switch (input->type) {
    case INPUT_EVENT:
        return event_to_json(input->event);
    case INPUT_COMMAND:
        return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "command", command_names[command->type],
                         "need", id_text(command->need_id, need), "alert",
                         id_text(command->alert_id, alert), "version", (json_int_t)command->version,
                         "for_ms", (json_int_t)command->for_ms, "focus", text_or(command->focus, ""));
    case INPUT_OUTCOME:
        return json_pack("{s:s, s:s, s:s, s:I, s:b, s:b, s:s}", "outcome",
                         outcome_names[outcome->type], "receiver", text_or(outcome->receiver, ""),
                         "alert", id_text(outcome->alert_id, alert), "version",
                         (json_int_t)outcome->version, "updates", outcome->updates, "withdraws",
                         outcome->withdraws, "reason", text_or(outcome->reason, ""));
    case INPUT_POLICY:
        return policy_body(config_text, config_file, NULL);
    case INPUT_GONE:
        return json_pack("{s:s, s:I, s:I}", "host", text_or(input->gone.host, ""), "pid",
                         (json_int_t)input->gone.pid, "pid_start", (json_int_t)input->gone.pid_start);
    case INPUT_PRESENCE:
        return presence_to_json(&input->presence);
    case INPUT_CALENDAR:
        return calendar_to_json(&input->calendar);
    case INPUT_TICK:
    case INPUT_START:
    case INPUTS:
        break;
    }
    return json_object();
}

static char *text_of(json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text ? text : must_copy("{}"); /* a text that is no UTF-8 cannot be kept */
}

char *journal_body(const struct input *input, const char *config_text, const char *config_file)
{
    if (input->type == INPUT_EVENT) /* nearly all of them */
        return event_to_text(input->event);
    return text_of(body_of(input, config_text, config_file));
}

char *journal_policy_body(const char *config_text, const char *config_file, json_t *mappings)
{
    return text_of(policy_body(config_text, config_file, mappings));
}

/* ---- and back ----------------------------------------------------------------------------------------- */

static int find(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (name && names[i] && strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

int journal_find_type(const char *name)
{
    return name && strcmp(name, JOURNAL_LOADED) == 0 ? (int)INPUT_LOADED
                                                     : find(type_names, INPUTS, name);
}

static const char *text(const json_t *body, const char *key)
{
    return text_or(json_string_value(json_object_get(body, key)), "");
}

static int64_t number(const json_t *body, const char *key)
{
    return json_integer_value(json_object_get(body, key));
}

static int command_back(const json_t *body, struct command *command)
{
    int type = find(command_names, COMMANDS, text(body, "command"));
    if (type < 0)
        return -EINVAL;
    *command = (struct command){.type = (enum command_type)type,
                                .need_id = id_parse(text(body, "need")),
                                .alert_id = id_parse(text(body, "alert")),
                                .version = number(body, "version"),
                                .for_ms = number(body, "for_ms"),
                                .focus = text(body, "focus")};
    return 0;
}

static int outcome_back(const json_t *body, struct outcome *outcome)
{
    int type = find(outcome_names, OUTCOMES, text(body, "outcome"));
    if (type < 0)
        return -EINVAL;
    *outcome = (struct outcome){.type = (enum outcome_type)type,
                                .receiver = text(body, "receiver"),
                                .alert_id = id_parse(text(body, "alert")),
                                .version = number(body, "version"),
                                .updates = json_is_true(json_object_get(body, "updates")),
                                .withdraws = json_is_true(json_object_get(body, "withdraws")),
                                .reason = text(body, "reason")};
    return 0;
}

int journal_input(enum input_type type, const json_t *body, struct input *input)
{
    struct refusal refusal;
    *input = (struct input){.type = type};
    switch (type) {
    case INPUT_COMMAND:
        return command_back(body, &input->command);
    case INPUT_OUTCOME:
        return outcome_back(body, &input->outcome);
    case INPUT_GONE:
        input->gone.host = text(body, "host");
        input->gone.pid = number(body, "pid");
        input->gone.pid_start = number(body, "pid_start");
        return 0;
    case INPUT_PRESENCE:
        return presence_parse(body, &input->presence, &refusal);
    case INPUT_CALENDAR:
        return calendar_parse(body, &input->calendar, &refusal);
    case INPUT_POLICY:
    case INPUT_TICK:
    case INPUT_START:
        return 0;
    case INPUT_EVENT: /* event_json.h */
    case INPUTS:
        break;
    }
    return -EINVAL;
}

const char *journal_policy(const json_t *body, const char **file)
{
    *file = text(body, "file");
    return text(body, "text");
}
