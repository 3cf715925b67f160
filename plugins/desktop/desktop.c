/* desktop.c - the desktop plugin: alerts as popups of the freedesktop notification server, by
 * libnotify.
 *
 * One popup per alert, updated in place, closed on withdraw; buttons come back as `acted`, an end
 * as `closed` (popup.c). This file: the session bus, the server's comings and goings, the table of
 * popups, the loop. Setting: expire_ms (`expire: 20s` in quietbell.yaml), after which a popup goes
 * by itself; default the server's own. Critical ones never do.
 *
 * The bus comes and goes too. Without one nothing of libnotify is called: with DISPLAY set it would
 * start a stray bus. A bus that closes ends this process with status 1: the host starts it again,
 * with back-off, against the new bus.
 *
 * Which server? notify_notification_show() blocks, and a server may be replaced meanwhile, with its
 * signals still in the queue. So the owner of the name is asked before each call, and popups of
 * another owner are forgotten.
 */
#include "memory.h"
#include "popup.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>

enum {
    OWNER_MS = 2000,
    POPUPS_MAX = 1000, /* alerts remembered; beyond it those that are off the screen go */
    EXPIRE_MAX_MS = 24 * 3600 * 1000,
};

static const char SERVER_NAME[] = "org.freedesktop.Notifications";

struct desktop {
    struct kit kit;
    GMainLoop *loop;
    GDBusConnection *bus; /* NULL until the first delivery that found one */
    guint watch, signals, out_watch;
    char *memory;       /* path, or NULL */
    bool changed;       /* the popups are no longer as remembered */
    GHashTable *popups; /* alert id -> struct popup, owned */
    struct popup_server server;
    int expire_ms;
    bool bus_closed;
};

/* ---- the server ---- */

static void forget_if_not_of(struct desktop *desktop, const char *owner)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, desktop->popups);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct popup *popup = value;
        if (popup->life == POPUP_SHOWN && g_strcmp0(popup->owner, owner) != 0)
            popup_forget(popup);
    }
}

static void set_owner(struct desktop *desktop, const char *owner)
{
    if (g_strcmp0(desktop->server.owner, owner) == 0)
        return;
    g_free(desktop->server.owner);
    desktop->server = (struct popup_server){.owner = g_strdup(owner)};
    forget_if_not_of(desktop, owner);
}

static void on_owner(GDBusConnection *bus, const gchar *name, const gchar *owner, gpointer to)
{
    (void)bus;
    (void)name;
    set_owner(to, owner);
}

static void on_owner_lost(GDBusConnection *bus, const gchar *name, gpointer to)
{
    (void)bus;
    (void)name;
    set_owner(to, NULL);
}

/* Who serves now; nobody is no error. Asks the bus itself, so it does not block on a hanging
 * server. */
static bool ask_owner(struct desktop *desktop, GError **error)
{
    GError *problem = NULL;
    GVariant *reply = g_dbus_connection_call_sync(
        desktop->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
        "GetNameOwner", g_variant_new("(s)", SERVER_NAME), G_VARIANT_TYPE("(s)"),
        G_DBUS_CALL_FLAGS_NONE, OWNER_MS, NULL, &problem);
    const char *owner = NULL;

    if (!reply && !g_error_matches(problem, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER)) {
        g_propagate_error(error, problem);
        return false;
    }
    g_clear_error(&problem);
    if (reply)
        g_variant_get(reply, "(&s)", &owner);
    set_owner(desktop, owner);
    if (reply)
        g_variant_unref(reply);
    return true;
}

/* No capability tells; these two are known to (measured: xfce4-notifyd 0.7.3, dunst 1.9). */
static bool shows_default(void)
{
    static const char *const names[] = {"Xfce Notify Daemon", "dunst"};
    char *name = NULL, *vendor = NULL, *version = NULL, *spec = NULL;
    bool shows = false;

    if (notify_get_server_info(&name, &vendor, &version, &spec)) {
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
            shows |= g_strcmp0(name, names[i]) == 0;
    }
    g_free(name);
    g_free(vendor);
    g_free(version);
    g_free(spec);
    return shows;
}

/* Reads the capabilities once per owner. This call starts a server that the bus can activate. */
static bool ask_server(struct desktop *desktop, GError **error)
{
    struct popup_server *server = &desktop->server;
    GList *caps;

    if (!ask_owner(desktop, error))
        return false;
    if (server->known)
        return true;
    caps = notify_get_server_caps();
    if (!caps) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no notification server answers");
        return false;
    }
    if (!server->owner && !ask_owner(desktop, error)) {
        g_list_free_full(caps, g_free);
        return false;
    }
    server->actions = g_list_find_custom(caps, "actions", (GCompareFunc)strcmp) != NULL;
    server->markup = g_list_find_custom(caps, "body-markup", (GCompareFunc)strcmp) != NULL;
    server->sound = g_list_find_custom(caps, "sound", (GCompareFunc)strcmp) != NULL;
    server->shows_default = server->actions && shows_default();
    server->known = true;
    g_list_free_full(caps, g_free);
    return true;
}

/* ---- the bus ---- */

/* The address that GLib would use without starting a bus of its own. */
static bool bus_has_address(void)
{
    const char *address = g_getenv("DBUS_SESSION_BUS_ADDRESS");
    const char *runtime = g_getenv("XDG_RUNTIME_DIR");
    bool found = false;

    if (address && *address)
        return !g_str_has_prefix(address, "autolaunch:");
    if (runtime && *runtime) {
        char *path = g_build_filename(runtime, "bus", NULL);
        found = g_file_test(path, G_FILE_TEST_EXISTS);
        g_free(path);
    }
    return found;
}

static void on_bus_closed(GDBusConnection *bus, gboolean by_peer, GError *error, gpointer to)
{
    struct desktop *desktop = to;

    (void)bus;
    (void)by_peer;
    kit_log("the session bus closed%s%s", error ? ": " : "", error ? error->message : "");
    desktop->bus_closed = true;
    g_main_loop_quit(desktop->loop);
}

/* ---- the table of popups ---- */

static gboolean is_off_screen(gpointer key, gpointer value, gpointer unused)
{
    (void)key;
    (void)unused;
    return ((struct popup *)value)->life != POPUP_SHOWN;
}

static struct popup *get_popup(struct desktop *desktop, const char *alert)
{
    struct popup *popup = g_hash_table_lookup(desktop->popups, alert);

    if (popup)
        return popup;
    if (g_hash_table_size(desktop->popups) >= POPUPS_MAX &&
        g_hash_table_foreach_remove(desktop->popups, is_off_screen, NULL) == 0)
        g_hash_table_remove_all(desktop->popups);
    popup = popup_new(&desktop->kit, &desktop->changed, alert);
    g_hash_table_insert(desktop->popups, popup->alert, popup);
    return popup;
}

/* ---- popups of an earlier process ---- */

static void adopt(void *to, const char *alert, int64_t version, int note_id)
{
    struct desktop *desktop = to;
    struct popup *popup = get_popup(desktop, alert);

    if (popup->life == POPUP_FORGOTTEN)
        popup_adopt(popup, note_id, version, desktop->server.owner);
}

/* ActionInvoked (us) and NotificationClosed (uu) of adopted popups, which libnotify does not hear. From
 * servers that tell everybody, that is; dunst tells the process that made or last updated the popup. */
static void on_signal(GDBusConnection *bus, const gchar *sender, const gchar *path,
                      const gchar *interface, const gchar *name, GVariant *args, gpointer to)
{
    struct desktop *desktop = to;
    GHashTableIter iter;
    gpointer value;
    guint32 id, reason;
    const char *action;

    (void)bus, (void)path, (void)interface;
    if (!g_variant_is_of_type(args, G_VARIANT_TYPE("(us)")) &&
        !g_variant_is_of_type(args, G_VARIANT_TYPE("(uu)")))
        return;
    g_variant_get_child(args, 0, "u", &id);
    g_hash_table_iter_init(&iter, desktop->popups);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct popup *popup = value;
        if (!popup->adopted || (guint32)popup_id(popup) != id || g_strcmp0(popup->owner, sender) != 0)
            continue;
        if (strcmp(name, "ActionInvoked") == 0 && g_variant_is_of_type(args, G_VARIANT_TYPE("(us)"))) {
            g_variant_get_child(args, 1, "&s", &action);
            popup_acted(popup, action);
        } else if (strcmp(name, "NotificationClosed") == 0 &&
                   g_variant_is_of_type(args, G_VARIANT_TYPE("(uu)"))) {
            g_variant_get_child(args, 1, "u", &reason);
            popup_closed(popup, (int)reason);
        }
        return;
    }
}

static void remember(struct desktop *desktop)
{
    if (!desktop->changed || !desktop->memory || !desktop->bus)
        return;
    desktop->changed = false;
    memory_save(desktop->memory, g_dbus_connection_get_guid(desktop->bus), desktop->server.owner,
                desktop->popups);
}

static void recall(struct desktop *desktop)
{
    if (!desktop->memory || !ask_owner(desktop, NULL) || !desktop->server.owner)
        return;
    desktop->signals = g_dbus_connection_signal_subscribe(
        desktop->bus, SERVER_NAME, SERVER_NAME, NULL, "/org/freedesktop/Notifications", NULL,
        G_DBUS_SIGNAL_FLAGS_NONE, on_signal, desktop, NULL);
    memory_load(desktop->memory, g_dbus_connection_get_guid(desktop->bus), desktop->server.owner,
                adopt, desktop);
}

static bool ask_bus(struct desktop *desktop, GError **error)
{
    if (desktop->bus)
        return true;
    if (!bus_has_address()) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "no session bus");
        return false;
    }
    desktop->bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, error);
    if (!desktop->bus)
        return false;
    g_dbus_connection_set_exit_on_close(desktop->bus, FALSE);
    g_signal_connect(desktop->bus, "closed", G_CALLBACK(on_bus_closed), desktop);
    desktop->watch =
        g_bus_watch_name_on_connection(desktop->bus, SERVER_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                       on_owner, on_owner_lost, desktop, NULL);
    if (!notify_init("quietbell")) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "libnotify did not start");
        return false;
    }
    recall(desktop);
    return true;
}

/* ---- deliveries ---- */

static void answer_error(struct desktop *desktop, const char *id, GError *error)
{
    g_dbus_error_strip_remote_error(error);
    kit_result(&desktop->kit, id, PROTOCOL_RETRY, 0, error->message);
    g_error_free(error);
    if (desktop->bus && g_dbus_connection_is_closed(desktop->bus)) {
        desktop->bus_closed = true;
        g_main_loop_quit(desktop->loop);
    }
}

static void deliver(struct kit *kit, const char *id, const struct kit_alert *alert)
{
    struct desktop *desktop = kit->self;
    GError *error = NULL;
    struct popup *popup;

    /* A popup that is new replaces nothing: no need to ask first who serves. */
    popup = g_hash_table_lookup(desktop->popups, alert->id);
    bool fresh =
        desktop->server.known && desktop->server.owner && (!popup || popup->life != POPUP_SHOWN);
    if (!ask_bus(desktop, &error) || (!fresh && !ask_server(desktop, &error))) {
        answer_error(desktop, id, error);
        return;
    }
    popup = get_popup(desktop, alert->id);
    if (popup->life != POPUP_FORGOTTEN && alert->update && alert->version < popup->version)
        kit_log("alert %s: version %lld is older than the one shown", alert->id,
                (long long)alert->version);
    else if (popup->life == POPUP_GONE && alert->update && !alert->audible)
        ; /* the person is done with it, and this is not worth a new popup */
    else if (!popup_show(popup, &desktop->server, alert, desktop->expire_ms, &error)) {
        answer_error(desktop, id, error);
        return;
    }
    remember(desktop); /* at once: a popup that is forgotten stays for ever */
    kit_result(kit, id, PROTOCOL_DELIVERED, 0, NULL);
}

static void withdraw(struct kit *kit, const char *id, const char *alert, int64_t version)
{
    struct desktop *desktop = kit->self;
    struct popup *popup = g_hash_table_lookup(desktop->popups, alert);
    GError *error = NULL;

    (void)version;
    if (popup && popup->life == POPUP_SHOWN) {
        if (!ask_owner(desktop, &error) || !popup_close(popup, &error)) {
            answer_error(desktop, id, error);
            return;
        }
    }
    if (popup)
        g_hash_table_remove(desktop->popups, alert);
    kit_result(kit, id, PROTOCOL_DELIVERED, 0, NULL);
}

static void take_hello(struct kit *kit, const char *receiver, const json_t *settings)
{
    struct desktop *desktop = kit->self;
    const json_t *expire = json_object_get(settings, "expire_ms");
    json_int_t expire_ms = json_integer_value(expire);

    if (expire_ms > 0 && expire_ms <= EXPIRE_MAX_MS)
        desktop->expire_ms = (int)expire_ms;
    else if (expire)
        kit_log("%s: expire is not between 1 ms and 1 d: the server's own is taken", receiver);
    /* Buttons of popups that an earlier process left behind work from here on. */
    desktop->memory = memory_path(receiver);
    if (desktop->memory && !memory_take(desktop->memory))
        kit->over = true;
    else if (desktop->memory && g_file_test(desktop->memory, G_FILE_TEST_EXISTS))
        ask_bus(desktop, NULL);
}

/* ---- the loop ---- */

static gboolean on_host_takes(gint fd, GIOCondition condition, gpointer to)
{
    struct desktop *desktop = to;

    (void)fd;
    (void)condition;
    kit_write(&desktop->kit);
    if (desktop->kit.over)
        g_main_loop_quit(desktop->loop);
    if (kit_wants_write(&desktop->kit))
        return G_SOURCE_CONTINUE;
    desktop->out_watch = 0;
    return G_SOURCE_REMOVE;
}

/* Called before the loop sleeps: whatever wrote, the rest waits for the host, watched. */
static gboolean before_sleep(GSource *source, gint *timeout_ms)
{
    struct desktop *desktop = *(struct desktop **)(source + 1);

    *timeout_ms = -1;
    remember(desktop);
    if (kit_wants_write(&desktop->kit) && !desktop->out_watch)
        desktop->out_watch =
            g_unix_fd_add(KIT_OUT, G_IO_OUT | G_IO_HUP | G_IO_ERR, on_host_takes, desktop);
    if (desktop->kit.over)
        g_main_loop_quit(desktop->loop);
    return FALSE;
}

static gboolean on_host_says(gint fd, GIOCondition condition, gpointer to)
{
    struct desktop *desktop = to;

    (void)fd;
    (void)condition;
    if (kit_read(&desktop->kit))
        return G_SOURCE_CONTINUE;
    g_main_loop_quit(desktop->loop);
    return G_SOURCE_REMOVE;
}

static gboolean never_ready(GSource *source)
{
    (void)source;
    return FALSE;
}

static void serve(struct desktop *desktop)
{
    static GSourceFuncs funcs = {.prepare = before_sleep, .check = never_ready};
    GSource *source = g_source_new(&funcs, sizeof(GSource) + sizeof desktop);

    *(struct desktop **)(source + 1) = desktop;
    g_source_attach(source, NULL);
    g_unix_fd_add(KIT_IN, G_IO_IN | G_IO_HUP | G_IO_ERR, on_host_says, desktop);
    g_main_loop_run(desktop->loop);
    g_source_destroy(source);
    g_source_unref(source);
}

static void free_popup(gpointer popup)
{
    popup_free(popup);
}

int main(void)
{
    static const struct kit_plugin plugin = {.name = "desktop",
                                             .version = "0.1.0",
                                             .can = KIT_UPDATE | KIT_WITHDRAW,
                                             .hello = take_hello,
                                             .deliver = deliver,
                                             .withdraw = withdraw};
    struct desktop desktop = {.expire_ms = NOTIFY_EXPIRES_DEFAULT};
    int status;

    kit_init(&desktop.kit, &plugin, &desktop);
    desktop.loop = g_main_loop_new(NULL, FALSE);
    desktop.popups = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_popup);
    serve(&desktop);
    remember(&desktop);
    if (desktop.watch)
        g_bus_unwatch_name(desktop.watch);
    if (desktop.signals)
        g_dbus_connection_signal_unsubscribe(desktop.bus, desktop.signals);
    status = kit_finish(&desktop.kit);
    g_hash_table_destroy(desktop.popups);
    g_free(desktop.server.owner);
    g_free(desktop.memory);
    g_main_loop_unref(desktop.loop);
    return desktop.bus_closed ? 1 : status;
}
