/* hook_number.h - is this a JSON number, and can a reader with 64-bit integers and doubles hold
 * it? */
#ifndef QUIETBELL_HOOK_NUMBER_H
#define QUIETBELL_HOOK_NUMBER_H

#include <stdbool.h>

#define NUMBER_MAX 128 /* characters of a number as written; a longer one is NUMBER_HUGE */

enum number_form {
    NUMBER_BAD,   /* not a JSON number (RFC 8259, section 6) */
    NUMBER_PLAIN, /* as it is */
    NUMBER_WIDE,  /* an integer beyond 64 bits: with ".0" after it, it is a real */
    NUMBER_HUGE,  /* beyond a double, or longer than any reader needs: null */
};

enum number_form number_form(const char *text);

/* May this character stand in a number? */
bool number_has(char c);

#endif
