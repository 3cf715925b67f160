/* grid.c: aligned columns. See grid.h. */
#include "grid.h"

#include "plain.h"
#include "rules/text.h"

#include <stdlib.h>
#include <string.h>

enum { GAP = 2, FLEX_MIN = 12, CELL_MIN = 4, CELL_MAX = 4096 };

struct grid_row {
    bool heading; /* only cell 0 is used */
    char *cell[GRID_COLUMNS];
    enum style style[GRID_COLUMNS];
};

void grid_init(struct grid *grid, int columns, int flex)
{
    *grid = (struct grid){.columns = columns, .flex = flex};
}

void grid_release(struct grid *grid)
{
    for (int i = 0; i < grid->rows; i++) {
        for (int c = 0; c < GRID_COLUMNS; c++)
            free(grid->row[i].cell[c]);
    }
    free(grid->row);
    memset(grid, 0, sizeof *grid);
}

void grid_row(struct grid *grid)
{
    if (grid->rows == grid->room) {
        grid->room = grid->room ? grid->room * 2 : 16;
        grid->row = must_grow(grid->row, (size_t)grid->room * sizeof *grid->row);
    }
    memset(&grid->row[grid->rows++], 0, sizeof *grid->row);
}

void grid_set(struct grid *grid, int column, enum style style, const char *text)
{
    struct grid_row *row = &grid->row[grid->rows - 1];
    free(row->cell[column]);
    row->cell[column] = must_copy(text);
    row->style[column] = style;
}

void grid_heading(struct grid *grid, enum style style, const char *text)
{
    grid_row(grid);
    grid_set(grid, 0, style, text);
    grid->row[grid->rows - 1].heading = true;
}

void style_print(FILE *out, bool colour, enum style style, const char *text)
{
    static const char *const codes[STYLES] = {"",         "\033[1m",  "\033[2m",
                                              "\033[31m", "\033[33m", "\033[32m"};
    bool coloured = colour && style != STYLE_PLAIN && *text;
    fprintf(out, "%s%s%s", coloured ? codes[style] : "", text, coloured ? "\033[0m" : "");
}

static const char *cell_of(const struct grid_row *row, int column)
{
    return row->cell[column] ? row->cell[column] : "";
}

/* Takes columns from the widest until all fit, or nothing more can be taken. */
static void squeeze(int widths[GRID_COLUMNS], int columns, int over)
{
    for (; over > 0; over--) {
        int widest = 0;
        for (int c = 1; c < columns; c++)
            widest = widths[c] > widths[widest] ? c : widest;
        if (widths[widest] <= CELL_MIN)
            return;
        widths[widest]--;
    }
}

/* The width of each column, 0 for those left out. */
static void measure(const struct grid *grid, int width, int indent, int widths[GRID_COLUMNS])
{
    int total = indent;

    for (int c = 0; c < grid->columns; c++) {
        widths[c] = 0;
        for (int i = 0; i < grid->rows; i++) {
            int w = grid->row[i].heading ? 0 : plain_width(cell_of(&grid->row[i], c));
            widths[c] = w > widths[c] ? w : widths[c];
        }
        total += widths[c] ? widths[c] + GAP : 0;
    }
    total -= GAP;
    for (int c = grid->columns - 1; width > 0 && total > width; c--) {
        int *flex = &widths[grid->flex], over = total - width;
        int gives = *flex - over >= FLEX_MIN ? over : *flex > FLEX_MIN ? *flex - FLEX_MIN : 0;
        if (gives >= over || c <= grid->flex) {
            *flex -= gives;
            squeeze(widths, grid->columns, over - gives);
            return;
        }
        total -= widths[c] ? widths[c] + GAP : 0;
        widths[c] = 0;
    }
}

static void print_row(const struct grid_row *row, FILE *out, const int widths[GRID_COLUMNS],
                      int columns, int indent, bool colour)
{
    int owed = indent; /* spaces before the next text: none are left at the end of a line */

    for (int c = 0; c < columns; c++) {
        char cut[CELL_MAX];
        if (!widths[c])
            continue;
        plain_cut(cell_of(row, c), widths[c], cut, sizeof cut);
        if (*cut) {
            fprintf(out, "%*s", owed, "");
            style_print(out, colour, row->style[c], cut);
            owed = 0;
        }
        owed += widths[c] - plain_width(cut) + GAP;
    }
    fputc('\n', out);
}

void grid_print(const struct grid *grid, FILE *out, int width, int indent, bool colour)
{
    int widths[GRID_COLUMNS];

    measure(grid, width, indent, widths);
    for (int i = 0; i < grid->rows; i++) {
        const struct grid_row *row = &grid->row[i];
        if (row->heading) {
            style_print(out, colour, row->style[0], cell_of(row, 0));
            fputc('\n', out);
        } else
            print_row(row, out, widths, grid->columns, indent, colour);
    }
}
