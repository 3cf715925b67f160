/* test_scenarios.c: plays every tests/scenarios/NAME.txt through the core and compares what happens with what
 * the story expects: every alert, withdrawal, refusal and late arrival has to be expected, to the
 * millisecond; so nothing can ring unnoticed. tests/scenarios/README explains the format.
 *
 * The map: play() goes line by line; `expect` lines are in expecting, the others in acting; both take
 * their arguments word by word with next_word().
 *
 * Longer than most files here, because it is one language: its words stand in the order of the README. */
#include "router/config.h"
#include "stage.h"
#include "story.h"
#include "rules/text.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ACTORS_MAX = 64, SPOOL_MAX = 64, GONE_MAX = 16, HISTORY = 12 };

struct actor { /* a session of the story, with the context it always sends */
    char name[32], repository[64], worktree[64], branch[64], host[32], agent[32], pane[32], window[32];
    int64_t pid;
};

struct play {
    struct stage stage;
    struct story story;
    const struct story_line *line;
    int word; /* of the line, the next one */
    const struct story_line *config;
    int64_t day_ms; /* local midnight of the current day */
    bool strict;    /* every opening and closing has to be expected, too */
    struct actor actors[ACTORS_MAX];
    int n_actors;
    struct event spool[SPOOL_MAX]; /* while the daemon is stopped */
    int n_spool;
    struct input gone[GONE_MAX];
    int n_gone;
    bool expected; /* at this moment something was expected: inputs have to come before */
    int64_t moment_ms;
    char failed[8192];
};

/* ---- saying what is wrong ---------------------------------------------------------------------------- */

static void add(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void wrong(struct play *play, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char *buf, size_t size, const char *format, ...)
{
    size_t at = strlen(buf);
    va_list args;
    va_start(args, format);
    vsnprintf(buf + at, size - at, format, args);
    va_end(args);
}

/* The first thing that is wrong stays; with it, what has happened lately. */
static void wrong(struct play *play, const char *format, ...)
{
    char text[1024];
    va_list args;
    if (*play->failed)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add(play->failed, sizeof play->failed, "%s:%d: %s\n", play->story.file,
        play->line ? play->line->number : 0, text);
    int first = play->stage.n_happened > HISTORY ? play->stage.n_happened - HISTORY : 0;
    add(play->failed, sizeof play->failed, "  what happened ('+': as expected):\n");
    for (int i = first; i < play->stage.n_happened; i++) {
        happening_text(&play->stage.happened[i], text, sizeof text);
        add(play->failed, sizeof play->failed, "  %c %s\n",
            play->stage.happened[i].claimed ? '+' : ' ', text);
    }
    if (first == play->stage.n_happened)
        add(play->failed, sizeof play->failed, "    nothing\n");
}

/* ---- words ------------------------------------------------------------------------------------------- */

static const char *peek_word(const struct play *play)
{
    return play->word < play->line->n_words ? play->line->words[play->word] : "";
}

static bool take_word(struct play *play, const char *word)
{
    bool is = strcmp(peek_word(play), word) == 0 && play->word < play->line->n_words;
    play->word += is;
    return is;
}

static const char *next_word(struct play *play, const char *what)
{
    if (play->word >= play->line->n_words) {
        wrong(play, "here should follow: %s", what);
        return "";
    }
    return play->line->words[play->word++];
}

static int take_name(struct play *play, const struct words *words)
{
    int value = play->word < play->line->n_words ? word_find(words, peek_word(play)) : -1;
    play->word += value >= 0;
    return value;
}

static int64_t next_duration(struct play *play)
{
    int64_t ms = story_duration(next_word(play, "a duration"));
    if (ms < 0)
        wrong(play, "that is no duration");
    return ms;
}

/* ---- the clock ---------------------------------------------------------------------------------------- */

static int64_t wall_of(const struct play *play, const struct story_line *line, int64_t clock_ms)
{
    const struct moment *now = &play->stage.now;
    int64_t local = play->day_ms + clock_ms;
    int64_t wall = local - (int64_t)now->utc_offset_s * 1000;
    if (now->next_offset_ms != NEVER_MS) {
        int64_t after = local - (int64_t)now->next_offset_s * 1000;
        bool only_after = wall >= now->next_offset_ms;
        if (only_after || (line->second && after >= now->next_offset_ms))
            return after;
    }
    return wall;
}

static int64_t steady_of(const struct play *play, int64_t wall_ms)
{
    return play->stage.now.steady_ms + (wall_ms - play->stage.now.wall_ms);
}

/* Days go on to the next one of that name. */
static void move_day(struct play *play, int weekday)
{
    do {
        play->day_ms += DAY;
    } while ((play->day_ms / DAY + 3) % 7 != weekday);
}

/* ---- config ------------------------------------------------------------------------------------------- */

static struct policy *make_policy(void *arg)
{
    struct play *play = arg;
    const char *text = play->config ? play->config->block : "";
    struct problems problems = {0};
    struct config *config = NULL;
    if (config_parse(&config, text, strlen(text), play->story.file, NULL, CONFIG_RECORDED,
                     &problems) != 0) {
        wrong(play, "the configuration has a problem\n%s", problems.n ? problems.list[0].text : "");
        problems_clear(&problems);
        return plain_policy();
    }
    struct policy *policy = config->policy;
    config->policy = NULL;
    config_free(config);
    problems_clear(&problems);
    return policy;
}

/* "zone: UTC+2 until 03:00 then UTC+1" */
static void zone(struct play *play)
{
    int hours = 0, then = 0;
    if (sscanf(next_word(play, "UTC+N"), "UTC%d", &hours) != 1)
        wrong(play, "zone: UTC+N, or UTC+N until HH:MM then UTC+M");
    play->stage.now.utc_offset_s = hours * 3600;
    play->stage.now.wall_ms = STAGE_MONDAY_MS - hours * HOUR;
    if (!take_word(play, "until"))
        return;
    int64_t clock = story_clock(next_word(play, "a time"));
    if (clock < 0 || !take_word(play, "then") || sscanf(next_word(play, "UTC+M"), "UTC%d", &then) != 1)
        wrong(play, "zone: UTC+N until HH:MM then UTC+M");
    stage_offset_at(&play->stage, STAGE_MONDAY_MS - hours * HOUR + clock, then * 3600);
}

static void header(struct play *play)
{
    if (take_word(play, "zone"))
        zone(play);
    else if (take_word(play, "needs") && take_word(play, "strict"))
        play->strict = true;
    else
        wrong(play, "a line needs a time, or to be config:, zone:, needs: strict");
}

/* ---- acting: sessions ---------------------------------------------------------------------------------- */

/* NAME[@REPOSITORY[/WORKTREE]] */
static struct actor *actor_of(struct play *play, const char *word)
{
    char name[32], where[128] = "";
    sscanf(word, "%31[^@]@%127s", name, where);
    struct actor *actor = NULL;
    for (int i = 0; i < play->n_actors; i++) {
        if (strcmp(play->actors[i].name, name) == 0)
            actor = &play->actors[i];
    }
    if (!actor) {
        if (play->n_actors == ACTORS_MAX)
            abort();
        actor = &play->actors[play->n_actors++];
        *actor = (struct actor){.agent = "claude-code"};
        snprintf(actor->name, sizeof actor->name, "%s", name);
    }
    if (*where)
        sscanf(where, "%63[^/]/%63s", actor->repository, actor->worktree);
    return actor;
}

static const char *next_text(struct play *play)
{
    return play->word < play->line->n_words ? play->line->words[play->word++] : "";
}

/* What may follow any event. */
static void event_options(struct play *play, struct actor *actor, struct event *event)
{
    while (play->word < play->line->n_words && !*play->failed) {
        if (take_word(play, "request"))
            event->request = next_word(play, "a request id");
        else if (take_word(play, "thread"))
            event->thread = next_word(play, "a sub-agent's name");
        else if (take_word(play, "text"))
            event->text = next_word(play, "a text");
        else if (take_word(play, "tool"))
            event->tool = next_word(play, "a tool");
        else if (take_word(play, "branch"))
            snprintf(actor->branch, sizeof actor->branch, "%s", next_word(play, "a branch"));
        else if (take_word(play, "host"))
            snprintf(actor->host, sizeof actor->host, "%s", next_word(play, "a host"));
        else if (take_word(play, "agent"))
            snprintf(actor->agent, sizeof actor->agent, "%s", next_word(play, "an agent"));
        else if (take_word(play, "pane"))
            snprintf(actor->pane, sizeof actor->pane, "%s", next_word(play, "a tmux pane"));
        else if (take_word(play, "window"))
            snprintf(actor->window, sizeof actor->window, "%s", next_word(play, "a window id"));
        else if (take_word(play, "pid"))
            actor->pid = atoi(next_word(play, "a process"));
        else if (take_word(play, "waking"))
            event->waking = true;
        else if (take_word(play, "unattended"))
            event->unattended = true;
        else if (take_word(play, "talks"))
            event->talks = TALKS_ALWAYS;
        else if (take_word(play, "running"))
            event->busy = 1;
        else if (take_word(play, "ran"))
            event->busy = -1;
        else if (take_word(play, "stamped"))
            event->at_wall_ms = wall_of(play, play->line, story_clock(next_word(play, "a time")));
        else if ((event->urgency = (enum urgency)take_name(play, &word_urgency)) == (enum urgency) - 1)
            wrong(play, "an event has no \"%s\"", peek_word(play));
    }
}

/* What each verb does; the mapping files of the agents say which message is which. */
static const struct verb {
    const char *word;
    struct event event;
    bool kind, title; /* follow it */
} verbs[] = {
    {"prompted", {.closes = CLOSES_MAIN, .state = STATE_WORKING, .prompt = true}, false, false},
    {"asks", {.opens = OPENS_REASON, .state = STATE_BLOCKED}, true, true},
    {"notices", {.opens = CONFIRMS_REASON}, true, true},
    {"works", {.closes = CLOSES_THREAD, .state = STATE_WORKING}, false, false},
    {"answered", {.closes = CLOSES_REQUEST, .state = STATE_WORKING}, false, false},
    {"interrupted", {.closes = CLOSES_MAIN, .state = STATE_IDLE}, false, false},
    {"done",
     {.closes = CLOSES_MAIN, .opens = OPENS_REASON, .kind = KIND_REVIEW, .state = STATE_DONE},
     false,
     true},
    {"fails",
     {.closes = CLOSES_MAIN, .opens = OPENS_REASON, .kind = KIND_FAILURE, .state = STATE_FAILED},
     false,
     true},
    {"starts", {.starts = true, .state = STATE_STARTED}, false, false},
    {"ends", {.ends = true}, false, false},
    {"notes", {.state = STATE_NONE}, false, false},
};
enum { PROMPTED = 0 };

static void spool_event(struct play *play, const struct event *event)
{
    if (play->n_spool == SPOOL_MAX)
        abort();
    play->spool[play->n_spool++] = *event; /* its words belong to the story */
}

static void session_dies(struct play *play, const struct actor *actor)
{
    struct input input = {.type = INPUT_GONE, .gone = {.host = actor->host, .pid = actor->pid}};
    if (play->stage.rules)
        stage_step(&play->stage, input);
    else if (play->n_gone < GONE_MAX)
        play->gone[play->n_gone++] = input;
}

static void act_verb(struct play *play, struct actor *actor, const struct verb *verb)
{
    struct event event = verb->event;
    event.source = verb->word;
    event.at_wall_ms = play->stage.now.wall_ms;
    if (verb->kind) {
        int kind = take_name(play, &word_kind);
        if (kind < 0)
            wrong(play, "%s what kind?", verb->word);
        event.kind = (enum kind)kind;
    }
    if (verb->title && play->word < play->line->n_words && strcmp(peek_word(play), "thread") != 0)
        event.title = next_text(play);
    event_options(play, actor, &event);
    if (event.thread && event.closes == CLOSES_MAIN)
        event.closes = CLOSES_THREAD; /* a sub-agent's own end */
    event.host = actor->host;
    event.agent = actor->agent;
    event.session = actor->name;
    event.repository = actor->repository;
    event.worktree = actor->worktree;
    event.branch = actor->branch;
    event.place.pane = actor->pane;
    event.place.window = actor->window;
    event.pid = actor->pid;
    if (play->stage.rules)
        stage_event(&play->stage, &event);
    else
        spool_event(play, &event);
}

static bool act_session(struct play *play)
{
    struct actor *actor = actor_of(play, next_word(play, "a session"));
    if (take_word(play, "dies"))
        return session_dies(play, actor), true;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (take_word(play, verbs[i].word)) {
            act_verb(play, actor, &verbs[i]);
            return true;
        }
    }
    return false;
}

/* ---- acting: the person, receivers, the daemon ---------------------------------------------------------- */

/* What a sensor would say. */
static void sense(struct play *play, struct presence_input presence)
{
    if (!*play->failed)
        stage_step(&play->stage, (struct input){.type = INPUT_PRESENCE, .presence = presence});
}

static bool on_or_off(struct play *play)
{
    bool on = take_word(play, "on");
    if (!on && !take_word(play, "off"))
        wrong(play, "on or off?");
    return on;
}

/* is active|idle|locked|away, looks at NAME, looks at window ID, looks away, engaged on|off, commits */
static bool person_seen(struct play *play)
{
    struct presence_input presence = {0};
    if (take_word(play, "is")) {
        int state = take_name(play, &word_presence);
        if (state < PRESENCE_ACTIVE)
            wrong(play, "the person is active, idle, locked or away");
        presence.says = PRESENCE_SAYS_STATE;
        presence.state = (enum presence)state;
    } else if (take_word(play, "looks")) {
        presence.says = PRESENCE_SAYS_FRONT;
        bool at = take_word(play, "at");
        if (at && take_word(play, "window"))
            presence.front.window = next_word(play, "a window id");
        else if (at)
            presence.front.pane = actor_of(play, next_word(play, "a session"))->pane;
        else if (!take_word(play, "away"))
            wrong(play, "the person looks at SESSION, at window ID, or away");
    } else if (take_word(play, "engaged")) {
        presence.says = PRESENCE_SAYS_ENGAGED;
        presence.engaged = on_or_off(play);
    } else if (take_word(play, "commits")) {
        presence.breakpoint = "a commit";
    } else {
        return false;
    }
    sense(play, presence);
    return true;
}

static void desktop(struct play *play)
{
    if (!take_word(play, "dnd"))
        wrong(play, "desktop dnd on, off");
    sense(play, (struct presence_input){.says = PRESENCE_SAYS_DND, .dnd = on_or_off(play)});
}

static void microphone(struct play *play)
{
    sense(play,
          (struct presence_input){.says = PRESENCE_SAYS_MICROPHONE, .microphone = on_or_off(play)});
}

/* NAME, or RECEIVER#N [vN]: a button on an alert */
static void next_target(struct play *play, struct command *command)
{
    const char *word = next_word(play, "a session or an alert");
    char receiver[40];
    int number, version;
    if (sscanf(word, "%39[^#]#%d", receiver, &number) == 2) {
        for (int i = 0; i < play->stage.n_alerts; i++) {
            const struct stage_alert *alert = &play->stage.alerts[i];
            if (alert->number == number && strcmp(alert->receiver->name, receiver) == 0)
                command->alert_id = alert->id;
        }
        if (!command->alert_id)
            wrong(play, "there never was an alert %s", word);
        if (sscanf(peek_word(play), "v%d", &version) == 1) {
            command->version = version;
            play->word++;
        }
        return;
    }
    const struct need *need = stage_need(&play->stage, word);
    if (need)
        command->need_id = need->record.id;
    else
        wrong(play, "%s has no need", word);
}

static void person(struct play *play)
{
    struct command command = {0};
    if (person_seen(play))
        return;
    if (take_word(play, "acks")) {
        command.type = COMMAND_ACK;
        next_target(play, &command);
    } else if (take_word(play, "snoozes")) {
        command.type = COMMAND_SNOOZE;
        next_target(play, &command);
        take_word(play, "for");
        command.for_ms = next_duration(play);
    } else if (take_word(play, "resolves")) {
        command.type = COMMAND_RESOLVE;
        next_target(play, &command);
    } else if (take_word(play, "breaks")) {
        command.type = COMMAND_BREAK;
    } else if (take_word(play, "serves")) {
        command.type = COMMAND_SERVE;
        next_target(play, &command);
    } else if (take_word(play, "prompts")) { /* the same as: SESSION prompted */
        struct actor *actor = actor_of(play, next_word(play, "a session"));
        act_verb(play, actor, &verbs[PROMPTED]);
        return;
    } else if (take_word(play, "focus") && (take_word(play, "on") || take_word(play, "off"))) {
        bool on = strcmp(play->line->words[play->word - 1], "on") == 0;
        command.type = on ? COMMAND_FOCUS_ON : COMMAND_FOCUS_OFF;
        command.focus = next_text(play);
        if (on && take_word(play, "for"))
            command.for_ms = next_duration(play);
    } else {
        wrong(play,
              "person acks, snoozes, resolves, serves SESSION or RECEIVER#N; focus on, off NAME; prompts "
              "SESSION; breaks; commits; looks at SESSION, looks away; is PRESENCE; engaged on, off");
    }
    if (!*play->failed)
        stage_command(&play->stage, command);
}

static void daemon_acts(struct play *play)
{
    bool restarts = take_word(play, "restarts");
    if (restarts || take_word(play, "stops"))
        stage_stop(&play->stage);
    if (restarts || take_word(play, "starts")) {
        stage_start(&play->stage, play->spool, play->n_spool, play->gone, play->n_gone);
        play->n_spool = play->n_gone = 0;
    }
}

static bool act_receiver(struct play *play)
{
    const char *name = peek_word(play);
    bool known = false;
    for (int slot = 0; play->stage.rules && slot < POLICY_RECEIVERS_MAX; slot++) {
        const struct receiver *receiver = rules_receiver_at(play->stage.rules, slot);
        known |= receiver && strcmp(receiver->name, name) == 0;
    }
    if (!known)
        return false;
    play->word++;
    if (take_word(play, "down"))
        stage_up(&play->stage, name, false, next_text(play));
    else if (take_word(play, "up"))
        stage_up(&play->stage, name, true, NULL);
    else if (take_word(play, "delivers"))
        stage_manner(&play->stage, name, MANNER_DELIVERS);
    else if (take_word(play, "fails"))
        stage_manner(&play->stage, name, MANNER_FAILS);
    else if (take_word(play, "refuses"))
        stage_manner(&play->stage, name, MANNER_REFUSES);
    else if (take_word(play, "hangs"))
        stage_manner(&play->stage, name, MANNER_HANGS);
    else
        wrong(play, "a receiver goes down or up, delivers, fails, refuses or hangs");
    return true;
}

static void clock_steps(struct play *play)
{
    const char *word = take_word(play, "steps") ? next_word(play, "+1h or -1h") : "";
    int64_t ms = strchr("+-", *word) && *word ? story_duration(word + 1) : -1;
    if (ms < 0) {
        wrong(play, "clock steps +1h or -1h");
        return;
    }
    play->stage.now.wall_ms += *word == '-' ? -ms : ms;
    stage_step(&play->stage, (struct input){.type = INPUT_TICK});
}

static void act(struct play *play)
{
    if (take_word(play, "person")) {
        person(play);
    } else if (take_word(play, "microphone")) {
        microphone(play);
    } else if (take_word(play, "desktop")) {
        desktop(play);
    } else if (take_word(play, "daemon")) {
        daemon_acts(play);
    } else if (take_word(play, "clock")) {
        clock_steps(play);
    } else if (take_word(play, "reload")) {
        play->config = play->line;
        stage_reload(&play->stage);
    } else if (!act_receiver(play) && !act_session(play)) {
        wrong(play, "nobody knows how to do this");
    }
    if (play->word < play->line->n_words)
        wrong(play, "what is \"%s\"?", peek_word(play));
}

/* ---- expecting ------------------------------------------------------------------------------------------ */

struct pattern { /* what is left out matches everything */
    struct happening is;
    bool group, urgency;
    bool kinds[sizeof((struct happening *)0)->needs / sizeof(struct named)];
};

static bool binding(const struct play *play, const struct happening *happening)
{
    return happening->what >= HAPPENED_ALERT || play->strict;
}

static bool same_needs(const struct pattern *pattern, const struct happening *happening)
{
    if (happening->n_needs != pattern->is.n_needs)
        return false;
    for (int i = 0; i < happening->n_needs; i++) {
        const struct named *wanted = &pattern->is.needs[i], *named = &happening->needs[i];
        if (strcmp(wanted->session, named->session) != 0 ||
            (pattern->kinds[i] && wanted->kind != named->kind))
            return false;
    }
    return true;
}

static bool matches(const struct play *play, const struct pattern *pattern,
                    const struct happening *happening)
{
    const struct happening *is = &pattern->is;
    bool in_time =
        play->line->by ? happening->wall_ms <= is->wall_ms : happening->wall_ms == is->wall_ms;
    if (happening->claimed || happening->what != is->what || !in_time)
        return false;
    if (strcmp(happening->receiver, is->receiver) != 0 || (is->alert && happening->alert != is->alert))
        return false;
    if (is->what == HAPPENED_WITHDRAWN)
        return true;
    if (is->what == HAPPENED_ALERT && happening->deliver != is->deliver)
        return false;
    return happening->version == is->version && happening->audible == is->audible &&
           (!pattern->group || strcmp(happening->group, is->group) == 0) &&
           (!pattern->urgency || happening->urgency == is->urgency) &&
           strstr(happening->reason, is->reason) && same_needs(pattern, happening);
}

static void claim(struct play *play, struct pattern *pattern)
{
    pattern->is.wall_ms = wall_of(play, play->line, play->line->clock_ms);
    pattern->is.utc_offset_s = play->stage.now.utc_offset_s;
    for (int i = 0; i < play->stage.n_happened; i++) {
        if (!matches(play, pattern, &play->stage.happened[i]))
            continue;
        play->stage.happened[i].claimed = true;
        return;
    }
    wrong(play, "this did not happen (to the millisecond, with just these needs in this order)");
}

static void next_needs(struct play *play, struct pattern *pattern)
{
    struct happening *is = &pattern->is;
    while (play->word < play->line->n_words) {
        int kind = is->n_needs ? take_name(play, &word_kind) : -1;
        if (kind >= 0) {
            is->needs[is->n_needs - 1].kind = (enum kind)kind;
            pattern->kinds[is->n_needs - 1] = true;
            continue;
        }
        if (is->n_needs == (int)(sizeof is->needs / sizeof *is->needs))
            abort();
        snprintf(is->needs[is->n_needs++].session, sizeof is->needs->session, "%s", next_text(play));
    }
}

/* RECEIVER[#N] withdrawn | [receives] vN rings|silent [unsent] [URGENCY] [in GROUP]: NAME [KIND], … */
static bool expect_alert(struct play *play)
{
    struct pattern pattern = {.is = {.what = HAPPENED_ALERT, .deliver = true}};
    struct happening *is = &pattern.is;
    int version;
    if (sscanf(peek_word(play), "%39[^#]#%d", is->receiver, &is->alert) < 1)
        return false;
    const char *second = play->word + 1 < play->line->n_words ? play->line->words[play->word + 1] : "";
    bool is_alert = strcmp(second, "withdrawn") == 0 || strcmp(second, "receives") == 0 ||
                    sscanf(second, "v%d", &version) == 1;
    if (!is_alert)
        return false;
    play->word++;
    if (take_word(play, "withdrawn")) {
        is->what = HAPPENED_WITHDRAWN;
        claim(play, &pattern);
        return true;
    }
    if (take_word(play, "receives"))
        is->what = HAPPENED_RECEIVED;
    if (sscanf(next_word(play, "a version"), "v%d", &version) != 1)
        wrong(play, "a version is v1, v2, …");
    is->version = version;
    is->audible = take_word(play, "rings");
    if (!is->audible && !take_word(play, "silent"))
        wrong(play, "an alert rings or is silent");
    is->deliver = !take_word(play, "unsent");
    int urgency = take_name(play, &word_urgency);
    pattern.urgency = urgency >= 0;
    is->urgency = urgency >= 0 ? (enum urgency)urgency : URGENCY_UNSET;
    pattern.group = take_word(play, "in");
    if (pattern.group)
        snprintf(is->group, sizeof is->group, "%s", next_word(play, "a group"));
    next_needs(play, &pattern);
    if (!*play->failed)
        claim(play, &pattern);
    return true;
}

/* NAME opened KIND | becomes KIND | resolved ["WHY"] | is VERDICT | waited D | counts N */
static bool expect_need(struct play *play)
{
    struct pattern pattern = {.is = {.n_needs = 1}};
    struct happening *is = &pattern.is;
    const char *name = next_word(play, "what?");
    const struct need *need = stage_need(&play->stage, name);
    snprintf(is->needs[0].session, sizeof is->needs[0].session, "%s", name);
    if (take_word(play, "opened") || take_word(play, "becomes")) {
        bool opened = strcmp(play->line->words[play->word - 1], "opened") == 0;
        is->what = opened ? HAPPENED_OPENED : HAPPENED_CHANGED;
        int kind = take_name(play, &word_kind);
        pattern.kinds[0] = kind >= 0;
        is->needs[0].kind = kind >= 0 ? (enum kind)kind : KIND_CUSTOM;
        claim(play, &pattern);
    } else if (take_word(play, "resolved")) {
        is->what = HAPPENED_RESOLVED;
        snprintf(is->reason, sizeof is->reason, "%s", next_text(play));
        claim(play, &pattern);
    } else if (take_word(play, "is")) {
        static const char *const names[VERDICTS] = {[VERDICT_RESOLVED] = "resolved",
                                                    [VERDICT_ACKED] = "acked",
                                                    [VERDICT_SNOOZED] = "snoozed",
                                                    [VERDICT_TOLD] = "told",
                                                    [VERDICT_DROP] = "dropped",
                                                    [VERDICT_CRITICAL] = "critical",
                                                    [VERDICT_WALLED] = "walled",
                                                    [VERDICT_INHIBITED] = "inhibited",
                                                    [VERDICT_UNSETTLED] = "unsettled",
                                                    [VERDICT_HELD] = "held",
                                                    [VERDICT_DUE] = "due"};
        const char *word = next_text(play), *verdict = need ? names[need->verdict] : "without a need";
        if (strcmp(word, verdict) != 0 && !(strcmp(word, "nobody") == 0 && !need))
            wrong(play, "it is %s", verdict);
    } else if (take_word(play, "waited")) {
        int64_t ms = need ? need_waited(need, play->stage.now.steady_ms) : -1;
        if (next_duration(play) != ms)
            wrong(play, "it waited %lld ms", (long long)ms);
    } else if (take_word(play, "counts")) {
        int64_t count = need ? need_count(need) : 0;
        if (atoi(next_text(play)) != count)
            wrong(play, "it counts %lld", (long long)count);
    } else {
        return false;
    }
    return true;
}

/* board: NAME KIND, … in the order of `next`; board: nobody */
static void expect_board(struct play *play)
{
    const struct need *open[256];
    char is[1024] = "", wanted[1024] = "";
    if (rules_counts(play->stage.rules).needs > (int)(sizeof open / sizeof *open))
        abort();
    int n = rules_board(play->stage.rules, &play->stage.now, open);
    for (int i = 0; i < n; i++)
        add(is, sizeof is, " %s %s", open[i]->session->session, word_name(&word_kind, open[i]->kind));
    while (play->word < play->line->n_words)
        add(wanted, sizeof wanted, " %s", next_text(play));
    if (strcmp(is, n ? wanted : "") != 0 || (!n && strcmp(wanted, " nobody") != 0))
        wrong(play, "the board is:%s", n ? is : " nobody");
}

static void explain_line(void *arg, const char *sentence, const struct rule *rule)
{
    add(arg, 4096, "%s [%s]; ", sentence, rule ? rule->name : "");
}

static void expect_why(struct play *play)
{
    char why[4096] = "";
    const struct need *need = stage_need(&play->stage, next_word(play, "a session"));
    const char *part = next_word(play, "a part of the answer");
    if (need)
        rules_explain(play->stage.rules, &play->stage.now, need, explain_line, why);
    if (!strstr(why, part))
        wrong(play, "why says: %s", why);
}

static void expect_focus(struct play *play)
{
    const char *name = next_word(play, "a focus"), *wanted = next_word(play, "on or off");
    const struct focus *focus = NULL;
    for (focus = rules_focus_next(play->stage.rules, NULL); focus && !text_same(focus->name, name);)
        focus = rules_focus_next(play->stage.rules, focus);
    if (!focus || strcmp(focus->on ? "on" : "off", wanted) != 0)
        wrong(play, "focus %s is %s", name, focus ? focus->on ? "on" : "off" : "unknown");
}

/* Nobody may have missed anything that happened before a steady instant. */
static void unclaimed(struct play *play, int64_t before_ms)
{
    char text[1024];
    for (int i = 0; i < play->stage.n_happened; i++) {
        if (play->stage.happened[i].claimed || play->stage.happened[i].steady_ms >= before_ms ||
            !binding(play, &play->stage.happened[i]))
            continue;
        happening_text(&play->stage.happened[i], text, sizeof text);
        wrong(play, "before this, and nobody expected it: %s", text);
        return;
    }
}

static void expect(struct play *play)
{
    if (take_word(play, "nothing")) {
        unclaimed(play, NEVER_MS);
        if (take_word(play, "until")) {
            int64_t clock = story_clock(next_word(play, "a time"));
            if (clock < 0)
                wrong(play, "until when?");
            stage_to(&play->stage, steady_of(play, wall_of(play, play->line, clock)), true);
            unclaimed(play, NEVER_MS);
        }
    } else if (take_word(play, "board")) {
        expect_board(play);
    } else if (take_word(play, "why")) {
        expect_why(play);
    } else if (take_word(play, "focus")) {
        expect_focus(play);
    } else if (take_word(play, "refused") || take_word(play, "shed")) {
        bool refused = strcmp(play->line->words[play->word - 1], "refused") == 0;
        struct pattern pattern = {.is = {.what = refused ? HAPPENED_REFUSED : HAPPENED_SHED}};
        snprintf(pattern.is.reason, sizeof pattern.is.reason, "%s", next_text(play));
        claim(play, &pattern);
    } else if (!expect_alert(play) && !expect_need(play)) {
        wrong(play, "nobody knows how to expect this");
    }
    if (play->word < play->line->n_words)
        wrong(play, "what is \"%s\"?", peek_word(play));
}

/* ---- playing -------------------------------------------------------------------------------------------- */

static void play_line(struct play *play)
{
    play->word = 0;
    if (play->line->block && play->line->clock_ms < 0) {
        play->config = play->line;
        return;
    }
    if (play->line->clock_ms < 0) {
        header(play);
        return;
    }
    if (play->line->weekday >= 0)
        move_day(play, play->line->weekday);
    if (!play->stage.rules && !play->stage.policy) { /* the first moment: the daemon starts */
        struct moment now = play->stage.now;
        now.wall_ms = wall_of(play, play->line, play->line->clock_ms);
        stage_init(&play->stage, &now, make_policy, play);
    }
    int64_t at = steady_of(play, wall_of(play, play->line, play->line->clock_ms));
    if (at < play->stage.now.steady_ms)
        wrong(play, "this is earlier than the line before");
    if (at != play->moment_ms)
        play->expected = false;
    play->moment_ms = at;
    if (take_word(play, "expect")) {
        stage_to(&play->stage, at, true);
        play->expected = true;
        expect(play);
        return;
    }
    if (play->expected)
        wrong(play, "at one moment inputs come before what is expected");
    stage_to(&play->stage, at, false);
    unclaimed(play, at);
    if (!*play->failed)
        act(play);
}

/* A story may go on for a day after its last line; whatever then happens was not expected. */
static void play_out(struct play *play)
{
    if (!play->stage.policy)
        wrong(play, "nothing is played here");
    else if (play->stage.rules)
        stage_pass(&play->stage, DAY);
    unclaimed(play, NEVER_MS);
}

static void play_file(void **state)
{
    static struct play play;
    play = (struct play){.day_ms = STAGE_MONDAY_MS, .stage = {.now = stage_monday}};
    story_read(&play.story, *state);
    for (int i = 0; i < play.story.n && !*play.story.problem && !*play.failed; i++) {
        play.line = &play.story.lines[i];
        play_line(&play);
    }
    if (!*play.story.problem && !*play.failed)
        play_out(&play);
    char failed[sizeof play.failed + sizeof play.story.problem];
    snprintf(failed, sizeof failed, "%s%s", play.story.problem, play.failed);
    if (play.stage.policy)
        stage_release(&play.stage);
    story_release(&play.story);
    if (*failed)
        fail_msg("%s", failed);
}

int main(int argc, char **argv)
{
    glob_t found = {0};
    char pattern[4096];
    const char *root = getenv("QB_ROOT"), *only = argc > 1 ? argv[1] : "*";
    snprintf(pattern, sizeof pattern, "%s/tests/scenarios/%s.txt", root ? root : ".", only);
    if (glob(pattern, 0, NULL, &found) != 0) {
        fprintf(stderr, "no scenario is found at %s\n", pattern);
        return 1;
    }
    struct CMUnitTest *tests = must_alloc(found.gl_pathc * sizeof *tests);
    for (size_t i = 0; i < found.gl_pathc; i++)
        tests[i] = (struct CMUnitTest){.name = strrchr(found.gl_pathv[i], '/') + 1,
                                       .test_func = play_file,
                                       .initial_state = found.gl_pathv[i]};
    int failed = _cmocka_run_group_tests("scenarios", tests, found.gl_pathc, NULL, NULL);
    free(tests);
    globfree(&found);
    return failed;
}
