/* client_stats.c: `quietbell stats`: what a day, or a week, came to (figures.h has the words). It reads the database
 * itself, as `journal export` does, and plays the log again. */
#include "client.h"

#include "host.h"
#include "paths.h"
#include "plain.h"
#include "rules/text.h"
#include "stats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { WEEK = 7, SPANS_MAX = WEEK + 1 }; /* the whole is the last */

struct asked {
    struct stats_span spans[SPANS_MAX];
    int n;
    bool week;
    char title[80];
    bool late;
};

/* ---- words --------------------------------------------------------------------------------------- */

static char *day_text(int64_t wall_ms, char *buf, size_t size)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun",
                                       "Mon", "Tue", "Wed"}; /* of 1970 */
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct moment moment = {.wall_ms = wall_ms};
    host_zone(&moment);
    int64_t day = (wall_ms + INT64_C(1000) * moment.utc_offset_s) / 86400000, left = day;
    int year = 1970, month = 0;
    for (;; year++) {
        int length = 365 + (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
        if (left < length)
            break;
        left -= length;
    }
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    for (; left >= lengths[month] + (leap && month == 1); month++)
        left -= lengths[month] + (leap && month == 1);
    snprintf(buf, size, "%s %d %s %d", days[day % 7], (int)left + 1, months[month], year);
    return buf;
}

static char *minutes_text(int64_t ms, char *buf, size_t size)
{
    snprintf(buf, size, "%lld min", (long long)((ms + 30000) / 60000));
    return buf;
}

static int64_t blocked_ms(const struct figures *figures, bool walled)
{
    int64_t ms = 0;
    for (int i = 0; i < KINDS; i++)
        ms += walled ? figures->kind[i].walled_ms : figures->kind[i].blocked_ms;
    return ms;
}

static int64_t avoided(const struct figures *figures)
{
    return figures->answered + figures->rode_along + figures->gathered + figures->silent + figures->held;
}

/* "…, 3 words": what is not 0. */
static void part(char *buf, size_t size, int64_t n, const char *word)
{
    size_t len = strlen(buf);
    if (n)
        snprintf(buf + len, size - len, "%s%s %lld", len ? ", " : "", word, (long long)n);
}

/* ---- the tables ---------------------------------------------------------------------------------- */

static void line(struct grid *grid, const char *what, const char *value, const char *more)
{
    grid_row(grid);
    grid_set(grid, 0, STYLE_PLAIN, what);
    grid_set(grid, 1, STYLE_BOLD, value);
    grid_set(grid, 2, STYLE_DIM, more);
}

static void count(struct grid *grid, const char *what, int64_t n, const char *more)
{
    char buf[32];
    snprintf(buf, sizeof buf, "%lld", (long long)n);
    line(grid, what, buf, more);
}

static void print_whole(const struct client *client, const struct figures *figures)
{
    struct grid grid;
    char buf[400] = "", value[32], min[32];
    grid_init(&grid, 3, 2);
    part(buf, sizeof buf, figures->carried, "from before");
    part(buf, sizeof buf, figures->open, "open at the end");
    count(&grid, "needs", figures->needs, buf);
    buf[0] = '\0';
    for (int i = 0; i < figures->n_receivers; i++)
        part(buf, sizeof buf, figures->receivers[i].rings, figures->receivers[i].name);
    part(buf, sizeof buf, figures->again, "rang again");
    count(&grid, "interruptions", figures->rings, buf);
    buf[0] = '\0';
    part(buf, sizeof buf, figures->answered, "answered before told");
    part(buf, sizeof buf, figures->rode_along, "rode along");
    part(buf, sizeof buf, figures->gathered, "gathered");
    part(buf, sizeof buf, figures->silent, "silent");
    part(buf, sizeof buf, figures->held, "still held");
    count(&grid, "avoided", avoided(figures), buf);
    count(&grid, "told late", figures->late, "");
    snprintf(buf, sizeof buf, "in %lld session%s, %s of it walled", (long long)figures->sessions,
             figures->sessions == 1 ? "" : "s",
             minutes_text(blocked_ms(figures, true), min, sizeof min));
    line(&grid, "agents blocked", minutes_text(blocked_ms(figures, false), value, sizeof value), buf);
    snprintf(buf, sizeof buf, "in %lld acts", (long long)figures->acts);
    count(&grid, "repository switches", figures->switches, buf);
    grid_print(&grid, stdout, client->width, 0, client->colour);
    grid_release(&grid);
}

static void set_sample(struct grid *grid, int column, struct samples *samples, int percent)
{
    char buf[32];
    grid_set(grid, column, samples->n ? STYLE_PLAIN : STYLE_DIM,
             samples->n ? plain_age(samples_at(samples, percent), buf, sizeof buf) : "-");
}

static void set_count(struct grid *grid, int column, int64_t n)
{
    char buf[32];
    snprintf(buf, sizeof buf, "%lld", (long long)n);
    grid_set(grid, column, STYLE_PLAIN, buf);
}

static void set_heads(struct grid *grid, const char *const *heads)
{
    grid_row(grid);
    for (int c = 0; heads[c]; c++)
        grid_set(grid, c, STYLE_BOLD, heads[c]);
}

static void print_kinds(const struct client *client, struct figures *figures)
{
    static const char *const heads[] = {"KIND",
                                        "NEEDS",
                                        "TOLD",
                                        "BLOCKED",
                                        "OPENED TO ANSWERED",
                                        "90 OF 100 IN",
                                        "TOLD TO ANSWERED",
                                        "90 OF 100 IN",
                                        NULL};
    struct grid grid;
    char buf[32];
    grid_init(&grid, 8, 0);
    set_heads(&grid, heads);
    for (int i = 0; i < KINDS; i++) {
        struct figures_kind *kind = &figures->kind[i];
        if (!kind->needs && !kind->resolved && !kind->blocked_ms)
            continue;
        grid_row(&grid);
        grid_set(&grid, 0, STYLE_PLAIN, word_name(&word_kind, i));
        set_count(&grid, 1, kind->needs);
        set_count(&grid, 2, kind->told);
        grid_set(&grid, 3, STYLE_PLAIN, minutes_text(kind->blocked_ms, buf, sizeof buf));
        set_sample(&grid, 4, &kind->opened, 50);
        set_sample(&grid, 5, &kind->opened, 90);
        set_sample(&grid, 6, &kind->answered, 50);
        set_sample(&grid, 7, &kind->answered, 90);
    }
    if (grid.rows > 1) {
        putchar('\n');
        grid_print(&grid, stdout, client->width, 0, client->colour);
    }
    grid_release(&grid);
}

static void print_days(const struct client *client, struct asked *asked)
{
    static const char *const heads[] = {"DAY",      "NEEDS", "INTERRUPTIONS", "AVOIDED", "BLOCKED",
                                        "SWITCHES", NULL};
    struct grid grid;
    char buf[64];
    grid_init(&grid, 6, 0);
    set_heads(&grid, heads);
    for (int i = 0; i < asked->n - 1; i++) {
        const struct figures *figures = &asked->spans[i].figures;
        grid_row(&grid);
        grid_set(&grid, 0, STYLE_PLAIN, day_text(asked->spans[i].from_wall_ms, buf, sizeof buf));
        set_count(&grid, 1, figures->needs);
        set_count(&grid, 2, figures->rings);
        set_count(&grid, 3, avoided(figures));
        grid_set(&grid, 4, STYLE_PLAIN, minutes_text(blocked_ms(figures, false), buf, sizeof buf));
        set_count(&grid, 5, figures->switches);
    }
    grid_print(&grid, stdout, client->width, 0, client->colour);
    grid_release(&grid);
    putchar('\n');
}

static int print(const struct client *client, struct asked *asked)
{
    struct stats_span *whole = &asked->spans[asked->n - 1];
    if (client->json) {
        json_t *days = json_array();
        for (int i = 0; i < asked->n - 1; i++)
            json_array_append_new(
                days, json_pack("{s:I, s:I, s:o}", "from_ms", (json_int_t)asked->spans[i].from_wall_ms,
                                "until_ms", (json_int_t)asked->spans[i].until_wall_ms, "figures",
                                figures_json(&asked->spans[i].figures)));
        return client_print_json(json_pack("{s:b, s:{s:I, s:I, s:b, s:b, s:o, s:o}}", "ok", 1,
                                           "stats", "from_ms", (json_int_t)whole->from_wall_ms,
                                           "until_ms", (json_int_t)whole->until_wall_ms, "empty",
                                           whole->inputs == 0, "late", asked->late, "figures",
                                           figures_json(&whole->figures), "days", days));
    }
    if (whole->inputs == 0 && whole->figures.open == 0) {
        printf("%s: nothing was recorded.\n", asked->title);
        return CLIENT_OK;
    }
    style_print(stdout, client->colour, STYLE_BOLD, asked->title);
    puts("\n");
    if (asked->week)
        print_days(client, asked);
    print_whole(client, &whole->figures);
    print_kinds(client, &whole->figures);
    if (asked->late)
        puts("\nWhat was before the oldest that is kept is not in it.");
    return CLIENT_OK;
}

/* ---- the command --------------------------------------------------------------------------------- */

static void add_span(struct asked *asked, int64_t from_ms, int64_t until_ms, int64_t now_ms)
{
    asked->spans[asked->n++] = (struct stats_span){
        .from_wall_ms = from_ms, .until_wall_ms = until_ms < now_ms ? until_ms : now_ms};
}

static int ask(struct client *client, struct asked *asked, int64_t now_ms)
{
    const char *day = client_option(client, "day"), *since = client_option(client, "since");
    bool week = json_is_true(json_object_get(client->options, "week"));
    int64_t from_ms = client_instant(since ? since : day ? day : "today");
    char buf[40], clock[40];
    if ((day != NULL) + (since != NULL) + week > 1)
        return client_usage(client, "--day, --week and --since are one or another");
    if (from_ms < 0 || from_ms > now_ms)
        return client_usage(client, "%s is no time of the past: say 2026-11-24, yesterday or 2d",
                            since ? since : day);
    if (week) {
        for (int i = 1 - WEEK; i <= 0; i++)
            add_span(asked, client_midnight(now_ms, i), client_midnight(now_ms, i + 1), now_ms);
        add_span(asked, asked->spans[0].from_wall_ms, now_ms, now_ms);
        snprintf(asked->title, sizeof asked->title, "The last seven days");
    } else if (since) {
        add_span(asked, from_ms, now_ms, now_ms);
        snprintf(asked->title, sizeof asked->title, "Since %s, %s",
                 day_text(from_ms, buf, sizeof buf), client_clock(from_ms, clock, sizeof clock));
    } else {
        from_ms = client_midnight(from_ms, 0);
        add_span(asked, from_ms, client_midnight(from_ms, 1), now_ms);
        snprintf(asked->title, sizeof asked->title, "%s", day_text(from_ms, buf, sizeof buf));
    }
    asked->week = week;
    return CLIENT_OK;
}

int client_stats(struct client *client, int argc, char **argv)
{
    struct asked asked = {0};
    struct paths paths;
    struct store *store = NULL;
    char error[STORE_ERROR_MAX] = "";
    int n, code;
    int64_t now_ms = host_wall_ms();
    (void)argv;
    if (argc > 0)
        return client_usage(client, "takes no argument");
    code = ask(client, &asked, now_ms);
    if (code)
        return code;
    paths_init(&paths);
    const struct noun *const *nouns = rules_nouns(&n);
    int status = paths.database ? store_open_reading(&store, paths.database, nouns, n, error) : -ENOENT;
    if (status == 0)
        status = stats_take(store, asked.spans, asked.n, now_ms, &asked.late, error, sizeof error);
    code = status == 0 || status == -ENOENT ? print(client, &asked)
                                            : client_fail(CLIENT_REFUSED, "%s", error);
    for (int i = 0; i < asked.n; i++)
        figures_clear(&asked.spans[i].figures);
    store_close(store);
    paths_release(&paths);
    return code;
}
