/* watch_tree.h - the directories in which files may fit: watched by inotify, or listed every 2 s where that
 * does not help (network file systems, no watches left).
 *
 * Directories are watched, never files: a watch on a file dies silently with an atomic rename. Where a part of a
 * path is not there yet, the nearest parent that is there is watched until it comes. When the kernel lost
 * events (IN_Q_OVERFLOW), a watched directory itself went or moved, or something was mounted, everything is listed
 * again. */
#ifndef QUIETBELL_WATCH_TREE_H
#define QUIETBELL_WATCH_TREE_H

#include "watch_pattern.h"

/* Returns the descriptor to wait on, or negative errno: then everything is listed every 2 s. `poll`: do that
 * anyway. */
int tree_open(const struct patterns *patterns, bool poll);
void tree_close(void);
/* Lists everything. */
void tree_scan(void);
/* The descriptor is readable. */
void tree_read(void);
/* Milliseconds between two listings, or -1: events tell all. */
int tree_poll_ms(void);
/* One line for the log: how often events were lost. */
void tree_report(void);

#endif
