/* quarantine.c: see quarantine.h. A message NAME lies beside its reason, NAME.reason. */
#include "router/quarantine.h"

#include "router/host.h"
#include "router/paths.h"
#include "router/trouble.h"
#include "rules/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *folder;
static int folder_fd = -1, count;

static bool is_reason(const char *name)
{
    size_t length = strlen(name);
    return length > 7 && strcmp(name + length - 7, ".reason") == 0;
}

static void recount(void)
{
    DIR *dir = opendir(folder);
    count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.' && !is_reason(entry->d_name);
    if (dir)
        closedir(dir);
}

int quarantine_open(const char *path)
{
    int status = paths_make(path);
    if (status < 0)
        return status;
    folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0)
        return -errno;
    folder = must_copy(path);
    recount();
    return 0;
}

void quarantine_close(void)
{
    if (folder_fd >= 0)
        close(folder_fd);
    folder_fd = -1;
    free(folder);
    folder = NULL;
}

static int write_file(const char *name, const char *text, size_t length)
{
    int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    ssize_t written = write(fd, text, length);
    int status = written == (ssize_t)length ? 0 : written < 0 ? -errno : -ENOSPC;
    close(fd);
    if (status < 0)
        unlinkat(folder_fd, name, 0);
    return status;
}

/* The person was told to empty the folder, and may have removed it whole. */
static void look_again(void)
{
    struct stat there;
    if (fstat(folder_fd, &there) == 0 && there.st_nlink > 0) {
        if (count >= QUARANTINE_FILES_MAX)
            recount();
        return;
    }
    char *path = folder;
    close(folder_fd);
    quarantine_open(path);
    free(path);
}

static int full(void)
{
    look_again();
    if (count < QUARANTINE_FILES_MAX)
        return 0;
    trouble_set("quarantine full",
                "the quarantine is full: messages that cannot be read are now dropped",
                "look into the quarantine folder and empty it");
    return -ENOSPC;
}

static void tell(const char *reason)
{
    char what[TROUBLE_TEXT_MAX], todo[TROUBLE_TEXT_MAX];
    count++;
    snprintf(what, sizeof what, "%d message%s could not be read; the newest: %s", count,
             count == 1 ? "" : "s", reason);
    snprintf(todo, sizeof todo, "see %.200s, mend what sends them, then delete them", folder);
    trouble_set("quarantine", what, todo);
}

static void write_reason(const char *name, const char *reason)
{
    char beside[300];
    snprintf(beside, sizeof beside, "%.240s.reason", name);
    unlinkat(folder_fd, beside, 0);
    write_file(beside, reason, strlen(reason));
}

int quarantine_text(int64_t at_wall_ms, const char *text, size_t length, const char *reason)
{
    char name[64];
    int status = full();
    if (status < 0)
        return status;
    snprintf(name, sizeof name, "%013lld-%016llx.json", (long long)at_wall_ms,
             (unsigned long long)host_random());
    status = write_file(name, text, length);
    if (status < 0)
        return status;
    write_reason(name, reason);
    tell(reason);
    return 0;
}

int quarantine_file(const char *from, const char *name, const char *reason)
{
    int status = full();
    if (status < 0)
        return status;
    int from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from_fd < 0)
        return -errno;
    char to[NAME_MAX + 1];
    snprintf(to, sizeof to, "%.240s", name);
    status = renameat2(from_fd, name, folder_fd, to, RENAME_NOREPLACE) == 0 ? 0 : -errno;
    if (status == -EEXIST) { /* what lies there keeps its name */
        snprintf(to, sizeof to, "%.200s-%016llx", name, (unsigned long long)host_random());
        status = renameat2(from_fd, name, folder_fd, to, RENAME_NOREPLACE) == 0 ? 0 : -errno;
    }
    close(from_fd);
    if (status < 0)
        return status;
    write_reason(to, reason);
    tell(reason);
    return 0;
}
