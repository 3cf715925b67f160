/* quietbelld.c: the daemon's main: options, signals, the order of starting and stopping.
 *
 *   open the store → take the spool → judge what is known → open the socket → "ready"
 *   a signal → close the doors → stop the plugins → close the store → 0 */
#include "router/door.h"
#include "router/host.h"
#include "router/log.h"
#include "router/quarantine.h"
#include "router/router.h"
#include "router/trouble.h"
#include "rules/text.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct daemon {
    uv_loop_t loop;
    struct paths paths;
    const char *config_path; /* NULL: the embedded defaults */
    struct router *router;
    struct door_socket *socket;
    struct door_spool *spool;
    uv_signal_t signals[3];
    bool stopping, ready;
    int status;
};

static const char usage[] =
    "usage: quietbelld [-c FILE] [-v]\n"
    "\n"
    "Takes in what coding agents say, works out which need you, and tells you once.\n"
    "\n"
    "  -c, --config FILE  the configuration (default: ~/.config/quietbell/quietbell.yaml, or none)\n"
    "  -v, --verbose      log each need\n"
    "      --version      print the version\n"
    "  -h, --help         print this\n"
    "\n"
    "It stays in the foreground and logs to stderr. SIGHUP reads the configuration again; SIGINT and\n"
    "SIGTERM end it. See quietbelld(1), and quietbell(1) for the client.\n";

/* ---- stopping ------------------------------------------------------------------------------------------ */

static void on_all_stopped(void *arg)
{
    (void)arg; /* the loop has nothing left and ends */
}

static void on_spool_closed(void *arg)
{
    struct daemon *daemon = arg;
    router_stop(daemon->router, on_all_stopped, daemon);
}

static void on_socket_closed(void *arg)
{
    struct daemon *daemon = arg;
    if (daemon->spool)
        door_spool_close(daemon->spool, on_spool_closed, daemon);
    else
        on_spool_closed(daemon);
}

static void stop(struct daemon *daemon)
{
    if (daemon->stopping)
        return;
    daemon->stopping = true;
    for (size_t i = 0; i < sizeof daemon->signals / sizeof *daemon->signals; i++)
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    if (daemon->socket)
        door_socket_close(daemon->socket, on_socket_closed, daemon);
    else
        on_socket_closed(daemon);
}

static void fail(struct daemon *daemon, const char *what, int status)
{
    log_error("%s: %s", what, strerror(-status));
    daemon->status = 1;
    stop(daemon);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct daemon *daemon = signal->data;
    if (number == SIGHUP)
        router_reload(daemon->router, NULL, NULL);
    else
        stop(daemon);
}

/* ---- starting ------------------------------------------------------------------------------------------ */

static void on_ready(void *arg)
{
    struct daemon *daemon = arg;
    if (daemon->stopping)
        return;
    int status =
        door_socket_open(&daemon->socket, &daemon->loop, daemon->router, daemon->paths.socket);
    if (status == -EADDRINUSE)
        log_error("another quietbelld listens at %s already", daemon->paths.socket);
    if (status < 0)
        return fail(daemon, daemon->paths.socket, status);
    printf("ready: listening at %s, configuration %s\n", daemon->paths.socket,
           daemon->config_path ? daemon->config_path : "embedded (no file)");
    fflush(stdout);
}

static void on_spool_taken(void *arg)
{
    struct daemon *daemon = arg;
    if (!daemon->stopping)
        router_start(daemon->router, on_ready, daemon);
}

static int load_config(struct daemon *daemon, struct config **config)
{
    struct problems problems = {0};
    if (!daemon->config_path && daemon->paths.config && access(daemon->paths.config, F_OK) == 0)
        daemon->config_path = daemon->paths.config;
    int status = config_load(config, daemon->config_path, &problems);
    if (status < 0) {
        problems_print(stderr, &problems, isatty(STDERR_FILENO));
        log_error(
            "the configuration has problems: mend them, then start again; `quietbell check` shows them too");
    }
    problems_clear(&problems);
    return status;
}

static int open_all(struct daemon *daemon)
{
    char error[1024];
    struct config *config = NULL;
    int status = load_config(daemon, &config);
    if (status < 0)
        return status;
    if (!daemon->paths.state || !daemon->paths.socket) {
        log_error(
            "no place for the state or the socket: set HOME, or XDG_STATE_HOME and XDG_RUNTIME_DIR");
        return -ENOENT;
    }
    status = paths_make(daemon->paths.state);
    if (status == 0)
        status = quarantine_open(daemon->paths.quarantine);
    if (status < 0) {
        log_error("%s: %s", daemon->paths.state, strerror(-status));
        return status;
    }
    status = router_open(&daemon->router, &daemon->loop, &daemon->paths, daemon->config_path,
                         config, error, sizeof error);
    if (status < 0) {
        log_error("%s", error);
        return status;
    }
    status = door_spool_open(&daemon->spool, &daemon->loop, daemon->router, daemon->paths.spool);
    if (status < 0)
        log_error("%s: %s", daemon->paths.spool, strerror(-status));
    return status;
}

static void watch_signals(struct daemon *daemon)
{
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uv_signal_init(&daemon->loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
    }
    signal(SIGPIPE, SIG_IGN);
}

static int run(struct daemon *daemon)
{
    int status = uv_loop_init(&daemon->loop);
    if (status < 0)
        return log_error("no event loop: %s", uv_strerror(status)), 1;
    if (open_all(daemon) < 0)
        return 1;
    watch_signals(daemon);
    door_spool_take(daemon->spool, on_spool_taken, daemon);
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    router_close(daemon->router);
    quarantine_close();
    uv_loop_close(&daemon->loop);
    return daemon->status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"version", no_argument, NULL, 'V'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    static struct daemon daemon;
    int option;
    setlocale(LC_CTYPE, "C.UTF-8");
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 128 * 1024); /* set, it stays: large answers go back to the system (P9) */
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
#endif
    while ((option = getopt_long(argc, argv, "c:vh", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            daemon.config_path = optarg;
            break;
        case 'v':
            log_level(LOG_DEBUG);
            break;
        case 'V':
            puts("quietbelld " QUIETBELL_VERSION);
            return 0;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default: /* getopt has said what is wrong */
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "quietbelld: it takes no argument \"%s\"\n%s", argv[optind], usage);
        return 2;
    }
    paths_init(&daemon.paths);
    int status = run(&daemon);
    paths_release(&daemon.paths);
    return status;
}
