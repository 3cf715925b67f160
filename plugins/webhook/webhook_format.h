/* webhook_format.h - an alert as the body of a web request, and what the answer to that request
 * means.
 *
 * Pure: no network, no clock, no settings but those handed over. Facts about Slack from
 * api.slack.com/reference/surfaces/formatting and /reference/block-kit/blocks (read 2026): text is
 * HTML-escaped in `&`, `<`, `>` only; a header holds 150 characters, a section 3,000, a message 50
 * blocks; it answers "ok" or an error word.
 */
#ifndef QUIETBELL_WEBHOOK_FORMAT_H
#define QUIETBELL_WEBHOOK_FORMAT_H

#include "../kit.h"

enum webhook_format { WEBHOOK_SLACK, WEBHOOK_GENERIC, WEBHOOK_FORMATS };

/* "slack", "generic"; WEBHOOK_FORMATS if it is neither. */
enum webhook_format webhook_format_of(const char *word);

/* The request's body, JSON in UTF-8; the caller frees. `now_ms` is the wall clock, for "for 3 min".
 * NULL only if the alert cannot be written as JSON. */
char *webhook_body(enum webhook_format format, const struct kit_alert *alert, int64_t now_ms);

/* How long ago, in words: "4 s", "3 min", "2 h 5 min", "3 d". */
void webhook_age(char *out, size_t size, int64_t ms);

/* ---- the answer ---- */

enum { WEBHOOK_REASON = 300 };

struct webhook_verdict {
    const char *outcome;         /* PROTOCOL_DELIVERED, _RETRY or _FAILED */
    int64_t after_ms;            /* 0: none */
    char reason[WEBHOOK_REASON]; /* "" with delivered; names no URL and nothing the server made up */
};

/* `status`: the HTTP status. `retry_after_s`: of the header, 0 for none. `answer`: the beginning of
 * the response's body; it is believed only where it is one of Slack's error words, because a server
 * may echo the secret path. */
void webhook_judge(struct webhook_verdict *verdict, const char *host, long status,
                   int64_t retry_after_s, const char *answer);

#endif
