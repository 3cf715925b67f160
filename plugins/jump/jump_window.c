/* jump_window.c - a window of X11, by its id.
 *
 * WINDOWID is what the terminal said of itself, often a window within the one that the window manager
 * knows; the first ancestor with WM_STATE is that one. With a window manager it is asked, as a pager asks
 * (EWMH _NET_ACTIVE_WINDOW, source 2, the server's time: else it is held for focus stealing); without one
 * the window is raised and given the focus. Either way the jump has worked when the window has it. */
#include "jump_way.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/xcb.h>

enum { CLIMB_MAX = 32, FRONT_MS = 1500, STEP_MS = 5, PAGER = 2 };
#define EVERY_DESKTOP UINT32_MAX

struct screen {
    xcb_connection_t *x;
    xcb_window_t root;
};

static xcb_atom_t atom(const struct screen *screen, const char *name)
{
    xcb_atom_t found = XCB_ATOM_NONE;
    xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(
        screen->x, xcb_intern_atom(screen->x, 1, (uint16_t)strlen(name), name), NULL);
    if (reply)
        found = reply->atom;
    free(reply);
    return found;
}

/* The first value of a property of 32 bits; 0: it has none. */
static uint32_t property(const struct screen *screen, xcb_window_t window, const char *name)
{
    xcb_atom_t of = atom(screen, name);
    uint32_t value = 0;
    if (of == XCB_ATOM_NONE)
        return 0;
    xcb_get_property_reply_t *reply = xcb_get_property_reply(
        screen->x, xcb_get_property(screen->x, 0, window, of, XCB_ATOM_ANY, 0, 1), NULL);
    if (reply && reply->format == 32 && xcb_get_property_value_length(reply) >= 4)
        memcpy(&value, xcb_get_property_value(reply), 4);
    free(reply);
    return value;
}

static bool has_property(const struct screen *screen, xcb_window_t window, const char *name)
{
    xcb_atom_t of = atom(screen, name);
    if (of == XCB_ATOM_NONE)
        return false;
    xcb_get_property_reply_t *reply = xcb_get_property_reply(
        screen->x, xcb_get_property(screen->x, 0, window, of, XCB_ATOM_ANY, 0, 0), NULL);
    bool has = reply && reply->type != XCB_ATOM_NONE;
    free(reply);
    return has;
}

static bool exists(const struct screen *screen, xcb_window_t window)
{
    xcb_get_window_attributes_reply_t *reply =
        xcb_get_window_attributes_reply(screen->x, xcb_get_window_attributes(screen->x, window), NULL);
    free(reply);
    return reply != NULL;
}

static xcb_window_t parent_of(const struct screen *screen, xcb_window_t window)
{
    xcb_query_tree_reply_t *reply =
        xcb_query_tree_reply(screen->x, xcb_query_tree(screen->x, window), NULL);
    xcb_window_t parent = reply ? reply->parent : XCB_NONE;
    free(reply);
    return parent;
}

/* What the window manager manages, else what lies on the root window. */
static xcb_window_t outermost(const struct screen *screen, xcb_window_t window)
{
    xcb_window_t at = window;
    for (int i = 0; i < CLIMB_MAX; i++) {
        if (has_property(screen, at, "WM_STATE"))
            return at;
        xcb_window_t parent = parent_of(screen, at);
        if (parent == XCB_NONE || parent == screen->root)
            return at;
        at = parent;
    }
    return window;
}

/* The server's time now: that of a property that we change. */
static xcb_timestamp_t server_time(const struct screen *screen)
{
    const uint32_t events = XCB_EVENT_MASK_PROPERTY_CHANGE;
    xcb_window_t own = xcb_generate_id(screen->x);
    xcb_timestamp_t time = XCB_CURRENT_TIME;
    xcb_generic_event_t *event;

    xcb_create_window(screen->x, 0, own, screen->root, -1, -1, 1, 1, 0, XCB_WINDOW_CLASS_INPUT_ONLY,
                      XCB_COPY_FROM_PARENT, XCB_CW_EVENT_MASK, &events);
    xcb_change_property(screen->x, XCB_PROP_MODE_REPLACE, own, XCB_ATOM_WM_NAME, XCB_ATOM_STRING, 8,
                        0, NULL);
    xcb_flush(screen->x);
    while (time == XCB_CURRENT_TIME && (event = xcb_wait_for_event(screen->x))) {
        if ((event->response_type & 0x7f) == XCB_PROPERTY_NOTIFY)
            time = ((xcb_property_notify_event_t *)(void *)event)->time;
        free(event);
    }
    xcb_destroy_window(screen->x, own);
    return time;
}

static bool has_manager(const struct screen *screen)
{
    xcb_window_t check = property(screen, screen->root, "_NET_SUPPORTING_WM_CHECK");
    return check && property(screen, check, "_NET_SUPPORTING_WM_CHECK") == check;
}

static xcb_window_t focused(const struct screen *screen)
{
    xcb_get_input_focus_reply_t *reply =
        xcb_get_input_focus_reply(screen->x, xcb_get_input_focus(screen->x), NULL);
    xcb_window_t window = reply ? reply->focus : XCB_NONE;
    free(reply);
    return window;
}

static void send_manager(const struct screen *screen, xcb_window_t window, const char *type,
                         const uint32_t data[3])
{
    xcb_client_message_event_t message = {.response_type = XCB_CLIENT_MESSAGE,
                                          .format = 32,
                                          .window = window,
                                          .type = atom(screen, type)};
    memcpy(message.data.data32, data, 3 * sizeof *data);
    xcb_send_event(screen->x, 0, screen->root,
                   XCB_EVENT_MASK_SUBSTRUCTURE_NOTIFY | XCB_EVENT_MASK_SUBSTRUCTURE_REDIRECT,
                   (const char *)&message);
}

static void ask_manager(const struct screen *screen, xcb_window_t window)
{
    uint32_t time = server_time(screen), desktop = property(screen, window, "_NET_WM_DESKTOP");
    if (has_property(screen, window, "_NET_WM_DESKTOP") && desktop != EVERY_DESKTOP &&
        desktop != property(screen, screen->root, "_NET_CURRENT_DESKTOP")) /* openbox stays where it is */
        send_manager(screen, screen->root, "_NET_CURRENT_DESKTOP", (uint32_t[]){desktop, time, 0});
    send_manager(screen, window, "_NET_ACTIVE_WINDOW",
                 (uint32_t[]){PAGER, time, property(screen, screen->root, "_NET_ACTIVE_WINDOW")});
    xcb_flush(screen->x);
}

static void raise_window(const struct screen *screen, xcb_window_t window)
{
    const uint32_t above = XCB_STACK_MODE_ABOVE;
    xcb_map_window(screen->x, window);
    xcb_configure_window(screen->x, window, XCB_CONFIG_WINDOW_STACK_MODE, &above);
    xcb_set_input_focus(screen->x, XCB_INPUT_FOCUS_POINTER_ROOT, window, XCB_CURRENT_TIME);
    xcb_flush(screen->x);
}

/* Asks until it is in front: a window manager does it when it comes to it. */
static bool comes_to_front(const struct screen *screen, xcb_window_t window, bool managed)
{
    for (int waited_ms = 0; waited_ms < FRONT_MS; waited_ms += STEP_MS) {
        if ((managed ? property(screen, screen->root, "_NET_ACTIVE_WINDOW") : focused(screen)) == window)
            return true;
        if (xcb_connection_has_error(screen->x))
            return false;
        poll(NULL, 0, STEP_MS);
    }
    return false;
}

static void activate(const struct screen *screen, xcb_window_t named, struct jump_result *result)
{
    if (named == screen->root || !exists(screen, named)) {
        jump_fail(result, "window %u is gone", named);
        return;
    }
    xcb_window_t window = outermost(screen, named);
    bool managed = has_manager(screen);
    if (managed)
        ask_manager(screen, window);
    else
        raise_window(screen, window);
    if (comes_to_front(screen, window, managed))
        result->ok = true;
    else
        jump_fail(result, "the window manager did not bring window %u to the front", named);
}

void jump_window(const struct jump_place *place, struct jump_result *result)
{
    uint32_t window;
    int number = 0;

    result->by = "x11";
    if (!jump_number(place->window, &window) || window == 0) {
        jump_fail(result, "what its hook calls a window is none");
        return;
    }
    if (!getenv("DISPLAY") || !*getenv("DISPLAY")) {
        jump_fail(result, "window %u is on a screen that is not known here: DISPLAY is not set",
                  window);
        return;
    }
    struct screen screen = {.x = xcb_connect(NULL, &number)};
    if (xcb_connection_has_error(screen.x)) {
        jump_fail(result, "window %u cannot be reached: the X server does not let us in", window);
    } else {
        xcb_screen_iterator_t roots = xcb_setup_roots_iterator(xcb_get_setup(screen.x));
        while (number-- > 0 && roots.rem > 1)
            xcb_screen_next(&roots);
        screen.root = roots.data->root;
        activate(&screen, window, result);
    }
    xcb_disconnect(screen.x);
}
