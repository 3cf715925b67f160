/* event_json.h: an event as it stands in the journal, and back: the truth that replay starts from.
 *
 * Compact: what is empty, zero, false or nothing is left out. Enums are written by name. */
#ifndef ROUTER_EVENT_JSON_H
#define ROUTER_EVENT_JSON_H

#include "rules/event.h"

#include <jansson.h>

/* A new reference, never NULL. */
json_t *event_to_json(const struct event *event);
/* The same as compact text, written at once: every event takes this way into the journal, and a tree in between
 * costs as much as judging it. Heap; the event's texts are valid UTF-8. Not for two threads. */
char *event_to_text(const struct event *event);
/* The strings of *event are borrowed from json. 0, or -EINVAL: not one of ours. */
int event_from_json(const json_t *json, struct event *event);
/* The same from text, several times faster; the text is valid UTF-8, is altered, and lends the strings. What
 * event_to_text() writes is read whatever spaces stand in it; nested members that are not ours are not. */
int event_from_text(char *text, size_t len, struct event *event);

#endif
