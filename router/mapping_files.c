/* mapping_files.c: from what a file watch saw to an event: the entry whose path fits, the first row that fits.
 *
 * A file of JSON, or one line, is seen by paths and templates as a payload is; around it stand @name (the file's
 * name without its last ending), @folder (the name of its folder), @head (of the file's first line, where the
 * watch was told to look) and, of a log, @line. What fits no row says nothing. */
#include "mapping_parts.h"

#include "rules/text.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_SIZE = 512, PATH_SIZE = 4096 };
/* Lines of an agent that are read so long after they were written open nothing: a restart reads old ones. */
#define LATE_MS 60000
/* Nor does what is found so old at the start in a watch of the configuration. */
#define OLD_MS (INT64_C(24) * 3600 * 1000)

/* ---- paths --------------------------------------------------------------------------------------- */

/* "${VAR:-DEFAULT}/rest" or "$VAR/rest" in its parts; false: it begins otherwise. */
static bool split(const char *path, char *name, char *otherwise, const char **rest)
{
    bool braced = path[1] == '{';
    size_t len =
        strspn(path + 1 + braced, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    const char *end = path + 1 + braced + len;
    if (path[0] != '$' || len >= VALUE_SIZE)
        return false;
    memcpy(name, path + 1 + braced, len);
    name[len] = otherwise[0] = '\0';
    if (!braced) {
        *rest = end;
        return true;
    }
    *rest = strchr(end, '}');
    if (!*rest)
        return false;
    if (strncmp(end, ":-", 2) == 0)
        snprintf(otherwise, VALUE_SIZE, "%.*s", (int)(*rest - end - 2), end + 2);
    (*rest)++;
    return true;
}

/* As a glob for absolute paths; "" if it cannot be one here. */
static void expand(const char *path, const char *(*value)(const char *name), char *buf, size_t size)
{
    char name[VALUE_SIZE], otherwise[VALUE_SIZE];
    const char *rest = path, *base = "", *home = value("HOME");
    if (split(path, name, otherwise, &rest)) {
        base = text_or(value(name), otherwise);
        if (!*base)
            rest = "";
    }
    const char *first = *base ? base : rest;
    bool in_home = first[0] == '~';
    int n = snprintf(buf, size, "%s%s%s", in_home ? text_or(home, "") : "",
                     *base ? base + in_home : "", *base ? rest : rest + in_home);
    if (n < 0 || (size_t)n >= size || buf[0] != '/' || (in_home && !home))
        *buf = '\0';
}

/* fnmatch() lets * stand for a leading dot of no segment, nor for a slash. */
static bool fits(const char *glob, const char *path)
{
    return fnmatch(glob, path, FNM_PATHNAME | FNM_PERIOD | FNM_NOESCAPE) == 0;
}

/* "~/.agent/x": the same below any folder. */
static bool fits_below(const char *tail, const char *path)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        if (fits(tail, slash))
            return true;
    }
    return false;
}

static bool file_fits(const struct file_entry *entry, const char *path)
{
    char name[VALUE_SIZE], otherwise[VALUE_SIZE], glob[PATH_SIZE];
    const char *rest;
    if (entry->watch && entry->set)
        return fits(entry->set, path);
    if (entry->path[0] == '/')
        return fits(entry->path, path);
    if (entry->path[0] == '~')
        return fits_below(entry->path + 1, path);
    if (!split(entry->path, name, otherwise, &rest))
        return false;
    /* Wherever the variable points to, the rest is the same; without a default it is all that is known. */
    bool in_home = otherwise[0] == '~';
    snprintf(glob, sizeof glob, "%s%s", otherwise + in_home, rest);
    if (otherwise[0] == '/')
        return fits(glob, path) || (entry->set && fits(entry->set, path));
    return fits_below(glob, path) || (entry->set && fits(entry->set, path));
}

static json_t *watch_of(const struct file_entry *entry)
{
    json_t *watch = json_pack("{s:s, s:s}", "path", entry->set, "format",
                              word_name(&word_format, (int)entry->format));
    json_t *contains = json_array(), *head = json_array();
    if (!watch || !contains || !head)
        abort();
    for (int i = 0; i < entry->n_contains; i++)
        json_array_append_new(contains, json_string(entry->contains[i]));
    json_object_set_new(watch, "contains", contains);
    json_object_set_new(watch, "gone", json_boolean(entry->has_gone));
    json_object_set_new(watch, "tail", json_boolean(entry->at.n > 0));
    for (int i = 0; i < entry->n_head; i++)
        json_array_append_new(head, json_string(entry->head[i]));
    json_object_set_new(watch, "head", head);
    return watch;
}

json_t *mappings_watches(struct mappings *mappings, const char *(*value)(const char *name),
                         bool agents, int *n)
{
    char glob[PATH_SIZE];
    json_t *list = json_array();
    int count = mappings_files_count(mappings) - (agents ? 0 : mappings_count(mappings));
    for (int i = 0; i < count; i++) {
        const struct mapping *mapping = mappings_files_at(mappings, i);
        for (int f = 0; f < mapping->n_files; f++) {
            struct file_entry *entry = &mapping->files[f];
            expand(entry->path, value, glob, sizeof glob);
            free(entry->set);
            entry->set = *glob ? must_copy(glob) : NULL;
            if (entry->set)
                json_array_append_new(list, watch_of(entry));
        }
    }
    *n = (int)json_array_size(list);
    return json_pack("{s:o}", "files", list);
}

/* ---- stamps ---------------------------------------------------------------------------------------- */

/* Days since 1970-01-01 of a day of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* Exactly n digits; -1: they are not there. */
static int64_t digits(const char **text, int n)
{
    int64_t value = 0;
    for (int i = 0; i < n; i++, (*text)++) {
        if (!isdigit((unsigned char)**text))
            return -1;
        value = value * 10 + (**text - '0');
    }
    return value;
}

/* "2026-11-23T17:44:40.946Z", also with an offset. 0: it is none. */
static int64_t iso_ms(const char *text)
{
    static const char between[] = "--T::";
    static const int widths[] = {4, 2, 2, 2, 2, 2};
    int64_t part[6], ms = 0;
    for (int i = 0; i < 6; i++) {
        part[i] = digits(&text, widths[i]);
        if (part[i] < 0 || (i < 5 && *text != between[i] && !(between[i] == 'T' && *text == ' ')))
            return 0;
        text += i < 5;
    }
    if (part[1] < 1 || part[1] > 12 || part[0] < 1970)
        return 0;
    if (*text == '.' || *text == ',') {
        int64_t unit = 100;
        for (text++; isdigit((unsigned char)*text); text++, unit /= 10)
            ms += (*text - '0') * unit;
    }
    int64_t offset_s = 0;
    if (*text == '+' || *text == '-') {
        int64_t sign = *text++ == '-' ? -1 : 1, hours = digits(&text, 2);
        text += *text == ':';
        int64_t minutes = digits(&text, 2);
        offset_s = hours < 0 || minutes < 0 ? 0 : sign * (hours * 3600 + minutes * 60);
    }
    int64_t seconds =
        days_of(part[0], part[1], part[2]) * 86400 + part[3] * 3600 + part[4] * 60 + part[5];
    return (seconds - offset_s) * 1000 + ms;
}

/* Milliseconds or seconds since 1970, or ISO 8601; 0: none. */
static int64_t stamp_ms(const char *text)
{
    char *end;
    if (strlen(text) > 4 && text[4] == '-')
        return iso_ms(text);
    double value = strtod(text, &end);
    if (*end || !(value > 0 && value < 1e16))
        return 0;
    return (int64_t)(value < 1e11 ? value * 1000 : value);
}

/* ---- the event ------------------------------------------------------------------------------------- */

static void set(json_t *view, const char *key, json_t *value)
{
    if (json_object_set_new(view, key, value) != 0)
        abort();
}

static void set_names(json_t *view, const char *path)
{
    const char *name = text_last_part(path), *dot = strrchr(name, '.');
    size_t len = dot && dot > name ? (size_t)(dot - name) : strlen(name),
           folder = (size_t)(name - path);
    while (folder > 0 && path[folder - 1] == '/')
        folder--;
    size_t from = folder;
    while (from > 0 && path[from - 1] != '/')
        from--;
    set(view, "@name", json_stringn(name, len));
    set(view, "@folder", json_stringn(path + from, folder - from));
}

/* The content as paths see it; NULL: it is no JSON. */
static json_t *view_of(const struct file_entry *entry, const struct message *message)
{
    const json_t *content = json_object_get(message->json, "content");
    const char *head = json_string_value(json_object_get(message->json, "head")), *text;
    json_t *view = NULL;
    if (json_is_object(content))
        view = json_copy((json_t *)content);
    else if (message->gone)
        view = json_object();
    else if ((text = json_string_value(content)) && entry->format == FORMAT_LOG)
        view = json_pack("{s:s}", "@line", text);
    else if (entry->format == FORMAT_NAME)
        view = json_object();
    else if (text)
        view = json_loads(text, 0, NULL);
    if (!json_is_object(view)) {
        json_decref(view);
        return NULL;
    }
    set_names(view, message->path);
    set(view, "@head", head ? json_string(head) : json_null());
    return view;
}

static bool line_fits(const struct row *row, const json_t *view)
{
    const char *line = json_string_value(json_object_get(view, "@line"));
    bool one = row->n_lines == 0;
    for (int i = 0; i < row->n_lines && line && !one; i++)
        one = text_globs(row->lines[i], line);
    return one;
}

static const struct row *find_row(const struct file_entry *entry, bool gone, const json_t *view)
{
    if (gone)
        return entry->has_gone ? &entry->gone : NULL;
    for (int i = 0; i < entry->n_rows; i++) {
        const struct row *row = &entry->rows[i];
        if (line_fits(row, view) && (row->when.n == 0 || when_holds(&row->when, view)))
            return row;
    }
    return NULL;
}

const struct file_entry *file_entry_find(const struct mappings *mappings, const char *path,
                                         const struct mapping **mapping)
{
    for (int i = 0; i < mappings_files_count(mappings); i++) {
        *mapping = mappings_files_at(mappings, i);
        for (int f = 0; f < (*mapping)->n_files; f++) {
            if (file_fits(&(*mapping)->files[f], path))
                return &(*mapping)->files[f];
        }
    }
    return NULL;
}

static int64_t number(const struct templates *templates, const json_t *view)
{
    char value[VALUE_SIZE];
    if (!templates_render(templates, view, false, value, sizeof value))
        return 0;
    int64_t n = strtoll(value, NULL, 10);
    return n > 0 ? n : 0;
}

/* When it was: as the file says; what is found at the start, when the file was written; else now. */
static int64_t stamp(const struct file_entry *entry, const struct message *message, const json_t *view)
{
    char value[VALUE_SIZE];
    int64_t at_ms = 0;
    if (templates_render(&entry->at, view, false, value, sizeof value))
        at_ms = stamp_ms(value);
    if (!at_ms && entry->watch && json_is_true(json_object_get(message->json, "first")))
        at_ms = json_integer_value(json_object_get(message->json, "mtime_ms"));
    return at_ms > 0 ? at_ms : message->at_ms;
}

/* What is too old to be told of. */
static void age(const struct file_entry *entry, const struct message *message, struct mapped *out)
{
    struct event *event = &out->event;
    int64_t age_ms = message->at_ms - event->at_wall_ms;
    if (entry->watch) {
        if (out->first && age_ms > OLD_MS)
            event->opens = OPENS_NOTHING;
    } else if (entry->format != FORMAT_JSON && age_ms > LATE_MS) {
        event->opens = OPENS_NOTHING;
        event->ends = false; /* it may have been resumed since */
    }
}

/* Of a watch of the configuration: whatever its rows leave out. */
static void fill_watch(const json_t *view, struct mapped *out)
{
    struct event *event = &out->event;
    if (event->opens && text_empty(event->title))
        event->title = mapped_line(out, json_string_value(json_object_get(view, "@line")), TEXT_TITLE);
    if (text_empty(event->task))
        event->task = mapped_line(out, json_string_value(json_object_get(view, "@name")), TEXT_TITLE);
}

static void fill(const struct file_entry *entry, const struct row *row, const struct message *message,
                 const json_t *view, const char *session, struct mapped *out)
{
    char value[VALUE_SIZE], folder[TEXT_PATH];
    struct event *event = &out->event;
    const char *cwd = paths_string(&entry->cwd, view);
    if (entry->watch && !cwd) {
        const char *name = text_last_part(message->path);
        snprintf(folder, sizeof folder, "%.*s", (int)(name - message->path - 1), message->path);
        cwd = folder;
    }
    mapped_context(out, message, session, cwd);
    if (templates_render(&entry->host, view, false, value, sizeof value))
        event->host = mapped_name(out, value, TEXT_NAME);
    event->agent = mapped_name(out, out->mapping->agent, TEXT_NAME);
    event->source = mapped_line(out, text_or(entry->source, text_last_part(message->path)), TEXT_NAME);
    if (templates_render(&entry->thread, view, false, value, sizeof value))
        event->thread = mapped_name(out, value, TEXT_NAME);
    mapped_apply(row, view, out);
    event->at_wall_ms = stamp(entry, message, view);
    out->first = entry->watch && json_is_true(json_object_get(message->json, "first"));
    age(entry, message, out);
    event->observed = !entry->watch;
    if (entry->watch)
        fill_watch(view, out);
    out->written_ms = json_integer_value(json_object_get(message->json, "mtime_ms"));
    out->known_only = entry->known_only;
    out->gone = message->gone;
    out->pid = number(&entry->pid, view);
    out->pid_start = number(&entry->pid_start, view);
}

int mapping_seen(const struct mappings *mappings, const struct message *message, struct mapped *out,
                 struct refusal *refusal)
{
    char session[VALUE_SIZE];
    const struct file_entry *entry = file_entry_find(mappings, message->path, &out->mapping);
    if (!entry)
        return refuse(refusal, "/path", "no mapping's `files` names this path");
    json_t *view = view_of(entry, message);
    if (!view)
        return refuse(refusal, "/content", "the content is no JSON object");
    const struct row *row = find_row(entry, message->gone, view);
    out->line = row ? row->line : 0;
    int result = 0;
    if (row && !row->ignore && templates_render(&entry->session, view, false, session, sizeof session)) {
        fill(entry, row, message, view, session, out);
        result = 1;
    }
    json_decref(view);
    return result;
}
