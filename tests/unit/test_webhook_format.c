/* test_webhook_format.c - Slack and generic bodies, and what answers mean
 * (plugins/webhook/webhook_format.h). */
#include "../../plugins/webhook/webhook_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_MS = 1000000 };

static struct kit_alert alert_of(const json_t *json)
{
    return (struct kit_alert){.id = kit_string(json, "id"),
                              .version = 1,
                              .urgency = KIT_NORMAL,
                              .title = kit_string(json, "title"),
                              .body = kit_string(json, "body"),
                              .json = json};
}

/* The body as JSON again. */
static json_t *body_of(enum webhook_format format, const struct kit_alert *alert)
{
    char *text = webhook_body(format, alert, NOW_MS);
    json_t *body;

    assert_non_null(text);
    body = json_loads(text, 0, NULL);
    assert_non_null(body);
    free(text);
    return body;
}

static const char *block_text(const json_t *body, size_t i)
{
    const json_t *text = json_object_get(json_array_get(json_object_get(body, "blocks"), i), "text");

    assert_string_equal(kit_string(text, "type"), "plain_text");
    assert_true(json_is_false(json_object_get(text, "emoji")));
    return kit_string(text, "text");
}

static size_t characters(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += (*text & 0xc0) != 0x80;
    return count;
}

static json_t *one_need(const char *title, const char *text)
{
    return json_pack("{ss si ss ss s[{ss ss ss ss ss ss ss sI si}]}", "id", "12.1", "version", 2,
                     "title", "payments: permission", "body", title, "needs", "kind", "permission",
                     "repository", "payments", "worktree", "fix-auth", "branch", "main", "agent",
                     "claude-code", "title", title, "text", text, "opened_ms",
                     (json_int_t)(NOW_MS - 185000), "count", 2);
}

static void slack_names_everything(void **state)
{
    json_t *json = one_need("Bash: touch x", "Create a file");
    struct kit_alert alert = alert_of(json);
    json_t *body = body_of(WEBHOOK_SLACK, &alert);

    (void)state;
    assert_string_equal(block_text(body, 0), "payments: permission");
    assert_string_equal(block_text(body, 1),
                        "permission: payments / fix-auth, main\nBash: touch x\nCreate a file\n"
                        "claude-code, for 3 min, asked 2 times");
    assert_string_equal(kit_string(body, "text"), "payments: permission\nBash: touch x");
    assert_true(json_is_false(json_object_get(body, "unfurl_links")));
    assert_true(json_is_false(json_object_get(body, "unfurl_media")));
    assert_null(json_object_get(body, "link_names"));
    json_decref(body);
    json_decref(json);
}

static void slack_is_inert(void **state)
{
    json_t *json =
        one_need("<!channel> <@U1> @here & <http://x|y> *b* `c` :bell:\033[31m", "\xe2\x80\xae");
    struct kit_alert alert = alert_of(json);
    json_t *body = body_of(WEBHOOK_SLACK, &alert);
    const char *text = kit_string(body, "text");

    (void)state;
    alert.urgency = KIT_CRITICAL;
    assert_non_null(
        strstr(block_text(body, 1),
               "&lt;!channel&gt; &lt;@U1&gt; @here &amp; &lt;http://x|y&gt; *b* `c` :bell:\n"));
    assert_null(strpbrk(block_text(body, 1), "<>\033"));
    assert_null(strpbrk(text, "<>\033"));
    assert_null(strstr(text, "@here"));
    assert_null(strstr(text, "!channel&gt; &lt;@U1"));
    assert_non_null(strstr(text, "@\xe2\x81\xa0here"));
    assert_non_null(strstr(text, "\xe2\x81\xa0*b\xe2\x81\xa0*"));
    json_decref(body);
    body = body_of(WEBHOOK_SLACK, &alert);
    assert_string_equal(block_text(body, 0), "Critical: payments: permission");
    json_decref(body);
    json_decref(json);
}

/* Sixty needs of the longest and worst text stay inside every limit of Slack. */
static void slack_stays_inside_limits(void **state)
{
    enum { LONG = 20000, NEEDS = 60 };
    char *text = malloc(LONG + 1);
    json_t *json, *needs, *body;
    struct kit_alert alert;
    size_t sum = 0;

    (void)state;
    memset(text, '&', LONG);
    text[LONG] = '\0';
    json =
        json_pack("{ss ss ss si s[]}", "id", "1.1", "title", text, "body", text, "more", 7, "needs");
    needs = json_object_get(json, "needs");
    for (int i = 0; i < NEEDS; i++)
        json_array_append_new(needs, json_pack("{ss ss ss ss}", "kind", text, "title", text, "text",
                                               "&", "branch", text));
    alert = alert_of(json);
    body = body_of(WEBHOOK_SLACK, &alert);
    assert_int_equal(json_array_size(json_object_get(body, "blocks")), 50);
    assert_true(characters(block_text(body, 0)) <= 150);
    for (size_t i = 1; i < 50; i++) {
        assert_true(characters(block_text(body, i)) <= 3000);
        sum += characters(block_text(body, i));
    }
    assert_string_equal(block_text(body, 49), "and 19 more: quietbell needs");
    assert_true(characters(kit_string(body, "text")) <= 3000);
    assert_true(sum < 40000);
    json_decref(body);
    json_decref(json);
    free(text);
}

static void slack_without_needs(void **state)
{
    json_t *json = json_pack("{ss}", "id", "1.1");
    struct kit_alert alert = alert_of(json);
    json_t *body;

    (void)state;
    body = body_of(WEBHOOK_SLACK, &alert);
    assert_string_equal(block_text(body, 0), "an agent needs you");
    assert_int_equal(json_array_size(json_object_get(body, "blocks")), 1);
    json_decref(body);
    alert.body = "line one\nline two";
    body = body_of(WEBHOOK_SLACK, &alert);
    assert_string_equal(block_text(body, 1), "line one\nline two");
    json_decref(body);
    json_decref(json);
}

static void slack_survives_nonsense(void **state)
{
    json_t *json = json_pack("{ss ss s[isn{ss si}]si}", "id", "1.1", "title", "t", "needs", 1, "x",
                             "kind", "k", "title", 3, "more", -5);
    struct kit_alert alert = alert_of(json);
    json_t *body = body_of(WEBHOOK_SLACK, &alert);

    (void)state;
    assert_string_equal(block_text(body, 1), "k");
    json_decref(body);
    json_decref(json);
}

static void generic_hands_all_through(void **state)
{
    json_t *json = json_pack("{ss si ss}", "id", "12.1", "version", 2, "unknown", "kept");
    struct kit_alert alert = alert_of(json);
    json_t *body = body_of(WEBHOOK_GENERIC, &alert);

    (void)state;
    assert_string_equal(kit_string(body, "type"), "alert");
    assert_true(json_equal(json_object_get(body, "alert"), json));
    json_decref(body);
    json_decref(json);
}

static void formats_have_names(void **state)
{
    (void)state;
    assert_int_equal(webhook_format_of("slack"), WEBHOOK_SLACK);
    assert_int_equal(webhook_format_of("generic"), WEBHOOK_GENERIC);
    assert_int_equal(webhook_format_of("ntfy"), WEBHOOK_FORMATS);
}

static void ages_in_words(void **state)
{
    static const struct {
        int64_t ms;
        const char *want;
    } cases[] = {{-5, "0 s"},      {59999, "59 s"},        {60000, "1 min"},   {3599999, "59 min"},
                 {3600000, "1 h"}, {7500000, "2 h 5 min"}, {172800000, "2 d"}, {INT64_MAX, NULL}};
    char text[40];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        webhook_age(text, sizeof text, cases[i].ms);
        if (cases[i].want)
            assert_string_equal(text, cases[i].want);
    }
}

static void expect_verdict(long status, int64_t retry_after_s, const char *answer,
                           const char *outcome, int64_t after_ms, const char *reason)
{
    struct webhook_verdict verdict;

    webhook_judge(&verdict, "hooks.test", status, retry_after_s, answer);
    assert_string_equal(verdict.outcome, outcome);
    assert_int_equal(verdict.after_ms, after_ms);
    assert_string_equal(verdict.reason, reason);
}

static void answers_are_judged(void **state)
{
    (void)state;
    expect_verdict(200, 0, "ok", PROTOCOL_DELIVERED, 0, "");
    expect_verdict(204, 9, "", PROTOCOL_DELIVERED, 0, "");
    expect_verdict(429, 30, "", PROTOCOL_RETRY, 30000, "429 Too Many Requests from hooks.test");
    expect_verdict(503, 999999999, "", PROTOCOL_RETRY, 86400000,
                   "503 Service Unavailable from hooks.test");
    expect_verdict(500, 0, "", PROTOCOL_RETRY, 0, "500 Internal Server Error from hooks.test");
    expect_verdict(599, -3, "", PROTOCOL_RETRY, 0, "599 from hooks.test");
    expect_verdict(408, 0, "", PROTOCOL_RETRY, 0, "408 Request Timeout from hooks.test");
    expect_verdict(302, 0, "", PROTOCOL_FAILED, 0,
                   "302 from hooks.test: redirects are not followed; write the final URL");
    expect_verdict(401, 0, "", PROTOCOL_FAILED, 0,
                   "401 Unauthorized from hooks.test: check the URL and the token");
    expect_verdict(404, 0, "no_service\n", PROTOCOL_FAILED, 0,
                   "404 no_service from hooks.test: the webhook was removed or disabled: make a new one and write its URL "
                   "into the file");
}

/* A server that echoes the path (as many do) must not put the secret into a reason. */
static void answers_leak_nothing(void **state)
{
    (void)state;
    expect_verdict(
        404, 0, "Cannot POST /services/T0/B0/s3cret", PROTOCOL_FAILED, 0,
        "404 Not Found from hooks.test: there is no such webhook: check the URL, or make a new one");
    expect_verdict(
        400, 0, "invalid_payload s3cret", PROTOCOL_FAILED, 0,
        "400 Bad Request from hooks.test: the server refused the message: check the URL and `format`");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slack_names_everything),    cmocka_unit_test(slack_is_inert),
        cmocka_unit_test(slack_stays_inside_limits), cmocka_unit_test(slack_without_needs),
        cmocka_unit_test(slack_survives_nonsense),   cmocka_unit_test(generic_hands_all_through),
        cmocka_unit_test(formats_have_names),        cmocka_unit_test(ages_in_words),
        cmocka_unit_test(answers_are_judged),        cmocka_unit_test(answers_leak_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
