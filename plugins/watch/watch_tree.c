/* watch_tree.c - see watch_tree.h.
 *
 * A struct dir is a directory with what its names may mean: states (pattern, depth). At the last depth names are
 * files; before it they are directories to go into; below the pattern's literal part they are what is waited for.
 * tree_scan() walks every pattern anew and drops what it did not meet. */
#include "watch_tree.h"

#include "../kit.h"
#include "watch_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    DIRS_MAX = 8192,
    BUCKETS = 1024,
    STATES_MAX = 256, /* meanings of one directory: its own patterns, and those that wait for something in it */
    POLL_MS = 2000,
    READS_MAX = 32, /* all that the kernel keeps, before the first file is read: many speak of the same */
    LISTED_MAX = 100000, /* names looked at in one directory */
};
#define MASK_SELF (IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define MASK_NAMES (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

struct state {
    short pattern, depth;
};
struct dir {
    char *path;
    int wd; /* -1: not by inotify */
    uint32_t mask;
    struct state *states; /* n_states */
    int n_states;
    bool seen; /* in this scan */
    bool poll;
    struct dir *next, *next_by_path, *next_by_wd;
};

static struct tree {
    const struct patterns *patterns;
    int fd;
    struct dir *dirs, *by_path[BUCKETS], *by_wd[BUCKETS];
    int n_dirs, n_poll;
    bool rescan, first, full, no_watches;
    int64_t overflows;
} tree;

/* ---- finding ------------------------------------------------------------------------------------- */

static unsigned path_bucket(const char *path)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 0x100000001b3u;
    return (unsigned)(hash >> 32) % BUCKETS;
}

static struct dir *find_path(const char *path)
{
    struct dir *dir = tree.by_path[path_bucket(path)];

    while (dir && strcmp(dir->path, path) != 0)
        dir = dir->next_by_path;
    return dir;
}

static struct dir *find_wd(int wd)
{
    struct dir *dir = tree.by_wd[(unsigned)wd % BUCKETS];

    while (dir && dir->wd != wd)
        dir = dir->next_by_wd;
    return dir;
}

static void unlink_wd(struct dir *dir)
{
    struct dir **at = &tree.by_wd[(unsigned)dir->wd % BUCKETS];

    if (dir->wd < 0)
        return;
    while (*at != dir)
        at = &(*at)->next_by_wd;
    *at = dir->next_by_wd;
    dir->wd = -1;
}

static void link_wd(struct dir *dir, int wd)
{
    struct dir **bucket = &tree.by_wd[(unsigned)wd % BUCKETS], *other = find_wd(wd);

    if (other) /* the same directory by another name: this one is told */
        unlink_wd(other);
    dir->wd = wd;
    dir->next_by_wd = *bucket;
    *bucket = dir;
}

/* ---- life of a directory ------------------------------------------------------------------------- */

static void drop(struct dir *dir)
{
    struct dir **at = &tree.dirs, **bucket = &tree.by_path[path_bucket(dir->path)];

    while (*at != dir)
        at = &(*at)->next;
    *at = dir->next;
    while (*bucket != dir)
        bucket = &(*bucket)->next_by_path;
    *bucket = dir->next_by_path;
    if (dir->wd >= 0)
        inotify_rm_watch(tree.fd, dir->wd);
    unlink_wd(dir);
    files_gone(dir);
    tree.n_dirs--;
    tree.n_poll -= dir->poll;
    free(dir->states);
    free(dir->path);
    free(dir);
}

/* The directory and all below it. */
static void drop_below(const char *path)
{
    size_t len = strlen(path);
    char *copy = strdup(path);

    for (struct dir *dir = tree.dirs, *next; copy && dir; dir = next) {
        next = dir->next;
        if (strncmp(dir->path, copy, len) == 0 && (dir->path[len] == '/' || !dir->path[len]))
            drop(dir);
    }
    free(copy);
}

static struct dir *get(const char *path)
{
    struct dir *dir = find_path(path), **bucket = &tree.by_path[path_bucket(path)];

    if (dir)
        return dir;
    if (tree.n_dirs == DIRS_MAX) {
        if (!tree.full)
            kit_log("more than %d directories: the others are not watched", DIRS_MAX);
        tree.full = true;
        return NULL;
    }
    dir = calloc(1, sizeof *dir);
    if (!dir || !(dir->path = strdup(path)))
        abort();
    dir->wd = -1;
    dir->next = tree.dirs;
    tree.dirs = dir;
    dir->next_by_path = *bucket;
    *bucket = dir;
    tree.n_dirs++;
    return dir;
}

/* Where events of other machines, or of programs behind, do not come. */
static bool is_remote(const char *path)
{
    static const unsigned long types[] = {
        0x6969,     /* nfs */
        0x517b,     /* smb */
        0xff534d42, /* cifs */
        0xfe534d42, /* smb2 */
        0x01021997, /* 9p */
        0x65735546, /* fuse: sshfs, virtiofs of containers */
        0x00c36400, /* ceph */
        0x5346414f, /* afs */
        0x73757245, /* coda */
        0x786f4256, /* vboxsf */
        0xbacbacbc, /* vmhgfs */
    };
    struct statfs fs;

    if (statfs(path, &fs) != 0)
        return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (((unsigned long)fs.f_type & 0xffffffff) == types[i])
            return true;
    }
    return false;
}

static void set_poll(struct dir *dir, bool poll)
{
    tree.n_poll += (int)poll - (int)dir->poll;
    dir->poll = poll;
}

/* Watches it, or sees that it still is what is watched. False: it is not there. */
static bool watch(struct dir *dir, bool follow)
{
    uint32_t mask = dir->mask | (follow ? 0 : IN_DONT_FOLLOW);
    int wd = tree.fd < 0 ? -1 : inotify_add_watch(tree.fd, dir->path, mask);

    if (wd >= 0 && wd != dir->wd) {
        if (dir->wd >= 0) { /* another directory by this name */
            inotify_rm_watch(tree.fd, dir->wd);
            unlink_wd(dir);
        }
        link_wd(dir, wd);
    }
    if (wd < 0 && tree.fd >= 0 && errno != ENOSPC && errno != ENOMEM)
        return false;
    if (wd < 0 && tree.fd >= 0 && !tree.no_watches) {
        kit_log("no inotify watches left (fs.inotify.max_user_watches): listing every %d s",
                POLL_MS / 1000);
        tree.no_watches = true;
    }
    set_poll(dir, wd < 0 || is_remote(dir->path));
    return true;
}

/* ---- walking --------------------------------------------------------------------------------------- */

static bool visit(const char *path, int pattern, int depth);

static void child_path(char *buf, size_t size, const struct dir *dir, const char *name)
{
    size_t len = strlen(dir->path);

    *buf = '\0';
    if (len + strlen(name) + 2 <= size)
        stpcpy(stpcpy(stpcpy(buf, dir->path), len == 1 ? "" : "/"), name);
}

static bool is_last(const struct state *state)
{
    return state->depth == tree.patterns->list[state->pattern].n - 1;
}

/* Looks at all names for one meaning. */
static void list(struct dir *dir, const struct state *state)
{
    const struct pattern *pattern = &tree.patterns->list[state->pattern];
    const struct state what = *state; /* the directory may go meanwhile */
    bool last = is_last(state);
    char path[4096];
    int left = LISTED_MAX;
    DIR *names = opendir(dir->path);
    struct dirent *entry;

    while (names && (entry = readdir(names)) && left-- > 0) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            !pattern_fits(pattern, what.depth, name))
            continue;
        if (last) {
            file_seen(dir, dir->path, name, what.pattern, tree.first ? SEEN_FIRST : SEEN_LISTED);
        } else if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) {
            child_path(path, sizeof path, dir, name);
            if (*path)
                visit(path, what.pattern, what.depth + 1);
        }
    }
    if (names)
        closedir(names);
}

static bool add_state(struct dir *dir, int pattern, int depth)
{
    for (int i = 0; i < dir->n_states; i++) {
        if (dir->states[i].pattern == pattern && dir->states[i].depth == depth)
            return true;
    }
    if (dir->n_states == STATES_MAX)
        return false;
    dir->states = realloc(dir->states, (size_t)(dir->n_states + 1) * sizeof *dir->states);
    if (!dir->states)
        abort();
    dir->states[dir->n_states++] = (struct state){(short)pattern, (short)depth};
    return true;
}

/* A directory whose names may be segment `depth` of a pattern; depth -1: only its own end matters. False: it cannot
 * be watched, perhaps because it went just now. */
static bool visit(const char *path, int pattern, int depth)
{
    const struct pattern *p = &tree.patterns->list[pattern];
    struct dir *dir = get(path);

    if (!dir)
        return false;
    if (!dir->seen) {
        dir->seen = true;
        dir->n_states = 0;
        dir->mask = MASK_SELF;
    }
    if (depth >= 0) {
        if (!add_state(dir, pattern, depth))
            kit_log("more than %d patterns in %.200s", STATES_MAX, path);
        dir->mask |= MASK_NAMES | (depth == p->n - 1 ? IN_MODIFY : 0);
    }
    if (!watch(dir, depth <= p->literal)) {
        drop(dir);
        return false;
    }
    if (depth >= p->literal)
        list(dir, &(struct state){(short)pattern, (short)depth});
    return true;
}

static bool is_there(const struct pattern *pattern, int depth)
{
    char *path = pattern_path(pattern, depth);
    struct stat st;
    bool there = stat(path, &st) == 0 && S_ISDIR(st.st_mode);

    free(path);
    return there;
}

static bool visit_part(int pattern, int depth, int state)
{
    char *path = pattern_path(&tree.patterns->list[pattern], depth);
    bool watched = visit(path, pattern, state);

    free(path);
    return watched;
}

/* Goes down the literal part as far as it is there. What comes or goes before the watch is added is seen by looking
 * again; what comes or goes after it is an event. */
static void walk(int pattern)
{
    const struct pattern *p = &tree.patterns->list[pattern];
    int depth = p->literal;

    for (int left = 100; left > 0; left--) {
        while (depth > 0 && !is_there(p, depth))
            depth--;
        if (depth > 1) /* that it moves is an event of its own; that its parent does, of that one */
            visit_part(pattern, depth - 1, -1);
        if (!visit_part(pattern, depth, depth)) {
            if (depth == 0)
                return;
            depth--;
        } else if (depth == p->literal || !is_there(p, depth + 1)) {
            return;
        } else {
            depth++;
        }
    }
}

void tree_scan(void)
{
    tree.rescan = tree.full = false;
    files_scan_begin();
    for (struct dir *dir = tree.dirs; dir; dir = dir->next)
        dir->seen = false;
    for (int i = 0; i < tree.patterns->n; i++)
        walk(i);
    for (struct dir *dir = tree.dirs, *next; dir; dir = next) {
        next = dir->next;
        if (!dir->seen)
            drop(dir);
    }
    files_scan_end();
    tree.first = false;
}

/* ---- events ----------------------------------------------------------------------------------------- */

static void take_name(struct dir *dir, uint32_t mask, const char *name)
{
    char path[4096];
    const struct state *states = dir->states;
    bool anew =
        true; /* what the name means is found out anew: by all patterns, not by the last one alone */

    for (int i = 0; i < dir->n_states; i++) {
        const struct pattern *pattern = &tree.patterns->list[states[i].pattern];
        if (!pattern_fits(pattern, states[i].depth, name))
            continue;
        if (is_last(&states[i])) {
            if (mask & (IN_DELETE | IN_MOVED_FROM))
                file_gone(dir, name);
            else if (!(mask & IN_ISDIR))
                file_seen(dir, dir->path, name, states[i].pattern, SEEN_CHANGED);
            continue;
        }
        child_path(path, sizeof path, dir, name);
        if (!*path)
            continue;
        if (mask & (IN_DELETE | IN_MOVED_FROM)) {
            drop_below(path);
            tree.rescan |= states[i].depth < pattern->literal;
        } else if (states[i].depth < pattern->literal) {
            tree.rescan = true; /* what was waited for has come, or was replaced */
        } else if (mask & IN_ISDIR) {
            struct dir *old = anew ? find_path(path) : NULL;
            if (old)
                old->seen = false;
            anew = false;
            visit(path, states[i].pattern, states[i].depth + 1);
        }
    }
}

static void take_event(const struct inotify_event *event)
{
    struct dir *dir;

    if (event->mask & IN_Q_OVERFLOW) {
        tree.overflows++;
        tree.rescan = true;
        return;
    }
    dir = find_wd(event->wd);
    if (!dir)
        return;
    if (event->mask & IN_IGNORED)
        unlink_wd(dir); /* the kernel has let go of it */
    if (event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) {
        drop_below(dir->path);
        tree.rescan = true;
    } else if (event->len > 0) {
        take_name(dir, event->mask, event->name);
    }
}

void tree_read(void)
{
    static char buf[64 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n;

    for (int left = READS_MAX; left > 0 && (n = read(tree.fd, buf, sizeof buf)) > 0; left--) {
        for (char *at = buf; at < buf + n;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            take_event(event);
            at += sizeof *event + event->len;
        }
    }
    if (tree.rescan)
        tree_scan();
}

/* ---- life -------------------------------------------------------------------------------------------- */

int tree_open(const struct patterns *patterns, bool poll)
{
    tree.patterns = patterns;
    tree.first = true;
    tree.no_watches = poll; /* it is no news */
    tree.fd = poll ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return tree.fd < 0 ? (poll ? -ENOTSUP : -errno) : tree.fd;
}

void tree_close(void)
{
    while (tree.dirs)
        drop(tree.dirs);
    if (tree.fd >= 0)
        close(tree.fd);
}

void tree_report(void)
{
    if (tree.overflows > 0)
        kit_log("the kernel lost events %lld times: all was listed again", (long long)tree.overflows);
}

int tree_poll_ms(void)
{
    return tree.n_poll > 0 ? POLL_MS : -1;
}
