/* hook_spool.c - see hook_spool.h. */
#include "hook_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h> /* rename() only */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The home directory from /etc/passwd, for an agent that cleared HOME: getpwuid() would drag stdio
 * and the name service into a program this small. */
static const char *passwd_home(char *buf, size_t size)
{
    int fd = open("/etc/passwd", O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);
    if (fd >= 0)
        close(fd);
    buf[n > 0 ? n : 0] = 0;
    for (char *line = buf; *line;) {
        char *end = line + strcspn(line, "\n"), *field[7] = {line};
        size_t fields = 1;
        for (char *p = line; p < end && fields < 7; p++)
            if (*p == ':')
                *p = 0, field[fields++] = p + 1;
        if (*end)
            *end++ = 0;
        if (fields == 7 && strtoul(field[2], NULL, 10) == geteuid() && field[5][0] == '/')
            return field[5];
        line = end;
    }
    return NULL;
}

bool state_path(struct text *path, const struct environment *environment)
{
    char passwd[16384];
    const char *home = environment->home;
    if (environment->xdg_state_home && environment->xdg_state_home[0] == '/') {
        text_puts(path, environment->xdg_state_home);
    } else {
        if (!home || home[0] != '/')
            home = passwd_home(passwd, sizeof passwd);
        if (!home)
            return false;
        text_puts(path, home);
        text_puts(path, "/.local/state");
    }
    text_puts(path, "/quietbell");
    return true;
}

/* ---- into it ---------------------------------------------------------------------------------- */

/* Makes every directory of the path that is missing. */
static void make_directories(char *path)
{
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
}

void spool_line(const struct environment *environment, const char *name, const char *line, size_t len)
{
    char path[PATH_MAX + 64], hidden[PATH_MAX + 64];
    struct text to = {path, 0, sizeof path - 1}, from = {hidden, 0, sizeof hidden - 1};
    if (!state_path(&to, environment))
        return;
    text_puts(&to, "/spool/");
    text_put(&from, path, to.len);
    text_puts(&from, ".tmp-");
    text_puts(&to, name);
    text_puts(&from, name);
    path[to.len] = hidden[from.len] = 0;

    signal(SIGXFSZ, SIG_IGN); /* `ulimit -f` is an error here, not a death */
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    int fd = open(hidden, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
        make_directories(hidden);
        fd = open(hidden, flags, 0600);
    }
    if (fd < 0)
        return;
    while (len > 0) {
        ssize_t n = write(fd, line, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        line += n;
        len -= (size_t)n;
    }
    close(fd);
    if (len > 0 || rename(hidden, path) != 0)
        unlink(hidden);
}

/* ---- out of it -------------------------------------------------------------------------------- */

/* What getdents64() fills in; libc's opendir() would allocate. */
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short size;
    unsigned char type;
    char name[];
};

/* 13 digits of at_ms, a dash, 16 of the id, ".json": no other names are ours. */
static bool is_message(const char *name)
{
    return strlen(name) == SPOOL_NAME - 1 && strspn(name, "0123456789") == 13 && name[13] == '-' &&
           strspn(name + 14, "0123456789abcdef") == 16 && !strcmp(name + 30, ".json");
}

/* Keeps the first names in their order: more than a hook takes, as some may turn out not to be ours. */
static void keep(struct spool *spool, const char *name)
{
    int at = spool->n;
    while (at > 0 && strcmp(spool->names[at - 1], name) > 0)
        at--;
    if (at == SPOOL_MANY)
        return;
    if (spool->n < SPOOL_MANY)
        spool->n++;
    memmove(spool->names + at + 1, spool->names + at,
            (size_t)(spool->n - 1 - at) * sizeof *spool->names);
    memcpy(spool->names[at], name, SPOOL_NAME);
}

enum taking { TAKEN, NOT_OURS, NO_ROOM };

/* Appends a file of less than `room` bytes as one line. Line ends between tokens become spaces. */
static enum taking take_file(struct spool *spool, const char *name, size_t room)
{
    char *at = spool->lines + spool->len, id[17];
    int fd = openat(spool->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, at, room);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return NOT_OURS;
    if ((size_t)n == room)
        return NO_ROOM;
    at[n] = 0;
    memcpy(id, name + 14, 16);
    id[16] = 0;
    if (strlen(at) != (size_t)n || !strstr(at, id)) /* it could not be known again, were it taken twice */
        return NOT_OURS;
    for (ssize_t i = 0; i < n; i++)
        at[i] = at[i] == '\n' || at[i] == '\r' ? ' ' : at[i];
    at[n] = '\n';
    spool->len += (size_t)n + 1;
    return TAKEN;
}

/* Fills in the names. False: it has taken too long, and what was found need not be the oldest. */
static bool find_names(struct spool *spool, int until_ms)
{
    char entries[8192];
    for (long got; (got = syscall(SYS_getdents64, spool->dir, entries, sizeof entries)) > 0;) {
        for (char *at = entries; at < entries + got; at += ((struct entry *)(void *)at)->size) {
            const char *name = ((struct entry *)(void *)at)->name;
            if (is_message(name))
                keep(spool, name);
        }
        if (hook_elapsed_ms() > until_ms)
            return false;
    }
    return true;
}

/* The directory of the spool; negative: there is none, or a daemon of this machine takes what lies there. */
static int open_spool(const struct environment *environment)
{
    char path[PATH_MAX + 64];
    struct text to = {path, 0, sizeof path - 1};
    if (!state_path(&to, environment))
        return -1;
    size_t state = to.len;
    text_puts(&to, "/quietbell.db");
    path[to.len] = 0;
    if (access(path, F_OK) == 0)
        return -1;
    to.len = state;
    text_puts(&to, "/spool");
    path[to.len] = 0;
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Reads the files of the names; those that are taken keep their names. */
static void take_files(struct spool *spool, bool few, int until_ms)
{
    int n = 0, most = few ? SPOOL_FEW : SPOOL_MANY;
    for (int i = 0; i < spool->n && n < most && hook_elapsed_ms() <= until_ms; i++) {
        size_t room = sizeof spool->lines - 2 - spool->len; /* the first may have all of it */
        if (few && n > 0)
            room = spool->len < SPOOL_FEW_BYTES ? SPOOL_FEW_BYTES - spool->len : 0;
        enum taking taking = room > 0 ? take_file(spool, spool->names[i], room) : NO_ROOM;
        if (taking == NO_ROOM && n > 0)
            break; /* not a later one before it */
        if (taking == TAKEN)
            memmove(spool->names[n++], spool->names[i], SPOOL_NAME);
    }
    spool->n = n;
}

void spool_look(struct spool *spool, const struct environment *environment, bool few)
{
    int until_ms = few ? hook_elapsed_ms() + SPOOL_FEW_MS : INT_MAX;
    spool->n = 0;
    spool->len = 0;
    spool->dir = open_spool(environment);
    if (spool->dir < 0)
        return;
    if (!find_names(spool, until_ms))
        spool->n = 0;
    take_files(spool, few, until_ms);
}

void spool_close(struct spool *spool)
{
    if (spool->dir >= 0)
        close(spool->dir);
    spool->dir = -1;
}

void spool_drop(const struct spool *spool, int i)
{
    unlinkat(spool->dir, spool->names[i], 0);
}
