/* queue.h: what will happen in a world, by time, then in the order in which it was put in. */
#ifndef ATTNBENCH_QUEUE_H
#define ATTNBENCH_QUEUE_H

#include "router/step.h"

#include "workload.h"

enum happening_type {
    HAPPENS_NEED,     /* agent */
    HAPPENS_RAW,      /* agent, token: its epoch; event, sub */
    HAPPENS_NOTICE,   /* agent, token: the need's number or -1; event, crit */
    HAPPENS_SELF,     /* agent, token: the need's number */
    HAPPENS_PROGRESS, /* agent, token: its epoch */
    HAPPENS_START,    /* agent */
    HAPPENS_CHUNK,   /* token: the human's, here and below; own work comes to an end of a stretch */
    HAPPENS_SENSED,  /* token */
    HAPPENS_FALSE,   /* the sensor errs */
    HAPPENS_ARRIVAL, /* token, alerted */
    HAPPENS_SERVICE, /* token, agent: it begins */
    HAPPENS_SERVED,  /* token, agent */
    HAPPENS_LOOKED,  /* token */
    HAPPENS_ABSENCE, /* why, until_ms */
    HAPPENS_ABSENCE_END, /* */
    HAPPENS_TICK,        /* token: the deadline's */
    HAPPENS_PREEMPTION   /* token, agent */
};

struct happening {
    int64_t t_ms;
    uint64_t order; /* given by queue_put() */
    enum happening_type type;
    int agent;
    int64_t token;
    enum step_event event;
    bool crit, sub, alerted;
    enum absence why;
    int64_t until_ms;
};

struct queue { /* all zero: empty */
    struct happening *heap;
    int n, capacity;
    uint64_t order;
};

void queue_put(struct queue *queue, struct happening happening);
bool queue_next(struct queue *queue, struct happening *out);
void queue_release(struct queue *queue);

#endif
