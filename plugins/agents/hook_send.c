/* hook_send.c - see hook_send.h. Paths are those of design.md section 6, in the daemon's order. */
#include "hook_send.h"

#include "hook_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

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

/* Answers, one a line, in the order of what was sent. */
struct answers {
    int fd;
    size_t len, used; /* bytes in buf; those of them that were given out */
    char buf[4096];
};

/* The next line, without its end; NULL: there is none in time. */
static char *next_answer(struct answers *answers, int deadline_ms)
{
    for (;;) {
        char *from = answers->buf + answers->used, *end;
        size_t left = answers->len - answers->used;
        if ((end = memchr(from, '\n', left))) {
            *end = 0;
            answers->used += (size_t)(end - from) + 1;
            return from;
        }
        memmove(answers->buf, from, left);
        answers->len = left;
        answers->used = 0;
        if (left == sizeof answers->buf)
            return NULL;
        ssize_t n = recv(answers->fd, answers->buf + left, sizeof answers->buf - left, 0);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
            return NULL;
        if (n < 0 && !wait_for(answers->fd, POLLIN, deadline_ms))
            return NULL;
        answers->len += n > 0 ? (size_t)n : 0;
    }
}

static enum send_outcome read_answer(struct answers *answers, int deadline_ms)
{
    char *answer = next_answer(answers, deadline_ms);
    if (!answer)
        return SEND_FAILED;
    if (answer_says(answer, "\"ok\"", "true"))
        return SEND_TAKEN;
    bool refused = answer_says(answer, "\"ok\"", "false") && !answer_says(answer, "\"retry\"", "true");
    return refused ? SEND_REFUSED : SEND_FAILED;
}

/* The socket, connected; negative: nobody is there. */
static int connect_socket(const struct environment *environment)
{
    char path[PATH_MAX + 64];
    struct text text = {path, 0, sizeof path - 1};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!socket_path(&text, environment) || text.len > sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, text.len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Non-blocking: a full backlog is EAGAIN at once, and the spool is quicker than waiting. */
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* What lies in the spool goes first, as it was said first; all is sent before the first answer is awaited. Returns
 * how many of these were taken, or -1 if one of them was not: what was answered before is not sent again. */
static int send_all_of(int fd, struct spool *spool, const char *line, size_t len, int deadline_ms,
                       enum send_outcome *outcome)
{
    struct answers answers = {.fd = fd};
    int taken = 0;
    *outcome = SEND_FAILED;
    bool sent =
        send_all(fd, spool->lines, spool->len, deadline_ms) && send_all(fd, line, len, deadline_ms);
    for (int i = 0; i < spool->n; i++) {
        if (read_answer(&answers, deadline_ms) == SEND_FAILED)
            return -1;
        spool_drop(spool, i);
        taken++;
    }
    if (!sent)
        return -1;
    *outcome = len ? read_answer(&answers, deadline_ms) : SEND_TAKEN;
    return taken;
}

enum send_outcome send_line(const struct environment *environment, const char *line, size_t len,
                            int deadline_ms)
{
    static struct spool spool;
    enum send_outcome outcome = SEND_FAILED;
    int fd = connect_socket(environment);
    if (fd < 0)
        return SEND_FAILED;
    spool_look(&spool, environment, true);
    send_all_of(fd, &spool, line, len, deadline_ms, &outcome);
    spool_close(&spool);
    close(fd);
    return outcome;
}

int send_spool(const struct environment *environment, int patience_ms)
{
    static struct spool spool;
    enum send_outcome outcome;
    int sent = 0, taken = 0, fd = connect_socket(environment);
    if (fd < 0)
        return -1;
    do {
        spool_look(&spool, environment, false);
        taken = send_all_of(fd, &spool, "", 0, hook_elapsed_ms() + patience_ms, &outcome);
        spool_close(&spool);
        sent += taken > 0 ? taken : 0;
    } while (taken > 0);
    close(fd);
    return taken < 0 ? -1 : sent;
}
