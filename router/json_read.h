/* json_read.h: JSON text to jansson's values, several times faster than jansson's own reader, for the common
 * case. Whatever is not plain and certain is left to jansson, which also finds the words for an error. */
#ifndef ROUTER_JSON_READ_H
#define ROUTER_JSON_READ_H

#include <jansson.h>
#include <stddef.h>

/* The value of a text that is valid UTF-8 without NUL and no deeper than `depth`; NULL: ask jansson (it may be
 * wrong, or only unusual: a duplicate key, a number beyond 18 digits, a real number, an escaped NUL). */
json_t *json_read(const char *text, size_t len, int depth);

/* How many of the bytes come before the first that a JSON string holds only escaped, or that ends it: a quote, a
 * backslash, a control character. */
size_t json_plain_run(const char *text, size_t len);

#endif
