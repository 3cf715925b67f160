/* problem.c: problems, rendered once when they are set, and the guess at what was meant.
 *
 * The way: problem_set() → excerpt() draws the source line and its caret → render(). nearest() stands
 * alone. Texts come from files, so what is shown is cut and cleaned of control characters here. */
#include "problem.h"

#include "rules/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    EXCERPT_MAX = 100, /* characters of a source line shown */
    BEFORE_MAX = 70,   /* of them before the caret, when the line is longer */
    NAME_MAX_LEN = 64, /* longer texts are no slip of any name */
};

/* Bytes of the UTF-8 character that starts here; the source was checked, a stray byte counts as one. */
static size_t char_len(const char *s)
{
    unsigned char c = (unsigned char)*s;
    size_t want = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    size_t len = 1;
    while (len < want && ((unsigned char)s[len] & 0xc0) == 0x80)
        len++;
    return len;
}

/* Control characters become '?', in place; newlines too. */
static char *clean(char *text)
{
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
        if ((unsigned char)p[0] == 0xc2 && (unsigned char)p[1] >= 0x80 && (unsigned char)p[1] < 0xa0)
            p[0] = p[1] = '?';
    }
    return text;
}

/* "  12 | settle: 2 minutes" over "     |         ^~~~~~~~~"; heap, or NULL if there is nothing to show. */
static char *excerpt(const struct problem_at *at)
{
    if (!at->source || at->line < 1 || at->column < 1)
        return NULL;
    const char *from = at->source, *end = from + strcspn(from, "\r\n");
    int caret = at->caret > 0 ? at->caret : at->column;
    int column = 1, first = caret > EXCERPT_MAX ? caret - BEFORE_MAX : 1;
    for (; column < first && from < end; column++)
        from += char_len(from);

    char *out = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&out, &size);
    if (!file)
        abort();
    fprintf(file, "%5d | %s", at->line, first > 1 ? "…" : "");
    const char *p = from;
    for (int n = 0; p < end && n < EXCERPT_MAX; n++) {
        size_t len = char_len(p);
        if (*p == '\t')
            fputc('\t', file);
        else if ((unsigned char)*p < 0x20 || *p == 0x7f)
            fputc('?', file);
        else
            fwrite(p, 1, len, file);
        p += len;
    }
    fprintf(file, "%s\n      | %s", p < end ? "…" : "", first > 1 ? " " : "");
    for (p = from; column < caret && p < end; column++) {
        fputc(*p == '\t' ? '\t' : ' ', file);
        p += char_len(p);
    }
    fputc('^', file);
    for (int n = 1; n < at->width && n < EXCERPT_MAX - (caret - first) && p < end; n++) {
        p += char_len(p);
        if (p < end)
            fputc('~', file);
    }
    if (fclose(file) != 0)
        abort();
    return out;
}

static char *render(const struct problem *problem, const char *drawn)
{
    char *out = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&out, &size);
    if (!file)
        abort();
    if (problem->line > 0)
        fprintf(file, "%s:%d:%d: ", problem->file, problem->line, problem->column);
    else
        fprintf(file, "%s: ", problem->file);
    if (*problem->key)
        fprintf(file, "%s: ", problem->key);
    fputs(problem->message, file);
    if (drawn)
        fprintf(file, "\n%s", drawn);
    if (*problem->suggestion)
        fprintf(file, "\n%s", problem->suggestion);
    if (fclose(file) != 0)
        abort();
    return out;
}

struct problem *problem_set(struct problems *problems, const struct problem_at *at,
                            const char *suggestion, const char *message, ...)
{
    if (problems->n >= PROBLEMS_MAX) {
        problems->more++;
        return NULL;
    }
    struct problem *problem = &problems->list[problems->n++];
    *problem = (struct problem){
        .file = clean(must_copy(at->file)),
        .line = at->line,
        .column = at->column,
        .key = clean(must_copy(at->key)),
        .suggestion = clean(must_copy(suggestion)),
    };
    va_list args;
    va_start(args, message);
    if (vasprintf(&problem->message, message, args) < 0)
        abort();
    va_end(args);
    clean(problem->message);
    char *drawn = excerpt(at);
    problem->text = render(problem, drawn);
    free(drawn);
    return problem;
}

void problems_clear(struct problems *problems)
{
    for (int i = 0; i < problems->n; i++) {
        struct problem *problem = &problems->list[i];
        free(problem->file);
        free(problem->key);
        free(problem->message);
        free(problem->suggestion);
        free(problem->text);
    }
    memset(problems, 0, sizeof *problems);
}

void problems_sort(struct problems *problems, int from)
{
    for (int i = from + 1; i < problems->n; i++) {
        struct problem moved = problems->list[i];
        int j = i;
        for (; j > from; j--) {
            const struct problem *before = &problems->list[j - 1];
            if (strcmp(before->file, moved.file) != 0 || before->line < moved.line ||
                (before->line == moved.line && before->column <= moved.column))
                break;
            problems->list[j] = *before;
        }
        problems->list[j] = moved;
    }
}

void problem_print(FILE *out, const struct problem *problem, bool colour)
{
    const char *text = problem->text;
    size_t first = strcspn(text, "\n");
    fprintf(out, colour ? "\033[1;31m%.*s\033[0m%s\n" : "%.*s%s\n", (int)first, text, text + first);
}

void problems_print(FILE *out, const struct problems *problems, bool colour)
{
    for (int i = 0; i < problems->n; i++)
        problem_print(out, &problems->list[i], colour);
    if (problems->more > 0)
        fprintf(out, "and %d more\n", problems->more);
}

/* ---- what was meant ------------------------------------------------------------------------------- */

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Slips between two texts of at most NAME_MAX_LEN bytes: one letter more, less, other, or two swapped. */
static int distance(const char *a, const char *b)
{
    int rows[3][NAME_MAX_LEN + 1];
    int n = (int)strlen(a), m = (int)strlen(b);
    int *before = rows[0], *last = rows[1], *now = rows[2];
    for (int j = 0; j <= m; j++)
        last[j] = j;
    for (int i = 1; i <= n; i++) {
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            char p = (char)tolower((unsigned char)a[i - 1]),
                 q = (char)tolower((unsigned char)b[j - 1]);
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (p != q));
            if (i > 1 && j > 1 && p == tolower((unsigned char)b[j - 2]) &&
                q == tolower((unsigned char)a[i - 2]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
        int *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[m];
}

const char *nearest(const char *text, const char *const *names, int n)
{
    size_t len = strlen(text);
    if (len < 2 || len > NAME_MAX_LEN)
        return NULL;
    const char *best = NULL;
    int best_slips = len < 6 ? 2 : (int)len / 3 + 1; /* one more than allowed */
    for (int i = 0; i < n; i++) {
        if (!names[i] || strlen(names[i]) > NAME_MAX_LEN)
            continue;
        size_t shared = strlen(names[i]) < len ? strlen(names[i]) : len;
        int slips = distance(text, names[i]);
        if (shared >= 3 && slips > 1 && strncasecmp(text, names[i], shared) == 0)
            slips = 1; /* "repo", "Monday": the beginning of the one is the other */
        if (slips < best_slips) {
            best_slips = slips;
            best = names[i];
        }
    }
    return best;
}
