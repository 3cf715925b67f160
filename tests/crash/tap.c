/* tap.c - stands between the daemon and a real plugin, and writes down every line that passes.
 *
 * It is started in the plugin's place, finds the real one by its own name in QUIETBELL_TAP_REAL, and appends
 * "<wall_ms> <pid> > {...}" (from the host) and "<wall_ms> <pid> < {...}" (from the plugin) to QUIETBELL_TAP_LOG/NAME.log,
 * each line in one write and before it is passed on. Both are in one process group: the daemon's and the
 * rig's SIGKILL to the group end them together, as they would the plugin alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct way {
    int from, to;
    char mark;
    char *line; /* the part of a line that has come */
    size_t used, size;
};

static int log_fd;

static void write_down(char mark, const char *line, size_t length)
{
    char head[64];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int n = snprintf(head, sizeof head, "%lld %d %c ",
                     (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000, (int)getpid(), mark);
    struct iovec parts[2] = {{head, (size_t)n}, {(char *)line, length}};
    if (writev(log_fd, parts, 2) < 0)
        perror("tap");
}

static void keep(struct way *way, const char *bytes, size_t n)
{
    if (way->used + n > way->size) {
        way->size = (way->used + n) * 2;
        way->line = realloc(way->line, way->size);
        if (!way->line)
            abort();
    }
    memcpy(way->line + way->used, bytes, n);
    way->used += n;
    char *end;
    while ((end = memchr(way->line, '\n', way->used))) {
        size_t length = (size_t)(end - way->line) + 1;
        write_down(way->mark, way->line, length);
        way->used -= length;
        memmove(way->line, way->line + length, way->used);
    }
}

/* Passes on what has come; 0 at the end. */
static int pass(struct way *way)
{
    char bytes[65536];
    ssize_t n = read(way->from, bytes, sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 1;
    if (n <= 0)
        return 0;
    keep(way, bytes, (size_t)n);
    for (ssize_t done = 0, part; done < n; done += part) {
        part = write(way->to, bytes + done, (size_t)(n - done));
        if (part < 0 && errno != EINTR)
            return 0;
        if (part < 0)
            part = 0;
    }
    return 1;
}

static pid_t start(const char *program, int *to, int *from)
{
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execl(program, program, (char *)NULL);
        perror(program);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    *to = in[1];
    *from = out[0];
    return pid;
}

int main(int argc, char **argv)
{
    char program[4096], log_path[4096];
    const char *real = getenv("QUIETBELL_TAP_REAL"), *logs = getenv("QUIETBELL_TAP_LOG");
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    if (!real || !logs || !slash)
        return 1;
    snprintf(program, sizeof program, "%s%s", real, slash);
    snprintf(log_path, sizeof log_path, "%s%s.log", logs, slash);
    log_fd = open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    signal(SIGPIPE, SIG_IGN);

    struct way down = {.from = 0, .mark = '>'}, up = {.to = 1, .mark = '<'};
    pid_t pid = start(program, &down.to, &up.from);
    struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = up.from, .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents && !pass(&up))
            break;
        if (fds[0].revents && !pass(&down)) {
            close(down.to);
            down.to = fds[0].fd = -1;
        }
    }
    int status = 0;
    close(down.to); /* whichever side went: the other is to see it */
    close(up.from);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
