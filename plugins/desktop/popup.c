/* popup.c - one alert on the screen (see popup.h). */
#include "popup.h"

#include "../inert.h"

#include <stdlib.h>
#include <string.h>

enum {
    TITLE_CHARS = 120,
    TITLE_BYTES = 480,
    BODY_BYTES = 2000,      /* 100 KB block xfce4-notifyd for 1.4 s and draw nothing */
    BODY_MARKUP_MAX = 4000, /* after escaping; else it is cut to what cannot become longer */
    SNOOZE_MS = 30 * 60 * 1000,
    ECHO_US = 1000 * 1000, /* some servers close a popup when a button is pressed, some do not */
    CLOSED_EXPIRED = 1,
    CLOSED_DISMISSED = 2,
};

struct popup *popup_new(struct kit *kit, bool *changed, const char *alert)
{
    struct popup *popup = g_new0(struct popup, 1);

    popup->kit = kit;
    popup->changed = changed;
    popup->alert = g_strdup(alert);
    popup->life = POPUP_FORGOTTEN;
    return popup;
}

static void move_to(struct popup *popup, enum popup_life life)
{
    popup->life = life;
    *popup->changed = true;
}

static void drop_note(struct popup *popup)
{
    if (!popup->note)
        return;
    g_signal_handler_disconnect(popup->note, popup->on_closed);
    notify_notification_clear_actions(popup->note);
    g_clear_object(&popup->note);
}

void popup_free(struct popup *popup)
{
    drop_note(popup);
    g_free(popup->owner);
    g_free(popup->alert);
    g_free(popup);
}

void popup_forget(struct popup *popup)
{
    if (popup->life == POPUP_SHOWN)
        kit_closed(popup->kit, popup->alert, popup->version, PROTOCOL_BY_SERVER);
    drop_note(popup);
    move_to(popup, POPUP_FORGOTTEN);
}

/* ---- what the person does ---- */

void popup_acted(struct popup *popup, const char *action)
{
    popup->acted_until_us = INT64_MAX;
    if (strcmp(action, PROTOCOL_ACKNOWLEDGE) == 0) {
        kit_acted(popup->kit, popup->alert, popup->version, PROTOCOL_ACKNOWLEDGE, 0);
    } else if (strcmp(action, PROTOCOL_SNOOZE) == 0) {
        kit_acted(popup->kit, popup->alert, popup->version, PROTOCOL_SNOOZE, SNOOZE_MS);
    } else {
        /* Opening answers nothing: where the popup stays, it can still be dismissed. */
        popup->acted_until_us = g_get_monotonic_time() + ECHO_US;
        kit_acted(popup->kit, popup->alert, popup->version, PROTOCOL_OPEN, 0);
    }
}

void popup_closed(struct popup *popup, int reason)
{
    move_to(popup, POPUP_GONE);
    if (reason == CLOSED_EXPIRED)
        kit_closed(popup->kit, popup->alert, popup->version, PROTOCOL_BY_EXPIRED);
    else if (reason == CLOSED_DISMISSED && g_get_monotonic_time() >= popup->acted_until_us)
        kit_closed(popup->kit, popup->alert, popup->version, PROTOCOL_BY_PERSON);
}

static void on_action(NotifyNotification *note, char *action, gpointer to)
{
    (void)note;
    popup_acted(to, action);
}

static void on_closed(NotifyNotification *note, gpointer to)
{
    popup_closed(to, notify_notification_get_closed_reason(note));
}

/* ---- over a restart ---- */

int popup_id(const struct popup *popup)
{
    int id = 0;

    if (popup->life == POPUP_SHOWN && popup->note)
        g_object_get(popup->note, "id", &id, NULL);
    return id;
}

static void make_note(struct popup *popup, const char *title, const char *body, const char *icon)
{
    popup->note = notify_notification_new(title, body, icon);
    popup->on_closed = g_signal_connect(popup->note, "closed", G_CALLBACK(on_closed), popup);
}

void popup_adopt(struct popup *popup, int id, int64_t version, const char *owner)
{
    popup->version = version;
    popup->life = id ? POPUP_SHOWN : POPUP_GONE;
    popup->adopted = id != 0;
    g_free(popup->owner);
    popup->owner = g_strdup(owner);
    if (!id)
        return;
    make_note(popup, "quietbell", NULL, NULL);
    g_object_set(popup->note, "id", id, NULL);
}

/* ---- what it shows ---- */

static char *body_of(const struct kit_alert *alert, bool markup)
{
    char *text = inert_text(alert->body, BODY_BYTES, 0, INERT_LINES);
    char *escaped;

    if (!markup)
        return text;
    escaped = g_markup_escape_text(text, -1);
    if (strlen(escaped) > BODY_MARKUP_MAX) {
        /* One character becomes at most six bytes: &quot; */
        char *shorter = inert_text(text, BODY_MARKUP_MAX / 6, 0, INERT_LINES);
        g_free(escaped);
        escaped = g_markup_escape_text(shorter, -1);
        free(shorter);
    }
    free(text);
    return escaped;
}

static void set_actions(struct popup *popup, const struct popup_server *server)
{
    notify_notification_clear_actions(popup->note);
    if (!server->actions)
        return;
    /* "default" is a click on the popup itself, for which most servers draw no button. */
    notify_notification_add_action(popup->note, "default", "Open", on_action, popup, NULL);
    if (!server->shows_default)
        notify_notification_add_action(popup->note, PROTOCOL_OPEN, "Open", on_action, popup, NULL);
    notify_notification_add_action(popup->note, PROTOCOL_ACKNOWLEDGE, "Acknowledge", on_action,
                                   popup, NULL);
    notify_notification_add_action(popup->note, PROTOCOL_SNOOZE, "Snooze 30 min", on_action, popup,
                                   NULL);
}

static void set_hints(struct popup *popup, const struct popup_server *server,
                      const struct kit_alert *alert, int expire_ms)
{
    static const NotifyUrgency urgencies[] = {
        [KIT_LOW] = NOTIFY_URGENCY_LOW, [KIT_NORMAL] = NOTIFY_URGENCY_NORMAL, [KIT_CRITICAL] = NOTIFY_URGENCY_CRITICAL};
    NotifyNotification *note = popup->note;

    notify_notification_clear_hints(note);
    notify_notification_set_urgency(note, urgencies[alert->urgency]);
    notify_notification_set_category(note, "im.received");
    notify_notification_set_hint(note, "desktop-entry", g_variant_new_string("quietbell"));
    if (!alert->audible)
        notify_notification_set_hint(note, "suppress-sound", g_variant_new_boolean(TRUE));
    else if (server->sound)
        notify_notification_set_hint(note, "sound-name", g_variant_new_string("message-new-instant"));
    notify_notification_set_timeout(note, alert->urgency == KIT_CRITICAL ? NOTIFY_EXPIRES_NEVER
                                                                         : expire_ms);
}

bool popup_show(struct popup *popup, const struct popup_server *server,
                const struct kit_alert *alert, int expire_ms, GError **error)
{
    char *title = inert_text(*alert->title ? alert->title : "An agent needs you", TITLE_BYTES,
                             TITLE_CHARS, INERT_ONE_LINE);
    char *body = body_of(alert, server->markup);
    const char *icon = alert->urgency == KIT_CRITICAL ? "dialog-warning" : "dialog-information";
    bool shown;

    if (popup->life != POPUP_SHOWN)
        drop_note(popup); /* a new popup: a used notification would ask to replace its old id */
    if (popup->note) {
        notify_notification_update(popup->note, title, body, icon);
    } else {
        make_note(popup, title, body, icon);
    }
    set_hints(popup, server, alert, expire_ms);
    set_actions(popup, server);
    shown = notify_notification_show(popup->note, error);
    if (shown) {
        move_to(popup, POPUP_SHOWN);
        popup->adopted = false;
        popup->version = alert->version;
        popup->acted_until_us = 0;
        g_free(popup->owner);
        popup->owner = g_strdup(server->owner);
    }
    g_free(body);
    free(title);
    return shown;
}

bool popup_close(struct popup *popup, GError **error)
{
    GError *problem = NULL;

    if (popup->life != POPUP_SHOWN || !popup->note)
        return true;
    g_signal_handler_block(popup->note, popup->on_closed);
    if (!notify_notification_close(popup->note, &problem)) {
        g_signal_handler_unblock(popup->note, popup->on_closed);
        /* A server may refuse an id it no longer knows: then it is closed, which is what was
         * wanted. */
        if (g_dbus_error_is_remote_error(problem) &&
            !g_error_matches(problem, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)) {
            g_clear_error(&problem);
        } else {
            g_propagate_error(error, problem);
            return false;
        }
    }
    drop_note(popup);
    move_to(popup, POPUP_GONE);
    return true;
}
