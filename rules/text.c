/* text.c: see text.h. */
#include "text.h"

#include <stdlib.h>
#include <string.h>

void *must_alloc(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}

void *must_grow(void *memory, size_t size)
{
    void *grown = realloc(memory, size);
    if (!grown)
        abort();
    return grown;
}

char *must_copy(const char *text)
{
    size_t size = strlen(text_or(text, "")) + 1;
    return memcpy(must_alloc(size), text_or(text, ""), size);
}

const char *text_or(const char *text, const char *otherwise)
{
    return text && *text ? text : otherwise;
}

bool text_empty(const char *text)
{
    return !text || !*text;
}

bool text_same(const char *a, const char *b)
{
    return strcmp(text_or(a, ""), text_or(b, "")) == 0;
}

/* The length of the longest prefix within cap that ends at a character. */
static size_t cut_length(const char *text, size_t cap)
{
    size_t length = strnlen(text, cap + 1);
    if (length <= cap)
        return length;
    length = cap;
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

bool text_set(int64_t *bytes, char **slot, const char *value, size_t cap)
{
    const char *wanted = text_or(value, "");
    size_t length = cut_length(wanted, cap);
    if (*slot && strlen(*slot) == length && memcmp(*slot, wanted, length) == 0)
        return false;
    if (!*slot && length == 0)
        return false;
    char *copy = NULL;
    if (length > 0) {
        copy = must_alloc(length + 1);
        memcpy(copy, wanted, length);
    }
    text_free(bytes, slot);
    *slot = copy;
    *bytes += (int64_t)length;
    return true;
}

void text_free(int64_t *bytes, char **slot)
{
    if (*slot)
        *bytes -= (int64_t)strlen(*slot);
    free(*slot);
    *slot = NULL;
}

const char *text_last_part(const char *path)
{
    const char *slash = strrchr(text_or(path, ""), '/');
    return slash ? slash + 1 : text_or(path, "");
}

/* Whether c is in the set that begins after '['; *end is set behind its ']', or to NULL if it has none. */
static bool in_set(const char *set, char c, const char **end)
{
    bool negated = *set == '!' || *set == '^';
    const char *p = set + negated;
    bool found = false;
    for (bool first = true; *p && (first || *p != ']'); first = false) {
        char low = *p++, high = low;
        if (p[0] == '-' && p[1] && p[1] != ']') {
            high = p[1];
            p += 2;
        }
        if (low <= c && c <= high)
            found = true;
    }
    *end = *p ? p + 1 : NULL;
    return found != negated;
}

/* Whether the first element of glob matches the character; *next is set behind the element. */
static bool one_matches(const char *glob, char c, const char **next)
{
    const char *end;
    *next = glob + 1;
    if (*glob == '?')
        return true;
    if (*glob == '[') {
        bool found = in_set(glob + 1, c, &end);
        if (end) {
            *next = end;
            return found;
        }
    }
    return *glob == c;
}

bool text_globs(const char *glob, const char *text)
{
    const char *star = NULL, *from = NULL; /* the last '*' and where its match may yet grow */
    text = text_or(text, "");
    while (*text) {
        const char *next;
        if (*glob == '*') {
            star = ++glob;
            from = text;
        } else if (*glob && one_matches(glob, *text, &next)) {
            glob = next;
            text++;
        } else if (star) {
            glob = star;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return !*glob;
}

uint64_t text_hash(uint64_t hash, const char *text)
{
    for (text = text_or(text, ""); *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return (hash ^ 0xff) * 0x100000001b3u; /* the end counts, so that ("a","b") is not ("ab","") */
}

static uint64_t mix(uint64_t hash, uint64_t eight_bytes)
{
    hash = (hash ^ eight_bytes) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

uint64_t text_mix_bytes(uint64_t hash, const char *bytes, size_t length)
{
    uint64_t eight;
    hash = mix(hash, length);
    for (; length >= sizeof eight; length -= sizeof eight, bytes += sizeof eight) {
        memcpy(&eight, bytes, sizeof eight);
        hash = mix(hash, eight);
    }
    if (length == 0)
        return hash;
    for (eight = 0; length > 0; length--)
        eight = eight << 8 | (unsigned char)bytes[length - 1];
    return mix(hash, eight);
}

uint64_t text_mix(uint64_t hash, const char *text)
{
    return text ? text_mix_bytes(hash, text, strlen(text)) : mix(hash, 0);
}
