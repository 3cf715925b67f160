/* lines.h: the line protocol of SPEC section 6, written: for programs that stand as candidates, and for traces that
 * are compared with `quietbell step`, byte by byte. */
#ifndef ATTNBENCH_LINES_H
#define ATTNBENCH_LINES_H

#include "candidate.h"

#include <stdio.h>

/* A line each. */
void lines_input(FILE *out, const struct bench_input *input);
void lines_effects(FILE *out, const struct candidate *candidate); /* and the deadline */
/* The input with "> " before it, the answer with "< ". */
void lines_trace(FILE *out, const struct bench_input *input, const struct candidate *candidate);

#endif
