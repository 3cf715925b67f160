/* hook_number.c - see hook_number.h. */
#include "hook_number.h"

#include <stddef.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool number_has(char c)
{
    return is_digit(c) || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
}

/* A text of more than NUMBER_MAX characters may have lost its end on the way here; what is missing
 * is not held against it. */
enum number_form number_form(const char *text)
{
    size_t len = strlen(text), digits, exponent = 0;
    bool real = false, negative_exponent = false;
    const char *p = text, *whole;

    if (*p == '-')
        p++;
    for (whole = p; is_digit(*p); p++)
        ;
    digits = (size_t)(p - whole);
    if (digits == 0 || (digits > 1 && *whole == '0'))
        return NUMBER_BAD;
    if (*p == '.') {
        real = true;
        if (!is_digit(*++p) && len <= NUMBER_MAX)
            return NUMBER_BAD;
        while (is_digit(*p))
            p++;
    }
    if (*p == 'e' || *p == 'E') {
        real = true;
        p++;
        negative_exponent = *p == '-';
        if (*p == '+' || *p == '-')
            p++;
        if (!is_digit(*p) && len <= NUMBER_MAX)
            return NUMBER_BAD;
        for (; is_digit(*p); p++)
            exponent = exponent < 100000 ? exponent * 10 + (size_t)(*p - '0') : exponent;
    }
    if (*p && len <= NUMBER_MAX)
        return NUMBER_BAD;

    bool wide = !real && (digits > 19 || (digits == 19 && strcmp(whole, "9223372036854775807") > 0));
    if (len + (wide ? 2 : 0) > NUMBER_MAX || (!negative_exponent && digits + exponent > 300))
        return NUMBER_HUGE;
    return wide ? NUMBER_WIDE : NUMBER_PLAIN;
}
