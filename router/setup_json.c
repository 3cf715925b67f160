/* setup_json.c: reading JSON with its places, and changing it in place. See setup_json.h. */
#include "setup_json.h"

#include "rules/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---------------------------------------------------------------------------------------- */

struct scan {
    struct setup_json *json;
    size_t at;
    size_t lead; /* set by skip(): where the blanks before `at` begin, behind the last comment */
    int depth;
    const char *error; /* the first one */
    size_t error_at;
};

static int fail(struct scan *scan, size_t at, const char *error)
{
    if (!scan->error) {
        scan->error = error;
        scan->error_at = at;
    }
    return -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char peek(const struct scan *scan)
{
    return scan->json->text[scan->at]; /* the text ends with NUL */
}

/* One comment at `at`. 0, or -1. */
static int skip_comment(struct scan *scan)
{
    const char *begin = scan->json->text + scan->at, *end;

    if (!(scan->json->allow & SETUP_JSON_COMMENTS))
        return fail(scan, scan->at, "a comment, but this agent reads plain JSON only");
    if (begin[1] == '/') {
        end = strchr(begin, '\n');
        end = end ? end + 1 : begin + strlen(begin);
    } else {
        end = strstr(begin + 2, "*/");
        if (!end)
            return fail(scan, scan->at, "this comment does not end");
        end += 2;
    }
    scan->at = (size_t)(end - scan->json->text);
    return 0;
}

static int skip(struct scan *scan)
{
    scan->lead = scan->at;
    for (;;) {
        const char *p = scan->json->text + scan->at;
        if (is_blank(*p))
            scan->at++;
        else if (*p == '/' && (p[1] == '/' || p[1] == '*')) {
            if (skip_comment(scan) != 0)
                return -1;
            scan->lead = scan->at;
        } else
            return 0;
    }
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int read_string(struct scan *scan)
{
    size_t begin = scan->at++;

    for (;;) {
        unsigned char c = (unsigned char)peek(scan);
        if (c == '"') {
            scan->at++;
            return 0;
        }
        if (c == '\0' || c == '\n')
            return fail(scan, begin, "this string does not end");
        if (c < 0x20)
            return fail(scan, scan->at, "a control character in a string");
        scan->at++;
        if (c != '\\')
            continue;
        const char *p = scan->json->text + scan->at;
        if (*p == 'u' && is_hex(p[1]) && is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]))
            scan->at += 5;
        else if (*p && strchr("\"\\/bfnrt", *p))
            scan->at++;
        else
            return fail(scan, scan->at - 1, "no such escape in a string");
    }
}

static size_t digits(const char *p)
{
    return strspn(p, "0123456789");
}

/* The length of the number at p; 0: it is none. */
static size_t number_length(const char *p)
{
    const char *begin = p;
    p += *p == '-';
    size_t n = digits(p);
    if (n == 0 || (*p == '0' && n > 1))
        return 0;
    p += n;
    if (*p == '.') {
        if ((n = digits(p + 1)) == 0)
            return 0;
        p += 1 + n;
    }
    if (*p == 'e' || *p == 'E') {
        p += p[1] == '+' || p[1] == '-' ? 2 : 1;
        if ((n = digits(p)) == 0)
            return 0;
        p += n;
    }
    return (size_t)(p - begin);
}

static int read_word(struct scan *scan)
{
    static const char *const words[] = {"true", "false", "null"};
    const char *p = scan->json->text + scan->at;
    size_t n = number_length(p);

    for (size_t i = 0; n == 0 && i < sizeof words / sizeof *words; i++) {
        if (strncmp(p, words[i], strlen(words[i])) == 0)
            n = strlen(words[i]);
    }
    if (n == 0 || (p[n] && !is_blank(p[n]) && !strchr(",]}/", p[n])))
        return fail(scan, scan->at, *p ? "no value" : "the file ends where a value should be");
    scan->at += n;
    return 0;
}

static int add_node(struct setup_json *json, int parent)
{
    if (json->n == json->room) {
        json->room = json->room ? json->room * 2 : 64;
        json->nodes = must_grow(json->nodes, (size_t)json->room * sizeof *json->nodes);
    }
    json->nodes[json->n] = (struct setup_node){.kind = 'x', .parent = parent, .child = -1, .next = -1};
    return json->n++;
}

static int read_value(struct scan *scan, int parent);

/* A member's name and its colon, or nothing in an array; then the value. The child's number, or -1. */
static int read_child(struct scan *scan, int parent)
{
    bool member = scan->json->nodes[parent].kind == '{';
    size_t lead = scan->lead, key = scan->at, key_end = 0;

    if (member) {
        if (peek(scan) != '"')
            return fail(scan, scan->at, "a name in double quotes should be here");
        if (read_string(scan) != 0)
            return -1;
        key_end = scan->at;
        if (skip(scan) != 0)
            return -1;
        if (peek(scan) != ':')
            return fail(scan, scan->at, "a colon should be here");
        scan->at++;
        if (skip(scan) != 0)
            return -1;
    }
    int child = read_value(scan, parent);
    if (child < 0)
        return -1;
    struct setup_node *node = &scan->json->nodes[child];
    node->lead = lead;
    node->key = member ? key : 0;
    node->key_end = key_end;
    return child;
}

/* The inside of an object or array, and its end. */
static int read_children(struct scan *scan, int self)
{
    struct setup_json *json = scan->json;
    char closer = json->nodes[self].kind == '{' ? '}' : ']';
    int last = -1;

    if (++scan->depth > SETUP_JSON_DEPTH)
        return fail(scan, scan->at, "nested too deeply");
    scan->at++;
    if (skip(scan) != 0)
        return -1;
    while (peek(scan) != closer) {
        if (last >= 0 && !json->nodes[last].comma)
            return fail(scan, scan->at,
                        closer == '}' ? "a comma or } should be here" : "a comma or ] should be here");
        int child = read_child(scan, self);
        if (child < 0)
            return -1;
        *(last < 0 ? &json->nodes[self].child : &json->nodes[last].next) = child;
        json->nodes[self].n++;
        last = child;
        if (skip(scan) != 0)
            return -1;
        if (peek(scan) != ',')
            continue;
        size_t comma = json->nodes[last].comma = scan->at++;
        if (skip(scan) != 0)
            return -1;
        if (peek(scan) == closer && !(json->allow & SETUP_JSON_COMMAS))
            return fail(scan, comma, "a comma too many, and this agent does not read it");
    }
    scan->at++;
    scan->depth--;
    return 0;
}

static int read_value(struct scan *scan, int parent)
{
    int self = add_node(scan->json, parent);
    size_t begin = scan->at;
    char c = peek(scan);
    bool container = c == '{' || c == '[';

    if (container || c == '"')
        scan->json->nodes[self].kind = c;
    int error = container  ? read_children(scan, self)
                : c == '"' ? read_string(scan)
                           : read_word(scan);
    if (error)
        return -1;
    scan->json->nodes[self].begin = begin;
    scan->json->nodes[self].end = scan->at;
    return self;
}

/* ---- problems ---------------------------------------------------------------------------------------- */

static void problem_at(const struct setup_json *json, size_t at, const char *file, const char *key,
                       struct problems *problems, const char *message)
{
    struct problem_at where = {.file = file, .line = 1, .column = 1, .key = key};
    size_t line = 0;

    for (size_t i = 0; i < at && i < json->len; i++) {
        if (json->text[i] == '\n') {
            where.line++;
            line = i + 1;
        }
    }
    for (size_t i = line; i < at && i < json->len; i++)
        where.column += ((unsigned char)json->text[i] & 0xc0) != 0x80;
    /* The line itself is not shown: these files hold keys and tokens. */
    problem_set(problems, &where, NULL, "%s", message);
}

void setup_json_problem(const struct setup_json *json, int node, const char *file, const char *key,
                        struct problems *problems, const char *message)
{
    problem_at(json, json->nodes[node].begin, file, key, problems, message);
}

/* ---- a whole text ------------------------------------------------------------------------------------ */

/* Where the text stops being UTF-8 (or has a NUL); len: nowhere. */
static size_t bad_byte(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i];
        size_t n = c < 0x80                ? 1
                   : c >= 0xc2 && c < 0xe0 ? 2
                   : (c & 0xf0) == 0xe0    ? 3
                   : c >= 0xf0 && c < 0xf5 ? 4
                                           : 0;
        if (c == 0 || n == 0 || i + n > len)
            return i;
        for (size_t k = 1; k < n; k++) {
            if (((unsigned char)text[i + k] & 0xc0) != 0x80)
                return i;
        }
        i += n;
    }
    return len;
}

/* Reads json->text into nodes. */
static int read_all(struct setup_json *json, size_t *error_at, const char **error)
{
    struct scan scan = {.json = json};
    size_t bad = bad_byte(json->text, json->len);

    json->n = 0;
    if (bad < json->len)
        fail(&scan, bad, "no valid UTF-8");
    else {
        if (strncmp(json->text, "\xef\xbb\xbf", 3) == 0) /* a byte order mark stays where it is */
            scan.at = 3;
        if (skip(&scan) == 0 && read_value(&scan, -1) >= 0 && skip(&scan) == 0 && scan.at < json->len)
            fail(&scan, scan.at, "something follows the end");
    }
    *error = scan.error;
    *error_at = scan.error_at;
    return scan.error ? -EINVAL : 0;
}

int setup_json_parse(struct setup_json *json, const char *text, size_t len, unsigned allow,
                     const char *file, struct problems *problems)
{
    const char *message;
    size_t at;

    *json = (struct setup_json){.text = must_alloc(len + 1), .len = len, .allow = allow};
    memcpy(json->text, text, len);
    int error = read_all(json, &at, &message);
    if (error)
        problem_at(json, at, file, "", problems, message);
    return error;
}

void setup_json_again(struct setup_json *json)
{
    const char *message;
    size_t at;
    if (read_all(json, &at, &message) != 0)
        abort(); /* an edit of ours made it: a bug, and nothing was written yet */
}

void setup_json_release(struct setup_json *json)
{
    free(json->text);
    free(json->nodes);
    memset(json, 0, sizeof *json);
}

/* ---- looking ----------------------------------------------------------------------------------------- */

static json_t *text_of(const struct setup_json *json, size_t begin, size_t end)
{
    json_t *value =
        json_loadb(json->text + begin, end - begin, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    return value ? value : json_null();
}

bool setup_json_named(const struct setup_json *json, int node, const char *name)
{
    const struct setup_node *member = &json->nodes[node];
    if (!member->key_end)
        return false;
    json_t *text = text_of(json, member->key, member->key_end);
    bool same = text_same(json_string_value(text), name);
    json_decref(text);
    return same;
}

int setup_json_member(const struct setup_json *json, int object, const char *name, bool *twice)
{
    int found = -1;

    if (twice)
        *twice = false;
    if (object < 0 || json->nodes[object].kind != '{')
        return -1;
    for (int i = json->nodes[object].child; i >= 0; i = json->nodes[i].next) {
        if (!setup_json_named(json, i, name))
            continue;
        if (twice && found >= 0)
            *twice = true;
        found = i;
    }
    return found;
}

json_t *setup_json_value(const struct setup_json *json, int node)
{
    const struct setup_node *self = &json->nodes[node];

    if (self->kind != '{' && self->kind != '[')
        return text_of(json, self->begin, self->end);
    json_t *value = self->kind == '{' ? json_object() : json_array();
    for (int i = self->child; i >= 0; i = json->nodes[i].next) {
        json_t *item = setup_json_value(json, i);
        if (self->kind == '[') {
            json_array_append_new(value, item);
            continue;
        }
        json_t *key = text_of(json, json->nodes[i].key, json->nodes[i].key_end);
        if (json_is_string(key))
            json_object_set_new(value, json_string_value(key), item);
        else
            json_decref(item);
        json_decref(key);
    }
    return value;
}
