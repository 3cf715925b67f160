/* watch_pattern.c - see watch_pattern.h. */
#include "watch_pattern.h"

#include "../kit.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum { PATTERNS_MAX = 128, SEGMENTS_MAX = 32, TEXTS_MAX = 32 };

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static bool read_segments(struct pattern *pattern, const char *path)
{
    char *copy, *segment, *rest;

    if (*path != '/')
        return false;
    copy = rest = must(strdup(path));
    pattern->segments = must(calloc(SEGMENTS_MAX, sizeof *pattern->segments));
    while ((segment = strsep(&rest, "/"))) {
        if (!*segment)
            continue;
        if (pattern->n == SEGMENTS_MAX || strcmp(segment, "..") == 0) {
            free(copy);
            return false;
        }
        pattern->segments[pattern->n++] = must(strdup(segment));
    }
    free(copy);
    while (pattern->literal < pattern->n - 1 && !strpbrk(pattern->segments[pattern->literal], "*?["))
        pattern->literal++;
    return pattern->n > 0;
}

static void read_texts(const json_t *list, char ***texts, int *n)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item) || *n == TEXTS_MAX)
            continue;
        *texts = must(realloc(*texts, (size_t)(*n + 1) * sizeof **texts));
        (*texts)[(*n)++] = must(strdup(json_string_value(item)));
    }
}

static void clear(struct pattern *pattern)
{
    for (int i = 0; i < pattern->n; i++)
        free(pattern->segments[i]);
    free(pattern->segments);
    memset(pattern, 0, sizeof *pattern);
}

void patterns_read(struct patterns *patterns, const json_t *settings)
{
    const json_t *item;
    size_t i;

    json_array_foreach(json_object_get(settings, "files"), i, item)
    {
        const char *format = kit_string(item, "format");
        struct pattern pattern = {.gone = json_is_true(json_object_get(item, "gone")),
                                  .tail = !json_is_false(json_object_get(item, "tail"))};

        if (patterns->n == PATTERNS_MAX) {
            kit_log("more than %d patterns: the others are not watched", PATTERNS_MAX);
            return;
        }
        if (!read_segments(&pattern, kit_string(item, "path"))) {
            kit_log("'%.200s' is no absolute path: not watched", kit_string(item, "path"));
            clear(&pattern);
            continue;
        }
        pattern.format = strcmp(format, "json") == 0   ? WATCH_JSON
                         : strcmp(format, "log") == 0  ? WATCH_LOG
                         : strcmp(format, "name") == 0 ? WATCH_NAME
                                                       : WATCH_LINES;
        read_texts(json_object_get(item, "contains"), &pattern.contains, &pattern.n_contains);
        read_texts(json_object_get(item, "head"), &pattern.head, &pattern.n_head);
        patterns->list = must(realloc(patterns->list, (size_t)(patterns->n + 1) * sizeof pattern));
        patterns->list[patterns->n++] = pattern;
    }
}

bool pattern_fits(const struct pattern *pattern, int depth, const char *name)
{
    return fnmatch(pattern->segments[depth], name, FNM_PERIOD | FNM_NOESCAPE) == 0;
}

bool pattern_wants(const struct pattern *pattern, const char *line, size_t len)
{
    for (int i = 0; i < pattern->n_contains; i++) {
        if (memmem(line, len, pattern->contains[i], strlen(pattern->contains[i])))
            return true;
    }
    return pattern->n_contains == 0;
}

char *pattern_path(const struct pattern *pattern, int depth)
{
    size_t size = 2;
    char *path, *end;

    for (int i = 0; i < depth; i++)
        size += strlen(pattern->segments[i]) + 1;
    end = path = must(malloc(size));
    for (int i = 0; i < depth; i++) {
        *end++ = '/';
        end = stpcpy(end, pattern->segments[i]);
    }
    if (depth == 0)
        *end++ = '/';
    *end = '\0';
    return path;
}
