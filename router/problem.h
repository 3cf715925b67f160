/* problem.h: what is wrong in a file that a person wrote, where, and what they may have meant.
 *
 * Parsers fill a struct problems (at most PROBLEMS_MAX, the rest is counted) and never print. A problem
 * is rendered when it is set, because the text it points into is gone later:
 *
 *     quietbell.yaml:7:15: rules[2].set.settle: "2 minutes" is no duration
 *         settle: 2 minutes
 *                 ^
 *     did you mean 2m? */
#ifndef ROUTER_PROBLEM_H
#define ROUTER_PROBLEM_H

#include "rules/word.h"

#include <stdbool.h>
#include <stdio.h>

enum { PROBLEMS_MAX = 20 };

struct problem {
    char *file;       /* as given: a path, or "preset eager" */
    int line, column; /* from 1, columns in characters; 0: the file as a whole */
    char *key;        /* "rules[2].set.settle" (from 1); "" at the top */
    char *message;    /* one sentence, no position, no full stop */
    char *suggestion; /* "did you mean settle?", "chmod 600 slack.url", or "" */
    char *text;       /* all of it rendered, several lines, without a last newline */
};

struct problems {
    struct problem list[PROBLEMS_MAX];
    int n;
    int more; /* problems beyond the list */
};

/* All zero is an empty list too. clear frees what is in it and leaves it empty. */
void problems_clear(struct problems *problems);

/* Where a problem is. Everything is copied by problem_set(). */
struct problem_at {
    const char *file;
    int line, column;
    const char *key;
    const char *source; /* the line of the file, ended by NUL or newline; NULL: not to be shown */
    int caret;          /* column in `source`, where that was altered; 0: `column` */
    int width;          /* of what is pointed at, in characters; 0 or 1: one caret */
};

/* Adds one. `suggestion` may be NULL. message is a format. Returns the problem, or NULL if the list was
 * full. Never put a secret into any of it. */
struct problem *problem_set(struct problems *problems, const struct problem_at *at,
                            const char *suggestion, const char *message, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts the problems from the `from`-th on in the order of their places, each file's together. */
void problems_sort(struct problems *problems, int from);

/* Writes them as text, with a newline after each; red first lines if `colour`. */
void problem_print(FILE *out, const struct problem *problem, bool colour);
void problems_print(FILE *out, const struct problems *problems, bool colour);

/* The name of the n names (NULLs are skipped) that is nearest to a text mistyped, or NULL if none is near:
 * at most one slip in three letters, where a swap of neighbours is one slip and case is none. */
const char *nearest(const char *text, const char *const *names, int n);

#endif
