/* hook.c - quietbell-hook, the hook client: an agent's payload in, one acknowledged line out.
 *
 *   quietbell-hook AGENT [EVENT] [PAYLOAD]
 *
 * It runs thousands of times a day on an agent's critical path, so it is static, allocates nothing,
 * uses no stdio, prints nothing, and always exits 0 (an agent reads 2 as "block"). The way:
 *
 *   arm the time limit -> context (environment, /proc, .git) -> payload through the scanner
 *   -> one line -> socket and answer, else the spool directory
 *
 * hook_scan.c makes the payload small, hook_context.c gathers the context, hook_send.c delivers,
 * hook_spool.c keeps what could not be delivered.
 *
 * Time, from the start of the process: reading ends at READ_MS, the answer is waited for until
 * ANSWER_MS, and at LIMIT_MS the process ends whatever it is doing. The timer ticks every TICK_MS
 * from READ_MS on: its handler interrupts a blocking read (again and again, so that a tick between
 * the look at the clock and the read costs one tick, not for ever).
 *
 * Size: LINE_MAX_BYTES is the daemon's limit. HEAD_MAX and CONTEXT_MAX bound what stands around the
 * payload, the scanner bounds the payload, so every part fits and text_put() never leaves one out.
 */
#include "hook_context.h"
#include "hook_scan.h"
#include "hook_send.h"
#include "hook_spool.h"
#include "hook_text.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifndef QUIETBELL_VERSION
#define QUIETBELL_VERSION "0.1.0"
#endif

#define LINE_MAX_BYTES (256 * 1024)
#define HEAD_MAX 2048
#define PAYLOAD_MAX (LINE_MAX_BYTES - HEAD_MAX - CONTEXT_MAX - 64)
#define INPUT_MAX (8u * 1024 * 1024)
#define KEEP_MAX (SCAN_TEXT_MAX + 4) /* raw bytes kept from the start, for payload_text */
#define CHUNK 65536                  /* a pipe's usual capacity */

enum {
    READ_MS = 175,
    ANSWER_MS = 185,
    LIMIT_MS = 245,
    TICK_MS = 5,
    GRACE_MS = 20, /* for the end of input once the value is complete: some agents never close it */
};

enum input_end {
    INPUT_NONE,      /* no payload: a terminal, nothing, or only spaces */
    INPUT_VALUE,     /* one complete JSON value */
    INPUT_TEXT,      /* anything else */
    INPUT_TIMED_OUT, /* not at its end in time: goes straight to the spool, as text */
};

static struct timespec started;
static char line[LINE_MAX_BYTES];
static char input[KEEP_MAX + CHUNK]; /* the first KEEP_MAX bytes stay where they are */
static size_t input_len;             /* bytes read in all, also beyond the buffer */

/* Past the vDSO where that is safe: setting it up costs page faults that three calls never earn
 * back. */
static void read_clock(clockid_t clock, struct timespec *now)
{
#ifdef __LP64__
    syscall(SYS_clock_gettime, clock, now);
#else
    clock_gettime(clock, now);
#endif
}

int hook_elapsed_ms(void)
{
    struct timespec now;
    read_clock(CLOCK_MONOTONIC, &now);
    return (int)((now.tv_sec - started.tv_sec) * 1000 + (now.tv_nsec - started.tv_nsec) / 1000000);
}

static void on_tick(int signal_number)
{
    (void)signal_number;
    if (hook_elapsed_ms() >= LIMIT_MS)
        _exit(0);
}

static void arm_limit(void)
{
    struct sigaction action = {.sa_handler = on_tick}; /* no SA_RESTART: it must interrupt */
    sigset_t ticks;
    struct itimerval timer = {
        .it_value.tv_usec = READ_MS * 1000,
        .it_interval.tv_usec = TICK_MS * 1000,
    };
    read_clock(CLOCK_MONOTONIC, &started);
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&ticks);
    sigaddset(&ticks, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &ticks, NULL); /* a blocked signal is inherited through exec */
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* Reads stdin to its end into the scanner. */
static enum input_end read_input(struct scan *scan)
{
    struct pollfd polled = {.fd = 0, .events = POLLIN};
    struct termios terminal;
    if (tcgetattr(0, &terminal) == 0)
        return INPUT_NONE; /* never eat what the person types */
    for (;;) {
        bool complete = scan_is_complete(scan);
        int left_ms = READ_MS - hook_elapsed_ms();
        if (complete) {
            int n = poll(&polled, 1, GRACE_MS);
            if (n == 0 || left_ms <= 0 || (n > 0 && polled.revents == POLLHUP))
                break;
        } else if (left_ms <= 0) {
            return INPUT_TIMED_OUT;
        }
        char *at = input + (input_len < KEEP_MAX ? input_len : KEEP_MAX);
        ssize_t n = read(0, at, CHUNK);
        if (n == 0)
            break;
        if (n < 0) {
            if (errno == EAGAIN)
                poll(&polled, 1, left_ms);
            else if (errno != EINTR)
                break;
            continue;
        }
        input_len += (size_t)n;
        if (input_len > INPUT_MAX) /* read on, so that the agent's write does not fail */
            scan->bad = true;
        scan_feed(scan, at, (size_t)n);
    }
    enum scan_result result = scan_end(scan);
    return result == SCAN_COMPLETE ? INPUT_VALUE : result == SCAN_EMPTY ? INPUT_NONE : INPUT_TEXT;
}

/* The payload as an argument (Codex's notify). */
static enum input_end read_argument(struct scan *scan, const char *argument)
{
    input_len = strlen(argument);
    memcpy(input, argument, input_len < KEEP_MAX ? input_len : KEEP_MAX);
    scan_feed(scan, argument, input_len);
    return scan_end(scan) == SCAN_COMPLETE ? INPUT_VALUE : INPUT_TEXT;
}

static enum input_end write_payload(struct text *message, const char *argument)
{
    static struct scan scan;
    size_t before = message->len;
    text_name(message, "payload");
    scan_init(&scan, message->buf + message->len, PAYLOAD_MAX);
    enum input_end end = argument ? read_argument(&scan, argument) : read_input(&scan);
    switch (end) {
    case INPUT_VALUE:
        message->len += scan.len;
        break;
    case INPUT_NONE:
        text_puts(message, "{}");
        break;
    case INPUT_TEXT:
    case INPUT_TIMED_OUT:
        message->len = before;
        text_name(message, "payload_text");
        text_string(message, input, input_len < KEEP_MAX ? input_len : KEEP_MAX, SCAN_TEXT_MAX,
                    input_len > KEEP_MAX);
        break;
    }
    return end;
}

/* 20 bits of where in its millisecond it was made, then 44 random ones: names in the spool sort as their
 * messages were sent, also those of one millisecond. */
static void make_id(char id[17], long within_ms_ns)
{
    unsigned char random[8];
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        /* Very early in boot: the kernel's own 16 bytes for this process, and the clock. */
        const unsigned char *auxiliary = (const unsigned char *)getauxval(AT_RANDOM);
        for (unsigned i = 0; i < sizeof random; i++)
            random[i] = (unsigned char)((auxiliary ? auxiliary[i] ^ auxiliary[8 + i] : i) ^
                                        (unsigned long)started.tv_nsec >> i);
    }
    random[0] = (unsigned char)(within_ms_ns >> 12);
    random[1] = (unsigned char)(within_ms_ns >> 4);
    random[2] = (unsigned char)((within_ms_ns & 15) << 4 | (random[2] & 15));
    for (unsigned i = 0; i < sizeof random; i++) {
        id[2 * i] = "0123456789abcdef"[random[i] >> 4];
        id[2 * i + 1] = "0123456789abcdef"[random[i] & 15];
    }
    id[16] = 0;
}

/* 0000000000000-id.json */
static void spool_name(char name[64], unsigned long long at_ms, const char *id)
{
    struct text text = {name, 0, 63};
    for (unsigned long long bound = 1000000000000; bound > 1 && at_ms < bound; bound /= 10)
        text_put(&text, "0", 1);
    text_number(&text, at_ms);
    text_put(&text, "-", 1);
    text_puts(&text, id);
    text_puts(&text, ".json");
    name[text.len] = 0;
}

static void run(const char *agent, const char *event, const char *argument)
{
    static struct environment environment;
    struct text message = {line, 0, sizeof line};
    struct timespec now;
    char id[17], name[64];

    read_clock(CLOCK_REALTIME, &now);
    unsigned long long at_ms =
        (unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000;
    make_id(id, now.tv_nsec % 1000000);
    environment_read(&environment);
    text_puts(&message, "{\"type\":\"hook\"");
    text_member(&message, "id", id, 16);
    text_name(&message, "at_ms");
    text_number(&message, at_ms);
    text_member(&message, "agent", agent, 256);
    text_member(&message, "event", event, 256);
    text_name(&message, "context"); /* before reading: the agent may still be writing */
    context_write(&message, &environment);
    enum input_end end = write_payload(&message, argument);
    text_put(&message, "}\n", 2);

    if (end != INPUT_TIMED_OUT && send_line(&environment, line, message.len, ANSWER_MS) != SEND_FAILED)
        return;
    spool_name(name, at_ms, id);
    spool_line(&environment, name, line, message.len);
}

static void print(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        return; /* nobody to tell */
}

static const char usage[] =
    "usage: quietbell-hook AGENT [EVENT]   payload on stdin, or as last argument {…}\n"
    "       quietbell-hook --send-spool    what lies in the spool of this machine, to the socket\n";

/* For a person, and for scripts that make a connection: not on an agent's critical path. */
static int send_all_spooled(void)
{
    enum { PATIENCE_MS = 10000 };
    static struct environment environment;
    char number[24];
    struct text text = {number, 0, sizeof number - 1};
    read_clock(CLOCK_MONOTONIC, &started);
    environment_read(&environment);
    int sent = send_spool(&environment, PATIENCE_MS);
    if (sent < 0) {
        print(2, "quietbell-hook: nobody takes it at the socket; it stays in the spool\n");
        return 1;
    }
    text_number(&text, (unsigned long long)sent);
    number[text.len] = 0;
    print(1, number);
    print(1, sent == 1 ? " message sent\n" : " messages sent\n");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print(2, usage);
        return 0;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print(1, usage);
        print(1, "Hands one hook event of a coding agent to quietbelld; see quietbell-hook(1).\n"
                 "Prints nothing, always exits 0, takes at most 250 ms.\n");
        return 0;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        print(1, "quietbell-hook " QUIETBELL_VERSION "\n");
        return 0;
    }
    if (!strcmp(argv[1], "--send-spool"))
        return send_all_spooled();
    arm_limit();
    const char *argument = argc > 2 && argv[argc - 1][0] == '{' ? argv[argc - 1] : NULL;
    int words = argument ? argc - 1 : argc;
    run(argv[1], words > 2 ? argv[2] : NULL, argument);
    _exit(0);
}
