/* plugin.h: one plugin: a process that speaks one JSON object per line (plugins/protocol.h).
 *
 * A plugin is a peer with a life-cycle. It may hang, lie, flood or die: every one of its messages is capped,
 * every wait is bounded, and its end is told once with the reason; it is started again with back-off.
 *
 *   starting --manifest, ready--> serving        `up` is called
 *   starting --too slow, wrong, died--> waiting
 *   serving  --died, silent, flooding--> waiting `down` is called: what was in flight is ambiguous
 *   waiting  --back-off over--> starting
 *   starting --another protocol--> disabled      until the configuration is loaded again
 *   any      --plugin_stop()--> stopping --exit--> freed */
#ifndef ROUTER_PLUGIN_H
#define ROUTER_PLUGIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct plugin;

enum plugin_state {
    PLUGIN_WAITING,
    PLUGIN_STARTING,
    PLUGIN_SERVING,
    PLUGIN_STOPPING,
    PLUGIN_DISABLED
};

/* What a plugin's owner is told. Called from the loop; none may call plugin_stop() on this plugin. */
struct plugin_owner {
    void *arg;
    void (*up)(void *arg, bool updates, bool withdraws);
    void (*down)(void *arg, const char *reason);
    /* any message but manifest and ready: result, acted, closed, event … */
    void (*said)(void *arg, const char *type, const json_t *message);
    /* a deadline of plugin_look() may have moved */
    void (*changed)(void *arg);
    /* it is read no further while this holds; plugin_resume() goes on. NULL: never */
    bool (*busy)(void *arg);
};

/* Starts `program` for a receiver. settings is borrowed for the life of the plugin; patience_ms bounds the
 * wait for ready, and for each answer. */
struct plugin *plugin_start(uv_loop_t *loop, const char *receiver, const char *program,
                            json_t *settings, int64_t patience_ms, const struct plugin_owner *owner);
/* Says stop, kills it if it does not go, frees it and calls gone then, perhaps at once. No other callback comes. */
void plugin_stop(struct plugin *plugin, void (*gone)(void *arg), void *arg);
/* How many plugins still have to go after plugin_stop(). */
int plugin_stopping(void);
/* The same as plugin_look(), for those: ends the ones that do not go by themselves. */
int64_t plugin_look_stopping(int64_t elapsed_ms);

/* Sends one message; borrowed. False: it is not serving, or does not read. */
bool plugin_send(struct plugin *plugin, const json_t *message);
/* Goes on reading a plugin that was held because its owner was busy; else nothing. */
void plugin_resume(struct plugin *plugin);
/* It said what makes no sense: logged once; beyond a measure it is taken for a flood. */
void plugin_nonsense(struct plugin *plugin, const char *what);
/* It broke the contract: it is killed and started again. */
void plugin_fail(struct plugin *plugin, const char *reason);
/* Does what is due at this moment (host_elapsed_ms); returns when to look again, NEVER_MS: never. */
int64_t plugin_look(struct plugin *plugin, int64_t elapsed_ms);

enum plugin_state plugin_state(const struct plugin *plugin);
const char *plugin_state_name(const struct plugin *plugin);
/* Why it does not serve; NULL if it does. */
const char *plugin_reason(const struct plugin *plugin);
int64_t plugin_pid(const struct plugin *plugin);
int64_t plugin_restarts(const struct plugin *plugin);

#endif
