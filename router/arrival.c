/* arrival.c: making and freeing arrivals. */
#include "router/arrival.h"

#include "router/host.h"
#include "rules/text.h"

#include <stdlib.h>

struct arrival *arrival_new(enum input_type type)
{
    struct arrival *arrival = must_alloc(sizeof *arrival);
    arrival->type = type;
    return arrival;
}

struct arrival *arrival_message(struct message *message, char *raw, size_t raw_len)
{
    struct arrival *arrival = arrival_new(INPUT_EVENT);
    arrival->message = *message;
    arrival->has_message = true;
    arrival->raw = raw;
    arrival->raw_len = raw_len;
    arrival->message_id = message->has_id ? message->id : host_random();
    arrival->at_wall_ms = message->at_ms ? message->at_ms : host_wall_ms();
    arrival->message.at_ms = arrival->at_wall_ms;
    return arrival;
}

struct arrival *arrival_command(const struct command *command)
{
    struct arrival *arrival = arrival_new(INPUT_COMMAND);
    arrival->command = *command;
    arrival->text = must_copy(command->focus);
    arrival->command.focus = arrival->text;
    return arrival;
}

struct arrival *arrival_outcome(const struct outcome *outcome)
{
    struct arrival *arrival = arrival_new(INPUT_OUTCOME);
    arrival->outcome = *outcome;
    arrival->text = must_copy(outcome->receiver);
    arrival->more = must_copy(outcome->reason);
    arrival->outcome.receiver = arrival->text;
    arrival->outcome.reason = arrival->more;
    return arrival;
}

struct arrival *arrival_presence(const struct presence_input *presence, json_t *json)
{
    struct arrival *arrival = arrival_new(INPUT_PRESENCE);
    arrival->presence = *presence;
    arrival->json = json;
    return arrival;
}

void arrival_free(struct arrival *arrival)
{
    if (arrival->has_message)
        message_clear(&arrival->message);
    config_free(arrival->config);
    json_decref(arrival->json);
    free(arrival->raw);
    free(arrival->text);
    free(arrival->more);
    free(arrival->body);
    free(arrival);
}

size_t arrival_weight(const struct arrival *arrival)
{
    return sizeof *arrival + 4 * arrival->raw_len; /* the parsed form is the larger part */
}
