/* trouble.h: what is wrong with quietbelld itself, for the person: one line each, and what to do about it.
 *
 * A trouble has a key ("receiver phone", "config"): set again, it is the same trouble with newer words.
 * There is one list for the whole daemon, because whoever meets a trouble is rarely near who shows it. */
#ifndef ROUTER_TROUBLE_H
#define ROUTER_TROUBLE_H

#include <stdbool.h>
#include <stdint.h>

enum { TROUBLE_MAX = 32, TROUBLE_KEY_MAX = 64, TROUBLE_TEXT_MAX = 320 };

struct trouble {
    char key[TROUBLE_KEY_MAX];
    char what[TROUBLE_TEXT_MAX]; /* one line, inert, without secrets (the caller's duty) */
    char todo[TROUBLE_TEXT_MAX]; /* what the person can do, or "" */
    int64_t since_wall_ms;       /* first set; kept while only its words change */
    int64_t count;               /* how often it was set */
};

/* Returns true if this trouble is new: the moment to log it. Beyond TROUBLE_MAX it is only counted. */
bool trouble_set(const char *key, const char *what, const char *todo);
/* Returns true if there was one. */
bool trouble_clear(const char *key);

/* Iterate: NULL starts, NULL ends; oldest first. */
const struct trouble *trouble_next(const struct trouble *after);
/* Troubles that found no place since the last time there was room. */
int64_t trouble_more(void);

#endif
