/* setup_json_edit.c: changing a JSON text in place: as the file is set in, and nothing but what is asked. */
#include "setup_json.h"

#include "rules/text.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Puts n bytes in the place of [from, to). The nodes are stale after it. */
static void splice(struct setup_json *json, size_t from, size_t to, const char *bytes, size_t n)
{
    size_t tail = json->len - to;
    char *text = must_alloc(from + n + tail + 1);

    memcpy(text, json->text, from);
    memcpy(text + from, bytes, n);
    memcpy(text + from + n, json->text + to, tail);
    free(json->text);
    json->text = text;
    json->len = from + n + tail;
}

/* The blanks at the beginning of the line that `at` is on. */
static size_t line_indent(const struct setup_json *json, size_t at, const char **begin)
{
    size_t line = at, n = 0;
    while (line > 0 && json->text[line - 1] != '\n')
        line--;
    while (json->text[line + n] == ' ' || json->text[line + n] == '\t')
        n++;
    *begin = json->text + line;
    return n;
}

/* Whether a child is the first thing on its line; then its blanks are how its siblings are set in. */
static bool own_line(const struct setup_json *json, const struct setup_node *child,
                     const char **begin, size_t *n)
{
    size_t at = child->key_end ? child->key : child->begin;
    *n = line_indent(json, at, begin);
    return *begin + *n == json->text + at && *begin > json->text;
}

/* What one level is set in by: as the root's first child is, else two blanks. */
static size_t unit(const struct setup_json *json, const char **begin)
{
    size_t n = 0;
    if (json->nodes[0].child >= 0 &&
        own_line(json, &json->nodes[json->nodes[0].child], begin, &n) && n > 0 && n <= 8)
        return n;
    *begin = "  ";
    return 2;
}

struct piece {
    char *text;
    size_t n, room;
};

static void put(struct piece *piece, const char *bytes, size_t n)
{
    if (piece->n + n > piece->room) {
        piece->room = (piece->n + n) * 2;
        piece->text = must_grow(piece->text, piece->room);
    }
    memcpy(piece->text + piece->n, bytes, n);
    piece->n += n;
}

static void put_line_end(const struct setup_json *json, struct piece *piece)
{
    const char *first = strchr(json->text, '\n');
    bool dos = first && first > json->text && first[-1] == '\r';
    put(piece, dos ? "\r\n" : "\n", dos ? 2 : 1);
}

void setup_json_insert(struct setup_json *json, int container, const char *item)
{
    const struct setup_node *self = &json->nodes[container];
    int last = self->child;
    size_t closer = self->end - 1, at = closer, n;
    const char *blanks;
    struct piece piece = {0};

    while (last >= 0 && json->nodes[last].next >= 0)
        last = json->nodes[last].next;
    while (is_blank(json->text[at - 1]))
        at--;
    bool trailing = last >= 0 && json->nodes[last].comma;
    if (last >= 0 && !trailing) { /* the comma stands at the value, before any comment */
        size_t end = json->nodes[last].end;
        put(&piece, ",", 1);
        put(&piece, json->text + end, at - end);
    }
    put_line_end(json, &piece);
    if (self->child >= 0 && own_line(json, &json->nodes[self->child], &blanks, &n))
        put(&piece, blanks, n);
    else {
        n = line_indent(json, self->begin, &blanks);
        put(&piece, blanks, n);
        n = unit(json, &blanks);
        put(&piece, blanks, n);
    }
    put(&piece, item, strlen(item));
    if (trailing)
        put(&piece, ",", 1);
    size_t to = at;
    if (!memchr(json->text + at, '\n', closer - at)) { /* the end goes to a line of its own */
        to = closer;
        put_line_end(json, &piece);
        n = line_indent(json, self->begin, &blanks);
        put(&piece, blanks, n);
    }
    size_t from = last >= 0 && !trailing ? json->nodes[last].end : at;
    splice(json, from, to, piece.text, piece.n);
    free(piece.text);
    setup_json_again(json);
}

void setup_json_remove(struct setup_json *json, int node)
{
    struct setup_node self = json->nodes[node];
    int parent = self.parent, before = -1;

    for (int i = json->nodes[parent].child; i != node; i = json->nodes[i].next)
        before = i;
    size_t comma = before >= 0 && !self.comma ? json->nodes[before].comma : 0;
    size_t to = self.comma ? self.comma + 1 : self.end;
    if (self.lead > 0 &&
        json->text[self.lead - 1] == '\n') { /* behind a comment: its line goes, not two ends */
        size_t blanks = strspn(json->text + to, " \t\r");
        to += json->text[to + blanks] == '\n' ? blanks + 1 : 0;
    }
    splice(json, self.lead, to, "", 0);
    if (comma) /* the last child goes, and the comma before it with it */
        splice(json, comma, comma + 1, "", 0);
    setup_json_again(json);
    const struct setup_node *left = &json->nodes[parent];
    size_t blanks = strspn(json->text + left->begin + 1, " \t\r\n");
    if (left->n == 0 && blanks && left->begin + 1 + blanks == left->end - 1) {
        splice(json, left->begin + 1, left->end - 1, "", 0);
        setup_json_again(json);
    }
}

void setup_json_replace(struct setup_json *json, int node, const char *value)
{
    splice(json, json->nodes[node].begin, json->nodes[node].end, value, strlen(value));
    setup_json_again(json);
}
