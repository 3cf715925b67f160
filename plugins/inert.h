/* inert.h - text from agents made harmless: valid UTF-8, no control characters, no bidi tricks, cut
 * at a character.
 *
 * Every plugin passes every foreign text through here before it escapes it for its own medium.
 */
#ifndef QUIETBELL_INERT_H
#define QUIETBELL_INERT_H

#include <stddef.h>

enum inert_lines {
    INERT_ONE_LINE, /* line ends and tabs become one space */
    INERT_LINES,    /* "\n" stays; CR LF, CR, U+2028 and U+2029 become one */
};

/* A new string (caller frees; never NULL; a NULL `text` is "") of at most `bytes` bytes and `chars`
 * characters, 0 for no limit; what is cut ends in "…", counted in. Taken out: C0 and C1 controls,
 * whole terminal escape sequences, bidi controls (U+061C 200E 200F 202A-202E 2066-2069), U+FEFF.
 * Bytes that are not UTF-8 become U+FFFD, one for each. White space at both ends goes too. */
char *inert_text(const char *text, size_t bytes, size_t chars, enum inert_lines lines);

/* Reads one character of a NUL-terminated string: its code point and, in *len, its bytes. For a
 * byte that begins no valid UTF-8 character: -1 and 1. For the terminating NUL: 0 and 0. */
long inert_char(const char *text, size_t *len);

#endif
