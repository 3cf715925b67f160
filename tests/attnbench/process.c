/* process.c: a program as a candidate: one process a day, SPEC's lines on its stdin and stdout. What does not keep
 * to the protocol ends the measurement. */
#include "lines.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NAMES_MAX = 100000 };

struct process {
    struct candidate base;
    pid_t pid;
    FILE *in, *out; /* of ours: what it says, what it is told */
    char **names;   /* its names of alerts: the position is the id */
    int n_names;
    char *line;
    size_t room;
};

static void fail(const char *what, const char *line)
{
    fprintf(stderr, "attnbench: the program %s: %s\n", what, line ? line : "");
    exit(2);
}

static int64_t id_of(struct process *process, const char *name)
{
    for (int i = process->n_names - 1; i >= 0; i--) {
        if (strcmp(process->names[i], name) == 0)
            return i;
    }
    if (process->n_names == NAMES_MAX)
        fail("makes too many alerts", NULL);
    if (!process->names)
        process->names = calloc(NAMES_MAX, sizeof *process->names);
    if (!process->names || !(process->names[process->n_names] = strdup(name)))
        abort();
    return process->n_names++;
}

static int read_items(const json_t *list, int *items, const char *line)
{
    int n = (int)json_array_size(list);
    if (!json_is_array(list) || n > AGENTS_MAX)
        fail("sent a bad list", line);
    for (int i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(list, (size_t)i));
        items[i] = name && name[0] == 'a' ? atoi(name + 1) : -1;
        if (items[i] < 0 || items[i] >= AGENTS_MAX)
            fail("named an unknown agent", line);
    }
    return n;
}

static void read_effect(struct process *process, const json_t *json, const char *line)
{
    static const char *const operations[] = {"create", "update", "withdraw"};
    const char *fx = json_string_value(json_object_get(json, "fx"));
    const char *op = json_string_value(json_object_get(json, "op"));
    const char *id = json_string_value(json_object_get(json, "id"));
    int items[AGENTS_MAX] = {0}, type = 0;
    if (fx && strcmp(fx, "list") == 0) {
        int n = read_items(json_object_get(json, "items"), items, line);
        candidate_effect(&process->base, STEP_LIST, items, n);
        return;
    }
    while (type < 3 && op && strcmp(operations[type], op) != 0)
        type++;
    if (!fx || strcmp(fx, "alert") != 0 || !op || type == 3 || !id)
        fail("sent no effect", line);
    int n = type == STEP_WITHDRAW ? 0 : read_items(json_object_get(json, "items"), items, line);
    struct bench_effect *effect =
        candidate_effect(&process->base, (enum step_effect_type)type, items, n);
    effect->id = id_of(process, id);
    effect->audible = json_is_true(json_object_get(json, "audible"));
}

static void process_take(struct candidate *candidate, const struct bench_input *input)
{
    struct process *process = (struct process *)candidate;
    bool done = false;
    lines_input(process->out, input);
    fflush(process->out);
    while (!done) {
        if (getline(&process->line, &process->room, process->in) < 0)
            fail("ended", NULL);
        json_t *json = json_loads(process->line, 0, NULL);
        const json_t *deadline = json_object_get(json, "deadline_ms");
        if (!json_is_object(json))
            fail("sent no JSON object", process->line);
        done = deadline != NULL;
        if (done)
            candidate->deadline_ms =
                json_is_null(deadline) ? STEP_NEVER : (int64_t)json_number_value(deadline);
        else
            read_effect(process, json, process->line);
        json_decref(json);
    }
}

static void process_release(struct candidate *candidate)
{
    struct process *process = (struct process *)candidate;
    fputs("{\"ev\":\"end\"}\n", process->out);
    fclose(process->out);
    fclose(process->in);
    waitpid(process->pid, NULL, 0);
    for (int i = 0; i < process->n_names; i++)
        free(process->names[i]);
    free(process->names);
    free(process->line);
}

static const struct candidate_class class = {process_take, process_release};

struct candidate *process_new(const char *command)
{
    int to[2], from[2];
    struct process *process = (struct process *)allocate_candidate(&class, sizeof *process);
    if (pipe(to) != 0 || pipe(from) != 0)
        abort();
    fflush(NULL);
    process->pid = fork();
    if (process->pid < 0)
        abort();
    if (process->pid == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        close(to[0]);
        close(to[1]);
        close(from[0]);
        close(from[1]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    process->out = fdopen(to[1], "w");
    process->in = fdopen(from[0], "r");
    return &process->base;
}
