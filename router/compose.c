/* compose.c: the words of an alert. See compose.h.
 *
 * A popup shows a title and three or four lines, and is read in a second: so what is asked comes first,
 * where it is comes next, and nothing is said twice. Texts come from agents: each goes through plain.h. */
#include "compose.h"

#include "host.h"
#include "plain.h"
#include "plugins/protocol.h"
#include "view.h"

#include <stdio.h>
#include <string.h>

enum {
    PART_MAX = 512,
    ASK_COLUMNS = 200,  /* of what one need asks, alone in its alert */
    MORE_COLUMNS = 240, /* of the text that comes with it */
    LINE_COLUMNS = 96,  /* of a line among others */
    WAITED_MIN_MS = 60000,
};

#define DOT " · "

static bool empty(const char *text)
{
    return !text || !*text;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* What a need asks for when its agent gave no words. */
static const char *ask_of(enum kind kind)
{
    switch (kind) {
    case KIND_PERMISSION:
        return "asks for permission";
    case KIND_QUESTION:
        return "has a question";
    case KIND_PLAN:
        return "has a plan for you to approve";
    case KIND_LOGIN:
        return "needs you to log in";
    case KIND_FAILURE:
        return "stopped with an error";
    case KIND_LIMIT:
        return "ran into a limit";
    case KIND_STALLED:
        return "has been silent for long";
    case KIND_REVIEW:
        return "has finished";
    case KIND_CUSTOM:
    case KINDS:
        break;
    }
    return "needs you";
}

/* What is asked, in one line. */
static void put_ask(const struct need *need, int columns, char buf[PART_MAX])
{
    char line[PART_MAX];
    const struct reason *reason = need_reason(need);

    plain_line(!empty(reason->title) ? reason->title : reason->text, line, sizeof line);
    if (!*line)
        snprintf(line, sizeof line, "%s", ask_of(need->kind));
    plain_cut(line, columns, buf, PART_MAX);
}

/* "feature-x", or "main": the worktree, else the branch. */
static void put_branch(const struct session *session, bool both, char buf[PART_MAX])
{
    char worktree[128], branch[128];

    plain_line(session->worktree, worktree, sizeof worktree);
    plain_line(session->branch, branch, sizeof branch);
    if (!*worktree)
        snprintf(buf, PART_MAX, "%s", branch);
    else if (both && *branch && !same(worktree, branch))
        snprintf(buf, PART_MAX, "%s (%s)", worktree, branch);
    else
        snprintf(buf, PART_MAX, "%s", worktree);
}

/* The name of the machine, or "" if it is this one. */
static const char *host_elsewhere(const struct session *session)
{
    return empty(session->host) || same(session->host, host_name()) ? "" : session->host;
}

/* "tmux %3", "on build1 · tmux %3": only what a person can aim at. */
static void put_place(const struct session *session, char buf[PART_MAX])
{
    static const char *const words[] = {"tmux", "kitty window", "WezTerm pane"};
    const char *const ids[] = {session->pane, session->kitty, session->wezterm};
    char place[PART_MAX] = "", host[PART_MAX] = "";

    for (size_t i = 0; i < sizeof ids / sizeof *ids && !*place; i++) {
        char id[96];
        plain_line(ids[i], id, sizeof id);
        if (*id)
            snprintf(place, sizeof place, "%s %s", words[i], id);
    }
    char name[96];
    if (*plain_line(host_elsewhere(session), name, sizeof name))
        snprintf(host, sizeof host, "on %s", name);
    plain_join(buf, PART_MAX, DOT, host, place, NULL);
}

static void put_waited(const struct need *need, const struct moment *now, char buf[PART_MAX])
{
    char age[32];
    int64_t waited_ms = now->wall_ms - need->opened_wall_ms;

    buf[0] = '\0';
    if (waited_ms >= WAITED_MIN_MS)
        snprintf(buf, PART_MAX, "waiting %s", plain_age(waited_ms, age, sizeof age));
}

/* Adds a line to a body; false, and nothing added, if it has no room for it and a last "… and N more". */
static bool add_line(char *body, const char *line)
{
    size_t used = strlen(body), len = strlen(line);

    if (len == 0)
        return true;
    if (used + len + 2 + sizeof "… and 100000 more" > COMPOSE_BODY_MAX)
        return false;
    snprintf(body + used, COMPOSE_BODY_MAX - used, "%s%s", used ? "\n" : "", line);
    return true;
}

/* ---- one need ------------------------------------------------------------------------------------- */

/* What the text says beyond the title: nothing if it is in it, and not the title's own words again. */
static const char *says_more(const char *ask, const char *text)
{
    size_t len = strlen(ask);
    if (strstr(ask, text))
        return "";
    if (strncmp(ask, text, len) == 0 && text[len] == ' ')
        text += len + 1;
    return text;
}

static void compose_one(const struct need *need, const struct moment *now, char *title, char *body)
{
    const struct session *session = need->session;
    char where[PART_MAX], agent[96], ask[PART_MAX], text[PART_MAX], more[PART_MAX];
    char branch[PART_MAX], place[PART_MAX], waited[PART_MAX], times[PART_MAX] = "", line[4 * PART_MAX];
    int64_t reminders = need_reason(need)->count - 1;

    plain_line(session_where(session), where, 80);
    plain_line(session->agent, agent, 40);
    plain_join(title, COMPOSE_TITLE_MAX, DOT, where, word_name(&word_kind, (int)need->kind), NULL);
    size_t used = strlen(title);
    if (*agent && !same(agent, where))
        snprintf(title + used, COMPOSE_TITLE_MAX - used, " — %s", agent);

    put_ask(need, ASK_COLUMNS, ask);
    add_line(body, ask);
    plain_line(need_reason(need)->text, text, sizeof text);
    add_line(body, plain_cut(says_more(ask, text), MORE_COLUMNS, more, sizeof more));

    put_branch(session, true, branch);
    put_place(session, place);
    put_waited(need, now, waited);
    if (reminders > 0 && need->kind != KIND_REVIEW)
        snprintf(times, sizeof times, reminders == 1 ? "reminded once" : "reminded %lld times",
                 (long long)reminders);
    add_line(body, plain_join(line, sizeof line, DOT, branch, place, waited, times, NULL));

    char task[PART_MAX], cut[PART_MAX];
    plain_line(session->task, task, sizeof task);
    if (*task && !strstr(ask, task) && !strstr(text, task)) {
        snprintf(line, sizeof line, "Task: %s", plain_cut(task, LINE_COLUMNS, cut, sizeof cut));
        add_line(body, line);
    }
}

/* ---- several -------------------------------------------------------------------------------------- */

struct common {
    bool where, agent, finished; /* one place, one agent; every need is a review */
};

static struct common common_of(const struct need *const *needs, int n)
{
    struct common common = {true, true, true};
    for (int i = 0; i < n; i++) {
        common.where &= same(session_where(needs[i]->session), session_where(needs[0]->session));
        common.agent &= same(needs[i]->session->agent, needs[0]->session->agent);
        common.finished &= needs[i]->kind == KIND_REVIEW;
    }
    return common;
}

/* "payments", or "payments, webshop and 2 more": the places in order, each once. */
static void put_places(const struct need *const *needs, int n, char buf[PART_MAX])
{
    enum { NAMED = 3 };
    const char *seen[NAMED];
    int named = 0, more = 0;

    buf[0] = '\0';
    for (int i = 0; i < n; i++) {
        const char *where = session_where(needs[i]->session);
        bool known = false;
        for (int j = 0; j < i && !known; j++)
            known = same(session_where(needs[j]->session), where);
        if (known)
            continue;
        if (named < NAMED)
            seen[named++] = where;
        else
            more++;
    }
    size_t used = 0;
    for (int i = 0; i < named; i++) {
        char where[48];
        plain_line(seen[i], where, sizeof where);
        used += (size_t)snprintf(buf + used, PART_MAX - used, "%s%s", i ? ", " : "", where);
    }
    if (more)
        snprintf(buf + used, PART_MAX - used, " and %d more", more);
}

/* "payments/feature-x", "build1:payments/feature-x": as much of it as the needs do not have in common. */
static void put_at(const struct session *session, bool with_where, char *buf, size_t size)
{
    char host[64], where[64] = "", branch[PART_MAX], at[2 * PART_MAX];

    if (with_where)
        plain_line(session_where(session), where, sizeof where);
    put_branch(session, false, branch);
    plain_join(at, sizeof at, "/", where, branch, NULL);
    plain_line(host_elsewhere(session), host, sizeof host);
    snprintf(buf, size, "%s%s%s", host, *host ? ":" : "", at);
}

/* "permission  feature-x  Bash: git push · 12 min" */
static void put_line(const struct need *need, const struct common *common, const struct moment *now,
                     char buf[4 * PART_MAX])
{
    const struct session *session = need->session;
    char at[3 * PART_MAX], agent[48] = "", ask[PART_MAX], age[32];
    int64_t waited_ms = now->wall_ms - need->opened_wall_ms;
    char line[4 * PART_MAX], waited[48] = "";

    put_at(session, !common->where, at, sizeof at);
    if (!common->agent)
        plain_line(session->agent, agent, sizeof agent);
    put_ask(need, LINE_COLUMNS, ask);
    plain_join(line, sizeof line, "  ", word_name(&word_kind, (int)need->kind), at, agent, ask, NULL);
    if (waited_ms >= WAITED_MIN_MS)
        snprintf(waited, sizeof waited, DOT "%s", plain_age(waited_ms, age, sizeof age));
    plain_cut(line, LINE_COLUMNS - plain_width(waited), buf, 3 * PART_MAX);
    strcat(buf, waited);
}

static void compose_many(const struct need *const *needs, int n, const struct moment *now,
                         char *title, char *body)
{
    struct common common = common_of(needs, n);
    char places[PART_MAX], agent[48] = "", line[4 * PART_MAX];
    int shown = 0;

    put_places(needs, n, places);
    if (common.agent)
        plain_line(needs[0]->session->agent, agent, sizeof agent);
    snprintf(line, sizeof line, "%s: %d agents %s%s%s", places, n,
             common.finished ? "have finished" : "need you", *agent ? " — " : "", agent);
    plain_line(line, title, COMPOSE_TITLE_MAX);

    while (shown < n && shown < COMPOSE_LINES_MAX) {
        put_line(needs[shown], &common, now, line);
        if (!add_line(body, line))
            break;
        shown++;
    }
    if (shown < n) {
        size_t used = strlen(body);
        snprintf(body + used, COMPOSE_BODY_MAX - used, "\n… and %d more", n - shown);
    }
}

void compose_words(const struct need *const *needs, int n, const struct moment *now,
                   char title[COMPOSE_TITLE_MAX], char body[COMPOSE_BODY_MAX])
{
    title[0] = body[0] = '\0';
    if (n == 1)
        compose_one(needs[0], now, title, body);
    else if (n > 1)
        compose_many(needs, n, now, title, body);
}

/* ---- the protocol's object -------------------------------------------------------------------------- */

static json_t *need_object(const struct need *need)
{
    const struct session *session = need->session;
    const struct reason *reason = need_reason(need);
    json_t *object = view_object(), *place = view_place(session);
    char id[ID_TEXT_MAX];

    view_set(object, "id", plain_json(id_text(need->record.id, id)));
    view_set(object, "kind", plain_json(word_name(&word_kind, (int)need->kind)));
    view_set(object, "agent", plain_json(session->agent));
    view_set(object, "session", plain_json(session->session));
    view_set(object, "host", plain_json(host_elsewhere(session)));
    view_set(object, "repository", plain_json(session->repository));
    view_set(object, "worktree", plain_json(session->worktree));
    view_set(object, "branch", plain_json(session->branch));
    view_set(object, "task", plain_json(session->task));
    view_set(object, "title", plain_json(reason->title));
    view_set(object, "text", plain_json_lines(reason->text));
    view_set(object, "opened_ms", json_integer(need->opened_wall_ms));
    view_set(object, "count", json_integer(need_count(need)));
    if (json_object_size(place))
        view_set(object, "place", place);
    else
        json_decref(place);
    return object;
}

json_t *compose_alert(const struct rules *rules, const struct moment *now,
                      const struct alert *alert, int64_t version, bool audible)
{
    char id[ID_TEXT_MAX], title[COMPOSE_TITLE_MAX], body[COMPOSE_BODY_MAX];
    json_t *object = view_object(), *list = view_array();
    int n = 0;
    const struct need *const *needs = rules_alert_needs(rules, alert, &n);

    compose_words(needs, n, now, title, body);
    view_set(object, "id", plain_json(id_text(alert->record.id, id)));
    view_set(object, "version", json_integer(version));
    view_set(object, "audible", json_boolean(audible));
    view_set(object, "urgency", plain_json(word_name(&word_urgency, (int)alert->urgency)));
    view_set(object, "title", plain_json(title));
    view_set(object, "body", json_string_nocheck(body)); /* inert by its parts; its columns stay */
    view_set(object, "at_ms", json_integer(now->wall_ms));
    view_set(object, "key", plain_json(view_key(alert)));
    for (int i = 0; i < n && i < PROTOCOL_NEEDS_MAX; i++)
        view_add(list, need_object(needs[i]));
    if (n > PROTOCOL_NEEDS_MAX)
        view_set(object, "more", json_integer(n - PROTOCOL_NEEDS_MAX));
    view_set(object, "needs", list);
    return object;
}
