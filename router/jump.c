/* jump.c: see jump.h. One child, one line in, one line out, and a limit beside its own. */
#include "router/jump.h"

#include "router/paths.h"
#include "router/plain.h"
#include "rules/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT_MS = 7000, ANSWER_MAX = 4096, HANDLES = 3 };

struct jump {
    uv_process_t process;
    uv_pipe_t out;
    uv_timer_t limit;
    char answer[ANSWER_MAX];
    size_t n_answer;
    int failed; /* it could not be started: a negative errno */
    bool late, stopped, exited, ended;
    int open_handles;
    jump_cb cb;
    void *arg;
};

json_t *jump_order(const json_t *need)
{
    json_t *order = json_deep_copy(json_object_get(need, "place"));
    if (!order)
        order = json_object();
    json_object_set(order, "host", json_object_get(need, "host"));
    json_object_set(order, "pid", json_object_get(need, "pid"));
    return order;
}

/* Its one line, as what the caller is told. */
static bool read_answer(const struct jump *jump, char *said, size_t size)
{
    json_t *answer = json_loadb(jump->answer, jump->n_answer, JSON_DISABLE_EOF_CHECK, NULL);
    const char *by = json_string_value(json_object_get(answer, "by")),
               *also = json_string_value(json_object_get(answer, "also")),
               *reason = json_string_value(json_object_get(answer, "reason"));
    bool ok = json_is_true(json_object_get(answer, "ok"));
    char text[512];

    if (ok)
        snprintf(text, sizeof text, "%s%s%s", text_or(by, "?"), text_empty(also) ? "" : " and ",
                 text_or(also, ""));
    else if (jump->failed)
        snprintf(text, sizeof text, "the program `jump` cannot be run: %s", uv_strerror(jump->failed));
    else if (jump->late)
        snprintf(text, sizeof text, "it took too long");
    else if (jump->stopped)
        snprintf(text, sizeof text, "the daemon is stopping");
    else
        snprintf(text, sizeof text, "%.500s",
                 text_or(reason, "the program `jump` ended without a word"));
    plain_line(text, said, size);
    json_decref(answer);
    return ok;
}

static void on_closed(uv_handle_t *handle)
{
    struct jump *jump = handle->data;
    if (--jump->open_handles > 0)
        return;
    char said[512];
    bool ok = read_answer(jump, said, sizeof said);
    jump->cb(jump->arg, ok, said);
    free(jump);
}

/* Both its output and the process have ended, or never began. */
static void end_if_done(struct jump *jump)
{
    if (!jump->exited || !jump->ended || uv_is_closing((uv_handle_t *)&jump->limit))
        return;
    if (jump->open_handles == HANDLES)
        uv_close((uv_handle_t *)&jump->process, on_closed);
    uv_close((uv_handle_t *)&jump->out, on_closed);
    uv_close((uv_handle_t *)&jump->limit, on_closed);
}

static void on_exited(uv_process_t *process, int64_t status, int signal)
{
    struct jump *jump = process->data;
    (void)status, (void)signal;
    jump->exited = true;
    end_if_done(jump);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct jump *jump = handle->data;
    (void)suggested;
    *buf = uv_buf_init(jump->answer + jump->n_answer, (unsigned)(ANSWER_MAX - jump->n_answer));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct jump *jump = stream->data;
    (void)buf;
    if (n > 0) {
        jump->n_answer += (size_t)n;
        return;
    }
    if (n == 0)
        return;
    uv_read_stop(stream); /* its end, or it says more than one line */
    jump->ended = true;
    end_if_done(jump);
}

static void on_limit(uv_timer_t *timer)
{
    struct jump *jump = timer->data;
    jump->late = true;
    uv_process_kill(&jump->process, SIGKILL);
}

void jump_stop(struct jump *jump)
{
    jump->stopped = true;
    if (!jump->exited)
        uv_process_kill(&jump->process, SIGKILL);
}

/* ---- the start ---------------------------------------------------------------------------------------- */

/* A pipe's end to read the order from; it is far smaller than a pipe. Or a negative errno. */
static int order_fd(json_t *order)
{
    int ends[2];
    char *text = json_dumps(order, JSON_COMPACT);
    json_decref(order);
    if (!text)
        return -EINVAL;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        free(text);
        return -errno;
    }
    ssize_t n = write(ends[1], text, strlen(text));
    bool whole = n == (ssize_t)strlen(text);
    free(text);
    close(ends[1]);
    if (whole)
        return fcntl(ends[0], F_SETFL, 0) == 0 ? ends[0] : -errno;
    close(ends[0]);
    return -EMSGSIZE;
}

static int spawn(struct jump *jump, uv_loop_t *loop, const char *libexec, int in)
{
    char *path = paths_program(libexec, "jump"), *args[] = {path, NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_INHERIT_FD, .data.fd = in},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&jump->out},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    uv_process_options_t options = {.file = path,
                                    .args = args,
                                    .exit_cb = on_exited,
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio = stdio,
                                    .stdio_count = 3};
    int status = uv_spawn(loop, &jump->process, &options);
    free(path);
    return status < 0 ? status : uv_read_start((uv_stream_t *)&jump->out, on_room, on_read);
}

struct jump *jump_start(uv_loop_t *loop, const char *libexec, json_t *order, jump_cb cb, void *arg)
{
    struct jump *jump = must_alloc(sizeof *jump);
    jump->cb = cb;
    jump->arg = arg;
    jump->open_handles = HANDLES;
    uv_pipe_init(loop, &jump->out, 0);
    uv_timer_init(loop, &jump->limit);
    jump->process.data = jump->out.data = jump->limit.data = jump;
    int in = order_fd(order);
    int status = in < 0 ? in : spawn(jump, loop, libexec, in);
    if (in >= 0)
        close(in);
    if (status == 0) {
        uv_timer_start(&jump->limit, on_limit, LIMIT_MS, 0);
        return jump;
    }
    if (in < 0) /* uv_spawn() makes the handle, even when it fails */
        jump->open_handles--;
    jump->failed = status;
    jump->exited = jump->ended = true;
    end_if_done(jump);
    return jump;
}
