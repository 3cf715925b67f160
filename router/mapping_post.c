/* mapping_post.c: an event as scripts and other tools post it ({"type":"event",…}): its `state` says what it
 * does, in one table. Everything but agent, session and state may be missing; what describes the session may
 * stand at the top or in `context`. */
#include "mapping_parts.h"

#include "rules/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What a posted state does; `kind` in the message overrides the one here. */
static const struct post {
    enum state state;
    bool starts, ends;
    enum closes closes;
    enum opens opens;
    enum kind kind;
} posts[STATES] = {
    [STATE_NONE] = {.state = STATE_NONE}, /* "note" */
    [STATE_STARTED] = {.state = STATE_STARTED, .starts = true},
    [STATE_WORKING] = {.state = STATE_WORKING, .closes = CLOSES_THREAD},
    [STATE_BLOCKED] = {.state = STATE_BLOCKED, .opens = OPENS_REASON, .kind = KIND_QUESTION},
    [STATE_DONE] = {.state = STATE_DONE, .closes = CLOSES_THREAD, .opens = OPENS_REASON, .kind = KIND_REVIEW},
    [STATE_FAILED] = {.state = STATE_FAILED,
                      .closes = CLOSES_THREAD,
                      .opens = OPENS_REASON,
                      .kind = KIND_FAILURE},
    [STATE_IDLE] = {.state = STATE_IDLE, .closes = CLOSES_THREAD},
    [STATE_ENDED] = {.state = STATE_ENDED, .ends = true},
};

/* A member at the top, else in the context. A wrong type at the top is refused. */
static int get(const struct message *message, const char *key, const char **out, struct refusal *refusal)
{
    const json_t *value = json_object_get(message->json, key);
    char at[32];
    *out = json_string_value(value ? value : json_object_get(message->context, key));
    if (!value || json_is_string(value) || json_is_null(value))
        return 0;
    snprintf(at, sizeof at, "/%s", key);
    return refuse(refusal, at, "%s must be a string", key);
}

static int get_word(const struct message *message, const char *key, const struct words *words,
                    int first, int *out, struct refusal *refusal)
{
    const char *text, *near;
    char at[32];
    int error = get(message, key, &text, refusal);
    if (error || !text)
        return error;
    *out = word_find(words, text);
    if (*out >= first)
        return 0;
    snprintf(at, sizeof at, "/%s", key);
    near = nearest(text, words->names + first, words->n - first);
    return near ? refuse(refusal, at, "unknown %s \"%.40s\"; did you mean %s?", words->what, text, near)
                : refuse(refusal, at, "unknown %s \"%.40s\"; known are %s … %s", words->what, text,
                         words->names[first], words->names[words->n - 1]);
}

static int get_state(const struct message *message, enum state *out, struct refusal *refusal)
{
    const char *text;
    int state = -1, error = get(message, "state", &text, refusal);
    if (error)
        return error;
    if (!text)
        return refuse(refusal, "/state",
                      "state is missing: started, working, blocked, done, failed, idle, ended or note");
    if (strcmp(text, "note") == 0)
        state = STATE_NONE;
    else if ((error = get_word(message, "state", &word_state, STATE_STARTED, &state, refusal)))
        return error;
    *out = (enum state)state;
    return 0;
}

static bool flag(const struct message *message, const char *key)
{
    return json_is_true(json_object_get(message->json, key));
}

struct post_field {
    const char *key;
    size_t offset; /* in struct event */
    size_t cap;
    const char *(*take)(struct mapped *out, const char *text, size_t cap);
};
static const struct post_field fields[] = {
    {"title", offsetof(struct event, title), TEXT_TITLE, mapped_line},
    {"text", offsetof(struct event, text), TEXT_BODY, mapped_lines},
    {"tool", offsetof(struct event, tool), TEXT_NAME, mapped_line},
    {"task", offsetof(struct event, task), TEXT_TITLE, mapped_line},
    {"thread", offsetof(struct event, thread), TEXT_NAME, mapped_name},
    {"request", offsetof(struct event, request), TEXT_PATH, mapped_name},
    {"host", offsetof(struct event, host), TEXT_NAME, mapped_name},
    {"repository", offsetof(struct event, repository), TEXT_NAME, mapped_line},
    {"worktree", offsetof(struct event, worktree), TEXT_NAME, mapped_line},
    {"branch", offsetof(struct event, branch), TEXT_NAME, mapped_line},
};

static int take_fields(const struct message *message, struct mapped *out, struct refusal *refusal)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *text;
        int error = get(message, fields[i].key, &text, refusal);
        if (error)
            return error;
        if (!text_empty(text)) {
            const char *taken = fields[i].take(out, text, fields[i].cap);
            memcpy((char *)&out->event + fields[i].offset, &taken, sizeof taken);
        }
    }
    return 0;
}

int mapping_post(const struct message *message, struct mapped *out, struct refusal *refusal)
{
    struct event *event = &out->event;
    enum state state = STATE_NONE;
    const char *cwd, *session = json_string_value(json_object_get(message->json, "session"));
    int kind = -1, urgency = URGENCY_UNSET, error = get_state(message, &state, refusal);
    if (!error)
        error = get_word(message, "kind", &word_kind, 0, &kind, refusal);
    if (!error)
        error = get_word(message, "urgency", &word_urgency, URGENCY_LOW, &urgency, refusal);
    if (!error)
        error = get(message, "cwd", &cwd, refusal);
    if (error)
        return error;
    mapped_context(out, message, session, cwd);
    error = take_fields(message, out, refusal);
    if (error)
        return error;
    const struct post *post = &posts[state];
    event->state = post->state;
    event->starts = post->starts;
    event->ends = post->ends;
    event->closes = post->closes;
    event->opens = post->opens;
    event->kind = post->opens && kind >= 0 ? (enum kind)kind : post->kind;
    event->urgency = (enum urgency)urgency;
    event->waking = flag(message, "waking");
    event->unattended = flag(message, "unattended");
    event->prompt = flag(message, "prompt");
    if (state == STATE_WORKING && !text_empty(event->request))
        event->closes = CLOSES_REQUEST; /* that one was answered */
    char source[TEXT_NAME] = "posted ";
    strcat(source, state ? word_name(&word_state, state) : "note");
    event->source = mapped_line(out, source, sizeof source);
    return 1;
}
