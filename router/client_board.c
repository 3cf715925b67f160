/* client_board.c: `quietbell status`: the board, what to do next, and what is wrong with the daemon. */
#include "client.h"

#include "host.h"
#include "plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1024 };

static bool same_group(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"host", "where", "worktree", "branch"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(client_text(a, keys[i]), client_text(b, keys[i])) != 0)
            return false;
    }
    return true;
}

static const json_t *need_of(const json_t *session)
{
    return json_array_get(json_object_get(session, "needs"), 0);
}

/* A need that still wants the person: neither acknowledged nor snoozed. */
static bool wants(const json_t *need)
{
    return need && strcmp(client_text(need, "state"), "open") == 0;
}

/* kind, state or "silent" | age | what | agent | id | where it stands */
static void board_row(struct grid *grid, const json_t *session)
{
    const json_t *need = need_of(session);
    char text[LINE], age[32];
    int64_t silent_ms = need ? 0 : client_number(session, "silent_ms");
    int64_t since_ms = need ? client_number(need, "opened_ms") : client_number(session, "since_ms");
    const char *what = client_text(need, "title");

    grid_row(grid);
    grid_set(grid, 0,
             need        ? client_style(need)
             : silent_ms ? STYLE_PLAIN
                         : STYLE_DIM,
             silent_ms ? "silent" : client_text(need ? need : session, need ? "kind" : "state"));
    grid_set(grid, 1, STYLE_DIM,
             plain_age(silent_ms ? silent_ms : host_wall_ms() - since_ms, age, sizeof age));
    what = *what ? what : client_text(need, "text");
    what = *what ? what : client_text(session, "task");
    grid_set(grid, 2, need ? STYLE_PLAIN : STYLE_DIM, plain_line(what, text, sizeof text));
    grid_set(grid, 3, STYLE_DIM, client_text(session, "agent"));
    if (!need)
        return;
    grid_set(grid, 4, STYLE_BOLD, client_text(need, "id"));
    grid_set(grid, 5, STYLE_DIM, client_standing(need, text, sizeof text));
}

/* Every session under its repository and worktree; groups in the order of their first session. */
static void print_board(const struct client *client, const json_t *sessions)
{
    struct grid grid;
    size_t n = json_array_size(sessions);
    bool *done = calloc(n + 1, sizeof *done);
    char where[256];

    if (!done)
        abort();
    grid_init(&grid, 6, 2);
    for (size_t i = 0; i < n; i++) {
        const json_t *first = json_array_get(sessions, i);
        if (done[i])
            continue;
        if (i > 0)
            grid_heading(&grid, STYLE_PLAIN, "");
        grid_heading(&grid, STYLE_BOLD, client_where(first, where, sizeof where));
        for (size_t j = i; j < n; j++) {
            const json_t *session = json_array_get(sessions, j);
            if (done[j] || !same_group(first, session))
                continue;
            done[j] = true;
            board_row(&grid, session);
        }
    }
    grid_print(&grid, stdout, client->width, 2, client->colour);
    grid_release(&grid);
    free(done);
}

static void print_summary(const struct client *client, const json_t *status, const json_t *sessions)
{
    size_t i, n = json_array_size(sessions) + (size_t)client_number(status, "more"), open = 0,
              quiet = 0;
    const json_t *session;
    char text[160];

    json_array_foreach(sessions, i, session)
    {
        open += wants(need_of(session));
        quiet += need_of(session) && !wants(need_of(session));
    }
    if (n == 0) {
        puts("No session yet. `quietbell setup` connects your agents; a session is here when its agent next speaks.");
        return;
    }
    if (open)
        snprintf(text, sizeof text, "%zu of %zu session%s need%s you.", open, n, n == 1 ? "" : "s",
                 open == 1 ? "s" : "");
    else
        snprintf(text, sizeof text, "Nothing needs you. %zu session%s.", n, n == 1 ? "" : "s");
    style_print(stdout, client->colour, STYLE_BOLD, text);
    if (quiet)
        printf(" %zu acknowledged or snoozed.", quiet);
    puts("\n");
}

/* The first need in the daemon's order, and what a person does about it. */
static void print_next(const struct client *client, const json_t *sessions)
{
    size_t i;
    const json_t *session;
    char where[256], title[512], todo[160], line[LINE], cut[LINE];

    json_array_foreach(sessions, i, session)
    {
        const json_t *need = need_of(session);
        if (!wants(need))
            continue;
        plain_line(client_text(need, "title"), title, sizeof title);
        snprintf(line, sizeof line, "%s  %s in %s%s%s", client_text(need, "id"),
                 client_text(need, "kind"), client_where(need, where, sizeof where),
                 *title ? ": " : "", title);
        putchar('\n');
        style_print(stdout, client->colour, STYLE_BOLD, "Next: ");
        puts(client->width > 20 ? plain_cut(line, client->width - 6, cut, sizeof cut) : line);
        printf("      %s; or quietbell ack %s\n", client_todo(need, todo, sizeof todo),
               client_text(need, "id"));
        return;
    }
}

/* Under a heading that is printed once. */
static void print_trouble(const struct client *client, bool *headed, const char *what,
                          const char *todo, int64_t since_ms)
{
    char age[32];

    if (!*headed) {
        putchar('\n');
        style_print(stdout, client->colour, STYLE_BOLD, "Troubles of quietbelld:");
        putchar('\n');
    }
    *headed = true;
    fputs("  ", stdout);
    style_print(stdout, client->colour, STYLE_RED, what);
    if (since_ms)
        printf(" (%s)", plain_age(host_wall_ms() - since_ms, age, sizeof age));
    if (*todo)
        printf(" — %s", todo);
    putchar('\n');
}

/* Whether a listed trouble's key begins with a word, or ends with a name. */
static bool is_listed(const json_t *troubles, const char *begin, const char *end)
{
    size_t i;
    const json_t *trouble;
    json_array_foreach(troubles, i, trouble)
    {
        const char *key = client_text(trouble, "key");
        size_t len = strlen(key), n = strlen(end);
        if (strncmp(key, begin, strlen(begin)) == 0 && len >= n && strcmp(key + len - n, end) == 0)
            return true;
    }
    return false;
}

/* What is wrong with the daemon itself; a bad configuration and a receiver that is down are, whether or
 * not somebody listed them. */
static void print_troubles(const struct client *client, const json_t *status)
{
    const json_t *troubles = json_object_get(status, "troubles"),
                 *config = json_object_get(status, "config");
    const json_t *item;
    bool headed = false;
    char what[LINE];
    size_t i;

    json_array_foreach(troubles, i, item)
        print_trouble(client, &headed, client_text(item, "what"), client_text(item, "todo"),
                      client_number(item, "since_ms"));
    if (client_number(status, "troubles_more"))
        printf("  and %lld more\n", (long long)client_number(status, "troubles_more"));
    if (*client_text(config, "problem") && !is_listed(troubles, "config", "")) {
        snprintf(what, sizeof what,
                 "the configuration has a problem, so the rules before it stay in force: %s",
                 client_text(config, "problem"));
        print_trouble(client, &headed, what, "mend it (`quietbell check`), then `quietbell reload`", 0);
    }
    json_array_foreach(json_object_get(status, "receivers"), i, item)
    {
        const char *name = client_text(item, "receiver"), *reason = client_text(item, "trouble");
        if (client_flag(item, "up") || is_listed(troubles, "", name))
            continue;
        snprintf(what, sizeof what, "receiver %s is down: %s", name,
                 *reason ? reason : "it gave no reason");
        print_trouble(client, &headed, what, "", client_number(item, "down_ms"));
    }
}

/* A focus that is on because something else is. */
static bool print_follows(const char *by)
{
    static const char *const follows[][2] = {{"presence", ", as long as you are away"},
                                             {"desktop", ", as the desktop's own switch is"},
                                             {"microphone", ", as long as a microphone is in use"}};
    for (size_t i = 0; i < sizeof follows / sizeof *follows; i++) {
        if (strcmp(by, follows[i][0]) == 0) {
            puts(follows[i][1]);
            return true;
        }
    }
    return false;
}

void client_print_focus(const struct client *client, const json_t *focuses)
{
    size_t i;
    const json_t *focus;
    char clock[32];

    json_array_foreach(focuses, i, focus)
    {
        if (!client_flag(focus, "on"))
            continue;
        fputs("Focus: ", stdout);
        style_print(stdout, client->colour, STYLE_BOLD, client_text(focus, "focus"));
        const char *by = client_text(focus, "by");
        if (print_follows(by))
            continue;
        if (client_number(focus, "until_ms"))
            printf(" until %s", client_clock(client_number(focus, "until_ms"), clock, sizeof clock));
        else
            printf(", until `quietbell focus off %s`", client_text(focus, "focus"));
        printf(" (by %s)\n", by);
    }
}

int client_status(struct client *client, int argc, char **argv)
{
    json_t *answer;
    (void)argv;

    if (argc > 0)
        return client_usage(client, "takes no argument");
    int code = client_ask(client, client_command("status"), &answer);
    if (code)
        return code;
    if (client->json)
        return client_print_json(answer);
    const json_t *status = json_object_get(answer, "status"),
                 *sessions = json_object_get(status, "sessions");
    print_summary(client, status, sessions);
    print_board(client, sessions);
    if (client_number(status, "more"))
        printf("… and %lld more sessions: quietbell sessions\n",
               (long long)client_number(status, "more"));
    print_next(client, sessions);
    bool focus = false;
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(status, "focus"), i, item) focus |= client_flag(item, "on");
    if (focus)
        putchar('\n');
    client_print_focus(client, json_object_get(status, "focus"));
    print_troubles(client, status);
    json_decref(answer);
    return CLIENT_OK;
}
