/* screensaver.c: whether the desktop's lock screen is shown, where it tells on the session bus: see signals.h.
 *
 * Each desktop has a name of its own for the same three things: GetActive, ActiveChanged, and that the name goes. */
#include "signals.h"

#include <string.h>

enum { REPLY_MS = 5000 };

static struct saver {
    const char *name, *path;
    guint watch, signal;
    bool there, active;
} savers[] = {
    {.name = "org.freedesktop.ScreenSaver", .path = "/org/freedesktop/ScreenSaver"}, /* KDE */
    {.name = "org.gnome.ScreenSaver", .path = "/org/gnome/ScreenSaver"},
    {.name = "org.cinnamon.ScreenSaver", .path = "/org/cinnamon/ScreenSaver"},
    {.name = "org.mate.ScreenSaver", .path = "/org/mate/ScreenSaver"},
    {.name = "org.xfce.ScreenSaver", .path = "/org/xfce/ScreenSaver"},
};

static GDBusConnection *session;
static GCancellable *cancel;

static void tell(void)
{
    const char *there = NULL;
    bool active = false;

    for (size_t i = 0; i < G_N_ELEMENTS(savers); i++) {
        there = savers[i].there ? savers[i].name : there;
        active |= savers[i].there && savers[i].active;
    }
    presence_locked(LOCKER_SCREENSAVER, active);
    if (there)
        presence_seen(SIGNAL_SCREENSAVER, "locked (%s)", there);
    else
        presence_seen(SIGNAL_SCREENSAVER, session ? "no screen saver that tells" : "no session bus");
}

static void take_active(struct saver *saver, GVariant *arguments)
{
    gboolean active;

    if (!g_variant_is_of_type(arguments, G_VARIANT_TYPE("(b)")))
        return;
    g_variant_get(arguments, "(b)", &active);
    saver->there = true;
    saver->active = active;
    tell();
}

static void on_active(GObject *source, GAsyncResult *result, gpointer to)
{
    GVariant *answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);

    if (answer)
        take_active(to, answer);
    g_clear_pointer(&answer, g_variant_unref);
}

static void on_changed(GDBusConnection *bus, const char *sender, const char *path,
                       const char *interface, const char *name, GVariant *arguments, gpointer to)
{
    (void)bus, (void)sender, (void)path, (void)interface, (void)name;
    take_active(to, arguments);
}

/* One that does not know GetActive (a browser's stand-in for KDE's name) is none that tells. */
static void on_appeared(GDBusConnection *bus, const char *name, const char *owner, gpointer to)
{
    const struct saver *saver = to;

    (void)owner;
    g_dbus_connection_call(bus, name, saver->path, name, "GetActive", NULL, G_VARIANT_TYPE("(b)"),
                           G_DBUS_CALL_FLAGS_NO_AUTO_START, REPLY_MS, cancel, on_active, to);
}

static void on_vanished(GDBusConnection *bus, const char *name, gpointer to)
{
    struct saver *saver = to;

    (void)bus, (void)name;
    saver->there = saver->active = false;
    tell();
}

static void leave(void)
{
    g_cancellable_cancel(cancel);
    g_clear_object(&cancel);
    for (size_t i = 0; i < G_N_ELEMENTS(savers); i++) {
        g_bus_unwatch_name(savers[i].watch);
        g_dbus_connection_signal_unsubscribe(session, savers[i].signal);
        savers[i].there = savers[i].active = false;
    }
    g_clear_object(&session);
}

void screensaver_bus(GDBusConnection *bus)
{
    if (session)
        leave();
    tell();
    if (!bus)
        return;
    session = g_object_ref(bus);
    cancel = g_cancellable_new();
    for (size_t i = 0; i < G_N_ELEMENTS(savers); i++) {
        struct saver *saver = &savers[i];
        saver->signal = g_dbus_connection_signal_subscribe(
            bus, saver->name, saver->name, "ActiveChanged", NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
            on_changed, saver, NULL);
        saver->watch = g_bus_watch_name_on_connection(bus, saver->name, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                      on_appeared, on_vanished, saver, NULL);
    }
}
