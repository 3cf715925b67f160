/* popup.h - one alert on the screen: a libnotify notification, its versions and its end.
 *
 * Facts (measured, dunst 1.9, xfce4-notifyd 0.7, mako 1.7, notification-daemon 3.20):
 * notify_notification_show() blocks up to 25 s when the server hangs; after a server's restart an
 * old id may be another application's popup, so ids are forgotten with their owner; close reasons
 * are 1 expired, 2 dismissed or acted on, 3 closed by us.
 */
#ifndef QUIETBELL_POPUP_H
#define QUIETBELL_POPUP_H

#include "../kit.h"

#include <libnotify/notify.h>

/*  life            means                                       next silent update  next audible one
 *  POPUP_SHOWN     on the screen, as far as we know             in place            in place
 *  POPUP_GONE      expired, dismissed or acted on               not shown           a new popup
 *  POPUP_FORGOTTEN its server went away, and it with it         a new popup         a new popup */
enum popup_life { POPUP_SHOWN, POPUP_GONE, POPUP_FORGOTTEN };

struct popup {
    char *alert;     /* the alert's id */
    int64_t version; /* what is shown */
    enum popup_life life;
    int64_t acted_until_us;   /* a button was pressed: until then (monotonic) a close is its echo */
    NotifyNotification *note; /* owned; NULL unless shown */
    gulong on_closed;
    bool adopted;    /* made by an earlier process: libnotify does not hear its signals yet */
    char *owner;     /* the server's unique bus name */
    struct kit *kit; /* not owned */
    bool *changed;   /* not owned; set when life or id change */
};

/* What the server can; read once per owner. */
struct popup_server {
    char *owner; /* unique bus name, NULL: unknown or nobody */
    bool known;  /* the flags below are its own */
    bool actions, markup, sound;
    bool shows_default; /* the default action has a button, or a line in the menu, of its own */
};

struct popup *popup_new(struct kit *kit, bool *changed, const char *alert);
void popup_free(struct popup *popup); /* leaves the screen as it is */

/* Shows or updates; false with *error set when the server did not take it. */
bool popup_show(struct popup *popup, const struct popup_server *server,
                const struct kit_alert *alert, int expire_ms, GError **error);

/* Takes it off the screen. False with *error set when that failed and may be tried again. */
bool popup_close(struct popup *popup, GError **error);

/* The server's id of what is on the screen, 0 if nothing is. */
int popup_id(const struct popup *popup);

/* Takes over a popup that an earlier process made; `id` 0: it is off the screen already. */
void popup_adopt(struct popup *popup, int id, int64_t version, const char *owner);

/* What the server said of it; libnotify calls these but for adopted popups. */
void popup_acted(struct popup *popup, const char *action);
void popup_closed(struct popup *popup, int reason);

/* Its server is gone: says `closed` by server, if it was shown. */
void popup_forget(struct popup *popup);

#endif
