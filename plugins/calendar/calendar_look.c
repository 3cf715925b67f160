/* calendar_look.c: see calendar_look.h. */
#include "calendar_look.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { QUIET_MS = 150, POLL_MS = 60000 }; /* several changes at once are one; without events */
enum {
    FOLDER_EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                    IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR
};

struct look_file {
    char *path, *target; /* target: what it is a link to, else the same; NULL: it is not there */
    struct stat seen;    /* all zero: it was not there */
};

static struct look_file files[LOOK_FILES_MAX];
static int n_files;
static int events_fd = -1, clock_fd = -1;
static bool poll_instead;
static int64_t due_ms = INT64_MAX;

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool look_at(struct look_file *file)
{
    struct stat now;
    if (stat(file->path, &now) != 0)
        memset(&now, 0, sizeof now);
    bool changed = !same(&now, &file->seen);
    file->seen = now;
    return changed;
}

/* ---- folders ------------------------------------------------------------------------------------------- */

static void watch_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) : 0;
    snprintf(folder, sizeof folder, "%.*s", length ? length : 1, slash ? path : ".");
    if (events_fd < 0 || inotify_add_watch(events_fd, folder, FOLDER_EVENTS) < 0)
        poll_instead = true;
}

/* Watching again what is watched costs nothing. */
static void watch_all(void)
{
    poll_instead = false;
    for (int i = 0; i < n_files; i++) {
        free(files[i].target);
        files[i].target = realpath(files[i].path, NULL);
        watch_folder_of(files[i].path);
        if (files[i].target)
            watch_folder_of(files[i].target);
    }
}

static bool is_ours(const char *name)
{
    for (int i = 0; i < n_files; i++) {
        const char *const paths[] = {files[i].path, files[i].target};
        for (int k = 0; k < 2; k++) {
            const char *slash = paths[k] ? strrchr(paths[k], '/') : NULL;
            if (paths[k] && strcmp(slash ? slash + 1 : paths[k], name) == 0)
                return true;
        }
    }
    return false;
}

static int64_t steady_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void look_read(void)
{
    char bytes[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n = read(events_fd, bytes, sizeof bytes);
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *event = (const struct inotify_event *)(bytes + at);
        at += (ssize_t)sizeof *event + event->len;
        bool folder = event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_Q_OVERFLOW);
        if (event->mask & IN_MOVE_SELF)
            inotify_rm_watch(events_fd, event->wd);
        if (folder || (event->len && is_ours(event->name)))
            due_ms = steady_ms() + QUIET_MS;
    }
}

/* ---- the clock ----------------------------------------------------------------------------------------- */

static void set_clock(void)
{
    struct itimerspec at = {.it_value.tv_sec = time(NULL) + LOOK_DAY_MS / 1000};
    if (clock_fd >= 0)
        timerfd_settime(clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL);
}

bool look_clock_read(void)
{
    uint64_t times;
    ssize_t n = read(clock_fd, &times, sizeof times);
    bool again = n > 0 || errno == ECANCELED;
    if (again)
        set_clock();
    return again;
}

/* ---- life ---------------------------------------------------------------------------------------------- */

void look_add(const char *file)
{
    if (n_files < LOOK_FILES_MAX)
        files[n_files++] = (struct look_file){.path = strdup(file)};
}

void look_begin(void)
{
    events_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    clock_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    set_clock();
    watch_all();
    for (int i = 0; i < n_files; i++)
        look_at(&files[i]);
    due_ms = poll_instead ? steady_ms() + POLL_MS : INT64_MAX;
}

void look_end(void)
{
    for (int i = 0; i < n_files; i++) {
        free(files[i].path);
        free(files[i].target);
    }
    if (events_fd >= 0)
        close(events_fd);
    if (clock_fd >= 0)
        close(clock_fd);
}

int look_events(void)
{
    return events_fd;
}

int look_clock(void)
{
    return clock_fd;
}

int64_t look_due(int64_t now_ms)
{
    return due_ms <= now_ms ? now_ms : due_ms;
}

uint32_t look_changed(int64_t now_ms)
{
    uint32_t changed = 0;
    if (due_ms > now_ms)
        return 0;
    watch_all(); /* before looking: nothing falls in between */
    for (int i = 0; i < n_files; i++)
        changed |= (uint32_t)look_at(&files[i]) << i;
    due_ms = poll_instead ? now_ms + POLL_MS : INT64_MAX;
    return changed;
}
