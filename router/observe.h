/* observe.h: whether what a file shows counts. What it means is its mapping's to say, and that it does not overtake
 * what hooks say is the core's (event.h, `observed`). Reads the core, changes nothing. */
#ifndef ROUTER_OBSERVE_H
#define ROUTER_OBSERVE_H

#include "mapping.h"
#include "rules/rules.h"

/* False: the mapping wants to hear of known sessions only and this one is none; or the file of another process of
 * the session has gone; or it was seen before the watch was begun again. What is no observation counts. */
bool observe_counts(const struct rules *rules, const struct mapped *mapped);
/* A file watch has begun: what is there already will be told as `first`. */
void observe_begin(void);
/* Whether the process that a file names is taken as the session's: no other is known. */
bool observe_process(const struct rules *rules, const struct mapped *mapped);

#endif
