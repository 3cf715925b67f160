/* arrival.c: making and freeing arrivals. */
#include "router/arrival.h"

#include "plugins/protocol.h"
#include "router/host.h"
#include "router/mapping.h"
#include "rules/text.h"

#include <stdio.h>
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

struct arrival *arrival_calendar(json_t *json)
{
    struct arrival *arrival = arrival_new(INPUT_CALENDAR);
    arrival->json = json;
    return arrival;
}

json_t *arrival_ack(const struct arrival *arrival, const struct answer *answer)
{
    char id[24];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)arrival->message_id);
    if (answer->ok)
        return json_pack("{s:s, s:s, s:b, s:I}", "type", PROTOCOL_ACK, "id", id, "ok", 1, "seq",
                         (json_int_t)answer->seq);
    return json_pack("{s:s, s:s, s:b, s:s, s:b}", "type", PROTOCOL_ACK, "id", id, "ok", 0, "error",
                     answer->error, "retry", answer->retry);
}

void arrival_free(struct arrival *arrival)
{
    if (arrival->has_message)
        message_clear(&arrival->message);
    config_free(arrival->config);
    mappings_free(arrival->mappings);
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
