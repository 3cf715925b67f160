/* desktop_switch.c: the notification server's own do-not-disturb, both ways: see signals.h.
 *
 * The server says who it is; the table says where such a server keeps its switch: as a property of its own on the
 * bus (dunst, Plasma), in Xfconf (xfce4-notifyd), in GSettings (GNOME). All of them push. */
#include "signals.h"

#include <string.h>

#define SERVER "org.freedesktop.Notifications"
#define SERVER_PATH "/org/freedesktop/Notifications"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define XFCONF "org.xfce.Xfconf"
#define XFCONF_PATH "/org/xfce/Xfconf"
#define XFCONF_CHANNEL "xfce4-notifyd"
#define XFCONF_PROPERTY "/do-not-disturb"
#define GNOME_SCHEMA "org.gnome.desktop.notifications"
enum { REPLY_MS = 5000 };

enum keeper { KEEPER_NONE, KEEPER_PROPERTY, KEEPER_XFCONF, KEEPER_GSETTINGS };

static const struct kind {
    const char *server; /* as it calls itself; a beginning */
    enum keeper keeper;
    const char *interface, *property; /* KEEPER_PROPERTY */
    bool writable;
} kinds[] = {
    {"dunst", KEEPER_PROPERTY, "org.dunstproject.cmd0", "paused", true},
    {"Plasma", KEEPER_PROPERTY, SERVER, "Inhibited", false},
    {"Xfce", KEEPER_XFCONF, NULL, NULL, true},
    {"gnome-shell", KEEPER_GSETTINGS, NULL, NULL, true},
};

static struct desktop {
    GDBusConnection *bus; /* NULL: none */
    GCancellable *cancel;
    guint watch, signal;
    const struct kind *kind; /* NULL: its switch is not known */
    GSettings *settings;
} desktop;

/* ---- reading --------------------------------------------------------------------------------------------- */

/* A boolean in a box, or in two. */
static void take_value(GVariant *value)
{
    GVariant *inner = g_variant_ref(value);

    while (g_variant_is_of_type(inner, G_VARIANT_TYPE_VARIANT)) {
        GVariant *box = inner;
        inner = g_variant_get_variant(box);
        g_variant_unref(box);
    }
    if (g_variant_is_of_type(inner, G_VARIANT_TYPE_BOOLEAN))
        presence_dnd(g_variant_get_boolean(inner));
    g_variant_unref(inner);
}

static void on_value(GObject *source, GAsyncResult *result, gpointer unused)
{
    GVariant *answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);

    (void)unused;
    if (!answer)
        return; /* not set: it is off */
    GVariant *value = g_variant_get_child_value(answer, 0);
    take_value(value);
    g_variant_unref(value);
    g_variant_unref(answer);
}

static void ask_value(const char *name, const char *path, const char *interface, const char *method,
                      const char *first, const char *second)
{
    g_dbus_connection_call(desktop.bus, name, path, interface, method,
                           g_variant_new("(ss)", first, second), G_VARIANT_TYPE("(v)"),
                           G_DBUS_CALL_FLAGS_NO_AUTO_START, REPLY_MS, desktop.cancel, on_value, NULL);
}

static void on_property(GDBusConnection *bus, const char *sender, const char *path,
                        const char *interface, const char *name, GVariant *arguments, gpointer unused)
{
    (void)bus, (void)sender, (void)path, (void)interface, (void)name, (void)arguments, (void)unused;
    if (desktop.kind)
        ask_value(SERVER, SERVER_PATH, PROPERTIES, "Get", desktop.kind->interface,
                  desktop.kind->property);
}

static void on_xfconf(GDBusConnection *bus, const char *sender, const char *path,
                      const char *interface, const char *name, GVariant *arguments, gpointer unused)
{
    const char *channel, *property;
    GVariant *value;

    (void)bus, (void)sender, (void)path, (void)interface, (void)name, (void)unused;
    if (!g_variant_is_of_type(arguments, G_VARIANT_TYPE("(ssv)")))
        return;
    g_variant_get(arguments, "(&s&sv)", &channel, &property, &value);
    if (strcmp(channel, XFCONF_CHANNEL) == 0 && strcmp(property, XFCONF_PROPERTY) == 0)
        take_value(value);
    g_variant_unref(value);
}

static void on_setting(GSettings *settings, const char *key, gpointer unused)
{
    (void)unused;
    presence_dnd(!g_settings_get_boolean(settings, key));
}

static guint listen_to(const char *name, const char *interface, const char *member,
                       const char *first, GDBusSignalCallback take)
{
    return g_dbus_connection_signal_subscribe(desktop.bus, name, interface, member, NULL, first,
                                              G_DBUS_SIGNAL_FLAGS_NONE, take, NULL, NULL);
}

/* GIO ends the process on a schema that is not installed. */
static bool has_schema(void)
{
    GSettingsSchemaSource *source = g_settings_schema_source_get_default();
    GSettingsSchema *schema =
        source ? g_settings_schema_source_lookup(source, GNOME_SCHEMA, TRUE) : NULL;
    bool has = schema && g_settings_schema_has_key(schema, "show-banners");

    g_clear_pointer(&schema, g_settings_schema_unref);
    return has;
}

static void begin(const char *server)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_str_has_prefix(server, kinds[i].server))
            desktop.kind = &kinds[i];
    }
    presence_seen(SIGNAL_DESKTOP, "%s%.60s",
                  desktop.kind ? "the switch of " : "no switch known of ", server);
    switch (desktop.kind ? desktop.kind->keeper : KEEPER_NONE) {
    case KEEPER_NONE:
        break;
    case KEEPER_PROPERTY:
        desktop.signal =
            listen_to(SERVER, PROPERTIES, "PropertiesChanged", desktop.kind->interface, on_property);
        on_property(NULL, NULL, NULL, NULL, NULL, NULL, NULL);
        break;
    case KEEPER_XFCONF:
        desktop.signal = listen_to(XFCONF, XFCONF, "PropertyChanged", XFCONF_CHANNEL, on_xfconf);
        ask_value(XFCONF, XFCONF_PATH, XFCONF, "GetProperty", XFCONF_CHANNEL, XFCONF_PROPERTY);
        break;
    case KEEPER_GSETTINGS:
        if (!has_schema())
            break;
        desktop.settings = g_settings_new(GNOME_SCHEMA);
        g_signal_connect(desktop.settings, "changed::show-banners", G_CALLBACK(on_setting), NULL);
        on_setting(desktop.settings, "show-banners", NULL);
        break;
    }
}

/* ---- the other way ------------------------------------------------------------------------------------------ */

static void set_value(const char *name, const char *path, const char *interface, const char *method,
                      GVariant *arguments)
{
    g_dbus_connection_call(desktop.bus, name, path, interface, method, arguments, NULL,
                           G_DBUS_CALL_FLAGS_NO_AUTO_START, REPLY_MS, desktop.cancel, NULL, NULL);
}

void desktop_switch(bool dnd)
{
    const struct kind *kind = desktop.kind;
    GVariant *value = g_variant_new_boolean(dnd);

    g_variant_ref_sink(value);
    if (desktop.settings)
        g_settings_set_boolean(desktop.settings, "show-banners", !dnd);
    else if (desktop.bus && kind && kind->keeper == KEEPER_PROPERTY && kind->writable)
        set_value(SERVER, SERVER_PATH, PROPERTIES, "Set",
                  g_variant_new("(ssv)", kind->interface, kind->property, value));
    else if (desktop.bus && kind && kind->keeper == KEEPER_XFCONF)
        set_value(XFCONF, XFCONF_PATH, XFCONF, "SetProperty",
                  g_variant_new("(ssv)", XFCONF_CHANNEL, XFCONF_PROPERTY, value));
    g_variant_unref(value);
}

/* ---- the server's comings and goings --------------------------------------------------------------------------- */

static void end(void)
{
    if (desktop.signal)
        g_dbus_connection_signal_unsubscribe(desktop.bus, desktop.signal);
    desktop.signal = 0;
    desktop.kind = NULL;
    if (desktop.settings)
        g_signal_handlers_disconnect_by_func(desktop.settings, on_setting, NULL);
    g_clear_object(&desktop.settings);
    presence_dnd(false);
}

static void on_server(GObject *source, GAsyncResult *result, gpointer unused)
{
    GVariant *answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);
    const char *server;

    (void)unused;
    if (!answer)
        return;
    end();
    g_variant_get_child(answer, 0, "&s", &server);
    begin(server);
    g_variant_unref(answer);
}

static void on_appeared(GDBusConnection *bus, const char *name, const char *owner, gpointer unused)
{
    (void)owner, (void)unused;
    g_dbus_connection_call(bus, name, SERVER_PATH, SERVER, "GetServerInformation", NULL,
                           G_VARIANT_TYPE("(ssss)"), G_DBUS_CALL_FLAGS_NO_AUTO_START, REPLY_MS,
                           desktop.cancel, on_server, NULL);
}

static void on_vanished(GDBusConnection *bus, const char *name, gpointer unused)
{
    (void)bus, (void)name, (void)unused;
    end();
    presence_seen(SIGNAL_DESKTOP, "no notification server");
}

void desktop_bus(GDBusConnection *bus)
{
    if (desktop.bus) {
        g_cancellable_cancel(desktop.cancel);
        g_clear_object(&desktop.cancel);
        g_bus_unwatch_name(desktop.watch);
        end();
        g_clear_object(&desktop.bus);
    }
    if (!bus) {
        presence_seen(SIGNAL_DESKTOP, "no session bus");
        return;
    }
    desktop.bus = g_object_ref(bus);
    desktop.cancel = g_cancellable_new();
    desktop.watch = g_bus_watch_name_on_connection(bus, SERVER, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                   on_appeared, on_vanished, NULL, NULL);
}
