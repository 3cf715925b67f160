/* alert_line.h: one need in one alert: since when it stands there, and when it last rang there. */
#ifndef RULES_ALERT_LINE_H
#define RULES_ALERT_LINE_H

#include "record.h"
#include "word.h"

struct rules;
struct need;
struct alert;

struct line {
    struct record record;
    uint64_t alert_id, need_id;
    int64_t version; /* the alert's version it came in with */
    int64_t ring;    /* the version in which it last rang here */
    bool may_ring;   /* within one look */
    struct alert *alert;
    struct need *need;
    struct line *prev_in_alert, *next_in_alert, *next_in_need;
    bool touched; /* is in the alert's list of lines that this look touched */
    struct line *prev_touched, *next_touched;
    bool counted; /* in the alert's `many`, as: */
    enum urgency urgency;
    enum kind kind;
};

extern const struct noun noun_line;

/* Joins it with its alert and its need (also when restored). */
void line_join(struct line *line, struct alert *alert, struct need *need);
/* Its need is told, rings again, or says something else in this look; `ring`: it may ring. */
void line_touch(struct rules *rules, struct line *line, bool ring);
/* A need was judged: its alerts count its lines anew. */
void line_follow(struct need *need);
/* A touched line comes into the alert's new version, and rings in it if it may. */
void line_publish(struct rules *rules, struct line *line, bool rings);
/* Takes it out of its alert. */
void line_remove(struct rules *rules, struct line *line);

#endif
