/* person.c: see person.h. There is one person, so one record, made when something is first known of them. */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>

// clang-format off
static const struct field person_fields[] = {
    FIELD_NAMED(person, presence, &word_presence),
    FIELD(person, FIELD_INT, presence_ms),
    FIELD(person, FIELD_BOOL, dnd),
    FIELD(person, FIELD_BOOL, microphone),
    FIELD(person, FIELD_TEXT, tmux),
    FIELD(person, FIELD_TEXT, pane),
    FIELD(person, FIELD_TEXT, window),
    FIELD(person, FIELD_TEXT, tty),
    FIELD(person, FIELD_INT, front_ms),
    FIELD(person, FIELD_ID, front_id),
    FIELD(person, FIELD_BOOL, shared),
    FIELD(person, FIELD_BOOL, engaged),
    FIELD(person, FIELD_INT, engaged_ms),
    FIELD(person, FIELD_INT, acted_ms),
    FIELD(person, FIELD_INT, breakpoint_ms),
    FIELD(person, FIELD_TEXT, breakpoint_by),
    FIELD(person, FIELD_TEXT, served),
};
// clang-format on
const struct noun noun_person = {"person", sizeof(struct person), person_fields,
                                 sizeof person_fields / sizeof *person_fields};

static struct person *get(struct rules *rules)
{
    if (!rules->person) {
        rules->person = must_alloc(sizeof *rules->person);
        rules->person->record.noun = &noun_person;
        rules->person->record.id = core_id(rules);
        rules->person->presence = PRESENCE_ACTIVE;
    }
    core_changed(rules, rules->person);
    return rules->person;
}

/* Whom the person faces, or that they answer from the board, bears on every need. */
static void judge_all(struct rules *rules)
{
    for (struct need *need = rules->first_need; need; need = need->next) {
        if (need_open(need))
            need_touch(rules, need);
    }
}

/* ---- reading ------------------------------------------------------------------------------------- */

bool person_at_breakpoint(const struct rules *rules)
{
    const struct person *person = rules->person;
    return person && person->breakpoint_ms &&
           rules->now.steady_ms - person->breakpoint_ms <= BREAKPOINT_MS;
}

enum presence person_presence(const struct rules *rules)
{
    const struct person *person = rules->person;
    if (!person)
        return PRESENCE_ACTIVE;
    return person->engaged ? PRESENCE_ENGAGED : person->presence;
}

bool person_follows(const struct rules *rules, enum follow follow)
{
    const struct person *person = rules->person;
    return person && ((follow == FOLLOW_DESKTOP && person->dnd) ||
                      (follow == FOLLOW_MICROPHONE && person->microphone));
}

bool person_faces(const struct rules *rules, const struct session *session)
{
    return rules->person && rules->person->front_id == session->record.id;
}

/* Only the window in front is known, not what is in it. */
static bool is_window(const struct person *person)
{
    return text_empty(person->pane) && !text_empty(person->window);
}

static bool is_place_of(const struct person *person, const struct session *session)
{
    if (!text_empty(person->pane))
        return text_same(person->pane, session->pane) &&
               (text_empty(person->tmux) || text_same(person->tmux, session->tmux));
    if (is_window(person))
        return text_same(person->window, session->window) && text_empty(session->pane);
    return !text_empty(person->tty) && text_same(person->tty, session->tty);
}

/* Whose place is in front: the youngest session that is there. The tabs of one terminal share its window, so a window
 * with several sessions says nothing. Asked only when the front, or who is there, has changed. */
static void find_front(struct rules *rules, struct person *person)
{
    int n = 0;
    person->front_id = 0;
    for (const struct session *session = rules->first_session; session; session = session->next) {
        if (session->state == STATE_ENDED || !is_place_of(person, session))
            continue;
        person->front_id = session->record.id;
        n++;
    }
    person->shared = n > 1 && is_window(person);
    if (person->shared)
        person->front_id = 0;
    core_changed(rules, person);
    judge_all(rules);
}

void person_session(struct rules *rules, const struct session *session)
{
    struct person *person = rules->person;
    if (!person || person->shared || person->front_id == session->record.id ||
        !is_place_of(person, session) || session->state == STATE_ENDED)
        return;
    if (is_window(person))
        return find_front(rules, person);
    person->front_id = session->record.id;
    core_changed(rules, person);
    judge_all(rules);
}

void person_session_ended(struct rules *rules, const struct session *session)
{
    struct person *person = rules->person;
    if (person && person->shared && is_place_of(person, session))
        find_front(rules, person);
}

/* ---- what is told --------------------------------------------------------------------------------- */

void person_breakpoint(struct rules *rules, const char *by)
{
    struct person *person = get(rules);
    person->breakpoint_ms = rules->now.steady_ms;
    text_set(&rules->bytes, &person->breakpoint_by, by, TEXT_NAME);
    rules->defer_again = true;
}

static void leave_board(struct rules *rules, struct person *person)
{
    person->engaged = false;
    text_set(&rules->bytes, &person->served, NULL, 0);
}

static void set_engaged(struct rules *rules, bool engaged)
{
    struct person *person = get(rules);
    if (engaged == person->engaged)
        return;
    person->engaged = engaged;
    person->engaged_ms = rules->now.steady_ms;
    judge_all(rules);
    if (engaged)
        return;
    leave_board(rules, person);
    person_breakpoint(rules, "you left the board");
}

void person_acted(struct rules *rules, const char *repository)
{
    struct person *person = get(rules);
    person->acted_ms = rules->now.steady_ms;
    set_engaged(rules, true);
    if (!text_empty(repository))
        text_set(&rules->bytes, &person->served, repository, TEXT_NAME);
}

void person_answered(struct rules *rules, const char *repository)
{
    if (!rules->person || !rules->person->engaged || text_empty(repository))
        return;
    if (text_set(&rules->bytes, &rules->person->served, repository, TEXT_NAME))
        core_changed(rules, rules->person);
}

static void take_front(struct rules *rules, struct person *person, const struct place *front)
{
    bool moved = text_set(&rules->bytes, &person->tmux, front->tmux, TEXT_PATH);
    moved |= text_set(&rules->bytes, &person->pane, front->pane, TEXT_NAME);
    moved |= text_set(&rules->bytes, &person->window, front->window, TEXT_NAME);
    moved |= text_set(&rules->bytes, &person->tty, front->tty, TEXT_NAME);
    if (!moved)
        return;
    person->front_ms = rules->now.steady_ms;
    find_front(rules, person);
}

static void take_state(struct rules *rules, struct person *person, enum presence state)
{
    enum presence was = person->presence;
    if (was == state)
        return;
    if ((was <= PRESENCE_ACTIVE) != (state <= PRESENCE_ACTIVE))
        person->presence_ms = rules->now.steady_ms;
    person->presence = state;
    if (state == PRESENCE_LOCKED || state == PRESENCE_AWAY)
        leave_board(rules, person); /* no moment to be told, as the board left by itself is */
    judge_all(rules);
    if (state == PRESENCE_ACTIVE)
        person_breakpoint(rules, was == PRESENCE_LOCKED ? "you unlocked the screen" : "you came back");
}

void person_take(struct rules *rules, const struct presence_input *input)
{
    struct person *person = get(rules);
    if (input->says & PRESENCE_SAYS_FRONT)
        take_front(rules, person, &input->front);
    if (input->says & PRESENCE_SAYS_DND)
        person->dnd = input->dnd;
    if (input->says & PRESENCE_SAYS_MICROPHONE)
        person->microphone = input->microphone;
    if (input->says & PRESENCE_SAYS_STATE)
        take_state(rules, person, input->state);
    if (input->says & PRESENCE_SAYS_ENGAGED) {
        person->acted_ms = input->engaged ? NEVER_MS / 2 : 0; /* until it is told to be over */
        set_engaged(rules, input->engaged);
    }
    if (!text_empty(input->breakpoint))
        person_breakpoint(rules, input->breakpoint);
}

int64_t person_deadline(const struct rules *rules)
{
    return rules->person && rules->person->engaged ? rules->person->acted_ms + ENGAGED_MS : NEVER_MS;
}

void person_look(struct rules *rules)
{
    if (person_deadline(rules) <= rules->now.steady_ms)
        set_engaged(rules, false);
}

void person_free(struct person *person)
{
    if (!person)
        return;
    free(person->tmux);
    free(person->pane);
    free(person->window);
    free(person->tty);
    free(person->breakpoint_by);
    free(person->served);
    free(person);
}
