/* client_setup.c: `quietbell setup`: shows what it would change in the agents' files, asks, and does it.
 * Needs no daemon. What is looked at and written is setup.c's. */
#include "client.h"

#include "inert.h"
#include "plain.h"
#include "rules/text.h"
#include "setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
    const struct client *client;
    const char *hook;
    bool remove, dry, yes;
    json_t *report; /* with --json */
    int seen, changed, refused, unasked, pending;
};

/* ---- saying --------------------------------------------------------------------------------------------- */

/* One agent's outcome, in JSON. */
static void report(struct run *run, const struct setup_plan *plan, const char *state,
                   const char *diff, const char *todo)
{
    const struct problem *problem = plan->problems.n ? &plan->problems.list[0] : NULL;
    json_t *item = json_object();

    json_object_set_new(item, "agent", json_string(plan->agent->name));
    if (plan->file.path)
        json_object_set_new(item, "file", plain_json(plan->file.path));
    json_object_set_new(item, "state", json_string(state));
    json_t *exact = diff && *diff ? json_string(diff) : NULL;
    if (diff && *diff)
        json_object_set_new(item, "diff", exact ? exact : plain_json_lines(diff));
    if (problem) {
        json_object_set_new(item, "line", json_integer(problem->line));
        json_object_set_new(item, "column", json_integer(problem->column));
    }
    if (plan->error)
        json_object_set_new(item, "error", plain_json(problem ? problem->message : plan->reason));
    if (todo)
        json_object_set_new(item, "todo", plain_json_lines(todo));
    json_array_append_new(run->report, item);
}

static void say_refused(struct run *run, const struct setup_plan *plan)
{
    run->refused++;
    if (run->client->json) {
        report(run, plan, "refused", NULL, NULL);
        return;
    }
    fflush(stdout);
    if (plan->problems.n) {
        problems_print(stderr, &plan->problems, run->client->colour);
        fprintf(stderr, "quietbell: %s: nothing was changed; mend the file and run this again\n",
                plan->agent->title);
    } else
        fprintf(stderr, "quietbell: %s: nothing was changed: %s\n", plan->agent->title, plan->reason);
}

/* Characters that make a terminal do something, or show a text in another order. */
static bool is_active(long c)
{
    return c < 0 || (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0x61c ||
           c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* One line of a diff: as it is into a file, inert onto a terminal. */
static void print_diff_line(const struct client *client, const char *line, size_t n)
{
    size_t len;

    if (!client->width) {
        printf("%.*s\n", (int)n, line);
        return;
    }
    const char *colour = *line == '+' ? "32" : *line == '-' ? "31" : *line == '@' ? "36" : NULL;
    if (client->colour && colour)
        printf("\033[%sm", colour);
    for (size_t i = 0; i < n; i += len) {
        if (is_active(inert_char(line + i, &len)))
            putchar('?');
        else
            fwrite(line + i, 1, len, stdout);
    }
    puts(client->colour && colour ? "\033[0m" : "");
}

static void print_diff(const struct client *client, const char *diff)
{
    for (const char *line = diff; *line;) {
        size_t n = strcspn(line, "\n");
        print_diff_line(client, line, n);
        line += n + (line[n] == '\n');
    }
}

/* What the person must do, with the hook client's path in the place of $HOOK. Heap. */
static char *todo_text(const struct setup_agent *agent, const char *hook)
{
    static const char name[] = "$HOOK";
    const char *todo = agent->todo ? agent->todo : "", *mark = strstr(todo, name);
    if (!mark)
        return must_copy(todo);
    char *quoted = setup_quoted(hook);
    size_t size = strlen(todo) + strlen(quoted) + 1;
    char *text = must_alloc(size);
    snprintf(text, size, "%.*s%s%s", (int)(mark - todo), todo, quoted, mark + sizeof name - 1);
    free(quoted);
    return text;
}

/* ---- one agent ------------------------------------------------------------------------------------------ */

static bool asked_and_granted(void)
{
    char answer[16] = "";
    bool long_line;

    fputs("Change this file? [y/N] ", stdout);
    fflush(stdout);
    if (!fgets(answer, sizeof answer, stdin)) {
        putchar('\n');
        return false;
    }
    long_line = !strchr(answer, '\n');
    for (int c; long_line && (c = getchar()) != EOF && c != '\n';)
        continue;
    return (answer[0] == 'y' || answer[0] == 'Y') &&
           (answer[1] == '\n' || strcmp(answer + 1, "es\n") == 0);
}

static void say_done(const struct run *run, const struct setup_plan *plan)
{
    const struct setup_agent *agent = plan->agent;
    char *backup = setup_backup_path(plan->file.path);

    if (run->remove)
        printf("%s: %s\n", agent->title,
               plan->restores ? plan->after.bytes ? "disconnected; the file is again what it was before"
                                                  : "disconnected; the file is gone, as before"
                              : "disconnected; everything else in the file is as it was");
    else if (plan->file.exists && access(backup, F_OK) == 0)
        printf("%s: connected; the old file is %s\n", agent->title, backup);
    else
        printf("%s: connected\n", agent->title);
    if (!run->remove && agent->todo)
        printf("  still to do: %s\n", agent->todo);
    free(backup);
}

/* Shows the change; 1: carry it out, 0: leave it. */
static int show_and_ask(struct run *run, const struct setup_plan *plan, const char *diff)
{
    if (!run->client->json) {
        printf("%s: %s\n", plan->agent->title, plan->file.path);
        if (strcmp(plan->file.path, plan->file.target) != 0)
            printf("(a link, which stays one; the file is %s)\n", plan->file.target);
        print_diff(run->client, diff);
    }
    if (run->dry || (!run->yes && (run->client->json || !isatty(STDIN_FILENO)))) {
        run->pending++;
        run->unasked += !run->dry && !run->client->json;
        return 0;
    }
    if (run->yes || asked_and_granted())
        return 1;
    printf("%s: left as it is\n", plan->agent->title);
    return 0;
}

static void change(struct run *run, struct setup_plan *plan)
{
    char *diff = setup_diff(plan->file.path, &plan->file.text, &plan->after);

    if (!show_and_ask(run, plan, diff)) {
        if (run->client->json)
            report(run, plan, "would change", diff, run->remove ? NULL : plan->agent->todo);
    } else if (setup_plan_apply(plan) != 0)
        say_refused(run, plan);
    else {
        run->changed++;
        if (run->client->json)
            report(run, plan, "changed", diff, run->remove ? NULL : plan->agent->todo);
        else
            say_done(run, plan);
    }
    if (!run->client->json)
        putchar('\n');
    free(diff);
}

static void by_hand(struct run *run, const struct setup_agent *agent)
{
    const struct setup_plan plan = {.agent = agent};
    char *todo = todo_text(agent, run->hook);

    if (run->client->json)
        report(run, &plan, "by hand", NULL, todo);
    else if (run->remove)
        printf("%s: what was added by hand is taken out by hand: look for quietbell-hook\n",
               agent->title);
    else
        printf("%s: by hand: %s\n", agent->title, todo);
    free(todo);
}

static void one_agent(struct run *run, const struct setup_agent *agent)
{
    struct setup_plan plan;

    run->seen++;
    if (agent->shape == SETUP_HAND) {
        by_hand(run, agent);
        return;
    }
    if (setup_plan_make(&plan, agent, run->hook, run->remove) != 0)
        say_refused(run, &plan);
    else if (plan.change)
        change(run, &plan);
    else if (run->client->json)
        report(run, &plan, "unchanged", NULL, NULL);
    else
        printf("%s: %s (%s)\n", agent->title,
               run->remove ? "is not connected" : "is connected already", plan.file.path);
    setup_plan_clear(&plan);
}

/* Whether an agent is looked at when none is named. */
static bool is_looked_at(const struct run *run, const struct setup_agent *agent)
{
    if (!run->remove)
        return setup_agent_here(agent);
    char *file = agent->shape == SETUP_HAND ? NULL : setup_agent_file(agent);
    bool there = file && access(file, F_OK) == 0;
    free(file);
    return there;
}

static void say_absent(const struct run *run)
{
    char names[256] = "";

    for (const struct setup_agent *a = NULL; (a = setup_agent_next(a));) {
        size_t n = strlen(names);
        if (!is_looked_at(run, a))
            snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", a->name);
    }
    if (run->seen == 0)
        puts(run->remove ? "No agent is connected." : "No agent was found on this machine.");
    if (*names && !run->remove)
        printf("Not on this machine: %s (`quietbell setup --agent NAME` connects one all the same)\n",
               names);
}

/* ---- the command ------------------------------------------------------------------------------------------ */

static int finish(struct run *run)
{
    int code = run->refused || run->unasked ? CLIENT_REFUSED : CLIENT_OK;

    if (run->client->json)
        return client_print_json(
                   json_pack("{s:b, s:o}", "ok", code == CLIENT_OK, "agents", run->report)),
               code;
    if (run->unasked)
        return client_fail(code,
                           "nothing was changed: there is no terminal to ask on; `quietbell setup%s --yes` "
                           "does it without asking",
                           run->remove ? " --remove" : "");
    if (run->dry && run->pending)
        puts("Nothing was changed (--dry-run).");
    else if (run->changed && !run->remove)
        puts("`quietbell doctor` checks that all of it works.");
    return code;
}

static int unknown_agent(const char *name)
{
    const char *names[64];
    int n = 0;
    for (const struct setup_agent *a = NULL; n < 64 && (a = setup_agent_next(a));)
        names[n++] = a->name;
    const char *near = nearest(name, names, n);
    client_fail(CLIENT_USAGE, "no agent \"%s\"%s%s%s", name, near ? "; did you mean " : "",
                near ? near : "", near ? "?" : "");
    fputs("agents:", stderr);
    for (int i = 0; i < n; i++)
        fprintf(stderr, " %s", names[i]);
    fputc('\n', stderr);
    return CLIENT_USAGE;
}

/* A mapping file of the person's own that cannot be read leaves the others as they are. */
static void load_agents(const struct client *client)
{
    struct problems problems = {0};
    if (setup_agents_load(&problems) != 0)
        problems_print(stderr, &problems, client->colour);
    problems_clear(&problems);
}

int client_setup(struct client *client, int argc, char **argv)
{
    const char *name = client_option(client, "agent");
    const struct setup_agent *named = NULL;
    struct run run = {.client = client,
                      .remove = json_object_get(client->options, "remove") != NULL,
                      .dry = json_object_get(client->options, "dry-run") != NULL,
                      .yes = json_object_get(client->options, "yes") != NULL};

    (void)argv;
    if (argc > 0)
        return client_usage(client, "takes no argument; one agent is --agent NAME");
    load_agents(client);
    named = name ? setup_agent_find(name) : NULL;
    if (name && !named)
        return unknown_agent(name);
    char *hook = setup_hook_path();
    if (!hook && !run.remove)
        return client_fail(CLIENT_REFUSED,
                           "quietbell-hook is not beside quietbell: install quietbell again");
    run.hook = hook ? hook : "quietbell-hook";
    run.report = client->json ? json_array() : NULL;
    if (named)
        one_agent(&run, named);
    for (const struct setup_agent *a = NULL; !named && (a = setup_agent_next(a));) {
        if (is_looked_at(&run, a))
            one_agent(&run, a);
    }
    if (!named && !client->json)
        say_absent(&run);
    free(hook);
    return finish(&run);
}
