/* changes.c: see changes.h. The events lie one behind the other, each with its name after it (inotify(7)). */
#include "changes.h"

#include <unistd.h>

void changes_read(struct changes *changes, int fd)
{
    changes->at = 0;
    changes->got = read(fd, changes->bytes, sizeof changes->bytes);
}

const struct inotify_event *changes_next(struct changes *changes)
{
    if (changes->at >= changes->got)
        return NULL;
    const struct inotify_event *event = (const void *)(changes->bytes + changes->at);
    changes->at += (ssize_t)(sizeof *event + event->len);
    return event;
}
