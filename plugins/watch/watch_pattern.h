/* watch_pattern.h - which files are watched, and how each is read: the entries of hello's settings. */
#ifndef QUIETBELL_WATCH_PATTERN_H
#define QUIETBELL_WATCH_PATTERN_H

#include <jansson.h>
#include <stdbool.h>

enum watch_format {
    WATCH_JSON,  /* a whole file of JSON, whenever it changed */
    WATCH_LINES, /* each new line, which is JSON */
    WATCH_LOG,   /* each new line, which is text */
    WATCH_NAME   /* that it is there; it is never opened */
};

/* "/home/me/.claude/projects/" + "*" + "/" + "*.jsonl": segments between slashes, with * ? [ ] in them. */
struct pattern {
    char **segments;
    int n;
    int literal; /* how many of them, but the last, have no wildcard before them and in them */
    enum watch_format format;
    bool gone; /* deletion is told */
    bool tail; /* lines: the last ones that are there at the start are read; they have stamps */
    char **contains; /* a line has to have one of these; none: every line counts */
    int n_contains;
    char **head; /* members of the first line that go with each message ("payload.id") */
    int n_head;
};

struct patterns {
    struct pattern *list;
    int n;
};

/* Reads {"files": [{"path", "format", "contains", "head", "gone", "tail"}]}. What is wrong is logged and left out. */
void patterns_read(struct patterns *patterns, const json_t *settings);
/* Whether a name may stand at a depth. No wildcard stands for a leading dot. */
bool pattern_fits(const struct pattern *pattern, int depth, const char *name);
/* Whether a line counts. */
bool pattern_wants(const struct pattern *pattern, const char *line, size_t len);
/* The first `depth` segments as a path; to be freed. */
char *pattern_path(const struct pattern *pattern, int depth);

#endif
