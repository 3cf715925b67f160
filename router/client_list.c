/* client_list.c: `quietbell sessions`, `needs`, `alerts`: one row a thing, all that can be named by an id. */
#include "client.h"

#include "host.h"
#include "plain.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 512, SHORT_ID = 8 };

static bool all_wanted(const struct client *client)
{
    return json_is_true(json_object_get(client->options, "all"));
}

static void heads(struct grid *grid, const char *const *names)
{
    grid_row(grid);
    for (int c = 0; names[c]; c++)
        grid_set(grid, c, STYLE_BOLD, names[c]);
}

static void set_age(struct grid *grid, int column, int64_t since_ms)
{
    char age[32];
    if (since_ms)
        grid_set(grid, column, STYLE_DIM, plain_age(host_wall_ms() - since_ms, age, sizeof age));
}

/* The beginning of an agent's own id: enough to tell sessions apart, and to type. */
static void set_short(struct grid *grid, int column, const char *id)
{
    char cut[SHORT_ID + 1];
    snprintf(cut, sizeof cut, "%s", id);
    grid_set(grid, column, STYLE_PLAIN, plain_line(cut, cut, sizeof cut));
}

static void session_row(struct grid *grid, const json_t *session)
{
    char where[256], text[LINE];
    const json_t *need = json_array_get(json_object_get(session, "needs"), 0);

    grid_row(grid);
    set_short(grid, 0, client_text(session, "session"));
    grid_set(grid, 1, need ? client_style(need) : STYLE_PLAIN, client_text(session, "state"));
    set_age(grid, 2, client_number(session, "since_ms"));
    grid_set(grid, 3, STYLE_PLAIN, client_where(session, where, sizeof where));
    grid_set(grid, 4, STYLE_PLAIN, client_text(session, "agent"));
    grid_set(grid, 5, STYLE_BOLD, client_text(need, "id"));
    grid_set(grid, 6, STYLE_DIM, plain_line(client_text(session, "task"), text, sizeof text));
}

static void need_row(struct grid *grid, const json_t *need)
{
    char where[256], text[LINE], age[LINE];

    grid_row(grid);
    grid_set(grid, 0, STYLE_BOLD, client_text(need, "id"));
    grid_set(grid, 1, client_style(need), client_text(need, "kind"));
    set_age(grid, 2, client_number(need, "opened_ms"));
    grid_set(grid, 3, STYLE_PLAIN, client_where(need, where, sizeof where));
    grid_set(grid, 4, STYLE_PLAIN, client_text(need, "agent"));
    const char *title = client_text(need, "title");
    grid_set(grid, 5, STYLE_PLAIN,
             plain_line(*title ? title : client_text(need, "text"), text, sizeof text));
    grid_set(grid, 6, STYLE_DIM, client_standing(need, age, sizeof age));
}

static void alert_row(struct grid *grid, const json_t *alert)
{
    char text[LINE] = "", number[32];
    size_t i;
    const json_t *id;

    grid_row(grid);
    grid_set(grid, 0, STYLE_BOLD, client_text(alert, "id"));
    grid_set(grid, 1, STYLE_PLAIN, client_text(alert, "receiver"));
    snprintf(number, sizeof number, "%lld", (long long)client_number(alert, "version"));
    grid_set(grid, 2, STYLE_PLAIN, number);
    grid_set(grid, 3, STYLE_PLAIN, client_text(alert, "urgency"));
    grid_set(grid, 4, STYLE_PLAIN, client_text(alert, "delivery"));
    grid_set(grid, 5, STYLE_PLAIN, client_text(alert, "key"));
    json_array_foreach(json_object_get(alert, "needs"), i, id) snprintf(
        text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", json_string_value(id));
    grid_set(grid, 6, STYLE_PLAIN, text);
}

struct list {
    const char *command, *none;
    int flex;
    void (*row)(struct grid *grid, const json_t *item);
    const char *const heads[GRID_COLUMNS];
};

static int print_list(struct client *client, int argc, const struct list *list)
{
    struct grid grid;
    json_t *answer;
    size_t i;
    const json_t *item;
    int columns = 0;

    if (argc > 0)
        return client_usage(client, "takes no argument");
    int code = client_ask_all(client, list->command, all_wanted(client), &answer);
    if (code)
        return code;
    if (client->json)
        return client_print_json(answer);
    const json_t *items = json_object_get(answer, list->command);
    while (list->heads[columns])
        columns++;
    grid_init(&grid, columns, list->flex);
    heads(&grid, list->heads);
    json_array_foreach(items, i, item) list->row(&grid, item);
    if (json_array_size(items) > 0)
        grid_print(&grid, stdout, client->width, 0, client->colour);
    else
        puts(list->none);
    grid_release(&grid);
    json_decref(answer);
    return CLIENT_OK;
}

int client_sessions(struct client *client, int argc, char **argv)
{
    static const struct list list = {
        "sessions",
        "No session.",
        6,
        session_row,
        {"SESSION", "STATE", "SINCE", "WHERE", "AGENT", "NEED", "TASK", NULL}};
    (void)argv;
    return print_list(client, argc, &list);
}

int client_needs(struct client *client, int argc, char **argv)
{
    static const struct list list = {"needs",
                                     "Nothing needs you.",
                                     5,
                                     need_row,
                                     {"NEED", "KIND", "AGE", "WHERE", "AGENT", "WHAT", "STANDS", NULL}};
    (void)argv;
    return print_list(client, argc, &list);
}

int client_alerts(struct client *client, int argc, char **argv)
{
    static const struct list list = {
        "alerts",
        "No alert is open.",
        6,
        alert_row,
        {"ALERT", "RECEIVER", "VERSION", "URGENCY", "DELIVERY", "GROUP", "NEEDS", NULL}};
    (void)argv;
    return print_list(client, argc, &list);
}
