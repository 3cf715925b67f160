/* doctor.h: what `quietbell doctor` found: one line each, with what mends it.
 *
 * client_doctor.c looks at hooks, daemon, receivers, clock and folders, doctor_desktop.c at the desktop. */
#ifndef ROUTER_DOCTOR_H
#define ROUTER_DOCTOR_H

#include <jansson.h>
#include <stddef.h>

enum finding {
    FINDING_OK,
    FINDING_WARN, /* works, but not as it could */
    FINDING_BAD,  /* something is not told, or not heard */
};

struct doctor {
    json_t *findings; /* {"level","about","what","mend"} */
    int n[FINDING_BAD + 1];
};

/* Adds one. `mend`: a command or what to do; NULL: nothing is to be done. */
void doctor_find(struct doctor *doctor, enum finding level, const char *about, const char *mend,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

enum { DOCTOR_OUTPUT = 4096, DOCTOR_PATIENCE_MS = 2000 };
/* Runs a program of the PATH (or an absolute path) without a shell and keeps the beginning of what it prints;
 * ends it after DOCTOR_PATIENCE_MS. Its exit status, or a negative errno. */
int doctor_run(const char *const argv[], char output[DOCTOR_OUTPUT]);

/* The session bus, the notification server on it, and the server's own do-not-disturb. `needed`: how bad it
 * is if there is none. */
void doctor_desktop(struct doctor *doctor, enum finding needed);

#endif
