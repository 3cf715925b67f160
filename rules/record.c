/* record.c: ids as text. (The list of changed records is core.c's.) */
#include "record.h"

#include <stdio.h>

const char *id_text(uint64_t id, char buf[ID_TEXT_MAX])
{
    buf[0] = '\0';
    if (id)
        snprintf(buf, ID_TEXT_MAX, "%llu.%u", (unsigned long long)ID_SEQ(id), ID_N(id));
    return buf;
}

/* Digits only: strtoull alone would take signs and spaces. */
static const char *digits(const char *text, uint64_t max, uint64_t *out)
{
    const char *p = text;
    *out = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        *out = *out * 10 + (uint64_t)(*p - '0');
        if (*out > max)
            return NULL;
    }
    return p > text ? p : NULL;
}

uint64_t id_parse(const char *text)
{
    uint64_t seq, n;
    const char *p = text ? digits(text, UINT64_MAX >> 21, &seq) : NULL;
    if (!p || *p != '.')
        return 0;
    p = digits(p + 1, 0xfffff, &n);
    return p && !*p ? seq << 20 | n : 0;
}
