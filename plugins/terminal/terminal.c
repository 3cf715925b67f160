/* terminal.c - the terminal plugin: alerts as lines on a terminal, in a file, or in the daemon's
 * own log.
 *
 *     quietbell 14:03  payments: permission  [critical]
 *       permission  payments  fix-auth  main  claude-code  3 min  Bash: rm -rf build
 *       question    web       -         dev   codex        20 s   Which port?
 *     quietbell 14:05  answered: payments: permission
 *
 * Settings: path, a terminal (/dev/pts/3) or a file to append to; default: stderr, which is the
 * log. bell: false, no \a. Coloured and cut to the width only on a terminal; no colour with
 * NO_COLOR. A version after the first is printed when it is audible. The path is opened anew for
 * each alert, so that rotated files and closed windows are no matter; a terminal stopped with
 * Ctrl-S is not waited for.
 */
#include "../inert.h"
#include "../kit.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

enum {
    SHOWN_MAX = 256, /* titles remembered, for "answered" */
    TITLE_CHARS = 120,
    FIELD_CHARS = 30,
    ASKED_CHARS = 200,
    COLUMNS = 7, /* of a need's line; the last one is what is asked */
    NEEDS_MAX = PROTOCOL_NEEDS_MAX,
    WIDTH_MIN = 40,
    WAIT_MS = 1000, /* for a slow reader */
};

struct shown {
    char *alert, *title;
};

struct terminal {
    struct kit kit;
    char *path; /* NULL: stderr */
    bool bell;
    char problem[PROTOCOL_REASON_MAX]; /* a setting is wrong */
    struct shown shown[SHOWN_MAX];     /* a ring */
    size_t next;
};

/* Where a text goes and how it may look there. */
struct sheet {
    int fd;
    bool tty, colour;
    size_t width; /* in columns; 0: any */
};

/* ---- the sheet ---- */

static int sheet_open(const struct terminal *terminal, struct sheet *sheet)
{
    struct winsize size;
    const char *no_colour = getenv("NO_COLOR");

    memset(sheet, 0, sizeof *sheet);
    sheet->fd = terminal->path
                    ? open(terminal->path,
                           O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0600)
                    : STDERR_FILENO;
    if (sheet->fd < 0)
        return -errno;
    sheet->tty = isatty(sheet->fd);
    sheet->colour = sheet->tty && !(no_colour && *no_colour);
    if (sheet->tty && ioctl(sheet->fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= WIDTH_MIN)
        sheet->width = size.ws_col;
    return 0;
}

/* Writes all of it: 0, or -errno; waits a bounded time for a reader. */
static int sheet_write(const struct sheet *sheet, const char *text, size_t count)
{
    while (count > 0) {
        struct pollfd ready = {.fd = sheet->fd, .events = POLLOUT};
        ssize_t done;

        if (poll(&ready, 1, WAIT_MS) == 0)
            return -EAGAIN;
        done = write(sheet->fd, text, count < 4096 ? count : 4096);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        text += done;
        count -= (size_t)done;
    }
    return 0;
}

static void sheet_close(const struct terminal *terminal, struct sheet *sheet)
{
    if (terminal->path && sheet->fd >= 0)
        close(sheet->fd);
}

/* ---- words in columns ---- */

/* Columns on the screen; a character of unknown width counts one. */
static size_t width_of(const char *text)
{
    size_t width = 0, len;

    for (; *text; text += len) {
        long code = inert_char(text, &len);
        int columns = code < 0 ? 1 : wcwidth((wchar_t)code);
        width += columns < 0 ? 1 : (size_t)columns;
    }
    return width;
}

/* Prints at most `room` columns of the text, "…" for what is cut; the columns printed. */
static size_t print_cut(FILE *out, const char *text, size_t room)
{
    size_t used = 0, len;

    if (width_of(text) <= room) {
        fputs(text, out);
        return width_of(text);
    }
    for (; *text; text += len) {
        long code = inert_char(text, &len);
        int columns = code < 0 ? 1 : wcwidth((wchar_t)code);
        size_t step = columns < 0 ? 1 : (size_t)columns;
        if (used + step + 1 > room)
            break;
        fwrite(text, 1, len, out);
        used += step;
    }
    if (room > 0)
        fputs("\xe2\x80\xa6", out);
    return used + (room > 0);
}

static char *field(const json_t *need, const char *key)
{
    return inert_text(kit_string(need, key), 0, FIELD_CHARS, INERT_ONE_LINE);
}

static char *age_of(const json_t *need)
{
    struct timespec now;
    char text[32];
    long long s, opened_s = json_integer_value(json_object_get(need, "opened_ms")) / 1000;

    clock_gettime(CLOCK_REALTIME, &now);
    s = opened_s > 0 && now.tv_sec > opened_s ? now.tv_sec - opened_s : 0;
    if (opened_s <= 0)
        snprintf(text, sizeof text, "%s", "");
    else if (s < 60)
        snprintf(text, sizeof text, "%lld s", s);
    else if (s < 3600)
        snprintf(text, sizeof text, "%lld min", s / 60);
    else
        snprintf(text, sizeof text, "%lld h", s / 3600);
    return inert_text(text, 0, 0, INERT_ONE_LINE);
}

static char *asked_of(const json_t *need)
{
    const char *title = kit_string(need, "title");
    const char *text = kit_string(need, "text");

    return inert_text(*title ? title : text, 0, ASKED_CHARS, INERT_ONE_LINE);
}

static void fill_row(char **row, const json_t *need)
{
    row[0] = field(need, "kind");
    row[1] = field(need, "repository");
    row[2] = field(need, "worktree");
    row[3] = field(need, "branch");
    row[4] = field(need, "agent");
    row[5] = age_of(need);
    row[6] = asked_of(need);
}

/* The needs, aligned; a column that is empty in every row is left out, a lone empty cell is "-". */
static void print_needs(FILE *out, const struct sheet *sheet, const json_t *needs)
{
    size_t count = json_array_size(needs) < NEEDS_MAX ? json_array_size(needs) : NEEDS_MAX;
    char *rows[NEEDS_MAX][COLUMNS];
    size_t widths[COLUMNS] = {0};

    for (size_t i = 0; i < count; i++) {
        fill_row(rows[i], json_array_get(needs, i));
        for (size_t c = 0; c < COLUMNS; c++)
            if (width_of(rows[i][c]) > widths[c])
                widths[c] = width_of(rows[i][c]);
    }
    for (size_t i = 0; i < count; i++) {
        size_t left = sheet->width ? sheet->width : (size_t)-1;
        fputs("  ", out);
        left -= 2;
        for (size_t c = 0; c < COLUMNS; c++) {
            const char *cell = *rows[i][c] || c == COLUMNS - 1 ? rows[i][c] : "-";
            if (widths[c] == 0)
                continue;
            size_t used = print_cut(out, cell, left);
            size_t pad = c == COLUMNS - 1 ? 0 : widths[c] + 2 - used;
            if (pad > left - used)
                pad = left - used;
            fprintf(out, "%*s", (int)pad, "");
            left -= used + pad;
        }
        fputc('\n', out);
        for (size_t c = 0; c < COLUMNS; c++)
            free(rows[i][c]);
    }
}

/* ---- the lines ---- */

static void print_time(FILE *out, const struct sheet *sheet)
{
    time_t now = time(NULL);
    struct tm local;
    char text[16] = "";

    if (localtime_r(&now, &local))
        strftime(text, sizeof text, "%H:%M", &local);
    fprintf(out, sheet->colour ? "\033[2mquietbell %s\033[0m  " : "quietbell %s  ", text);
}

static void print_alert(FILE *out, const struct sheet *sheet, const struct kit_alert *alert,
                        const char *title, bool bell)
{
    static const char *const colours[] = {
        [KIT_LOW] = "\033[1m", [KIT_NORMAL] = "\033[1;33m", [KIT_CRITICAL] = "\033[1;31m"};
    static const char *const marks[] = {
        [KIT_LOW] = "", [KIT_NORMAL] = "", [KIT_CRITICAL] = "  [critical]"};
    const json_t *needs = json_object_get(alert->json, "needs");
    long long more = json_integer_value(json_object_get(alert->json, "more"));

    if (bell)
        fputc('\a', out);
    print_time(out, sheet);
    fprintf(out, "%s%s%s%s%s\n", alert->update ? "updated: " : "",
            sheet->colour ? colours[alert->urgency] : "", title, sheet->colour ? "\033[0m" : "",
            marks[alert->urgency]);
    print_needs(out, sheet, needs);
    if (json_array_size(needs) == 0 && *alert->body) {
        char *body = inert_text(alert->body, 0, ASKED_CHARS, INERT_ONE_LINE);
        fprintf(out, "  %s\n", body);
        free(body);
    }
    if (more > 0)
        fprintf(out, "  and %lld more\n", more);
}

static const char *error_words(int error)
{
    if (error == -EAGAIN)
        return "the terminal is stopped or its reader hangs";
    if (error == -ENXIO)
        return "nobody reads the pipe";
    return strerror(-error);
}

/* Opens, lets `text` be written, answers the delivery. */
static void answer(struct terminal *terminal, const char *id, struct sheet *sheet, int error,
                   const char *text, size_t count)
{
    char reason[PROTOCOL_REASON_MAX];
    bool permanent;

    if (error == 0)
        error = sheet_write(sheet, text, count);
    sheet_close(terminal, sheet);
    if (error == 0) {
        kit_result(&terminal->kit, id, PROTOCOL_DELIVERED, 0, NULL);
        return;
    }
    permanent = error == -ENOENT || error == -EACCES || error == -EISDIR || error == -ENOTDIR ||
                error == -EROFS;
    snprintf(reason, sizeof reason, "%s: %s", terminal->path ? terminal->path : "stderr",
             error_words(error));
    kit_result(&terminal->kit, id, permanent ? PROTOCOL_FAILED : PROTOCOL_RETRY, 0, reason);
}

/* ---- deliveries ---- */

static struct shown *find_shown(struct terminal *terminal, const char *alert)
{
    for (size_t i = 0; i < SHOWN_MAX; i++)
        if (terminal->shown[i].alert && strcmp(terminal->shown[i].alert, alert) == 0)
            return &terminal->shown[i];
    return NULL;
}

static void clear_shown(struct shown *shown)
{
    free(shown->alert);
    free(shown->title);
    memset(shown, 0, sizeof *shown);
}

static void remember(struct terminal *terminal, const char *alert, const char *title)
{
    struct shown *shown = find_shown(terminal, alert);

    if (!shown) {
        shown = &terminal->shown[terminal->next];
        terminal->next = (terminal->next + 1) % SHOWN_MAX;
    }
    clear_shown(shown);
    shown->alert = strdup(alert);
    shown->title = strdup(title);
    if (!shown->alert || !shown->title)
        abort();
}

static void deliver(struct kit *kit, const char *id, const struct kit_alert *alert)
{
    struct terminal *terminal = kit->self;
    struct sheet sheet;
    char *title, *text = NULL;
    size_t count = 0;
    FILE *out;
    int error;

    if (*terminal->problem) {
        kit_result(kit, id, PROTOCOL_FAILED, 0, terminal->problem);
        return;
    }
    title = inert_text(*alert->title ? alert->title : "an agent needs you", 0, TITLE_CHARS,
                       INERT_ONE_LINE);
    remember(terminal, alert->id, title);
    if (alert->update && !alert->audible) {
        kit_result(kit, id, PROTOCOL_DELIVERED, 0, NULL);
        free(title);
        return;
    }
    error = sheet_open(terminal, &sheet);
    out = open_memstream(&text, &count);
    if (!out)
        abort();
    print_alert(out, &sheet, alert, title, terminal->bell && alert->audible && sheet.tty);
    fclose(out);
    answer(terminal, id, &sheet, error, text, count);
    free(text);
    free(title);
}

static void withdraw(struct kit *kit, const char *id, const char *alert, int64_t version)
{
    struct terminal *terminal = kit->self;
    struct shown *shown = find_shown(terminal, alert);
    struct sheet sheet;
    char *text = NULL;
    size_t count = 0;
    FILE *out;
    int error;

    (void)version;
    if (!shown) {
        kit_result(kit, id, PROTOCOL_DELIVERED, 0, NULL);
        return;
    }
    error = sheet_open(terminal, &sheet);
    out = open_memstream(&text, &count);
    if (!out)
        abort();
    print_time(out, &sheet);
    fprintf(out, "answered: %s\n", shown->title);
    fclose(out);
    answer(terminal, id, &sheet, error, text, count);
    free(text);
    if (error == 0)
        clear_shown(shown);
}

static void take_hello(struct kit *kit, const char *receiver, const json_t *settings)
{
    struct terminal *terminal = kit->self;
    const char *path = kit_string(settings, "path");

    terminal->bell = !json_is_false(json_object_get(settings, "bell"));
    if (json_object_get(settings, "path") && *path != '/')
        snprintf(terminal->problem, sizeof terminal->problem, "setting path: is not an absolute path");
    else if (*path && !(terminal->path = strdup(path)))
        abort();
    if (*terminal->problem)
        kit_log("%s: %s", receiver, terminal->problem);
}

int main(void)
{
    static const struct kit_plugin plugin = {.name = "terminal",
                                             .version = "0.1.0",
                                             .can = KIT_UPDATE | KIT_WITHDRAW,
                                             .hello = take_hello,
                                             .deliver = deliver,
                                             .withdraw = withdraw};
    static struct terminal terminal;
    int status;

    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        setlocale(LC_CTYPE, "");
    kit_init(&terminal.kit, &plugin, &terminal);
    status = kit_run(&terminal.kit);
    for (size_t i = 0; i < SHOWN_MAX; i++)
        clear_shown(&terminal.shown[i]);
    free(terminal.path);
    return status;
}
