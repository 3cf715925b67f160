/* plain.h: text made inert and folded for a person, and its width on a screen.
 *
 * Everything that an agent wrote passes here before a person reads it. What inert means stands in
 * plugins/inert.h. Escaping for a medium (markup, Slack) is the plugin's. */
#ifndef ROUTER_PLAIN_H
#define ROUTER_PLAIN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* One line: white space is folded to single spaces, none at the ends. At most size - 1 bytes, cut at a
 * character; "…" tells that something was cut. Returns buf; NULL is "". */
char *plain_line(const char *text, char *buf, size_t size);

/* The same, but line breaks stay (at most one empty line in a row). */
char *plain_lines(const char *text, char *buf, size_t size);

/* Columns of a plain text on a terminal: wide characters take two, combining ones none. */
int plain_width(const char *text);

/* The first `columns` columns of a plain text, the last of them "…" if something was cut. Returns buf. */
char *plain_cut(const char *text, int columns, char *buf, size_t size);

/* Joins what is not empty: plain_join(buf, size, separator, a, b, …, NULL), as many as fit. Returns buf. */
char *plain_join(char *buf, size_t size, const char *separator, ...) __attribute__((sentinel));

/* "8 s", "2 min", "3 h", "2 d": how long something lasts, in the unit a person would say. Returns buf. */
char *plain_age(int64_t ms, char *buf, size_t size);

/* JSON strings of any text, made inert; a new reference, never NULL. */
json_t *plain_json(const char *text);
json_t *plain_json_lines(const char *text);

#endif
