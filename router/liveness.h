/* liveness.h: whose process has died. kill -9 is told by no hook, so the processes of sessions that ask for
 * something are waited for by descriptor (pidfd), a bounded number of them; all others are looked up, a few at
 * each input. Only processes of this machine, as hooks told them. */
#ifndef ROUTER_LIVENESS_H
#define ROUTER_LIVENESS_H

#include "rules/rules.h"

#include <uv.h>

struct liveness;

/* `gone` is called from the loop or from liveness_follow(), perhaps more than once for a process; `silent` from the
 * latter, for a session of another machine or container that has been silent for longer than it may be. */
struct liveness *liveness_new(uv_loop_t *loop, void (*gone)(void *arg, int64_t pid, int64_t pid_start),
                              void (*silent)(void *arg, const struct session *session), void *arg);
/* After a turn: waits for the processes of the sessions that have an open need now, and for no others. */
void liveness_follow(struct liveness *liveness, const struct rules *rules);
/* The loop has to run on until its handles are closed. NULL is allowed. */
void liveness_free(struct liveness *liveness);

#endif
