/* load.c: many clients, each with one message outstanding.
 *
 *   load unix SOCKET CLIENTS SECONDS|xCOUNT SESSIONS [FIRST]     event messages, one line each
 *   load http PORT   CLIENTS SECONDS|xCOUNT SESSIONS [FIRST]     the same as POST /api/v2/alerts
 *   load show unix|http N SESSIONS                               prints message N
 *
 * Runs for so many seconds, or until COUNT messages are answered. Message N belongs to session N % SESSIONS and
 * is its (N / SESSIONS)th. Of each ten of a session two say that it is blocked, one that it is done, and the others
 * that it works; the tenth opens a need, so that ten for each leave an open need per session behind. FIRST: the
 * number of the first message. Each is 1 KB. As an alert it has the session's labels and the title: each of the messages is
 * an alert of its own, as each is an event of its own; LOAD_SAME=1 leaves the title out of the labels, so
 * that all of one session and state are the same alert.
 *
 * Prints one line of JSON: n, failed, seconds, per_second, and of the answers p50, p90, p99, in µs. */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS = 256, MESSAGE = 4096 };

static struct load {
    bool http, same;
    const char *target;
    int n_clients, sessions;
    uint64_t next, end; /* numbers of messages; end 0: by time */
    uint64_t salt;
    int64_t until_ns;
    struct samples samples;
} load;

struct load_client {
    int fd;
    int64_t sent_ns; /* 0: nothing outstanding */
    size_t len;
    char answer[4096];
};

/* ---- messages ------------------------------------------------------------------------------------------- */

static const char *const states[10] = {"working", "working", "working", "blocked", "working",
                                       "working", "done",    "working", "working", "blocked"};
static const char text[] =
    "cd /home/dev/src/payments && make test 2>&1 | tail -n 40; the suite of the ledger fails in three places "
    "after the change of the rounding rule: test_refund_partial, test_fee_table and test_statement_totals, and "
    "the agent would like to run the migration against the scratch database before it goes on with the second "
    "half of the list that was agreed on this morning. The branch is two commits behind the trunk; nothing was "
    "pushed yet, and the second terminal still holds the old fixtures of the year that was closed in March.";

static int write_event(char *out, uint64_t number)
{
    uint64_t session = number % (uint64_t)load.sessions, nth = number / (uint64_t)load.sessions;
    return snprintf(
        out, MESSAGE,
        "{\"type\":\"event\",\"id\":\"%016llx\",\"at_ms\":%lld,\"agent\":\"bench\",\"session\":\"b5f0c2de-%04x-4a31-"
        "9c1e-0000%08x\",\"state\":\"%s\",\"title\":\"Bash: make test TEST=%llu\",\"text\":\"%s\",\"context\":{"
        "\"pid\":1,\"cwd\":\"/home/dev/src/payments-%u\",\"repository\":\"payments-%u\",\"worktree\":\"\",\"branch\":"
        "\"feature/rounding-rule\",\"marks\":[\"CLAUDECODE\",\"CLAUDE_CODE_ENTRYPOINT\"],\"place\":{\"tmux\":"
        "\"/tmp/tmux-1000/default,2211,0\",\"pane\":\"%%%u\",\"window\":\"58720263\",\"tty\":\"/dev/pts/%u\",\"term\":"
        "\"tmux-256color\"}}}\n",
        (unsigned long long)(load.salt + number), (long long)wall_ms(), (unsigned)(session & 0xffff),
        (unsigned)session, states[nth % 10], (unsigned long long)number, text,
        (unsigned)(session % 10), (unsigned)(session % 10), (unsigned)session, (unsigned)session);
}

static int write_alert(char *out, uint64_t number)
{
    char body[MESSAGE], title[64], unique[96] = "";
    uint64_t session = number % (uint64_t)load.sessions, nth = number / (uint64_t)load.sessions;
    snprintf(title, sizeof title, "Bash: make test TEST=%llu", (unsigned long long)number);
    if (!load.same)
        snprintf(unique, sizeof unique, "\"title\":\"%s\",", title);
    int len = snprintf(
        body, sizeof body,
        "[{\"labels\":{\"alertname\":\"%s\",\"agent\":\"bench\",\"session\":\"b5f0c2de-%04x-4a31-9c1e-0000%08x\",%s"
        "\"repository\":\"payments-%u\",\"branch\":\"feature/rounding-rule\"},\"annotations\":{\"title\":\"%s\","
        "\"text\":\"%s\",\"cwd\":\"/home/dev/src/payments-%u\",\"tmux\":\"/tmp/tmux-1000/default,2211,0\",\"pane\":"
        "\"%%%u\",\"window\":\"58720263\",\"tty\":\"/dev/pts/%u\",\"term\":\"tmux-256color\"}}]",
        states[nth % 10], (unsigned)(session & 0xffff), (unsigned)session, unique,
        (unsigned)(session % 10), title, text, (unsigned)(session % 10), (unsigned)session,
        (unsigned)session);
    return snprintf(out, MESSAGE,
                    "POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    "Content-Length: %d\r\n\r\n%s",
                    len, body);
}

/* ---- clients --------------------------------------------------------------------------------------------- */

static int connect_target(void)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(load.http ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(local.sun_path, sizeof local.sun_path, "%s", load.target);
    address.sin_port = htons((uint16_t)atoi(load.target));
    if (load.http) {
        must(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, load.target);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    } else {
        must(connect(fd, (struct sockaddr *)&local, sizeof local) == 0, load.target);
    }
    return fd;
}

static void send_next(struct load_client *client)
{
    char message[MESSAGE];
    client->sent_ns = client->len = 0;
    if (load.end ? load.next >= load.end : now_ns() >= load.until_ns)
        return;
    int len = load.http ? write_alert(message, load.next++) : write_event(message, load.next++);
    client->sent_ns = now_ns();
    must(send(client->fd, message, (size_t)len, MSG_NOSIGNAL) == len, "send");
}

/* 1: taken, 0: refused, -1: not whole yet. */
static int read_answer(struct load_client *client)
{
    ssize_t n =
        recv(client->fd, client->answer + client->len, sizeof client->answer - 1 - client->len, 0);
    must(n > 0, "the server hung up");
    client->answer[client->len += (size_t)n] = 0;
    if (!load.http)
        return strchr(client->answer, '\n') ? !strncmp(client->answer, "{\"ok\":true", 10) : -1;
    char *end = strstr(client->answer, "\r\n\r\n"),
         *length = strcasestr(client->answer, "content-length:");
    if (!end ||
        (length && (size_t)(end + 4 - client->answer) + strtoul(length + 15, NULL, 10) > client->len))
        return -1;
    return strncmp(client->answer, "HTTP/1.1 200", 12) == 0;
}

static void run(void)
{
    static struct load_client clients[CLIENTS];
    struct epoll_event event = {.events = EPOLLIN}, events[64];
    int poller = epoll_create1(EPOLL_CLOEXEC), outstanding = 0;
    for (int i = 0; i < load.n_clients; i++) {
        clients[i].fd = connect_target();
        event.data.ptr = &clients[i];
        epoll_ctl(poller, EPOLL_CTL_ADD, clients[i].fd, &event);
    }
    for (int i = 0; i < load.n_clients; i++) {
        send_next(&clients[i]);
        outstanding += clients[i].sent_ns != 0;
    }
    while (outstanding > 0) {
        int n = epoll_wait(poller, events, 64, 30000);
        must(n > 0 || errno == EINTR, "no answer for 30 s");
        for (int i = 0; i < n; i++) {
            struct load_client *client = events[i].data.ptr;
            int answer = read_answer(client);
            if (answer < 0)
                continue;
            if (answer)
                samples_add(&load.samples, now_ns() - client->sent_ns);
            else if (load.samples.failed++ == 0)
                fprintf(stderr, "load: refused: %s\n", client->answer);
            send_next(client);
            outstanding -= client->sent_ns == 0;
        }
    }
}

int main(int argc, char **argv)
{
    char message[MESSAGE];
    bool show = argc == 5 && strcmp(argv[1], "show") == 0;
    if (!show && argc < 6)
        return 2;
    load.http = strcmp(argv[1 + show], "http") == 0;
    load.same = getenv("LOAD_SAME") != NULL;
    must(getrandom(&load.salt, sizeof load.salt, 0) == sizeof load.salt, "getrandom");
    if (show) {
        load.sessions = atoi(argv[4]);
        uint64_t number = strtoull(argv[3], NULL, 10);
        printf("%s",
               (load.http ? write_alert(message, number) : write_event(message, number), message));
        return 0;
    }
    load.target = argv[2];
    load.n_clients = atoi(argv[3]);
    load.sessions = atoi(argv[5]);
    load.next = argc > 6 ? strtoull(argv[6], NULL, 10) : 0;
    must(load.n_clients > 0 && load.n_clients <= CLIENTS && load.sessions > 0, "arguments");
    int64_t from_ns = now_ns();
    if (argv[4][0] == 'x')
        load.end = load.next + strtoull(argv[4] + 1, NULL, 10);
    else
        load.until_ns = from_ns + (int64_t)(strtod(argv[4], NULL) * 1e9);
    run();
    double seconds = (double)(now_ns() - from_ns) / 1e9;
    int n = load.samples.n, failed = load.samples.failed;
    load.samples.failed = 0;
    must(n > 0, "nothing was taken");
    qsort(load.samples.list, (size_t)n, sizeof *load.samples.list, samples_order);
    printf("{\"n\":%d,\"failed\":%d,\"seconds\":%.3f,\"per_second\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
           "\"next\":%llu}\n",
           n, failed, seconds, n / seconds, (double)load.samples.list[n / 2] / 1e3,
           (double)load.samples.list[n * 9 / 10] / 1e3,
           (double)load.samples.list[n * 99 / 100] / 1e3, (unsigned long long)load.next);
    return 0;
}
