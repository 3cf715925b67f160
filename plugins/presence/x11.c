/* x11.c: the window in front and idle time of an X server, by xcb: see signals.h.
 *
 * Both are pushed: the window manager writes _NET_ACTIVE_WINDOW on the root window, and two alarms of the SYNC
 * extension on the counter IDLETIME fire when the person has touched nothing for so long, and when they come back.
 * Under Wayland an X server (Xwayland) knows only its own windows and input, so it is asked for no idle time there. */
#include "signals.h"

#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/sync.h>
#include <xcb/xcb.h>

static void connect_to_it(void);

static struct x11 {
    xcb_connection_t *connection; /* NULL: none */
    guint watch;
    xcb_window_t root;
    xcb_atom_t active_window;
    gint64 window; /* -1: not known */
    gint64 idle_ms;
    xcb_sync_counter_t counter; /* 0: none */
    xcb_sync_alarm_t left, back;
    int sync_event; /* the first of the extension's */
    struct again again;
} x11 = {.window = -1, .again = {.run = connect_to_it}};

gint64 x11_window(void)
{
    return x11.window;
}

static void hang_up(const char *why)
{
    if (x11.connection) {
        g_clear_handle_id(&x11.watch, g_source_remove);
        xcb_disconnect(x11.connection);
        x11.connection = NULL;
    }
    x11.window = -1;
    x11.counter = 0;
    presence_front();
    presence_idle(IDLER_X11, false, false);
    presence_seen(SIGNAL_X11, "no %s", why);
}

static void tell_seen(void)
{
    presence_seen(SIGNAL_X11, "%s%s",
                  x11.window < 0 ? "no window manager tells" : "the window in front",
                  x11.counter ? "; idle time" : "");
}

/* ---- the window in front ----------------------------------------------------------------------------- */

static void read_window(void)
{
    xcb_get_property_reply_t *reply = xcb_get_property_reply(
        x11.connection,
        xcb_get_property(x11.connection, 0, x11.root, x11.active_window, XCB_ATOM_WINDOW, 0, 1), NULL);

    gint64 window = -1; /* no window manager that tells */
    if (reply && reply->format == 32 && xcb_get_property_value_length(reply) == 4)
        window = *(uint32_t *)xcb_get_property_value(reply);
    free(reply);
    if (window != x11.window)
        presence_front();
    x11.window = window;
    tell_seen();
}

/* ---- idle time --------------------------------------------------------------------------------------- */

static xcb_sync_counter_t find_counter(void)
{
    static const char name[] = "IDLETIME";
    xcb_sync_counter_t found = 0;
    xcb_sync_list_system_counters_reply_t *reply = xcb_sync_list_system_counters_reply(
        x11.connection, xcb_sync_list_system_counters(x11.connection), NULL);

    if (!reply)
        return 0;
    xcb_sync_systemcounter_iterator_t it = xcb_sync_list_system_counters_counters_iterator(reply);
    for (; it.rem > 0; xcb_sync_systemcounter_next(&it)) {
        /* xcb_sync_systemcounter_name() of 1.15 counts the struct's padding, which is not sent */
        const char *its = (const char *)&it.data->name_len + sizeof it.data->name_len;
        if (it.data->name_len == strlen(name) && memcmp(its, name, strlen(name)) == 0)
            found = it.data->counter;
    }
    free(reply);
    return found;
}

static xcb_sync_alarm_t make_alarm(xcb_sync_testtype_t test)
{
    const uint32_t values[] = {x11.counter,
                               XCB_SYNC_VALUETYPE_ABSOLUTE,
                               (uint32_t)(x11.idle_ms >> 32),
                               (uint32_t)x11.idle_ms,
                               test,
                               0,
                               0,
                               1};
    xcb_sync_alarm_t alarm = xcb_generate_id(x11.connection);

    xcb_sync_create_alarm(x11.connection, alarm,
                          XCB_SYNC_CA_COUNTER | XCB_SYNC_CA_VALUE_TYPE | XCB_SYNC_CA_VALUE |
                              XCB_SYNC_CA_TEST_TYPE | XCB_SYNC_CA_DELTA | XCB_SYNC_CA_EVENTS,
                          values);
    return alarm;
}

static bool is_idle_now(void)
{
    xcb_sync_query_counter_reply_t *reply = xcb_sync_query_counter_reply(
        x11.connection, xcb_sync_query_counter(x11.connection, x11.counter), NULL);
    gint64 idle_ms = reply ? ((gint64)reply->counter_value.hi << 32 | reply->counter_value.lo) : 0;

    free(reply);
    return idle_ms >= x11.idle_ms;
}

static void watch_idle(void)
{
    const xcb_query_extension_reply_t *sync = xcb_get_extension_data(x11.connection, &xcb_sync_id);

    if (g_getenv("WAYLAND_DISPLAY") || !sync || !sync->present)
        return;
    free(xcb_sync_initialize_reply(x11.connection, xcb_sync_initialize(x11.connection, 3, 1), NULL));
    x11.counter = find_counter();
    if (!x11.counter)
        return;
    x11.sync_event = sync->first_event;
    x11.left = make_alarm(XCB_SYNC_TESTTYPE_POSITIVE_TRANSITION);
    x11.back = make_alarm(XCB_SYNC_TESTTYPE_NEGATIVE_TRANSITION);
    presence_idle(IDLER_X11, true, is_idle_now());
    tell_seen();
}

/* ---- the connection ---------------------------------------------------------------------------------- */

static void take_event(const xcb_generic_event_t *event)
{
    int type = event->response_type & 0x7f;

    if (type == XCB_PROPERTY_NOTIFY) {
        if (((const xcb_property_notify_event_t *)event)->atom == x11.active_window)
            read_window();
    } else if (x11.counter && type == x11.sync_event + XCB_SYNC_ALARM_NOTIFY) {
        const xcb_sync_alarm_notify_event_t *alarm = (const void *)event;
        presence_idle(IDLER_X11, true, alarm->alarm == x11.left);
    }
}

/* Takes what has come; an answer waited for may have brought events along. */
static gboolean take_events(void)
{
    xcb_generic_event_t *event;

    while ((event = xcb_poll_for_event(x11.connection))) {
        take_event(event);
        free(event);
    }
    xcb_flush(x11.connection);
    if (!xcb_connection_has_error(x11.connection))
        return G_SOURCE_CONTINUE;
    hang_up("X server any more");
    again_later(&x11.again);
    return G_SOURCE_REMOVE;
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer unused)
{
    (void)fd, (void)condition, (void)unused;
    return take_events();
}

static void connect_to_it(void)
{
    static const char name[] = "_NET_ACTIVE_WINDOW";
    const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE;
    const char *display = around_env("DISPLAY");
    int screen = 0;

    around_look();
    x11.connection = display && *display ? xcb_connect(display, &screen) : NULL;
    if (!x11.connection || xcb_connection_has_error(x11.connection)) {
        hang_up(display && *display ? "answer of the X server" : "X server: DISPLAY is not set");
        again_later(&x11.again);
        return;
    }
    again_found(&x11.again);
    xcb_screen_iterator_t it = xcb_setup_roots_iterator(xcb_get_setup(x11.connection));
    while (screen-- > 0 && it.rem > 1)
        xcb_screen_next(&it);
    x11.root = it.data->root;
    xcb_intern_atom_reply_t *atom = xcb_intern_atom_reply(
        x11.connection, xcb_intern_atom(x11.connection, 0, strlen(name), name), NULL);
    x11.active_window = atom ? atom->atom : XCB_ATOM_NONE;
    free(atom);
    xcb_change_window_attributes(x11.connection, x11.root, XCB_CW_EVENT_MASK, &mask);
    read_window();
    watch_idle();
    x11.watch = g_unix_fd_add(xcb_get_file_descriptor(x11.connection),
                              G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, NULL);
    take_events();
}

void x11_open(gint64 idle_ms)
{
    x11.idle_ms = idle_ms;
    connect_to_it();
}

void x11_close(void)
{
    again_stop(&x11.again);
    g_clear_handle_id(&x11.watch, g_source_remove);
    if (x11.connection)
        xcb_disconnect(x11.connection);
    x11.connection = NULL;
}
