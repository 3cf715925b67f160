/* changes.h: what an inotify descriptor has to tell, for the signals that watch folders. */
#ifndef PRESENCE_CHANGES_H
#define PRESENCE_CHANGES_H

#include <sys/inotify.h>
#include <sys/types.h>

struct changes {
    ssize_t got, at; /* bytes read; how many of them were given out */
    _Alignas(struct inotify_event) char bytes[4096];
};

/* Reads what is there now, without waiting on a descriptor that does not block. */
void changes_read(struct changes *changes, int fd);
/* The next of it, valid as long as *changes is; NULL: that was all. */
const struct inotify_event *changes_next(struct changes *changes);

#endif
