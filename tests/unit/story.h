/* story.h: reading "a day as a text file": lines of words, each with its moment, and blocks of YAML.
 * What the words do is test_scenarios.c's. The format is explained in tests/scenarios/README. */
#ifndef TESTS_STORY_H
#define TESTS_STORY_H

#include <stdbool.h>
#include <stdint.h>

enum { STORY_WORDS = 48 };

struct story_line {
    int number; /* in the file, from 1 */
    char *words[STORY_WORDS];
    int n_words;
    bool by;          /* "by 09:00": then or before */
    bool second;      /* "2nd 02:30": the hour that comes twice, the second time */
    int weekday;      /* "Tue 09:00": 0 Monday …; -1: the same day */
    int64_t clock_ms; /* of the local day; -1: header */
    char *block; /* the YAML below a line that ends with ':', or NULL; padded to its line number */
};

struct story {
    const char *file;
    struct story_line *lines;
    int n;
    char *text;
    char problem[256]; /* why it cannot be read, "" if it can */
};

/* Reads a whole file; on a problem story->problem says what and where. */
void story_read(struct story *story, const char *path);
void story_release(struct story *story);

/* "90s", "1h30m"; "HH:MM", "HH:MM:SS", "HH:MM:SS.mmm": milliseconds, or -1. */
int64_t story_duration(const char *text);
int64_t story_clock(const char *text);

#endif
