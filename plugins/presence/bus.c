/* bus.c: the two D-Bus connections, and the environment of the user's systemd: see signals.h.
 *
 * A bus that is not there is looked for again, each time later; one that closes does not end us. Without an address
 * of the session bus nothing of GIO is called for it: with DISPLAY set it would start a stray bus. */
#include "signals.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REPLY_MS = 5000, ENVIRONMENT_MAX = 512 };

static void connect_system(void);
static void connect_session(void);

static struct bus {
    GDBusConnection *connection;
    gulong closed;
    struct again again;
    bool logind, screensaver, desktop; /* which of them are asked for on it */
} buses[2] = {{.again = {.run = connect_system}}, {.again = {.run = connect_session}}};
enum { SYSTEM, SESSION };

static GCancellable *cancel;

static void tell(const struct bus *bus)
{
    if (bus->logind)
        logind_bus(bus->connection);
    if (bus->screensaver)
        screensaver_bus(bus->connection);
    if (bus->desktop)
        desktop_bus(bus->connection);
}

static void hang_up(struct bus *bus)
{
    GDBusConnection *connection = g_steal_pointer(&bus->connection);

    tell(bus);
    if (connection)
        g_signal_handler_disconnect(connection, bus->closed);
    g_clear_object(&connection);
}

static void on_closed(GDBusConnection *connection, gboolean vanished, GError *error, gpointer to)
{
    struct bus *bus = to;

    (void)connection, (void)vanished, (void)error;
    hang_up(bus);
    again_later(&bus->again);
}

static void on_connected(GObject *source, GAsyncResult *result, gpointer to)
{
    struct bus *bus = to;
    GError *error = NULL;
    GDBusConnection *connection = g_dbus_connection_new_for_address_finish(result, &error);

    (void)source;
    if (!connection) {
        bool over = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
        g_clear_error(&error);
        if (over)
            return;
        tell(bus);
        again_later(&bus->again);
        return;
    }
    again_found(&bus->again);
    g_dbus_connection_set_exit_on_close(connection, FALSE);
    bus->connection = connection;
    bus->closed = g_signal_connect(connection, "closed", G_CALLBACK(on_closed), bus);
    tell(bus);
    if (bus == &buses[SESSION])
        around_look();
}

static void connect_to(struct bus *bus, const char *address)
{
    if (address)
        g_dbus_connection_new_for_address(address,
                                          G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                          NULL, cancel, on_connected, bus);
    else {
        tell(bus);
        again_later(&bus->again);
    }
}

static void connect_system(void)
{
    const char *address = g_getenv("DBUS_SYSTEM_BUS_ADDRESS");
    connect_to(&buses[SYSTEM], address ? address : "unix:path=/run/dbus/system_bus_socket");
}

static void connect_session(void)
{
    const char *address = g_getenv("DBUS_SESSION_BUS_ADDRESS");
    const char *runtime = g_getenv("XDG_RUNTIME_DIR");
    char path[300];

    if (!address && runtime && strlen(runtime) < 256) {
        snprintf(path, sizeof path, "unix:path=%s/bus", runtime);
        address = access(path + strlen("unix:path="), F_OK) == 0 ? path : NULL;
    }
    connect_to(&buses[SESSION], address);
}

void bus_open(bool logind, bool screensaver, bool desktop)
{
    cancel = g_cancellable_new();
    buses[SYSTEM].logind = logind;
    buses[SESSION].screensaver = screensaver;
    buses[SESSION].desktop = desktop;
    if (logind)
        connect_system();
    connect_session();
}

void bus_close(void)
{
    if (!cancel)
        return;
    g_cancellable_cancel(cancel);
    for (int i = 0; i < 2; i++) {
        again_stop(&buses[i].again);
        hang_up(&buses[i]);
    }
    g_clear_object(&cancel);
}

/* ---- the environment ----------------------------------------------------------------------------------- */

const char *around_env(const char *name)
{
    return g_getenv(name);
}

/* What we lack of it becomes ours: libraries (libXau) read it there. */
static void take_variable(const char *line)
{
    static const char *const wanted[] = {"DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "SWAYSOCK"};

    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        size_t len = strlen(wanted[i]);
        if (strncmp(line, wanted[i], len) == 0 && line[len] == '=' && strlen(line) < ENVIRONMENT_MAX)
            g_setenv(wanted[i], line + len + 1, FALSE);
    }
}

static void on_environment(GObject *source, GAsyncResult *result, gpointer unused)
{
    GVariant *answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);

    (void)unused;
    if (!answer)
        return;
    GVariant *boxed = g_variant_get_child_value(answer, 0), *lines = g_variant_get_variant(boxed);
    if (g_variant_is_of_type(lines, G_VARIANT_TYPE_STRING_ARRAY)) {
        const gchar **line = g_variant_get_strv(lines, NULL);
        for (int i = 0; line[i]; i++)
            take_variable(line[i]);
        g_free(line);
    }
    g_variant_unref(lines);
    g_variant_unref(boxed);
    g_variant_unref(answer);
}

void around_look(void)
{
    if (buses[SESSION].connection)
        g_dbus_connection_call(buses[SESSION].connection, "org.freedesktop.systemd1",
                               "/org/freedesktop/systemd1", "org.freedesktop.DBus.Properties", "Get",
                               g_variant_new("(ss)", "org.freedesktop.systemd1.Manager", "Environment"),
                               G_VARIANT_TYPE("(v)"), G_DBUS_CALL_FLAGS_NO_AUTO_START, REPLY_MS,
                               cancel, on_environment, NULL);
}
