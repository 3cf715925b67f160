/* client_check.c: `quietbell check [FILE]`: reads a configuration as the daemon would, and says every
 * problem with its place. Needs no daemon. */
#include "client.h"

#include "calendar.h"
#include "config.h"
#include "host.h"
#include "paths.h"
#include "plain.h"
#include "rules/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *problems_json(const struct problems *problems)
{
    json_t *list = json_array();
    for (int i = 0; i < problems->n; i++) {
        const struct problem *problem = &problems->list[i];
        json_array_append_new(
            list, json_pack("{s:o, s:i, s:i, s:o, s:o, s:o}", "file", plain_json(problem->file),
                            "line", problem->line, "column", problem->column, "key",
                            plain_json(problem->key), "message", plain_json(problem->message),
                            "suggestion", plain_json(problem->suggestion)));
    }
    return list;
}

static int say_problems(const struct client *client, const char *file, const struct problems *problems)
{
    int n = problems->n + problems->more;

    if (client->json) {
        client_print_json(json_pack("{s:b, s:s, s:o, s:o, s:i}", "ok", 0, "error",
                                    "the configuration has problems", "file", plain_json(file),
                                    "problems", problems_json(problems), "more", problems->more));
        return CLIENT_REFUSED;
    }
    problems_print(stdout, problems, client->colour);
    client_fail(CLIENT_REFUSED, "%s: %d problem%s", file, n, n == 1 ? "" : "s");
    return CLIENT_REFUSED;
}

static int say_good(const struct client *client, const char *file, const struct config *config)
{
    const struct policy *policy = config->policy;

    if (client->json)
        return client_print_json(json_pack("{s:b, s:o, s:o, s:i, s:i, s:i}", "ok", 1, "file",
                                           plain_json(file), "preset", plain_json(config->preset),
                                           "receivers", config->n_receivers, "focuses",
                                           policy->n_focuses, "rules", policy->n_rules));
    printf("%s is good: %d receiver%s, %d focus%s, %d rule%s (preset %s)\n", file,
           config->n_receivers, config->n_receivers == 1 ? "" : "s", policy->n_focuses,
           policy->n_focuses == 1 ? "" : "es", policy->n_rules, policy->n_rules == 1 ? "" : "s",
           config->preset ? config->preset : "none");
    return CLIENT_OK;
}

/* What is left out of a calendar is no problem of the configuration, but worth a line. */
static void say_calendar(const struct client *client, const struct config_calendar *calendar,
                         const json_t *said)
{
    size_t i;
    const json_t *note;
    char text[256];
    if (client->json)
        return;
    long long events = (long long)client_number(said, "events");
    size_t busy = json_array_size(json_object_get(said, "busy"));
    printf("focus %s: %s: %lld event%s, busy %zu time%s in the coming two weeks\n", calendar->focus,
           calendar->path, events, events == 1 ? "" : "s", busy, busy == 1 ? "" : "s");
    json_array_foreach(json_object_get(said, "notes"), i, note)
    {
        plain_line(text_or(json_string_value(note), ""), text, sizeof text);
        printf("  note: %s\n", text);
    }
}

/* The daemon takes a configuration whose calendar is not there yet; whoever checks it wants to know. */
static void check_calendars(const struct client *client, const struct paths *paths,
                            const struct config *config, struct problems *problems)
{
    char key[64];
    int64_t now = host_wall_ms();
    for (int i = 0; i < config->n_calendars; i++) {
        const struct config_calendar *calendar = &config->calendars[i];
        json_t *said =
            calendar_file(paths->libexec, calendar->path, now, now + INT64_C(14) * 86400000, NULL);
        const char *wrong = json_string_value(json_object_get(said, "problem"));
        const struct problem_at at = {
            .file = config->file, .line = calendar->line, .column = calendar->column, .key = key};
        snprintf(key, sizeof key, "focus.%s.calendar", calendar->focus);
        if (wrong)
            problem_set(problems, &at, NULL, "%s: %s", calendar->path, wrong);
        else
            say_calendar(client, calendar, said);
        json_decref(said);
    }
}

/* A plugin that is not there is the daemon's trouble only when it starts it. */
static void check_plugins(const struct paths *paths, const struct config *config,
                          struct problems *problems)
{
    char key[64];
    for (int i = 0; i < config->n_receivers; i++) {
        const struct config_receiver *receiver = &config->receivers[i];
        const struct problem_at at = {
            .file = config->file, .line = receiver->line, .column = receiver->column, .key = key};
        if (!receiver->line || strcmp(receiver->plugin, "auto") == 0)
            continue;
        char *path = paths_program(paths->libexec, receiver->plugin);
        snprintf(key, sizeof key, "receivers.%s.plugin", receiver->name);
        if (access(path, X_OK) != 0)
            problem_set(problems, &at, "known: desktop webhook terminal auto, or the path of a program",
                        "%s: %s", path, strerror(errno));
        free(path);
    }
}

int client_check(struct client *client, int argc, char **argv)
{
    struct problems problems = {0};
    struct config *config = NULL;
    struct paths paths;

    if (argc > 1)
        return client_usage(client, "reads one FILE");
    paths_init(&paths);
    const char *file = argc ? argv[0] : paths.config;
    bool there =
        argc || (file && access(file, F_OK) == 0); /* no file of the person's: the defaults hold */
    int error = config_load(&config, there ? file : NULL, &problems);
    if (!error)
        check_plugins(&paths, config, &problems);
    if (!error)
        check_calendars(client, &paths, config, &problems);
    int code = problems.n
                   ? say_problems(client, file ? file : "the embedded preset", &problems)
                   : say_good(client, there ? file : "no file, so the embedded default", config);
    config_free(config);
    problems_clear(&problems);
    paths_release(&paths);
    return code;
}
