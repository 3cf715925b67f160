/* hook_scan.h - a streaming JSON scanner of fixed memory that makes a payload small.
 *
 * It is fed one JSON value in pieces of any size, checks it, and writes the same value without the
 * spaces between tokens into a buffer, with strings cut to 4 KiB. What it wrote is always JSON that
 * strict readers take (jansson among them): invalid UTF-8, lone surrogates and \u0000 become
 * U+FFFD, raw control characters are escaped, numbers no reader could hold become reals or null.
 *
 * When the buffer fills up, what lies in it is scanned again in place under the next harder limit
 * (shorter strings, fewer entries, less depth; the table is in hook_scan.c) and the scan goes on
 * under that limit. Members of the outermost object are kept longest, because a session id may come
 * after a huge tool result; those named in the table there are kept to the last.
 */
#ifndef QUIETBELL_HOOK_SCAN_H
#define QUIETBELL_HOOK_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_DEPTH 63      /* with the message around it: 64, the daemon's limit for a line */
#define SCAN_TEXT_MAX 4096 /* bytes of a string as written, its ellipsis included */
#define SCAN_VALUES 19000  /* keys and values as written; the daemon takes 20,000 values a line */
#define SCAN_ROOM 4352 /* the buffer must be larger than this: one token and all closing brackets */

enum scan_result {
    SCAN_COMPLETE, /* one complete value; out[0..len) is it */
    SCAN_EMPTY,    /* nothing but spaces */
    SCAN_BAD,      /* anything else; out is of no use */
};

enum scan_expect {
    EXPECT_VALUE,
    EXPECT_FIRST_VALUE, /* or ] */
    EXPECT_FIRST_KEY,   /* or } */
    EXPECT_KEY,
    EXPECT_COLON,
    EXPECT_NEXT, /* a comma or the closing bracket */
    EXPECT_END,  /* the value is complete: only spaces may follow */
};

enum scan_token {
    TOKEN_NONE,   /* between tokens */
    TOKEN_STRING, /* in a string */
    TOKEN_ESCAPE, /* in a string, after a backslash; its characters gather in word[] */
    TOKEN_CHAR,   /* in a string, in a character of several bytes; they gather in word[] */
    TOKEN_NUMBER, /* gathers in word[] */
    TOKEN_WORD,   /* true, false, null: gathers in word[] */
};

struct scan {
    char *out; /* borrowed */
    size_t cap, len;
    enum scan_expect expect;
    enum scan_token token;
    bool bad;
    bool again;        /* this is a second scan of what was written: never shrink from inside */
    bool is_key;       /* the string is a member's name */
    bool skip;         /* the rest of the string is not written */
    unsigned char bom; /* bytes of a byte order mark seen */
    unsigned level;    /* row of the limits table */
    unsigned depth;    /* open brackets */
    unsigned drop_at;  /* an entry of the container at this depth is being left out; 0: none is */
    unsigned word_len;
    unsigned high; /* a high surrogate escape that waits for its low one; 0: none */
    size_t mark;   /* where the member being named starts, to take it back */
    size_t start;  /* where the string's first byte lies */
    size_t cut;    /* where it would be cut: the last boundary that leaves room for the ellipsis */
    size_t max;    /* bytes it may have */
    uint64_t objects; /* bit d: the container at depth d is an object */
    uint64_t seen;    /* bit i: the outermost object has had the member named by kept_names[i] */
    uint32_t values;  /* keys and values written */
    uint32_t kept[SCAN_DEPTH + 1]; /* entries written of the open container at each depth */
    char word[136];
};

/* `out` (cap bytes, more than SCAN_ROOM) is borrowed until the end. */
void scan_init(struct scan *scan, char *out, size_t cap);
void scan_feed(struct scan *scan, const char *bytes, size_t n);
/* A whole value has been read; more than spaces would make it bad. */
bool scan_is_complete(const struct scan *scan);
enum scan_result scan_end(struct scan *scan);

#endif
