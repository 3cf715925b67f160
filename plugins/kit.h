/* kit.h - a plugin author's kit in C: the protocol's life-cycle over jansson, for any event loop.
 *
 *     static const struct kit_plugin plugin = {"lamp", "1", KIT_WITHDRAW, hello, deliver, withdraw};
 *     int main(void)
 *     {
 *         struct kit kit;
 *         kit_init(&kit, &plugin, &my_state);
 *         return kit_run(&kit);
 *     }
 *
 * With a loop of your own: call kit_read() when KIT_IN is readable, until it says false; watch
 * KIT_OUT for writing while kit_wants_write(), and call kit_write() then; end with `return
 * kit_finish(&kit)`. The kit says hello, manifest and ready; checks versions; tolerates garbage;
 * and never blocks on a host that does not read.
 */
#ifndef QUIETBELL_KIT_H
#define QUIETBELL_KIT_H

#include "line.h"
#include "protocol.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KIT_IN = 0, KIT_OUT = 1 }; /* the descriptors */
/* Bits of kit_plugin.can. A sensor is delivered nothing. */
enum { KIT_UPDATE = 1, KIT_WITHDRAW = 2, KIT_SENSOR = 4 };

enum kit_urgency { KIT_LOW, KIT_NORMAL, KIT_CRITICAL };

/* An ALERT, checked: borrowed, lives as long as the callback. */
struct kit_alert {
    const char *id;
    int64_t version;
    bool audible;
    bool update;              /* came as `update`, not as `deliver` */
    enum kit_urgency urgency; /* an unknown word is normal */
    const char *title, *body; /* "" when missing; not yet inert */
    const json_t *json;       /* all of it; "needs" is an array or missing */
};

struct kit;

struct kit_plugin {
    const char *name, *version;
    unsigned can;
    /* Settings arrived. A setting that is wrong: remember why, and answer every delivery `failed`
     * with it, so that the person sees it. May be NULL. */
    void (*hello)(struct kit *kit, const char *receiver, const json_t *settings);
    /* Answer now or later, exactly once, with kit_result() and this `id` (borrowed: copy it to
     * answer later). */
    void (*deliver)(struct kit *kit, const char *id, const struct kit_alert *alert);
    /* Likewise. NULL if it cannot. */
    void (*withdraw)(struct kit *kit, const char *id, const char *alert, int64_t version);
    /* A sensor's: it has said that it is ready; the host answers an event. NULL: not wanted. */
    void (*ready)(struct kit *kit);
    void (*ack)(struct kit *kit, const json_t *message);
    /* Any message the kit does not know: what the host says to one sensor only. NULL: logged, ignored. */
    void (*other)(struct kit *kit, const char *type, const json_t *message);
};

struct kit {
    const struct kit_plugin *plugin;
    void *self; /* the plugin's own state */
    struct line_buf in;
    char *out; /* owned: what the host has not taken yet */
    size_t out_used, out_size;
    bool ready; /* hello came and fitted */
    bool over;  /* stop, the end of stdin, or the host is gone */
    bool stuck; /* the host stopped reading: exit status 1 */
};

void kit_init(struct kit *kit, const struct kit_plugin *plugin, void *self);

/* Reads once from KIT_IN and dispatches what is complete. Blocks if nothing is there: call it when
 * readable. False: it is over, finish. */
bool kit_read(struct kit *kit);

/* `outcome` is one of PROTOCOL_DELIVERED, _RETRY, _FAILED. `after_ms` counts with retry only, 0 for
 * none. `reason` is made inert and cut; NULL with delivered. */
void kit_result(struct kit *kit, const char *id, const char *outcome, int64_t after_ms,
                const char *reason);

/* `action`: PROTOCOL_ACKNOWLEDGE, _SNOOZE (with for_ms, else 0), _OPEN. `by`: PROTOCOL_BY_... */
void kit_acted(struct kit *kit, const char *alert, int64_t version, const char *action, int64_t for_ms);
void kit_closed(struct kit *kit, const char *alert, int64_t version, const char *by);

/* Any other message; takes over the reference. NULL is logged, not sent. */
void kit_send(struct kit *kit, json_t *message);

/* Sends what the host takes now. */
void kit_write(struct kit *kit);
bool kit_wants_write(const struct kit *kit);

/* A whole main loop, for a plugin that needs no other. Returns the exit status. */
int kit_run(struct kit *kit);

/* Hands over what is left, for at most half a second, and frees. Returns the exit status. */
int kit_finish(struct kit *kit);

/* One line for the log (stderr): inert and cut; dropped when nobody reads it. Never a secret. */
void kit_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A member of an object, "" when missing or not a string. */
const char *kit_string(const json_t *object, const char *key);

#endif
