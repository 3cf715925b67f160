/* hook_context.c - see hook_context.h.
 *
 * Every system call here is on the agent's critical path, so: one walk over the environment, one
 * read of /proc/PID/stat (two when a shell stands between), and for git one open that fails per
 * directory level plus one that does not. No stdio, no allocation.
 */
#include "hook_context.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

/* The agents' variables whose *names* are sent when they are set; never a value: some are
 * secrets. */
// clang-format off
static const char *const mark_names[] = {
    "CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SESSION_ID", "CLAUDE_PROJECT_DIR",
    "CODEX_MANAGED_BY_NPM", "CODEX_MANAGED_PACKAGE_ROOT", "CODEX_HOME",
    "GEMINI_SESSION_ID", "GEMINI_PROJECT_DIR", "GEMINI_CLI",
    "QWEN_CODE_SESSION_ID", "QWEN_PROJECT_DIR", "COPILOT_CLI", "OPENCODE",
    "AUGMENT_CONVERSATION_ID", "AUGMENT_HOOK_EVENT", "CRUSH", "CRUSH_SESSION_ID",
    "CURSOR_TRACE_ID", "CURSOR_AGENT", "AIDER_NOTIFICATIONS_COMMAND",
    "WARP_CLI_AGENT_PROTOCOL_VERSION", "CONDUCTOR_WORKSPACE_NAME", "CI", "SSH_CONNECTION",
};
// clang-format on
#define MARKS (sizeof mark_names / sizeof *mark_names)

/* The variables whose values are used. */
static const struct {
    const char *name;
    size_t offset;
} value_names[] = {
    {"QUIETBELL_SOCKET", offsetof(struct environment, quietbell_socket)},
    {"XDG_RUNTIME_DIR", offsetof(struct environment, xdg_runtime_dir)},
    {"XDG_STATE_HOME", offsetof(struct environment, xdg_state_home)},
    {"HOME", offsetof(struct environment, home)},
    {"TMUX", offsetof(struct environment, tmux)},
    {"TMUX_PANE", offsetof(struct environment, tmux_pane)},
    {"WINDOWID", offsetof(struct environment, windowid)},
    {"KITTY_WINDOW_ID", offsetof(struct environment, kitty_window_id)},
    {"KITTY_LISTEN_ON", offsetof(struct environment, kitty_listen_on)},
    {"WEZTERM_PANE", offsetof(struct environment, wezterm_pane)},
    {"TERM_PROGRAM", offsetof(struct environment, term_program)},
};

/* The value when `entry` is NAME=value, else NULL. */
static const char *value_of(const char *entry, const char *name)
{
    while (*name && *entry == *name)
        entry++, name++;
    return *name == 0 && *entry == '=' ? entry + 1 : NULL;
}

void environment_read(struct environment *environment)
{
    memset(environment, 0, sizeof *environment);
    for (char **entry = environ; *entry; entry++) {
        for (size_t i = 0; i < MARKS; i++)
            if (mark_names[i][0] == **entry && value_of(*entry, mark_names[i]))
                environment->marks |= (uint64_t)1 << i;
        for (size_t i = 0; i < sizeof value_names / sizeof *value_names; i++) {
            const char *value =
                value_names[i].name[0] == **entry ? value_of(*entry, value_names[i].name) : NULL;
            if (value && *value)
                *(const char **)((char *)environment + value_names[i].offset) = value;
        }
    }
}

/* Reads the beginning of a file into buf (NUL-terminated); bytes read, or -1 with errno. The
 * descriptor is left to the end of the process, which is near. */
static ssize_t read_start(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, buf, size - 1);
    buf[n > 0 ? n : 0] = 0;
    return n;
}

/* ---- the parent ------------------------------------------------------------------------------ */

struct process {
    unsigned long pid, parent, tty; /* tty: device number of its controlling terminal, 0: none */
    unsigned long long start;       /* clock ticks since boot; with the pid it names one process */
    char name[32];
};

static void process_path(char path[64], unsigned long pid, const char *end)
{
    struct text text = {path, 0, 63};
    text_puts(&text, "/proc/");
    text_number(&text, pid);
    text_puts(&text, end);
    path[text.len] = 0;
}

/* proc(5): pid (comm) state ppid pgrp session tty_nr ... starttime is field 22. comm may contain
 * anything, so fields are counted from its last bracket. */
static bool process_read(struct process *process, unsigned long pid)
{
    char path[64], buf[1024];
    process_path(path, pid, "/stat");
    if (read_start(path, buf, sizeof buf) <= 0)
        return false;
    char *open_bracket = strchr(buf, '('), *p = strrchr(buf, ')');
    if (!open_bracket || !p)
        return false;
    *process = (struct process){.pid = pid};
    size_t n = (size_t)(p - open_bracket - 1);
    memcpy(process->name, open_bracket + 1, n < sizeof process->name ? n : sizeof process->name - 1);
    for (int field = 3; field <= 22 && (p = strchr(p, ' ')); field++) {
        p++;
        if (field == 4)
            process->parent = strtoul(p, NULL, 10);
        else if (field == 7)
            process->tty = strtoul(p, NULL, 10);
        else if (field == 22)
            process->start = strtoull(p, NULL, 10);
    }
    return p != NULL;
}

static bool is_shell(const char *name)
{
    return !strcmp(name, "sh") || !strcmp(name, "dash") || !strcmp(name, "bash") ||
           !strcmp(name, "zsh");
}

/* The process that called us, behind the shells (`sh -c 'quietbell-hook …'`) in between. */
static bool caller_read(struct process *caller)
{
    if (!process_read(caller, (unsigned long)getppid()))
        return false;
    for (int shells = 0; shells < 3 && caller->parent > 1 && is_shell(caller->name); shells++) {
        struct process above;
        if (!process_read(&above, caller->parent))
            break;
        *caller = above;
    }
    return true;
}

/* The caller's terminal: its controlling one by number (proc(5): minor is bits 31-20 and 7-0, major
 * bits 15-8; devices.txt: 136-143 are /dev/pts/N, 4 is /dev/ttyN), else what its stdin is. */
static void caller_tty(const struct process *caller, char tty[256])
{
    unsigned long major = caller->tty >> 8 & 0xFF,
                  minor = (caller->tty & 0xFF) | (caller->tty >> 12 & 0xFFF00);
    struct text text = {tty, 0, 255};
    if (major >= 136 && major <= 143) {
        text_puts(&text, "/dev/pts/");
        text_number(&text, (major - 136) * 256 + minor);
    } else if (major == 4 && minor < 64) {
        text_puts(&text, "/dev/tty");
        text_number(&text, minor);
    } else if (caller->tty == 0) {
        char path[64];
        process_path(path, caller->pid, "/fd/0");
        ssize_t n = readlink(path, tty, 255);
        if (n > 8 && (!memcmp(tty, "/dev/pts", 8) || !memcmp(tty, "/dev/tty", 8)))
            text.len = (size_t)n;
    }
    tty[text.len] = 0;
}

/* Whose process numbers these are: the boot of a kernel, and the namespace in it. A container may be called as its
 * host is, and so may two machines; without this the daemon would look up the pid of another. */
static void write_pid_space(struct text *text)
{
    char space[64], boot[16], link[48];
    struct text value = {space, 0, sizeof space - 1};
    ssize_t n = readlink("/proc/self/ns/pid", link, sizeof link - 1); /* pid:[4026531836] */
    if (n <= 5 || read_start("/proc/sys/kernel/random/boot_id", boot, 9) != 8)
        return;
    link[n] = 0;
    text_put(&value, boot, 8);
    text_put(&value, "-", 1);
    text_put(&value, link + 5, strcspn(link + 5, "]"));
    space[value.len] = 0;
    text_member(text, "pid_space", space, 64);
}

/* ---- git ------------------------------------------------------------------------------------- */

#define PATH_SIZE (PATH_MAX + 64)

struct checkout {
    char repository[256]; /* name of the main worktree, so that worktrees group */
    char worktree[256];   /* name of the linked worktree; empty in the main one */
    char branch[512];     /* or the first 8 digits of the commit */
};

static void copy(char *to, size_t size, const char *from, size_t n)
{
    if (n >= size)
        n = size - 1;
    memcpy(to, from, n);
    to[n] = 0;
}

/* Appends "/name" (or takes an absolute name for the whole) and resolves . and .. by text. */
static bool path_join(char path[PATH_SIZE], const char *name)
{
    size_t len = *name == '/' ? 0 : strlen(path);
    while (*name) {
        while (*name == '/')
            name++;
        size_t n = strcspn(name, "/");
        if (n == 2 && name[0] == '.' && name[1] == '.') {
            while (len > 0 && path[--len] != '/')
                ;
        } else if (n > 0 && !(n == 1 && name[0] == '.')) {
            if (len + n + 2 > PATH_SIZE)
                return false;
            path[len++] = '/';
            memcpy(path + len, name, n);
            len += n;
        }
        name += n;
    }
    path[len] = 0;
    return true;
}

/* The last part of the path; with `up`, the one before it. */
static void last_part(const char *path, bool up, char *name, size_t size)
{
    size_t end = strlen(path), start;
    for (;; up = false) {
        for (start = end; start > 0 && path[start - 1] != '/'; start--)
            ;
        if (!up || start == 0)
            break;
        end = start - 1;
    }
    copy(name, size, path + start, end - start);
}

static void read_branch(struct checkout *checkout, const char *head)
{
    static const char prefix[] = "ref: refs/heads/";
    size_t n = strcspn(head, "\r\n");
    if (n > sizeof prefix - 1 && !memcmp(head, prefix, sizeof prefix - 1)) {
        if (head[sizeof prefix - 1] != '.') /* ".invalid": a reftable repository keeps it elsewhere */
            copy(checkout->branch, sizeof checkout->branch, head + sizeof prefix - 1,
                 n - (sizeof prefix - 1));
    } else if (n >= 40) {
        copy(checkout->branch, sizeof checkout->branch, head, 8);
    }
}

/* The repository's name by its common directory: …/NAME/.git, …/NAME/.bare or …/NAME.git */
static void read_common(struct checkout *checkout, const char *common)
{
    last_part(common, false, checkout->repository, sizeof checkout->repository);
    if (checkout->repository[0] == '.')
        last_part(common, true, checkout->repository, sizeof checkout->repository);
    size_t n = strlen(checkout->repository);
    if (n > 4 && !strcmp(checkout->repository + n - 4, ".git"))
        checkout->repository[n - 4] = 0;
}

/* `top`/.git is a file, "gitdir: PATH": a linked worktree (its git directory has a `commondir`), a
 * submodule, or a git directory kept elsewhere (gitrepository-layout(5)). */
static void read_git_file(struct checkout *checkout, char top[PATH_SIZE])
{
    char buf[PATH_SIZE], dir[PATH_SIZE];
    size_t top_len = strlen(top);
    memcpy(dir, top, top_len + 1);
    if (!path_join(dir, ".git") || read_start(dir, buf, sizeof buf) <= 8 ||
        memcmp(buf, "gitdir: ", 8) != 0)
        return;
    buf[strcspn(buf, "\r\n")] = 0;
    dir[top_len] = 0;
    if (!path_join(dir, buf + 8))
        return;
    size_t dir_len = strlen(dir);
    last_part(top, false, checkout->repository, sizeof checkout->repository);
    if (path_join(dir, "HEAD") && read_start(dir, buf, sizeof buf) > 0)
        read_branch(checkout, buf);
    dir[dir_len] = 0;
    if (!path_join(dir, "commondir") || read_start(dir, buf, sizeof buf) <= 0)
        return;
    buf[strcspn(buf, "\r\n")] = 0;
    dir[dir_len] = 0;
    if (!path_join(dir, buf))
        return;
    last_part(top, false, checkout->worktree, sizeof checkout->worktree);
    read_common(checkout, dir);
}

/* Walks up from the directory in `path`, shortening it. `.git/HEAD` answers everything in one open:
 * it is there (the main worktree), its .git is no directory (ENOTDIR: a file), or there is none. */
static void checkout_read(struct checkout *checkout, char path[PATH_SIZE])
{
    char head[1024];
    size_t len = strlen(path);
    memset(checkout->repository, 0, 1);
    memset(checkout->worktree, 0, 1);
    memset(checkout->branch, 0, 1);
    while (len > 0) {
        if (path[len - 1] == '/')
            len--;
        memcpy(path + len, "/.git/HEAD", 11);
        ssize_t n = read_start(path, head, sizeof head);
        path[len] = 0;
        if (n > 0) {
            read_branch(checkout, head);
            last_part(path, false, checkout->repository, sizeof checkout->repository);
            return;
        }
        if (n < 0 && errno == ENOTDIR) {
            read_git_file(checkout, path);
            return;
        }
        while (len > 0 && path[len - 1] != '/')
            len--;
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void write_place(struct text *text, const struct environment *environment, const char *tty)
{
    size_t before = text->len;
    text_name(text, "place");
    text_put(text, "{", 1);
    size_t empty = text->len;
    if (environment->tmux) { /* SOCKET,SERVER PID,SESSION */
        char socket[256];
        copy(socket, sizeof socket, environment->tmux, strlen(environment->tmux));
        for (int i = 0; i < 2; i++) {
            char *comma = strrchr(socket, ',');
            if (comma)
                *comma = 0;
        }
        text_member(text, "tmux", socket, 512);
        text_member(text, "pane", environment->tmux_pane, 64);
    }
    text_member(text, "window", environment->windowid, 64);
    text_member(text, "tty", tty, 256);
    text_member(text, "kitty", environment->kitty_window_id, 64);
    text_member(text, "kitty_socket", environment->kitty_listen_on, 512);
    text_member(text, "wezterm", environment->wezterm_pane, 64);
    text_member(text, "term", environment->term_program, 64);
    if (text->len == empty)
        text->len = before;
    else
        text_put(text, "}", 1);
}

static void write_marks(struct text *text, uint64_t marks)
{
    if (!marks)
        return;
    text_name(text, "marks");
    const char *before = "[\"";
    for (size_t i = 0; i < MARKS; i++) {
        if (!(marks >> i & 1))
            continue;
        text_puts(text, before);
        text_puts(text, mark_names[i]);
        before = "\",\"";
    }
    text_put(text, "\"]", 2);
}

void context_write(struct text *text, const struct environment *environment)
{
    char tty[256] = "", cwd[PATH_SIZE];
    struct process caller;
    struct utsname host;
    text_put(text, "{", 1);
    if (caller_read(&caller)) {
        text_name(text, "pid");
        text_number(text, caller.pid);
        text_name(text, "pid_start");
        text_number(text, caller.start);
        write_pid_space(text);
        caller_tty(&caller, tty);
    }
    if (uname(&host) == 0)
        text_member(text, "host", host.nodename, 256);
    if (getcwd(cwd, PATH_MAX) && cwd[0] == '/') {
        struct checkout checkout;
        text_member(text, "cwd", cwd, PATH_MAX);
        checkout_read(&checkout, cwd);
        text_member(text, "repository", checkout.repository, 256);
        text_member(text, "worktree", checkout.worktree, 256);
        text_member(text, "branch", checkout.branch, 512);
    }
    write_marks(text, environment->marks);
    write_place(text, environment, tty);
    text_put(text, "}", 1);
}
