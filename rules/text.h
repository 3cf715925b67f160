/* text.h: texts the core keeps: their caps, comparing, globbing, hashing. And allocation that cannot fail. */
#ifndef RULES_TEXT_H
#define RULES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Caps in bytes; a longer text is cut at a character. */
enum {
    TEXT_NAME = 96, /* agent, host, branch, ids … */
    TEXT_PATH = 256,
    TEXT_TITLE = 200,
    TEXT_BODY = 1000
};

/* Zeroed memory; aborts when there is none. */
void *must_alloc(size_t size);
void *must_grow(void *memory, size_t size);
char *must_copy(const char *text);

/* Sets *slot to a copy of value (NULL is ""), cut at cap; keeps *bytes, the sum of what is kept. True if it
 * is another text than before. */
bool text_set(int64_t *bytes, char **slot, const char *value, size_t cap);
void text_free(int64_t *bytes, char **slot);

/* NULL and "" are the same text. */
const char *text_or(const char *text, const char *otherwise);
bool text_same(const char *a, const char *b);
bool text_empty(const char *text);
/* The last part of a path; "" of none. */
const char *text_last_part(const char *path);

/* * ? [a-z] [!a-z] on the whole text, case-sensitive, in O(glob × text). */
bool text_globs(const char *glob, const char *text);

/* FNV-1a over a text and its end, going on from `hash`; start with TEXT_HASH. */
#define TEXT_HASH 0xcbf29ce484222325u
uint64_t text_hash(uint64_t hash, const char *text);
/* The same, faster, for what is only in memory: its values may change from version to version. */
uint64_t text_mix(uint64_t hash, const char *text);
uint64_t text_mix_bytes(uint64_t hash, const char *bytes, size_t length);

#endif
