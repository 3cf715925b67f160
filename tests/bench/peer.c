/* peer.c: the bare servers that quietbelld and its hook client are measured against.
 *
 *   peer SOCKET            acknowledges each line from memory; also speaks enough HTTP for curl
 *   peer SOCKET DATABASE   commits one row per line (its text) and acknowledges after the commit
 *
 * Committing is done as quietbelld does it, and nothing else: SQLite, WAL, synchronous=FULL, one worker
 * thread, one transaction in flight; what arrives meanwhile is the next group. Checkpoints run on a thread
 * of their own, from the same length of the log on (store.h: STORE_WAL_DUE, STORE_WAL_MOST). */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_MOST = 256 * 1024, WAL_DUE = 4096, WAL_MOST = 4 * WAL_DUE };

struct peer_client {
    int fd;
    size_t len;
    char buf[LINE_MOST];
};

struct row {
    struct peer_client *client;
    struct row *next;
    size_t len;
    char text[];
};

static struct committer {
    pthread_mutex_t lock;
    pthread_cond_t wake, wake_side;
    struct row *queue, **queue_end; /* waits for the next group */
    struct row *done, **done_end;   /* committed, to be acknowledged */
    int done_fd;
    int wal_pages, wal_copied;
    const char *path;
} committer = {.lock = PTHREAD_MUTEX_INITIALIZER,
               .wake = PTHREAD_COND_INITIALIZER,
               .wake_side = PTHREAD_COND_INITIALIZER,
               .queue_end = &committer.queue,
               .done_end = &committer.done};
static uint64_t seq;

/* ---- the commits --------------------------------------------------------------------------------------- */

static int wal_grew(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)arg, (void)db, (void)name;
    pthread_mutex_lock(&committer.lock);
    if (pages < committer.wal_copied)
        committer.wal_copied = 0;
    committer.wal_pages = pages;
    if (pages - committer.wal_copied >= WAL_DUE)
        pthread_cond_signal(&committer.wake_side);
    pthread_mutex_unlock(&committer.lock);
    return SQLITE_OK;
}

static sqlite3 *connect_database(const char *pragmas)
{
    sqlite3 *db;
    must(sqlite3_open_v2(committer.path, &db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                         NULL) == SQLITE_OK,
         committer.path);
    sqlite3_busy_timeout(db, 10000);
    must(sqlite3_exec(db, pragmas, NULL, NULL, NULL) == SQLITE_OK, "pragmas");
    return db;
}

static void *checkpoint(void *arg)
{
    sqlite3 *db = connect_database("PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0");
    (void)arg;
    for (;;) {
        int pages = 0, copied = 0;
        pthread_mutex_lock(&committer.lock);
        while (committer.wal_pages - committer.wal_copied < WAL_DUE)
            pthread_cond_wait(&committer.wake_side, &committer.lock);
        bool full = committer.wal_pages >= WAL_MOST;
        pthread_mutex_unlock(&committer.lock);
        int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
        if (rc == SQLITE_OK && copied >= 0) {
            pthread_mutex_lock(&committer.lock);
            committer.wal_copied = copied;
            pthread_mutex_unlock(&committer.lock);
        }
        if (full)
            sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_RESTART, &pages, &copied);
    }
    return NULL;
}

static void step(sqlite3_stmt *statement)
{
    must(sqlite3_step(statement) == SQLITE_DONE, "commit");
    sqlite3_reset(statement);
}

static struct row *take_group(void)
{
    pthread_mutex_lock(&committer.lock);
    while (!committer.queue)
        pthread_cond_wait(&committer.wake, &committer.lock);
    struct row *group = committer.queue;
    committer.queue = NULL;
    committer.queue_end = &committer.queue;
    pthread_mutex_unlock(&committer.lock);
    return group;
}

static void *commit(void *arg)
{
    sqlite3 *db = arg;
    sqlite3_stmt *begin, *put, *end;
    must(sqlite3_prepare_v2(db, "BEGIN IMMEDIATE", -1, &begin, NULL) == SQLITE_OK &&
             sqlite3_prepare_v2(db, "INSERT INTO event(text) VALUES(?)", -1, &put, NULL) == SQLITE_OK &&
             sqlite3_prepare_v2(db, "COMMIT", -1, &end, NULL) == SQLITE_OK,
         "prepare");
    for (;;) {
        const uint64_t one = 1;
        struct row *group = take_group(), *last = group;
        step(begin);
        for (struct row *row = group; row; row = row->next) {
            sqlite3_bind_text(put, 1, row->text, (int)row->len, SQLITE_STATIC);
            step(put);
            last = row;
        }
        step(end);
        pthread_mutex_lock(&committer.lock);
        *committer.done_end = group;
        committer.done_end = &last->next;
        pthread_mutex_unlock(&committer.lock);
        must(write(committer.done_fd, &one, sizeof one) == sizeof one, "eventfd");
    }
    return NULL;
}

static void start_committer(const char *path)
{
    pthread_t thread;
    committer.path = path;
    committer.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3 *db = connect_database(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
        "CREATE TABLE IF NOT EXISTS event(seq INTEGER PRIMARY KEY, text TEXT)");
    sqlite3_wal_hook(db, wal_grew, NULL);
    must(pthread_create(&thread, NULL, commit, db) == 0 &&
             pthread_create(&thread, NULL, checkpoint, NULL) == 0,
         "threads");
}

/* ---- the socket ----------------------------------------------------------------------------------------- */

static void acknowledge(struct peer_client *client, bool http)
{
    char body[48], answer[256];
    int len = snprintf(body, sizeof body, "{\"ok\":true,\"seq\":%llu}\n", (unsigned long long)++seq);
    if (http)
        len = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s",
                       len, body);
    if (send(client->fd, http ? answer : body, (size_t)len, MSG_NOSIGNAL) != len)
        shutdown(client->fd, SHUT_RDWR);
}

static void take_line(struct peer_client *client, const char *line, size_t len)
{
    if (!committer.path) {
        acknowledge(client, false);
        return;
    }
    struct row *row = malloc(sizeof *row + len);
    must(row, "memory");
    row->client = client;
    row->next = NULL;
    row->len = len;
    memcpy(row->text, line, len);
    pthread_mutex_lock(&committer.lock);
    *committer.queue_end = row;
    committer.queue_end = &row->next;
    pthread_cond_signal(&committer.wake);
    pthread_mutex_unlock(&committer.lock);
}

/* Bytes of a whole HTTP request at the head of the buffer; 0: not whole yet. */
static size_t request_length(struct peer_client *client)
{
    char *end, *length;
    client->buf[client->len] = 0;
    if (!(end = strstr(client->buf, "\r\n\r\n")) ||
        !(length = strcasestr(client->buf, "content-length:")))
        return 0;
    size_t whole = (size_t)(end + 4 - client->buf) + strtoul(length + 15, NULL, 10);
    return client->len >= whole ? whole : 0;
}

static void take_bytes(struct peer_client *client)
{
    size_t from = 0;
    if (client->len > 5 && memcmp(client->buf, "POST ", 5) == 0) {
        if ((from = request_length(client)) > 0)
            acknowledge(client, true);
    } else {
        for (char *end; (end = memchr(client->buf + from, '\n', client->len - from));) {
            take_line(client, client->buf + from, (size_t)(end - client->buf) - from);
            from = (size_t)(end + 1 - client->buf);
        }
    }
    memmove(client->buf, client->buf + from, client->len - from);
    client->len -= from;
}

static void read_client(struct peer_client *client)
{
    ssize_t n = recv(client->fd, client->buf + client->len, sizeof client->buf - 1 - client->len,
                     MSG_DONTWAIT);
    if (n > 0) {
        client->len += (size_t)n;
        take_bytes(client);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(client->fd); /* the bench's clients leave with nothing outstanding; the struct is reused by nobody */
        if (!committer.path)
            free(client);
    }
}

static void acknowledge_done(void)
{
    uint64_t count;
    if (read(committer.done_fd, &count, sizeof count) < 0)
        return;
    pthread_mutex_lock(&committer.lock);
    struct row *row = committer.done;
    committer.done = NULL;
    committer.done_end = &committer.done;
    pthread_mutex_unlock(&committer.lock);
    while (row) {
        struct row *next = row->next;
        acknowledge(row->client, false);
        free(row);
        row = next;
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct epoll_event event = {.events = EPOLLIN}, events[64];
    if (argc < 2)
        return 2;
    if (argc > 2)
        start_committer(argv[2]);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
        poller = epoll_create1(EPOLL_CLOEXEC);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    unlink(argv[1]);
    must(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 128) == 0,
         argv[1]);
    event.data.ptr = &listener;
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    if (committer.path) {
        event.data.ptr = &committer;
        epoll_ctl(poller, EPOLL_CTL_ADD, committer.done_fd, &event);
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(poller, events, 64, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &committer) {
                acknowledge_done();
            } else if (events[i].data.ptr != &listener) {
                read_client(events[i].data.ptr);
            } else {
                struct peer_client *client = malloc(sizeof *client);
                must(client, "memory");
                client->len = 0;
                client->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                event.data.ptr = client;
                epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &event);
            }
        }
    }
}
