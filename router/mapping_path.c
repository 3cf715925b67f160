/* mapping_path.c: values out of a payload: paths, templates, conditions, and the structural hash. */
#include "mapping_parts.h"

#include "rules/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const filter_names[] = {"none", "line", "name", "uuid", "hash", "number"};
#define DIGITS "0123456789"
const struct words word_filter = {"filter", FILTERS, filter_names};

/* ---- paths --------------------------------------------------------------------------------------- */

bool path_parse(struct path *path, const char *text)
{
    *path = (struct path){0};
    size_t len = strlen(text);
    if (len == 0 || text[0] == '.' || text[len - 1] == '.' || strstr(text, "..") ||
        strpbrk(text, " {}|:"))
        return false;
    path->text = must_copy(text);
    path->n = 1;
    for (char *p = path->text; (p = strchr(p, '.')); p++) {
        *p = '\0';
        path->n++;
    }
    return true;
}

void paths_clear(struct paths *paths)
{
    for (int i = 0; i < paths->n; i++)
        free(paths->list[i].text);
    free(paths->list);
    *paths = (struct paths){0};
}

static const json_t *item_value(const json_t *array, const char *key)
{
    char *end;
    if (!isdigit((unsigned char)*key))
        return NULL;
    unsigned long i = strtoul(key, &end, 10);
    return *end ? NULL : json_array_get(array, i);
}

const json_t *path_value(const struct path *path, const json_t *json)
{
    const char *key = path->text;
    for (int i = 0; i < path->n && json; i++, key += strlen(key) + 1)
        json = json_is_array(json) ? item_value(json, key) : json_object_get(json, key);
    return json;
}

const char *paths_string(const struct paths *paths, const json_t *json)
{
    for (int i = 0; i < paths->n; i++) {
        const char *text = json_string_value(path_value(&paths->list[i], json));
        if (!text_empty(text))
            return text;
    }
    return NULL;
}

/* ---- values -------------------------------------------------------------------------------------- */

/* A scalar as text, or NULL. buf holds a number. */
static const char *scalar_text(const json_t *value, char buf[32])
{
    if (!value)
        return NULL;
    switch (json_typeof(value)) {
    case JSON_STRING:
        return json_string_value(value);
    case JSON_INTEGER:
        snprintf(buf, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return buf;
    case JSON_REAL:
        snprintf(buf, 32, "%.17g", json_real_value(value));
        return buf;
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    return NULL;
}

static bool is_empty(const json_t *value)
{
    return !value || json_is_null(value) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

/* Members are added up, so their order does not matter; each is mixed before, so their values do. */
uint64_t json_structure_hash(const json_t *value)
{
    char number[32];
    const char *key;
    json_t *member;
    size_t i;
    uint64_t hash = text_hash(TEXT_HASH, json_is_object(value)   ? "{"
                                         : json_is_array(value)  ? "["
                                         : json_is_string(value) ? "\""
                                                                 : "");
    if (json_is_object(value)) {
        uint64_t sum = json_object_size(value);
        json_object_foreach((json_t *)value, key, member)
        {
            uint64_t one =
                text_hash(TEXT_HASH, key) ^ (json_structure_hash(member) * 0x9e3779b97f4a7c15u);
            one = (one ^ one >> 32) * 0xd6e8feb86659fd93u;
            sum += one ^ one >> 32;
        }
        return (hash ^ sum) * 0x9e3779b97f4a7c15u;
    }
    json_array_foreach(value, i, member) hash = (hash ^ json_structure_hash(member)) * 0x100000001b3u;
    return text_hash(hash, text_or(scalar_text(value, number), ""));
}

/* ---- templates ----------------------------------------------------------------------------------- */

static struct part *add_part(struct template *template)
{
    template->parts = must_grow(template->parts, (size_t)(template->n + 1) * sizeof *template->parts);
    template->parts[template->n] = (struct part){0};
    return &template->parts[template->n++];
}

/* Literal text up to a brace; {{ and }} are braces. Returns where it ends, or NULL. */
static const char *parse_literal(struct part *part, const char *text)
{
    char *out = part->literal = must_alloc(strlen(text) + 1);
    for (; *text; text++) {
        if (*text == '{' || *text == '}') {
            if (text[1] != *text)
                return *text == '{' ? text : NULL;
            text++;
        }
        *out++ = *text;
    }
    return text;
}

/* "filter:path|path" */
static bool parse_paths(struct part *part, char *inside, const char **error)
{
    char *colon = strchr(inside, ':');
    if (colon) {
        *colon = '\0';
        int filter = word_find(&word_filter, inside);
        *error = "an unknown filter; known are line, name, uuid, hash";
        if (filter <= FILTER_NONE)
            return false;
        part->filter = (enum filter)filter;
        inside = colon + 1;
    }
    *error = "a path that is none";
    for (char *next; inside; inside = next) {
        next = strchr(inside, '|');
        if (next)
            *next++ = '\0';
        struct path path;
        if (!path_parse(&path, inside))
            return false;
        part->paths.list = must_grow(part->paths.list, (size_t)(part->paths.n + 1) * sizeof path);
        part->paths.list[part->paths.n++] = path;
    }
    return true;
}

bool template_parse(struct template *out, const char *text, const char **error)
{
    *out = (struct template){0};
    while (*text) {
        struct part *part = add_part(out);
        if (text[0] != '{' || text[1] == '{') {
            *error = "a } without its {";
            text = parse_literal(part, text);
            if (!text)
                return false;
            continue;
        }
        size_t len = strcspn(++text, "}");
        *error = "a { without its }";
        if (!text[len])
            return false;
        char *inside = must_alloc(len + 1);
        memcpy(inside, text, len);
        bool fine = parse_paths(part, inside, error);
        free(inside);
        if (!fine)
            return false;
        text += len + 1;
    }
    return true;
}

void template_clear(struct template *template)
{
    for (int i = 0; i < template->n; i++) {
        free(template->parts[i].literal);
        paths_clear(&template->parts[i].paths);
    }
    free(template->parts);
    *template = (struct template){0};
}

struct writer {
    char *buf;
    size_t size, used;
};

static void put(struct writer *out, const char *text, size_t len)
{
    size_t left = out->size - 1 - out->used;
    if (len > left)
        len = left;
    memcpy(out->buf + out->used, text, len);
    out->used += len;
}

/* The last thing in the text that looks like a UUID, or NULL. */
static const char *last_uuid(const char *text)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    for (size_t from = strlen(text); from-- > 0;) {
        size_t i = 0;
        while (shape[i] &&
               (shape[i] == '-' ? text[from + i] == '-' : isxdigit((unsigned char)text[from + i])))
            i++;
        if (!shape[i])
            return text + from;
    }
    return NULL;
}

static void put_value(struct writer *out, const char *text, enum filter filter, bool id)
{
    size_t from = out->used;
    if (filter == FILTER_LINE) {
        text += strspn(text, " \t\r\n");
        size_t marks = strspn(text, "#"); /* a heading is a line like others */
        if (marks > 0 && text[marks] == ' ')
            text += marks + 1;
        put(out, text, strcspn(text, "\r\n"));
    } else if (filter == FILTER_UUID) {
        put(out, text, 36);
    } else if (filter == FILTER_NUMBER) {
        put(out, text, strspn(text, DIGITS));
    } else {
        put(out, text, strlen(text));
    }
    for (size_t i = from; i < out->used; i++) {
        unsigned char c = (unsigned char)out->buf[i];
        bool glob = id && strchr("*?[]", c);
        bool odd = filter == FILTER_NAME && !(c < 0x80 && isalnum(c)) && c != '_' && c != '-';
        if (glob || odd)
            out->buf[i] = '_';
    }
}

static const char *last_number(const char *text)
{
    const char *end = text + strlen(text), *begin;
    while (end > text && !strchr(DIGITS, end[-1]))
        end--;
    for (begin = end; begin > text && strchr(DIGITS, begin[-1]);)
        begin--;
    return begin < end ? begin : NULL;
}

static bool put_part(struct writer *out, const struct part *part, const json_t *json, bool id)
{
    if (part->literal) {
        put(out, part->literal, strlen(part->literal));
        return true;
    }
    for (int i = 0; i < part->paths.n; i++) {
        char buf[32];
        const json_t *value = path_value(&part->paths.list[i], json);
        if (part->filter == FILTER_HASH && value) {
            snprintf(buf, sizeof buf, "%016llx", (unsigned long long)json_structure_hash(value));
            put(out, buf, 16);
            return true;
        }
        const char *text = scalar_text(value, buf);
        if (text && part->filter == FILTER_UUID)
            text = last_uuid(text);
        if (text && part->filter == FILTER_NUMBER)
            text = last_number(text);
        if (part->filter != FILTER_HASH && text && text[strspn(text, " \t\r\n")]) {
            put_value(out, text, part->filter, id);
            return true;
        }
    }
    return false;
}

bool templates_render(const struct templates *templates, const json_t *json, bool id, char *buf,
                      size_t size)
{
    for (int i = 0; i < templates->n; i++) {
        const struct template *template = &templates->list[i];
        struct writer out = {buf, size, 0};
        int done = 0;
        while (done < template->n && put_part(&out, &template->parts[done], json, id))
            done++;
        buf[out.used] = '\0';
        if (done == template->n)
            return true;
    }
    *buf = '\0';
    return false;
}

/* ---- conditions ---------------------------------------------------------------------------------- */

static bool is_one_of(const struct condition *condition, const json_t *value)
{
    char buf[32];
    const char *text = scalar_text(value, buf);
    json_t *item;
    size_t i;
    for (int n = 0; text && n < condition->n; n++) {
        if (strcmp(text, condition->values[n]) == 0)
            return true;
    }
    json_array_foreach((json_t *)value, i, item)
    {
        if (!json_is_array(item) && is_one_of(condition, item))
            return true;
    }
    return false;
}

static bool condition_holds(const struct condition *condition, const json_t *json)
{
    char buf[32];
    const json_t *value = path_value(&condition->path, json);
    const char *text = scalar_text(value, buf);
    bool holds = false;
    switch (condition->test) {
    case TEST_IS:
        holds = is_one_of(condition, value);
        break;
    case TEST_LIKE:
        for (int i = 0; i < condition->n; i++)
            holds |= text && text_globs(condition->values[i], text);
        break;
    case TEST_PREFIX:
        for (int i = 0; i < condition->n; i++)
            holds |= text && strncmp(text, condition->values[i], strlen(condition->values[i])) == 0;
        break;
    case TEST_PRESENT:
        holds = value && !json_is_null(value);
        break;
    case TEST_EMPTY:
        holds = is_empty(value);
        break;
    case TESTS:
        break;
    }
    return holds != condition->negated;
}

bool when_holds(const struct when *when, const json_t *json)
{
    for (int i = 0; i < when->n; i++) {
        int held = 0;
        while (held < when->list[i].n && condition_holds(&when->list[i].list[held], json))
            held++;
        if (held == when->list[i].n)
            return true;
    }
    return when->n == 0 && when->otherwise;
}
