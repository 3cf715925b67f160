/* grid.h: aligned columns for a terminal or a pipe. */
#ifndef ROUTER_GRID_H
#define ROUTER_GRID_H

#include <stdbool.h>
#include <stdio.h>

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_RED, STYLE_YELLOW, STYLE_GREEN, STYLES };

enum { GRID_COLUMNS = 12 };

struct grid {
    int columns;
    int flex; /* the column that gives way when the terminal is narrow; then the last ones go */
    int rows, room;
    struct grid_row *row;
};

void grid_init(struct grid *grid, int columns, int flex);
void grid_release(struct grid *grid);

/* A new row of empty cells. */
void grid_row(struct grid *grid);
/* Sets a cell of the last row; the text is copied, and inert by the caller. */
void grid_set(struct grid *grid, int column, enum style style, const char *text);
/* A line of its own between rows, across all columns. */
void grid_heading(struct grid *grid, enum style style, const char *text);

/* width 0: no limit. `indent` spaces before each row, none before headings. */
void grid_print(const struct grid *grid, FILE *out, int width, int indent, bool colour);

/* A text in a style. */
void style_print(FILE *out, bool colour, enum style style, const char *text);

#endif
