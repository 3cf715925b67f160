/* setup_file.c: reading and writing a person's files: links followed, nothing half written, nothing lost. */
#include "setup.h"

#include "paths.h"
#include "rules/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

/* ---- texts ------------------------------------------------------------------------------------------- */

void setup_text_set(struct setup_text *text, const char *bytes, size_t len)
{
    char *copy = must_alloc(len + 1);
    if (len)
        memcpy(copy, bytes, len);
    free(text->bytes);
    *text = (struct setup_text){copy, len};
}

void setup_text_clear(struct setup_text *text)
{
    free(text->bytes);
    *text = (struct setup_text){NULL, 0};
}

bool setup_text_same(const struct setup_text *a, const struct setup_text *b)
{
    return !a->bytes == !b->bytes && a->len == b->len &&
           (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

/* ---- reading ----------------------------------------------------------------------------------------- */

static int refuse(char reason[SETUP_REASON], int error, const char *path, const char *what)
{
    snprintf(reason, SETUP_REASON, "%s: %s", path, what);
    return error;
}

static char *folder_of(const char *path)
{
    char *folder = must_copy(path), *slash = strrchr(folder, '/');
    if (slash && slash > folder)
        *slash = '\0';
    return folder;
}

/* The file behind the links at `path`, which need not exist; heap. NULL: a circle. */
static char *behind_links(const char *path)
{
    char *at = must_copy(path), to[PATH_MAX];

    for (int i = 0; i < LINKS_MAX; i++) {
        ssize_t n = readlink(at, to, sizeof to - 1);
        if (n < 0)
            return at;
        to[n] = '\0';
        char *folder = folder_of(at);
        size_t size = strlen(folder) + strlen(to) + 2;
        char *next = must_alloc(size);
        snprintf(next, size, "%s%s%s", to[0] == '/' ? "" : folder, to[0] == '/' ? "" : "/", to);
        free(folder);
        free(at);
        at = next;
    }
    free(at);
    return NULL;
}

/* Reads a regular file of at most SETUP_JSON_MAX bytes. 0, -ENOENT, or another errno with the reason. */
static int read_text(const char *path, struct setup_text *text, struct stat *status,
                     char reason[SETUP_REASON])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return errno == ENOENT ? -ENOENT : refuse(reason, -errno, path, strerror(errno));
    int error = fstat(fd, status) != 0 ? -errno : 0;
    if (!error && !S_ISREG(status->st_mode))
        error = refuse(reason, -EINVAL, path, "is no regular file");
    else if (!error && status->st_size > SETUP_JSON_MAX)
        error = refuse(reason, -EFBIG, path, "is larger than 1 MiB");
    size_t room = error ? 0 : (size_t)status->st_size + 1, n = 0;
    char *bytes = must_alloc(room + 1);
    while (!error && n < room) {
        ssize_t got = read(fd, bytes + n, room - n);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            error = refuse(reason, -errno, path, strerror(errno));
        n += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    if (!error)
        setup_text_set(text, bytes, n);
    free(bytes);
    return error;
}

int setup_file_read(struct setup_file *file, const char *path, char reason[SETUP_REASON])
{
    *file = (struct setup_file){.path = must_copy(path), .target = behind_links(path)};
    if (!file->target)
        return refuse(reason, -ELOOP, path, "its links lead in a circle");
    int error = read_text(file->target, &file->text, &file->status, reason);
    file->exists = error == 0;
    if (error == -ENOENT && strcmp(file->path, file->target) != 0) {
        char *folder = folder_of(file->target);
        bool lost = access(folder, F_OK) != 0;
        free(folder);
        if (lost)
            return refuse(reason, -ENOENT, path, "is a link to a folder that is not there");
    }
    return error == -ENOENT ? 0 : error;
}

void setup_file_release(struct setup_file *file)
{
    free(file->path);
    free(file->target);
    setup_text_clear(&file->text);
    *file = (struct setup_file){0};
}

/* ---- writing ------------------------------------------------------------------------------------------- */

char *setup_backup_path(const char *path)
{
    static const char ending[] = ".quietbell-backup";
    size_t size = strlen(path) + sizeof ending;
    char *backup = must_alloc(size);
    snprintf(backup, size, "%s%s", path, ending);
    return backup;
}

int setup_file_writable(const struct setup_file *file, char reason[SETUP_REASON])
{
    struct stat status;
    char *folder = folder_of(file->target);
    int error = 0;

    if (file->exists && ((file->status.st_mode & 0222) == 0 || access(file->target, W_OK) != 0)) {
        snprintf(reason, SETUP_REASON,
                 "%.200s is read-only; if it may be changed, `chmod u+w %.200s` and run this again",
                 file->target, file->target);
        error = -EACCES;
    } else if (stat(folder, &status) == 0 &&
               ((status.st_mode & 0222) == 0 || access(folder, W_OK) != 0)) {
        snprintf(reason, SETUP_REASON,
                 "the folder %.200s is read-only; if it may be changed, `chmod u+w %.200s` and run this again",
                 folder, folder);
        error = -EACCES;
    }
    free(folder);
    return error;
}

/* A new file with this text beside `target`, on disk; *name is heap. 0, or a negative errno. */
static int write_beside(const char *target, const struct setup_text *text, const struct stat *like,
                        char **name)
{
    static const char ending[] = ".quietbell-XXXXXX";
    size_t size = strlen(target) + sizeof ending;
    int error = 0;

    *name = must_alloc(size);
    snprintf(*name, size, "%s%s", target, ending);
    int fd = mkostemp(*name, O_CLOEXEC);
    if (fd < 0) {
        error = -errno;
        free(*name);
        *name = NULL;
        return error;
    }
    for (size_t n = 0; !error && n < text->len;) {
        ssize_t put = write(fd, text->bytes + n, text->len - n);
        if (put < 0 && errno != EINTR)
            error = -errno;
        n += put > 0 ? (size_t)put : 0;
    }
    /* The owner first: a change of owner may take mode bits away. That of another may not be ours to set. */
    if (!error && like && (like->st_uid != geteuid() || like->st_gid != getegid()) &&
        fchown(fd, like->st_uid, like->st_gid) != 0 && like->st_uid != geteuid())
        error = -errno;
    if (!error && fchmod(fd, like ? like->st_mode & 07777 : 0600) != 0)
        error = -errno;
    if (!error && fsync(fd) != 0)
        error = -errno;
    if (close(fd) != 0 && !error)
        error = -errno;
    if (error) {
        unlink(*name);
        free(*name);
        *name = NULL;
    }
    return error;
}

/* Whether the file is still what was read. */
static bool is_unchanged(const struct setup_file *file)
{
    struct setup_text now = {0};
    struct stat status;
    char unused[SETUP_REASON];
    int error = read_text(file->target, &now, &status, unused);
    bool same = file->exists ? error == 0 && setup_text_same(&now, &file->text) : error == -ENOENT;
    setup_text_clear(&now);
    return same;
}

/* The old text goes to the backup. 0, or a negative errno. */
static int write_backup(const struct setup_file *file, const char *backup)
{
    char *name;
    int error = write_beside(backup, &file->text, &file->status, &name);
    if (!error && rename(name, backup) != 0) {
        error = -errno;
        unlink(name);
    }
    free(name);
    return error;
}

static void sync_folder(const char *path)
{
    char *folder = folder_of(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

/* The new text takes the file's place, or nothing does. */
static int replace(const struct setup_file *file, const char *fresh)
{
    if (!is_unchanged(file))
        return -ESTALE;
    if (fresh ? rename(fresh, file->target) != 0 : unlink(file->target) != 0 && errno != ENOENT)
        return -errno;
    sync_folder(file->target);
    return 0;
}

int setup_file_write(const struct setup_file *file, const struct setup_text *text, bool backup,
                     char reason[SETUP_REASON])
{
    char *fresh = NULL, *copy = backup && file->exists ? setup_backup_path(file->path) : NULL;
    int error = paths_make_above(file->target);

    if (!error && text->bytes)
        error = write_beside(file->target, text, file->exists ? &file->status : NULL, &fresh);
    bool had = copy && access(copy, F_OK) == 0;
    if (!error && copy)
        error = write_backup(file, copy);
    if (!error) {
        error = replace(file, fresh);
        if (error && copy && !had)
            unlink(copy);
    }
    if (error && fresh)
        unlink(fresh);
    if (error == -ESTALE)
        refuse(reason, error, file->target, "has changed meanwhile; run this again");
    else if (error)
        refuse(reason, error, file->target,
               error == -EBUSY ? "is mounted by itself and cannot be replaced" : strerror(-error));
    free(fresh);
    free(copy);
    return error;
}
