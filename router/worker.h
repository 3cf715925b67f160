/* worker.h: one job at a time on a thread of its own, its end told on the loop.
 *
 * Why not uv_queue_work: its pool wakes another of its four threads each time, whose caches are cold, and the side
 * work (checkpoints, the spool's reading) may hold all that are awake. One thread that does nothing but commits gives
 * some 15 to 25 % more events per second (make bench, 16 and 64 clients). */
#ifndef ROUTER_WORKER_H
#define ROUTER_WORKER_H

#include <stdbool.h>
#include <uv.h>

struct worker {
    uv_async_t done_async; /* `data` is the owner's; close it after worker_end(), as any handle */
    uv_thread_t thread;
    uv_sem_t wanted, finished;
    bool ending;
    void (*work)(void *arg); /* on the thread */
    void (*done)(void *arg); /* on the loop, once per job */
    void *arg;
};

/* Starts the thread; aborts when there is none to be had. */
void worker_begin(struct worker *worker, uv_loop_t *loop, void (*work)(void *arg),
                  void (*done)(void *arg), void *arg);
/* One job. Not again before its done(). */
void worker_run(struct worker *worker);
/* Ends the thread. No job may be under way. */
void worker_end(struct worker *worker);

#endif
