/* journal.h: inputs as the log keeps them: one JSON object each, enough to judge them again; and back.
 *
 * The type of an input is its name here: event, command, outcome, policy, gone, start, tick, presence. One more is no
 * input: "loaded" says that the daemon, which was started, or could not write, read its state back from the store.
 * What was in memory only is gone then, and no policy is in force until the next one. */
#ifndef ROUTER_JOURNAL_H
#define ROUTER_JOURNAL_H

#include "rules/rules.h"

#include <jansson.h>

/* The name of an input's type; lives for ever. */
const char *journal_type(enum input_type type);
/* The body, heap. Events: event_json.h. config_text is what a policy was made from, config_file what its problems and
 * sentences call it. */
char *journal_body(const struct input *input, const char *config_text, const char *config_file);
/* The same of a policy with the mappings of the person's folder that hold from then on: a list of {"agent", "file",
 * "hash", "text"}, whose reference is taken. They are for the record: events are kept as mapped. */
char *journal_policy_body(const char *config_text, const char *config_file, json_t *mappings);

#define JOURNAL_LOADED "loaded"
enum { INPUT_LOADED = INPUTS }; /* what journal_find_type() gives for it */

/* An input type by its name, INPUT_LOADED, or -1. */
int journal_find_type(const char *name);
/* An input that is no event, from its body. Strings are borrowed from the body; of a policy only the type is set, its
 * text and file are journal_policy()'s. 0, or -EINVAL: not one of ours. */
int journal_input(enum input_type type, const json_t *body, struct input *input);
/* What a policy was made from, borrowed. */
const char *journal_policy(const json_t *body, const char **file);

#endif
