/* sensor.h: a plugin that tells us something and is handed nothing: the file watch. It belongs to no receiver, so
 * the outbox does not know it. What it says goes to its owner; its life is plugin.h's. */
#ifndef ROUTER_SENSOR_H
#define ROUTER_SENSOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct sensor;

struct sensor_owner {
    void *arg;
    void (*said)(void *arg, const char *type, const json_t *message);
    /* a deadline of sensor_look() may have moved, or it has stopped */
    void (*changed)(void *arg);
    /* it serves, anew: it knows nothing of what was sent before. NULL: not wanted */
    void (*up)(void *arg);
};

/* `name` is that of the plugin in libexec, too. */
struct sensor *sensor_new(uv_loop_t *loop, const char *libexec, const char *name,
                          const struct sensor_owner *owner);
/* Runs it with these settings (borrowed); NULL: stops it. The same as before: nothing happens. */
void sensor_configure(struct sensor *sensor, json_t *settings);
/* What it said makes no sense: plugin_nonsense(). */
void sensor_nonsense(struct sensor *sensor, const char *what);
bool sensor_send(struct sensor *sensor, const json_t *message);
/* Does what is due; returns when to look again (host_elapsed_ms). */
int64_t sensor_look(struct sensor *sensor, int64_t elapsed_ms);
/* Of a stopped one; NULL is allowed. plugin_stopping() says when its process has gone, too. */
void sensor_free(struct sensor *sensor);

#endif
