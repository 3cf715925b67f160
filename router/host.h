/* host.h: the one file through which the shell reads the world's clocks, time zone, randomness and
 * environment. Whoever needs the time is told it; only the turn of the loop (router.c) and the client ask. */
#ifndef ROUTER_HOST_H
#define ROUTER_HOST_H

#include "rules/moment.h"

#include <stdbool.h>
#include <stdint.h>

/* Wall clock, milliseconds since 1970. */
int64_t host_wall_ms(void);
/* Elapsed milliseconds, suspend included; only differences mean something. Not carried over restarts. */
int64_t host_elapsed_ms(void);
/* The moment now. Steady time goes on from what host_carry() said, else it starts as wall time. */
void host_moment(struct moment *now);
/* The zone's part of a moment, for its wall_ms, in the zone of the last tzset(). */
void host_zone(struct moment *now);
/* The last moment that a store knows: downtime counts as max(0, wall difference). Call before the first
 * host_moment(). */
void host_carry(const struct moment *last);
uint64_t host_random(void);
/* The value of an environment variable, NULL if unset or empty. */
const char *host_env(const char *name);
/* This machine's name; lives for ever. */
const char *host_name(void);
/* Which process numbers are ours: "BOOT-NAMESPACE", as the hook client writes it (quietbell-hook(1)); "" if unknown. */
const char *host_pid_space(void);
/* Whether a process lives that started at this time (field 22 of /proc/PID/stat; 0: any). */
bool host_process_lives(int64_t pid, int64_t pid_start);
/* When that of now has started (field 22 of /proc/PID/stat), so that it is known again; 0: there is none, or it began
 * after a moment (0: whenever), so that it is another than the one that was meant then. */
int64_t host_process_start(int64_t pid, int64_t before_ms);

/* The one timer: a descriptor that becomes readable at a wall instant (NEVER_MS: at none) and when the wall
 * clock is set. Counts suspend. Negative errno. */
int host_timer_open(void);
int host_timer_set(int fd, int64_t wall_ms);
/* Takes what it says. */
void host_timer_read(int fd);

#endif
