/* jump_run.c - one child at a time, with a hard limit (see jump_way.h). */
#include "jump_way.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static volatile pid_t running; /* its process group too */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void jump_run_kill(void)
{
    if (running > 0)
        kill(-running, SIGKILL);
}

static int spawn(const char *const argv[], int out, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;

    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    int status =
        posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -status;
}

/* Reads to the end of what is printed, or to the limit. False: it came. */
static bool read_all(int fd, int64_t until_ms, char *out, size_t size)
{
    size_t len = 0;
    for (;;) {
        char part[512];
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left_ms = until_ms - now_ms();
        int n = left_ms > 0 ? poll(&ready, 1, (int)left_ms) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        ssize_t got = read(fd, part, sizeof part);
        if (got <= 0)
            return true;
        size_t take = (size_t)got < size - 1 - len ? (size_t)got : size - 1 - len;
        memcpy(out + len, part, take);
        len += take;
        out[len] = '\0';
    }
}

/* Waits for its end, or to the limit. False: it came. */
static bool wait_end(pid_t pid, int64_t until_ms, int *status)
{
    while (waitpid(pid, status, WNOHANG) == 0) {
        if (now_ms() >= until_ms)
            return false;
        poll(NULL, 0, 1);
    }
    return true;
}

int jump_run(const char *const argv[], int limit_ms, char *out, size_t size)
{
    int64_t until_ms = now_ms() + limit_ms;
    int ends[2], status = 0;
    pid_t pid;

    out[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    int error = spawn(argv, ends[1], &pid);
    close(ends[1]);
    if (error < 0) {
        close(ends[0]);
        return error;
    }
    running = pid;
    bool ended = read_all(ends[0], until_ms, out, size) && wait_end(pid, until_ms, &status);
    if (!ended) {
        kill(-pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    running = 0;
    close(ends[0]);
    if (!ended)
        return -ETIMEDOUT;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}
