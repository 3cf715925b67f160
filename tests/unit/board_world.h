/* board_world.h: a small world for tests of what the shell shows: a core with receivers popup (edits, takes
 * back) and team (neither), focuses deep-work and night, told at once, grouped by repository. */
#ifndef TESTS_BOARD_WORLD_H
#define TESTS_BOARD_WORLD_H

#include "rules/rules.h"

#include <jansson.h>

/* 2026-11-24 09:00 UTC, a Tuesday */
#define BOARD_MORNING_MS INT64_C(1795510800000)

struct board_world {
    struct rules *rules;
    struct moment now;
    uint64_t seq;
};

void board_world_open(struct board_world *world);
void board_world_close(struct board_world *world);

/* Time goes on, and the core looks. */
void board_world_wait(struct board_world *world, int64_t ms);
/* One event now; the returned need is the open one of its session, or NULL. */
const struct need *board_world_event(struct board_world *world, const struct event *event);
/* A session's need of a kind; worktree may be "". */
const struct need *board_world_ask(struct board_world *world, const char *session,
                                   const char *repository, const char *worktree, enum kind kind,
                                   const char *title);
void board_world_command(struct board_world *world, struct command command);

/* A member's text or number, for asserts. */
const char *board_text(const json_t *object, const char *key);
int64_t board_number(const json_t *object, const char *key);

#endif
