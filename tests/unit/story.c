/* story.c: see story.h. A line is words and "quoted text"; `:` and `,` at a word's end are decoration; `#`
 * at a word's beginning starts a comment. A line that begins with a blank has the moment of the one before. */
#include "story.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const weekdays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

int64_t story_duration(const char *text)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'d', 86400000}, {'h', 3600000}, {'m', 60000}, {'s', 1000}};
    int64_t total = 0;
    const char *p = text;
    while (*p) {
        char *end;
        long n = strtol(p, &end, 10);
        size_t u = 0;
        if (end == p || n < 0)
            return -1;
        while (u < 4 && units[u].unit != *end)
            u++;
        if (u == 4)
            return -1;
        if (u == 2 && end[1] == 's') { /* 500ms */
            total += n;
            end++;
        } else {
            total += n * units[u].ms;
        }
        p = end + 1;
    }
    return p == text ? -1 : total;
}

int64_t story_clock(const char *text)
{
    int hour, minute, second = 0, ms = 0, end = 0;
    if (sscanf(text, "%2d:%2d%n", &hour, &minute, &end) != 2 || end != 5)
        return -1;
    if (text[end] && (sscanf(text + end, ":%2d%n", &second, &end) != 1 || end != 3))
        return -1;
    const char *rest = text + (strlen(text) >= 8 ? 8 : 5);
    if (*rest && (sscanf(rest, ".%3d%n", &ms, &end) != 1 || end != 4 || rest[4]))
        return -1;
    if (hour > 24 || minute > 59 || second > 59)
        return -1;
    return ((hour * 60 + minute) * 60 + second) * INT64_C(1000) + ms;
}

static int weekday_of(const char *word)
{
    for (int i = 0; i < 7; i++) {
        if (strncmp(word, weekdays[i], 3) == 0)
            return i;
    }
    return -1;
}

static void wrong(struct story *story, int number, const char *what)
{
    if (!*story->problem)
        snprintf(story->problem, sizeof story->problem, "%s:%d: %s", story->file, number, what);
}

/* Splits in place; true if the last word ended with ':'. */
static bool split(struct story *story, struct story_line *line, char *p)
{
    bool colon = false;
    for (;;) {
        p += strspn(p, " \t");
        if (!*p || *p == '#')
            return colon;
        if (line->n_words == STORY_WORDS) {
            wrong(story, line->number, "too many words");
            return false;
        }
        char *word = p, *end;
        colon = false;
        if (*p == '"') {
            word++;
            end = strchr(word, '"');
            if (!end) {
                wrong(story, line->number, "a quote without its end");
                return false;
            }
            p = end + 1;
            *end = '\0';
            p += strspn(p, ",:");
        } else {
            end = p + strcspn(p, " \t");
            p = *end ? end + 1 : end;
            *end = '\0';
            colon = end > word && end[-1] == ':';
            while (end > word && strchr(",:;", end[-1]))
                *--end = '\0';
        }
        line->words[line->n_words++] = word;
    }
}

static void drop_words(struct story_line *line, int n)
{
    line->n_words -= n;
    memmove(line->words, line->words + n, (size_t)line->n_words * sizeof *line->words);
}

/* Takes the moment off the line's beginning. */
static void take_moment(struct story *story, struct story_line *line)
{
    while (line->n_words > 0) {
        const char *word = line->words[0];
        if (strcmp(word, "by") == 0)
            line->by = true;
        else if (strcmp(word, "2nd") == 0)
            line->second = true;
        else if (strlen(word) == 3 && weekday_of(word) >= 0)
            line->weekday = weekday_of(word);
        else
            break;
        drop_words(line, 1);
    }
    line->clock_ms = line->n_words > 0 ? story_clock(line->words[0]) : -1;
    if (line->clock_ms >= 0)
        drop_words(line, 1);
    else if (line->by || line->second || line->weekday >= 0)
        wrong(story, line->number, "no time of day");
}

/* The indented lines that follow, each at its own line number. */
static char *take_block(char **next, int number, int *taken)
{
    size_t lead = (size_t)number, size = lead + 1, at = lead;
    char *block = malloc(size);
    if (!block)
        abort();
    memset(block, '\n', lead);
    *taken = 0;
    while (**next && strchr(" \t\n#", **next)) {
        size_t length = strcspn(*next, "\n");
        size += length + 1;
        if (!(block = realloc(block, size)))
            abort();
        memcpy(block + at, *next, length);
        block[at + length] = '\n';
        at += length + 1;
        *next += length;
        *next += **next == '\n';
        ++*taken;
    }
    block[at] = '\0';
    return block;
}

static void read_lines(struct story *story)
{
    int number = 0;
    for (char *next = story->text; *next && !*story->problem;) {
        char *start = next;
        next += strcspn(next, "\n");
        if (*next)
            *next++ = '\0';
        number++;
        struct story_line line = {.number = number, .weekday = -1, .clock_ms = -1};
        bool indented = isblank((unsigned char)*start), colon = split(story, &line, start);
        if (line.n_words == 0)
            continue;
        take_moment(story, &line);
        struct story_line *last = story->n ? &story->lines[story->n - 1] : NULL;
        if (indented && line.clock_ms < 0 && last && last->clock_ms >= 0) {
            line.clock_ms = last->clock_ms;
            line.second = last->second;
        }
        if (colon && line.n_words > 0 &&
            (strcmp(line.words[0], "config") == 0 || strcmp(line.words[0], "reload") == 0)) {
            int taken;
            line.block = take_block(&next, number, &taken);
            number += taken;
        }
        story->lines = realloc(story->lines, (size_t)(story->n + 1) * sizeof line);
        if (!story->lines)
            abort();
        story->lines[story->n++] = line;
    }
}

void story_read(struct story *story, const char *path)
{
    *story = (struct story){.file = path};
    FILE *in = fopen(path, "r");
    size_t size = 1 << 17, length;
    if (!in) {
        wrong(story, 0, "cannot be opened");
        return;
    }
    story->text = malloc(size);
    if (!story->text)
        abort();
    length = fread(story->text, 1, size - 1, in);
    story->text[length] = '\0';
    fclose(in);
    read_lines(story);
}

void story_release(struct story *story)
{
    for (int i = 0; i < story->n; i++)
        free(story->lines[i].block);
    free(story->lines);
    free(story->text);
}
