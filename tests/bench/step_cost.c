/* step_cost.c: what one input costs the judgement: rules_step() at 10 sessions, at 10,000 sessions that all have an
 * open need, and the same loop with an empty step, in interleaved rounds of this one process.
 *
 *   step_cost ROUNDS INPUTS
 *
 * A session's inputs go round: a prompt, four reports of tools, a permission asked, four reports, an answer, the end
 * of the turn. In the large cases every session keeps an open need of a sub-agent, which its other inputs do not
 * close: told (the popup shows it) or walled (a focus is on, nothing is told); idle ones have no need but their own.
 * Prints a line of JSON for each case (bench.h), whose microseconds are nanoseconds per input here. */
#include "bench.h"

#include "router/config.h"
#include "rules/rules.h"

enum { FEW = 10, MANY = 10000, CASES = 5, TURN = 12 };

enum how { HOW_EMPTY, HOW_FEW, HOW_TOLD, HOW_WALLED, HOW_IDLE };
static const char *const names[CASES] = {"empty", "few", "told", "walled", "idle"};

struct world {
    enum how how;
    struct rules *rules;
    struct moment now;
    uint64_t seq;
    int n_sessions;
    int64_t at; /* inputs so far */
    struct samples samples;
};

static volatile int64_t sink;

/* What a step costs at least: the call, and that nothing of its arguments is known before. */
__attribute__((noinline)) static const struct effects *empty_step(struct rules *rules,
                                                                  const struct moment *now,
                                                                  const struct input *input)
{
    static struct effects none;
    sink += now->steady_ms + (int64_t)input->seq + (rules != NULL);
    return &none;
}

static void step(struct world *world, struct input input)
{
    input.seq = ++world->seq;
    const struct effects *effects = world->how == HOW_EMPTY
                                        ? empty_step(world->rules, &world->now, &input)
                                        : rules_step(world->rules, &world->now, &input);
    for (int i = 0; i < effects->n; i++)
        sink += (int64_t)effects->list[i].alert_id;
}

static char session_names[MANY][16], repository_names[7][16];

static void make_names(void)
{
    for (int i = 0; i < MANY; i++)
        snprintf(session_names[i], sizeof session_names[i], "session-%d", i);
    for (int i = 0; i < 7; i++)
        snprintf(repository_names[i], sizeof repository_names[i], "repository-%d", i);
}

static struct event event_of(int session)
{
    return (struct event){.agent = "claude-code",
                          .host = "laptop",
                          .session = session_names[session],
                          .repository = repository_names[session % 7],
                          .cwd = "/home/dev/src/repository",
                          .branch = "main",
                          .source = "bench",
                          .urgency = URGENCY_UNSET};
}

static void take(struct world *world, const struct event *event)
{
    step(world, (struct input){.type = INPUT_EVENT, .event = event});
}

static void shape(struct event *event, int64_t turn)
{
    event->state = STATE_WORKING;
    event->title = "Bash: make test";
    if (turn == 0) {
        event->prompt = true;
        event->closes = CLOSES_MAIN;
    } else if (turn == 5) {
        event->state = STATE_BLOCKED;
        event->opens = OPENS_REASON;
        event->kind = KIND_PERMISSION;
    } else if (turn == 10) {
        event->closes = CLOSES_MAIN;
    } else if (turn == 11) {
        event->state = STATE_DONE;
        event->opens = OPENS_REASON;
        event->kind = KIND_REVIEW;
    }
}

/* INPUTS of them, 100 ms apart; with ticks where the core asks for them, as the shell does. */
static void play(struct world *world, int inputs)
{
    for (int i = 0; i < inputs; i++, world->at++) {
        struct event event = event_of((int)(world->at % world->n_sessions));
        shape(&event, (world->at / world->n_sessions + world->at % world->n_sessions) % TURN);
        world->now.steady_ms += 100;
        world->now.wall_ms += 100;
        event.at_wall_ms = world->now.wall_ms;
        take(world, &event);
        if (world->how != HOW_EMPTY)
            rules_committed(world->rules);
    }
}

static void open_everywhere(struct world *world)
{
    for (int i = 0; i < world->n_sessions; i++) {
        struct event event = event_of(i);
        event.at_wall_ms = world->now.wall_ms;
        event.thread = "sub";
        event.opens = OPENS_REASON;
        event.kind = KIND_QUESTION;
        event.title = "Which one?";
        take(world, &event);
        rules_committed(world->rules);
    }
    for (int i = 0; i < 60; i++) { /* a minute passes */
        world->now.steady_ms += 1000;
        world->now.wall_ms += 1000;
        step(world, (struct input){.type = INPUT_TICK});
        rules_committed(world->rules);
    }
}

static void begin(struct world *world, enum how how)
{
    static const char text[] = "preset: default\n";
    struct problems problems = {0};
    struct config *config;
    world->how = how;
    world->n_sessions = how <= HOW_FEW ? FEW : MANY;
    world->rules = rules_new();
    world->now = (struct moment){1704067200000, 1000000, 0, INT64_MAX, 0};
    if (how == HOW_EMPTY)
        return;
    must(config_parse(&config, text, sizeof text - 1, "bench", NULL, CONFIG_RECORDED, &problems) == 0,
         "preset default");
    step(world, (struct input){.type = INPUT_POLICY, .policy = config->policy});
    config->policy = NULL;
    config_free(config);
    if (how == HOW_WALLED)
        step(world, (struct input){.type = INPUT_COMMAND,
                                   .command = {.type = COMMAND_FOCUS_ON, .focus = "dnd"}});
    if (how == HOW_TOLD || how == HOW_WALLED)
        open_everywhere(world);
}

int main(int argc, char **argv)
{
    must(argc == 3, "usage: step_cost ROUNDS INPUTS");
    int rounds = atoi(argv[1]), inputs = atoi(argv[2]);
    static struct world worlds[CASES];
    make_names();
    for (int i = 0; i < CASES; i++) {
        begin(&worlds[i], (enum how)i);
        play(&worlds[i], worlds[i].n_sessions * TURN); /* every session is known, every table has grown */
    }
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < CASES; i++) {
            int64_t start = now_ns();
            play(&worlds[i], inputs);
            samples_add(&worlds[i].samples, (now_ns() - start) / inputs * 1000);
        }
    }
    for (int i = 0; i < CASES; i++) {
        struct rules_counts counts = rules_counts(worlds[i].rules);
        fprintf(stderr, "%s: %d sessions, %d needs, %d alerts\n", names[i], counts.sessions,
                counts.needs, counts.alerts);
        samples_print(names[i], &worlds[i].samples);
        rules_free(worlds[i].rules);
    }
    return 0;
}
