/* client_words.c: the client's small readers, and the words in which it speaks of needs. */
#include "client.h"

#include "host.h"
#include "plain.h"
#include "rules/moment.h"

#include <stdio.h>
#include <string.h>

const char *client_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

int64_t client_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

bool client_flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

const char *client_option(const struct client *client, const char *name)
{
    return json_string_value(json_object_get(client->options, name));
}

int64_t client_duration(const char *text)
{
    static const struct {
        char letter;
        int64_t ms;
    } units[] = {{'d', 86400000}, {'h', 3600000}, {'m', 60000}, {'s', 1000}};
    const int64_t max_ms = INT64_C(30) * 86400000;
    int64_t total_ms = 0;
    size_t unit = 0; /* each at most once, the larger first */

    while (*text) {
        int64_t n = 0;
        const char *digits = text;
        for (; *text >= '0' && *text <= '9'; text++) {
            n = n * 10 + (*text - '0');
            if (n > max_ms)
                return -1;
        }
        while (unit < 4 && units[unit].letter != *text)
            unit++;
        if (text == digits || unit == 4)
            return -1;
        total_ms += n * units[unit++].ms;
        text++;
    }
    return total_ms > 0 && total_ms <= max_ms ? total_ms : -1;
}

/* Days of local time since 1970, and the minute of the day, by the offset that holds then. */
static int64_t local_day(const struct moment *now, int64_t wall_ms, int *minute)
{
    int32_t offset_s = wall_ms >= now->next_offset_ms ? now->next_offset_s : now->utc_offset_s;
    int64_t local_min = wall_ms / 60000 + offset_s / 60;
    *minute = (int)(local_min % 1440);
    return local_min / 1440;
}

char *client_clock(int64_t wall_ms, char *buf, size_t size)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun",
                                       "Mon", "Tue", "Wed"}; /* 1970 began on one */
    struct moment now;
    int minute, unused;

    host_moment(&now);
    int64_t day = local_day(&now, wall_ms, &minute), today = local_day(&now, now.wall_ms, &unused);
    if (day == today)
        snprintf(buf, size, "%02d:%02d", minute / 60, minute % 60);
    else
        snprintf(buf, size, "%s %02d:%02d", days[day % 7], minute / 60, minute % 60);
    return buf;
}

char *client_where(const json_t *object, char *buf, size_t size)
{
    const char *where = client_text(object, "where"), *worktree = client_text(object, "worktree");
    const char *host = client_text(object, "host");
    char at[256];
    if (strcmp(host, host_name()) == 0)
        host = ""; /* it is here */
    snprintf(at, sizeof at, "%s%s%s", host, *host ? ":" : "",
             *where ? where : client_text(object, "agent"));
    return plain_join(buf, size, " · ", at, *worktree ? worktree : client_text(object, "branch"), NULL);
}

static const char *todo_of(const char *kind)
{
    static const struct {
        const char *kind, *todo;
    } list[] = {
        {"permission", "allow or deny it"},
        {"question", "answer it"},
        {"plan", "approve the plan or say what to change"},
        {"login", "log in again"},
        {"failure", "see what went wrong"},
        {"limit", "wait, or raise the limit"},
        {"stalled", "see whether it hangs"},
        {"review", "read the result"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (strcmp(list[i].kind, kind) == 0)
            return list[i].todo;
    }
    return "have a look";
}

char *client_todo(const json_t *need, char *buf, size_t size)
{
    const json_t *place = json_object_get(need, "place");
    const char *pane = client_text(place, "pane"), *kitty = client_text(place, "kitty");
    const char *wezterm = client_text(place, "wezterm"), *tty = client_text(place, "tty");
    const char *todo = todo_of(client_text(need, "kind"));

    if (*pane)
        snprintf(buf, size, "%s in tmux %s", todo, pane);
    else if (*kitty)
        snprintf(buf, size, "%s in kitty window %s", todo, kitty);
    else if (*wezterm)
        snprintf(buf, size, "%s in wezterm pane %s", todo, wezterm);
    else if (*tty)
        snprintf(buf, size, "%s on %s", todo, tty);
    else
        snprintf(buf, size, "%s", todo);
    return buf;
}

/* "popup, team" */
static char *names(const json_t *array, char *buf, size_t size)
{
    size_t used = 0, i;
    const json_t *name;

    buf[0] = '\0';
    json_array_foreach(array, i, name)
    {
        int n = snprintf(buf + used, size - used, "%s%s", i ? ", " : "", json_string_value(name));
        used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
    }
    return buf;
}

/* "told on popup", "told on popup, not yet on pager": what is decided, and who has it. */
static void told_where(const json_t *need, char *buf, size_t size)
{
    const json_t *receivers = json_object_get(need, "receivers");
    const json_t *known = json_object_get(need, "delivered"), *delivered = known ? known : receivers;
    json_t *missing = json_array();
    char on[128], not_yet[128];
    size_t i, k;
    json_t *receiver, *has;
    json_array_foreach(receivers, i, receiver)
    {
        bool there = false;
        json_array_foreach(delivered, k, has) there |= json_equal(receiver, has);
        if (!there)
            json_array_append(missing, receiver);
    }
    names(delivered, on, sizeof on);
    names(missing, not_yet, sizeof not_yet);
    if (json_array_size(missing) == 0)
        snprintf(buf, size, "told on %s", on);
    else if (*on)
        snprintf(buf, size, "told on %s, not yet on %s", on, not_yet);
    else
        snprintf(buf, size, "on its way to %s", not_yet);
    json_decref(missing);
}

char *client_standing(const json_t *need, char *buf, size_t size)
{
    const char *state = client_text(need, "state"), *decision = client_text(need, "decision");
    int64_t due_ms = client_number(need, "due_ms"), now_ms = host_wall_ms();
    char list[128], age[32];

    if (strcmp(state, "snoozed") == 0 && client_number(need, "until_ms"))
        snprintf(buf, size, "snoozed until %s",
                 client_clock(client_number(need, "until_ms"), list, sizeof list));
    else if (*state && strcmp(state, "open") != 0)
        snprintf(buf, size, "%s", state);
    else if (client_flag(need, "told"))
        told_where(need, buf, size);
    else if (strcmp(decision, "drop") == 0)
        snprintf(buf, size, "board only");
    else if (due_ms > now_ms)
        snprintf(buf, size, "due in %s", plain_age(due_ms - now_ms, age, sizeof age));
    else if (strcmp(decision, "hold") == 0) {
        const char *why = client_text(need, "why"), *hold = strstr(why, "hold until");
        snprintf(buf, size, "%s", hold ? hold : "held");
    } else
        snprintf(buf, size, "due");
    return buf;
}

enum style client_style(const json_t *need)
{
    const char *urgency = client_text(need, "urgency");

    if (strcmp(client_text(need, "state"), "open") != 0)
        return STYLE_DIM;
    if (strcmp(urgency, "critical") == 0 || strcmp(client_text(need, "kind"), "failure") == 0)
        return STYLE_RED;
    return strcmp(urgency, "low") == 0 ? STYLE_GREEN : STYLE_YELLOW;
}
