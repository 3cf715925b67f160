/* event.c: see event.h. */
#include "event.h"

bool event_is_note(const struct event *event)
{
    return !event->starts && !event->ends && event->closes == CLOSES_NOTHING &&
           event->opens == OPENS_NOTHING && event->state == STATE_NONE;
}

struct event event_as_note(const struct event *event)
{
    struct event note = *event;
    note.starts = note.ends = note.prompt = false;
    note.closes = CLOSES_NOTHING;
    note.opens = OPENS_NOTHING;
    note.state = STATE_NONE;
    return note;
}
