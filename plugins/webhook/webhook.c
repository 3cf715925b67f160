/* webhook.c - the webhook plugin: one POST per delivery, to Slack or to anything that takes JSON.
 *
 * One thread, one loop: curl_multi_poll() waits for the transfers and for stdin. Settings:
 *   url         the webhook; in quietbell.yaml as url_file. A secret.
 *   format      slack (default) | generic
 *   token       sent as `Authorization: Bearer`; in quietbell.yaml as token_file. A secret.
 *   secret      generic only: signs as Standard Webhooks say (standardwebhooks.com); "whsec_" and
 *               base64, or plain. A secret.
 *   timeout_ms  for a whole request, default 10000; in quietbell.yaml as timeout: 10s
 *
 * Secrets never leave in a reason or a log line, so of the URL only the host is ever named, and of
 * curl's errors only the fixed strings (its error buffer can quote the URL). curl re-sends a POST
 * by itself when a kept-alive connection dies before the answer: every version therefore carries
 * one idempotency key, for receivers that know it.
 *
 * At the end (stop, or stdin closed) transfers in flight get GRACE_MS: what was half sent is better
 * known than guessed.
 */
#include "webhook_format.h"

#include "../inert.h"

#include <curl/curl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    TIMEOUT_MS = 10000,
    TIMEOUT_LEAST_MS = 100,
    TIMEOUT_MOST_MS = 120000,
    CONNECT_MS = 3000,
    ANSWER_MAX = 4096,
    JOBS_MAX = 16,
    BUSY_MS = 1000,
    GRACE_MS = 1200, /* the host waits two seconds after stop */
    SECRET_MAX = 4096,
    HOST_MAX = 256,
};

/* One request in flight. */
struct job {
    CURL *easy;
    struct curl_slist *headers;
    char *id; /* of the delivery */
    char *body;
    char answer[ANSWER_MAX + 1];
    size_t answered;
    bool full; /* the answer was longer: the transfer was ended by us */
    struct job *next;
};

struct webhook {
    struct kit kit;
    CURLM *multi;
    struct job *jobs;
    int n_jobs;
    enum webhook_format format;
    char *url, *token;
    guchar *secret;
    gsize secret_len;
    long timeout_ms;
    char host[HOST_MAX];          /* of url: the only part that may be shown */
    char problem[WEBHOOK_REASON]; /* a setting is wrong: every delivery fails with this */
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- settings ---- */

/* A secret without white space at its ends (files end in a newline), or NULL; says what is wrong. */
static char *secret_setting(struct webhook *webhook, const json_t *settings, const char *key)
{
    char *text = g_strstrip(g_strdup(kit_string(settings, key)));

    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f) {
            snprintf(webhook->problem, sizeof webhook->problem,
                     "setting %s: holds white space or control characters", key);
            *text = '\0';
        }
    }
    if (strlen(text) > SECRET_MAX) {
        snprintf(webhook->problem, sizeof webhook->problem, "setting %s: longer than %d bytes", key,
                 SECRET_MAX);
        *text = '\0';
    }
    if (*text)
        return text;
    g_free(text);
    return NULL;
}

static void set_url(struct webhook *webhook, const json_t *settings)
{
    CURLU *parts = curl_url();
    char *host = NULL, *scheme = NULL;

    webhook->url = secret_setting(webhook, settings, "url");
    if (!webhook->url) {
        if (!*webhook->problem)
            snprintf(
                webhook->problem, sizeof webhook->problem,
                "setting url is missing: write the webhook's URL into a file and name it with url_file");
    } else if (curl_url_set(parts, CURLUPART_URL, webhook->url, 0) ||
               curl_url_get(parts, CURLUPART_HOST, &host, 0) ||
               curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) ||
               (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        snprintf(webhook->problem, sizeof webhook->problem,
                 "setting url is not an http:// or https:// URL: copy it again");
    } else {
        char *safe = inert_text(host, sizeof webhook->host - 1, 0, INERT_ONE_LINE);
        snprintf(webhook->host, sizeof webhook->host, "%s", safe);
        free(safe);
    }
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(parts);
}

static void set_secret(struct webhook *webhook, const json_t *settings)
{
    static const char PREFIX[] = "whsec_";
    char *text = secret_setting(webhook, settings, "secret");

    if (text && g_str_has_prefix(text, PREFIX)) {
        webhook->secret = g_base64_decode(text + sizeof PREFIX - 1, &webhook->secret_len);
        if (webhook->secret_len == 0)
            snprintf(webhook->problem, sizeof webhook->problem,
                     "setting secret: no base64 after whsec_");
        g_free(text);
    } else if (text) {
        webhook->secret_len = strlen(text);
        webhook->secret = (guchar *)text;
    }
}

static void take_hello(struct kit *kit, const char *receiver, const json_t *settings)
{
    struct webhook *webhook = kit->self;
    const json_t *format = json_object_get(settings, "format");
    const json_t *timeout = json_object_get(settings, "timeout_ms");

    webhook->format = format ? webhook_format_of(kit_string(settings, "format")) : WEBHOOK_SLACK;
    webhook->timeout_ms = timeout ? (long)json_integer_value(timeout) : TIMEOUT_MS;
    webhook->token = secret_setting(webhook, settings, "token");
    set_secret(webhook, settings);
    set_url(webhook, settings);
    if (webhook->format == WEBHOOK_FORMATS)
        snprintf(webhook->problem, sizeof webhook->problem,
                 "setting format: '%.40s' is not slack or generic", kit_string(settings, "format"));
    else if (timeout &&
             (webhook->timeout_ms < TIMEOUT_LEAST_MS || webhook->timeout_ms > TIMEOUT_MOST_MS))
        snprintf(webhook->problem, sizeof webhook->problem,
                 "setting timeout_ms: not between %d and %d", TIMEOUT_LEAST_MS, TIMEOUT_MOST_MS);
    if (*webhook->problem)
        kit_log("%s: %s", receiver, webhook->problem);
}

/* ---- one request ---- */

static size_t take_answer(char *bytes, size_t size, size_t count, void *to)
{
    struct job *job = to;
    size_t got = size * count;
    size_t room = ANSWER_MAX - job->answered;
    size_t part = got < room ? got : room;

    memcpy(job->answer + job->answered, bytes, part);
    job->answered += part;
    job->answer[job->answered] = '\0';
    job->full = part < got;
    return part;
}

static void add_header(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_header(struct job *job, const char *format, ...)
{
    va_list args;
    char *line;
    struct curl_slist *more;

    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    more = curl_slist_append(job->headers, line);
    if (!more)
        abort();
    job->headers = more;
    g_free(line);
}

/* Standard Webhooks: the signature is over `id.timestamp.body`, base64 of HMAC-SHA-256, "v1,"
 * before it. */
static void sign(const struct webhook *webhook, struct job *job, const char *key)
{
    int64_t now_s = clock_ms(CLOCK_REALTIME) / 1000;
    char *head = g_strdup_printf("%s.%lld.", key, (long long)now_s);
    GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA256, webhook->secret, webhook->secret_len);
    guint8 digest[32];
    gsize len = sizeof digest;
    char *text;

    g_hmac_update(hmac, (const guchar *)head, (gssize)strlen(head));
    g_hmac_update(hmac, (const guchar *)job->body, (gssize)strlen(job->body));
    g_hmac_get_digest(hmac, digest, &len);
    text = g_base64_encode(digest, len);
    add_header(job, "webhook-id: %s", key);
    add_header(job, "webhook-timestamp: %lld", (long long)now_s);
    add_header(job, "webhook-signature: v1,%s", text);
    g_free(text);
    g_hmac_unref(hmac);
    g_free(head);
}

static void add_headers(const struct webhook *webhook, struct job *job, const struct kit_alert *alert)
{
    char *id = inert_text(alert->id, 100, 0, INERT_ONE_LINE);
    char *key = g_strdup_printf("%s.%lld", id, (long long)alert->version);

    add_header(job, "Content-Type: application/json");
    add_header(job, "Accept: */*");
    add_header(job, "Expect:"); /* no 100-continue: one round trip less */
    add_header(job, "Idempotency-Key: %s", key);
    if (webhook->token)
        add_header(job, "Authorization: Bearer %s", webhook->token);
    if (webhook->secret && webhook->format == WEBHOOK_GENERIC)
        sign(webhook, job, key);
    g_free(key);
    free(id);
}

static void set_options(const struct webhook *webhook, struct job *job)
{
    CURL *easy = job->easy;

    curl_easy_setopt(easy, CURLOPT_URL, webhook->url);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, job->body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(job->body));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, job->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "quietbell/0.1.0");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, job);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, job);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, webhook->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* else dead DNS blocks for seconds on clean-up */
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void job_free(struct webhook *webhook, struct job *job)
{
    struct job **at = &webhook->jobs;

    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    webhook->n_jobs--;
    curl_multi_remove_handle(webhook->multi, job->easy);
    curl_easy_cleanup(job->easy);
    curl_slist_free_all(job->headers);
    free(job->body);
    g_free(job->id);
    free(job);
}

static void deliver(struct kit *kit, const char *id, const struct kit_alert *alert)
{
    struct webhook *webhook = kit->self;
    struct job *job;

    if (*webhook->problem) {
        kit_result(kit, id, PROTOCOL_FAILED, 0, webhook->problem);
        return;
    }
    if (webhook->n_jobs >= JOBS_MAX) {
        kit_result(kit, id, PROTOCOL_RETRY, BUSY_MS, "too many requests in flight");
        return;
    }
    job = calloc(1, sizeof *job);
    if (!job || !(job->easy = curl_easy_init()))
        abort();
    job->next = webhook->jobs;
    webhook->jobs = job;
    webhook->n_jobs++;
    job->id = g_strdup(id);
    job->body = webhook_body(webhook->format, alert, clock_ms(CLOCK_REALTIME));
    if (!job->body) {
        kit_result(kit, id, PROTOCOL_FAILED, 0, "the alert could not be written as JSON");
        job_free(webhook, job);
        return;
    }
    add_headers(webhook, job, alert);
    set_options(webhook, job);
    curl_multi_add_handle(webhook->multi, job->easy);
}

/* ---- the end of a request ---- */

/* Errors that no retry will mend. A certificate that does not verify is not one: a hotel's portal
 * does that, too. */
static bool is_permanent(CURLcode code)
{
    return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
           code == CURLE_SSL_CACERT_BADFILE;
}

static void judge_error(const struct webhook *webhook, struct job *job, CURLcode code,
                        struct webhook_verdict *verdict)
{
    long os_errno = 0;

    curl_easy_getinfo(job->easy, CURLINFO_OS_ERRNO, &os_errno);
    memset(verdict, 0, sizeof *verdict);
    verdict->outcome = is_permanent(code) ? PROTOCOL_FAILED : PROTOCOL_RETRY;
    if (code == CURLE_COULDNT_CONNECT && os_errno)
        snprintf(verdict->reason, sizeof verdict->reason, "%s: %s", webhook->host,
                 strerror((int)os_errno));
    else
        snprintf(verdict->reason, sizeof verdict->reason, "%s: %s", webhook->host,
                 curl_easy_strerror(code));
}

static void job_done(struct webhook *webhook, struct job *job, CURLcode code)
{
    struct webhook_verdict verdict;
    curl_off_t retry_after_s = 0;
    long status = 0;

    curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(job->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && job->full && status > 0))
        webhook_judge(&verdict, webhook->host, status, retry_after_s, job->answer);
    else
        judge_error(webhook, job, code, &verdict);
    kit_result(&webhook->kit, job->id, verdict.outcome, verdict.after_ms,
               *verdict.reason ? verdict.reason : NULL);
    job_free(webhook, job);
}

static void step(struct webhook *webhook)
{
    int running, left;
    CURLMsg *message;

    curl_multi_perform(webhook->multi, &running);
    while ((message = curl_multi_info_read(webhook->multi, &left))) {
        struct job *job = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&job);
        job_done(webhook, job, code);
    }
}

/* ---- the loop ---- */

static void serve(struct webhook *webhook)
{
    struct kit *kit = &webhook->kit;

    while (!kit->over) {
        struct curl_waitfd fds[2] = {{.fd = KIT_IN, .events = CURL_WAIT_POLLIN},
                                     {.fd = KIT_OUT, .events = CURL_WAIT_POLLOUT}};
        unsigned n_fds = kit_wants_write(kit) ? 2 : 1;

        /* Idle means idle: with no transfer curl has no time-out of its own, and a day is one
         * wake-up. */
        if (curl_multi_poll(webhook->multi, fds, n_fds, 24 * 3600 * 1000, NULL) != CURLM_OK)
            break;
        if (n_fds == 2 && fds[1].revents)
            kit_write(kit);
        if (fds[0].revents)
            kit_read(kit);
        step(webhook);
    }
}

static void drain(struct webhook *webhook)
{
    int64_t until = clock_ms(CLOCK_MONOTONIC) + GRACE_MS;
    int64_t left;

    while (webhook->jobs && (left = until - clock_ms(CLOCK_MONOTONIC)) > 0) {
        if (curl_multi_poll(webhook->multi, NULL, 0, (int)left, NULL) != CURLM_OK)
            break;
        step(webhook);
    }
    while (webhook->jobs) {
        kit_result(&webhook->kit, webhook->jobs->id, PROTOCOL_RETRY, 0,
                   "stopped before the answer came");
        job_free(webhook, webhook->jobs);
    }
}

int main(void)
{
    static const struct kit_plugin plugin = {
        .name = "webhook", .version = "0.1.0", .can = 0, .hello = take_hello, .deliver = deliver};
    struct webhook webhook = {.timeout_ms = TIMEOUT_MS};
    int status;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(webhook.multi = curl_multi_init()))
        return 1;
    kit_init(&webhook.kit, &plugin, &webhook);
    serve(&webhook);
    drain(&webhook);
    status = kit_finish(&webhook.kit);
    curl_multi_cleanup(webhook.multi);
    curl_global_cleanup();
    g_free(webhook.url);
    g_free(webhook.token);
    g_free(webhook.secret);
    return status;
}
