/* watch_file.c - see watch_file.h. */
#include "watch_file.h"

#include "watch_tell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    FILES_MAX = 20000,
    BUCKETS = 4096,
    READ_MAX = 64 * 1024,   /* of a JSON file, and of a line */
    TAIL_BYTES = 16 * 1024, /* of a growing file at the start … */
    TAIL_AGE_S = 600,       /* … if it grew lately */
    NEW_MAX = 1024 * 1024,  /* of a file that comes with more, only the end is read */
    HEAD_MAX = 256,
};

struct file {
    struct dir *dir;
    const char *path; /* of the directory: its own */
    struct file *next, *next_dirty;
    ino_t ino;
    int64_t size, mtime_ns; /* as last seen */
    int64_t offset;         /* lines: how far it is read */
    int64_t first;          /* what lies before this was there at the start */
    uint64_t told;          /* json: hash of what was told last */
    char *head;             /* values of the first line */
    short pattern;
    unsigned scan; /* in which it was seen last */
    bool dirty, gone;
    bool known;    /* something of it was told */
    bool skipping; /* lines: within one that is too long, or that began before we looked */
    char name[];
};

static struct files {
    const struct patterns *patterns;
    struct file *buckets[BUCKETS], *dirty, **dirty_end;
    int n;
    int64_t too_long, too_big, no_json, untold, no_room;
    unsigned scan;
    bool full;
} files;

static char bytes[READ_MAX + 1];

static int64_t now_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t hash_bytes(uint64_t hash, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    return hash;
}

/* ---- what is remembered ---------------------------------------------------------------------------- */

static struct file **bucket_of(const struct dir *dir, const char *name)
{
    uint64_t hash = hash_bytes(0xcbf29ce484222325u ^ (uintptr_t)dir, name, strlen(name));

    return &files.buckets[(hash >> 32) % BUCKETS];
}

static struct file *find(const struct dir *dir, const char *name)
{
    struct file *file = *bucket_of(dir, name);

    while (file && (file->dir != dir || strcmp(file->name, name) != 0))
        file = file->next;
    return file;
}

static void make_dirty(struct file *file)
{
    if (file->dirty)
        return;
    file->dirty = true;
    file->next_dirty = NULL;
    *files.dirty_end = file;
    files.dirty_end = &file->next_dirty;
}

static struct file *take_dirty(void)
{
    struct file *file = files.dirty;

    files.dirty = file->next_dirty;
    if (!files.dirty)
        files.dirty_end = &files.dirty;
    file->dirty = false;
    return file;
}

static void forget(struct file *file)
{
    struct file **at = bucket_of(file->dir, file->name);

    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    files.n--;
    free(file->head);
    if (file->dir == NULL)
        free((char *)file->path);
    free(file);
}

static struct file *remember(struct dir *dir, const char *path, const char *name, int pattern)
{
    struct file **bucket = bucket_of(dir, name), *file;

    if (files.n == FILES_MAX) {
        files.no_room++;
        if (!files.full)
            kit_log("more than %d files: the others are not watched", FILES_MAX);
        files.full = true;
        return NULL;
    }
    file = calloc(1, sizeof *file + strlen(name) + 1);
    if (!file)
        abort();
    strcpy(file->name, name);
    file->dir = dir;
    file->path = path;
    file->pattern = (short)pattern;
    file->next = *bucket;
    *bucket = file;
    files.n++;
    return file;
}

static bool path_of(const struct file *file, char *buf, size_t size)
{
    return (size_t)snprintf(buf, size, "%s/%s", file->path, file->name) < size;
}

/* ---- seen and gone ----------------------------------------------------------------------------------- */

/* A regular file of our own; links are not followed, and nothing else is ever opened. */
static bool look(const struct file *file, struct stat *st)
{
    char path[4096];

    return path_of(file, path, sizeof path) && lstat(path, st) == 0 && S_ISREG(st->st_mode) &&
           (st->st_uid == geteuid() || st->st_uid == 0);
}

static int64_t mtime_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Where reading of a growing file begins. */
static void begin(struct file *file, const struct stat *st, enum file_seen how)
{
    int64_t back = how == SEEN_FIRST ? TAIL_BYTES : st->st_size > NEW_MAX ? READ_MAX : st->st_size;
    bool old = how == SEEN_FIRST && (now_ms(CLOCK_REALTIME) / 1000 - st->st_mtim.tv_sec > TAIL_AGE_S ||
                                     !files.patterns->list[file->pattern].tail);

    file->ino = st->st_ino;
    file->offset = old ? st->st_size : st->st_size > back ? st->st_size - back : 0;
    file->skipping = !old && file->offset > 0; /* the line that this is within */
}

static bool is_lines(int pattern)
{
    enum watch_format format = files.patterns->list[pattern].format;
    return format == WATCH_LINES || format == WATCH_LOG;
}

void file_seen(struct dir *dir, const char *path, const char *name, int pattern, enum file_seen how)
{
    struct file *file = find(dir, name);
    struct stat st;
    bool is_new = !file, lines = is_lines(pattern);

    if (!file)
        file = remember(dir, path, name, pattern);
    if (!file)
        return;
    file->scan = files.scan;
    if (file->dirty && !file->gone)
        return; /* it will be looked at anyway */
    if (!look(file, &st)) {
        if (is_new)
            forget(file);
        else
            file_gone(dir, name);
        return;
    }
    if (is_new && how == SEEN_FIRST)
        file->first = lines ? st.st_size : 1;
    if (is_new && lines)
        begin(file, &st, how);
    else if (!is_new && file->ino == st.st_ino && file->size == st.st_size &&
             file->mtime_ns == mtime_ns(&st) && how != SEEN_CHANGED && !file->gone)
        return;
    file->gone = false;
    file->size = st.st_size;
    file->mtime_ns = mtime_ns(&st);
    if (!lines || file->offset != st.st_size)
        make_dirty(file);
}

static void set_gone(struct file *file)
{
    file->gone = true;
    file->ino = 0;
    make_dirty(file);
}

void file_gone(struct dir *dir, const char *name)
{
    struct file *file = find(dir, name);

    if (file)
        set_gone(file);
}

/* The directory's own memory goes now: what still has to be told keeps its path. */
void files_gone(struct dir *dir)
{
    for (int i = 0; i < BUCKETS; i++) {
        for (struct file *file = files.buckets[i], *next; file; file = next) {
            next = file->next;
            if (file->dir != dir)
                continue;
            struct file **at = bucket_of(dir, file->name);
            while (*at != file)
                at = &(*at)->next;
            *at = file->next;
            file->path = strdup(file->path);
            file->dir = NULL;
            if (!file->path)
                abort();
            at = bucket_of(NULL, file->name);
            file->next = *at;
            *at = file;
            set_gone(file);
        }
    }
}

void files_scan_begin(void)
{
    files.scan++;
}

void files_scan_end(void)
{
    for (int i = 0; i < BUCKETS; i++) {
        for (struct file *file = files.buckets[i]; file; file = file->next) {
            if (file->dir && file->scan != files.scan && !file->gone)
                set_gone(file);
        }
    }
}

static void tell_file(struct file *file, const char *content, size_t len)
{
    char path[4096];
    const struct sight sight = {.path = path,
                                .format = files.patterns->list[file->pattern].format,
                                .content = content,
                                .len = len,
                                .head = file->head,
                                .mtime_ms = content ? file->mtime_ns / 1000000 : 0,
                                .first = content && file->first > file->offset};

    if (path_of(file, path, sizeof path) && tell(&sight))
        file->known = true;
    else
        files.untold++;
    if (!is_lines(file->pattern))
        file->first = 0;
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static int open_file(const struct file *file, struct stat *st)
{
    char path[4096];
    int fd;

    if (!look(file, st))
        return -1;
    path_of(file, path, sizeof path);
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, st) != 0 || !S_ISREG(st->st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static ssize_t read_at(int fd, int64_t offset, size_t most)
{
    size_t got = 0;
    ssize_t n;

    while (got < most && (n = pread(fd, bytes + got, most - got, offset + (int64_t)got)) != 0) {
        if (n < 0 && errno != EINTR)
            return -1;
        got += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)got;
}

/* The values that the settings ask for, with blanks between them. */
static void take_head(struct file *file, const json_t *json)
{
    const struct pattern *pattern = &files.patterns->list[file->pattern];
    char head[HEAD_MAX] = "";
    size_t used = 0;

    for (int i = 0; i < pattern->n_head && used < sizeof head; i++) {
        const json_t *value = json;
        const char *key = pattern->head[i];
        for (const char *dot; value && (dot = strchr(key, '.')); key = dot + 1)
            value = json_object_getn(value, key, (size_t)(dot - key));
        used += (size_t)snprintf(head + used, sizeof head - used, "%s%s", i ? " " : "",
                                 kit_string(value, key));
    }
    free(file->head);
    file->head = pattern->n_head ? strdup(head) : NULL;
}

/* A file that is being rewritten in place may be half there: its next event comes when it is whole. */
static void read_json(struct file *file, int fd)
{
    ssize_t n = read_at(fd, 0, READ_MAX + 1);
    json_t *json;
    uint64_t hash;

    if (n > READ_MAX)
        files.too_big++;
    if (n <= 0 || n > READ_MAX)
        return;
    hash = hash_bytes(0xcbf29ce484222325u, bytes, (size_t)n);
    if (file->known && hash == file->told)
        return;
    json = json_loadb(bytes, (size_t)n, 0, NULL);
    if (!json) {
        files.no_json++;
        return;
    }
    take_head(file, json);
    json_decref(json);
    file->told = hash;
    tell_file(file, bytes, (size_t)n);
}

/* What stands in the first line of some agents' files only: whose session it is. */
static void read_head(struct file *file, int fd)
{
    const char *end;
    ssize_t n;
    json_t *json;

    if (!files.patterns->list[file->pattern].n_head || file->head || (n = read_at(fd, 0, READ_MAX)) <= 0)
        return;
    end = memchr(bytes, '\n', (size_t)n);
    json = json_loadb(bytes, end ? (size_t)(end - bytes) : (size_t)n, 0, NULL);
    if (json || end) /* else it is not written to its end yet */
        take_head(file, json);
    json_decref(json);
}

/* Takes complete lines while the window has room; returns the bytes taken. */
static size_t take_lines(struct file *file, size_t n)
{
    const struct pattern *pattern = &files.patterns->list[file->pattern];
    size_t at = 0;
    char *end;

    while (at < n && (end = memchr(bytes + at, '\n', n - at)) && tell_room()) {
        size_t len = (size_t)(end - (bytes + at)), next = at + len + 1;
        if (!file->skipping && len > 0 && pattern_wants(pattern, bytes + at, len))
            tell_file(file, bytes + at, len);
        file->skipping = false;
        at = next;
    }
    return at;
}

/* True: there is more to be read. */
static bool read_lines(struct file *file, int fd, const struct stat *st)
{
    ssize_t n;
    size_t taken;

    if (file->ino != st->st_ino || st->st_size < file->offset) { /* replaced, or cut */
        begin(file, st, SEEN_CHANGED);
        free(file->head);
        file->head = NULL;
    }
    read_head(file, fd);
    n = read_at(fd, file->offset, READ_MAX);
    if (n <= 0)
        return false;
    taken = take_lines(file, (size_t)n);
    if (taken == 0 && n == READ_MAX && !memchr(bytes, '\n', (size_t)n)) {
        if (!file->skipping)
            files.too_long++;
        if (!file->skipping && files.patterns->list[file->pattern].format == WATCH_LOG && tell_room())
            tell_file(file, bytes, READ_MAX);
        file->skipping = true; /* the rest of this line */
        taken = (size_t)n;
    }
    file->offset += (int64_t)taken;
    return taken > 0 && file->offset < st->st_size;
}

static void pump_one(struct file *file)
{
    struct stat st;
    bool by_name = files.patterns->list[file->pattern].format == WATCH_NAME;
    int fd = file->gone ? -1 : by_name ? (look(file, &st) ? 0 : -1) : open_file(file, &st);

    if (fd < 0) { /* gone, or gone between */
        if (file->known && files.patterns->list[file->pattern].gone)
            tell_file(file, NULL, 0);
        forget(file);
        return;
    }
    file->size = st.st_size;
    file->mtime_ns = mtime_ns(&st);
    if (by_name) {
        if (!file->known || file->ino != st.st_ino)
            tell_file(file, "", 0);
        file->ino = st.st_ino;
        return;
    }
    if (files.patterns->list[file->pattern].format == WATCH_JSON)
        read_json(file, fd);
    else if (read_lines(file, fd, &st) || (!tell_room() && file->offset < st.st_size))
        make_dirty(file);
    close(fd);
}

int file_pump(void)
{
    int wait = tell_again();

    while (files.dirty && tell_room())
        pump_one(take_dirty());
    return wait;
}

/* ---- life -------------------------------------------------------------------------------------------------- */

void files_open(const struct patterns *patterns)
{
    files.patterns = patterns;
    files.dirty_end = &files.dirty;
}

void files_close(void)
{
    for (int i = 0; i < BUCKETS; i++) {
        while (files.buckets[i])
            forget(files.buckets[i]);
    }
}

void files_report(void)
{
    if (files.too_long + files.too_big + files.no_json + files.untold + files.no_room > 0)
        kit_log("left out: %lld lines over %d KiB, %lld files over %d KiB, %lld that are no JSON, "
                "%lld that are no text, %lld files too many",
                (long long)files.too_long, READ_MAX / 1024, (long long)files.too_big, READ_MAX / 1024,
                (long long)files.no_json, (long long)files.untold, (long long)files.no_room);
}
