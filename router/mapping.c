/* mapping.c: from a hook's message to an event: the first row that fits says what it does. */
#include "mapping_parts.h"

#include "plain.h"
#include "rules/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { RENDER_SIZE = 8192 };

/* ---- strings of the event ------------------------------------------------------------------------ */

/* What is nearly always so: short, and nothing in it that plain_line() would change. Eight bytes at once: most of an
 * event goes through here. */
static bool is_plain(const char *text, size_t cap)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t i = 0, len = strnlen(text, cap + 1);
    if (len > cap || text[0] == ' ' || (len > 0 && text[len - 1] == ' ') || strstr(text, "  "))
        return false;
    for (uint64_t word; i + sizeof word <= len; i += sizeof word) {
        memcpy(&word, text + i, sizeof word);
        if (((word + ones) | word | ((word - ones * 0x20) & ~word)) & ones << 7)
            return false; /* a byte below 0x20, or above 0x7e */
    }
    while (i < len && text[i] >= 0x20 && text[i] <= 0x7e)
        i++;
    return i == len;
}

typedef char *(*cleaner)(const char *text, char *buf, size_t size);

static const char *take(struct mapped *out, const char *text, size_t cap, cleaner clean)
{
    size_t left = sizeof out->scratch - out->used;
    if (text_empty(text) || left < 2)
        return "";
    if (cap > left - 1)
        cap = left - 1; /* the caps of one event add up to less */
    char *copy = out->scratch + out->used;
    if (is_plain(text, cap))
        memcpy(copy, text, strlen(text) + 1);
    else
        clean(text, copy, cap + 1);
    out->used += strlen(copy) + 1;
    return copy;
}

const char *mapped_line(struct mapped *out, const char *text, size_t cap)
{
    return take(out, text, cap, plain_line);
}

const char *mapped_lines(struct mapped *out, const char *text, size_t cap)
{
    return take(out, text, cap, plain_lines);
}

const char *mapped_name(struct mapped *out, const char *text, size_t cap)
{
    if (text_empty(text) || strlen(text) <= cap)
        return mapped_line(out, text, cap);
    char hash[17], shorter[TEXT_PATH + 1];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)text_hash(TEXT_HASH, text));
    plain_line(text, shorter, cap - 16);
    strcat(shorter, hash);
    return mapped_line(out, shorter, cap);
}

/* ---- context ------------------------------------------------------------------------------------- */

static const char *member(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int64_t number(const json_t *object, const char *key)
{
    int64_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? value : 0;
}

static void take_place(struct mapped *out, const json_t *from)
{
    struct place *place = &out->event.place;
    place->tmux = mapped_line(out, member(from, "tmux"), TEXT_PATH);
    place->pane = mapped_line(out, member(from, "pane"), TEXT_NAME);
    place->window = mapped_line(out, member(from, "window"), TEXT_NAME);
    place->tty = mapped_line(out, member(from, "tty"), TEXT_NAME);
    place->kitty = mapped_line(out, member(from, "kitty"), TEXT_NAME);
    place->kitty_socket = mapped_line(out, member(from, "kitty_socket"), TEXT_PATH);
    place->wezterm = mapped_line(out, member(from, "wezterm"), TEXT_NAME);
    place->term = mapped_line(out, member(from, "term"), TEXT_NAME);
}

void mapped_context(struct mapped *out, const struct message *message, const char *session,
                    const char *cwd)
{
    struct event *event = &out->event;
    const json_t *context = message->context;
    event->at_wall_ms = message->at_ms;
    event->agent = mapped_name(out, message->agent, TEXT_NAME);
    event->session = mapped_name(out, session, TEXT_NAME);
    event->host = mapped_name(out, member(context, "host"), TEXT_NAME);
    event->cwd = mapped_line(out, text_empty(cwd) ? member(context, "cwd") : cwd, TEXT_PATH);
    event->repository = mapped_line(out, member(context, "repository"), TEXT_NAME);
    event->worktree = mapped_line(out, member(context, "worktree"), TEXT_NAME);
    event->branch = mapped_line(out, member(context, "branch"), TEXT_NAME);
    if (text_empty(event->repository)) /* outside of one, or nobody looked */
        event->repository = mapped_line(out, text_last_part(event->cwd), TEXT_NAME);
    event->pid = number(context, "pid");
    event->pid_start = number(context, "pid_start");
    take_place(out, json_object_get(context, "place"));
}

/* ---- rows ---------------------------------------------------------------------------------------- */

static bool row_fits(const struct row *row, const char *name, const json_t *payload)
{
    for (int i = 0; i < row->n_on; i++) {
        if (strcmp(row->on[i], "*") == 0 || strcmp(row->on[i], name) == 0)
            return row->when.n == 0 || when_holds(&row->when, payload);
    }
    return false;
}

static const struct row *find_row(const struct mapping *mapping, const char *name, const json_t *payload)
{
    for (int i = 0; i < mapping->n_rows; i++) {
        if (row_fits(&mapping->rows[i], name, payload))
            return &mapping->rows[i];
    }
    return NULL;
}

static const char *pick(struct mapped *out, const struct row *row, const json_t *payload, enum pick pick)
{
    char buf[RENDER_SIZE];
    bool id = pick == PICK_REQUEST || pick == PICK_CLOSES_REQUEST;
    if (row->pick[pick].n == 0)
        return "";
    templates_render(&row->pick[pick], payload, id, buf, sizeof buf);
    switch (pick) {
    case PICK_TITLE:
    case PICK_TASK:
        return mapped_line(out, buf, TEXT_TITLE);
    case PICK_TEXT:
        return mapped_lines(out, buf, TEXT_BODY);
    case PICK_TOOL:
        return mapped_line(out, buf, TEXT_NAME);
    case PICK_THREAD:
        return mapped_name(out, buf, TEXT_NAME);
    case PICK_REQUEST:
    case PICK_CLOSES_REQUEST:
        return mapped_name(out, buf, TEXT_PATH);
    case PICKS:
        break;
    }
    return "";
}

void mapped_apply(const struct row *row, const json_t *payload, struct mapped *out)
{
    struct event *event = &out->event;
    event->starts = row->starts;
    event->ends = row->ends;
    event->closes = row->closes;
    event->closes_kinds = row->closes_kinds;
    event->opens = row->opens;
    event->kind = row->kind;
    event->state = row->state;
    event->urgency = row->urgency;
    event->prompt = row->prompt;
    event->busy = row->busy;
    event->talks = out->mapping ? out->mapping->talks : TALKS_TOOLS;
    event->during = row->during;
    event->waking = when_holds(&row->waking, payload);
    event->unattended = when_holds(&row->unattended, payload);
    event->title = pick(out, row, payload, PICK_TITLE);
    event->text = pick(out, row, payload, PICK_TEXT);
    event->tool = pick(out, row, payload, PICK_TOOL);
    event->task = pick(out, row, payload, PICK_TASK);
    event->request = pick(out, row, payload, PICK_REQUEST);
    event->closes_request = pick(out, row, payload, PICK_CLOSES_REQUEST);
    if (row->pick[PICK_THREAD].n)
        event->thread = pick(out, row, payload, PICK_THREAD);
}

/* "session_id", or "session_id or thread-id": where the id was looked for. */
static void name_paths(const struct paths *paths, char *buf, size_t size)
{
    size_t used = 0;
    *buf = '\0';
    for (int i = 0; i < paths->n && used < size; i++) {
        used += (size_t)snprintf(buf + used, size - used, "%s", i ? " or " : "");
        const char *key = paths->list[i].text;
        for (int k = 0; k < paths->list[i].n && used < size; k++, key += strlen(key) + 1)
            used += (size_t)snprintf(buf + used, size - used, "%s%s", k ? "." : "", key);
    }
}

static int no_session(const struct mapping *mapping, struct refusal *refusal)
{
    char names[120], at[140];
    name_paths(&mapping->session, names, sizeof names);
    snprintf(at, sizeof at, "/payload/%.*s", (int)strcspn(names, " "), names);
    for (char *p = at; (p = strchr(p, '.'));)
        *p = '/';
    return refuse(refusal, at, "the payload has no session id (%s)", names);
}

static int no_mapping(const struct mappings *mappings, const char *agent, struct refusal *refusal)
{
    char known[160] = "";
    for (int i = 0; i < mappings_count(mappings); i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                 mapping_agent(mappings_at(mappings, i)));
    }
    refuse(refusal, "/agent", "no mapping for agent \"%.40s\"; known are %s", agent, known);
    return -ENOENT;
}

static int map_hook(const struct mapping *mapping, const struct message *message,
                    const json_t *payload, struct mapped *out, struct refusal *refusal)
{
    const char *session = paths_string(&mapping->session, payload);
    const char *name = paths_string(&mapping->event, payload);
    if (!name)
        name = message->event;
    const struct row *row = find_row(mapping, name, payload);
    out->line = row ? row->line : 0;
    out->mapping = mapping;
    if (row && row->ignore)
        return 0;
    if (!session)
        return no_session(mapping, refusal);
    mapped_context(out, message, session, paths_string(&mapping->cwd, payload));
    const char *spoken = mapping_spoken(mapping, payload);
    out->event.agent = mapped_name(out, spoken ? spoken : mapping->agent, TEXT_NAME);
    if (mapping->place.n && !when_holds(&mapping->place, payload))
        out->event.place = (struct place){0};
    if (mapping->process.n && !when_holds(&mapping->process, payload))
        out->event.pid = out->event.pid_start = 0;
    out->event.source = mapped_line(out, *name ? name : "a hook", TEXT_NAME);
    out->event.thread = mapped_name(out, paths_string(&mapping->thread, payload), TEXT_NAME);
    if (row)
        mapped_apply(row, payload, out);
    return 1; /* without a row it is a note: agents get new events with every release */
}

int mapping_event(const struct mappings *mappings, const struct message *message,
                  struct mapped *out, struct refusal *refusal)
{
    out->event = (struct event){0};
    out->used = 0;
    out->line = 0;
    out->mapping = NULL;
    out->known_only = out->gone = out->first = false;
    out->written_ms = 0;
    out->pid = out->pid_start = 0;
    if (message->type == MESSAGE_EVENT)
        return mapping_post(message, out, refusal);
    if (message->type == MESSAGE_FILE)
        return mapping_seen(mappings, message, out, refusal);
    if (message->type != MESSAGE_HOOK)
        return refuse(refusal, "/type", "a %s is no event",
                      word_name(&word_message, (int)message->type));
    json_t *view = mapping_view(message);
    const struct mapping *mapping =
        mapping_sender(mappings, mappings_find(mappings, message->agent), view);
    int result = mapping ? map_hook(mapping, message, view, out, refusal)
                         : no_mapping(mappings, message->agent, refusal);
    json_decref(view);
    return result;
}
