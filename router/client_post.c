/* client_post.c: `quietbell post`: an event from a person's own script, or JSON lines from stdin. */
#include "client.h"

#include "host.h"
#include "plain.h"
#include "problem.h"
#include "rules/word.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 256 * 1024 }; /* design.md section 6: the daemon refuses longer ones */

/* What every message carries, if it does not yet. */
static void stamp(json_t *event)
{
    char id[17];
    if (!json_object_get(event, "type"))
        json_object_set_new(event, "type", json_string("event"));
    if (!json_object_get(event, "at_ms"))
        json_object_set_new(event, "at_ms", json_integer(host_wall_ms()));
    if (!json_object_get(event, "id")) {
        snprintf(id, sizeof id, "%016llx", (unsigned long long)host_random());
        json_object_set_new(event, "id", json_string(id));
    }
}

/* ---- stdin ------------------------------------------------------------------------------------------ */

/* One line: CLIENT_OK, or why not (said). With --json the answers go out as JSON lines. */
static int post_line(struct client *client, char *line, size_t len, long number)
{
    json_error_t problem;
    json_t *event, *answer;

    if (len > LINE_MAX_BYTES)
        return client_fail(CLIENT_REFUSED, "stdin:%ld: longer than 256 KiB", number);
    event = json_loadb(line, len, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(event)) {
        client_fail(CLIENT_REFUSED, "stdin:%ld:%d: %s", number, event ? 1 : problem.column,
                    event ? "no JSON object" : problem.text);
        json_decref(event);
        return CLIENT_REFUSED;
    }
    stamp(event);
    int code = client_talk(client, event, &answer);
    if (code)
        return code;
    bool ok = client_flag(answer, "ok");
    if (!ok)
        client_fail(CLIENT_REFUSED, "stdin:%ld: %s%s%s", number, client_text(answer, "error"),
                    *client_text(answer, "at") ? " at " : "", client_text(answer, "at"));
    if (client->json)
        client_print_json(json_incref(answer));
    json_decref(answer);
    return ok ? CLIENT_OK : CLIENT_REFUSED;
}

static int post_stdin(struct client *client)
{
    char *line = NULL;
    size_t room = 0;
    long number = 0, taken = 0;
    int worst = CLIENT_OK;

    for (ssize_t len; worst != CLIENT_AWAY && (len = getline(&line, &room, stdin)) >= 0;) {
        number++;
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r' || line[len - 1] == ' '))
            len--;
        if (len == 0)
            continue;
        int code = post_line(client, line, (size_t)len, number);
        taken += code == CLIENT_OK;
        worst = code > worst ? code : worst;
    }
    free(line);
    if (!client->json)
        printf("%ld taken\n", taken);
    return worst;
}

/* ---- options ---------------------------------------------------------------------------------------- */

/* CLIENT_OK if the option is missing, or one of the words from `first` on. */
static int check_word(const struct client *client, const char *option, const struct words *words,
                      int first)
{
    const char *value = client_option(client, option);
    char list[256] = "";

    if (!value || word_find(words, value) >= first)
        return CLIENT_OK;
    const char *near = nearest(value, words->names + first, words->n - first);
    for (int i = first; i < words->n && !near; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? ", " : "",
                 words->names[i]);
    return client_usage(client, "--%s: \"%s\" is none%s%s%s", option, value,
                        near ? "; did you mean " : " of: ", near ? near : list, near ? "?" : "");
}

/* The state that goes with a kind of need, where none is given. */
static const char *state_for(const char *kind)
{
    if (kind && strcmp(kind, word_name(&word_kind, KIND_REVIEW)) == 0)
        return word_name(&word_state, STATE_DONE);
    if (kind && strcmp(kind, word_name(&word_kind, KIND_FAILURE)) == 0)
        return word_name(&word_state, STATE_FAILED);
    return word_name(&word_state, STATE_BLOCKED);
}

static void copy_options(const struct client *client, json_t *object, const char *const *names)
{
    for (int i = 0; names[i]; i++) {
        const char *value = client_option(client, names[i]);
        if (value)
            json_object_set_new(object, names[i], plain_json_lines(value));
    }
}

static json_t *event_of_options(const struct client *client)
{
    static const char *const facts[] = {"session", "state",   "kind",    "title",  "text", "tool",
                                        "task",    "urgency", "request", "thread", NULL};
    static const char *const context[] = {"repository", "worktree", "branch", "cwd", "host", NULL};
    json_t *event = json_object(), *where = json_object();
    const char *agent = client_option(client, "agent");
    char buf[PATH_MAX];

    json_object_set_new(event, "type", json_string("event"));
    stamp(event);
    json_object_set_new(event, "agent", plain_json(agent ? agent : "shell"));
    copy_options(client, event, facts);
    if (!json_object_get(event, "session")) {
        snprintf(buf, sizeof buf, "shell-%ld", (long)getppid());
        json_object_set_new(event, "session", json_string(buf));
    }
    if (!json_object_get(event, "state"))
        json_object_set_new(event, "state", json_string(state_for(client_option(client, "kind"))));
    copy_options(client, where, context);
    if (!json_object_get(where, "cwd") && !json_object_get(where, "repository") &&
        getcwd(buf, sizeof buf))
        json_object_set_new(where, "cwd", plain_json(buf));
    json_object_set_new(event, "context", where);
    return event;
}

int client_post(struct client *client, int argc, char **argv)
{
    json_t *answer;

    if (argc == 1 && strcmp(argv[0], "-") == 0)
        return post_stdin(client);
    if (argc > 0)
        return client_usage(client, "\"%s\": give options, or - to read JSON lines from stdin",
                            argv[0]);
    if (json_object_size(client->options) == 0)
        return client_usage(client, "what? give at least --title, or - to read JSON lines from stdin");
    const char *state = client_option(client, "state");
    int code = CLIENT_OK;
    if (!state || strcmp(state, "note") != 0) /* a note changes no state */
        code = check_word(client, "state", &word_state, STATE_STARTED);
    code = code ? code : check_word(client, "kind", &word_kind, KIND_PERMISSION);
    code = code ? code : check_word(client, "urgency", &word_urgency, URGENCY_LOW);
    if (code)
        return code;
    code = client_ask(client, event_of_options(client), &answer);
    if (code)
        return code;
    if (client->json)
        return client_print_json(answer);
    printf("taken as %lld\n", (long long)client_number(answer, "seq"));
    json_decref(answer);
    return CLIENT_OK;
}
