/* session.c: see session.h. Sessions are found by name; two lists, live and ended, are kept by last event,
 * so that at a cap the ended ones go first, then the longest silent. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

// clang-format off
static const struct field session_fields[] = {
    FIELD(session, FIELD_TEXT, host),
    FIELD(session, FIELD_TEXT, agent),
    FIELD(session, FIELD_TEXT, session),
    FIELD(session, FIELD_TEXT, cwd),
    FIELD(session, FIELD_TEXT, repository),
    FIELD(session, FIELD_TEXT, worktree),
    FIELD(session, FIELD_TEXT, branch),
    FIELD(session, FIELD_TEXT, task),
    FIELD(session, FIELD_TEXT, tmux),
    FIELD(session, FIELD_TEXT, pane),
    FIELD(session, FIELD_TEXT, window),
    FIELD(session, FIELD_TEXT, tty),
    FIELD(session, FIELD_TEXT, kitty),
    FIELD(session, FIELD_TEXT, kitty_socket),
    FIELD(session, FIELD_TEXT, wezterm),
    FIELD(session, FIELD_TEXT, term),
    FIELD_NAMED(session, state, &word_state),
    FIELD(session, FIELD_INT, pid),
    FIELD(session, FIELD_INT, pid_start),
    FIELD(session, FIELD_INT, started_wall_ms),
    FIELD(session, FIELD_INT, seen_wall_ms),
    FIELD(session, FIELD_INT, state_ms),
    FIELD(session, FIELD_INT, newest_ms),
    FIELD(session, FIELD_INT, evidence_ms),
    FIELD(session, FIELD_BOOL, waking),
    FIELD(session, FIELD_BOOL, unattended),
    FIELD(session, FIELD_BOOL, hushed),
    FIELD(session, FIELD_INT, heard_ms),
    FIELD(session, FIELD_BOOL, talks),
    FIELD(session, FIELD_INT, busy),
};
// clang-format on
const struct noun noun_session = {"session", sizeof(struct session), session_fields,
                                  sizeof session_fields / sizeof *session_fields};

// clang-format off
static const struct field thread_fields[] = {
    FIELD(thread, FIELD_ID, session_id),
    FIELD(thread, FIELD_TEXT, name),
    FIELD(thread, FIELD_INT, newest_ms),
};
// clang-format on
const struct noun noun_thread = {"thread", sizeof(struct thread), thread_fields,
                                 sizeof thread_fields / sizeof *thread_fields};

/* ---- names and lists ----------------------------------------------------------------------------- */

struct session_name {
    const char *host, *agent, *session;
    char text[SESSION_NAME]; /* as session.h */
    size_t length;
};

/* Writes the three in one. Returns the length, or 0: they are too long. */
static size_t name_of(char text[SESSION_NAME], const char *host, const char *agent, const char *session)
{
    const char *const parts[] = {text_or(host, ""), text_or(agent, ""), text_or(session, "")};
    size_t length = 0;
    for (int i = 0; i < 3; i++) {
        size_t size = strlen(parts[i]) + 1;
        if (size > SESSION_NAME - length)
            return 0;
        memcpy(text + length, parts[i], size);
        length += size;
    }
    return length;
}

static uint64_t hash_name(const struct session_name *name)
{
    if (name->length)
        return text_mix_bytes(TEXT_HASH, name->text, name->length);
    return text_mix(text_mix(text_mix(TEXT_HASH, text_or(name->host, "")), text_or(name->agent, "")),
                    text_or(name->session, ""));
}

static struct session_name name_with(const char *host, const char *agent, const char *session)
{
    struct session_name name;
    name.host = host;
    name.agent = agent;
    name.session = session;
    name.length = name_of(name.text, host, agent, session);
    return name;
}

static uint64_t hash_of(const struct session *session)
{
    const struct session_name name = name_with(session->host, session->agent, session->session);
    return hash_name(&name);
}

static bool same_name(const void *item, const void *key)
{
    const struct session *session = item;
    const struct session_name *name = key;
    if (session->name_length)
        return session->name_length == name->length &&
               memcmp(session->name, name->text, name->length) == 0;
    return text_same(session->session, name->session) && text_same(session->agent, name->agent) &&
           text_same(session->host, name->host);
}

static void age_remove(struct rules *rules, struct session *session)
{
    struct session **oldest = session->in_ended ? &rules->oldest_ended : &rules->oldest_live;
    struct session **youngest = session->in_ended ? &rules->youngest_ended : &rules->youngest_live;
    if (session->older)
        session->older->younger = session->younger;
    else
        *oldest = session->younger;
    if (session->younger)
        session->younger->older = session->older;
    else
        *youngest = session->older;
    session->older = session->younger = NULL;
    rules->n_live -= !session->in_ended;
}

/* Live ones by last event; ended ones by their end, so that a restored core forgets them in the same order. */
static void age_add(struct rules *rules, struct session *session)
{
    session->in_ended = session->state == STATE_ENDED;
    rules->n_live += !session->in_ended;
    struct session **oldest = session->in_ended ? &rules->oldest_ended : &rules->oldest_live;
    struct session **youngest = session->in_ended ? &rules->youngest_ended : &rules->youngest_live;
    struct session *older = *youngest;
    while (session->in_ended && older && older->state_ms > session->state_ms)
        older = older->older;
    session->older = older;
    session->younger = older ? older->younger : *oldest;
    if (session->younger)
        session->younger->older = session;
    else
        *youngest = session;
    if (older)
        older->younger = session;
    else
        *oldest = session;
}

void session_join(struct rules *rules, struct session *session)
{
    session->name_length =
        (uint8_t)name_of(session->name, session->host, session->agent, session->session);
    table_add(&rules->sessions_by_name, hash_of(session), session);
    table_add(&rules->sessions_by_id, table_mix(session->record.id), session);
    session->prev = rules->last_session;
    if (rules->last_session)
        rules->last_session->next = session;
    else
        rules->first_session = session;
    rules->last_session = session;
    age_add(rules, session);
    silence_follow(rules, session);
    rules->n_sessions++;
    rules->bytes += CORE_SESSION_BYTES;
}

void thread_join(struct session *session, struct thread *thread)
{
    thread->next = session->threads;
    session->threads = thread;
    session->n_threads++;
}

static void drop_thread(struct rules *rules, struct session *session, struct thread *thread)
{
    struct thread **at = &session->threads;
    while (*at != thread)
        at = &(*at)->next;
    *at = thread->next;
    session->n_threads--;
    text_free(&rules->bytes, &thread->name);
    core_gone(rules, thread);
}

void session_drop(struct rules *rules, struct session *session)
{
    while (session->needs)
        need_drop(rules, session->needs);
    while (session->threads)
        drop_thread(rules, session, session->threads);
    silence_part(rules, session);
    if (rules->heard_of == session)
        rules->heard_of = NULL;
    age_remove(rules, session);
    table_remove(&rules->sessions_by_name, hash_of(session), session);
    table_remove(&rules->sessions_by_id, table_mix(session->record.id), session);
    if (session->prev)
        session->prev->next = session->next;
    else
        rules->first_session = session->next;
    if (session->next)
        session->next->prev = session->prev;
    else
        rules->last_session = session->prev;
    rules->n_sessions--;
    rules->bytes -= CORE_SESSION_BYTES;
    for (int i = 0; i < noun_session.n_fields; i++) {
        if (session_fields[i].type == FIELD_TEXT)
            text_free(&rules->bytes, (char **)((char *)session + session_fields[i].offset));
    }
    core_gone(rules, session);
}

/* ---- the caps ------------------------------------------------------------------------------------ */

static bool over_caps(const struct rules *rules)
{
    return rules->n_sessions > CORE_SESSIONS_MAX || rules->bytes > CORE_BYTES_MAX;
}

void session_forget(struct rules *rules)
{
    for (struct session *ended = rules->oldest_ended, *younger; ended; ended = younger) {
        younger = ended->younger;
        if (rules->now.steady_ms - ended->state_ms <= ENDED_KEEP_MS)
            break;
        if (!ended->need || !need_open(ended->need)) /* a sub-agent may ask after the end */
            session_drop(rules, ended);
    }
}

void session_collect(struct rules *rules)
{
    while (over_caps(rules)) {
        struct session *victim = rules->oldest_ended ? rules->oldest_ended : rules->oldest_live;
        if (!victim || victim == rules->youngest_live)
            return;
        if (victim->state != STATE_ENDED) {
            rules->shed++;
            core_effect(rules, EFFECT_SHED, "session %s of %s was forgotten: too many sessions",
                        text_or(victim->session, "?"), text_or(victim->agent, "?"));
        }
        if (victim->need && need_open(victim->need))
            need_resolve(rules, victim->need, "the session was forgotten: too many sessions");
        session_drop(rules, victim);
    }
}

/* ---- events -------------------------------------------------------------------------------------- */

static struct session *make(struct rules *rules, const struct event *event)
{
    struct session *session = must_alloc(sizeof *session);
    session->record.noun = &noun_session;
    session->record.id = core_id(rules);
    text_set(&rules->bytes, &session->host, event->host, TEXT_NAME);
    text_set(&rules->bytes, &session->agent, event->agent, TEXT_NAME);
    text_set(&rules->bytes, &session->session, event->session, TEXT_NAME);
    session->started_wall_ms = session->seen_wall_ms = event->at_wall_ms;
    session->state_ms = rules->now.steady_ms;
    session->newest_ms = session->evidence_ms = INT64_MIN / 2;
    session_join(rules, session);
    return session;
}

/* Context members that are given replace what was known; the others stay. */
static void take_text(struct rules *rules, char **slot, const char *value, size_t cap)
{
    if (!text_empty(value))
        text_set(&rules->bytes, slot, value, cap);
}

static uint64_t context_hash(const struct event *event)
{
    const struct place *place = &event->place;
    const char *const texts[] = {
        event->cwd,          event->repository, event->worktree, event->branch, event->task,
        place->tmux,         place->pane,       place->window,   place->tty,    place->kitty,
        place->kitty_socket, place->wezterm,    place->term};
    uint64_t hash = TEXT_HASH;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        hash = text_mix(hash, texts[i]);
    return hash;
}

static void take_context(struct rules *rules, struct session *session, const struct event *event)
{
    const struct place *place = &event->place;
    uint64_t context = context_hash(event);
    if (context == session->context)
        return; /* nearly always */
    session->context = context;
    take_text(rules, &session->cwd, event->cwd, TEXT_PATH);
    if (!text_empty(event->repository)) { /* these three come together: none is "the main one" */
        text_set(&rules->bytes, &session->repository, event->repository, TEXT_NAME);
        text_set(&rules->bytes, &session->worktree, event->worktree, TEXT_NAME);
        text_set(&rules->bytes, &session->branch, event->branch, TEXT_NAME);
    }
    take_text(rules, &session->task, event->task, TEXT_TITLE);
    take_text(rules, &session->tmux, place->tmux, TEXT_PATH);
    take_text(rules, &session->pane, place->pane, TEXT_NAME);
    take_text(rules, &session->window, place->window, TEXT_NAME);
    take_text(rules, &session->tty, place->tty, TEXT_NAME);
    take_text(rules, &session->kitty, place->kitty, TEXT_NAME);
    take_text(rules, &session->kitty_socket, place->kitty_socket, TEXT_PATH);
    take_text(rules, &session->wezterm, place->wezterm, TEXT_NAME);
    take_text(rules, &session->term, place->term, TEXT_NAME);
}

void session_process(struct rules *rules, struct session *session, const struct event *event)
{
    bool other = session->pid && session->pid != event->pid;
    if (event->pid <= 0 || (event->starts && other && session->need && need_open(session->need)))
        return; /* a fork's start carries its parent's id: the parent lives on */
    session->pid = event->pid;
    session->pid_start = event->pid_start;
    core_changed(rules, session);
}

struct session *session_get(struct rules *rules, const struct event *event, int64_t at_ms)
{
    const struct session_name name = name_with(event->host, event->agent, event->session);
    struct session *session = table_find(&rules->sessions_by_name, hash_name(&name), same_name, &name);
    if (!session)
        session = make(rules, event);
    if (at_ms >= session->newest_ms && /* a sub-agent's may be elsewhere */
        ((text_empty(event->thread) && !event->observed) || (!session->repository && !session->cwd)))
        take_context(rules, session, event);
    person_session(rules, session);
    if (event->at_wall_ms > session->seen_wall_ms)
        session->seen_wall_ms = event->at_wall_ms;
    if (session->state != STATE_ENDED) {
        age_remove(rules, session);
        age_add(rules, session);
    }
    core_changed(rules, session);
    return session;
}

static struct thread *get_thread(struct rules *rules, struct session *session, const char *name)
{
    struct thread *last = NULL;
    for (struct thread *thread = session->threads; thread; thread = thread->next) {
        if (text_same(thread->name, name))
            return thread;
        last = thread;
    }
    if (session->n_threads >= CORE_THREADS_MAX)
        drop_thread(rules, session, last);
    struct thread *thread = must_alloc(sizeof *thread);
    thread->record.noun = &noun_thread;
    thread->record.id = core_id(rules);
    thread->session_id = session->record.id;
    thread->newest_ms = INT64_MIN / 2;
    text_set(&rules->bytes, &thread->name, name, TEXT_NAME);
    thread_join(session, thread);
    return thread;
}

bool session_newer(struct rules *rules, struct session *session, const struct event *event, int64_t at_ms)
{
    if (event_is_note(event))
        return true;
    int64_t *newest = &session->newest_ms;
    if (!text_empty(event->thread)) {
        struct thread *thread = get_thread(rules, session, event->thread);
        newest = &thread->newest_ms;
        core_changed(rules, thread);
    }
    if (at_ms < *newest)
        return false;
    if (!event->observed)
        *newest = at_ms;
    return true;
}

void session_state(struct rules *rules, struct session *session, enum state state, int64_t at_ms)
{
    if (state == STATE_NONE || state == session->state)
        return;
    age_remove(rules, session);
    session->state = state;
    session->state_ms = at_ms;
    age_add(rules, session);
    silence_follow(rules, session);
    if (state == STATE_ENDED)
        person_session_ended(rules, session);
    core_changed(rules, session);
}

const char *session_where(const struct session *session)
{
    if (!text_empty(session->repository))
        return session->repository;
    const char *folder = text_last_part(session->cwd);
    return *folder ? folder : text_or(session->agent, "?");
}
