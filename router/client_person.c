/* client_person.c: what the person says of themselves: next (where they go), break, presence. */
#include "client.h"

#include "plain.h"

#include <stdio.h>
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

int client_next(struct client *client, int argc, char **argv)
{
    json_t *answer, *served;
    (void)argv;

    if (argc > 0)
        return client_usage(client, "takes no argument");
    int code = client_ask(client, client_command("next"), &answer);
    if (code)
        return code;
    const json_t *next = json_object_get(answer, "next"), *need = json_object_get(next, "need");
    if (need && !json_object_get(client->options, "peek")) {
        json_t *message = client_command("serve");
        json_object_set_new(message, "need", plain_json(client_text(need, "id")));
        if (client_talk(client, message, &served) == CLIENT_OK)
            json_decref(served); /* resolved in this very moment: it is shown nevertheless */
    }
    if (client->json)
        return client_print_json(answer);
    if (need)
        print_next(client, need, client_number(next, "waiting") - 1);
    else
        puts("Nothing needs you.");
    json_decref(answer);
    return CLIENT_OK;
}

/* ---- break, presence ------------------------------------------------------------------------------ */

int client_break(struct client *client, int argc, char **argv)
{
    (void)argv;
    if (argc > 0)
        return client_usage(client, "takes no argument");
    return client_obey(client, client_command("break"),
                       "a good moment: what is held for one comes now");
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

int client_presence(struct client *client, int argc, char **argv)
{
    const char *dnd = client_option(client, "dnd"), *what = client_option(client, "breakpoint");
    json_t *message = client_command("presence"), *place = front(client);

    if (argc == 1)
        json_object_set_new(message, "state", plain_json(argv[0]));
    if (json_object_size(place) > 0 || json_object_get(client->options, "nowhere"))
        json_object_set(message, "front", place);
    json_decref(place);
    if (dnd)
        json_object_set_new(message, "dnd", json_boolean(strcmp(dnd, "on") == 0));
    if (what)
        json_object_set_new(message, "breakpoint", plain_json(what));
    bool good_dnd = !dnd || strcmp(dnd, "on") == 0 || strcmp(dnd, "off") == 0;
    if (argc > 1 || !good_dnd) {
        json_decref(message);
        return client_usage(client,
                            good_dnd ? "one of active, idle, locked, away" : "--dnd is on or off");
    }
    return client_obey(client, message, "noted");
}
