/* person.h: what the core knows of the person: are they there, where are they looking, are they answering from
 * the board, have they just finished something?
 *
 * Without a sensor the person counts as active, and nothing is in front. */
#ifndef RULES_PERSON_H
#define RULES_PERSON_H

#include "event.h"
#include "policy.h"
#include "record.h"

#include <stdint.h>

struct rules;
struct session;

struct person {
    struct record record;
    enum presence presence;           /* as the sensors say; engaged is not one of theirs */
    int64_t presence_ms;              /* since when */
    bool dnd;                         /* the desktop's own do-not-disturb switch */
    bool microphone;                  /* one is in use: a call */
    char *tmux, *pane, *window, *tty; /* what is in front; all "": not known */
    int64_t front_ms;                 /* since when that is in front */
    uint64_t front_id;                /* the session whose place it is, 0: none that is known */
    bool shared;           /* … for it is a window of several: nobody knows which is seen */
    bool engaged;          /* answering from the board */
    int64_t engaged_ms;    /* since when */
    int64_t acted_ms;      /* the last such act: it lasts until ENGAGED_MS pass without one */
    int64_t breakpoint_ms; /* the last breakpoint; 0: none yet */
    char *breakpoint_by;   /* what it was: "a prompt to codex" */
    char *served;          /* the repository of what was answered last, while engaged */
};

extern const struct noun noun_person;

/* What sensors tell. Members that are not set in `says` stay as they are. */
enum {
    PRESENCE_SAYS_STATE = 1,
    PRESENCE_SAYS_DND = 2,
    PRESENCE_SAYS_FRONT = 4,
    PRESENCE_SAYS_ENGAGED = 8,
    PRESENCE_SAYS_MICROPHONE = 16
};
struct presence_input {
    unsigned says;
    enum presence state;
    bool dnd, engaged, microphone;
    struct place front;     /* tmux, pane, window, tty */
    const char *breakpoint; /* a breakpoint that was seen: "a commit"; NULL: none */
};

void person_take(struct rules *rules, const struct presence_input *input);
/* A moment when the person has just finished something. */
void person_breakpoint(struct rules *rules, const char *by);
/* They answered something from the board. */
void person_acted(struct rules *rules, const char *repository);
/* Something was answered: if they are at the board it was they, and they are in that repository now. */
void person_answered(struct rules *rules, const char *repository);
/* Sees whether the engagement is over; the next instant at which it may be. */
void person_look(struct rules *rules);
int64_t person_deadline(const struct rules *rules);

/* Whether a breakpoint is going on: each lasts a few seconds. */
bool person_at_breakpoint(const struct rules *rules);
/* Whether what a focus follows is on. */
bool person_follows(const struct rules *rules, enum follow follow);
/* engaged, or what the sensors say; active without any. */
enum presence person_presence(const struct rules *rules);
/* Whether this session's place is what is in front. */
bool person_faces(const struct rules *rules, const struct session *session);
/* A session was heard of: its place may be known now, or anew. */
void person_session(struct rules *rules, const struct session *session);
/* A session has ended: of those that shared a window one may be left. */
void person_session_ended(struct rules *rules, const struct session *session);
void person_free(struct person *person);

#endif
