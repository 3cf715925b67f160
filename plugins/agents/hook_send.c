/* hook_send.c - see hook_send.h. Paths are those of design.md section 6, in the daemon's order. */
#include "hook_send.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h> /* rename() only */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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

/* Starts a path with the state directory, …/quietbell; false: there is none. */
static bool state_path(struct text *path, const struct environment *environment)
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

static bool is_ours(const char *path, mode_t type)
{
    struct stat stat_now;
    return stat(path, &stat_now) == 0 && (stat_now.st_mode & S_IFMT) == type &&
           stat_now.st_uid == geteuid();
}

/* The socket's path, NUL-terminated; false: there is none that we would send to. */
static bool socket_path(struct text *path, const struct environment *environment)
{
    if (environment->quietbell_socket) {
        text_puts(path, environment->quietbell_socket); /* the person's word: not checked */
        text_put(path, "", 1);
        return path->len > 1;
    }
    if (environment->xdg_runtime_dir && environment->xdg_runtime_dir[0] == '/') {
        text_puts(path, environment->xdg_runtime_dir);
        text_puts(path, "/quietbell");
    } else {
        text_puts(path, "/run/user/");
        text_number(path, geteuid());
        path->buf[path->len] = 0;
        if (is_ours(path->buf, S_IFDIR)) {
            text_puts(path, "/quietbell");
        } else {
            path->len = 0;
            if (!state_path(path, environment))
                return false;
        }
    }
    text_puts(path, "/sock");
    text_put(path, "", 1);
    return is_ours(path->buf, S_IFSOCK);
}

/* Waits for an event on the socket; false when the time is over. */
static bool wait_for(int fd, short events, int deadline_ms)
{
    for (;;) {
        int left_ms = deadline_ms - hook_elapsed_ms();
        struct pollfd polled = {.fd = fd, .events = events};
        if (left_ms <= 0)
            return false;
        int n = poll(&polled, 1, left_ms);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

static bool send_all(int fd, const char *line, size_t len, int deadline_ms)
{
    while (len > 0) {
        ssize_t n = send(fd, line, len, MSG_NOSIGNAL);
        if (n > 0) {
            line += n;
            len -= (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (!wait_for(fd, POLLOUT, deadline_ms))
                return false;
        } else {
            return false;
        }
    }
    return true;
}

/* Does the answer have the member `name` (with its quotes) with this bare value? In a string its
 * quotes would be escaped, so a plain search will do. */
static bool answer_says(const char *answer, const char *name, const char *value)
{
    for (const char *p = answer; (p = strstr(p, name));) {
        p += strlen(name);
        const char *q = p + strspn(p, " \t");
        if (*q++ != ':')
            continue;
        q += strspn(q, " \t");
        return !strncmp(q, value, strlen(value));
    }
    return false;
}

static enum send_outcome read_answer(int fd, int deadline_ms)
{
    char answer[4096];
    size_t len = 0;
    while (len < sizeof answer - 1) {
        if (!wait_for(fd, POLLIN, deadline_ms))
            return SEND_FAILED;
        ssize_t n = recv(fd, answer + len, sizeof answer - 1 - len, 0);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return SEND_FAILED;
        answer[len + (size_t)n] = 0;
        char *end = memchr(answer + len, '\n', (size_t)n);
        len += (size_t)n;
        if (end) {
            *end = 0;
            break;
        }
    }
    if (answer_says(answer, "\"ok\"", "true"))
        return SEND_TAKEN;
    bool refused = answer_says(answer, "\"ok\"", "false") && !answer_says(answer, "\"retry\"", "true");
    return refused ? SEND_REFUSED : SEND_FAILED;
}

enum send_outcome send_line(const struct environment *environment, const char *line, size_t len,
                            int deadline_ms)
{
    char path[PATH_MAX + 64];
    struct text text = {path, 0, sizeof path - 1};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!socket_path(&text, environment) || text.len > sizeof address.sun_path)
        return SEND_FAILED;
    memcpy(address.sun_path, path, text.len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return SEND_FAILED;
    /* Non-blocking: a full backlog is EAGAIN at once, and the spool is quicker than waiting. */
    enum send_outcome outcome = SEND_FAILED;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send_all(fd, line, len, deadline_ms))
        outcome = read_answer(fd, deadline_ms);
    close(fd);
    return outcome;
}

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
