/* quarantine.h: where messages go that cannot be read: nothing is lost, and the reason lies beside. */
#ifndef ROUTER_QUARANTINE_H
#define ROUTER_QUARANTINE_H

#include <stddef.h>
#include <stdint.h>

enum { QUARANTINE_FILES_MAX = 1000 };

/* The folder, made if missing; counts what lies there. 0 or a negative errno. */
int quarantine_open(const char *folder);
void quarantine_close(void);
/* Keeps a text that came in at a door. 0, -ENOSPC if the quarantine is full (told as a trouble), -errno. */
int quarantine_text(int64_t at_wall_ms, const char *text, size_t length, const char *reason);
/* Moves a file of any kind in, as it is. */
int quarantine_file(const char *folder, const char *name, const char *reason);

#endif
