/* memory.h - which popup on the screen is which alert's, remembered over a restart of the plugin.
 *
 * A popup outlives the process that made it. Without this its buttons would be dead after a restart,
 * and nobody could take it back when its need is answered. Ids only, no texts, in
 * $XDG_RUNTIME_DIR/quietbell/desktop-RECEIVER.json, which goes with the login. They hold for one
 * server on one bus: the file names both, and is ignored when either is another.
 */
#ifndef QUIETBELL_MEMORY_H
#define QUIETBELL_MEMORY_H

#include "popup.h"

/* The file for a receiver, g_free it; NULL without XDG_RUNTIME_DIR: then nothing is remembered. */
char *memory_path(const char *receiver);

/* Before anything is loaded: the process before this one may have popups to show still, when the daemon was
 * killed. Waits for its end, a second at most, and makes the next one wait for ours. False: our host has
 * gone as well, meanwhile. */
bool memory_take(const char *path);

/* `popups`: alert id -> struct popup. Without a popup on the screen the file goes. */
void memory_save(const char *path, const char *bus, const char *owner, GHashTable *popups);

/* Calls `adopt` for each popup of this owner; `note_id` 0: it was shown, and is off the screen. */
void memory_load(const char *path, const char *bus, const char *owner,
                 void (*adopt)(void *to, const char *alert, int64_t version, int note_id), void *to);

#endif
