/* calendar_expand.c: see calendar_expand.h.
 *
 * The file is read here; a worker parses and expands it under a limit of processor time, and says in shared memory
 * which event it has in hand. If it is ended, that event is left out and another worker begins. */
#include "calendar_expand.h"

#include "calendar_read.h"
#include "calendar_zone.h"
#include "inert.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A sanitizer's shadow takes more address space than any limit. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

#define MEMORY_MAX (UINT64_C(768) << 20)

struct shared {
    volatile int event;
    bool left_out[READ_EVENTS_MAX];
};

static void print_json(json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    puts(text ? text : "{\"problem\":\"out of memory\"}");
    fflush(stdout);
    free(text);
    json_decref(json);
}

static json_t *inert(const char *text)
{
    char *safe = inert_text(text, READ_TEXT_MAX, 0, INERT_ONE_LINE);
    json_t *json = json_string(safe);
    free(safe);
    return json;
}

static int problem(const char *text)
{
    print_json(json_pack("{s:o}", "problem", inert(text)));
    return 0;
}

/* ---- the file ----------------------------------------------------------------------------------------- */

static char *read_all(int fd, size_t *length, const char **wrong)
{
    size_t size = 64 * 1024, used = 0;
    char *text = malloc(size + 1);
    if (!text)
        abort();
    for (;;) {
        ssize_t n = read(fd, text + used, size - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            *wrong = n < 0 ? strerror(errno) : NULL;
            break;
        }
        used += (size_t)n;
        if (used > EXPAND_FILE_MAX) {
            *wrong = "it is too large (at most 16 MiB)";
            break;
        }
        if (used == size) {
            char *more = realloc(text, (size *= 2) + 1);
            if (!more)
                abort();
            text = more;
        }
    }
    if (*wrong) {
        free(text);
        return NULL;
    }
    text[used] = '\0';
    *length = used;
    if (strlen(text) == used)
        return text;
    *wrong = "it holds a NUL byte";
    free(text);
    return NULL;
}

static char *read_file(const char *path, size_t *length, const char **wrong)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char *text = NULL;
    *wrong = NULL;
    if (fd < 0 || fstat(fd, &st) != 0)
        *wrong = strerror(errno);
    else if (!S_ISREG(st.st_mode))
        *wrong = S_ISDIR(st.st_mode) ? "it is a folder; name one file" : "it is no file";
    else
        text = read_all(fd, length, wrong);
    if (fd >= 0)
        close(fd);
    return text;
}

/* ---- the worker --------------------------------------------------------------------------------------- */

static json_t *result(const struct read_state *state)
{
    const struct spans *spans = &state->spans;
    json_t *busy = json_array(), *notes = json_array();
    int n = spans->n < EXPAND_BUSY_MAX ? spans->n : EXPAND_BUSY_MAX;
    int64_t until = state->until;
    for (int i = 0; i < n; i++)
        json_array_append_new(busy, json_pack("[I, I]", (json_int_t)spans->list[i].from * 1000,
                                              (json_int_t)spans->list[i].until * 1000));
    if (n < spans->n)
        until = spans->list[n].from;
    for (int i = 0; i < state->n_notes; i++)
        json_array_append_new(notes, inert(state->notes[i]));
    if (state->more_notes)
        json_array_append_new(notes, json_sprintf("and %d more", state->more_notes));
    return json_pack("{s:o, s:I, s:i, s:o}", "busy", busy, "until_ms", (json_int_t)until * 1000,
                     "events", state->n_events, "notes", notes);
}

static void limit(int resource, rlim_t most)
{
    struct rlimit limits = {most, most};
    if (resource == RLIMIT_CPU)
        limits.rlim_max = most + 1;
    setrlimit(resource, &limits);
}

static void work(struct read_state *state, const char *text, size_t length)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    limit(RLIMIT_CPU, EXPAND_CPU_S);
    limit(RLIMIT_CORE, 0);
    if (!freopen("/dev/null", "w", stderr)) /* libical writes a line there for each thing it does not like */
        _exit(1);
    if (!SANITIZED)
        limit(RLIMIT_AS, MEMORY_MAX);
    if (calendar_read(state, text, length))
        print_json(result(state));
    else
        problem(state->problem);
    _exit(0); /* what was read is the parent's to free */
}

/* One try. 0: it has printed; else the event it was at when it was ended, or -1. */
static int try(const struct read_state *wanted, struct shared *shared, const char *text, size_t length)
{
    struct read_state state = *wanted;
    int status;
    state.event = &shared->event;
    state.left_out = shared->left_out;
    shared->event = 0;
    pid_t pid = fork();
    if (pid == 0)
        work(&state, text, length);
    if (pid < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return shared->event > 0 && shared->event < READ_EVENTS_MAX ? shared->event : -1;
}

int expand_main(int argc, char **argv)
{
    const char *wrong;
    size_t length = 0;
    char line[READ_TEXT_MAX];
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: calendar --expand FILE FROM_MS UNTIL_MS [ZONE]\n");
        return 2;
    }
    if (argc == 4)
        setenv("TZ", argv[3], 1);
    struct read_state wanted = {.from = strtoll(argv[1], NULL, 10) / 1000,
                                .until = strtoll(argv[2], NULL, 10) / 1000};
    char *text = read_file(argv[0], &length, &wrong);
    if (!text) {
        snprintf(line, sizeof line, "it cannot be read: %s", wrong);
        return problem(line);
    }
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return free(text), problem("out of memory");
    zone_open();
    int at = -1;
    for (int i = 0; i < EXPAND_TRIES; i++) {
        at = try(&wanted, shared, text, length);
        if (at <= 0)
            break;
        shared->left_out[at] = true;
    }
    free(text);
    munmap(shared, sizeof *shared);
    if (at == 0)
        return 0;
    snprintf(line, sizeof line, "it takes too long, or too much memory, to read (event %d)", at);
    return problem(at > 0 ? line : "it takes too long, or too much memory, to read");
}
