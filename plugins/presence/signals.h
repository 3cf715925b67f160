/* signals.h: what the parts of the presence sensor tell each other.
 *
 * Each signal is a part of its own, with NAME_open() and NAME_close(). It says what it sees with the functions
 * below, as often as it likes; presence.c merges them and tells the host what changed. A signal that is not there
 * (no bus, no screen, no tmux) says so with presence_seen() and looks for it again, each time later (struct again).
 * All run on GLib's default main context, in one thread. */
#ifndef QUIETBELL_SIGNALS_H
#define QUIETBELL_SIGNALS_H

#include "../kit.h"

#include <gio/gio.h>
#include <stdbool.h>

enum signal {
    SIGNAL_X11,         /* the window in front, idle time */
    SIGNAL_SWAY,        /* the window in front, under sway */
    SIGNAL_TMUX,        /* the pane in front */
    SIGNAL_LOGIND,      /* locked, idle, asleep */
    SIGNAL_SCREENSAVER, /* locked, where the desktop tells */
    SIGNAL_DESKTOP,     /* the notification server's own do-not-disturb */
    SIGNAL_MICROPHONE,  /* in use: a call */
    SIGNAL_COMMITS,     /* of the person */
    SIGNALS
};

/* `what`: one line for `quietbell doctor`, beginning with "no " if it is not seen. Copied, cut. */
void presence_seen(enum signal signal, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Those that can tell that the person is idle; while the first one tells, the others are not asked. */
enum idler { IDLER_X11, IDLER_LOGIND, IDLERS };
void presence_idle(enum idler idler, bool known, bool idle);
/* Those that can tell that the screen is locked: one suffices. */
enum locker { LOCKER_LOGIND, LOCKER_ASKED, LOCKER_SCREENSAVER, LOCKERS };
void presence_locked(enum locker locker, bool locked);
void presence_asleep(bool asleep);
void presence_dnd(bool dnd);
void presence_microphone(bool in_use);
/* The window or the pane in front may be another. */
void presence_front(void);
/* Something was finished: "a commit". */
void presence_breakpoint(const char *what);

/* ---- looking again later ---------------------------------------------------------------------------- */

/* After 2 s, 8 s, 32 s … an hour: what is not there costs nothing to wait for. */
struct again {
    void (*run)(void);
    guint timer; /* 0: not waiting */
    int tries;
};
void again_later(struct again *again);
/* It was found: the next wait is short again. */
void again_found(struct again *again);
void again_stop(struct again *again);

/* ---- the environment ------------------------------------------------------------------------------------ */

/* Of ours, or of the user's systemd: a service that was started before the desktop does not have DISPLAY. */
const char *around_env(const char *name);
/* Asks systemd for what may have come since; the answer is there at the next try. */
void around_look(void);

/* ---- the parts ---------------------------------------------------------------------------------------- */

void x11_open(gint64 idle_ms);
void x11_close(void);
/* The active window's id, 0: none, -1: not known. */
gint64 x11_window(void);

void sway_open(void);
void sway_close(void);
/* Whether sway tells; then what it says of the focused window, each 0 or "" if there is none. */
bool sway_front(gint64 *window, gint64 *pid);

void tmux_open(void);
void tmux_close(void);
/* The pane in front, given the window in front as above and the terminal `tty` in front ("": not known). */
struct pane {
    const char *socket, *pane; /* borrowed until the next turn */
};
bool tmux_front(gint64 window, const char *tty, struct pane *pane);

/* D-Bus (bus.c): opens what is configured of logind, screensaver and desktop. */
void bus_open(bool logind, bool screensaver, bool desktop);
void bus_close(void);
/* Each bus calls these when it is there, and with NULL when it has gone. */
void logind_bus(GDBusConnection *bus);
void screensaver_bus(GDBusConnection *bus);
void desktop_bus(GDBusConnection *bus);
/* The other direction: switches the desktop's own do-not-disturb. */
void desktop_switch(bool dnd);

void microphone_open(const char *devices, const char *states);
void microphone_close(void);

/* Folders in which no agent is at work: what is committed there, the person commits. */
void commits_open(void);
void commits_follow(const json_t *folders);
void commits_close(void);

#endif
