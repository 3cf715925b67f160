/* logind.c: whether the screen is locked, the person idle, the machine asleep: see signals.h.
 *
 * logind tells it for our session, on the system bus: LockedHint, which the desktop sets; IdleHint; and that the
 * machine is about to sleep. Its signal Lock only asks for a lock; a locker that sets no hint (i3lock) may be unlocked
 * without anybody saying so, so what was asked for counts until Unlock, or until somebody works here again.
 * Desktops tell of their lock screens on the session bus, too, each under its own name. */
#include "signals.h"

#include <string.h>
#include <unistd.h>

#define LOGIN "org.freedesktop.login1"
#define LOGIN_SESSION LOGIN ".Session"
#define LOGIN_MANAGER LOGIN ".Manager"
#define PROPERTIES "org.freedesktop.DBus.Properties"
enum { REPLY_MS = 5000 };

static struct logind {
    GDBusConnection *bus; /* NULL: none */
    GCancellable *cancel;
    guint watch, signals[5];
    char *session;   /* the path of ours, or NULL */
    gboolean locked; /* its hint */
} logind;

/* ---- what our session is like ------------------------------------------------------------------------- */

static void take_properties(GVariant *properties)
{
    gboolean value;

    if (g_variant_lookup(properties, "LockedHint", "b", &value)) {
        presence_locked(LOCKER_LOGIND, value);
        if (value != logind.locked) /* who sets the hint knows better than who asked */
            presence_locked(LOCKER_ASKED, false);
        logind.locked = value;
    }
    if (g_variant_lookup(properties, "IdleHint", "b", &value))
        presence_idle(IDLER_LOGIND, true, value);
}

static void on_properties(GObject *source, GAsyncResult *result, gpointer unused)
{
    GError *error = NULL;
    GVariant *answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);

    (void)unused;
    if (answer) {
        GVariant *properties = g_variant_get_child_value(answer, 0);
        take_properties(properties);
        g_variant_unref(properties);
        g_variant_unref(answer);
    }
    g_clear_error(&error);
}

static void ask_properties(void)
{
    if (logind.session)
        g_dbus_connection_call(logind.bus, LOGIN, logind.session, PROPERTIES, "GetAll",
                               g_variant_new("(s)", LOGIN_SESSION), G_VARIANT_TYPE("(a{sv})"),
                               G_DBUS_CALL_FLAGS_NONE, REPLY_MS, logind.cancel, on_properties, NULL);
}

/* ---- which session is ours ------------------------------------------------------------------------------ */

/* The one we run in, else one of ours at a seat, else any of ours. */
static int worth(const char *id, guint32 uid, const char *seat)
{
    if (uid != getuid())
        return 0;
    if (g_strcmp0(id, g_getenv("XDG_SESSION_ID")) == 0)
        return 3;
    return *seat ? 2 : 1;
}

static void forget_session(void)
{
    g_clear_pointer(&logind.session, g_free);
    logind.locked = FALSE;
    presence_locked(LOCKER_LOGIND, false);
    presence_locked(LOCKER_ASKED, false);
    presence_idle(IDLER_LOGIND, false, false);
}

static void take_sessions(GVariant *sessions)
{
    const char *id, *user, *seat, *path, *best = NULL;
    int best_worth = 0;
    guint32 uid;
    GVariantIter iter;

    g_variant_iter_init(&iter, sessions);
    while (g_variant_iter_next(&iter, "(&su&s&s&o)", &id, &uid, &user, &seat, &path)) {
        if (worth(id, uid, seat) > best_worth) {
            best_worth = worth(id, uid, seat);
            best = path;
        }
    }
    if (best && g_strcmp0(best, logind.session) == 0)
        return;
    forget_session();
    logind.session = g_strdup(best);
    if (best)
        presence_seen(SIGNAL_LOGIND, "locked, idle, asleep (session %s)", strrchr(best, '/') + 1);
    else
        presence_seen(SIGNAL_LOGIND, "no session of yours; asleep");
    ask_properties();
}

static void on_sessions(GObject *source, GAsyncResult *result, gpointer unused)
{
    GVariant *answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);

    (void)unused;
    if (!answer)
        return;
    GVariant *sessions = g_variant_get_child_value(answer, 0);
    take_sessions(sessions);
    g_variant_unref(sessions);
    g_variant_unref(answer);
}

static void ask_sessions(void)
{
    g_dbus_connection_call(logind.bus, LOGIN, "/org/freedesktop/login1", LOGIN_MANAGER,
                           "ListSessions", NULL, G_VARIANT_TYPE("(a(susso))"),
                           G_DBUS_CALL_FLAGS_NONE, REPLY_MS, logind.cancel, on_sessions, NULL);
}

/* ---- signals --------------------------------------------------------------------------------------------- */

static void on_signal(GDBusConnection *bus, const char *sender, const char *path,
                      const char *interface, const char *name, GVariant *arguments, gpointer unused)
{
    gboolean before;

    (void)bus, (void)sender, (void)interface, (void)unused;
    if (strcmp(name, "PrepareForSleep") == 0 && g_variant_is_of_type(arguments, G_VARIANT_TYPE("(b)"))) {
        g_variant_get(arguments, "(b)", &before);
        presence_asleep(before);
    } else if (strcmp(name, "SessionNew") == 0 || strcmp(name, "SessionRemoved") == 0) {
        ask_sessions();
    } else if (g_strcmp0(path, logind.session) != 0) {
        return;
    } else if (strcmp(name, "Lock") == 0 || strcmp(name, "Unlock") == 0) {
        presence_locked(LOCKER_ASKED, *name == 'L');
        if (*name == 'U')
            presence_locked(LOCKER_LOGIND, false);
    } else if (strcmp(name, "PropertiesChanged") == 0) {
        ask_properties();
    }
}

static guint listen_to(GDBusConnection *bus, const char *interface, const char *name, const char *first)
{
    return g_dbus_connection_signal_subscribe(bus, LOGIN, interface, name, NULL, first,
                                              G_DBUS_SIGNAL_FLAGS_NONE, on_signal, NULL, NULL);
}

static void on_appeared(GDBusConnection *bus, const char *name, const char *owner, gpointer unused)
{
    (void)bus, (void)name, (void)owner, (void)unused;
    ask_sessions();
}

static void on_vanished(GDBusConnection *bus, const char *name, gpointer unused)
{
    (void)bus, (void)name, (void)unused;
    forget_session();
    presence_asleep(false);
    presence_seen(SIGNAL_LOGIND, "no logind");
}

void logind_bus(GDBusConnection *bus)
{
    if (logind.bus) {
        g_cancellable_cancel(logind.cancel);
        g_clear_object(&logind.cancel);
        g_bus_unwatch_name(logind.watch);
        for (size_t i = 0; i < G_N_ELEMENTS(logind.signals); i++)
            g_dbus_connection_signal_unsubscribe(logind.bus, logind.signals[i]);
        on_vanished(NULL, NULL, NULL);
        g_clear_object(&logind.bus);
    }
    if (!bus) {
        presence_seen(SIGNAL_LOGIND, "no system bus");
        return;
    }
    logind.bus = g_object_ref(bus);
    logind.cancel = g_cancellable_new();
    logind.signals[0] = listen_to(bus, LOGIN_MANAGER, "PrepareForSleep", NULL);
    logind.signals[1] = listen_to(bus, LOGIN_MANAGER, "SessionNew", NULL);
    logind.signals[2] = listen_to(bus, LOGIN_MANAGER, "SessionRemoved", NULL);
    logind.signals[3] = listen_to(bus, LOGIN_SESSION, NULL, NULL);
    logind.signals[4] = listen_to(bus, PROPERTIES, "PropertiesChanged", LOGIN_SESSION);
    logind.watch = g_bus_watch_name_on_connection(bus, LOGIN, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                  on_appeared, on_vanished, NULL, NULL);
}
