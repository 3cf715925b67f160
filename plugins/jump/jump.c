/* jump.c - brings the person to a place, once: the place as one JSON object on stdin, one line of answer on
 * stdout.
 *
 *   {"host":"","tmux":"/tmp/tmux-1000/default","pane":"%3","window":"…","kitty":"…","kitty_socket":"…",
 *    "wezterm":"…","tty":"…","pid":4711}
 *   {"ok":true,"by":"tmux","also":"x11"}    or    {"ok":false,"reason":"pane %3 is gone"}
 *
 * Run by `quietbell next --go` and by the daemon when the person pressed Open: never for anything else, so
 * no window comes to the front that nobody asked for. It ends within LIMIT_MS whatever hangs, tmux, a
 * terminal or the X server. Exit status: 0 they are there, 1 they are not. The ways are listed in jump_way.h. */
#include "jump_way.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum { ORDER_MAX = 65536, LIMIT_MS = 5000, TEXT_MAX = 512 };

/* ---- what the ways share -------------------------------------------------------------------- */

bool jump_fail(struct jump_result *result, const char *format, ...)
{
    va_list args;
    result->ok = false;
    va_start(args, format);
    vsnprintf(result->reason, sizeof result->reason, format, args);
    va_end(args);
    return false;
}

/* ---- the order ------------------------------------------------------------------------------ */

/* A member that is plain, printable and not too long; NULL for anything else. */
static const char *member(const json_t *order, const char *key)
{
    const char *text = json_string_value(json_object_get(order, key));
    if (!text || !*text || strlen(text) > TEXT_MAX || *text == '-')
        return NULL;
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return NULL;
    }
    return text;
}

static json_t *read_order(void)
{
    static char text[ORDER_MAX];
    size_t len = 0;
    ssize_t n;
    while (len < sizeof text && (n = read(STDIN_FILENO, text + len, sizeof text - len)) != 0) {
        if (n < 0 && errno != EINTR)
            return NULL;
        len += n > 0 ? (size_t)n : 0;
    }
    return len < sizeof text ? json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

/* ---- the way -------------------------------------------------------------------------------- */

static bool is_here(const char *host)
{
    char name[256] = "";
    if (!host || gethostname(name, sizeof name - 1) != 0)
        return true;
    return strcmp(host, name) == 0 || strcmp(host, "localhost") == 0;
}

static bool is_host(const char *host)
{
    return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
           strlen(host);
}

static void jump(const struct jump_place *place, struct jump_result *result)
{
    if (!is_here(place->host)) {
        if (is_host(place->host))
            jump_fail(result, "it is on host %s: ssh %s", place->host, place->host);
        else
            jump_fail(result, "it is on another host");
        return;
    }
    if (place->tmux && place->pane)
        jump_tmux(place, result);
    else
        jump_terminal(place, result);
    if (result->by)
        return;
    if (place->tty)
        jump_fail(result, "it is on %s, and which window shows that is not known", place->tty);
    else
        jump_fail(result, "its place is not known: it was not started in tmux, kitty, WezTerm or a window "
                          "of X11");
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void on_limit(int signal)
{
    static const char line[] =
        "{\"ok\":false,\"reason\":\"it took too long: the terminal or the screen does "
        "not answer\"}\n";
    (void)signal;
    jump_run_kill();
    _exit(write(STDOUT_FILENO, line, sizeof line - 1) > 0 ? 1 : 2);
}

static int print_result(const struct jump_result *result)
{
    json_t *answer = json_pack("{s:b}", "ok", result->ok);
    if (result->ok)
        json_object_set_new(answer, "by", json_string(result->by));
    if (result->ok && result->also)
        json_object_set_new(answer, "also", json_string(result->also));
    if (!result->ok)
        json_object_set_new(answer, "reason", json_string(result->reason));
    signal(SIGALRM, SIG_IGN); /* one line, and no more */
    json_dumpf(answer, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(answer);
    return fflush(stdout) == 0 && result->ok ? 0 : 1;
}

int main(void)
{
    const struct itimerval limit = {.it_value = {LIMIT_MS / 1000, LIMIT_MS % 1000 * 1000}};
    struct jump_result result = {0};

    signal(SIGALRM, on_limit);
    signal(SIGPIPE, SIG_IGN);
    setitimer(ITIMER_REAL, &limit, NULL);
    json_t *order = read_order();
    if (!json_is_object(order)) {
        jump_fail(&result, "the place on stdin is no JSON object");
    } else {
        const struct jump_place place = {.host = member(order, "host"),
                                         .tmux = member(order, "tmux"),
                                         .pane = member(order, "pane"),
                                         .window = member(order, "window"),
                                         .kitty = member(order, "kitty"),
                                         .kitty_socket = member(order, "kitty_socket"),
                                         .wezterm = member(order, "wezterm"),
                                         .tty = member(order, "tty"),
                                         .pid = json_integer_value(json_object_get(order, "pid"))};
        jump(&place, &result);
    }
    int status = print_result(&result);
    json_decref(order);
    return status;
}
