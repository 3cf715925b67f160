/* presence.h: what a sensor, or a script, says of the person, as JSON:
 *
 *   {"state":"active|idle|locked|away", "dnd":true, "engaged":true, "microphone":true, "breakpoint":"a commit",
 *    "front":{"tmux":SOCKET,"pane":"%3"} | {"window":ID} | {"tty":PATH} | {}}
 *
 * Any member may be missing: it says nothing of that. `front` is the place that has the keyboard; {} is none. */
#ifndef ROUTER_PRESENCE_H
#define ROUTER_PRESENCE_H

#include "router/message.h"
#include "rules/rules.h"

#include <jansson.h>

/* Strings are borrowed from the message. 0 or -EINVAL and why. */
int presence_parse(const json_t *message, struct presence_input *out, struct refusal *why);
/* The journalled form: what presence_parse() reads again to the same. A new reference. */
json_t *presence_to_json(const struct presence_input *presence);

#endif
