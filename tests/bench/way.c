/* way.c: how long from an event to the popup's Notify, and to the webhook's arrival: quietbelld's way beside the
 * direct one and alertmanager's, in interleaved rounds.
 *
 *   way ROUNDS GAP_MS HTTP_PORT DATABASE ALERTMANAGER_PORT [NAME SOCKET]...
 *
 * One process measures both ends with one clock. The thread of http.c's receiver stamps a POST when its last byte
 * was read; the thread of the bus monitor stamps the Notify call, and the server's answer to it, when the bus
 * daemon hands out its copy (a real notification server serves the calls and knows nothing of it). Each
 * measurement carries a tag of its own in its title, so what arrives is known for what it is; each begins after
 * GAP_MS of quiet, and what it opened is closed again before that quiet begins.
 *
 *   notify            a direct Notify by GDBus on one connection: from the call until it passes the bus …
 *   notify.answered   … and until the server's answer does
 *   post              a direct POST by libcurl on one kept connection, of a body as quietbelld sends it
 *   alertmanager      from the POST of an alert until its webhook arrives
 *   commit            one SQLite WAL synchronous=FULL transaction of one 1 KB row
 *   NAME.notify, NAME.notify.answered, NAME.webhook     from an event message to the quietbelld at SOCKET;
 *                     a permission goes to the popup, a question to the webhook (the bench's configuration)
 *
 * Prints one line of JSON per name, in µs. */
#include "bench.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <gio/gio.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { DAEMONS = 4, WAIT_MS = 3000, TAG = 24, CLIENTS = 32, REQUEST = 65536 };

/* What is waited for, and when it was seen. */
static struct seen {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char tag[TAG]; /* "" before and after: what arrives then is nobody's */
    int64_t notify_ns, answered_ns, post_ns;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void expect(char tag[TAG])
{
    static unsigned number;
    uint32_t random;
    must(getrandom(&random, sizeof random, 0) == sizeof random, "getrandom");
    snprintf(tag, TAG, "tag-%08x-%u", random, ++number);
    pthread_mutex_lock(&seen.lock);
    memcpy(seen.tag, tag, TAG);
    seen.notify_ns = seen.answered_ns = seen.post_ns = 0;
    pthread_mutex_unlock(&seen.lock);
}

static void see(int64_t *when, const char *text)
{
    int64_t ns = now_ns();
    pthread_mutex_lock(&seen.lock);
    if (seen.tag[0] && *when == 0 && (!text || strstr(text, seen.tag))) {
        *when = ns;
        pthread_cond_signal(&seen.changed);
    }
    pthread_mutex_unlock(&seen.lock);
}

/* Until *when is stamped, or patience ends; 0 then. */
static int64_t wait_seen(const int64_t *when)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&seen.lock);
    while (*when == 0 && pthread_cond_timedwait(&seen.changed, &seen.lock, &until) == 0)
        ;
    int64_t ns = *when;
    pthread_mutex_unlock(&seen.lock);
    return ns;
}

static void add(struct samples *samples, int64_t from_ns, int64_t to_ns)
{
    if (to_ns > 0)
        samples_add(samples, to_ns - from_ns);
    else
        samples->failed++;
}

/* ---- the receiver of POSTs ------------------------------------------------------------------------------- */

static int listener;

struct poster {
    size_t len;
    char buf[REQUEST];
};

static void take_posts(int fd, struct poster *poster)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
    char *end, *length;
    poster->buf[poster->len] = 0;
    while ((end = strstr(poster->buf, "\r\n\r\n")) &&
           (length = strcasestr(poster->buf, "content-length:"))) {
        size_t whole = (size_t)(end + 4 - poster->buf) + strtoul(length + 15, NULL, 10);
        if (poster->len < whole)
            return;
        see(&seen.post_ns, poster->buf);
        if (send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0)
            return;
        memmove(poster->buf, poster->buf + whole, poster->len - whole + 1);
        poster->len -= whole;
    }
}

static void *receive_posts(void *arg)
{
    static struct pollfd fds[CLIENTS + 1];
    static struct poster posters[CLIENTS + 1];
    int one = 1, n = 1;
    (void)arg;
    fds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
    while (poll(fds, (nfds_t)n, -1) > 0) {
        for (int i = n - 1; i > 0; i--) {
            if (!fds[i].revents)
                continue;
            struct poster *poster = &posters[i];
            ssize_t got = recv(fds[i].fd, poster->buf + poster->len, REQUEST - 1 - poster->len, 0);
            if (got > 0) {
                poster->len += (size_t)got;
                take_posts(fds[i].fd, poster);
                continue;
            }
            close(fds[i].fd);
            fds[i] = fds[--n];
            posters[i] = posters[n];
        }
        if (fds[0].revents && n <= CLIENTS) {
            fds[n] =
                (struct pollfd){.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), .events = POLLIN};
            setsockopt(fds[n].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            posters[n++].len = 0;
        }
    }
    return NULL;
}

static void start_receiver(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    pthread_t thread;
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    must(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 64) == 0,
         "listen");
    must(pthread_create(&thread, NULL, receive_posts, NULL) == 0, "thread");
}

/* ---- the bus ---------------------------------------------------------------------------------------------- */

static const char server_name[] = "org.freedesktop.Notifications",
                  server_path[] = "/org/freedesktop/Notifications";

static void check(GError *error, const char *what)
{
    if (error) {
        fprintf(stderr, "way: %s: %s\n", what, error->message);
        exit(1);
    }
}

static GDBusConnection *connect_bus(void)
{
    GError *error = NULL;
    char *address = g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SESSION, NULL, &error);
    check(error, "bus");
    GDBusConnection *bus =
        g_dbus_connection_new_for_address_sync(address,
                                               G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                   G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                               NULL, NULL, &error);
    check(error, "bus");
    g_free(address);
    return bus;
}

/* Runs in GDBus's reading thread, for each message that the bus shows its monitor. */
static GDBusMessage *on_message(GDBusConnection *bus, GDBusMessage *message, gboolean incoming,
                                gpointer arg)
{
    static guint32 serial;
    static char sender[64];
    (void)bus, (void)arg;
    if (!incoming)
        return message;
    if (g_strcmp0(g_dbus_message_get_member(message), "Notify") == 0) {
        const char *title = "", *body = "";
        GVariant *args = g_dbus_message_get_body(message);
        if (g_variant_is_of_type(args, G_VARIANT_TYPE("(susssasa{sv}i)"))) {
            g_variant_get_child(args, 3, "&s", &title);
            g_variant_get_child(args, 4, "&s", &body);
        }
        see(&seen.notify_ns, strstr(title, "tag-") ? title : body);
        serial = g_dbus_message_get_serial(message);
        snprintf(sender, sizeof sender, "%s", g_dbus_message_get_sender(message));
    } else if (serial && g_dbus_message_get_reply_serial(message) == serial &&
               g_strcmp0(g_dbus_message_get_destination(message), sender) == 0) {
        serial = 0;
        if (seen.notify_ns)
            see(&seen.answered_ns, NULL);
    } else if (!g_dbus_message_get_sender(message) ||
               strcmp(g_dbus_message_get_sender(message), "org.freedesktop.DBus") == 0) {
        return message; /* the answer to BecomeMonitor */
    }
    g_object_unref(message);
    return NULL;
}

static void start_monitor(void)
{
    GError *error = NULL;
    const char *rules[] = {"type='method_call',interface='org.freedesktop.Notifications',member='Notify'",
                           "type='method_return',sender='org.freedesktop.Notifications'", NULL};
    GDBusConnection *bus = connect_bus();
    g_dbus_connection_add_filter(bus, on_message, NULL, NULL);
    GVariant *reply = g_dbus_connection_call_sync(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                  "org.freedesktop.DBus.Monitoring", "BecomeMonitor",
                                                  g_variant_new("(^asu)", rules, 0), NULL,
                                                  G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    check(error, "BecomeMonitor");
    g_variant_unref(reply);
}

/* As libnotify says it. */
static guint32 notify(GDBusConnection *bus, const char *tag)
{
    GError *error = NULL;
    GVariantBuilder actions, hints;
    char title[64];
    guint32 id = 0;
    snprintf(title, sizeof title, "payments: permission, %s", tag);
    g_variant_builder_init(&actions, G_VARIANT_TYPE("as"));
    for (const char *const *word =
             (const char *const[]){"acknowledge", "Acknowledge", "snooze", "Snooze", NULL};
         *word; word++)
        g_variant_builder_add(&actions, "s", *word);
    g_variant_builder_init(&hints, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&hints, "{sv}", "urgency", g_variant_new_byte(1));
    g_variant_builder_add(&hints, "{sv}", "sender-pid", g_variant_new_int64(getpid()));
    GVariant *reply = g_dbus_connection_call_sync(
        bus, server_name, server_path, server_name, "Notify",
        g_variant_new("(susssasa{sv}i)", "way", 0, "", title,
                      "Bash: make test\nmain · the ledger's tests", &actions, &hints, -1),
        G_VARIANT_TYPE("(u)"), G_DBUS_CALL_FLAGS_NONE, WAIT_MS, NULL, &error);
    check(error, "Notify");
    g_variant_get(reply, "(u)", &id);
    g_variant_unref(reply);
    return id;
}

static void close_popup(GDBusConnection *bus, guint32 id)
{
    GVariant *reply = g_dbus_connection_call_sync(bus, server_name, server_path, server_name,
                                                  "CloseNotification", g_variant_new("(u)", id),
                                                  NULL, G_DBUS_CALL_FLAGS_NONE, WAIT_MS, NULL, NULL);
    if (reply)
        g_variant_unref(reply);
}

/* ---- the direct ways -------------------------------------------------------------------------------------- */

static size_t swallow(char *bytes, size_t size, size_t count, void *arg)
{
    (void)bytes, (void)arg;
    return size * count;
}

static CURL *open_curl(int port, const char *path)
{
    char url[128];
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *curl = curl_easy_init();
    must(curl, "curl");
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, curl_slist_append(headers, "Expect:"));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
    return curl;
}

static void post(CURL *curl, const char *body)
{
    long status = 0;
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200) {
        fprintf(stderr, "way: POST: %s, %ld\n", curl_easy_strerror(code), status);
        exit(1);
    }
}

static void post_direct(CURL *curl, struct samples *samples)
{
    char tag[TAG], body[2048];
    expect(tag);
    snprintf(body, sizeof body,
             "{\"text\":\"*payments: question, %s*\\nBash: make test\",\"blocks\":[{\"type\":\"header\",\"text\":{\"type\":"
             "\"plain_text\",\"text\":\"payments: question, %s\"}},{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\","
             "\"text\":\"%s\"}}]}",
             tag, tag,
             "The suite of the ledger fails in three places after the change of the rounding rule.");
    int64_t from_ns = now_ns();
    post(curl, body);
    add(samples, from_ns, wait_seen(&seen.post_ns));
}

static void post_alert(CURL *curl, struct samples *samples)
{
    char tag[TAG], body[2048];
    expect(tag);
    snprintf(body, sizeof body,
             "[{\"labels\":{\"alertname\":\"question\",\"agent\":\"bench\",\"session\":\"%s\",\"repository\":\"payments\"},"
             "\"annotations\":{\"title\":\"%s\",\"text\":\"%s\"}}]",
             tag, tag,
             "The suite of the ledger fails in three places after the change of the rounding rule.");
    int64_t from_ns = now_ns();
    post(curl, body);
    add(samples, from_ns, wait_seen(&seen.post_ns));
}

static sqlite3_stmt *begin, *put, *end;

static void open_database(const char *path)
{
    sqlite3 *db;
    must(sqlite3_open(path, &db) == SQLITE_OK &&
             sqlite3_exec(db,
                          "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
                          "CREATE TABLE IF NOT EXISTS event(seq INTEGER PRIMARY KEY, text TEXT)",
                          NULL, NULL, NULL) == SQLITE_OK &&
             sqlite3_prepare_v2(db, "BEGIN IMMEDIATE", -1, &begin, NULL) == SQLITE_OK &&
             sqlite3_prepare_v2(db, "INSERT INTO event(text) VALUES(?)", -1, &put, NULL) == SQLITE_OK &&
             sqlite3_prepare_v2(db, "COMMIT", -1, &end, NULL) == SQLITE_OK,
         path);
}

static void step(sqlite3_stmt *statement)
{
    must(sqlite3_step(statement) == SQLITE_DONE, "commit");
    sqlite3_reset(statement);
}

static void commit_row(struct samples *samples)
{
    static char row[1024];
    memset(row, 'x', sizeof row);
    int64_t from_ns = now_ns();
    step(begin);
    sqlite3_bind_text(put, 1, row, sizeof row, SQLITE_STATIC);
    step(put);
    step(end);
    add(samples, from_ns, now_ns());
}

/* ---- quietbelld's way ------------------------------------------------------------------------------------- */

struct daemon {
    const char *name;
    int fd;
    struct samples notify, answered, webhook;
};

static void open_daemon(struct daemon *daemon, const char *name, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    daemon->name = name;
    daemon->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(connect(daemon->fd, (struct sockaddr *)&address, sizeof address) == 0, path);
}

static void send_event(struct daemon *daemon, const char *state, const char *kind, const char *tag)
{
    char message[2048];
    int len = snprintf(
        message, sizeof message,
        "{\"type\":\"event\",\"agent\":\"bench\",\"session\":\"5c1e77aa-%s\",\"state\":\"%s\",%s%s%s"
        "\"title\":\"%s\",\"text\":\"%s\",\"repository\":\"payments\",\"branch\":\"main\"}\n",
        daemon->name, state, kind ? "\"kind\":\"" : "", kind ? kind : "", kind ? "\"," : "", tag,
        "The suite of the ledger fails in three places after the change of the rounding rule.");
    must(send(daemon->fd, message, (size_t)len, MSG_NOSIGNAL) == len, "send");
}

static void read_ack(struct daemon *daemon)
{
    char answer[4096];
    ssize_t n = recv(daemon->fd, answer, sizeof answer - 1, 0);
    must(n > 0, "recv");
    answer[n] = 0;
    if (!strstr(answer, "\"ok\":true")) {
        fprintf(stderr, "way: %s: %s", daemon->name, answer);
        exit(1);
    }
}

/* The need is closed again, which withdraws the popup, before the next gap of quiet. */
static void close_need(struct daemon *daemon)
{
    read_ack(daemon);
    send_event(daemon, "working", NULL, "on");
    read_ack(daemon);
}

static void event_to_popup(struct daemon *daemon)
{
    char tag[TAG];
    expect(tag);
    int64_t from_ns = now_ns();
    send_event(daemon, "blocked", "permission", tag);
    int64_t answered_ns = wait_seen(&seen.answered_ns);
    add(&daemon->notify, from_ns, seen.notify_ns);
    add(&daemon->answered, from_ns, answered_ns);
    close_need(daemon);
}

static void event_to_webhook(struct daemon *daemon)
{
    char tag[TAG];
    expect(tag);
    int64_t from_ns = now_ns();
    send_event(daemon, "blocked", "question", tag);
    add(&daemon->webhook, from_ns, wait_seen(&seen.post_ns));
    close_need(daemon);
}

static void print_of(const struct daemon *daemon, const char *what, struct samples *samples)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", daemon->name, what);
    samples_print(name, samples);
}

/* ---- the rounds ------------------------------------------------------------------------------------------- */

static void quiet(int gap_ms)
{
    uint32_t random;
    pthread_mutex_lock(&seen.lock);
    seen.tag[0] = 0;
    pthread_mutex_unlock(&seen.lock);
    must(getrandom(&random, sizeof random, 0) == sizeof random, "getrandom");
    usleep((useconds_t)(gap_ms * 1000 + (int)(random % (uint32_t)(gap_ms * 250 + 1))));
}

int main(int argc, char **argv)
{
    static struct daemon daemons[DAEMONS];
    static struct samples notified, answered, posted, alerted, committed;
    int n_daemons = 0;
    if (argc < 6)
        return 2;
    int rounds = atoi(argv[1]), gap_ms = atoi(argv[2]);
    start_receiver(atoi(argv[3]));
    open_database(argv[4]);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *direct = open_curl(atoi(argv[3]), "/direct"),
         *alertmanager = open_curl(atoi(argv[5]), "/api/v2/alerts");
    for (int i = 6; i + 1 < argc && n_daemons < DAEMONS; i += 2)
        open_daemon(&daemons[n_daemons++], argv[i], argv[i + 1]);
    GDBusConnection *bus = connect_bus();
    start_monitor();
    int n = 4 + 2 * n_daemons;
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < n; i++) {
            int what = (i + round) % n;
            quiet(gap_ms);
            if (what == 0) {
                char tag[TAG];
                expect(tag);
                int64_t from_ns = now_ns();
                guint32 id = notify(bus, tag);
                int64_t answered_ns = wait_seen(&seen.answered_ns);
                add(&notified, from_ns, seen.notify_ns);
                add(&answered, from_ns, answered_ns);
                close_popup(bus, id);
            } else if (what == 1) {
                post_direct(direct, &posted);
            } else if (what == 2) {
                post_alert(alertmanager, &alerted);
            } else if (what == 3) {
                commit_row(&committed);
            } else if (what % 2 == 0) {
                event_to_popup(&daemons[(what - 4) / 2]);
            } else {
                event_to_webhook(&daemons[(what - 4) / 2]);
            }
        }
        if (round == 0) /* connections, caches and fonts are warm now */
            for (struct samples **s =
                     (struct samples *[]){&notified, &answered, &posted, &alerted, &committed, NULL};
                 *s; s++)
                (*s)->n = (*s)->failed = 0;
        for (int i = 0; round == 0 && i < n_daemons; i++)
            daemons[i].notify = daemons[i].answered = daemons[i].webhook = (struct samples){0};
    }
    samples_print("notify", &notified);
    samples_print("notify.answered", &answered);
    samples_print("post", &posted);
    samples_print("alertmanager", &alerted);
    samples_print("commit", &committed);
    for (int i = 0; i < n_daemons; i++) {
        print_of(&daemons[i], "notify", &daemons[i].notify);
        print_of(&daemons[i], "notify.answered", &daemons[i].answered);
        print_of(&daemons[i], "webhook", &daemons[i].webhook);
    }
    return 0;
}
