/* replay_print.h: what happened in a replay, for a person or as JSON; for replay*.c only. */
#ifndef ROUTER_REPLAY_PRINT_H
#define ROUTER_REPLAY_PRINT_H

#include "json_write.h"
#include "rules/rules.h"
#include "rules/table.h"

struct replay_print {
    bool json;
    int64_t start_ms;                     /* of the recording */
    int64_t events, needs, alerts, rings; /* counted on the way */
    struct table told; /* what is known of the alerts printed: they may be gone later … */
    bool forgets;      /* … but once they are withdrawn nobody will ask */

    bool clock;                                  /* a person reads times of day, … */
    int32_t utc_offset_s;                        /* … local ones */
    const char *stream;                          /* JSON: whose it is, or NULL */
    uint64_t (*need_id)(void *arg, uint64_t id); /* what a need is called outside, or NULL */
    void *arg;
    struct json_text line;
};

/* Where it does not begin with nothing: notes the alerts that are open. */
void replay_print_begin(struct replay_print *print, const struct rules *rules);
/* Prints an effect of the step that was just made at `at_ms`. */
void replay_print(struct replay_print *print, const struct rules *rules, int64_t at_ms,
                  const struct effect *effect);
/* The receiver of an alert that was printed, or NULL. */
const char *replay_receiver(const struct replay_print *print, uint64_t alert_id);
void replay_print_end(struct replay_print *print);
/* Frees what it keeps; replay_print_end() does so too. */
void replay_print_clear(struct replay_print *print);

#endif
