/* client_find.c: the need that a person means by what they typed. */
#include "client.h"

#include "plain.h"
#include "rules/record.h"
#include "rules/text.h"

#include <stdio.h>
#include <string.h>

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_meant(const json_t *need, const char *text)
{
    return strcmp(client_text(need, "id"), text) == 0 || begins(client_text(need, "session"), text) ||
           strcmp(client_text(need, "repository"), text) == 0 ||
           strcmp(client_text(need, "where"), text) == 0 ||
           strcmp(client_text(need, "worktree"), text) == 0;
}

static int refuse(struct client *client, const char *error)
{
    if (client->json) {
        json_t *json = json_object();
        json_object_set_new(json, "ok", json_false());
        json_object_set_new(json, "error", plain_json(error));
        client_print_json(json);
    }
    return client_fail(CLIENT_REFUSED, "%s", error);
}

int client_find(struct client *client, const char *text, char **id)
{
    json_t *answer;
    size_t i;
    const json_t *need, *found = NULL;
    int n = 0;
    char error[512], where[200];

    *id = NULL;
    if (id_parse(text)) { /* the daemon knows best whether it is there */
        *id = must_copy(text);
        return CLIENT_OK;
    }
    int code = client_ask_all(client, "needs", false, &answer);
    if (code)
        return code;
    json_array_foreach(json_object_get(answer, "needs"), i, need)
    {
        if (!*text || !is_meant(need, text))
            continue;
        n++;
        found = need;
    }
    if (n == 1) {
        *id = must_copy(client_text(found, "id"));
        json_decref(answer);
        return CLIENT_OK;
    }
    if (n)
        snprintf(error, sizeof error, "%d needs could be meant by \"%s\":", n, text);
    else
        snprintf(error, sizeof error,
                 "no open need is meant by \"%s\": give its id, the beginning of its session's "
                 "id, or its repository",
                 text);
    json_array_foreach(json_object_get(answer, "needs"), i, need)
    {
        if (n && is_meant(need, text))
            snprintf(error + strlen(error), sizeof error - strlen(error), " %s (%s, %s)",
                     client_text(need, "id"), client_text(need, "kind"),
                     client_where(need, where, sizeof where));
    }
    json_decref(answer);
    return refuse(client, error);
}
