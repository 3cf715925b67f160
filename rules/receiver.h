/* receiver.h: what the core knows of a receiver between two steps: is it there?
 *
 * Receivers are known by name; each keeps its slot (a bit in masks) over reloads and restarts. */
#ifndef RULES_RECEIVER_H
#define RULES_RECEIVER_H

#include "record.h"

enum { RECEIVER_SLOTS = 32 };

struct receiver {
    struct record record;
    char *name;
    int64_t slot;
    bool declared; /* the policy in force names it */
    bool updates, withdraws;
    int64_t down_ms; /* since when it fails; 0: it is up, as far as known */
    char *trouble;   /* the last reason it gave */
    int64_t give_up_ms;
    int64_t budget;   /* rings in an hour, 0: no limit */
    int64_t fallback; /* slot, -1: nobody */
};

extern const struct noun noun_receiver;

struct rules;
struct policy;

/* Takes over the receivers of a policy; alerts on receivers that are gone are withdrawn. */
void receiver_configure(struct rules *rules, const struct policy *policy);
struct receiver *receiver_find(const struct rules *rules, const char *name);
/* It serves, or something arrived: after a failure that is its recovery. */
void receiver_up(struct rules *rules, struct receiver *receiver);
void receiver_down(struct rules *rules, struct receiver *receiver, const char *reason);
/* Tells on the fallback what has waited too long for a receiver that is down. */
void receiver_give_up(struct rules *rules);
/* When something will have waited too long; maybe now, for what this very look told. */
int64_t receiver_deadline(const struct rules *rules);
void receiver_free(struct receiver *receiver);

#endif
