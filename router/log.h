/* log.h: the daemon's log: lines on stderr, told once where it is decided what to do. */
#ifndef ROUTER_LOG_H
#define ROUTER_LOG_H

enum log_level { LOG_ERROR, LOG_INFO, LOG_DEBUG };

/* What is above this level is not written. */
void log_level(enum log_level level);
/* One line; control characters in it are made visible, so that nothing from an agent can forge a line. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
