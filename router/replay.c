/* replay.c: see replay.h. The same mapping, the same rules, another clock: steady time is wall time is the
 * stamp of the message; between two messages the core's deadlines are kept, and at equal times messages come
 * first. Every receiver is up and takes what it is given at once. */
#include "replay.h"

#include "calendar.h"
#include "config.h"
#include "journal_file.h"
#include "mapping.h"
#include "observe.h"
#include "presence.h"
#include "recording.h"
#include "replay_journal.h"
#include "replay_print.h"
#include "rules/text.h"
#include "yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_MS (INT64_C(24) * 3600 * 1000) /* time runs on for so long after the last message */
#define NO_EXPIRY_MS (INT64_C(3650) * 24 * 3600 * 1000)

struct replay {
    struct rules *rules;
    struct mappings *mappings;
    struct replay_print print;
    const char *config; /* -c, or NULL */
    struct config *in_force;
    const char *recording; /* for complaints */
    uint64_t seq;
    int64_t now_ms, deadline_ms, last_ms; /* last: of the messages */
    json_t *heads;                        /* first lines of files */
    int refused;
};

/* ---- steps --------------------------------------------------------------------------------------- */

struct handed { /* something for a receiver */
    uint64_t alert_id;
    int64_t version;
};

static void step(struct replay *replay, struct input *input);

static void deliver(struct replay *replay, const struct handed *handed)
{
    static const enum outcome_type types[] = {OUTCOME_HANDED, OUTCOME_DELIVERED};
    for (int i = 0; i < 2; i++) {
        struct outcome outcome = {.type = types[i],
                                  .receiver = replay_receiver(&replay->print, handed->alert_id),
                                  .alert_id = handed->alert_id,
                                  .version = handed->version};
        step(replay, &(struct input){.type = INPUT_OUTCOME, .outcome = outcome});
    }
}

/* One input at the moment that it is, and the deliveries it leads to. */
static void step(struct replay *replay, struct input *input)
{
    struct moment now = {
        .wall_ms = replay->now_ms, .steady_ms = replay->now_ms, .next_offset_ms = NEVER_MS};
    input->seq = ++replay->seq;
    const struct effects *effects = rules_step(replay->rules, &now, input);
    int n = 0;
    struct handed *handed = effects->n ? must_alloc((size_t)effects->n * sizeof *handed) : NULL;
    replay->deadline_ms = effects->deadline_ms;
    for (int i = 0; i < effects->n; i++) {
        const struct effect *effect = &effects->list[i];
        if (effect->type == EFFECT_REFUSED || effect->type == EFFECT_SHED)
            fprintf(stderr, "quietbell: replay: %s\n", effect->reason);
        else if (effect->type != EFFECT_ALERT || effect->deliver)
            replay_print(&replay->print, replay->rules, replay->now_ms, effect);
        if (effect->deliver)
            handed[n++] = (struct handed){effect->alert_id, effect->version};
    }
    rules_committed(replay->rules);
    for (int i = 0; i < n; i++)
        deliver(replay, &handed[i]);
    free(handed);
}

/* Keeps every deadline that lies before (or, at the end, at) a time. */
static void run_until(struct replay *replay, int64_t until_ms, bool inclusive)
{
    while (replay->deadline_ms < until_ms || (inclusive && replay->deadline_ms == until_ms)) {
        if (replay->deadline_ms > replay->now_ms)
            replay->now_ms = replay->deadline_ms;
        int64_t before_ms = replay->deadline_ms;
        step(replay, &(struct input){.type = INPUT_TICK});
        if (replay->deadline_ms <= before_ms) {
            fprintf(stderr, "quietbell: replay: the rules ask for the same moment again\n");
            break;
        }
    }
}

/* ---- messages ------------------------------------------------------------------------------------ */

static void refused(struct replay *replay, int line, const struct refusal *refusal)
{
    replay->refused++;
    fprintf(stderr, "%s:%d: %s%s%s\n", replay->recording, line, refusal->error,
            *refusal->at ? " at " : "", refusal->at);
}

static const char *text_member(const json_t *json, const char *key)
{
    return text_or(json_string_value(json_object_get(json, key)), "");
}

static uint64_t need_of_session(const struct rules *rules, const char *name)
{
    for (const struct need *need = rules_need_next(rules, NULL); need;
         need = rules_need_next(rules, need)) {
        if (need_open(need) && strcmp(text_or(need->session->session, ""), name) == 0)
            return need->record.id;
    }
    return 0;
}

static const struct {
    const char *name;
    enum command_type type;
} commands[] = {
    {"ack", COMMAND_ACK},           {"snooze", COMMAND_SNOOZE},       {"resolve", COMMAND_RESOLVE},
    {"focus-on", COMMAND_FOCUS_ON}, {"focus-off", COMMAND_FOCUS_OFF}, {"break", COMMAND_BREAK},
    {"serve", COMMAND_SERVE},
};

/* What a person did; needs are named by session here, ids are not known beforehand. */
static int play_command(struct replay *replay, const struct message *message, struct refusal *refusal)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, message->command) != 0)
            continue;
        struct command command = {
            .type = commands[i].type,
            .need_id = id_parse(text_member(message->json, "need")),
            .alert_id = id_parse(text_member(message->json, "alert")),
            .version = json_integer_value(json_object_get(message->json, "version")),
            .for_ms = json_integer_value(json_object_get(message->json, "for_ms")),
            .focus = text_member(message->json, "focus")};
        if (!command.need_id && !command.alert_id)
            command.need_id = need_of_session(replay->rules, text_member(message->json, "session"));
        step(replay, &(struct input){.type = INPUT_COMMAND, .command = command});
        return 0;
    }
    if (strcmp(message->command, "presence") == 0) {
        struct presence_input presence;
        int status = presence_parse(message->json, &presence, refusal);
        if (status == 0)
            step(replay, &(struct input){.type = INPUT_PRESENCE, .presence = presence});
        return status;
    }
    return refuse(refusal, "/command", "the command %s changes nothing in a replay", message->command);
}

/* One line of a file, or all of it. */
static int play_seen(struct replay *replay, const struct message *message, struct refusal *refusal)
{
    struct mapped mapped;
    int got = mapping_event(replay->mappings, message, &mapped, refusal);
    replay->print.events += got > 0;
    if (got > 0 && observe_counts(replay->rules, &mapped))
        step(replay, &(struct input){.type = INPUT_EVENT, .event = &mapped.event});
    return got;
}

/* What a file watch would have seen. */
static int play_file(struct replay *replay, const struct message *message, struct refusal *refusal)
{
    json_t *list = mapping_sightings(replay->mappings, message, replay->heads), *item;
    size_t i;
    int got = 0;
    json_array_foreach(list, i, item)
    {
        struct message one;
        got = message_take(&one, json_incref(item), refusal);
        if (got < 0)
            break;
        one.at_ms = message->at_ms;
        got = play_seen(replay, &one, refusal);
        message_clear(&one);
    }
    json_decref(list);
    return got;
}

static void play(struct replay *replay, const struct message *message, int line)
{
    struct mapped mapped;
    struct refusal refusal;
    int got = 0;
    switch (message->type) {
    case MESSAGE_HOOK:
    case MESSAGE_EVENT:
        got = mapping_event(replay->mappings, message, &mapped, &refusal);
        replay->print.events += got >= 0;
        if (got > 0)
            step(replay, &(struct input){.type = INPUT_EVENT, .event = &mapped.event});
        break;
    case MESSAGE_FILE:
        got = play_file(replay, message, &refusal);
        break;
    case MESSAGE_COMMAND:
        got = play_command(replay, message, &refusal);
        break;
    case MESSAGE_FOLLOW:
    case MESSAGES:
        break;
    }
    if (got < 0)
        refused(replay, line, &refusal);
}

/* ---- the policy ---------------------------------------------------------------------------------- */

static int load_config(const char *path, struct config **config, struct problems *problems)
{
    char *text;
    size_t len;
    if (!path)
        return config_load(config, NULL, problems);
    int error = yaml_read_file(path, YAML_SIZE_MAX, &text, &len);
    if (error) {
        problem_set(problems, &(struct problem_at){.file = path, .key = ""}, NULL, "%s",
                    strerror(-error));
        return error;
    }
    char *folder = config_folder(path);
    error = config_parse(config, text, len, path, folder, CONFIG_RECORDED, problems);
    free(folder);
    free(text);
    return error;
}

/* Calendars lie beside the configuration, and are read once for all the time that is played. */
static int play_calendars(struct replay *replay)
{
    int error = 0;
    for (int i = 0; i < replay->in_force->n_calendars && !error; i++) {
        const struct config_calendar *calendar = &replay->in_force->calendars[i];
        struct calendar_input input;
        char why[256];
        error = calendar_read_now(calendar, replay->print.start_ms - 2 * TAIL_MS,
                                  replay->last_ms + 2 * TAIL_MS, "UTC", &input, why, sizeof why);
        if (error)
            fprintf(stderr, "quietbell: replay: %s: %s\n", calendar->path, why);
        else
            step(replay, &(struct input){.type = INPUT_CALENDAR, .calendar = input});
    }
    return error;
}

/* For the tail: needs stay open however long nobody comes, and that the recording ends is no session's silence. */
static void stop_time(struct policy *policy)
{
    policy->deferral.stalled_s = 0;
    for (int i = 0; i < policy->n_rules; i++)
        policy->rules[i].expire_ms = NO_EXPIRY_MS;
    policy->rules = must_grow(policy->rules, (size_t)(policy->n_rules + 1) * sizeof *policy->rules);
    memmove(policy->rules + 1, policy->rules, (size_t)policy->n_rules++ * sizeof *policy->rules);
    policy->rules[0] = (struct rule){.name = must_copy("replay: nothing expires"),
                                     .file = must_copy("replay"),
                                     .sets = 1u << SET_EXPIRE,
                                     .expire_ms = NO_EXPIRY_MS};
}

static int set_policy(struct replay *replay, bool tail)
{
    struct problems problems = {0};
    struct config *config = NULL;
    int error = load_config(replay->config, &config, &problems);
    if (error) {
        problems_print(stderr, &problems, false);
        problems_clear(&problems);
        return error;
    }
    if (tail)
        stop_time(config->policy);
    step(replay, &(struct input){.type = INPUT_POLICY, .policy = config->policy});
    config->policy = NULL;
    mappings_borrow(replay->mappings, NULL, 0);
    config_free(replay->in_force);
    replay->in_force = config;
    mappings_borrow(replay->mappings, config->watches, config->n_watches);
    for (int i = 0; i < config->n_receivers; i++) {
        struct outcome outcome = {.type = OUTCOME_UP,
                                  .receiver = config->receivers[i].name,
                                  .updates = true,
                                  .withdraws = true};
        step(replay, &(struct input){.type = INPUT_OUTCOME, .outcome = outcome});
    }
    return play_calendars(replay);
}

/* Whether something would expire in the tail, or a session be silent for too long. */
static bool may_end(const struct replay *replay, int64_t last_ms)
{
    for (const struct session *session = rules_session_next(replay->rules, NULL); session;
         session = rules_session_next(replay->rules, session)) {
        if (session->watched)
            return true;
    }
    for (const struct need *need = rules_need_next(replay->rules, NULL); need;
         need = rules_need_next(replay->rules, need)) {
        if (need_open(need) && need->last_ms + need->treatment.expire_ms <= last_ms + TAIL_MS)
            return true;
    }
    return false;
}

static int play_all(struct replay *replay, struct recording *recording)
{
    int64_t last_ms = replay->last_ms = recording->list[recording->n - 1].at_ms;
    replay->now_ms = replay->print.start_ms = recording->list[0].at_ms;
    replay->deadline_ms = NEVER_MS;
    int error = set_policy(replay, false);
    for (int i = 0; i < recording->n && !error; i++) {
        struct message message;
        error = recording_get(recording, i, &message);
        if (error) {
            fprintf(stderr, "quietbell: %s: it was changed meanwhile\n", replay->recording);
            break;
        }
        run_until(replay, message.at_ms, false);
        replay->now_ms = message.at_ms;
        play(replay, &message, recording->list[i].line);
        message_clear(&message);
    }
    if (!error && may_end(replay, last_ms))
        error = set_policy(replay, true);
    if (!error)
        run_until(replay, last_ms + TAIL_MS, true);
    return error;
}

/* ---- main ---------------------------------------------------------------------------------------- */

static int run(struct replay *replay)
{
    struct recording recording;
    struct problems problems = {0};
    int error = recording_load(&recording, replay->recording, stderr);
    if (error) {
        fprintf(stderr, "quietbell: %s: %s\n", replay->recording, strerror(-error));
        recording_clear(&recording);
        return 1;
    }
    error = mappings_load(&replay->mappings, NULL, &problems);
    if (error)
        problems_print(stderr, &problems, false);
    problems_clear(&problems);
    replay->rules = rules_new();
    replay->heads = json_object();
    if (!error && recording.n > 0)
        error = play_all(replay, &recording);
    replay->refused += recording.refused;
    if (!error)
        replay_print_end(&replay->print);
    if (replay->refused)
        fprintf(stderr, "quietbell: %d of the lines were refused\n", replay->refused);
    rules_free(replay->rules);
    json_decref(replay->heads);
    mappings_free(replay->mappings);
    config_free(replay->in_force);
    recording_clear(&recording);
    return error || replay->refused || fflush(stdout) ? 1 : 0;
}

static int usage(const char *wrong)
{
    fprintf(stderr,
            "quietbell: replay: %s\nusage: quietbell replay [--json] [-c FILE] [--compare] RECORDING | JOURNAL\n",
            wrong);
    return 2;
}

static int play_file_of(struct replay *replay, bool compare, int width, bool colour)
{
    FILE *file = strcmp(replay->recording, "-") == 0 ? NULL : fopen(replay->recording, "re");
    const struct replay_journal order = {.path = replay->recording,
                                         .config = replay->config,
                                         .json = replay->print.json,
                                         .colour = colour,
                                         .width = width};
    if (file && journal_is(file))
        return compare && !replay->config
                   ? (fclose(file), usage("--compare needs -c FILE: with what?"))
                   : replay_journal(&order, file);
    if (file)
        fclose(file);
    return compare ? usage("--compare is for what `quietbell journal export` wrote") : run(replay);
}

int replay_main(int argc, char **argv, int width, bool colour)
{
    struct replay replay = {0};
    bool options = true, compare = false;
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && strcmp(argv[i], "--json") == 0) {
            replay.print.json = true;
        } else if (options && strcmp(argv[i], "--compare") == 0) {
            compare = true;
        } else if (options && strcmp(argv[i], "-c") == 0) {
            if (++i == argc)
                return usage("-c needs a file");
            replay.config = argv[i];
        } else if (options && argv[i][0] == '-' && argv[i][1]) {
            return usage("unknown option");
        } else if (replay.recording) {
            return usage("one recording at a time");
        } else {
            replay.recording = argv[i];
        }
    }
    return replay.recording ? play_file_of(&replay, compare, width, colour)
                            : usage("which recording?");
}
