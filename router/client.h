/* client.h: the command-line client `quietbell`.
 *
 * The map: quietbell.c has main, the table of commands and the options; client.c the talk with the daemon;
 * client_board.c, client_list.c, client_why.c show; client_act.c, client_person.c, client_post.c act; client_check.c reads
 * the configuration without a daemon; client_setup.c connects agents, client_doctor.c looks whether all works;
 * client_mapping.c tries a mapping file; client_step.c runs the rules in a simulated world;
 * client_journal.c and client_stats.c read what the daemon recorded; client_when.c reads times; client_find.c makes a
 * need out of what a person typed; grid.c aligns columns. Every command returns an exit code and has printed what there is to say. */
#ifndef ROUTER_CLIENT_H
#define ROUTER_CLIENT_H

#include "grid.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum client_exit {
    CLIENT_OK = 0,
    CLIENT_REFUSED = 1, /* refused, not found, problems */
    CLIENT_USAGE = 2,
    CLIENT_AWAY = 3, /* no daemon, or it does not answer */
};

enum { CLIENT_PATIENCE_MS = 5000 };

struct client {
    const char *socket; /* -s, or NULL: where paths.h says */
    bool json;
    bool colour;
    int width;       /* columns of the terminal, 0: no limit (a pipe) */
    int patience_ms; /* how long the daemon may be silent before it is called away */
    int fd;          /* -1: not connected */
    char *at;        /* the socket it is connected to */
    char *input;     /* what was read and is no whole line yet */
    size_t n_input, room_input;
    json_t *options; /* of this command: texts by name, true for flags */
    const struct client_command *command;
};

struct client_command {
    const char *name;
    const char *args;    /* for the usage line */
    const char *summary; /* one line, for the list */
    const char *details; /* more of it, for `help COMMAND`, or NULL */
    const char *options; /* its own options: "agent= session= all", = takes a value; NULL: none */
    int (*run)(struct client *client, int argc, char **argv); /* argv[0] is the first argument */
};

/* ---- talking with the daemon (client.c) --------------------------------------------------------- */

/* A new command message: {"type":"command","id","at_ms","command"}. */
json_t *client_command(const char *command);
/* Sends a message (takes the reference) and reads its answer. CLIENT_OK: *answer is a new reference and
 * says ok. Else the exit code, everything printed (with --json the answer too), *answer NULL. */
int client_ask(struct client *client, json_t *message, json_t **answer);
/* The same, but an answer that says not ok is given back as well, and nothing is printed of it. */
int client_talk(struct client *client, json_t *message, json_t **answer);
/* All pages of a list ("needs", "sessions", "alerts") in one answer. */
int client_ask_all(struct client *client, const char *command, bool all, json_t **answer);
void client_close(struct client *client);
/* Sends a command (takes the reference), prints its answer with --json, else what `done` says. */
int client_obey(struct client *client, json_t *message, const char *done);

/* Prints a JSON document on one line; takes the reference. Returns CLIENT_OK. */
int client_print_json(json_t *json);
/* "quietbell: …" on stderr; returns `code`. */
int client_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A mistake in the arguments: says it and how the command is used. Returns CLIENT_USAGE. */
int client_usage(const struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- small readers ------------------------------------------------------------------------------ */

/* A member's text, "" if it is none; inert already, because the client cleans every answer. */
const char *client_text(const json_t *object, const char *key);
int64_t client_number(const json_t *object, const char *key);
bool client_flag(const json_t *object, const char *key);
/* An option's value, or NULL. */
const char *client_option(const struct client *client, const char *name);
/* "90s", "45m", "1h30m", "2d": milliseconds, or -1 for anything else, 0 and more than 30 days. */
int64_t client_duration(const char *text);
/* "2d" (ago), "2026-11-24", "2026-11-24 09:00", "today", "yesterday": a wall instant in local time, or -1. */
int64_t client_instant(const char *text);
/* The first instant of a local day, so many days after that of another instant. */
int64_t client_midnight(int64_t wall_ms, int days);
/* "12:00", "Tue 12:00": a wall instant in local time. Returns buf. */
char *client_clock(int64_t wall_ms, char *buf, size_t size);
/* "payments · feature-x": where a session or need is. Returns buf. */
char *client_where(const json_t *object, char *buf, size_t size);
/* "allow or deny it in tmux %3": what a person does about a need. Returns buf. */
char *client_todo(const json_t *need, char *buf, size_t size);
/* "told on popup", "due in 4 min", "acked": where a need stands. Returns buf. */
char *client_standing(const json_t *need, char *buf, size_t size);
/* The colour of a need's or a session's word. */
enum style client_style(const json_t *need);

/* The open need that a person means: an id, the beginning of a session id, a repository or a worktree with
 * one need only. CLIENT_OK and *id (heap); else printed. */
int client_find(struct client *client, const char *text, char **id);

/* ---- the commands ------------------------------------------------------------------------------- */

int client_status(struct client *client, int argc, char **argv);
int client_sessions(struct client *client, int argc, char **argv);
int client_needs(struct client *client, int argc, char **argv);
int client_alerts(struct client *client, int argc, char **argv);
int client_why(struct client *client, int argc, char **argv);
int client_ack(struct client *client, int argc, char **argv);
int client_snooze(struct client *client, int argc, char **argv);
int client_resolve(struct client *client, int argc, char **argv);
int client_post(struct client *client, int argc, char **argv);
int client_test(struct client *client, int argc, char **argv);
int client_focus(struct client *client, int argc, char **argv);
int client_check(struct client *client, int argc, char **argv);
int client_reload(struct client *client, int argc, char **argv);
int client_next(struct client *client, int argc, char **argv);
int client_break(struct client *client, int argc, char **argv);
int client_presence(struct client *client, int argc, char **argv);
int client_mapping(struct client *client, int argc, char **argv);
int client_setup(struct client *client, int argc, char **argv);
int client_step(struct client *client, int argc, char **argv);
int client_doctor(struct client *client, int argc, char **argv);
int client_journal(struct client *client, int argc, char **argv);
int client_stats(struct client *client, int argc, char **argv);
/* Prints the focuses of an answer; for status too. */
void client_print_focus(const struct client *client, const json_t *focuses);

#endif
