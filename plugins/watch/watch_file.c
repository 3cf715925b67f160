/* watch_file.c - see watch_file.h. */
#include "watch_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    FILES_MAX = 20000,
    BUCKETS = 4096,
    READ_MAX = 64 * 1024,     /* of a JSON file, and of a line */
    TAIL_BYTES = 16 * 1024,   /* of a growing file at the start … */
    TAIL_AGE_S = 600,         /* … if it grew lately */
    NEW_MAX = 1024 * 1024,    /* of a file that comes with more, only the end is read */
    WINDOW = 16,              /* messages that are out … */
    WINDOW_BYTES = 256 * 1024, /* … and their bytes */
    RETRY_MS = 1000,
    HEAD_MAX = 100,
};

struct file {
    struct dir *dir;
    const char *path; /* of the directory: its own */
    struct file *next, *next_dirty;
    ino_t ino;
    int64_t size, mtime_ns; /* as last seen */
    int64_t offset;         /* lines: how far it is read */
    uint64_t told;          /* json: hash of what was told last */
    char *head;             /* the session's id of the first line */
    short pattern;
    unsigned scan; /* in which it was seen last */
    bool dirty, gone;
    bool known;    /* something of it was told */
    bool skipping; /* lines: within one that is too long, or that began before we looked */
    char name[];
};

struct sent {
    char *text; /* owned; NULL: free */
    size_t len;
    uint64_t id;
    int64_t again_ms; /* the host said: later */
};

static struct files {
    struct kit *kit;
    const struct patterns *patterns;
    struct file *buckets[BUCKETS], *dirty, **dirty_end;
    int n;
    struct sent window[WINDOW];
    size_t window_bytes;
    uint64_t next_id;
    int64_t too_long, too_big, no_json, no_room;
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
    bool old = how == SEEN_FIRST && now_ms(CLOCK_REALTIME) / 1000 - st->st_mtim.tv_sec > TAIL_AGE_S;

    file->ino = st->st_ino;
    file->offset = old ? st->st_size : st->st_size > back ? st->st_size - back : 0;
    file->skipping = !old && file->offset > 0; /* the line that this is within */
}

void file_seen(struct dir *dir, const char *path, const char *name, int pattern, enum file_seen how)
{
    struct file *file = find(dir, name);
    struct stat st;
    bool is_new = !file, lines = files.patterns->list[pattern].format != WATCH_JSON;

    if (!file)
        file = remember(dir, path, name, pattern);
    if (!file)
        return;
    file->scan = files.scan;
    if (!look(file, &st)) {
        if (is_new)
            forget(file);
        else
            file_gone(dir, name);
        return;
    }
    if (is_new && lines)
        begin(file, &st, how);
    else if (!is_new && file->ino == st.st_ino && file->size == st.st_size && file->mtime_ns == mtime_ns(&st) &&
             how != SEEN_CHANGED && !file->gone)
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

/* ---- telling ------------------------------------------------------------------------------------------ */

static struct sent *free_slot(void)
{
    for (int i = 0; i < WINDOW && files.window_bytes < WINDOW_BYTES; i++) {
        if (!files.window[i].text)
            return &files.window[i];
    }
    return NULL;
}

static void send(const struct sent *sent)
{
    kit_send(files.kit, json_loadb(sent->text, sent->len, 0, NULL));
}

/* content NULL: the file is gone. Something has to be free in the window. */
static void tell(struct file *file, const char *content, size_t len)
{
    static const char *const formats[] = {"json", "json-lines", "log"};
    char path[4096], id[17];
    struct sent *sent = free_slot();
    json_t *message = NULL, *text = content ? json_stringn(content, len) : json_null();

    if (!text || !path_of(file, path, sizeof path)) {
        files.no_json++; /* no UTF-8 */
        json_decref(text);
        return;
    }
    sent->id = ++files.next_id;
    snprintf(id, sizeof id, "%016llx", (unsigned long long)sent->id);
    message = json_pack("{ss ss sI ss ss so}", "type", PROTOCOL_FILE, "id", id, "at_ms",
                        (json_int_t)now_ms(CLOCK_REALTIME), "path", path, "format",
                        formats[files.patterns->list[file->pattern].format], "content", text);
    if (message && !content)
        json_object_set_new(message, "gone", json_true());
    if (message && file->head && *file->head)
        json_object_set_new(message, "session", json_string(file->head));
    sent->text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    sent->len = sent->text ? strlen(sent->text) : 0;
    sent->again_ms = 0;
    if (sent->len > PROTOCOL_LINE_MAX || !sent->text) { /* escapes made it too long, or the path is no text */
        free(sent->text);
        sent->text = NULL;
        files.too_long++;
        json_decref(message);
        return;
    }
    files.window_bytes += sent->len;
    file->known = true;
    kit_send(files.kit, message);
}

void file_acked(const json_t *ack)
{
    uint64_t id = strtoull(kit_string(ack, "id"), NULL, 16);
    bool ok = json_is_true(json_object_get(ack, "ok"));

    for (int i = 0; i < WINDOW; i++) {
        struct sent *sent = &files.window[i];
        if (!sent->text || sent->id != id)
            continue;
        if (!ok && json_is_true(json_object_get(ack, "retry"))) {
            sent->again_ms = now_ms(CLOCK_MONOTONIC) + RETRY_MS;
            return;
        }
        if (!ok)
            kit_log("the host refuses what a file says: %s", kit_string(ack, "error"));
        files.window_bytes -= sent->len;
        free(sent->text);
        sent->text = NULL;
        return;
    }
}

/* Sends once more what the host could not take; when to look again, or -1. */
static int send_again(void)
{
    int64_t now = now_ms(CLOCK_MONOTONIC), wait = -1;

    for (int i = 0; i < WINDOW; i++) {
        struct sent *sent = &files.window[i];
        if (!sent->text || !sent->again_ms)
            continue;
        if (sent->again_ms <= now) {
            sent->again_ms = 0;
            send(sent);
        } else if (wait < 0 || sent->again_ms - now < wait) {
            wait = sent->again_ms - now;
        }
    }
    return (int)wait;
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

static void take_head(struct file *file, const json_t *json)
{
    const char *key = files.patterns->list[file->pattern].head;

    if (!key)
        return;
    for (const char *dot; json && (dot = strchr(key, '.')); key = dot + 1)
        json = json_object_getn(json, key, (size_t)(dot - key));
    json = json_object_get(json, key);
    free(file->head);
    file->head = strndup(json_is_string(json) ? json_string_value(json) : "", HEAD_MAX);
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
    tell(file, bytes, (size_t)n);
}

/* The session's id, which stands in the first line of some agents' files only. */
static void read_head(struct file *file, int fd)
{
    const char *end;
    ssize_t n;
    json_t *json;

    if (!files.patterns->list[file->pattern].head || file->head || (n = read_at(fd, 0, READ_MAX)) <= 0)
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

    while (at < n && (end = memchr(bytes + at, '\n', n - at)) && free_slot()) {
        size_t len = (size_t)(end - (bytes + at)), next = at + len + 1;
        if (!file->skipping && len > 0 && pattern_wants(pattern, bytes + at, len))
            tell(file, bytes + at, len);
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
        if (!file->skipping && files.patterns->list[file->pattern].format == WATCH_LOG && free_slot())
            tell(file, bytes, READ_MAX);
        file->skipping = true; /* the rest of this line */
        taken = (size_t)n;
    }
    file->offset += (int64_t)taken;
    return taken > 0 && file->offset < st->st_size;
}

static void pump_one(struct file *file)
{
    struct stat st;
    int fd = file->gone ? -1 : open_file(file, &st);

    if (fd < 0) { /* gone, or gone between */
        if (file->known && files.patterns->list[file->pattern].gone)
            tell(file, NULL, 0);
        forget(file);
        return;
    }
    file->size = st.st_size;
    file->mtime_ns = mtime_ns(&st);
    if (files.patterns->list[file->pattern].format == WATCH_JSON)
        read_json(file, fd);
    else if (read_lines(file, fd, &st) || (!free_slot() && file->offset < st.st_size))
        make_dirty(file);
    close(fd);
}

int file_pump(void)
{
    int wait = send_again();

    while (files.dirty && free_slot())
        pump_one(take_dirty());
    return wait;
}

/* ---- life -------------------------------------------------------------------------------------------------- */

void files_open(struct kit *kit, const struct patterns *patterns)
{
    files.kit = kit;
    files.patterns = patterns;
    files.dirty_end = &files.dirty;
    if (getrandom(&files.next_id, sizeof files.next_id, 0) != sizeof files.next_id)
        abort();
    files.next_id &= ~(uint64_t)0 << 24; /* room to count */
}

void files_close(void)
{
    for (int i = 0; i < BUCKETS; i++) {
        while (files.buckets[i])
            forget(files.buckets[i]);
    }
    for (int i = 0; i < WINDOW; i++)
        free(files.window[i].text);
}

void files_report(void)
{
    if (files.too_long + files.too_big + files.no_json + files.no_room > 0)
        kit_log("left out: %lld lines over %d KiB, %lld files over %d KiB, %lld that are no JSON, %lld files too many",
                (long long)files.too_long, READ_MAX / 1024, (long long)files.too_big, READ_MAX / 1024,
                (long long)files.no_json, (long long)files.no_room);
}
