/* observe.h: what a file shows, told to the core so that it does not overtake what hooks say.
 *
 * A file is stamped by the agent, and seen late: Claude Code's status file lags its hooks by 29 to 400 ms, and
 * a hook that was sent before it may arrive after it. So an observation
 *   - closes only what was asked before its stamp (a stale "busy" is no answer), and only the kinds its row names;
 *   - is never newer than the newest hook of its session, which otherwise would come "late" and open nothing;
 *   - says where a session is only as long as no hook has;
 *   - opens by itself what it confirms, where a session has no hooks.
 * Reads the core, changes nothing. */
#ifndef ROUTER_OBSERVE_H
#define ROUTER_OBSERVE_H

#include "mapping.h"
#include "rules/rules.h"

enum { OBSERVE_MAX = 64 }; /* events of one observation, but the last */

/* Fills the next event to step the core with, each after the step of the one before; false: that was all. What is
 * no observation is told as it is, once. Strings live as long as `mapped` and until the step ends. */
bool observe_next(const struct rules *rules, const struct moment *now, struct mapped *mapped, struct event *out);

#endif
