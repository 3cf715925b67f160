/* doctor_desktop.c: the desktop's part of `quietbell doctor`: asks with the desktop's own small programs, so
 * that the client links no desktop library and works where there is none. */
#include "doctor.h"

#include "host.h"
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- running a program --------------------------------------------------------------------------------- */

static void become(const char *const argv[], int out)
{
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execvp(argv[0], (char *const *)argv);
    _exit(127);
}

/* Reads until the other end closes. 0, or -ETIMEDOUT. */
static int read_output(int fd, char output[DOCTOR_OUTPUT])
{
    int64_t end_ms = host_elapsed_ms() + DOCTOR_PATIENCE_MS;
    size_t n = 0;

    for (;;) {
        char rest[512];
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        int64_t left_ms = end_ms - host_elapsed_ms();
        if (left_ms <= 0 || poll(&poller, 1, (int)left_ms) == 0)
            return -ETIMEDOUT;
        bool room = n < DOCTOR_OUTPUT - 1;
        ssize_t got = read(fd, room ? output + n : rest, room ? DOCTOR_OUTPUT - 1 - n : sizeof rest);
        if (got == 0)
            return 0;
        if (got > 0 && room)
            output[n += (size_t)got] = '\0';
    }
}

int doctor_run(const char *const argv[], char output[DOCTOR_OUTPUT])
{
    int ends[2], status = 0;

    output[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0)
        become(argv, ends[1]);
    int error = pid < 0 ? -errno : 0;
    close(ends[1]);
    if (!error) {
        error = read_output(ends[0], output);
        if (error)
            kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    close(ends[0]);
    if (error)
        return error;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

/* ---- the session bus ------------------------------------------------------------------------------------ */

/* A library asked without an address may start a stray bus, so the address is looked for first. */
static bool has_bus(void)
{
    const char *runtime = host_env("XDG_RUNTIME_DIR");
    char path[256];

    if (host_env("DBUS_SESSION_BUS_ADDRESS"))
        return true;
    return runtime && snprintf(path, sizeof path, "%s/bus", runtime) < (int)sizeof path &&
           access(path, F_OK) == 0;
}

/* A call of the bus itself; false: it did not answer. */
static bool ask_bus(const char *method, const char *argument, char output[DOCTOR_OUTPUT])
{
    const char *const argv[] = {"dbus-send",
                                "--session",
                                "--print-reply=literal",
                                "--reply-timeout=1500",
                                "--dest=org.freedesktop.DBus",
                                "/org/freedesktop/DBus",
                                method,
                                argument,
                                NULL};
    return doctor_run(argv, output) == 0;
}

/* The server's own name ("dunst"), or false: it does not answer. */
static bool ask_server(char output[DOCTOR_OUTPUT])
{
    static const char *const argv[] = {"dbus-send",
                                       "--session",
                                       "--print-reply=literal",
                                       "--reply-timeout=1500",
                                       "--dest=org.freedesktop.Notifications",
                                       "/org/freedesktop/Notifications",
                                       "org.freedesktop.Notifications.GetServerInformation",
                                       NULL};
    return doctor_run(argv, output) == 0;
}

/* ---- do-not-disturb --------------------------------------------------------------------------------------- */

static const struct quiet {
    const char *server; /* as it calls itself */
    const char *argv[6];
    const char *when; /* what is in the answer while it is on */
    const char *mend;
} quiets[] = {
    {"dunst", {"dunstctl", "is-paused"}, "true", "dunstctl set-paused false"},
    {"mako", {"makoctl", "mode"}, "do-not-disturb", "makoctl mode -r do-not-disturb"},
    {"Xfce",
     {"xfconf-query", "-c", "xfce4-notifyd", "-p", "/do-not-disturb"},
     "true",
     "xfconf-query -c xfce4-notifyd -p /do-not-disturb -s false"},
    {"gnome-shell",
     {"gsettings", "get", "org.gnome.desktop.notifications", "show-banners"},
     "false",
     "gsettings set org.gnome.desktop.notifications show-banners true"},
};

/* The server's name from its answer: the first word. */
static void name_of(const char *answer, char name[64])
{
    answer += strspn(answer, " \t\n");
    snprintf(name, 64, "%.*s", (int)strcspn(answer, " \t\n"), answer);
}

static void look_at_quiet(struct doctor *doctor, const char *server)
{
    char output[DOCTOR_OUTPUT];

    for (size_t i = 0; i < sizeof quiets / sizeof *quiets; i++) {
        const struct quiet *quiet = &quiets[i];
        if (!strstr(server, quiet->server) || doctor_run(quiet->argv, output) != 0)
            continue;
        if (strstr(output, quiet->when))
            doctor_find(doctor, FINDING_WARN, "desktop", quiet->mend,
                        "%s holds popups back (its own do-not-disturb is on)", server);
        else
            doctor_find(doctor, FINDING_OK, "desktop", NULL, "%s shows popups", server);
        return;
    }
    doctor_find(doctor, FINDING_OK, "desktop", NULL,
                "the notification server %s answers (its do-not-disturb cannot be read)", server);
}

void doctor_desktop(struct doctor *doctor, enum finding needed)
{
    static const char start[] = "start a notification server of your desktop, `dunst` for example";
    char output[DOCTOR_OUTPUT], name[64], *tool = setup_on_path("dbus-send");

    if (!has_bus())
        doctor_find(doctor, needed, "desktop", "run quietbelld in your desktop session",
                    "no session bus here: popups cannot be shown");
    else if (!tool)
        doctor_find(doctor, FINDING_WARN, "desktop", "install dbus-send (package dbus-bin or dbus)",
                    "the session bus cannot be asked");
    else if (!ask_bus("org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.Notifications",
                      output))
        doctor_find(doctor, needed, "desktop", "run quietbelld in your desktop session",
                    "the session bus does not answer");
    else if (strstr(output, "true")) {
        if (ask_server(output)) {
            name_of(output, name);
            look_at_quiet(doctor, name);
        } else
            doctor_find(doctor, needed, "desktop", "restart your notification server",
                        "the notification server does not answer");
    } else if (ask_bus("org.freedesktop.DBus.ListActivatableNames", NULL, output) &&
               strstr(output, "org.freedesktop.Notifications"))
        doctor_find(doctor, FINDING_OK, "desktop", NULL,
                    "a notification server starts with the first popup");
    else
        doctor_find(doctor, needed, "desktop", start, "no notification server runs");
    free(tool);
}
