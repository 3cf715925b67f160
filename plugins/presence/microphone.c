/* microphone.c: whether a microphone is in use, which mostly means a call: see signals.h.
 *
 * The kernel tells it, whatever sound server runs: inotify says that a capture device in /dev/snd was opened or closed,
 * and its status in /proc/asound whether it is in use now. PulseAudio and PipeWire close a device that nobody has
 * recorded from for some seconds. A device opened for less than SETTLE_MS was only looked at. Not seen: microphones
 * that are no ALSA device (Bluetooth, network). */
#include "changes.h"
#include "signals.h"

#include <dirent.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SETTLE_MS = 3000, PATH_LEN = 320 };

static void look_again(void);

static struct microphone {
    char devices[128], states[128];
    int fd; /* inotify, -1: none */
    guint watch, settle;
    struct again again;
} microphone = {.fd = -1, .again = {.run = look_again}};

/* ---- the status of the devices --------------------------------------------------------------------------- */

/* A sub-device's status: "closed", or "state: RUNNING" and more. */
static bool is_open(const char *path)
{
    char line[64] = "";
    FILE *file = fopen(path, "re");

    if (!file)
        return false;
    bool open = fgets(line, sizeof line, file) && strncmp(line, "closed", 6) != 0;
    fclose(file);
    return open;
}

typedef bool visit_fn(const char *path);

/* Whether `visit` holds for an entry of the folder whose name begins and ends so. */
static bool any_entry(const char *folder, const char *begin, const char *end, const char *then,
                      visit_fn *visit)
{
    char path[PATH_LEN];
    DIR *dir = opendir(folder);
    bool found = false;

    for (const struct dirent *entry; dir && !found && (entry = readdir(dir));) {
        if (g_str_has_prefix(entry->d_name, begin) && g_str_has_suffix(entry->d_name, end) &&
            snprintf(path, sizeof path, "%s/%s%s", folder, entry->d_name, then) < (int)sizeof path)
            found = visit(path);
    }
    if (dir)
        closedir(dir);
    return found;
}

/* pcm0c/sub0/status */
static bool device_open(const char *device)
{
    return any_entry(device, "sub", "", "/status", is_open);
}

static bool card_open(const char *card)
{
    return any_entry(card, "pcm", "c", "", device_open);
}

static bool in_use(void)
{
    return any_entry(microphone.states, "card", "", "", card_open);
}

/* ---- events -------------------------------------------------------------------------------------------------- */

static gboolean on_settled(gpointer unused)
{
    (void)unused;
    microphone.settle = 0;
    presence_microphone(in_use());
    return G_SOURCE_REMOVE;
}

static gboolean on_change(gint fd, GIOCondition condition, gpointer unused)
{
    struct changes changes;
    bool capture = false;

    (void)condition, (void)unused;
    changes_read(&changes, fd);
    for (const struct inotify_event *event; (event = changes_next(&changes));) {
        capture |= event->mask & (IN_Q_OVERFLOW | IN_IGNORED) ||
                   (event->len && g_str_has_prefix(event->name, "pcm") &&
                    g_str_has_suffix(event->name, "c"));
        if (event->mask & IN_IGNORED)
            again_later(&microphone.again);
    }
    if (capture && !microphone.settle)
        microphone.settle = g_timeout_add(SETTLE_MS, on_settled, NULL);
    return G_SOURCE_CONTINUE;
}

static void look_again(void)
{
    if (inotify_add_watch(microphone.fd, microphone.devices,
                          IN_OPEN | IN_CLOSE | IN_CREATE | IN_DELETE | IN_ONLYDIR) < 0) {
        presence_microphone(false);
        presence_seen(SIGNAL_MICROPHONE, "no sound device");
        again_later(&microphone.again);
        return;
    }
    again_found(&microphone.again);
    presence_seen(SIGNAL_MICROPHONE, "in use or not, of sound cards");
    presence_microphone(in_use());
}

void microphone_open(const char *devices, const char *states)
{
    g_strlcpy(microphone.devices, devices, sizeof microphone.devices);
    g_strlcpy(microphone.states, states, sizeof microphone.states);
    microphone.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (microphone.fd < 0)
        return;
    microphone.watch = g_unix_fd_add(microphone.fd, G_IO_IN, on_change, NULL);
    look_again();
}

void microphone_close(void)
{
    again_stop(&microphone.again);
    g_clear_handle_id(&microphone.settle, g_source_remove);
    g_clear_handle_id(&microphone.watch, g_source_remove);
    if (microphone.fd >= 0)
        close(microphone.fd);
    microphone.fd = -1;
}
