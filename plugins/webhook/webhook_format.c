/* webhook_format.c - an alert as a Slack or generic body (see webhook_format.h).
 *
 * Slack: one header block with the alert's title, then one section a need, all in plain_text
 * objects with "emoji": false: there `*`, `_`, backticks, `:name:` and links stay what they are,
 * letters. What plain_text does not switch off are Slack's control sequences <!channel>, <@U..>,
 * <url|label>: escaping `<`, `>` and `&` does.
 *
 * The top-level `text` is what notifications, screen readers and servers without blocks show
 * (Mattermost, Rocket.Chat); it is mrkdwn unless told otherwise. Slack takes a bare @channel there
 * for letters, unless link_names or parse=full is asked for, and we ask for neither. Mattermost
 * does ring everybody for it. So there an invisible word joiner (U+2060) follows every "@" and
 * stands before every formatting character.
 */
#include "webhook_format.h"

#include "../inert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER_CHARS = 150,   /* of a Slack header block */
    SECTION_CHARS = 3000, /* of a Slack section, after escaping */
    SECTIONS = 48,        /* 50 blocks less the header and "and 3 more" */
    NEEDS_CHARS = 36000,  /* all sections together: a message may have 40,000 */
    TEXT_CHARS = 3000,    /* the fallback text */
    FIELD_CHARS = 80,     /* repository, branch, .. */
};

/* ---- a string that grows ---- */

struct words {
    char *text;
    size_t used, size;
};

static void add_bytes(struct words *words, const char *bytes, size_t count)
{
    size_t need = words->used + count + 1;

    if (need > words->size) {
        words->size = need * 2;
        words->text = realloc(words->text, words->size);
        if (!words->text)
            abort();
    }
    memcpy(words->text + words->used, bytes, count);
    words->used += count;
    words->text[words->used] = '\0';
}

static void add(struct words *words, const char *text)
{
    add_bytes(words, text, strlen(text));
}

/* A foreign text, made inert and cut; with `before` in front of it, unless it is empty. */
static void add_inert(struct words *words, const char *before, const char *text, size_t chars,
                      enum inert_lines lines)
{
    char *safe = inert_text(text, 0, chars, lines);

    if (*safe) {
        if (words->used > 0)
            add(words, before);
        add(words, safe);
    }
    free(safe);
}

/* ---- Slack's escaping ---- */

static const char *escape_of(char c)
{
    return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : NULL;
}

/* Whether the character at `at` may begin markup: formatting, a link, a #channel, an :emoji: */
static bool begins_markup(const char *at)
{
    if (*at == ':')
        return at[1] && strchr("abcdefghijklmnopqrstuvwxyz0123456789+-_", at[1]);
    return strchr("*_~`#[", *at) != NULL;
}

/* Escapes, and cuts so that at most `chars` characters leave, no entity cut in two. Frees `text`;
 * NULL is "". */
static char *escaped(char *text, size_t chars, bool disarm)
{
    static const char JOINER[] = "\xe2\x81\xa0";
    struct words out = {0};
    size_t used = 0;
    size_t len;

    add(&out, "");
    for (const char *at = text ? text : ""; *at; at += len) {
        const char *entity = escape_of(*at);
        bool before = disarm && begins_markup(at);
        bool after = disarm && *at == '@';
        size_t cost = (entity ? strlen(entity) : 1) + before + after;

        inert_char(at, &len);
        if (used + cost + 1 > chars && (at[len] || used + cost > chars)) {
            add(&out, "\xe2\x80\xa6");
            break;
        }
        if (before)
            add(&out, JOINER);
        if (entity)
            add(&out, entity);
        else
            add_bytes(&out, at, len);
        if (after)
            add(&out, JOINER);
        used += cost;
    }
    free(text);
    return out.text;
}

static json_t *plain(char *text, size_t chars)
{
    char *safe = escaped(text, chars, false);
    json_t *object = json_pack("{ss ss sb}", "type", "plain_text", "text", safe, "emoji", 0);

    free(safe);
    return object;
}

/* ---- the words ---- */

void webhook_age(char *out, size_t size, int64_t ms)
{
    long long s = ms > 0 ? ms / 1000 : 0;

    if (s < 60)
        snprintf(out, size, "%lld s", s);
    else if (s < 3600)
        snprintf(out, size, "%lld min", s / 60);
    else if (s < 48 * 3600 && s % 3600 >= 60)
        snprintf(out, size, "%lld h %lld min", s / 3600, s % 3600 / 60);
    else if (s < 48 * 3600)
        snprintf(out, size, "%lld h", s / 3600);
    else
        snprintf(out, size, "%lld d", s / (24 * 3600));
}

/* ", tmux %3": what a person can aim at. */
static void add_place(struct words *words, const json_t *place)
{
    static const char *const keys[] = {"pane", "kitty", "wezterm"};
    static const char *const before[] = {", tmux ", ", kitty window ", ", WezTerm pane "};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!*kit_string(place, keys[i]))
            continue;
        add_inert(words, before[i], kit_string(place, keys[i]), FIELD_CHARS, INERT_ONE_LINE);
        return;
    }
}

/* One need in two to four lines: what and where, what is asked, what for, who and since when.
 *
 *     permission: payments / fix-auth, main
 *     Bash: rm -rf build
 *     Task: Mend the token refresh
 *     claude-code, tmux %3, for 3 min */
static char *need_words(const json_t *need, size_t chars, int64_t now_ms)
{
    struct words words = {0};
    char age[40];
    int64_t opened_ms = json_integer_value(json_object_get(need, "opened_ms"));
    int64_t count = json_integer_value(json_object_get(need, "count"));

    add(&words, "");
    add_inert(&words, "", kit_string(need, "kind"), FIELD_CHARS, INERT_ONE_LINE);
    add_inert(&words, ": ", kit_string(need, "repository"), FIELD_CHARS, INERT_ONE_LINE);
    add_inert(&words, " / ", kit_string(need, "worktree"), FIELD_CHARS, INERT_ONE_LINE);
    add_inert(&words, ", ", kit_string(need, "branch"), FIELD_CHARS, INERT_ONE_LINE);
    add_inert(&words, " on ", kit_string(need, "host"), FIELD_CHARS, INERT_ONE_LINE);
    add_inert(&words, "\n", kit_string(need, "title"), chars, INERT_LINES);
    if (strcmp(kit_string(need, "text"), kit_string(need, "title")) != 0)
        add_inert(&words, "\n", kit_string(need, "text"), chars, INERT_LINES);
    if (!strstr(kit_string(need, "title"), kit_string(need, "task")))
        add_inert(&words, "\nTask: ", kit_string(need, "task"), FIELD_CHARS, INERT_ONE_LINE);
    add_inert(&words, "\n", kit_string(need, "agent"), FIELD_CHARS, INERT_ONE_LINE);
    add_place(&words, json_object_get(need, "place"));
    if (opened_ms > 0) {
        webhook_age(age, sizeof age, now_ms - opened_ms);
        add(&words, ", for ");
        add(&words, age);
    }
    if (count > 1) {
        snprintf(age, sizeof age, ", asked %lld times", (long long)count);
        add(&words, age);
    }
    return words.text;
}

static char *title_words(const struct kit_alert *alert)
{
    struct words words = {0};

    add(&words, alert->urgency == KIT_CRITICAL ? "Critical: " : "");
    add_inert(&words, "", *alert->title ? alert->title : "an agent needs you", HEADER_CHARS,
              INERT_ONE_LINE);
    return words.text;
}

static char *fallback_words(const struct kit_alert *alert)
{
    struct words words = {0};
    char *title = title_words(alert);

    add(&words, title);
    add_inert(&words, "\n", alert->body, TEXT_CHARS, INERT_LINES);
    free(title);
    return words.text;
}

static void add_section(json_t *blocks, char *words, size_t chars)
{
    if (*words)
        json_array_append_new(blocks,
                              json_pack("{ss so}", "type", "section", "text", plain(words, chars)));
    else
        free(words);
}

static char *slack_body(const struct kit_alert *alert, int64_t now_ms)
{
    const json_t *needs = json_object_get(alert->json, "needs");
    size_t count = json_array_size(needs);
    size_t listed = count < SECTIONS ? count : SECTIONS;
    size_t chars = listed > NEEDS_CHARS / SECTION_CHARS ? NEEDS_CHARS / listed : SECTION_CHARS;
    int64_t more = json_integer_value(json_object_get(alert->json, "more"));
    json_t *blocks = json_array();
    char *text = escaped(fallback_words(alert), TEXT_CHARS, true);
    json_t *body;
    char *dumped;

    json_array_append_new(blocks, json_pack("{ss so}", "type", "header", "text",
                                            plain(title_words(alert), HEADER_CHARS)));
    for (size_t i = 0; i < listed; i++)
        add_section(blocks, need_words(json_array_get(needs, i), chars / 3, now_ms), chars);
    if (count == 0)
        add_section(blocks, inert_text(alert->body, 0, SECTION_CHARS, INERT_LINES), SECTION_CHARS);
    more = (more > 0 && more < 1000000 ? more : 0) + (int64_t)(count - listed);
    if (more > 0) {
        char line[64];
        snprintf(line, sizeof line, "and %lld more: quietbell needs", (long long)more);
        add_section(blocks, inert_text(line, 0, 0, INERT_ONE_LINE), SECTION_CHARS);
    }
    body = json_pack("{ss so sb sb}", "text", text, "blocks", blocks, "unfurl_links", 0,
                     "unfurl_media", 0);
    dumped = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    free(text);
    return dumped;
}

static char *generic_body(const struct kit_alert *alert)
{
    json_t *body = json_pack("{ss sO}", "type", "alert", "alert", (json_t *)alert->json);
    char *dumped = body ? json_dumps(body, JSON_COMPACT) : NULL;

    json_decref(body);
    return dumped;
}

/* ---- the table of formats ---- */

static const char *const format_words[WEBHOOK_FORMATS] = {
    [WEBHOOK_SLACK] = "slack",
    [WEBHOOK_GENERIC] = "generic",
};

enum webhook_format webhook_format_of(const char *word)
{
    for (int i = 0; i < WEBHOOK_FORMATS; i++)
        if (strcmp(word, format_words[i]) == 0)
            return (enum webhook_format)i;
    return WEBHOOK_FORMATS;
}

char *webhook_body(enum webhook_format format, const struct kit_alert *alert, int64_t now_ms)
{
    switch (format) {
    case WEBHOOK_SLACK:
        return slack_body(alert, now_ms);
    case WEBHOOK_GENERIC:
        return generic_body(alert);
    case WEBHOOK_FORMATS:
        break;
    }
    return NULL;
}
