/* compare.c: see compare.h. */
#include "router/compare.h"

#include "router/grid.h"
#include "router/plain.h"
#include "rules/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAME_MS = 1000, PIPE_WIDTH = 140, TIME_WIDTH = 14, GAP_WIDTH = 3, WIDTH_MIN = 24 };

struct compare_cell {
    int side;
    int64_t wall_ms;
    int32_t utc_offset_s;
    uint64_t need_id;
    bool audible;
    char text[200];
};

/* ---- the time line ------------------------------------------------------------------------------- */

static char *time_text(const struct compare_cell *cell, char *buf, size_t size)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun",
                                       "Mon", "Tue", "Wed"}; /* of 1970 */
    int64_t local_s = cell->wall_ms / 1000 + cell->utc_offset_s;
    snprintf(buf, size, "%s %02d:%02d:%02d", days[(local_s / 86400 % 7 + 7) % 7],
             (int)(local_s / 3600 % 24), (int)(local_s / 60 % 60), (int)(local_s % 60));
    return buf;
}

static int column_width(const struct compare *compare)
{
    int width = ((compare->width ? compare->width : PIPE_WIDTH) - TIME_WIDTH - GAP_WIDTH) / 2;
    return width > WIDTH_MIN ? width : WIDTH_MIN;
}

static void print_cell(const struct compare *compare, const struct compare_cell *cell, int pad)
{
    char cut[400];
    int width = column_width(compare);
    plain_cut(cell ? cell->text : "", width, cut, sizeof cut);
    style_print(stdout, compare->colour, cell && cell->audible ? STYLE_YELLOW : STYLE_DIM, cut);
    if (pad)
        printf("%*s", width - plain_width(cut) + GAP_WIDTH, " | ");
}

static void print_heads(struct compare *compare)
{
    char cut[COMPARE_SIDES][200];
    int width = column_width(compare);
    compare->headed = true;
    for (int side = 0; side < COMPARE_SIDES; side++)
        plain_cut(compare->names[side], width, cut[side], sizeof cut[side]);
    printf("%-*s", TIME_WIDTH, "");
    style_print(stdout, compare->colour, STYLE_BOLD, cut[0]);
    printf("%*s", width - plain_width(cut[0]) + GAP_WIDTH, " | ");
    style_print(stdout, compare->colour, STYLE_BOLD, cut[1]);
    putchar('\n');
}

static void print_row(struct compare *compare, const struct compare_cell *left,
                      const struct compare_cell *right)
{
    char time[32];
    if (!compare->headed)
        print_heads(compare);
    printf("%-*s", TIME_WIDTH, time_text(left ? left : right, time, sizeof time));
    print_cell(compare, left, 1);
    print_cell(compare, right, 0);
    putchar('\n');
    compare->rows++;
    compare->same += left && right;
}

/* Those of one need within a second stand in one row. */
static void flush(struct compare *compare)
{
    for (int i = 0; i < compare->n; i++) {
        struct compare_cell *cell = &compare->cells[i], *pair = NULL;
        if (cell->side < 0)
            continue;
        for (int k = i + 1; k < compare->n && !pair; k++) {
            if (compare->cells[k].side == 1 - cell->side && compare->cells[k].need_id == cell->need_id)
                pair = &compare->cells[k];
        }
        print_row(compare, cell->side == 0 ? cell : pair, cell->side == 0 ? pair : cell);
        if (pair)
            pair->side = -1;
    }
    compare->n = 0;
}

void compare_told(struct compare *compare, int side, const struct rules *rules,
                  const struct moment *now, const struct figures_told *told, uint64_t need_id)
{
    const struct alert *alert = rules_alert_find(rules, told->alert_id);
    const struct need *need = rules_need_find(rules, told->need_id);
    const struct receiver *receiver = alert ? rules_receiver_at(rules, (int)alert->receiver) : NULL;
    char title[120], where[64], more[24] = "";
    if (compare->n && now->wall_ms - compare->cells[0].wall_ms > SAME_MS)
        flush(compare);
    if (compare->n == compare->room) {
        compare->room = compare->room ? compare->room * 2 : 16;
        compare->cells = must_grow(compare->cells, (size_t)compare->room * sizeof *compare->cells);
    }
    struct compare_cell *cell = &compare->cells[compare->n++];
    *cell = (struct compare_cell){.side = side,
                                  .wall_ms = now->wall_ms,
                                  .utc_offset_s = now->utc_offset_s,
                                  .need_id = need_id,
                                  .audible = told->audible};
    if (told->told > 1)
        snprintf(more, sizeof more, " (+%d)", told->told - 1);
    snprintf(cell->text, sizeof cell->text, "%.20s %s%s: %s %s%s  %s",
             receiver ? receiver->name : "?", told->audible ? "rings" : "silent",
             told->told ? "" : " again", need ? word_name(&word_kind, (int)need->kind) : "",
             need ? plain_line(session_where(need->session), where, sizeof where) : "", more,
             need ? plain_line(need_reason(need)->title, title, sizeof title) : "");
}

/* ---- the table ----------------------------------------------------------------------------------- */

static void row(struct grid *grid, const char *what, int64_t left, int64_t right)
{
    char buf[32];
    grid_row(grid);
    grid_set(grid, 0, STYLE_PLAIN, what);
    for (int side = 0; side < COMPARE_SIDES; side++) {
        int64_t value = side ? right : left;
        enum style style = left == right                   ? STYLE_PLAIN
                           : value < (side ? left : right) ? STYLE_GREEN
                                                           : STYLE_YELLOW;
        snprintf(buf, sizeof buf, "%lld", (long long)value);
        grid_set(grid, 1 + side, style, buf);
    }
}

static void waiting_row(struct grid *grid, int kind, struct figures *sides[COMPARE_SIDES])
{
    char what[64], text[96], mean[32], most[32];
    snprintf(what, sizeof what, "  %s", word_name(&word_kind, kind));
    grid_row(grid);
    grid_set(grid, 0, STYLE_PLAIN, what);
    for (int side = 0; side < COMPARE_SIDES; side++) {
        const struct samples *untold = &sides[side]->kind[kind].untold;
        if (untold->n == 0) {
            grid_set(grid, 1 + side, STYLE_DIM, "none told");
            continue;
        }
        snprintf(text, sizeof text, "%s, longest %s (%d told)",
                 plain_age(samples_mean(untold), mean, sizeof mean),
                 plain_age(untold->most, most, sizeof most), untold->n);
        grid_set(grid, 1 + side, STYLE_PLAIN, text);
    }
}

static void fill(struct grid *grid, const struct compare *compare, struct figures *sides[COMPARE_SIDES])
{
    struct figures *a = sides[0], *b = sides[1];
    grid_row(grid);
    for (int side = 0; side < COMPARE_SIDES; side++)
        grid_set(grid, 1 + side, STYLE_BOLD, compare->names[side]);
    row(grid, "needs", a->needs, b->needs);
    row(grid, "interruptions (rings)", a->rings, b->rings);
    row(grid, "silent alerts", a->silent_alerts, b->silent_alerts);
    row(grid, "told late", a->late, b->late);
    row(grid, "never told: answered before", a->answered, b->answered);
    row(grid, "never told: still held", a->held, b->held);
    grid_row(grid);
    grid_set(grid, 0, STYLE_PLAIN, "waited until told, mean");
    for (int kind = 0; kind < KINDS; kind++) {
        if (a->kind[kind].needs || b->kind[kind].needs)
            waiting_row(grid, kind, sides);
    }
}

void compare_end(struct compare *compare, struct figures *sides[COMPARE_SIDES])
{
    struct grid grid;
    flush(compare);
    if (!compare->headed)
        puts("Nothing was told, under either.");
    putchar('\n');
    grid_init(&grid, 1 + COMPARE_SIDES, 1);
    fill(&grid, compare, sides);
    grid_print(&grid, stdout, compare->width, 0, compare->colour);
    grid_release(&grid);
    free(compare->cells);
    compare->cells = NULL;
}
