/* sensor.c: see sensor.h. */
#include "router/sensor.h"

#include "router/log.h"
#include "router/paths.h"
#include "router/plugin.h"
#include "router/trouble.h"
#include "rules/moment.h"
#include "rules/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_MS = 10000 };

struct sensor {
    uv_loop_t *loop;
    char *name, *program;
    struct sensor_owner owner;
    json_t *settings;
    struct plugin *plugin; /* NULL: stopped */
};

static void on_up(void *arg, bool updates, bool withdraws)
{
    struct sensor *sensor = arg;
    (void)updates, (void)withdraws;
    trouble_clear(sensor->name);
    log_info("sensor %s serves", sensor->name);
    if (sensor->owner.up)
        sensor->owner.up(sensor->owner.arg);
}

static void on_down(void *arg, const char *reason)
{
    struct sensor *sensor = arg;
    char what[TROUBLE_TEXT_MAX];
    snprintf(what, sizeof what, "the sensor %.40s does not run: %.240s", sensor->name, reason);
    trouble_set(sensor->name, what, "what it sees is missed meanwhile; it is started again by itself");
}

static void on_said(void *arg, const char *type, const json_t *message)
{
    struct sensor *sensor = arg;
    sensor->owner.said(sensor->owner.arg, type, message);
}

static void on_changed(void *arg)
{
    struct sensor *sensor = arg;
    sensor->owner.changed(sensor->owner.arg);
}

struct sensor *sensor_new(uv_loop_t *loop, const char *libexec, const char *name,
                          const struct sensor_owner *owner)
{
    struct sensor *sensor = must_alloc(sizeof *sensor);
    sensor->loop = loop;
    sensor->name = must_copy(name);
    sensor->program = paths_program(libexec, name);
    sensor->owner = *owner;
    return sensor;
}

/* The owner outlives the process; the sensor need not. */
static void stop(struct sensor *sensor)
{
    if (sensor->plugin)
        plugin_stop(sensor->plugin, sensor->owner.changed, sensor->owner.arg);
    sensor->plugin = NULL;
    trouble_clear(sensor->name);
    json_decref(sensor->settings);
    sensor->settings = NULL;
}

void sensor_configure(struct sensor *sensor, json_t *settings)
{
    const struct plugin_owner owner = {.arg = sensor,
                                       .up = on_up,
                                       .down = on_down,
                                       .said = on_said,
                                       .changed = on_changed}; /* it waits for acknowledgements itself */
    bool same = sensor->plugin && settings && json_equal(settings, sensor->settings) &&
                plugin_state(sensor->plugin) != PLUGIN_DISABLED;
    if (same)
        return;
    stop(sensor);
    if (!settings)
        return;
    sensor->settings = json_incref(settings);
    sensor->plugin =
        plugin_start(sensor->loop, sensor->name, sensor->program, settings, PATIENCE_MS, &owner);
}

void sensor_nonsense(struct sensor *sensor, const char *what)
{
    if (sensor->plugin)
        plugin_nonsense(sensor->plugin, what);
}

bool sensor_send(struct sensor *sensor, const json_t *message)
{
    return sensor->plugin && plugin_send(sensor->plugin, message);
}

int64_t sensor_look(struct sensor *sensor, int64_t elapsed_ms)
{
    return sensor->plugin ? plugin_look(sensor->plugin, elapsed_ms) : NEVER_MS;
}

void sensor_free(struct sensor *sensor)
{
    if (!sensor)
        return;
    stop(sensor);
    free(sensor->name);
    free(sensor->program);
    free(sensor);
}
