/* client_mapping.c: `quietbell mapping test FILE PAYLOAD`: what a payload becomes under a mapping file. Needs no
 * daemon; it is how a new mapping is written (quietbell-mapping(5)). */
#include "client.h"

#include "event_json.h"
#include "mapping.h"
#include "paths.h"
#include "plain.h"
#include "yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct trial {
    struct client *client;
    const struct mappings *mappings;
    const struct mapping *mapping; /* the one that is tried */
    int code;
};

/* ---- printing ------------------------------------------------------------------------------------ */

static void print_during(int64_t during)
{
    const char *comma = "";
    printf("  %-14s ", "during");
    for (int state = 0; state < word_state.n; state++) {
        if (during >> state & 1) {
            printf("%s%s", comma, word_name(&word_state, state));
            comma = ", ";
        }
    }
    putchar('\n');
}

static void print_event(const json_t *event)
{
    const char *key, *at;
    json_t *value;
    json_object_foreach((json_t *)event, key, value)
    {
        if (strcmp(key, "at_wall_ms") == 0 || strcmp(key, "kind") == 0)
            continue;
        if (strcmp(key, "opens") == 0) { /* "opens permission", "confirms review" */
            printf("  %-14s %s\n", json_string_value(value), client_text(event, "kind"));
            continue;
        }
        if (strcmp(key, "during") == 0) {
            print_during(json_integer_value(value));
            continue;
        }
        printf("  %-14s ", key);
        if (json_is_integer(value))
            printf("%" JSON_INTEGER_FORMAT "\n", json_integer_value(value));
        else if (!json_is_string(value))
            puts(json_is_true(value) ? "yes" : "no");
        for (at = json_string_value(value); at;
             at = strchr(at, '\n')) { /* further lines stand under the first */
            at += *at == '\n';
            printf("%s%.*s\n", at == json_string_value(value) ? "" : "                 ",
                   (int)strcspn(at, "\n"), at);
        }
    }
}

static void print_mapped(struct trial *trial, int got, const struct mapped *mapped)
{
    const char *file = mapped->mapping ? mapping_file(mapped->mapping) : "";
    json_t *event = got > 0 ? event_to_json(&mapped->event) : NULL;
    if (event && mapped->event.opens) /* the first kind is left out of journals */
        json_object_set_new(event, "kind", json_string(word_name(&word_kind, (int)mapped->event.kind)));
    if (trial->client->json) {
        json_t *json = json_pack("{s:b, s:o, s:i, s:b}", "ok", 1, "file", plain_json(file), "line",
                                 mapped->line, "ignored", got == 0);
        if (event)
            json_object_set(json, "event", event);
        client_print_json(json);
    } else {
        if (mapped->line)
            printf("%s:%d: ", file, mapped->line);
        else if (mapped->mapping)
            printf("%s: no row fits: ", file);
        puts(got == 0 ? "ignored" : mapped->event.source);
        if (event)
            print_event(event);
    }
    json_decref(event);
}

static void print_refusal(struct trial *trial, const struct refusal *refusal)
{
    trial->code = CLIENT_REFUSED;
    if (trial->client->json)
        client_print_json(json_pack("{s:b, s:o, s:o}", "ok", 0, "error", plain_json(refusal->error),
                                    "at", plain_json(refusal->at)));
    else
        client_fail(CLIENT_REFUSED, "refused: %s%s%s", refusal->error, *refusal->at ? " at " : "",
                    refusal->at);
}

/* ---- trying -------------------------------------------------------------------------------------- */

static bool is_message(const json_t *json)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    return type && ((strcmp(type, "hook") == 0 && json_object_get(json, "payload")) ||
                    (strcmp(type, "event") == 0 && json_object_get(json, "state")) ||
                    (strcmp(type, "file") == 0 && json_object_get(json, "path")));
}

/* A message stays one, but for this agent; anything else is a payload. */
static json_t *as_message(const struct trial *trial, json_t *json)
{
    const char *event = client_option(trial->client, "event");
    char cwd[4096];
    if (is_message(json)) {
        json_object_set_new(json, "agent", json_string(mapping_agent(trial->mapping)));
        return json;
    }
    return json_pack("{s:s, s:I, s:s, s:s, s:o, s:{s:o}}", "type", "hook", "at_ms", (json_int_t)1,
                     "agent", mapping_agent(trial->mapping), "event", event ? event : "", "payload",
                     json, "context", "cwd", plain_json(getcwd(cwd, sizeof cwd) ? cwd : "/"));
}

static void try_one(struct trial *trial, json_t *json)
{
    struct message message;
    struct refusal refusal;
    static struct mapped mapped;
    json_t *whole = as_message(trial, json);
    int got = whole ? message_take(&message, whole, &refusal)
                    : refuse(&refusal, "", "the payload is no JSON object in UTF-8");
    if (got == 0) {
        got = mapping_event(trial->mappings, &message, &mapped, &refusal);
        if (got >= 0)
            print_mapped(trial, got, &mapped);
        message_clear(&message);
    }
    if (got < 0)
        print_refusal(trial, &refusal);
}

/* One value after the other: a payload, or the lines of a recording. */
static int try_all(struct trial *trial, const char *name, const char *text, size_t len)
{
    size_t at = strspn(text, " \t\r\n");
    if (at == len)
        return client_fail(CLIENT_REFUSED, "%s is empty", name);
    while (at < len) {
        json_error_t error;
        json_t *json = json_loadb(text + at, len - at, JSON_DISABLE_EOF_CHECK, &error);
        if (!json)
            return client_fail(CLIENT_REFUSED, "%s: no JSON at byte %zu: %s", name,
                               at + (size_t)error.position, error.text);
        at += (size_t)error.position;
        at += strspn(text + at, " \t\r\n");
        try_one(trial, json);
    }
    return trial->code;
}

/* ---- reading ------------------------------------------------------------------------------------- */

/* A file's name, - for stdin, or the JSON itself. *text is heap. */
static int read_payload(const char *name, char **text, size_t *len)
{
    if (*name == '{') {
        *text = strdup(name);
        *len = strlen(name);
        return *text ? 0 : -ENOMEM;
    }
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re"), *out = open_memstream(text, len);
    char buf[4096];
    size_t n;
    int error = !file ? -errno : 0;
    if (!out)
        abort();
    while (!error && (n = fread(buf, 1, sizeof buf, file)) > 0)
        fwrite(buf, 1, n, out);
    if (!error && ferror(file))
        error = -EIO;
    fclose(out);
    if (file && file != stdin)
        fclose(file);
    return error;
}

/* A file, or the name of an agent whose mapping is in force. */
static int load(const char *name, struct mappings **mappings, struct problems *problems)
{
    char *text;
    size_t len;
    if (access(name, F_OK) != 0 && !strpbrk(name, "/.")) {
        struct paths paths;
        paths_init(&paths);
        int error = mappings_load(mappings, paths.agents, problems);
        paths_release(&paths);
        return error;
    }
    int error = yaml_read_file(name, YAML_SIZE_MAX, &text, &len);
    if (error) {
        problem_set(problems, &(struct problem_at){.file = name, .key = ""}, NULL, "%s",
                    strerror(-error));
        return error;
    }
    error = mappings_parse(mappings, text, len, name, problems);
    free(text);
    return error;
}

static int run_test(struct client *client, const char *file, const char *payload)
{
    struct problems problems = {0};
    struct mappings *mappings = NULL;
    struct trial trial = {.client = client, .code = CLIENT_OK};
    char *text = NULL;
    size_t len = 0;
    int code = CLIENT_REFUSED;
    if (load(file, &mappings, &problems) != 0) {
        problems_print(stderr, &problems, client->colour);
        problems_clear(&problems);
        return code;
    }
    trial.mappings = mappings;
    trial.mapping =
        mappings_count(mappings) == 1 ? mappings_at(mappings, 0) : mappings_find(mappings, file);
    int error = trial.mapping ? read_payload(payload, &text, &len) : 0;
    if (!trial.mapping)
        client_fail(code, "%s: neither a file nor an agent that is known", file);
    else if (error)
        client_fail(code, "%s: %s", payload, strerror(-error));
    else
        code = try_all(&trial, *payload == '{' ? "the payload" : payload, text, len);
    free(text);
    mappings_free(mappings);
    return code;
}

int client_mapping(struct client *client, int argc, char **argv)
{
    if (argc == 0 || strcmp(argv[0], "test") != 0)
        return client_usage(client, "mapping test is what there is");
    if (argc != 3)
        return client_usage(client, "needs a mapping FILE and a PAYLOAD");
    return run_test(client, argv[1], argv[2]);
}
