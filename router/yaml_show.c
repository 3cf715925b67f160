/* yaml_show.c: what may be shown, or kept, of a file that may hold secrets.
 *
 * Secret nodes are blanked, and comments beside them too: what stands in a comment was often a secret
 * once. One line for a problem, or the whole file for the record. */
#include "yaml_tree.h"

#include "rules/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- one line, for a problem ---------------------------------------------------------------------- */

const char *yaml_line(const struct yaml *yaml, int line)
{
    const char *start = yaml->text, *end = yaml->text + yaml->len;
    for (int n = 1; n < line && start; n++) {
        start = memchr(start, '\n', (size_t)(end - start));
        if (start)
            start++;
    }
    return line > 0 && start && start < end ? start : NULL;
}

struct mask {
    int line;
    bool region; /* the line holds something that may be secret */
    bool *blank; /* by column, from 1 */
    int n;       /* columns of the line */
};

static void mask_node(struct mask *mask, const struct yaml_node *node)
{
    if (node->secret && node->key_line <= mask->line && mask->line <= node->end_line)
        mask->region = true;
    if (node->secret && node->type == YAML_SCALAR && node->line <= mask->line &&
        mask->line <= node->end_line) {
        int from = node->line == mask->line ? node->column : 1;
        int to = node->end_line == mask->line ? node->end_column : mask->n + 1;
        for (int i = from; i < to && i <= mask->n; i++)
            mask->blank[i] = true;
    }
    for (const struct yaml_node *item = node->first; item; item = item->next)
        mask_node(mask, item);
}

/* Comments are blanked too on a line with secrets: what stands there was often a secret once. */
static void mask_comment(struct mask *mask, const char *text)
{
    char before = ' ';
    bool comment = false;
    for (int i = 1; i <= mask->n; i++, text++) {
        while (((unsigned char)*text & 0xc0) == 0x80)
            text++;
        if (mask->region && *text == '#' && !mask->blank[i] && (before == ' ' || before == '\t'))
            comment = true;
        mask->blank[i] |= comment;
        before = *text;
    }
}

char *yaml_line_shown(const struct yaml *yaml, int line, int *column)
{
    const char *text = yaml_line(yaml, line);
    if (!text)
        return NULL;
    size_t len = strcspn(text, "\r\n");
    struct mask mask = {.line = line};
    for (size_t i = 0; i < len; i++)
        mask.n += ((unsigned char)text[i] & 0xc0) != 0x80;
    mask.blank = must_alloc((size_t)mask.n + 2);
    if (yaml->root)
        mask_node(&mask, yaml->root);
    mask_comment(&mask, text);

    char *out = must_alloc(len + 3 * (size_t)mask.n + 1), *p = out;
    int moved = 0;
    bool before = false;
    for (int i = 1; i <= mask.n; i++) {
        size_t step = 1;
        while (((unsigned char)text[step] & 0xc0) == 0x80)
            step++;
        if (!mask.blank[i]) {
            memcpy(p, text, step);
            p += step;
        } else if (!before) {
            p = stpcpy(p, "***");
            moved += i < *column ? 2 : 0;
        } else if (i < *column) {
            moved--;
        }
        before = mask.blank[i];
        text += step;
    }
    *p = 0;
    *column += moved;
    free(mask.blank);
    return out;
}

/* ---- the whole file, for the record --------------------------------------------------------------- */

struct blanking {
    const struct yaml *yaml;
    FILE *out;
    const char *at; /* copied up to here */
    const char *line_start;
    int line; /* of line_start */
};

/* The byte at a line and column; lines only rise from call to call. */
static const char *seek(struct blanking *b, int line, int column)
{
    const char *end = b->yaml->text + b->yaml->len;
    for (const char *newline; b->line < line; b->line++) {
        newline = memchr(b->line_start, '\n', (size_t)(end - b->line_start));
        if (!newline)
            return end;
        b->line_start = newline + 1;
    }
    const char *p = b->line_start;
    for (int i = 1; i < column && p < end && *p != '\n'; i++) {
        p++;
        while (p < end && ((unsigned char)*p & 0xc0) == 0x80)
            p++;
    }
    return p;
}

static void copy_value(struct blanking *b, const char *to)
{
    if (to > b->at) {
        fwrite(b->at, 1, (size_t)(to - b->at), b->out);
        b->at = to;
    }
}

/* Copies what stands between two values, without comments and blanks at the ends of lines. */
static void copy_between(struct blanking *b, const char *to)
{
    bool comment = false;
    for (const char *p = b->at; p < to; p++) {
        bool end = *p == '\n' || *p == '\r';
        if (end || (*p == '#' && (p == b->yaml->text || strchr(" \t\r\n", p[-1]))))
            comment = !end;
        if (end || comment)
            b->at = p; /* drops the blanks before it */
        if (!comment && *p != ' ' && *p != '\t')
            copy_value(b, p + 1);
    }
    if (comment)
        b->at = to;
    copy_value(b, to);
}

/* Copies the line ends up to a byte and, if so wished, the blanks. */
static void copy_lines(struct blanking *b, const char *to, bool blanks)
{
    bool start = blanks;
    for (; b->at < to; b->at++) {
        start = start && *b->at == ' ';
        if (*b->at == '\n' || start)
            fputc(*b->at, b->out);
    }
}

/* Puts a word in the place of a secret value, in the same layout: as many lines, as far indented, as
 * quoted, so that whatever could stand around the value still can. */
static void blank_value(struct blanking *b, const char *to)
{
    char quote = (*b->at == '"' || *b->at == '\'') ? *b->at : 0;
    const char *last = memrchr(b->at, '\n', (size_t)(to - b->at));
    fprintf(b->out, "%.1shidden", quote ? &quote : "");
    if (last) {
        copy_lines(b, last + 1, false);
        copy_lines(b, to, true);
        fputs("hidden", b->out);
    }
    fprintf(b->out, "%.1s", quote ? &quote : "");
    b->at = to;
}

static void blank_node(struct blanking *b, const struct yaml_node *node)
{
    if (node->key && *node->key) { /* a # in a quoted key is no comment */
        copy_between(b, seek(b, node->key_line, node->key_column));
        int n = 0;
        for (const char *p = node->key; *p; p++)
            n += ((unsigned char)*p & 0xc0) != 0x80;
        copy_value(b, seek(b, node->key_line, node->key_column + n));
    }
    if (node->type == YAML_SCALAR && !yaml_null(node)) {
        copy_between(b, seek(b, node->line, node->column));
        const char *to = seek(b, node->end_line, node->end_column);
        if (to <= b->at)
            return; /* "" */
        if (node->secret)
            blank_value(b, to);
        else
            copy_value(b, to);
    }
    for (const struct yaml_node *item = node->first; item; item = item->next)
        blank_node(b, item);
}

char *yaml_blanked(const struct yaml *yaml)
{
    char *out = NULL;
    size_t size = 0;
    struct blanking b = {.yaml = yaml, .at = yaml->text, .line_start = yaml->text, .line = 1};
    b.out = open_memstream(&out, &size);
    if (!b.out)
        abort();
    blank_node(&b, yaml->root);
    copy_between(&b, yaml->text + yaml->len);
    if (fclose(b.out) != 0)
        abort();
    return out;
}
