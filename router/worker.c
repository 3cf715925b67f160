/* worker.c: see worker.h. One semaphore carries a job there, another carries its end back; libuv's async handle
 * only wakes the loop to look at it. */
#include "router/worker.h"

#include <stdlib.h>

static void live(void *arg)
{
    struct worker *worker = arg;
    for (;;) {
        uv_sem_wait(&worker->wanted);
        if (worker->ending)
            return;
        worker->work(worker->arg);
        uv_sem_post(&worker->finished);
        uv_async_send(&worker->done_async);
    }
}

static void on_done(uv_async_t *async)
{
    struct worker *worker = (struct worker *)async; /* its first member */
    if (uv_sem_trywait(&worker->finished) == 0)
        worker->done(worker->arg);
}

void worker_begin(struct worker *worker, uv_loop_t *loop, void (*work)(void *arg),
                  void (*done)(void *arg), void *arg)
{
    worker->work = work;
    worker->done = done;
    worker->arg = arg;
    worker->ending = false;
    if (uv_async_init(loop, &worker->done_async, on_done) < 0 || uv_sem_init(&worker->wanted, 0) < 0 ||
        uv_sem_init(&worker->finished, 0) < 0 || uv_thread_create(&worker->thread, live, worker) < 0)
        abort();
}

void worker_run(struct worker *worker)
{
    uv_sem_post(&worker->wanted);
}

void worker_end(struct worker *worker)
{
    worker->ending = true;
    uv_sem_post(&worker->wanted);
    uv_thread_join(&worker->thread);
    uv_sem_destroy(&worker->wanted);
    uv_sem_destroy(&worker->finished);
}
