/* door.h: where messages come in: the socket and the spool directory.
 *
 * A door reads, checks the limits, makes an arrival of what is a message, and gives the answer back once it
 * is committed. Whatever comes in is hostile: everything is capped, nothing blocks, nothing is lost. */
#ifndef ROUTER_DOOR_H
#define ROUTER_DOOR_H

#include "router/paths.h"
#include "router/router.h"

enum {
    DOOR_CLIENTS_MAX = 256,
    DOOR_PENDING_MAX = 64,       /* messages of one client that wait for their answer */
    DOOR_UNPARSED_MAX = 8 << 20, /* bytes of half lines, all clients */
    DOOR_UNREAD_MAX = 4 << 20, /* bytes of answers that are not read, all clients; one answer may exceed it */
    DOOR_UNREAD_WAIT = 64 * 1024 /* a client with more of them is asked no more before it reads */
};

/* ---- the socket (door_socket.c): one JSON object per line, one answer per line, in order ---------------- */

struct door_socket;

/* Listens at path (0600), or on the socket that systemd handed over. Other users' connections are refused,
 * but for `uids`. 0 or negative errno: -EADDRINUSE if somebody answers there. */
int door_socket_open(struct door_socket **out, uv_loop_t *loop, struct router *router,
                     const char *path);
/* Takes no more; closes clients once they have their answers; calls closed. */
void door_socket_close(struct door_socket *door, void (*closed)(void *arg), void *arg);

/* ---- the spool (door_spool.c): one file per message, in name order --------------------------------------- */

struct door_spool;

/* Watches the folder, which is made if missing. 0 or negative errno. */
int door_spool_open(struct door_spool **out, uv_loop_t *loop, struct router *router,
                    const char *folder);
/* Takes what lies there, and goes on with what comes; calls taken once what lay there at this moment is taken. */
void door_spool_take(struct door_spool *door, void (*taken)(void *arg), void *arg);
void door_spool_close(struct door_spool *door, void (*closed)(void *arg), void *arg);

#endif
