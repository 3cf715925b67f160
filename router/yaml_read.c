/* yaml_read.c: problems at nodes, and the strict readers.
 *
 * Every problem at a node goes through report(): path, source line, caret. Whatever a problem quotes of
 * the file goes through shown() or yaml_line_shown(), which keep secrets out. */
#include "yaml.h"

#include "rules/text.h"
#include "yaml_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHOWN_MAX = 40 }; /* characters of a value quoted in a message */

/* ---- reporting ------------------------------------------------------------------------------------ */

static bool key_plain(const char *key)
{
    return *key && strlen(key) <= 60 &&
           strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               strlen(key);
}

char *yaml_path(const struct yaml_node *node)
{
    if (!node->parent)
        return must_copy("");
    char *above = yaml_path(node->parent), *path = NULL;
    int made = node->key ? asprintf(&path, key_plain(node->key) ? "%s%s%.60s" : "%s%s\"%.60s\"",
                                    above, *above ? "." : "", node->key)
                         : asprintf(&path, "%s[%d]", above, node->index + 1);
    if (made < 0)
        abort();
    free(above);
    return path;
}

/* A value in quotes, cut, for a message. The caller frees. */
static char *shown(const struct yaml_node *node)
{
    char *out = NULL;
    if (node->secret || strlen(node->text) != node->len)
        return must_copy("this value");
    size_t len = 0;
    for (int n = 0; n < SHOWN_MAX && node->text[len]; n++) {
        len++;
        while (((unsigned char)node->text[len] & 0xc0) == 0x80)
            len++;
    }
    if (asprintf(&out, "\"%.*s%s\"", (int)len, node->text, node->text[len] ? "…" : "") < 0)
        abort();
    return out;
}

static void report(const struct yaml *yaml, const struct yaml_node *node, bool at_key,
                   const char *suggestion, const char *message)
{
    if (yaml->problems->n >= PROBLEMS_MAX) { /* as problem_set() would, without drawing in vain */
        yaml->problems->more++;
        return;
    }
    struct problem_at at = {.file = yaml->name, .line = node->line, .column = node->column, .width = 1};
    if (at_key && node->key) {
        at.line = node->key_line;
        at.column = node->key_column;
        at.width = (int)strlen(node->key);
    } else if (node->type == YAML_SCALAR && node->end_line == node->line && !node->secret) {
        at.width = node->end_column - node->column;
    }
    int column = at.column;
    char *line = yaml_line_shown(yaml, at.line, &column);
    char *path = yaml_path(node);
    at.source = line;
    at.key = path;
    at.caret = column;
    problem_set(yaml->problems, &at, suggestion, "%s", message);
    free(path);
    free(line);
}

#define REPORT(at_key)                                                                             \
    do {                                                                                           \
        va_list args;                                                                              \
        char *text = NULL;                                                                         \
        va_start(args, message);                                                                   \
        if (vasprintf(&text, message, args) < 0)                                                   \
            abort();                                                                               \
        va_end(args);                                                                              \
        report(yaml, node, at_key, suggestion, text);                                              \
        free(text);                                                                                \
    } while (0)

void yaml_problem(const struct yaml *yaml, const struct yaml_node *node, const char *suggestion,
                  const char *message, ...)
{
    REPORT(false);
}

void yaml_problem_key(const struct yaml *yaml, const struct yaml_node *node, const char *suggestion,
                      const char *message, ...)
{
    REPORT(true);
}

/* "did you mean X?" for a near one, else all of them when they are few. Heap, or NULL. */
static char *hint(const char *text, const char *const *names, int n)
{
    char *out = NULL;
    size_t size = 0;
    const char *near = nearest(text, names, n);
    if (near)
        return asprintf(&out, "did you mean %s?", near) < 0 ? abort(), NULL : out;
    FILE *file = open_memstream(&out, &size);
    if (!file)
        abort();
    int told = 0;
    for (int i = 0; i < n; i++) {
        if (names[i] && *names[i])
            fprintf(file, "%s%s", told++ ? " " : "known: ", names[i]);
    }
    if (fclose(file) != 0)
        abort();
    if (told == 0) {
        free(out);
        return NULL;
    }
    return out;
}

void yaml_unknown(const struct yaml *yaml, const struct yaml_node *node, const char *what,
                  const char *const *names, int n)
{
    char *value = shown(node), *suggestion = hint(node->text, names, n);
    yaml_problem(yaml, node, suggestion, "%s %s", what, value);
    free(value);
    free(suggestion);
}

/* ---- walking -------------------------------------------------------------------------------------- */

bool yaml_null(const struct yaml_node *node)
{
    return node->type == YAML_SCALAR && node->plain &&
           (node->len == 0 || !strcmp(node->text, "~") || !strcmp(node->text, "null"));
}

bool yaml_is(const struct yaml *yaml, const struct yaml_node *node, enum yaml_type type)
{
    static const char *const names[] = {"one value", "a list", "keys with values"};
    static const char *const write[] = {"write one value", "write [a, b], or - a on lines of their own",
                                        "write { key: value }, or key: value on lines of their own"};
    if (node->type == type)
        return true;
    yaml_problem(yaml, node, write[type], "expected %s, found %s", names[type],
                 yaml_null(node) ? "nothing" : names[node->type]);
    return false;
}

const struct yaml_node *yaml_find(const struct yaml_node *mapping, const char *key)
{
    if (mapping->type != YAML_MAPPING)
        return NULL;
    for (const struct yaml_node *item = mapping->first; item; item = item->next) {
        if (strcmp(item->key, key) == 0)
            return item;
    }
    return NULL;
}

int yaml_key(const struct yaml *yaml, const struct yaml_node *item, const struct words *known)
{
    int found = word_find(known, item->key);
    if (found < 0) {
        char *suggestion = hint(item->key, known->names, known->n);
        yaml_problem_key(yaml, item, suggestion, "unknown %s", known->what);
        free(suggestion);
    }
    return found;
}

const struct yaml_node *yaml_item(const struct yaml_node *node, int i)
{
    if (node->type != YAML_SEQUENCE)
        return node;
    const struct yaml_node *item = node->first;
    while (item && i-- > 0)
        item = item->next;
    return item;
}

/* ---- grammar -------------------------------------------------------------------------------------- */

bool duration_parse(const char *text, int64_t *ms)
{
    static const struct {
        char letter;
        int64_t ms;
    } units[] = {{'d', 86400000}, {'h', 3600000}, {'m', 60000}, {'s', 1000}};
    int64_t sum = 0;
    if (strcmp(text, "0") == 0) {
        *ms = 0;
        return true;
    }
    if (!*text)
        return false;
    for (int unit = 0; *text; unit++) {
        int64_t number = 0;
        size_t digits = strspn(text, "0123456789");
        if (digits < 1 || digits > 9)
            return false;
        for (size_t i = 0; i < digits; i++)
            number = number * 10 + (text[i] - '0');
        while (unit < 4 && units[unit].letter != text[digits])
            unit++;
        if (unit == 4)
            return false; /* no unit, or not a smaller one than before */
        sum += number * units[unit].ms;
        text += digits + 1;
    }
    if (sum > YAML_DURATION_MAX_MS)
        return false;
    *ms = sum;
    return true;
}

bool clock_parse(const char *text, int *minute)
{
    static const char *const digit = "0123456789";
    if (strlen(text) != 5 || text[2] != ':' || !strchr(digit, text[0]) || !strchr(digit, text[1]) ||
        !strchr(digit, text[3]) || !strchr(digit, text[4]))
        return false;
    int hours = (text[0] - '0') * 10 + text[1] - '0', minutes = (text[3] - '0') * 10 + text[4] - '0';
    if (minutes > 59 || hours * 60 + minutes > 24 * 60)
        return false;
    *minute = hours * 60 + minutes;
    return true;
}

/* ---- readers -------------------------------------------------------------------------------------- */

/* A scalar with something in it, without NULs. */
static bool readable(const struct yaml *yaml, const struct yaml_node *node)
{
    if (!yaml_is(yaml, node, YAML_SCALAR))
        return false;
    if (!yaml_null(node) && strlen(node->text) == node->len)
        return true;
    yaml_problem(yaml, node, yaml_null(node) ? "write one, or take the key away" : NULL,
                 yaml_null(node) ? "a value is missing" : "a text cannot hold \\0");
    return false;
}

bool yaml_text(const struct yaml *yaml, const struct yaml_node *node, const char **out)
{
    if (!readable(yaml, node))
        return false;
    if (node->len == 0) {
        yaml_problem(yaml, node, "write one, or take the key away", "this text is empty");
        return false;
    }
    *out = node->text;
    return true;
}

bool yaml_bool(const struct yaml *yaml, const struct yaml_node *node, bool *out)
{
    static const char *const yes[] = {"true", "yes", "on", "y"}, *const no[] = {"false", "no",
                                                                                "off", "n"};
    if (!readable(yaml, node))
        return false;
    const char *suggestion = "write true or false";
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        bool is_yes = !strcasecmp(node->text, yes[i]), is_no = !strcasecmp(node->text, no[i]);
        if (node->plain && i == 0 && (!strcmp(node->text, yes[0]) || !strcmp(node->text, no[0]))) {
            *out = is_yes;
            return true;
        }
        if (is_yes || is_no)
            suggestion = is_yes ? "did you mean true?" : "did you mean false?";
    }
    char *value = shown(node);
    yaml_problem(yaml, node, suggestion, "%s is neither true nor false", value);
    free(value);
    return false;
}

bool yaml_int(const struct yaml *yaml, const struct yaml_node *node, int64_t min, int64_t max,
              int64_t *out)
{
    if (!readable(yaml, node))
        return false;
    const char *digits = node->text + (*node->text == '-');
    size_t n = strspn(digits, "0123456789");
    int64_t number = 0;
    bool good = node->plain && n > 0 && n <= 18 && !digits[n] && (n == 1 || *digits != '0');
    for (size_t i = 0; good && i < n; i++)
        number = number * 10 + (digits[i] - '0');
    if (*node->text == '-')
        number = -number;
    if (good && number >= min && number <= max) {
        *out = number;
        return true;
    }
    char *value = shown(node);
    yaml_problem(yaml, node, "write digits only, unquoted",
                 "%s is no whole number from %lld to %lld", value, (long long)min, (long long)max);
    free(value);
    return false;
}

/* The duration that was probably meant: "2 minutes", "90 sec", "1h 30m", "90". */
static const char *duration_meant(const char *text, char meant[32])
{
    size_t n = 0;
    char unit = 's';
    for (const char *p = text; *p && n < 24;) {
        size_t digits = strspn(p, "0123456789");
        if (digits == 0 || n + digits > 24)
            return NULL;
        memcpy(meant + n, p, digits);
        n += digits;
        p += digits + strspn(p + digits, " \t");
        if (*p && !strchr("dhmsDHMS", *p))
            return NULL;
        unit = *p ? (char)(*p | 0x20) : 's';
        meant[n++] = unit;
        p += strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
        p += strspn(p, " \t");
    }
    meant[n] = 0;
    int64_t ms;
    return duration_parse(meant, &ms) ? meant : NULL;
}

bool yaml_duration(const struct yaml *yaml, const struct yaml_node *node, int64_t *ms)
{
    if (!readable(yaml, node))
        return false;
    if (duration_parse(node->text, ms))
        return true;
    char meant[32], suggestion[80] = "write 90s, 10m, 1h30m or 3d; at most 30d";
    const char *guess = duration_meant(node->text, meant);
    if (guess)
        snprintf(suggestion, sizeof suggestion, "did you mean %s?", guess);
    char *value = shown(node);
    yaml_problem(yaml, node, suggestion, "%s is no duration", value);
    free(value);
    return false;
}

bool yaml_clock(const struct yaml *yaml, const struct yaml_node *node, int *minute)
{
    if (!readable(yaml, node))
        return false;
    if (clock_parse(node->text, minute))
        return true;
    char *value = shown(node);
    yaml_problem(yaml, node, "write \"09:30\"", "%s is no time of day", value);
    free(value);
    return false;
}

bool yaml_word(const struct yaml *yaml, const struct yaml_node *node, const struct words *words,
               int *out)
{
    if (!readable(yaml, node))
        return false;
    *out = word_find(words, node->text);
    if (*out >= 0)
        return true;
    char what[80];
    snprintf(what, sizeof what, "unknown %s", words->what);
    yaml_unknown(yaml, node, what, words->names, words->n);
    return false;
}

bool yaml_texts(const struct yaml *yaml, const struct yaml_node *node, const char ***out, int *n)
{
    *out = NULL;
    *n = 0;
    if (node->type == YAML_MAPPING) {
        yaml_problem(yaml, node, "write a, or [a, b]",
                     "expected a word or a list of words, found keys with values");
        return false;
    }
    int count = node->type == YAML_SEQUENCE ? node->n : 1;
    if (count == 0)
        return true;
    const char **texts = must_alloc((size_t)count * sizeof *texts);
    bool good = true;
    for (const struct yaml_node *item = node->type == YAML_SEQUENCE ? node->first : node; item;
         item = item->next) {
        if (readable(yaml, item))
            texts[(*n)++] = item->text;
        else
            good = false;
        if (node->type != YAML_SEQUENCE)
            break;
    }
    if (!good) {
        free(texts);
        *n = 0;
        return false;
    }
    *out = texts;
    return true;
}

/* ---- files ---------------------------------------------------------------------------------------- */

int yaml_read_file(const char *path, size_t max, char **text, size_t *len)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    int result = fstat(fd, &st) != 0   ? -errno
                 : S_ISDIR(st.st_mode) ? -EISDIR
                 : S_ISREG(st.st_mode) ? 0
                                       : -EINVAL;
    char *bytes = result == 0 ? must_alloc(max + 2) : NULL;
    size_t n = 0;
    while (result == 0 && n <= max) {
        ssize_t got = read(fd, bytes + n, max + 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            result = -errno;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    close(fd);
    if (result == 0 && n > max)
        result = -EFBIG;
    if (result < 0) {
        free(bytes);
        return result;
    }
    bytes[n] = 0;
    *text = bytes;
    *len = n;
    return 0;
}
