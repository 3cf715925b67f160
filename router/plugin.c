/* plugin.c: see plugin.h. One socket pair is the child's stdin and stdout (one descriptor here); its stderr
 * is the daemon's. Its process group is its own, so that Ctrl-C reaches the daemon alone.
 *
 * Long because a plugin's whole life is one state machine, read in one piece. */
#include "router/plugin.h"

#include "plugins/line.h"
#include "plugins/protocol.h"
#include "router/host.h"
#include "router/log.h"
#include "rules/text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKOFF_FIRST_MS = 500,
    BACKOFF_MAX_MS = 60000,
    STEADY_MS = 30000,       /* after so long in service the back-off begins anew */
    EXIT_GRACE_MS = 200,     /* between the end of its output and its exit */
    STOP_GRACE_MS = 2000,    /* between stop and the signal */
    UNREAD_WAIT = 64 * 1024, /* bytes it has not read: it is read no further */
    UNREAD_MAX = 4 << 20,    /* bytes it has not read: it hangs */
    NONSENSE_MAX = 200,      /* messages without sense in one service: it floods */
    READ_SIZE = 64 * 1024
};

struct plugin {
    uv_loop_t *loop;
    char *receiver, *program;
    json_t *settings;
    int64_t patience_ms;
    struct plugin_owner owner;

    enum plugin_state state;
    char reason[256];
    int64_t since_ms, due_ms; /* of the state: when it began; when something is to be done */
    int64_t backoff_ms, restarts;
    bool has_manifest, updates, withdraws;
    int nonsense;

    uv_process_t process;
    uv_pipe_t pipe;
    struct line_buf in;
    bool running, piped; /* the process has not exited; the pipe is open */
    bool held;           /* not read while its owner is busy */
    bool hung_up;        /* it closed its output: its exit, which says more, is awaited a moment */
    int closing;         /* handles being closed */
    bool freed;          /* plugin_stop() was said: free it when nothing is left, and say so */
    void (*gone)(void *arg);
    void *gone_arg;
    struct plugin *next_stopping;
};

static struct plugin *stopping; /* those that were told to stop and have not gone */
static const char *const state_names[] = {"waiting to start again", "starting", "serving",
                                          "stopping", "disabled"};

/* ---- life ---------------------------------------------------------------------------------------- */

static void start(struct plugin *plugin);

static void move_to(struct plugin *plugin, enum plugin_state state, int64_t due_ms)
{
    plugin->state = state;
    plugin->since_ms = host_elapsed_ms();
    plugin->due_ms = due_ms;
    if (!plugin->freed)
        plugin->owner.changed(plugin->owner.arg);
}

static void free_if_done(struct plugin *plugin)
{
    if (!plugin->freed || plugin->running || plugin->piped || plugin->closing)
        return;
    struct plugin **at = &stopping;
    while (*at != plugin)
        at = &(*at)->next_stopping;
    *at = plugin->next_stopping;
    line_release(&plugin->in);
    json_decref(plugin->settings);
    free(plugin->receiver);
    free(plugin->program);
    void (*gone)(void *arg) = plugin->gone;
    void *arg = plugin->gone_arg;
    free(plugin);
    gone(arg);
}

static void on_closed(uv_handle_t *handle)
{
    struct plugin *plugin = handle->data;
    plugin->closing--;
    free_if_done(plugin);
}

static void close_handle(struct plugin *plugin, uv_handle_t *handle)
{
    plugin->closing++;
    uv_close(handle, on_closed);
}

static void close_pipe(struct plugin *plugin)
{
    if (!plugin->piped)
        return;
    plugin->piped = false;
    close_handle(plugin, (uv_handle_t *)&plugin->pipe);
}

/* Its service is over. The next start comes after a back-off that grows while it does not hold out. */
static void end_service(struct plugin *plugin, const char *reason)
{
    bool served = plugin->state == PLUGIN_SERVING;
    close_pipe(plugin);
    if (plugin->running)
        uv_process_kill(&plugin->process, SIGKILL);
    if (plugin->state == PLUGIN_STOPPING || plugin->state == PLUGIN_DISABLED ||
        plugin->state == PLUGIN_WAITING)
        return;
    if (served && host_elapsed_ms() - plugin->since_ms > STEADY_MS)
        plugin->backoff_ms = 0;
    plugin->backoff_ms = plugin->backoff_ms ? plugin->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (plugin->backoff_ms > BACKOFF_MAX_MS)
        plugin->backoff_ms = BACKOFF_MAX_MS;
    snprintf(plugin->reason, sizeof plugin->reason, "%s", reason);
    log_error("receiver %s: its plugin %s %s; starting again in %.1f s", plugin->receiver,
              plugin->program, reason, (double)plugin->backoff_ms / 1000);
    move_to(plugin, PLUGIN_WAITING, host_elapsed_ms() + plugin->backoff_ms);
    plugin->owner.down(plugin->owner.arg, plugin->reason);
}

static void on_exited(uv_process_t *process, int64_t status, int signal)
{
    struct plugin *plugin = process->data;
    char reason[512];
    plugin->running = false;
    close_handle(plugin, (uv_handle_t *)process);
    if (signal)
        snprintf(reason, sizeof reason, "was ended by signal %d", signal);
    else
        snprintf(reason, sizeof reason, "ended with status %d", (int)status);
    end_service(plugin, reason);
    free_if_done(plugin);
}

static const char closed_output[] = "closed its output";

/* ---- what it says ---------------------------------------------------------------------------------- */

static void disable(struct plugin *plugin, const char *reason)
{
    snprintf(plugin->reason, sizeof plugin->reason, "%s", reason);
    log_error("receiver %s: its plugin %s is disabled: %s", plugin->receiver, plugin->program, reason);
    move_to(plugin, PLUGIN_DISABLED, NEVER_MS);
    end_service(plugin, reason);
    plugin->owner.down(plugin->owner.arg, plugin->reason);
}

static bool can(const json_t *list, const char *what)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(item);
        if (text && strcmp(text, what) == 0)
            return true;
    }
    return false;
}

static void take_manifest(struct plugin *plugin, const json_t *message)
{
    char reason[128];
    json_int_t version = json_integer_value(json_object_get(message, "protocol"));
    if (version != PROTOCOL_VERSION) {
        snprintf(reason, sizeof reason, "it speaks version %lld of the plugin protocol, not %d",
                 (long long)version, PROTOCOL_VERSION);
        disable(plugin, reason);
        return;
    }
    const json_t *list = json_object_get(message, "can");
    plugin->updates = can(list, PROTOCOL_CAN_UPDATE);
    plugin->withdraws = can(list, PROTOCOL_CAN_WITHDRAW);
    plugin->has_manifest = true;
}

static void take_ready(struct plugin *plugin)
{
    if (plugin->state != PLUGIN_STARTING)
        return;
    if (!plugin->has_manifest) {
        plugin_fail(plugin, "said ready before its manifest");
        return;
    }
    plugin->reason[0] = '\0';
    move_to(plugin, PLUGIN_SERVING, NEVER_MS);
    plugin->owner.up(plugin->owner.arg, plugin->updates, plugin->withdraws);
}

void plugin_nonsense(struct plugin *plugin, const char *what)
{
    if (plugin->nonsense++ == 0)
        log_error("receiver %s: its plugin sent %s; it is ignored", plugin->receiver, what);
    if (plugin->nonsense > NONSENSE_MAX)
        plugin_fail(plugin, "floods with messages that make no sense");
}

static void take_line(struct plugin *plugin, const char *line, size_t length)
{
    if (length == 0 || plugin->freed)
        return;
    json_t *message = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(message, "type"));
    if (!type)
        plugin_nonsense(plugin, "a line that is not a JSON object with a type");
    else if (strcmp(type, PROTOCOL_MANIFEST) == 0)
        take_manifest(plugin, message);
    else if (strcmp(type, PROTOCOL_READY) == 0)
        take_ready(plugin);
    else if (plugin->state == PLUGIN_SERVING)
        plugin->owner.said(plugin->owner.arg, type, message);
    else
        plugin_nonsense(plugin, "a message before it was ready");
    json_decref(message);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    static char bytes[READ_SIZE]; /* read and fed at once */
    (void)handle, (void)size;
    *buf = uv_buf_init(bytes, sizeof bytes);
}

/* One that does not read its answers is not asked for more. */
static bool is_busy(const struct plugin *plugin)
{
    if (plugin->freed)
        return false; /* its owner may be gone */
    return uv_stream_get_write_queue_size((const uv_stream_t *)&plugin->pipe) > UNREAD_WAIT ||
           (plugin->owner.busy && plugin->owner.busy(plugin->owner.arg));
}

static void take_lines(struct plugin *plugin)
{
    char *line;
    size_t length;
    enum line_got got;
    while (plugin->piped && !(plugin->held = is_busy(plugin)) &&
           (got = line_next(&plugin->in, &line, &length)) != LINE_NONE) {
        if (got == LINE_READY)
            take_line(plugin, line, length);
        else
            plugin_nonsense(plugin, "a line of more than 256 KiB");
    }
    if (plugin->held && plugin->piped)
        uv_read_stop((uv_stream_t *)&plugin->pipe);
}

static void hang_up(struct plugin *plugin)
{
    uv_read_stop((uv_stream_t *)&plugin->pipe);
    if (!plugin->running || (plugin->state != PLUGIN_STARTING && plugin->state != PLUGIN_SERVING)) {
        plugin_fail(plugin, closed_output);
        return;
    }
    plugin->hung_up = true;
    plugin->due_ms = host_elapsed_ms() + EXIT_GRACE_MS;
    plugin->owner.changed(plugin->owner.arg);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct plugin *plugin = stream->data;
    if (n < 0) {
        hang_up(plugin);
    } else if (n > 0) {
        line_feed(&plugin->in, buf->base, (size_t)n);
        take_lines(plugin);
    }
}

void plugin_resume(struct plugin *plugin)
{
    if (!plugin->held || !plugin->piped || plugin->freed)
        return;
    take_lines(plugin);
    if (!plugin->held && plugin->piped)
        uv_read_start((uv_stream_t *)&plugin->pipe, on_alloc, on_read);
}

/* ---- sending --------------------------------------------------------------------------------------- */

struct sending {
    uv_write_t request;
    char bytes[];
};

static void on_written(uv_write_t *request, int status)
{
    struct plugin *plugin = request->handle->data;
    free(request->data);
    if (status == 0 && plugin->held && !plugin->freed) /* else: a broken pipe is told by on_read */
        plugin->owner.changed(plugin->owner.arg);
}

static bool send_line(struct plugin *plugin, const json_t *message)
{
    size_t length = json_dumpb(message, NULL, 0, JSON_COMPACT);
    if (!plugin->piped || length == 0 || length > PROTOCOL_LINE_MAX)
        return false;
    if (uv_stream_get_write_queue_size((uv_stream_t *)&plugin->pipe) > UNREAD_MAX) {
        plugin_fail(plugin, "does not read what it is sent");
        return false;
    }
    struct sending *sending = must_alloc(sizeof *sending + length + 1);
    json_dumpb(message, sending->bytes, length, JSON_COMPACT);
    sending->bytes[length] = '\n';
    sending->request.data = sending;
    uv_buf_t buf = uv_buf_init(sending->bytes, (unsigned)length + 1);
    if (uv_write(&sending->request, (uv_stream_t *)&plugin->pipe, &buf, 1, on_written) < 0) {
        free(sending);
        return false;
    }
    return true;
}

bool plugin_send(struct plugin *plugin, const json_t *message)
{
    return plugin->state == PLUGIN_SERVING && send_line(plugin, message);
}

/* ---- starting and stopping ------------------------------------------------------------------------- */

static int spawn(struct plugin *plugin)
{
    int pair[2];
    char *args[] = {plugin->program, NULL};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -errno;
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_INHERIT_FD, .data.fd = pair[1]},
        {.flags = UV_INHERIT_FD, .data.fd = pair[1]},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    uv_process_options_t options = {.file = plugin->program,
                                    .args = args,
                                    .exit_cb = on_exited,
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio = stdio,
                                    .stdio_count = 3};
    int status = uv_spawn(plugin->loop, &plugin->process, &options);
    plugin->process.data = plugin;
    close(pair[1]);
    if (status < 0) {
        close(pair[0]);
        close_handle(plugin, (uv_handle_t *)&plugin->process);
        return status;
    }
    plugin->running = true;
    uv_pipe_init(plugin->loop, &plugin->pipe, 0);
    plugin->pipe.data = plugin;
    plugin->piped = true;
    uv_pipe_open(&plugin->pipe, pair[0]);
    return uv_read_start((uv_stream_t *)&plugin->pipe, on_alloc, on_read);
}

static void start(struct plugin *plugin)
{
    char reason[128];
    plugin->has_manifest = plugin->held = plugin->hung_up = false;
    plugin->nonsense = 0;
    line_release(&plugin->in);
    move_to(plugin, PLUGIN_STARTING, host_elapsed_ms() + plugin->patience_ms);
    int status = spawn(plugin);
    if (status < 0) {
        snprintf(reason, sizeof reason, "%s cannot be started: %s", plugin->program,
                 uv_strerror(status));
        end_service(plugin, reason);
        return;
    }
    json_t *hello =
        json_pack("{s:s, s:i, s:s, s:O}", "type", PROTOCOL_HELLO, "protocol", PROTOCOL_VERSION,
                  "receiver", plugin->receiver, "settings", plugin->settings);
    if (!hello || !send_line(plugin, hello))
        plugin_fail(plugin, "cannot be greeted");
    json_decref(hello);
}

struct plugin *plugin_start(uv_loop_t *loop, const char *receiver, const char *program,
                            json_t *settings, int64_t patience_ms, const struct plugin_owner *owner)
{
    struct plugin *plugin = must_alloc(sizeof *plugin);
    plugin->loop = loop;
    plugin->receiver = must_copy(receiver);
    plugin->program = must_copy(program);
    plugin->settings = settings ? json_incref(settings) : json_object();
    plugin->patience_ms = patience_ms;
    plugin->owner = *owner;
    line_init(&plugin->in, PROTOCOL_LINE_MAX);
    start(plugin);
    return plugin;
}

void plugin_fail(struct plugin *plugin, const char *reason)
{
    end_service(plugin, reason);
}

static void nobody_up(void *arg, bool updates, bool withdraws)
{
    (void)arg, (void)updates, (void)withdraws;
}

static void nobody_down(void *arg, const char *reason)
{
    (void)arg, (void)reason;
}

static void nobody_said(void *arg, const char *type, const json_t *message)
{
    (void)arg, (void)type, (void)message;
}

static void nobody_changed(void *arg)
{
    (void)arg;
}

/* Who owned it is gone: nothing it still says reaches anybody. */
static const struct plugin_owner nobody = {
    .up = nobody_up, .down = nobody_down, .said = nobody_said, .changed = nobody_changed};

void plugin_stop(struct plugin *plugin, void (*gone)(void *arg), void *arg)
{
    plugin->gone = gone;
    plugin->gone_arg = arg;
    plugin->next_stopping = stopping;
    stopping = plugin;
    plugin->freed = true;
    plugin->owner = nobody;
    if (plugin->piped) {
        json_t *stop = json_pack("{s:s}", "type", PROTOCOL_STOP);
        send_line(plugin, stop);
        json_decref(stop);
    }
    plugin->state = PLUGIN_STOPPING;
    plugin->due_ms = host_elapsed_ms() + STOP_GRACE_MS;
    if (!plugin->running)
        close_pipe(plugin);
    free_if_done(plugin);
}

int plugin_stopping(void)
{
    int n = 0;
    for (const struct plugin *plugin = stopping; plugin; plugin = plugin->next_stopping)
        n++;
    return n;
}

int64_t plugin_look_stopping(int64_t elapsed_ms)
{
    int64_t next_ms = NEVER_MS;
    for (struct plugin *plugin = stopping; plugin; plugin = plugin->next_stopping) {
        int64_t at_ms = plugin_look(plugin, elapsed_ms);
        next_ms = at_ms < next_ms ? at_ms : next_ms;
    }
    return next_ms;
}

int64_t plugin_look(struct plugin *plugin, int64_t elapsed_ms)
{
    if (elapsed_ms < plugin->due_ms)
        return plugin->due_ms;
    switch (plugin->state) {
    case PLUGIN_WAITING:
        if (plugin->running || plugin->closing) { /* the old process has yet to go */
            plugin->due_ms = elapsed_ms + BACKOFF_FIRST_MS;
            break;
        }
        plugin->restarts++;
        start(plugin);
        break;
    case PLUGIN_STARTING:
        plugin_fail(plugin, plugin->hung_up ? closed_output : "did not become ready in time");
        break;
    case PLUGIN_STOPPING:
        close_pipe(plugin);
        if (plugin->running)
            uv_process_kill(&plugin->process, SIGKILL);
        plugin->due_ms = NEVER_MS;
        break;
    case PLUGIN_SERVING:
        if (plugin->hung_up)
            plugin_fail(plugin, closed_output);
        break;
    case PLUGIN_DISABLED:
        break;
    }
    return plugin->due_ms;
}

enum plugin_state plugin_state(const struct plugin *plugin)
{
    return plugin->state;
}

const char *plugin_state_name(const struct plugin *plugin)
{
    return state_names[plugin->state];
}

const char *plugin_reason(const struct plugin *plugin)
{
    return plugin->state == PLUGIN_SERVING ? NULL : text_or(plugin->reason, NULL);
}

int64_t plugin_pid(const struct plugin *plugin)
{
    return plugin->running ? plugin->process.pid : 0;
}

int64_t plugin_restarts(const struct plugin *plugin)
{
    return plugin->restarts;
}
