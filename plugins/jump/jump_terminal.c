/* jump_terminal.c - terminals that take orders: kitty and WezTerm; and the best way to any terminal. */
#include "jump_way.h"

#include "../inert.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KITTY_MS = 4000, WEZTERM_MS = 1500, OUT_MAX = 4096 };

static void refused(struct jump_result *result, const char *who, const char *out)
{
    char *said = inert_text(out, 160, 0, INERT_ONE_LINE);
    jump_fail(result, "%s refused: %s", who, *said ? said : "without a reason");
    free(said);
}

/* ---- kitty ---------------------------------------------------------------------------------- */

/* unix:/path of a socket of ours, unix:@name, tcp:localhost:PORT: what kitty's own listen_on makes. */
static bool is_kitty_socket(const char *text)
{
    uint32_t port;
    if (!text)
        return false;
    if (strncmp(text, "unix:/", 6) == 0)
        return jump_own_socket(text + 5);
    if (strncmp(text, "unix:@", 6) == 0) {
        const char *name = text + 6;
        while (isalnum((unsigned char)*name) || (*name && strchr("._-", *name)))
            name++;
        return *name == '\0' && name > text + 6;
    }
    if (strncmp(text, "tcp:localhost:", 14) == 0)
        return jump_number(text + 14, &port) && port <= 65535;
    return strncmp(text, "tcp:127.0.0.1:", 14) == 0 && jump_number(text + 14, &port) && port <= 65535;
}

void jump_kitty(const struct jump_place *place, struct jump_result *result)
{
    char out[OUT_MAX], match[32];
    uint32_t id;

    result->by = "kitty";
    if (!jump_number(place->kitty, &id)) {
        jump_fail(result, "what its hook calls a kitty window is none");
        return;
    }
    if (!is_kitty_socket(place->kitty_socket)) {
        jump_fail(result,
                  "kitty window %u takes no orders: set listen_on and allow_remote_control in "
                  "kitty.conf",
                  id);
        return;
    }
    snprintf(match, sizeof match, "id:%u", id);
    const char *argv[] = {"kitten",       "@",       "--to", place->kitty_socket,
                          "focus-window", "--match", match,  NULL};
    int status = jump_run(argv, KITTY_MS, out, sizeof out);
    if (status == -ENOENT) { /* before kitty 0.27 there was no kitten */
        argv[0] = "kitty";
        status = jump_run(argv, KITTY_MS, out, sizeof out);
    }
    if (status == 0)
        result->ok = true;
    else if (status == -ENOENT)
        jump_fail(result, "kitty is not installed, or not in PATH");
    else if (status == -ETIMEDOUT)
        jump_fail(result, "kitty does not answer");
    else if (strstr(out, "No matching window"))
        jump_fail(result, "kitty window %u is gone", id);
    else
        refused(result, "kitty", out);
}

/* ---- WezTerm -------------------------------------------------------------------------------- */

void jump_wezterm(const struct jump_place *place, struct jump_result *result)
{
    char out[OUT_MAX], pane[16];
    uint32_t id;

    result->by = "wezterm";
    if (!jump_number(place->wezterm, &id)) {
        jump_fail(result, "what its hook calls a WezTerm pane is none");
        return;
    }
    snprintf(pane, sizeof pane, "%u", id);
    const char *const argv[] = {"wezterm", "cli", "--no-auto-start", "activate-pane", "--pane-id",
                                pane,      NULL};
    int status = jump_run(argv, WEZTERM_MS, out, sizeof out);
    if (status == 0)
        result->ok = true;
    else if (status == -ENOENT)
        jump_fail(result, "wezterm is not installed, or not in PATH");
    else if (status == -ETIMEDOUT)
        jump_fail(result, "WezTerm does not answer");
    else if (strstr(out, "not found") || strstr(out, "no such pane"))
        jump_fail(result, "WezTerm pane %u is gone", id);
    else
        refused(result, "WezTerm", out);
}

/* ---- any ------------------------------------------------------------------------------------ */

/* kitty and WezTerm know their tabs, and are asked first. The window around the tab is raised as well: on
 * some desktops a terminal may not do that itself. Where they cannot be asked, the window is better than
 * nothing. */
void jump_terminal(const struct jump_place *place, struct jump_result *result)
{
    struct jump_result around = {0};

    if (place->kitty && (place->kitty_socket || !place->window))
        jump_kitty(place, result);
    else if (place->wezterm)
        jump_wezterm(place, result);
    if (result->by && !result->ok && strstr(result->reason, "gone"))
        return;
    if (place->window)
        jump_window(place, &around);
    if (!around.ok && place->pid > 0 && getenv("SWAYSOCK")) /* an X11 window may live in sway, too */
        jump_sway(place, &around);
    if (around.ok && result->ok)
        result->also = around.by;
    else if (around.ok || (!result->by && around.by))
        *result = around;
}
