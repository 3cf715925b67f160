/* memory.c - which popup is which alert's, over a restart (see memory.h). */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { FILE_MAX = 256 * 1024, ALERT_ID_MAX = 100, TAKE_TRIES = 200, TAKE_MS = 5 };

char *memory_path(const char *receiver)
{
    const char *runtime = g_getenv("XDG_RUNTIME_DIR");
    char *name, *path;

    if (!runtime || !*runtime || !*receiver || strchr(receiver, '/') || strlen(receiver) > 100)
        return NULL;
    name = g_strdup_printf("desktop-%s.json", receiver);
    path = g_build_filename(runtime, "quietbell", name, NULL);
    g_free(name);
    return path;
}

bool memory_take(const char *path)
{
    struct pollfd host = {.fd = KIT_IN};
    char *folder = g_path_get_dirname(path), *name = g_strconcat(path, ".lock", NULL);
    int fd;

    g_mkdir_with_parents(folder, 0700);
    fd = g_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (int tries = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && tries < TAKE_TRIES; tries++) {
        if (poll(&host, 1, TAKE_MS) > 0)
            break; /* it can only be POLLHUP */
    }
    g_free(folder);
    g_free(name);
    return host.revents == 0; /* the lock is held until this process ends */
}

/* No fsync: it need not outlive the popups, and they do not outlive the machine. */
static void write_file(const char *path, const char *text)
{
    char *name = g_strconcat(path, ".new", NULL);
    int fd = g_open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t length = (ssize_t)strlen(text);
    bool written = fd >= 0 && write(fd, text, (size_t)length) == length;

    if (!written || g_rename(name, path) != 0)
        kit_log("popups are not remembered over a restart: %s", g_strerror(errno));
    if (fd >= 0)
        close(fd);
    g_free(name);
}

void memory_save(const char *path, const char *bus, const char *owner, GHashTable *popups)
{
    json_t *list = json_array(), *file;
    GHashTableIter iter;
    gpointer value;
    bool any = false;
    char *text;

    g_hash_table_iter_init(&iter, popups);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct popup *popup = value;
        int id = popup_id(popup);
        if (popup->life == POPUP_FORGOTTEN || strlen(popup->alert) > ALERT_ID_MAX)
            continue;
        any = any || id;
        json_array_append_new(list, json_pack("{ss sI si}", "alert", popup->alert, "version",
                                              (json_int_t)popup->version, "id", id));
    }
    file = json_pack("{ss ss* so}", "bus", bus, "owner", owner, "popups", list);
    text = any && file ? json_dumps(file, JSON_COMPACT) : NULL;
    if (text)
        write_file(path, text);
    else
        g_unlink(path);
    free(text);
    json_decref(file);
}

void memory_load(const char *path, const char *bus, const char *owner,
                 void (*adopt)(void *to, const char *alert, int64_t version, int note_id), void *to)
{
    GStatBuf info;
    json_t *file, *entry;
    size_t i;

    if (g_stat(path, &info) != 0 || info.st_size > FILE_MAX)
        return;
    file = json_load_file(path, 0, NULL);
    if (strcmp(kit_string(file, "bus"), bus) == 0 && strcmp(kit_string(file, "owner"), owner) == 0) {
        json_array_foreach(json_object_get(file, "popups"), i, entry)
        {
            const char *alert = kit_string(entry, "alert");
            json_int_t id = json_integer_value(json_object_get(entry, "id"));
            if (*alert && id >= 0 && id <= INT32_MAX)
                adopt(to, alert, json_integer_value(json_object_get(entry, "version")), (int)id);
        }
    }
    json_decref(file);
}
