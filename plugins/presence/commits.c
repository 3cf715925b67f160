/* commits.c: what the person commits: see signals.h.
 *
 * The host names folders: those of the sessions that are alive, and whether an agent is at work in them. Git appends
 * to logs/HEAD of a checkout at each commit, so that folder is watched, by inotify: the session's own checkout, unless
 * an agent is at work in it (then it is the agent who commits), and that of the repository it is a worktree of. */
#include "changes.h"
#include "signals.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOGS_MAX = 64, UP_MAX = 32, TAIL_MAX = 4096 };

static struct logs {
    int fd; /* inotify, -1: none */
    guint watch;
    struct log {
        char *folder; /* …/logs */
        int wd;
        off_t size; /* of HEAD when it was last looked at */
        bool wanted;
    } list[LOGS_MAX];
    int n;
} logs = {.fd = -1};

/* ---- where git keeps them --------------------------------------------------------------------------------- */

/* The first line of a file, without `prefix`; relative to `base`. NULL: no such file, or another. Heap. */
static char *pointed(const char *path, const char *prefix, const char *base)
{
    char *text = NULL, *whole = NULL;

    if (g_file_test(path, G_FILE_TEST_IS_REGULAR) && g_file_get_contents(path, &text, NULL, NULL) &&
        g_str_has_prefix(text, prefix)) {
        text[strcspn(text, "\r\n")] = '\0';
        whole = g_canonicalize_filename(text + strlen(prefix), base);
    }
    g_free(text);
    return whole;
}

/* The git folder of the checkout that holds `folder`, or NULL. Heap. */
static char *git_of(const char *folder)
{
    char *at = g_strdup(folder), *git = NULL;

    for (int up = 0; !git && up < UP_MAX; up++) {
        char *path = g_build_filename(at, ".git", NULL), *parent = g_path_get_dirname(at);
        bool top = strcmp(parent, at) == 0;
        git = g_file_test(path, G_FILE_TEST_IS_DIR) ? g_strdup(path) : pointed(path, "gitdir: ", at);
        g_free(path);
        g_free(at);
        at = parent;
        if (top)
            break;
    }
    g_free(at);
    return git;
}

static off_t size_of(const char *folder)
{
    struct stat status;
    char *path = g_build_filename(folder, "HEAD", NULL);
    off_t size = stat(path, &status) == 0 ? status.st_size : 0;

    g_free(path);
    return size;
}

static void want(const char *git)
{
    char *folder = g_build_filename(git, "logs", NULL);

    for (int i = 0; i < logs.n; i++) {
        if (strcmp(logs.list[i].folder, folder) == 0) {
            logs.list[i].wanted = true;
            g_free(folder);
            return;
        }
    }
    int wd = logs.n < LOGS_MAX
                 ? inotify_add_watch(logs.fd, folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
                 : -1;
    if (wd < 0)
        g_free(folder);
    else
        logs.list[logs.n++] = (struct log){folder, wd, size_of(folder), true};
}

/* ---- what is watched ------------------------------------------------------------------------------------------ */

static void follow(const json_t *folder)
{
    const char *path = json_string_value(json_object_get(folder, "path"));
    char *git = path && *path == '/' ? git_of(path) : NULL;

    if (!git)
        return;
    char *file = g_build_filename(git, "commondir", NULL);
    char *common = pointed(file, "", git);
    bool working = json_is_true(json_object_get(folder, "working"));
    if (!working)
        want(git);
    if (common)
        want(common);
    g_free(file);
    g_free(common);
    g_free(git);
}

static void drop(int i)
{
    inotify_rm_watch(logs.fd, logs.list[i].wd);
    g_free(logs.list[i].folder);
    logs.list[i] = logs.list[--logs.n];
}

/* A checkout in which an agent is at work is not watched, though another session's repository may be it. */
static void unwant(const json_t *folder)
{
    const char *path = json_string_value(json_object_get(folder, "path"));
    char *git = json_is_true(json_object_get(folder, "working")) && path && *path == '/'
                    ? git_of(path)
                    : NULL;
    char *own = git ? g_build_filename(git, "logs", NULL) : NULL;

    for (int i = 0; own && i < logs.n; i++) {
        if (strcmp(logs.list[i].folder, own) == 0)
            logs.list[i].wanted = false;
    }
    g_free(own);
    g_free(git);
}

void commits_follow(const json_t *folders)
{
    const json_t *folder;
    size_t i;

    if (logs.fd < 0)
        return;
    for (int at = 0; at < logs.n; at++)
        logs.list[at].wanted = false;
    json_array_foreach(folders, i, folder) follow(folder);
    json_array_foreach(folders, i, folder) unwant(folder);
    for (int at = logs.n - 1; at >= 0; at--) {
        if (!logs.list[at].wanted)
            drop(at);
    }
    if (logs.n == 0)
        presence_seen(SIGNAL_COMMITS, "no checkout to watch");
    else
        presence_seen(SIGNAL_COMMITS, "in %d checkout%s", logs.n, logs.n == 1 ? "" : "s");
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

/* "OLD NEW NAME <MAIL> TIME ZONE\tcommit: WORDS": a commit, an amended one, a merge; not a checkout or a pull. */
static bool is_commit(const char *line)
{
    const char *words = strchr(line, '\t');
    return words && g_str_has_prefix(words + 1, "commit");
}

static void read_new(struct log *log)
{
    char *path = g_build_filename(log->folder, "HEAD", NULL);
    char bytes[TAIL_MAX];
    off_t size = size_of(log->folder), from = log->size;
    int fd = size > from ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

    log->size = size;
    if (size - from >= (off_t)sizeof bytes)
        from = size - (off_t)sizeof bytes + 1;
    ssize_t got = fd >= 0 ? pread(fd, bytes, sizeof bytes - 1, from) : -1;
    if (fd >= 0)
        close(fd);
    g_free(path);
    if (got <= 0)
        return;
    bytes[got] = '\0';
    for (char *rest = bytes, *line; (line = strsep(&rest, "\n"));) {
        if (is_commit(line))
            presence_breakpoint("a commit");
    }
}

static gboolean on_change(gint fd, GIOCondition condition, gpointer unused)
{
    struct changes changes;

    (void)condition, (void)unused;
    changes_read(&changes, fd);
    for (const struct inotify_event *event; (event = changes_next(&changes));) {
        for (int i = 0; i < logs.n; i++) {
            if (logs.list[i].wd == event->wd && event->len && strcmp(event->name, "HEAD") == 0)
                read_new(&logs.list[i]);
        }
    }
    return G_SOURCE_CONTINUE;
}

void commits_open(void)
{
    logs.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (logs.fd < 0)
        return;
    logs.watch = g_unix_fd_add(logs.fd, G_IO_IN, on_change, NULL);
    presence_seen(SIGNAL_COMMITS, "no checkout to watch");
}

void commits_close(void)
{
    g_clear_handle_id(&logs.watch, g_source_remove);
    while (logs.n > 0)
        drop(logs.n - 1);
    if (logs.fd >= 0)
        close(logs.fd);
    logs.fd = -1;
}
