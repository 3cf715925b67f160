/* alert.h: what the person reads on one receiver: one or more needs, a stable id, versions; and the
 * delivery of its newest version.
 *
 * One open alert per key (receiver + group); a need stays in the alert it was told in. The words are made
 * by the shell when a version is handed over. */
#ifndef RULES_ALERT_H
#define RULES_ALERT_H

#include "alert_line.h"
#include "record.h"
#include "word.h"

struct rules;
struct need;

struct alert {
    struct record record;
    int64_t receiver; /* slot */
    char *key;        /* group names and values at the tell; "*": gathered */
    char *group;      /* the same for a person: "payments", or "" for all in one */
    bool open;
    int64_t version; /* rises with each look that changes its content; 1 at its first tell */
    enum urgency urgency;
    int64_t ring; /* the newest version that rings, 0: none; it rings when a version from there on arrives */
    int64_t news; /* the newest version that tells something anew, ringing or not, 0: none */
    int64_t news_ms; /* decision of the oldest news that have not arrived (of a critical ring the newest); 0: none */
    int64_t queued; /* the newest version worth handing over; not yet there while queued > delivered */
    int64_t maybe;     /* the newest version handed over of which no answer came: it may be there */
    int64_t handed;    /* the version in flight, 0: none */
    int64_t delivered; /* the newest version the receiver has, 0: none */
    bool deferred;     /* the last attempt failed; another will follow */
    bool failed;       /* the last attempt failed for ever */
    bool gave_up;      /* its needs were told on the fallback */
    enum delivery_state delivery; /* what all this comes to */

    /* The lines, in the order in which they came. A look must not cost what an alert holds, so what it has to know of
     * all of them is counted. */
    struct line *lines, *last_line;
    int n_lines;
    int many[URGENCIES][KINDS]; /* lines of each urgency and kind, as far as judged */
    int n_rang;                 /* lines that rang in the version `ring` */
    struct line *fresh;         /* the first whose need is not noted as delivered */
    struct line *touched_lines; /* by this look */
    bool touched, may_ring; /* until the look ends: of a step without a policy, in a later step */
    struct alert *prev, *next; /* all, by id */
};

/* Delivery, written down (of the newest version worth handing over):
 *
 *   none      --publish--> queued            a version is worth handing over
 *   queued    --handed---> in flight         marked in its own transaction before it is handed over
 *   in flight --delivered-> delivered        or queued again, if a newer version has come meanwhile
 *   in flight --retry----> deferred          the outbox decides when; then in flight again
 *   in flight --failed---> failed            needs delivered nowhere else ring on the fallback
 *   delivered --publish--> queued
 *   any       --last need gone--> withdrawn  sent to the receiver if it has, or may have, a version */

extern const struct noun noun_alert;

/* The open alert of a key on a receiver, made if there is none. */
struct alert *alert_get(struct rules *rules, int receiver, const char *key, const char *group);
/* Puts a need into it; `ring`: it may ring. */
void alert_add(struct rules *rules, struct alert *alert, struct need *need, bool ring);
/* Takes a need out of every alert it stands in. */
void alert_leave(struct rules *rules, struct need *need);
/* A need's content changed, or it is to ring again: on these receiver slots. */
void alert_touch(struct rules *rules, struct need *need, uint32_t ring);
/* Its content changes in this look; `ring`: it may ring. */
void alert_mark(struct rules *rules, struct alert *alert, bool ring);
/* Closes it: nobody is to see it any more. */
void alert_withdraw(struct rules *rules, struct alert *alert);
/* Whatever rang in it counts as heard. */
void alert_hush(struct rules *rules, struct alert *alert);
/* The end of a look: new versions of what was touched, one ring per receiver, deliveries queued. */
void alert_publish(struct rules *rules);
/* Whether the version that is handed over next is to ring. */
bool alert_audible(const struct alert *alert);
/* What came of handing a version over. */
void alert_handed(struct rules *rules, struct alert *alert, int64_t version);
void alert_delivered(struct rules *rules, struct alert *alert, int64_t version);
void alert_not_delivered(struct rules *rules, struct alert *alert, int64_t version, bool for_ever);
/* Joins and parts with the core's lists (also when restored). */
void alert_join(struct rules *rules, struct alert *alert);
void alert_drop(struct rules *rules, struct alert *alert);

#endif
