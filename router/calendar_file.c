/* calendar_file.c: one calendar read now, for `quietbell check` and `quietbell replay` (calendar.h): the sensor's
 * program is run once, and what it prints is read. */
#include "router/calendar.h"
#include "router/paths.h"
#include "rules/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MAX = 128 * 1024 };

static json_t *problem(const char *what, const char *which)
{
    return json_pack("{s:o}", "problem", json_sprintf("%s%s", what, which));
}

static size_t read_all(int fd, char *text)
{
    size_t used = 0;
    while (used < OUTPUT_MAX) {
        ssize_t n = read(fd, text + used, OUTPUT_MAX - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    return used;
}

static void run(const char *program, const char *file, int64_t from_ms, int64_t until_ms,
                const char *zone, int out)
{
    char from[24], until[24];
    int null = open("/dev/null", O_RDWR);
    snprintf(from, sizeof from, "%lld", (long long)from_ms);
    snprintf(until, sizeof until, "%lld", (long long)until_ms);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    execl(program, program, "--expand", file, from, until, zone, (char *)NULL);
    _exit(127);
}

static json_t *ask(const char *program, const char *file, int64_t from_ms, int64_t until_ms,
                   const char *zone)
{
    int out[2], status = 0;
    if (access(program, X_OK) != 0)
        return problem("there is no program to read it with: ", program);
    if (pipe2(out, O_CLOEXEC) != 0)
        return problem(strerror(errno), "");
    pid_t pid = fork();
    if (pid == 0)
        run(program, file, from_ms, until_ms, zone, out[1]);
    close(out[1]);
    char *text = must_alloc(OUTPUT_MAX);
    size_t used = pid > 0 ? read_all(out[0], text) : 0;
    close(out[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    json_t *said = json_loadb(text, used, 0, NULL);
    free(text);
    if (json_is_object(said))
        return said;
    json_decref(said);
    return problem("what reads it failed: ", program);
}

json_t *calendar_file(const char *libexec, const char *file, int64_t from_ms, int64_t until_ms,
                      const char *zone)
{
    char *program = paths_program(libexec, "calendar");
    json_t *said = ask(program, file, from_ms, until_ms, zone);
    free(program);
    return said;
}

int calendar_read_now(const struct config_calendar *calendar, int64_t from_ms, int64_t until_ms,
                      const char *zone, struct calendar_input *out, char *why, size_t size)
{
    struct paths paths;
    struct refusal refusal = {0};
    paths_init(&paths);
    json_t *said = calendar_file(paths.libexec, calendar->path, from_ms, until_ms, zone);
    const char *wrong = json_string_value(json_object_get(said, "problem"));
    json_object_set_new(said, "focus", json_string(calendar->focus));
    if (!wrong && calendar_parse(said, out, &refusal) < 0)
        wrong = refusal.error;
    if (wrong)
        snprintf(why, size, "%s", wrong);
    out->focus = calendar->focus;
    json_decref(said);
    paths_release(&paths);
    return wrong ? -EINVAL : 0;
}
