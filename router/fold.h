/* fold.h: the core, fed from the past: what the log of inputs comes to.
 *
 *   fold_open → fold_row for each row of the base → fold_begin, fold_resume → fold_step for each input, fold_reload where the log
 *   says "loaded" → fold_check for each row that the store has now → fold_close
 *
 * Exactly what the daemon did, because it is the same core: also where it was started again, and went on from what
 * its tables held. */
#ifndef ROUTER_FOLD_H
#define ROUTER_FOLD_H

#include "router/config.h"
#include "rules/rules.h"
#include "rules/table.h"

struct fold {
    struct rules *rules;
    struct table live; /* every kept record: what the store's tables would hold */
    int rows;          /* in it */
    int checked, differ;
    bool has_policy;
};

void fold_open(struct fold *fold);
void fold_close(struct fold *fold);

/* A row of the snapshot. 0, or -EINVAL: a noun that the core does not have, or a field of another type. */
int fold_row(struct fold *fold, const char *noun, uint64_t id, const json_t *fields);
/* The rows are all there. 0, or -EUCLEAN: they do not fit together. */
int fold_begin(struct fold *fold);
/* Goes on as a daemon does that was started again: only what is kept is left, and no policy is in force. */
int fold_reload(struct fold *fold);
/* One input; the effects live until the next call. */
const struct effects *fold_step(struct fold *fold, const struct moment *now, const struct input *input);
/* Reads a configuration as it was recorded, and steps the core with its policy. 0 or a negative errno with
 * problems. effects may be NULL. The config is handed out for its receivers if `out` is not NULL. */
int fold_policy(struct fold *fold, const struct moment *now, uint64_t seq, const char *text,
                const char *file, struct config **out, const struct effects **effects,
                struct problems *problems);

/* The same where the rows were taken while that policy was in force: the look that a policy brings did not happen
 * then, so what it changes of what is kept is undone. `seq`: the base's. */
int fold_resume(struct fold *fold, const struct moment *now, uint64_t seq, const char *text,
                const char *file, struct problems *problems);

/* Compares a row of the store with the core's. Where they differ, `what` says how. */
bool fold_check(struct fold *fold, const char *noun, uint64_t id, const json_t *fields, char *what,
                size_t size);

#endif
