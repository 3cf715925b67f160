/* presence.c: see presence.h. */
#include "router/presence.h"

#include "plugins/protocol.h"
#include "rules/text.h"

#include <errno.h>
#include <stdio.h>

static const char *text(const json_t *object, const char *key)
{
    return text_or(json_string_value(json_object_get(object, key)), "");
}

static int take_state(const json_t *message, struct presence_input *out, struct refusal *why)
{
    const json_t *state = json_object_get(message, "state");
    if (!state)
        return 0;
    int value = word_find(&word_presence, json_string_value(state));
    if (value < PRESENCE_ACTIVE)
        return refuse(why, "/state", "state is one of active, idle, locked, away");
    out->state = (enum presence)value;
    out->says |= PRESENCE_SAYS_STATE;
    return 0;
}

static int check_switches(const json_t *message, struct refusal *why)
{
    static const char *const names[] = {"dnd", "engaged", "microphone"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const json_t *value = json_object_get(message, names[i]);
        char at[32];
        snprintf(at, sizeof at, "/%s", names[i]);
        if (value && !json_is_boolean(value))
            return refuse(why, at, "this is true or false");
    }
    return 0;
}

/* The core cuts what is too long; here so that the log of inputs is bounded, too. */
static int check_texts(const json_t *message, struct refusal *why)
{
    static const char *const names[] = {"tmux", "pane", "window", "tty"};
    const json_t *front = json_object_get(message, "front");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (json_string_length(json_object_get(front, names[i])) > PROTOCOL_PLACE_MAX)
            return refuse(why, "/front", "a place of more than %d bytes", PROTOCOL_PLACE_MAX);
    }
    if (json_string_length(json_object_get(message, "breakpoint")) > PROTOCOL_PLACE_MAX)
        return refuse(why, "/breakpoint", "more than %d bytes", PROTOCOL_PLACE_MAX);
    return 0;
}

int presence_parse(const json_t *message, struct presence_input *out, struct refusal *why)
{
    const json_t *front = json_object_get(message, "front"), *dnd = json_object_get(message, "dnd");
    const json_t *engaged = json_object_get(message, "engaged"),
                 *microphone = json_object_get(message, "microphone");
    *out = (struct presence_input){.state = PRESENCE_ACTIVE};
    int status = take_state(message, out, why);
    if (status < 0)
        return status;
    if ((status = check_switches(message, why)) < 0 || (status = check_texts(message, why)) < 0)
        return status;
    if (front && !json_is_object(front))
        return refuse(why, "/front", "front is an object: a place, or {}");
    out->says |= (dnd ? PRESENCE_SAYS_DND : 0) | (engaged ? PRESENCE_SAYS_ENGAGED : 0) |
                 (front ? PRESENCE_SAYS_FRONT : 0) | (microphone ? PRESENCE_SAYS_MICROPHONE : 0);
    out->microphone = json_is_true(microphone);
    out->dnd = json_is_true(dnd);
    out->engaged = json_is_true(engaged);
    out->front = (struct place){.tmux = text(front, "tmux"),
                                .pane = text(front, "pane"),
                                .window = text(front, "window"),
                                .tty = text(front, "tty")};
    out->breakpoint = text(message, "breakpoint");
    if (!out->says && text_empty(out->breakpoint))
        return refuse(why, "",
                      "it says nothing: give state, dnd, engaged, microphone, front or breakpoint");
    return 0;
}

json_t *presence_to_json(const struct presence_input *presence)
{
    const struct place *front = &presence->front;
    json_t *json = json_object();
    if (presence->says & PRESENCE_SAYS_STATE)
        json_object_set_new(json, "state", json_string(word_name(&word_presence, presence->state)));
    if (presence->says & PRESENCE_SAYS_DND)
        json_object_set_new(json, "dnd", json_boolean(presence->dnd));
    if (presence->says & PRESENCE_SAYS_ENGAGED)
        json_object_set_new(json, "engaged", json_boolean(presence->engaged));
    if (presence->says & PRESENCE_SAYS_MICROPHONE)
        json_object_set_new(json, "microphone", json_boolean(presence->microphone));
    if (presence->says & PRESENCE_SAYS_FRONT)
        json_object_set_new(json, "front",
                            json_pack("{s:s, s:s, s:s, s:s}", "tmux", text_or(front->tmux, ""),
                                      "pane", text_or(front->pane, ""), "window",
                                      text_or(front->window, ""), "tty", text_or(front->tty, "")));
    if (!text_empty(presence->breakpoint))
        json_object_set_new(json, "breakpoint", json_string(presence->breakpoint));
    return json;
}
