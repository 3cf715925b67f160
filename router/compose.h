/* compose.h: the words of an alert, and the ALERT object of the plugin protocol.
 *
 * Made when a version is handed over, out of the needs that stand in the alert then. */
#ifndef ROUTER_COMPOSE_H
#define ROUTER_COMPOSE_H

#include "rules/rules.h"

#include <jansson.h>

enum {
    COMPOSE_TITLE_MAX = 160, /* bytes with NUL */
    COMPOSE_BODY_MAX = 2048, /* notification servers choke on more (facts.md) */
    COMPOSE_LINES_MAX = 12,  /* needs with a line of their own */
};

/* Title and body in plain text of the n needs (n ≥ 1), in the order given: the most urgent first.
 *
 * One need:      "payments · permission — claude-code"
 *                "Bash: git push origin feature-x"             what is asked
 *                "Push the branch so that CI runs"             more of it, if it says more
 *                "feature-x · tmux %3 · waiting 12 min"        where, and since when
 * Several:       "payments: 3 agents need you — claude-code"   the agent only if it is one for all
 *                "permission  feature-x  Bash: git push"       a line each, at most COMPOSE_LINES_MAX
 *                "… and 4 more" */
void compose_words(const struct need *const *needs, int n, const struct moment *now,
                   char title[COMPOSE_TITLE_MAX], char body[COMPOSE_BODY_MAX]);

/* The ALERT object as in plugins/protocol.h, for the version handed over now. A new reference, never NULL. */
json_t *compose_alert(const struct rules *rules, const struct moment *now,
                      const struct alert *alert, int64_t version, bool audible);

#endif
