/* webhook_answer.c - what the answer to a web request means (webhook_judge() of webhook_format.h).
 *
 * 2xx delivered; 408, 425, 429 and 5xx may be better later; 3xx and the other 4xx need the person,
 * so their reason says what to do. Only words of the table below are taken from the response:
 * everything else in it is the server's to invent, and some servers echo the path, which for a
 * webhook is the secret.
 */
#include "webhook_format.h"

#include <stdio.h>
#include <string.h>

enum { AFTER_MAX_S = 24 * 3600 };

/* Slack's error words for incoming webhooks (api.slack.com/messaging/webhooks, under errors). */
static const struct {
    const char *word, *advice;
} slack_errors[] = {
    {"no_service", "the webhook was removed or disabled: make a new one and write its URL into the file"},
    {"no_service_id", "the URL is not complete: copy it again"},
    {"no_team", "the workspace is gone: make a webhook in another one"},
    {"team_disabled", "the workspace is disabled"},
    {"invalid_token", "the webhook's URL is no longer valid: make a new one"},
    {"user_not_found", "the webhook's owner is gone: make a new webhook"},
    {"channel_not_found", "the channel is gone: make a webhook for another one"},
    {"channel_is_archived", "the channel is archived: unarchive it, or make a webhook for another one"},
    {"posting_to_general_channel_denied", "only admins may post to this channel: choose another one"},
    {"action_prohibited", "an admin has restricted this webhook: ask them"},
    {"too_many_attachments", "the message was refused as too long"},
    {"invalid_payload", "the message was refused: is it a Slack webhook? try `format: generic`"},
    {"no_text", "the message was refused: is it a Slack webhook? try `format: generic`"},
};

static const char *status_words(long status)
{
    static const struct {
        long status;
        const char *words;
    } table[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].status == status)
            return table[i].words;
    return "";
}

static const char *advice_for(long status)
{
    if (status == 401 || status == 403)
        return "check the URL and the token";
    if (status == 404 || status == 410)
        return "there is no such webhook: check the URL, or make a new one";
    if (status == 405)
        return "the URL takes no POST: it is not a webhook";
    if (status == 413)
        return "the message was refused as too long";
    return "the server refused the message: check the URL and `format`";
}

static bool is_word(const char *answer, const char *word)
{
    size_t len = strlen(word);

    return strncmp(answer, word, len) == 0 && strspn(answer + len, " \r\n") == strlen(answer + len);
}

void webhook_judge(struct webhook_verdict *verdict, const char *host, long status,
                   int64_t retry_after_s, const char *answer)
{
    const char *words = status_words(status);
    const char *gap = *words ? " " : "";

    memset(verdict, 0, sizeof *verdict);
    if (status >= 200 && status < 300) {
        verdict->outcome = PROTOCOL_DELIVERED;
        return;
    }
    if (status == 408 || status == 425 || status == 429 || status >= 500 || status < 200) {
        verdict->outcome = PROTOCOL_RETRY;
        if (retry_after_s > 0)
            verdict->after_ms = (retry_after_s < AFTER_MAX_S ? retry_after_s : AFTER_MAX_S) * 1000;
        snprintf(verdict->reason, sizeof verdict->reason, "%ld%s%s from %s", status, gap, words, host);
        return;
    }
    verdict->outcome = PROTOCOL_FAILED;
    if (status < 400) {
        snprintf(verdict->reason, sizeof verdict->reason,
                 "%ld from %s: redirects are not followed; write the final URL", status, host);
        return;
    }
    for (size_t i = 0; i < sizeof slack_errors / sizeof *slack_errors; i++) {
        if (is_word(answer, slack_errors[i].word)) {
            snprintf(verdict->reason, sizeof verdict->reason, "%ld %s from %s: %s", status,
                     slack_errors[i].word, host, slack_errors[i].advice);
            return;
        }
    }
    snprintf(verdict->reason, sizeof verdict->reason, "%ld%s%s from %s: %s", status, gap, words,
             host, advice_for(status));
}
