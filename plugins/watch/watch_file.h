/* watch_file.h - the files that fit a pattern: what is remembered of each, and what is new in it.
 *
 *   seen (a listing, an event) -> dirty -> file_pump() reads it -> told, one message each
 *
 * Regular files of our own user only; no link is followed. */
#ifndef QUIETBELL_WATCH_FILE_H
#define QUIETBELL_WATCH_FILE_H

#include "watch_pattern.h"

struct dir;

enum file_seen {
    SEEN_FIRST,  /* listed at the start: what is old is not told */
    SEEN_LISTED, /* listed later: it is new, or it may have changed */
    SEEN_CHANGED /* an event says so */
};

void files_open(const struct patterns *patterns);
void files_close(void);
/* A name that fits `pattern` is in a directory (`path`), or is not any more. */
void file_seen(struct dir *dir, const char *path, const char *name, int pattern, enum file_seen how);
void file_gone(struct dir *dir, const char *name);
/* The directory is no longer watched: all in it is gone. */
void files_gone(struct dir *dir);
/* Around a listing of everything: what was not seen in it is gone. */
void files_scan_begin(void);
void files_scan_end(void);

/* Reads and tells what is new, as far as the window goes. Milliseconds until it wants to be called again, or -1. */
int file_pump(void);
/* One line for the log: what was left out so far. */
void files_report(void);

#endif
