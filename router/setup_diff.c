/* setup_diff.c: two texts as a unified diff. What both begin and end with is set aside; between them the
 * longest common sequence of lines, and where that would cost too much, all of it as one change. */
#include "setup.h"

#include "rules/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 3, TABLE_MAX = 4 << 20 };

struct lines {
    const char **at;
    size_t *len; /* with the line end, if there is one */
    size_t n;
};

static void split(const struct setup_text *text, struct lines *lines)
{
    size_t room = 1;
    for (size_t i = 0; i < text->len; i++)
        room += text->bytes[i] == '\n';
    *lines = (struct lines){must_alloc(room * sizeof(char *)), must_alloc(room * sizeof(size_t)), 0};
    for (size_t i = 0; i < text->len;) {
        const char *end = memchr(text->bytes + i, '\n', text->len - i);
        size_t len = end ? (size_t)(end + 1 - (text->bytes + i)) : text->len - i;
        lines->at[lines->n] = text->bytes + i;
        lines->len[lines->n++] = len;
        i += len;
    }
}

static bool same(const struct lines *a, size_t i, const struct lines *b, size_t j)
{
    return a->len[i] == b->len[j] && memcmp(a->at[i], b->at[j], a->len[i]) == 0;
}

/* Marks the lines of both that the other does not have: [first, last) of each is what is looked at. */
static void compare(const struct lines *a, size_t a_end, const struct lines *b, size_t b_end,
                    size_t first, bool *gone, bool *come)
{
    size_t n = a_end - first, m = b_end - first, row = m + 1;

    if ((n + 1) * row > TABLE_MAX) {
        memset(gone + first, 1, n);
        memset(come + first, 1, m);
        return;
    }
    uint32_t *common = must_alloc((n + 1) * row * sizeof *common);
    for (size_t i = n; i-- > 0;) {
        for (size_t j = m; j-- > 0;) {
            uint32_t down = common[(i + 1) * row + j], right = common[i * row + j + 1];
            common[i * row + j] = same(a, first + i, b, first + j) ? common[(i + 1) * row + j + 1] + 1
                                  : down > right                   ? down
                                                                   : right;
        }
    }
    size_t i = 0, j = 0;
    while (i < n || j < m) {
        if (i < n && j < m && same(a, first + i, b, first + j))
            i++, j++;
        else if (j >= m || (i < n && common[(i + 1) * row + j] >= common[i * row + j + 1]))
            gone[first + i++] = true;
        else
            come[first + j++] = true;
    }
    free(common);
}

static void print_line(FILE *out, char mark, const struct lines *lines, size_t i)
{
    size_t len = lines->len[i];
    bool ended = lines->at[i][len - 1] == '\n';
    fprintf(out, "%c%.*s", mark, (int)len, lines->at[i]);
    if (!ended)
        fputs("\n\\ No newline at end of file\n", out);
}

/* From (i, j), where something changes, on: where the change and all that is close behind it ends. */
static void hunk_end(const struct lines *a, const struct lines *b, const bool *gone,
                     const bool *come, size_t *i, size_t *j)
{
    size_t quiet = 0;
    while ((*i < a->n || *j < b->n) && quiet <= 2 * CONTEXT) {
        bool changed = (*i < a->n && gone[*i]) || (*j < b->n && come[*j]);
        quiet = changed ? 0 : quiet + 1;
        if (*i < a->n && gone[*i])
            ++*i;
        else if (*j < b->n && come[*j])
            ++*j;
        else
            ++*i, ++*j;
    }
    size_t back = quiet > CONTEXT ? quiet - CONTEXT : 0;
    *i -= back;
    *j -= back;
}

static void print_hunk(FILE *out, const struct lines *a, const struct lines *b, const bool *gone,
                       const bool *come, const size_t from[2], const size_t to[2])
{
    size_t i = from[0], j = from[1], n = to[0] - i, m = to[1] - j;

    fprintf(out, "@@ -%zu,%zu +%zu,%zu @@\n", n ? i + 1 : i, n, m ? j + 1 : j, m);
    while (i < to[0] || j < to[1]) {
        if (i < to[0] && gone[i])
            print_line(out, '-', a, i++);
        else if (j < to[1] && come[j])
            print_line(out, '+', b, j++);
        else {
            print_line(out, ' ', a, i++);
            j++;
        }
    }
}

static void print_hunks(FILE *out, const struct lines *a, const struct lines *b, const bool *gone,
                        const bool *come)
{
    for (size_t i = 0, j = 0; i < a->n || j < b->n;) {
        if (!(i < a->n && gone[i]) && !(j < b->n && come[j])) {
            i++, j++;
            continue;
        }
        size_t back = i < CONTEXT ? i : CONTEXT;
        size_t from[2] = {i - back, j - back}, to[2] = {i, j};
        hunk_end(a, b, gone, come, &to[0], &to[1]);
        print_hunk(out, a, b, gone, come, from, to);
        i = to[0];
        j = to[1];
    }
}

char *setup_diff(const char *path, const struct setup_text *before, const struct setup_text *after)
{
    struct lines a, b;
    char *text = NULL;
    size_t size = 0, first = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        abort();
    split(before, &a);
    split(after, &b);
    size_t a_end = a.n, b_end = b.n;
    while (first < a_end && first < b_end && same(&a, first, &b, first))
        first++;
    while (a_end > first && b_end > first && same(&a, a_end - 1, &b, b_end - 1))
        a_end--, b_end--;
    bool *gone = must_alloc(a.n + 1), *come = must_alloc(b.n + 1);
    compare(&a, a_end, &b, b_end, first, gone, come);
    if (!setup_text_same(before, after)) {
        fprintf(out, "--- %s\n", before->bytes ? path : "/dev/null");
        fprintf(out, "+++ %s\n", after->bytes ? path : "/dev/null");
        print_hunks(out, &a, &b, gone, come);
    }
    fclose(out);
    free(gone);
    free(come);
    free(a.at);
    free(a.len);
    free(b.at);
    free(b.len);
    return text;
}
