/* row.h: a record of the core (rules/record.h) as a row: read from JSON, copied, compared. */
#ifndef ROUTER_ROW_H
#define ROUTER_ROW_H

#include "rules/record.h"

#include <jansson.h>

/* Fills a zeroed record from an object with a member per field; what is missing or null is zero. 0, or -EINVAL: a
 * member is of the wrong type, or a word that has no meaning. */
int row_read(const json_t *fields, struct record *record);
/* Copies id and fields into a zeroed record of the same noun. */
void row_copy(const struct record *from, struct record *to);
/* Copies all fields but the texts. */
void row_copy_values(const struct record *from, struct record *to);
/* The first field in which two records of one noun differ, or NULL. */
const struct field *row_differs(const struct record *a, const struct record *b);
/* A field's value for a person. Returns buf. */
char *row_value(const struct record *record, const struct field *field, char *buf, size_t size);
/* Frees a record that no core has, and its texts. */
void row_free(struct record *record);

#endif
