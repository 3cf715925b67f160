/* replay_journal.h: `quietbell replay` of a journal (journal_file.h): the past exactly as it was, or beside it what
 * it would have been under another configuration. For replay.c only. */
#ifndef ROUTER_REPLAY_JOURNAL_H
#define ROUTER_REPLAY_JOURNAL_H

#include <stdbool.h>
#include <stdio.h>

struct replay_journal {
    const char *path;   /* of the journal */
    const char *config; /* the other configuration, or NULL */
    bool json, colour;
    int width; /* of the terminal, 0: a pipe */
};

/* Plays it; takes over the file. Returns the exit code: 0; 1 the file or the configuration has problems, or what came
 * out is not what the daemon had. */
int replay_journal(const struct replay_journal *order, FILE *file);

#endif
