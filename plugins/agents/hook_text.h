/* hook_text.h - a bounded text under construction, and JSON strings written into it.
 *
 * Nothing here allocates or fails: what does not fit is left out whole, and the callers' caps are
 * chosen so that everything fits (hook.c says how). All lengths are bytes.
 */
#ifndef QUIETBELL_HOOK_TEXT_H
#define QUIETBELL_HOOK_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_ELLIPSIS "\xE2\x80\xA6" /* U+2026, marks a cut */
#define TEXT_ELLIPSIS_LEN 3
#define TEXT_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD, stands for invalid UTF-8 */

struct text {
    char *buf; /* borrowed */
    size_t len, cap;
};

/* Length of the valid UTF-8 character at `bytes` (n >= 1 of them), or 0. */
size_t text_char_len(const unsigned char *bytes, size_t n);

/* Is `byte` allowed as byte number `at` (0 = lead) of the character whose lead byte is `lead`?
 * Unicode 15, table 3-7. */
bool text_char_byte_ok(unsigned char lead, unsigned at, unsigned char byte);

/* Bytes the character with this lead byte has, or 0 when no character starts so. */
unsigned text_char_size(unsigned char lead);

/* Writes the escape of a control character (< 0x20) into out (6 bytes) and returns its length.
 * NUL becomes \ufffd: many JSON readers refuse \u0000. */
size_t text_escape_control(char *out, unsigned char c);

void text_put(struct text *text, const char *bytes, size_t n);
void text_puts(struct text *text, const char *string);
void text_number(struct text *text, unsigned long long number);

/* A JSON string with its quotes, at most `max` bytes between them; longer ones (or `more`: the
 * caller has already left some out) are cut at a character and end in an ellipsis. */
void text_string(struct text *text, const char *bytes, size_t n, size_t max, bool more);

/* `"name":"value"`, with a comma before it unless it is the first of its object; nothing when
 * value is NULL or empty. */
void text_member(struct text *text, const char *name, const char *value, size_t max);
void text_name(struct text *text, const char *name);

#endif
