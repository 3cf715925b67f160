/* figures.h: what a stretch of time comes to: interruptions, avoided ones, how long agents waited.
 *
 * Fed with each step of a core (fold.h) between two instants. The words, as quietbell(1) defines them:
 *
 *   needs         opened in the time, or open and untold when it began (`carried`). Each is one of:
 *     rang          a ring told of it; it was the one that rang
 *     rode_along    told with another that rang
 *     gathered      told in the one alert for all, with another that rang
 *     silent        told without a ring (silent: true, no budget left, the same request again)
 *     answered      resolved before it was told
 *     held          open and untold at the end
 *   rings         versions of alerts that rang, by receiver; `again`: those that told of nothing new (repeats,
 *                 escalations, rises)
 *   late          told later than its bound + 1 s of time in which it could have been told
 *   blocked       time with an open need, over all sessions; walled: the part behind a focus, a time of day, a
 *                 snooze, or while the person looked
 *   switches      the repositories of the needs that were served or answered, in order: how often it is another */
#ifndef ROUTER_FIGURES_H
#define ROUTER_FIGURES_H

#include "rules/rules.h"
#include "rules/table.h"

#include <jansson.h>

enum { FIGURES_RECEIVERS = 64 };

struct samples { /* of times */
    int64_t *list;
    int n, room;
    int64_t sum, most;
};

struct figures_kind {
    int64_t needs, told, late, resolved;
    struct samples untold;   /* from opened to told */
    struct samples opened;   /* from opened to resolved … */
    struct samples answered; /* … and from told to resolved; only where somebody answered */
    int64_t blocked_ms, walled_ms;
};

struct figures_receiver {
    char *name;
    int64_t rings, silent;
};

struct figures_told {           /* of the last step: an alert that told something */
    uint64_t alert_id, need_id; /* the first it told of now, else the first in it */
    int told;                   /* so many needs it told of now */
    bool audible;
};

struct figures {
    int64_t from_ms; /* steady */
    int64_t events, needs, carried, changed;
    int64_t rang, rode_along, gathered, silent, answered, held;
    int64_t rings, again, silent_alerts, late;
    int64_t acts, switches, sessions;
    int64_t open, untold_open, acted_open; /* at the end */
    struct figures_kind kind[KINDS];
    struct figures_receiver receivers[FIGURES_RECEIVERS];
    int n_receivers;

    struct figures_told *told;
    int n_told, told_room;

    struct table open_needs; /* those followed now */
    struct table seen;       /* sessions that had an open need */
    char *where;             /* the repository of the last act */
};

/* What was open when the time began. `now` is its beginning; the core is as it was then. */
void figures_begin(struct figures *figures, const struct rules *rules, int64_t now_ms);
/* A command that is about to be stepped: a need is served. */
void figures_command(struct figures *figures, const struct rules *rules, const struct command *command);
/* A step was made. */
void figures_step(struct figures *figures, const struct rules *rules, int64_t now_ms,
                  const struct effects *effects);
/* The time is over; what is open counts up to now. */
void figures_end(struct figures *figures, const struct rules *rules, int64_t now_ms);
void figures_clear(struct figures *figures);

/* The value below which so many percent lie; sorts. -1: there is none. */
int64_t samples_at(struct samples *samples, int percent);
int64_t samples_mean(const struct samples *samples);

/* All of it, a new reference. */
json_t *figures_json(struct figures *figures);

#endif
