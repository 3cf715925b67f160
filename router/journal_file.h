/* journal_file.h: the journal as a file: what `quietbell journal export` writes and `quietbell replay` plays. One
 * JSON object a line, in this order:
 *
 *   {"journal":1,"version":"0.1.0","exported_ms":…,"from_ms":…,"seq":BASE,"base":null | HEAD}
 *   {"row":NOUN,"id":N,"fields":{…}}      the state at the base (store.h), if there was one
 *   {"zone":{"utc_offset_s":…,"next_offset_ms":… | null,"next_offset_s":…}}    before the inputs it holds for
 *   {"seq":N,"at_ms":WALL,"steady_ms":…,"type":…,"body":{…}}                   an input (journal.h)
 *   {"now":NOUN,"id":N,"fields":{…}}      the state after the last input, as the daemon had it: to compare with
 *   {"end":N}
 *
 * A reader skips what it does not know. No raw message and no secret is in it; what agents wrote is. */
#ifndef ROUTER_JOURNAL_FILE_H
#define ROUTER_JOURNAL_FILE_H

#include "router/store.h"
#include "rules/rules.h"

#include <jansson.h>
#include <stdio.h>

/* ---- writing ----------------------------------------------------------------------------------- */

struct journal_counts {
    uint64_t base, last; /* numbers: the inputs are those between */
    int64_t inputs, rows;
    int64_t first_wall_ms, last_wall_ms;
    bool late; /* it begins later than was asked for: older inputs are gone */
};

/* Writes all from an instant on. 0, or a negative errno: of the store (store_error() has the sentence), or -EIO:
 * the file cannot be written. -EAGAIN: inputs were let go meanwhile, try again. */
int journal_write(FILE *out, struct store *store, int64_t since_wall_ms, int64_t now_wall_ms,
                  struct journal_counts *counts);

/* ---- reading ----------------------------------------------------------------------------------- */

enum journal_what { JOURNAL_HEAD, JOURNAL_ROW, JOURNAL_INPUT, JOURNAL_NOW, JOURNAL_END };

struct journal_line {
    enum journal_what what;
    int line; /* from 1 */

    /* JOURNAL_INPUT */
    uint64_t seq;
    struct moment moment;
    int type;           /* enum input_type, or INPUT_LOADED */
    struct event event; /* INPUT_EVENT; borrowed */
    struct input input; /* the others (journal_input()); borrowed */

    /* the others: the line; borrowed. Of inputs that are no events: the body. */
    const json_t *json;
};

struct journal_reader {
    FILE *file;
    const char *path;
    char *text;
    size_t size;
    int line;
    struct moment moment; /* the zone of what follows */
    json_t *json;         /* of the last line */
    char problem[240];
};

/* Whether a file begins like one; the file is left at its beginning. */
bool journal_is(FILE *file);
/* Takes over the file. */
void journal_reader_open(struct journal_reader *reader, FILE *file, const char *path);
/* The next line that is known: 1; 0 at the end; -EINVAL with reader->problem, after which it may go on; or another
 * negative errno. */
int journal_read(struct journal_reader *reader, struct journal_line *line);
void journal_reader_close(struct journal_reader *reader);

#endif
