/* watch_tell.h - what was seen, told to the host: a window of messages, each kept until it is acknowledged. As long as
 * the window is full, files wait on disk. */
#ifndef QUIETBELL_WATCH_TELL_H
#define QUIETBELL_WATCH_TELL_H

#include "../kit.h"
#include "watch_pattern.h"

void tell_open(struct kit *kit);
void tell_close(void);
/* Whether there is room for one more. */
bool tell_room(void);
/* One thing that was seen of a file. */
struct sight {
    const char *path;
    enum watch_format format;
    const char *content; /* NULL: the file is gone */
    size_t len;
    const char *head; /* NULL: none */
    int64_t mtime_ms; /* when the file was written last; 0: unknown */
    bool first;       /* it was there at the start */
};
/* Only with room. False: it cannot be told, because it is no UTF-8 or too long with its escapes. */
bool tell(const struct sight *sight);
/* The host answered. */
void tell_acked(const json_t *ack);
/* Tells once more what the host could not take; milliseconds until it wants to be called again, or -1. */
int tell_again(void);

#endif
