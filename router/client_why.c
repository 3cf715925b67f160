/* client_why.c: `quietbell why [ID]`: the steps of a judgement, each with the rule that made it. */
#include "client.h"

#include "host.h"
#include "plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1024 };

static void print_need(const struct client *client, const json_t *need)
{
    char where[256], text[LINE], age[32], line[LINE + 512];

    snprintf(line, sizeof line, "need %s: %s in %s", client_text(need, "id"),
             client_text(need, "kind"), client_where(need, where, sizeof where));
    style_print(stdout, client->colour, STYLE_BOLD, line);
    printf(" (%s, session %s)\n", client_text(need, "agent"), client_text(need, "session"));
    plain_line(client_text(need, "title"), text, sizeof text);
    if (*text)
        printf("  %s\n", text);
    printf("  opened %s ago, %s\n",
           plain_age(host_wall_ms() - client_number(need, "opened_ms"), age, sizeof age),
           client_standing(need, text, sizeof text));
}

/* A sentence, and whose it is: a rule's, or a mapping file's. */
static void print_sentence(const struct client *client, const json_t *step, enum style style)
{
    char sentence[LINE], by[LINE];

    style_print(stdout, client->colour, style,
                plain_line(client_text(step, "sentence"), sentence, sizeof sentence));
    if (*client_text(step, "file")) {
        snprintf(by, sizeof by, "  [%s%s%s:%lld]", client_text(step, "rule"),
                 *client_text(step, "rule") ? ", " : "", client_text(step, "file"),
                 (long long)client_number(step, "line"));
        style_print(stdout, client->colour, STYLE_DIM, by);
    }
    putchar('\n');
}

/* Numbered steps; the one that says the decision stands out. */
static void print_steps(const struct client *client, const json_t *steps)
{
    size_t i;
    const json_t *step;

    json_array_foreach(steps, i, step)
    {
        bool decides = strncmp(client_text(step, "sentence"), "decision:", 9) == 0;
        printf("  %2zu. ", i + 1);
        print_sentence(client, step, decides ? STYLE_BOLD : STYLE_PLAIN);
    }
}

static void print_heard(const struct client *client, const json_t *list, const char *title)
{
    size_t i;
    const json_t *item;

    if (json_array_size(list) > 0)
        printf("\n%s\n", title);
    json_array_foreach(list, i, item)
    {
        printf("  ");
        print_sentence(client, item, STYLE_PLAIN);
    }
}

/* What waits, each with its decision. */
static void print_held(const struct client *client, const json_t *list)
{
    size_t i, j;
    const json_t *item, *step;
    char where[256], title[LINE];

    if (list && json_array_size(list) == 0)
        printf("\nNothing is held.\n");
    else if (list)
        printf("\nheld:\n");
    json_array_foreach(list, i, item)
    {
        const json_t *need = json_object_get(item, "need");
        plain_line(client_text(need, "title"), title, sizeof title);
        printf("  %s  %s in %s%s%s\n", client_text(need, "id"), client_text(need, "kind"),
               client_where(need, where, sizeof where), *title ? ": " : "", title);
        json_array_foreach(json_object_get(item, "steps"), j, step)
        {
            printf("      ");
            print_sentence(client, step, STYLE_BOLD);
        }
    }
}

static void print_alert(const struct client *client, const json_t *alert)
{
    char line[LINE];
    snprintf(line, sizeof line, "alert %s on %s", client_text(alert, "id"),
             client_text(alert, "receiver"));
    style_print(stdout, client->colour, STYLE_BOLD, line);
    putchar('\n');
}

static void print_session(const struct client *client, const json_t *session)
{
    char where[256], line[LINE];
    snprintf(line, sizeof line, "session %s: %s in %s", client_text(session, "session"),
             client_text(session, "agent"), client_where(session, where, sizeof where));
    style_print(stdout, client->colour, STYLE_BOLD, line);
    putchar('\n');
}

/* Asks by the word as typed; if nobody knows it, by the need that it means (a repository, a worktree). */
static int ask_why(struct client *client, const char *of, json_t **answer)
{
    json_t *message = client_command("why");
    char *id;

    json_object_set_new(message, "of", plain_json(of));
    int code = client_talk(client, message, answer);
    if (code || client_flag(*answer, "ok"))
        return code;
    const char *error = client_text(*answer, "error");
    if (strncmp(error, "no need", 7) != 0) {
        code = client_fail(CLIENT_REFUSED, "%s", *error ? error : "refused without a reason");
        if (client->json)
            client_print_json(json_incref(*answer));
        json_decref(*answer);
        *answer = NULL;
        return code;
    }
    json_decref(*answer);
    *answer = NULL;
    code = client_find(client, of, &id);
    if (code)
        return code;
    message = client_command("why");
    json_object_set_new(message, "need", plain_json(id));
    free(id);
    return client_ask(client, message, answer);
}

int client_why(struct client *client, int argc, char **argv)
{
    json_t *answer;
    size_t i;
    const json_t *item;

    if (argc > 1)
        return client_usage(client, "takes one ID at most: of a need, a session or an alert");
    int code = argc ? ask_why(client, argv[0], &answer)
                    : client_ask(client, client_command("why"), &answer);
    if (code)
        return code;
    if (client->json)
        return client_print_json(answer);
    const json_t *why = json_object_get(answer, "why");
    if (json_object_get(why, "alert"))
        print_alert(client, json_object_get(why, "alert"));
    else if (json_object_get(why, "session"))
        print_session(client, json_object_get(why, "session"));
    if (json_object_get(why, "need"))
        print_need(client, json_object_get(why, "need"));
    print_steps(client, json_object_get(why, "steps"));
    json_array_foreach(json_object_get(why, "needs"), i, item)
    {
        putchar('\n');
        print_need(client, json_object_get(item, "need"));
        print_steps(client, json_object_get(item, "steps"));
    }
    print_held(client, json_object_get(why, "held"));
    print_heard(client, json_object_get(why, "heard"),
                argc ? "heard of it last:" : "heard last, and not worth telling:");
    json_decref(answer);
    return CLIENT_OK;
}
