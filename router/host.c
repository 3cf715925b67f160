/* host.c: see host.h.
 *
 * Steady time is CLOCK_BOOTTIME (it counts suspend) plus a base. The timer is a timerfd on CLOCK_REALTIME
 * with CANCEL_ON_SET: it runs on through suspend and tells of clock steps, so that nothing has to poll. */
#include "router/host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        abort(); /* only with a clock that the kernel lacks */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t host_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t host_elapsed_ms(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

/* ---- moments ------------------------------------------------------------------------------------- */

static int32_t offset_at(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local;
    return localtime_r(&seconds, &local) ? (int32_t)local.tm_gmtoff : 0;
}

#define WEEK_MS INT64_C(604800000)
#define HOUR_MS INT64_C(3600000)
enum { IN_STEP_MS = 5 };

/* The first instant after `from` with another offset, within a year and a bit: by weeks, then halving. */
static int64_t next_offset(int64_t from_ms, int32_t offset)
{
    for (int week = 0; week < 56; week++) {
        int64_t low = from_ms + week * WEEK_MS, high = low + WEEK_MS;
        if (offset_at(high) == offset)
            continue;
        while (high - low > 1000) {
            int64_t middle = (low + high) / 2;
            if (offset_at(middle) == offset)
                low = middle;
            else
                high = middle;
        }
        return high / 1000 * 1000;
    }
    return NEVER_MS;
}

void host_zone(struct moment *now)
{
    now->utc_offset_s = offset_at(now->wall_ms);
    now->next_offset_ms = next_offset(now->wall_ms, now->utc_offset_s);
    now->next_offset_s =
        now->next_offset_ms == NEVER_MS ? now->utc_offset_s : offset_at(now->next_offset_ms);
}

/* The same, read again each hour, behind its end and when the clock went back. */
static void read_zone(struct moment *now)
{
    static struct moment known;
    static int64_t known_until_ms;
    if (now->wall_ms < known.wall_ms || now->wall_ms >= known_until_ms) {
        tzset();
        known.wall_ms = now->wall_ms;
        host_zone(&known);
        known_until_ms = now->wall_ms + HOUR_MS;
        if (known.next_offset_ms < known_until_ms)
            known_until_ms = known.next_offset_ms;
    }
    now->utc_offset_s = known.utc_offset_s;
    now->next_offset_ms = known.next_offset_ms;
    now->next_offset_s = known.next_offset_s;
}

static int64_t steady_base_ms;
static bool has_base;

void host_carry(const struct moment *last)
{
    int64_t away_ms = host_wall_ms() - last->wall_ms;
    steady_base_ms = last->steady_ms + (away_ms > 0 ? away_ms : 0) - host_elapsed_ms();
    has_base = true;
}

/* The two clocks are read one after the other and round apart by a millisecond now and then; so that stamps keep
 * their order in steady time, their difference is kept until it is a real one: a step, a suspend, drift. */
static int64_t in_step(int64_t wall_ms, int64_t steady_ms)
{
    static int64_t kept_ms, last_ms = INT64_MIN;
    int64_t difference_ms = steady_ms - wall_ms;
    if (difference_ms < kept_ms - IN_STEP_MS || difference_ms > kept_ms + IN_STEP_MS)
        kept_ms = difference_ms;
    if (wall_ms + kept_ms > last_ms)
        last_ms = wall_ms + kept_ms;
    return last_ms;
}

void host_moment(struct moment *now)
{
    now->wall_ms = host_wall_ms();
    int64_t elapsed_ms = host_elapsed_ms();
    if (!has_base) {
        steady_base_ms = now->wall_ms - elapsed_ms;
        has_base = true;
    }
    now->steady_ms = in_step(now->wall_ms, steady_base_ms + elapsed_ms);
    read_zone(now);
}

/* ---- randomness, environment, processes ----------------------------------------------------------- */

uint64_t host_random(void)
{
    uint64_t value;
    if (getrandom(&value, sizeof value, 0) != sizeof value)
        abort();
    return value;
}

const char *host_env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

const char *host_name(void)
{
    static char name[256];
    if (!*name && gethostname(name, sizeof name - 1) != 0)
        strcpy(name, "localhost");
    return name;
}

const char *host_pid_space(void)
{
    static char space[64];
    char boot[9] = "", link[64];
    int fd = *space ? -1 : open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return space;
    ssize_t n = read(fd, boot, 8), len = readlink("/proc/self/ns/pid", link, sizeof link - 1);
    close(fd);
    if (n == 8 && len > 0) {
        link[len] = '\0'; /* pid:[4026531836] */
        snprintf(space, sizeof space, "%s-%.*s", boot, (int)strcspn(link + 5, "]"),
                 len > 5 ? link + 5 : "");
    }
    return space;
}

/* Its start in ticks since boot; 0: it has none; -1: nobody can tell. */
static int64_t process_start(int64_t pid)
{
    char path[64], stat[1024];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno != ENOENT ? -1 : 0;
    ssize_t n = read(fd, stat, sizeof stat - 1);
    close(fd);
    if (n <= 0)
        return errno != ESRCH ? -1 : 0;
    stat[n] = '\0';
    char *field = strrchr(stat, ')'); /* field 2 may hold spaces; 3 follows */
    for (int i = 3; field && i <= 22; i++)
        field = strchr(field + 1, ' ');
    int64_t start = field ? strtoll(field + 1, NULL, 10) : -1;
    return start ? start : 1;
}

bool host_process_lives(int64_t pid, int64_t pid_start)
{
    int64_t start = process_start(pid);
    return start < 0 || (start > 0 && (!pid_start || start == pid_start));
}

int64_t host_process_start(int64_t pid, int64_t before_ms)
{
    int64_t start = process_start(pid), tick_ms = 1000 / sysconf(_SC_CLK_TCK);
    bool later = before_ms && host_wall_ms() - host_elapsed_ms() + start * tick_ms > before_ms + 5000;
    return start > 0 && !later ? start : 0;
}

/* ---- the timer ----------------------------------------------------------------------------------- */

int host_timer_open(void)
{
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int host_timer_set(int fd, int64_t wall_ms)
{
    const int64_t far_ms = INT64_C(253402300799000); /* the year 9999: armed for clock steps only */
    struct itimerspec at = {0};
    if (wall_ms > far_ms)
        wall_ms = far_ms;
    if (wall_ms < 1)
        wall_ms = 1;
    at.it_value.tv_sec = (time_t)(wall_ms / 1000);
    at.it_value.tv_nsec = (long)(wall_ms % 1000) * 1000000;
    return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL) == 0 ? 0
                                                                                            : -errno;
}

void host_timer_read(int fd)
{
    uint64_t times;
    ssize_t n;
    do
        n = read(fd, &times, sizeof times);
    while (n > 0 || (n < 0 && (errno == EINTR || errno == ECANCELED))); /* ECANCELED: the clock was set */
}
