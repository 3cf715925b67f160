/* liveness.c: see liveness.h. */
#include "router/liveness.h"

#include "router/host.h"
#include "router/log.h"
#include "rules/text.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    WAITED_MAX = 12,    /* descriptors: with 24 receivers the daemon stays within 64 */
    LOOKED_UP = 8,      /* sessions looked up at once … */
    LOOK_EACH_MS = 1000 /* … and no more often than this */
};
/* Of a session whose process cannot be looked up from here: after so long a silence it is taken for gone, if it
 * asks for nothing. What it asks for has an expiry of its own. */
#define SILENT_MS (INT64_C(12) * 3600 * 1000)

struct waited { /* of its own: it outlives us until its handle is closed */
    struct liveness *liveness;
    int64_t pid, pid_start;
    int fd;
    uv_poll_t poll;
    bool wanted;
};

struct liveness {
    uv_loop_t *loop;
    void (*gone)(void *arg, int64_t pid, int64_t pid_start);
    void (*silent)(void *arg, const struct session *session);
    void *arg;
    struct waited *waited[WAITED_MAX];
    uint64_t looked_up; /* the id of the session that was looked up last */
    int64_t looked_ms;
};

static void on_closed(uv_handle_t *handle)
{
    struct waited *waited = handle->data;
    close(waited->fd);
    free(waited);
}

static void end_wait(struct waited **slot)
{
    uv_close((uv_handle_t *)&(*slot)->poll, on_closed);
    *slot = NULL;
}

static void on_exit_seen(uv_poll_t *poll, int status, int events)
{
    struct waited *waited = poll->data;
    struct liveness *liveness = waited->liveness;
    (void)status, (void)events;
    for (int i = 0; i < WAITED_MAX; i++) {
        if (liveness->waited[i] == waited)
            end_wait(&liveness->waited[i]);
    }
    liveness->gone(liveness->arg, waited->pid, waited->pid_start);
}

static struct waited *find(const struct liveness *liveness, const struct session *session)
{
    for (int i = 0; i < WAITED_MAX; i++) {
        struct waited *waited = liveness->waited[i];
        if (waited && waited->pid == session->pid && waited->pid_start == session->pid_start)
            return waited;
    }
    return NULL;
}

static struct waited **free_slot(struct liveness *liveness)
{
    for (int i = 0; i < WAITED_MAX; i++) {
        if (!liveness->waited[i])
            return &liveness->waited[i];
    }
    return NULL;
}

/* Whether it lives is asked after the descriptor is had: then it is that of this very process. */
static void wait_for(struct liveness *liveness, const struct session *session)
{
    struct waited **slot = free_slot(liveness);
    int fd = slot ? (int)syscall(SYS_pidfd_open, (pid_t)session->pid, 0) : -1;
    if (!host_process_lives(session->pid, session->pid_start)) {
        if (fd >= 0)
            close(fd);
        liveness->gone(liveness->arg, session->pid, session->pid_start);
        return;
    }
    if (fd < 0)
        return; /* too many, or an old kernel: looked up again at the next input */
    struct waited *waited = must_alloc(sizeof *waited);
    *waited = (struct waited){
        .liveness = liveness, .pid = session->pid, .pid_start = session->pid_start, .fd = fd};
    waited->wanted = true;
    waited->poll.data = waited;
    if (uv_poll_init(liveness->loop, &waited->poll, fd) < 0) {
        close(fd);
        free(waited);
        return;
    }
    uv_poll_start(&waited->poll, UV_READABLE, on_exit_seen);
    *slot = waited;
}

static bool is_ours(const struct session *session)
{
    return session->pid > 0 && session->pid <= INT32_MAX && session->state != STATE_ENDED &&
           text_same(session->host, host_name());
}

static bool is_silent(const struct session *session, int64_t now_wall_ms)
{
    return session->state != STATE_ENDED && now_wall_ms - session->seen_wall_ms > SILENT_MS &&
           !(session->pid > 0 && text_same(session->host, host_name())) &&
           !(session->need && need_open(session->need));
}

/* Sessions that ask for nothing: a few at a time, round and round. */
static void look_up(struct liveness *liveness, const struct rules *rules)
{
    int64_t now_ms = host_elapsed_ms(), now_wall_ms = host_wall_ms();
    if (now_ms - liveness->looked_ms < LOOK_EACH_MS)
        return;
    liveness->looked_ms = now_ms;
    const struct session *session = rules_session_find(rules, liveness->looked_up);
    for (int i = 0; i < LOOKED_UP; i++) {
        session = rules_session_next(rules, session);
        if (!session)
            break;
        if (is_silent(session, now_wall_ms))
            liveness->silent(liveness->arg, session);
        if (is_ours(session) && !find(liveness, session) &&
            !host_process_lives(session->pid, session->pid_start))
            liveness->gone(liveness->arg, session->pid, session->pid_start);
    }
    liveness->looked_up = session ? session->record.id : 0;
}

void liveness_follow(struct liveness *liveness, const struct rules *rules)
{
    for (int i = 0; i < WAITED_MAX; i++) {
        if (liveness->waited[i])
            liveness->waited[i]->wanted = false;
    }
    for (const struct need *need = rules_need_next(rules, NULL); need;
         need = rules_need_next(rules, need)) {
        struct waited *waited;
        if (!need_open(need) || !is_ours(need->session))
            continue;
        if ((waited = find(liveness, need->session)))
            waited->wanted = true;
        else if (free_slot(liveness)) /* the others are looked up in turn */
            wait_for(liveness, need->session);
    }
    for (int i = 0; i < WAITED_MAX; i++) {
        if (liveness->waited[i] && !liveness->waited[i]->wanted)
            end_wait(&liveness->waited[i]);
    }
    look_up(liveness, rules);
}

struct liveness *liveness_new(uv_loop_t *loop, void (*gone)(void *arg, int64_t pid, int64_t pid_start),
                              void (*silent)(void *arg, const struct session *session), void *arg)
{
    struct liveness *liveness = must_alloc(sizeof *liveness);
    liveness->loop = loop;
    liveness->gone = gone;
    liveness->silent = silent;
    liveness->arg = arg;
    return liveness;
}

void liveness_free(struct liveness *liveness)
{
    for (int i = 0; liveness && i < WAITED_MAX; i++) {
        if (liveness->waited[i])
            end_wait(&liveness->waited[i]);
    }
    free(liveness);
}
