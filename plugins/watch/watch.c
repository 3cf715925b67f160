/* watch.c - the sensor that watches files: agents' session files, transcripts, logs.
 *
 *   hello {settings: files} -> tree_scan() -> files seen -> file_pump() -> {"type":"file"} -> ack
 *   inotify ----------------> tree_read() --^
 *
 * It knows no agent: what to read is told by the host, from the agents' mapping files, and what it means is
 * judged there. Nothing is kept on disk: it begins by reading what is there now, of growing files only the
 * last lines. When nothing changes it sleeps.
 *
 * Settings: files (watch_pattern.h); poll: true lists every 2 s without waiting for events. */
#include "../kit.h"
#include "watch_file.h"
#include "watch_tell.h"
#include "watch_tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <uv.h>

static struct watch {
    struct kit kit;
    struct patterns patterns;
    uv_loop_t loop;
    uv_poll_t in, out, inotify, mounts;
    uv_timer_t poll, again;
    bool watching, writing;
} watch;

static void on_out(uv_poll_t *handle, int status, int events);
static void on_again(uv_timer_t *timer);
static void on_poll(uv_timer_t *timer);

/* After anything that happened: tells what is new, and says what to wait for. */
static void go_on(void)
{
    int wait_ms, poll_ms = watch.watching ? tree_poll_ms() : -1;

    if (watch.kit.over) {
        uv_stop(&watch.loop);
        return;
    }
    wait_ms = watch.watching ? file_pump() : -1;
    if (wait_ms >= 0)
        uv_timer_start(&watch.again, on_again, (uint64_t)wait_ms, 0);
    if (poll_ms >= 0 && !uv_is_active((uv_handle_t *)&watch.poll))
        uv_timer_start(&watch.poll, on_poll, (uint64_t)poll_ms, 0);
    if (watch.writing != kit_wants_write(&watch.kit)) {
        watch.writing = !watch.writing;
        if (watch.writing)
            uv_poll_start(&watch.out, UV_WRITABLE, on_out);
        else
            uv_poll_stop(&watch.out);
    }
    if (watch.kit.over)
        uv_stop(&watch.loop);
}

static void on_out(uv_poll_t *handle, int status, int events)
{
    (void)handle, (void)status, (void)events;
    kit_write(&watch.kit);
    go_on();
}

static void on_in(uv_poll_t *handle, int status, int events)
{
    (void)handle, (void)status, (void)events;
    kit_read(&watch.kit);
    go_on();
}

static void on_inotify(uv_poll_t *handle, int status, int events)
{
    (void)handle, (void)status, (void)events;
    tree_read();
    go_on();
}

/* Another file system has come where we look, or gone: directories have no event for that. */
static void on_mounts(uv_poll_t *handle, int status, int events)
{
    (void)handle, (void)status, (void)events;
    tree_scan();
    go_on();
}

static void on_again(uv_timer_t *timer)
{
    (void)timer;
    go_on();
}

static void on_poll(uv_timer_t *timer)
{
    (void)timer;
    tree_scan();
    go_on();
}

static void hello(struct kit *kit, const char *receiver, const json_t *settings)
{
    int fd;

    (void)receiver;
    patterns_read(&watch.patterns, settings);
    tell_open(kit);
    files_open(&watch.patterns);
    fd = tree_open(&watch.patterns, json_is_true(json_object_get(settings, "poll")));
    if (fd < 0)
        kit_log("no events: listing every 2 s");
    else if (uv_poll_init(&watch.loop, &watch.inotify, fd) == 0)
        uv_poll_start(&watch.inotify, UV_READABLE, on_inotify);
    fd = open("/proc/self/mountinfo",
              O_RDONLY | O_CLOEXEC); /* proc(5): readable as priority data when it changed */
    if (fd >= 0 && uv_poll_init(&watch.loop, &watch.mounts, fd) == 0)
        uv_poll_start(&watch.mounts, UV_PRIORITIZED, on_mounts);
    watch.watching = true;
}

/* Nothing goes out before it: file_pump() is called by go_on(). */
static void ready(struct kit *kit)
{
    (void)kit;
    tree_scan();
}

static void ack(struct kit *kit, const json_t *message)
{
    (void)kit;
    tell_acked(message);
}

int main(void)
{
    static const struct kit_plugin plugin = {.name = "watch",
                                             .version = QUIETBELL_VERSION,
                                             .can = KIT_SENSOR,
                                             .hello = hello,
                                             .ready = ready,
                                             .ack = ack};
    int status;

    kit_init(&watch.kit, &plugin, &watch);
    if (uv_loop_init(&watch.loop) != 0)
        return 1;
    uv_timer_init(&watch.loop, &watch.poll);
    uv_timer_init(&watch.loop, &watch.again);
    if (uv_poll_init(&watch.loop, &watch.in, KIT_IN) != 0 ||
        uv_poll_init(&watch.loop, &watch.out, KIT_OUT) != 0) {
        kit_log("stdin and stdout have to be sockets or pipes");
        return 1;
    }
    uv_poll_start(&watch.in, UV_READABLE, on_in);
    uv_run(&watch.loop, UV_RUN_DEFAULT);
    files_report();
    tree_report();
    if (watch.watching) {
        tree_close();
        files_close();
        tell_close();
    }
    status = kit_finish(&watch.kit);
    return status;
}
