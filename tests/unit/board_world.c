/* board_world.c: a small world for tests of what the shell shows. See board_world.h. */
#include "board_world.h"

#include "rules/text.h"

#include <stdlib.h>
#include <string.h>

static void step(struct board_world *world, struct input input)
{
    input.seq = ++world->seq;
    rules_step(world->rules, &world->now, &input);
    rules_committed(world->rules);
}

void board_world_open(struct board_world *world)
{
    struct policy *policy = policy_new();

    *world = (struct board_world){
        .rules = rules_new(),
        .now = {.wall_ms = BOARD_MORNING_MS, .steady_ms = 1000000, .next_offset_ms = NEVER_MS},
    };
    policy->n_receivers = 2;
    policy->receivers[0] = (struct policy_receiver){must_copy("popup"), 600000, 1, true, true, 0};
    policy->receivers[1] = (struct policy_receiver){must_copy("team"), 600000, 0, false, false, 0};
    policy->n_focuses = 2;
    policy->focuses[0].name = must_copy("deep-work");
    policy->focuses[1].name = must_copy("night");
    policy->focuses[1].times = must_alloc(sizeof(struct span));
    policy->focuses[1].times[0] = (struct span){0x7f, 22 * 60, 7 * 60 + 30};
    policy->focuses[1].n_times = 1;
    policy->rules = must_alloc(sizeof(struct rule));
    policy->n_rules = 1;
    policy->rules[0].name = must_copy("everything");
    policy->rules[0].file = must_copy("test.yaml");
    policy->rules[0].line = 7;
    policy->rules[0].sets = 1u << SET_TO | 1u << SET_SETTLE | 1u << SET_SLOT | 1u << SET_GROUP_BY;
    policy->rules[0].to = 1;
    policy->rules[0].settle_ms = 3000;
    policy->rules[0].slot = SLOT_NEVER;
    policy->rules[0].group_by = GROUP_REPOSITORY;
    step(world, (struct input){.type = INPUT_POLICY, .policy = policy});
    step(world, (struct input){.type = INPUT_START});
}

void board_world_close(struct board_world *world)
{
    rules_free(world->rules);
    world->rules = NULL;
}

void board_world_wait(struct board_world *world, int64_t ms)
{
    world->now.wall_ms += ms;
    world->now.steady_ms += ms;
    step(world, (struct input){.type = INPUT_TICK});
}

const struct need *board_world_event(struct board_world *world, const struct event *event)
{
    struct event stamped = *event;
    if (!stamped.at_wall_ms)
        stamped.at_wall_ms = world->now.wall_ms;
    step(world, (struct input){.type = INPUT_EVENT, .event = &stamped});
    for (const struct need *need = NULL; (need = rules_need_next(world->rules, need));) {
        if (need_open(need) && strcmp(need->session->session, event->session) == 0)
            return need;
    }
    return NULL;
}

const struct need *board_world_ask(struct board_world *world, const char *session,
                                   const char *repository, const char *worktree, enum kind kind,
                                   const char *title)
{
    const struct event event = {
        .agent = "claude-code",
        .session = session,
        .repository = repository,
        .worktree = worktree,
        .branch = "main",
        .opens = OPENS_REASON,
        .kind = kind,
        .state = kind == KIND_REVIEW ? STATE_DONE : STATE_BLOCKED,
        .title = title,
    };
    return board_world_event(world, &event);
}

void board_world_command(struct board_world *world, struct command command)
{
    step(world, (struct input){.type = INPUT_COMMAND, .command = command});
}

const char *board_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "(no such text)";
}

int64_t board_number(const json_t *object, const char *key)
{
    const json_t *number = json_object_get(object, key);
    return json_is_integer(number) ? json_integer_value(number) : -1;
}
