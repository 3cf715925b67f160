/* client_person.c: what the person says of themselves: next (where they go), break, presence. */
#include "client.h"

#include "jump.h"
#include "paths.h"
#include "plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1024 };

/* ---- next ----------------------------------------------------------------------------------------- */

static void print_next(const struct client *client, const json_t *need, int64_t others)
{
    char where[256], title[512], todo[160], line[LINE];

    plain_line(client_text(need, "title"), title, sizeof title);
    snprintf(line, sizeof line, "%s  %s in %s", client_text(need, "id"), client_text(need, "kind"),
             client_where(need, where, sizeof where));
    style_print(stdout, client->colour, STYLE_BOLD, line);
    printf("%s%s\n", *title ? ": " : "", title);
    printf("      %s; or quietbell ack %s\n", client_todo(need, todo, sizeof todo),
           client_text(need, "id"));
    if (others > 0)
        printf("      after it %lld more\n", (long long)others);
}

/* ---- going there ---------------------------------------------------------------------------------- */

struct arrived {
    bool ok;
    char said[512];
};

static void on_arrived(void *arg, bool ok, const char *said)
{
    struct arrived *arrived = arg;
    arrived->ok = ok;
    snprintf(arrived->said, sizeof arrived->said, "%s", said);
}

static void go(const json_t *need, struct arrived *arrived)
{
    struct paths paths;
    uv_loop_t loop;
    if (uv_loop_init(&loop) != 0)
        abort();
    paths_init(&paths);
    jump_start(&loop, paths.libexec, jump_order(need), on_arrived, arrived);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    paths_release(&paths);
}

static json_t *arrived_json(const struct arrived *arrived)
{
    json_t *json = json_object();
    json_object_set_new(json, "ok", json_boolean(arrived->ok));
    json_object_set_new(json, arrived->ok ? "by" : "reason", plain_json(arrived->said));
    return json;
}

/* ---- next ----------------------------------------------------------------------------------------- */

/* The one that is meant by what they typed, as an answer of `next`. */
static int ask_for(struct client *client, const char *of, json_t **answer)
{
    json_t *why, *message = client_command("why");
    char *id;
    int code = client_find(client, of, &id);
    if (code == CLIENT_OK) {
        json_object_set_new(message, "need", plain_json(id));
        code = client_ask(client, json_incref(message), &why);
    }
    json_decref(message);
    free(id);
    if (code)
        return code;
    const json_t *need = json_object_get(json_object_get(why, "why"), "need");
    *answer = json_pack("{s:b, s:{s:O?}}", "ok", 1, "next", "need", need);
    if (!need || strcmp(client_text(need, "state"), "resolved") == 0)
        code = client_fail(CLIENT_REFUSED, "%s",
                           need ? "that need is resolved: nobody waits there any more"
                                : "that is no need");
    json_decref(why);
    if (code)
        json_decref(*answer);
    return code;
}

static void serve(struct client *client, const json_t *need)
{
    json_t *served, *message = client_command("serve");
    json_object_set_new(message, "need", plain_json(client_text(need, "id")));
    if (client_talk(client, message, &served) == CLIENT_OK)
        json_decref(served); /* resolved in this very moment: it is shown nevertheless */
}

static void print_arrived(const struct arrived *arrived)
{
    if (arrived->ok)
        printf("      you are there, by %s\n", arrived->said);
    else
        client_fail(CLIENT_REFUSED, "cannot go there: %s", arrived->said);
}

/* Nothing waits; but a session that is silent for long is worth a look. */
static void print_nothing(const json_t *silent)
{
    char where[256], age[32];
    fputs("Nothing needs you.", stdout);
    if (silent)
        printf(" But %s in %s has been silent for %s.", client_text(silent, "agent"),
               client_where(silent, where, sizeof where),
               plain_age(client_number(silent, "silent_ms"), age, sizeof age));
    putchar('\n');
}

int client_next(struct client *client, int argc, char **argv)
{
    json_t *answer;
    struct arrived arrived = {.ok = true};
    bool peeks = json_object_get(client->options, "peek"),
         goes = json_object_get(client->options, "go");

    if (argc > (goes ? 1 : 0))
        return client_usage(client, goes ? "takes one ID at most" : "takes an ID only with --go");
    if (goes && peeks)
        return client_usage(client, "--peek stays here, --go goes there");
    int code = argc ? ask_for(client, argv[0], &answer)
                    : client_ask(client, client_command("next"), &answer);
    if (code)
        return code;
    const json_t *next = json_object_get(answer, "next"), *need = json_object_get(next, "need");
    if (need && !peeks)
        serve(client, need);
    if (need && !client->json)
        print_next(client, need, client_number(next, "waiting") - 1);
    else if (!client->json)
        print_nothing(json_object_get(next, "silent"));
    fflush(stdout); /* before the screen changes */
    if (need && goes) {
        go(need, &arrived);
        json_object_set_new(answer, "jump", arrived_json(&arrived));
        if (!client->json)
            print_arrived(&arrived);
    }
    if (client->json)
        client_print_json(json_incref(answer));
    json_decref(answer);
    return arrived.ok ? CLIENT_OK : CLIENT_REFUSED;
}

/* ---- break, presence ------------------------------------------------------------------------------ */

int client_break(struct client *client, int argc, char **argv)
{
    (void)argv;
    if (argc > 0)
        return client_usage(client, "takes no argument");
    return client_obey(
        client, client_command("break"),
        "a good moment: what is held for one comes now; `quietbell needs` shows what something else holds");
}

static json_t *front(const struct client *client)
{
    static const char *const names[] = {"pane", "tmux", "window", "tty"};
    json_t *place = json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (client_option(client, names[i]))
            json_object_set_new(place, names[i], plain_json(client_option(client, names[i])));
    }
    return place;
}

/* "on", "off", or not given. */
static bool is_switch(const char *value)
{
    return !value || strcmp(value, "on") == 0 || strcmp(value, "off") == 0;
}

int client_presence(struct client *client, int argc, char **argv)
{
    const char *dnd = client_option(client, "dnd"), *what = client_option(client, "breakpoint");
    const char *microphone = client_option(client, "microphone");
    json_t *message = client_command("presence"), *place = front(client);

    if (argc == 1)
        json_object_set_new(message, "state", plain_json(argv[0]));
    if (json_object_size(place) > 0 || json_object_get(client->options, "nowhere"))
        json_object_set(message, "front", place);
    json_decref(place);
    if (dnd)
        json_object_set_new(message, "dnd", json_boolean(strcmp(dnd, "on") == 0));
    if (microphone)
        json_object_set_new(message, "microphone", json_boolean(strcmp(microphone, "on") == 0));
    if (what)
        json_object_set_new(message, "breakpoint", plain_json(what));
    if (argc > 1 || !is_switch(dnd) || !is_switch(microphone)) {
        json_decref(message);
        return client_usage(client, !is_switch(dnd)          ? "--dnd is on or off"
                                    : !is_switch(microphone) ? "--microphone is on or off"
                                                             : "one of active, idle, locked, away");
    }
    return client_obey(client, message, "noted");
}
