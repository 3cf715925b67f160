/* jump.h: brings the person to a need's place: runs the program `jump` (plugins/jump) once.
 *
 * Only for an act of the person: `quietbell next --go`, or Open on an alert. */
#ifndef ROUTER_JUMP_H
#define ROUTER_JUMP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/* What came of it: `by` what they were brought there ("tmux", "tmux and x11"), else why not. */
typedef void (*jump_cb)(void *arg, bool ok, const char *said);

struct jump;

/* The place of a need as view_need() shows it: what the program is told. A new reference. */
json_t *jump_order(const json_t *need);

/* Starts it; cb is called once, from the loop, in any case. Takes the reference to `order`. */
struct jump *jump_start(uv_loop_t *loop, const char *libexec, json_t *order, jump_cb cb, void *arg);
/* Ends it early: cb hears so. */
void jump_stop(struct jump *jump);

#endif
