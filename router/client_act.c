/* client_act.c: the commands by which the person acts: ack, snooze, resolve, focus, test, reload. */
#include "client.h"

#include "plain.h"
#include "rules/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SNOOZE_MS (30 * 60000)
/* A notification server that hangs holds its plugin for 25 s (facts.md). */
enum { TEST_PATIENCE_MS = 40000 };

/* ---- needs ----------------------------------------------------------------------------------------- */

struct act {
    const char *command, *done; /* "ack", "acknowledged" */
    int64_t for_ms;             /* 0: none */
};

/* The ids of what `text` means, n of them, heap: every need that still asks for "all", else one. */
static int targets(struct client *client, const char *text, char ***ids, size_t *n)
{
    json_t *answer;
    size_t i;
    const json_t *need;

    *n = 0;
    *ids = must_alloc(sizeof **ids);
    if (strcmp(text, "all") != 0) {
        int code = client_find(client, text, &(*ids)[0]);
        *n = code == CLIENT_OK;
        return code;
    }
    int code = client_ask_all(client, "needs", false, &answer);
    if (code)
        return code;
    const json_t *needs = json_object_get(answer, "needs");
    *ids = must_grow(*ids, (json_array_size(needs) + 1) * sizeof **ids);
    json_array_foreach(needs, i, need)
    {
        if (strcmp(client_text(need, "state"), "open") == 0)
            (*ids)[(*n)++] = must_copy(client_text(need, "id"));
    }
    json_decref(answer);
    return CLIENT_OK;
}

/* One need; its answer joins `answers`. */
static int act_on(struct client *client, const struct act *act, const char *id, json_t *answers)
{
    json_t *message = client_command(act->command), *answer;

    json_object_set_new(message, "need", plain_json(id));
    if (act->for_ms)
        json_object_set_new(message, "for_ms", json_integer(act->for_ms));
    int code = client_talk(client, message, &answer);
    if (code)
        return code;
    bool ok = client_flag(answer, "ok");
    if (!ok)
        client_fail(CLIENT_REFUSED, "%s: %s", id, client_text(answer, "error"));
    else if (!client->json)
        printf("%s %s\n", id, act->done);
    json_object_set_new(answer, "need", plain_json(id));
    json_array_append_new(answers, answer);
    return ok ? CLIENT_OK : CLIENT_REFUSED;
}

/* Every need of every argument; goes on after a refusal, stops when the daemon is away. */
static int act_on_all(struct client *client, const struct act *act, int argc, char **argv)
{
    json_t *answers = json_array();
    int worst = CLIENT_OK;

    for (int i = 0; i < argc && worst != CLIENT_AWAY; i++) {
        char **ids;
        size_t n;
        int code = targets(client, argv[i], &ids, &n);
        worst = code > worst ? code : worst;
        if (code == CLIENT_OK && n == 0 && !client->json)
            puts("nothing needs you");
        for (size_t j = 0; j < n && worst != CLIENT_AWAY; j++) {
            code = act_on(client, act, ids[j], answers);
            worst = code > worst ? code : worst;
        }
        for (size_t j = 0; j < n; j++)
            free(ids[j]);
        free(ids);
    }
    if (client->json && (json_array_size(answers) || worst == CLIENT_OK))
        client_print_json(json_pack("{s:b, s:O}", "ok", worst == CLIENT_OK, "answers", answers));
    json_decref(answers);
    return worst;
}

int client_ack(struct client *client, int argc, char **argv)
{
    const struct act act = {"ack", "acknowledged: it stays on the board and is not told again", 0};
    if (argc < 1)
        return client_usage(client, "needs an ID, or all");
    return act_on_all(client, &act, argc, argv);
}

int client_resolve(struct client *client, int argc, char **argv)
{
    const struct act act = {"resolve", "resolved", 0};
    if (argc < 1)
        return client_usage(client, "needs an ID, or all");
    return act_on_all(client, &act, argc, argv);
}

int client_snooze(struct client *client, int argc, char **argv)
{
    struct act act = {"snooze", NULL, SNOOZE_MS};
    char age[32], done[64];

    if (argc > 1 && client_duration(argv[argc - 1]) > 0)
        act.for_ms = client_duration(argv[--argc]);
    else if (argc > 1 && argv[argc - 1][0] >= '0' && argv[argc - 1][0] <= '9' &&
             !strchr(argv[argc - 1], '.'))
        return client_usage(client, "\"%s\" is no duration: write 90s, 30m, 1h30m or 2d, at most 30d",
                            argv[argc - 1]);
    if (argc < 1)
        return client_usage(client, "needs an ID, or all, and for how long: 30m, 1h30m");
    for (int i = 0; i < argc; i++) { /* before anything is done */
        if (client_duration(argv[i]) > 0)
            return client_usage(client, "for how long comes last: snooze %s … %s", argv[i ? 0 : 1],
                                argv[i]);
    }
    snprintf(done, sizeof done, "snoozed for %s", plain_age(act.for_ms, age, sizeof age));
    act.done = done;
    return act_on_all(client, &act, argc, argv);
}

/* ---- focus ----------------------------------------------------------------------------------------- */

int client_obey(struct client *client, json_t *message, const char *done)
{
    json_t *answer;
    int code = client_ask(client, message, &answer);
    if (code)
        return code;
    if (client->json)
        return client_print_json(answer);
    puts(done);
    if (*client_text(answer, "warning"))
        fprintf(stderr, "but: %s\n", client_text(answer, "warning"));
    json_decref(answer);
    return CLIENT_OK;
}

static int focus_on(struct client *client, int argc, char **argv)
{
    json_t *message;
    int64_t for_ms = 0;
    char done[256], age[32];

    if (argc < 1)
        return client_usage(client, "on: which focus?");
    if (argc > 1) {
        bool says_for = strcmp(argv[1], "for") == 0;
        if (argc != (says_for ? 3 : 2))
            return client_usage(client, "on NAME for DURATION");
        for_ms = client_duration(argv[argc - 1]);
        if (for_ms < 0)
            return client_usage(client,
                                "\"%s\" is no duration: write 90s, 45m, 1h30m or 2d, at most 30d",
                                argv[argc - 1]);
    }
    message = client_command("focus-on");
    json_object_set_new(message, "focus", plain_json(argv[0]));
    if (for_ms) {
        json_object_set_new(message, "for_ms", json_integer(for_ms));
        snprintf(done, sizeof done, "focus %s is on for %s", argv[0],
                 plain_age(for_ms, age, sizeof age));
    } else
        snprintf(done, sizeof done, "focus %s is on, until `quietbell focus off %s`", argv[0], argv[0]);
    return client_obey(client, message, done);
}

static int focus_off(struct client *client, int argc, char **argv)
{
    json_t *message;
    char done[256];

    if (argc > 1)
        return client_usage(client, "off [NAME]");
    message = client_command("focus-off");
    json_object_set_new(message, "focus", plain_json(argc ? argv[0] : ""));
    if (argc)
        snprintf(done, sizeof done, "focus %s is off", argv[0]);
    else
        snprintf(done, sizeof done, "every focus is off");
    return client_obey(client, message, done);
}

static int focus_status(struct client *client)
{
    struct grid grid;
    json_t *answer;
    size_t i;
    const json_t *focus;
    char clock[32], text[64];

    int code = client_ask(client, client_command("focus-status"), &answer);
    if (code)
        return code;
    if (client->json)
        return client_print_json(answer);
    const json_t *list = json_object_get(answer, "focus");
    grid_init(&grid, 4, 0);
    json_array_foreach(list, i, focus)
    {
        bool on = client_flag(focus, "on");
        int64_t until_ms = client_number(focus, "until_ms");
        grid_row(&grid);
        grid_set(&grid, 0, STYLE_PLAIN, client_text(focus, "focus"));
        grid_set(&grid, 1, on ? STYLE_BOLD : STYLE_DIM, on ? "on" : "off");
        snprintf(text, sizeof text, "%s %s", on ? "until" : "next",
                 client_clock(until_ms, clock, sizeof clock));
        grid_set(&grid, 2, STYLE_PLAIN, until_ms ? text : "");
        grid_set(&grid, 3, STYLE_DIM, on ? client_text(focus, "by") : "");
    }
    if (json_array_size(list) > 0)
        grid_print(&grid, stdout, client->width, 0, client->colour);
    else
        puts("The configuration names no focus.");
    grid_release(&grid);
    json_decref(answer);
    return CLIENT_OK;
}

int client_focus(struct client *client, int argc, char **argv)
{
    const char *what = argc ? argv[0] : "status";

    if (strcmp(what, "on") == 0)
        return focus_on(client, argc - 1, argv + 1);
    if (strcmp(what, "off") == 0)
        return focus_off(client, argc - 1, argv + 1);
    if (strcmp(what, "status") == 0 && argc <= 1)
        return focus_status(client);
    return client_usage(client, "on, off or status, not \"%s\"", what);
}

/* ---- the daemon ------------------------------------------------------------------------------------ */

int client_test(struct client *client, int argc, char **argv)
{
    json_t *message;
    char done[256];

    if (argc != 1)
        return client_usage(client, "needs the name of one receiver");
    message = client_command("test");
    json_object_set_new(message, "receiver", plain_json(argv[0]));
    client->patience_ms = TEST_PATIENCE_MS;
    snprintf(done, sizeof done, "%s has shown a test alert", argv[0]);
    return client_obey(client, message, done);
}

int client_reload(struct client *client, int argc, char **argv)
{
    (void)argv;
    if (argc > 0)
        return client_usage(client, "takes no argument");
    int code = client_obey(client, client_command("reload"), "the configuration is in force");
    if (code == CLIENT_REFUSED)
        fputs("the rules that were in force stay in force; `quietbell check` shows every problem\n",
              stderr);
    return code;
}
