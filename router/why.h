/* why.h: the daemon's answer to `why`: how a need, a session or an alert was judged; without any of them what was
 * told last, what is held, and what was heard that asked for nobody. */
#ifndef ROUTER_WHY_H
#define ROUTER_WHY_H

#include "query.h"

/* A new reference, never NULL; see query_answer(). */
json_t *why_answer(const struct query *world, const json_t *message);

#endif
