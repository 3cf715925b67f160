/* journal.h: inputs as the log keeps them: one JSON object each, enough to judge them again.
 *
 * The type of an input is its name here: event, command, outcome, policy, gone, start, tick. */
#ifndef ROUTER_JOURNAL_H
#define ROUTER_JOURNAL_H

#include "rules/rules.h"

/* The name of an input's type; lives for ever. */
const char *journal_type(enum input_type type);
/* The body, heap. Events: event_json.h. config_text is what a policy was made from. */
char *journal_body(const struct input *input, const char *config_text);

#endif
