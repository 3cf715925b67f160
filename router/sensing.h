/* sensing.h: the presence sensor, seen from the router: its reports become inputs, one at a time; it is told where
 * sessions live, and when the person switches the desktop's focus by hand. */
#ifndef ROUTER_SENSING_H
#define ROUTER_SENSING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct router;
struct sensing;

struct sensing *sensing_new(struct router *router);
/* As the configuration says; NULL: it is off, or all stops. */
void sensing_configure(struct sensing *sensing, json_t *settings);
/* What a plugin says of the person. False: it makes no sense. */
bool sensing_report(struct sensing *sensing, const json_t *message);
/* After a turn with inputs: tells the sensor what it has to know. */
void sensing_follow(struct sensing *sensing);
/* Does what is due; returns when to look again (host_elapsed_ms). */
int64_t sensing_look(struct sensing *sensing, int64_t elapsed_ms);
/* What it can see: name → a line; NULL: nothing is known. Borrowed. */
const json_t *sensing_signals(const struct sensing *sensing);
/* NULL is allowed. */
void sensing_free(struct sensing *sensing);

#endif
