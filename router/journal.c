/* journal.c: see journal.h. */
#include "router/journal.h"

#include "router/event_json.h"
#include "router/presence.h"
#include "rules/text.h"

#include <jansson.h>
#include <stdlib.h>

static const char *const type_names[INPUTS] = {
    [INPUT_TICK] = "tick",       [INPUT_START] = "start",      [INPUT_POLICY] = "policy",
    [INPUT_EVENT] = "event",     [INPUT_GONE] = "gone",        [INPUT_COMMAND] = "command",
    [INPUT_OUTCOME] = "outcome", [INPUT_PRESENCE] = "presence"};
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

static json_t *body_of(const struct input *input, const char *config_text)
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
        return json_pack("{s:s}", "text", text_or(config_text, ""));
    case INPUT_GONE:
        return json_pack("{s:s, s:I, s:I}", "host", text_or(input->gone.host, ""), "pid",
                         (json_int_t)input->gone.pid, "pid_start", (json_int_t)input->gone.pid_start);
    case INPUT_PRESENCE:
        return presence_to_json(&input->presence);
    case INPUT_TICK:
    case INPUT_START:
    case INPUTS:
        break;
    }
    return json_object();
}

char *journal_body(const struct input *input, const char *config_text)
{
    if (input->type == INPUT_EVENT) /* nearly all of them */
        return event_to_text(input->event);
    json_t *body = body_of(input, config_text);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text ? text : must_copy("{}"); /* a text that is no UTF-8 cannot be kept */
}
