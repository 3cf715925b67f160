/* replay_print.h: what happened in a replay, for a person or as JSON; for replay.c only. */
#ifndef ROUTER_REPLAY_PRINT_H
#define ROUTER_REPLAY_PRINT_H

#include "rules/rules.h"

struct replay_print {
    bool json;
    int64_t start_ms;                     /* of the recording */
    int64_t events, needs, alerts, rings; /* counted on the way */
    struct replay_alert *told; /* what is known of the alerts printed: they may be gone later */
    int n_told;
};

/* Prints an effect of the step that was just made at `at_ms`. */
void replay_print(struct replay_print *print, const struct rules *rules, int64_t at_ms,
                  const struct effect *effect);
/* The receiver of an alert that was printed, or NULL. */
const char *replay_receiver(const struct replay_print *print, uint64_t alert_id);
void replay_print_end(struct replay_print *print);

#endif
