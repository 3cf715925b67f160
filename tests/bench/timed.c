/* timed.c: runs commands in interleaved rounds and times each from exec to exit.
 *
 *   timed ROUNDS GAP_US PAYLOAD [';' NAME [VAR=VALUE]... COMMAND [ARG]...]...
 *
 * Each command gets the file PAYLOAD as a pipe on stdin, and /dev/null as stdout and stderr. The child stamps the clock
 * itself, right before execve (vfork shares the memory), so that the cost of forking is in no figure. "%r"
 * in a VALUE or an ARG is the number of the round. COMMAND may also be one of
 *
 *   @fdatasync FILE        one fdatasync after 4 KiB were appended, as a write-ahead log does
 *   @start - COMMAND…      from exec until "ready" stands on its stdout; then SIGTERM, and waited for
 *   @start PORT COMMAND…   the same until GET /-/ready answers 200
 *
 * Prints one line of JSON per case, in µs. The order rotates from round to round. */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CASES = 16, ARGS = 64, READY_MS = 30000 };

struct timed {
    const char *name;
    char **words; /* of the command line: VAR=VALUE…, COMMAND, ARG… */
    int n_words;
    struct samples samples;
    int file; /* of @fdatasync */
};

extern char **environ;
static char payload[65536]; /* what fits into a pipe */
static size_t payload_len;
static volatile int64_t exec_ns;

static char *with_round(const char *word, int round)
{
    const char *at = strstr(word, "%r");
    char *out;
    must(asprintf(&out, at ? "%.*s%d%s" : "%.*s", at ? (int)(at - word) : (int)strlen(word), word,
                  round, at ? at + 2 : "") >= 0,
         "memory");
    return out;
}

/* The command line of a round: argv, and the environment with what stands before it. */
static char **expand(const struct timed *timed, int skip, int round, char **envp)
{
    static char *argv[ARGS];
    int n = 0, n_env = 0;
    for (char **at = environ; *at; at++)
        envp[n_env++] = *at;
    for (int i = 0; i < timed->n_words; i++) {
        if (n == 0 && strchr(timed->words[i], '=') && timed->words[i][0] != '/')
            envp[n_env++] = with_round(timed->words[i], round);
        else if (skip > 0)
            skip--;
        else
            argv[n++] = with_round(timed->words[i], round);
    }
    argv[n] = envp[n_env] = NULL;
    return argv;
}

static pid_t start(char **argv, char **envp, int in, int out)
{
    static int nowhere = -1;
    if (nowhere < 0)
        nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    pid_t pid = vfork();
    if (pid == 0) {
        dup2(in < 0 ? nowhere : in, 0);
        dup2(out < 0 ? nowhere : out, 1);
        dup2(nowhere, 2);
        exec_ns = now_ns();
        execve(argv[0], argv, envp);
        _exit(127);
    }
    must(pid > 0, "vfork");
    return pid;
}

static void run_command(struct timed *timed, int round)
{
    static char *envp[512];
    int in[2], status;
    char **argv = expand(timed, 0, round, envp);
    must(pipe2(in, O_CLOEXEC) == 0, "pipe");
    must(write(in[1], payload, payload_len) == (ssize_t)payload_len, "payload");
    close(in[1]);
    pid_t pid = start(argv, envp, in[0], -1);
    must(waitpid(pid, &status, 0) == pid, "wait");
    int64_t end_ns = now_ns();
    close(in[0]);
    if (status == 0)
        samples_add(&timed->samples, end_ns - exec_ns);
    else
        timed->samples.failed++;
}

static void run_fdatasync(struct timed *timed)
{
    static char page[4096];
    if (timed->file <= 0)
        timed->file = open(timed->words[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    must(timed->file > 0 && write(timed->file, page, sizeof page) == sizeof page, timed->words[1]);
    int64_t from_ns = now_ns();
    must(fdatasync(timed->file) == 0, "fdatasync");
    samples_add(&timed->samples, now_ns() - from_ns);
}

static bool said_ready(int out)
{
    static char text[65536];
    size_t len = 0;
    struct pollfd polled = {.fd = out, .events = POLLIN};
    while (poll(&polled, 1, READY_MS) > 0) {
        ssize_t n = read(out, text + len, sizeof text - 1 - len);
        if (n <= 0)
            return false;
        text[len += (size_t)n] = 0;
        if (strstr(text, "ready"))
            return true;
    }
    return false;
}

static bool answers_ready(int port)
{
    static const char question[] =
        "GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char answer[512] = "";
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int64_t end_ns = now_ns() + READY_MS * INT64_C(1000000); now_ns() < end_ns; usleep(200)) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool ready = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                     send(fd, question, sizeof question - 1, MSG_NOSIGNAL) > 0 &&
                     recv(fd, answer, sizeof answer - 1, 0) > 0 && strstr(answer, " 200 ");
        close(fd);
        if (ready)
            return true;
    }
    return false;
}

static void run_start(struct timed *timed, int round)
{
    static char *envp[512];
    int out[2], skip = 0, status;
    while (strcmp(timed->words[skip], "@start") != 0)
        skip++;
    int port = atoi(timed->words[skip + 1]); /* 0: "-" */
    char **argv = expand(timed, 2, round, envp);
    must(pipe2(out, O_CLOEXEC) == 0, "pipe");
    pid_t pid = start(argv, envp, -1, out[1]);
    close(out[1]);
    bool ready = port ? answers_ready(port) : said_ready(out[0]);
    int64_t end_ns = now_ns();
    usleep(100000); /* its plugins may still be starting */
    kill(pid, SIGTERM);
    must(waitpid(pid, &status, 0) == pid, "wait");
    close(out[0]);
    if (ready)
        samples_add(&timed->samples, end_ns - exec_ns);
    else
        timed->samples.failed++;
}

static void run(struct timed *timed, int round)
{
    int first = 0;
    while (first < timed->n_words - 1 && strchr(timed->words[first], '=') &&
           timed->words[first][0] != '/')
        first++;
    if (strcmp(timed->words[first], "@fdatasync") == 0)
        run_fdatasync(timed);
    else if (strcmp(timed->words[first], "@start") == 0)
        run_start(timed, round);
    else
        run_command(timed, round);
}

int main(int argc, char **argv)
{
    static struct timed cases[CASES];
    int n = 0;
    if (argc < 6)
        return 2;
    int rounds = atoi(argv[1]), gap_us = atoi(argv[2]);
    FILE *file = fopen(argv[3], "r");
    must(file, argv[3]);
    payload_len = fread(payload, 1, sizeof payload, file);
    fclose(file);
    for (int i = 4; i < argc; i++) {
        if (strcmp(argv[i], ";") == 0) {
            must(n < CASES && i + 2 < argc, "cases");
            cases[n++].name = argv[++i];
            cases[n - 1].words = &argv[i + 1];
        } else {
            cases[n - 1].n_words++;
        }
    }
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < n; i++) {
            usleep((useconds_t)gap_us);
            run(&cases[(i + round) % n], round);
        }
    }
    for (int i = 0; i < n; i++)
        samples_print(cases[i].name, &cases[i].samples);
    return 0;
}
