/* presence.c: see presence.h. */
#include "router/presence.h"

#include "rules/text.h"

#include <errno.h>

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

int presence_parse(const json_t *message, struct presence_input *out, struct refusal *why)
{
    const json_t *front = json_object_get(message, "front"), *dnd = json_object_get(message, "dnd");
    const json_t *engaged = json_object_get(message, "engaged");
    *out = (struct presence_input){.state = PRESENCE_ACTIVE};
    int status = take_state(message, out, why);
    if (status < 0)
        return status;
    if ((dnd && !json_is_boolean(dnd)) || (engaged && !json_is_boolean(engaged)))
        return refuse(why, dnd && !json_is_boolean(dnd) ? "/dnd" : "/engaged", "this is true or false");
    if (front && !json_is_object(front))
        return refuse(why, "/front", "front is an object: a place, or {}");
    out->says |= (dnd ? PRESENCE_SAYS_DND : 0) | (engaged ? PRESENCE_SAYS_ENGAGED : 0) |
                 (front ? PRESENCE_SAYS_FRONT : 0);
    out->dnd = json_is_true(dnd);
    out->engaged = json_is_true(engaged);
    out->front = (struct place){.tmux = text(front, "tmux"),
                                .pane = text(front, "pane"),
                                .window = text(front, "window"),
                                .tty = text(front, "tty")};
    out->breakpoint = text(message, "breakpoint");
    if (!out->says && text_empty(out->breakpoint))
        return refuse(why, "", "it says nothing: give state, dnd, engaged, front or breakpoint");
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
    if (presence->says & PRESENCE_SAYS_FRONT)
        json_object_set_new(json, "front",
                            json_pack("{s:s, s:s, s:s, s:s}", "tmux", text_or(front->tmux, ""),
                                      "pane", text_or(front->pane, ""), "window",
                                      text_or(front->window, ""), "tty", text_or(front->tty, "")));
    if (!text_empty(presence->breakpoint))
        json_object_set_new(json, "breakpoint", json_string(presence->breakpoint));
    return json;
}
