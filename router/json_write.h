/* json_write.h: JSON as text, written at once, where a tree in between would cost more than all else. The bytes are
 * those of jansson's JSON_COMPACT. */
#ifndef ROUTER_JSON_WRITE_H
#define ROUTER_JSON_WRITE_H

#include <stddef.h>
#include <stdint.h>

/* A text that is being written; all zero is an empty one. Set n to 0 to begin anew with the same room. */
struct json_text {
    char *text;
    size_t n, room;
};

void json_put(struct json_text *out, const char *bytes, size_t n);
/* A string with its quotes; the text is valid UTF-8. */
void json_put_string(struct json_text *out, const char *text);
void json_put_int(struct json_text *out, int64_t value);
/* `"key":`, behind a comma if something stands before it in its object. */
void json_put_key(struct json_text *out, const char *key);

#endif
