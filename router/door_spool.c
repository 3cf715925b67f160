/* door_spool.c: see door.h. A look reads the folder whole and takes the files with the smallest names, a
 * portion at a time; a file is removed once its message is committed, left if the store fails, and moved to
 * the quarantine with the reason if it cannot be read. The watch only says "look again": what it may lose in
 * an overflow does not matter, because a look goes on until the folder is empty. */
#include "router/door.h"
#include "router/host.h"
#include "router/log.h"
#include "router/quarantine.h"
#include "router/query.h"
#include "rules/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PORTION = 64,     /* files in the router at once */
    NAMES_MAX = 2048, /* names kept of one look */
    NAME_SIZE = 64    /* a longer one is not one of ours */
};

struct file {
    struct door_spool *door;
    char name[NAME_SIZE];
};

struct door_spool {
    uv_loop_t *loop;
    struct router *router;
    char *folder;
    int fd;
    uv_fs_event_t watch;
    uv_timer_t later; /* only after a failing store: look again */
    char (*names)[NAME_SIZE];
    int n_names, next_name;
    int pending;     /* files in the router */
    bool look_again; /* the watch spoke */
    bool held;       /* the store failed: wait */
    int closing;
    bool closed_wanted;
    char started[24]; /* names after this came after the start */
    void (*on_taken)(void *arg);
    void *taken_arg;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

static void go_on(struct door_spool *door);

static void set_aside(struct door_spool *door, const char *name, const char *reason)
{
    int status = quarantine_file(door->folder, name, reason);
    router_counts(door->router)->quarantined++;
    log_error("spool: %s: %s%s", name, reason,
              status < 0 ? "; it cannot be moved to the quarantine" : "");
    if (status < 0 && unlinkat(door->fd, name, 0) != 0)
        unlinkat(door->fd, name, AT_REMOVEDIR); /* else every look would find it again */
}

/* ---- one file -------------------------------------------------------------------------------------------- */

static void on_answer(void *owner, struct arrival *arrival, const struct answer *answer)
{
    struct file *file = owner;
    struct door_spool *door = file->door;
    (void)arrival;
    if (answer->ok) {
        unlinkat(door->fd, file->name, 0);
        router_counts(door->router)->spooled++;
    } else if (answer->retry) {
        door->held = true; /* it stays */
    } else {
        set_aside(door, file->name, answer->error);
    }
    free(file);
    door->pending--;
    go_on(door);
}

/* The text of a regular file of ours, or NULL and why. */
static char *read_file(struct door_spool *door, const char *name, size_t *length, const char **why)
{
    struct stat there;
    char *text = NULL;
    int fd = openat(door->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        *why = errno == ELOOP ? "a symbolic link is no message" : strerror(errno);
        return NULL;
    }
    if (fstat(fd, &there) != 0 || !S_ISREG(there.st_mode))
        *why = "not a regular file";
    else if (there.st_size == 0)
        *why = "the file is empty";
    else if (there.st_size > MESSAGE_SIZE_MAX + 1)
        *why = "a message has at most 256 KiB";
    else
        text = must_alloc((size_t)there.st_size + 1);
    if (text) {
        ssize_t n = read(fd, text, (size_t)there.st_size);
        *length = n > 0 ? (size_t)n : 0;
    }
    close(fd);
    while (text && *length > 0 && (text[*length - 1] == '\n' || text[*length - 1] == '\r'))
        (*length)--;
    return text;
}

static void take_file(struct door_spool *door, const char *name)
{
    size_t length = 0;
    const char *why = NULL;
    struct message message;
    struct refusal refusal;
    char *text = read_file(door, name, &length, &why);
    if (!text && why && strcmp(why, strerror(ENOENT)) == 0)
        return; /* somebody took it */
    if (!text)
        return set_aside(door, name, why);
    if (message_parse(&message, text, length, &refusal) < 0) {
        free(text);
        return set_aside(door, name, refusal.error);
    }
    if (message.type != MESSAGE_HOOK && message.type != MESSAGE_EVENT) {
        message_clear(&message);
        free(text);
        return set_aside(door, name, "only hooks and events are taken from the spool");
    }
    struct file *file = must_alloc(sizeof *file);
    file->door = door;
    snprintf(file->name, sizeof file->name, "%s", name);
    struct arrival *arrival = arrival_message(&message, text, length);
    arrival->answer = on_answer;
    arrival->owner = file;
    door->pending++;
    router_offer(door->router, arrival);
}

/* ---- a look ---------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The smallest NAMES_MAX names, in order. */
static void look(struct door_spool *door)
{
    DIR *dir = opendir(door->folder);
    door->n_names = door->next_name = 0;
    door->look_again = false;
    if (!door->names)
        door->names = must_alloc(2 * NAMES_MAX * sizeof *door->names);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue; /* half written, or not ours */
        if (strlen(entry->d_name) >= NAME_SIZE) {
            set_aside(door, entry->d_name, "a name of more than 63 characters");
            continue;
        }
        memcpy(door->names[door->n_names++], entry->d_name, strlen(entry->d_name) + 1);
        if (door->n_names < 2 * NAMES_MAX)
            continue;
        qsort(door->names, (size_t)door->n_names, sizeof *door->names, compare_names);
        door->n_names = NAMES_MAX;
        door->look_again = true;
    }
    if (dir)
        closedir(dir);
    if (door->n_names)
        qsort(door->names, (size_t)door->n_names, sizeof *door->names, compare_names);
}

static void on_later(uv_timer_t *timer)
{
    struct door_spool *door = timer->data;
    door->held = false;
    door->look_again = true;
    go_on(door);
}

static void start_over(struct door_spool *door)
{
    void (*taken)(void *arg) = door->on_taken;
    door->on_taken = NULL;
    if (taken)
        taken(door->taken_arg);
}

static void finish(struct door_spool *door)
{
    free(door->names);
    door->names = NULL;
    start_over(door);
}

static void free_if_done(struct door_spool *door)
{
    if (!door->closed_wanted || door->closing || door->pending)
        return;
    void (*closed)(void *arg) = door->on_closed;
    void *arg = door->closed_arg;
    close(door->fd);
    free(door->names);
    free(door->folder);
    free(door);
    closed(arg);
}

/* Keeps a portion in the router until the folder is empty. */
static void go_on(struct door_spool *door)
{
    if (door->closed_wanted)
        return free_if_done(door);
    while (!door->held && door->pending < PORTION) {
        if (door->next_name < door->n_names) {
            if (door->on_taken && strcmp(door->names[door->next_name], door->started) > 0)
                start_over(door); /* hooks that spool faster than we take do not keep us from starting */
            take_file(door, door->names[door->next_name++]);
            continue;
        }
        if (door->pending > 0)
            return; /* what is in the router is still in the folder */
        if (!door->look_again)
            return finish(door);
        look(door);
    }
    if (door->held && door->pending == 0 && !uv_is_active((uv_handle_t *)&door->later)) {
        door->n_names = door->next_name = 0;
        uv_timer_start(&door->later, on_later, 2000, 0);
        if (door->on_taken)
            start_over(door); /* it does not wait for a failing store */
    }
}

static void on_change(uv_fs_event_t *watch, const char *name, int events, int status)
{
    struct door_spool *door = watch->data;
    (void)events;
    if (status < 0 || (name && name[0] == '.'))
        return;
    bool idle = door->pending == 0 && !door->look_again && !door->held;
    door->look_again = true;
    if (idle)
        go_on(door);
}

void door_spool_take(struct door_spool *door, void (*taken)(void *arg), void *arg)
{
    snprintf(door->started, sizeof door->started, "%013lld", (long long)host_wall_ms());
    door->on_taken = taken;
    door->taken_arg = arg;
    door->look_again = true;
    go_on(door);
}

/* ---- the door -------------------------------------------------------------------------------------------- */

int door_spool_open(struct door_spool **out, uv_loop_t *loop, struct router *router, const char *folder)
{
    int status = paths_make(folder);
    if (status < 0)
        return status;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct door_spool *door = must_alloc(sizeof *door);
    door->loop = loop;
    door->router = router;
    door->folder = must_copy(folder);
    door->fd = fd;
    uv_fs_event_init(loop, &door->watch);
    uv_timer_init(loop, &door->later);
    door->watch.data = door->later.data = door;
    *out = door;
    return uv_fs_event_start(&door->watch, on_change, folder, 0);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct door_spool *door = handle->data;
    door->closing--;
    free_if_done(door);
}

void door_spool_close(struct door_spool *door, void (*closed)(void *arg), void *arg)
{
    door->closed_wanted = true;
    door->on_closed = closed;
    door->closed_arg = arg;
    door->closing = 2;
    uv_close((uv_handle_t *)&door->watch, on_handle_closed);
    uv_close((uv_handle_t *)&door->later, on_handle_closed);
}
