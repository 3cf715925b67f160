/* workload.c: see workload.h. Keys it does not know are named on stderr, and ignored. */
#include "workload.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

const char *const bench_kind_names[BENCH_KINDS] = {"CRIT",  "PERM", "QUESTION",
                                                   "ERROR", "DONE", "SELF"};

static const double default_mix[BENCH_KINDS] = {.01, .30, .15, .05, .44, .05};

static const struct workload defaults = {
    .calendar = {{ABSENCE_MEETING, 3600, 1800},
                 {ABSENCE_LUNCH, 10800, 2700},
                 {ABSENCE_MEETING, 21600, 1800}},
    .n_calendar = 3,
    .calendar_jitter_s = 900,
    .noise = {.idle_s = 60,
              .notice_low_s = 6,
              .notice_high_s = 8,
              .notice_race = .10,
              .lost = .01,
              .duplicate = .10,
              .resolved_lost = .10,
              .sub_per_h = 6,
              .sub_unmarked = .2,
              .self_tail = .15,
              .session_end = .03,
              .progress_low_s = 60,
              .progress_high_s = 600},
    .human = {.chunk_median_s = 106,
              .chunk_sigma = .8,
              .recall = .6,
              .false_per_h = 1,
              .sensor_lag_s = 1,
              .breakpoint_window_s = 5,
              .react_s = 2,
              .self_check = .10,
              .scan_agent_s = 4,
              .glance_s = 4,
              .look_s = 6,
              .setup_s = 25,
              .service_sigma = .6,
              .service_s = {90, 20, 60, 90, 90, 20}},
    .cost = {.kappa = .2,
             .middle_s = 240,
             .breakpoint_s = 60,
             .meeting_s = 30,
             .late_s = 300,
             .grace_s = 120,
             .weight = {10, 2, 2, 1.5, 1, 0},
             .bound_s = {0, 300, 300, 600, 1200, 0}},
};

/* ---- tables of keys ---------------------------------------------------------------------------------- */

struct key {
    const char *name;
    double *value;
    int n; /* a list of so many, or 0: one number */
};

static int refuse(const char *path, const char *key)
{
    fprintf(stderr, "attnbench: %s: \"%s\" has a wrong value\n", path, key);
    return -1;
}

static void ignore(const char *path, const char *key)
{
    fprintf(stderr, "attnbench: %s: \"%s\" is unknown: ignored\n", path, key);
}

static int read_list(const char *path, const struct key *key, const json_t *value)
{
    if ((int)json_array_size(value) != key->n)
        return refuse(path, key->name);
    for (int i = 0; i < key->n; i++) {
        const json_t *item = json_array_get(value, (size_t)i);
        if (!json_is_number(item))
            return refuse(path, key->name);
        key->value[i] = json_number_value(item);
    }
    return 0;
}

static int read_keys(const char *path, json_t *object, const struct key *keys, int n)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return refuse(path, "noise, human, cost or phases");
    json_object_foreach(object, name, value)
    {
        int i = 0;
        while (i < n && strcmp(keys[i].name, name) != 0)
            i++;
        if (i == n) {
            ignore(path, name);
            continue;
        }
        if (keys[i].n == 0 && !json_is_number(value))
            return refuse(path, name);
        if (keys[i].n > 0 && read_list(path, &keys[i], value) != 0)
            return -1;
        if (keys[i].n == 0)
            *keys[i].value = json_number_value(value);
    }
    return 0;
}

#define KEYS(keys) (keys), (int)(sizeof(keys) / sizeof *(keys))

static int read_noise(const char *path, json_t *object, struct workload *to)
{
    const struct key keys[] = {
        {"idle_s", &to->noise.idle_s, 0},
        {"notice_lo_s", &to->noise.notice_low_s, 0},
        {"notice_hi_s", &to->noise.notice_high_s, 0},
        {"notice_race", &to->noise.notice_race, 0},
        {"lost", &to->noise.lost, 0},
        {"dup", &to->noise.duplicate, 0},
        {"resolved_lost", &to->noise.resolved_lost, 0},
        {"sub_per_h", &to->noise.sub_per_h, 0},
        {"sub_unmarked", &to->noise.sub_unmarked, 0},
        {"self_tail", &to->noise.self_tail, 0},
        {"session_end", &to->noise.session_end, 0},
        {"progress_lo_s", &to->noise.progress_low_s, 0},
        {"progress_hi_s", &to->noise.progress_high_s, 0},
    };
    return read_keys(path, object, KEYS(keys));
}

static int read_human(const char *path, json_t *object, struct workload *to)
{
    const struct key keys[] = {
        {"chunk_median_s", &to->human.chunk_median_s, 0},
        {"chunk_sigma", &to->human.chunk_sigma, 0},
        {"recall", &to->human.recall, 0},
        {"false_per_h", &to->human.false_per_h, 0},
        {"sensor_lag_s", &to->human.sensor_lag_s, 0},
        {"bp_window_s", &to->human.breakpoint_window_s, 0},
        {"react_s", &to->human.react_s, 0},
        {"p_self", &to->human.self_check, 0},
        {"scan_agent_s", &to->human.scan_agent_s, 0},
        {"glance_s", &to->human.glance_s, 0},
        {"look_s", &to->human.look_s, 0},
        {"setup_s", &to->human.setup_s, 0},
        {"svc_sigma", &to->human.service_sigma, 0},
        {"svc_s", to->human.service_s, BENCH_KINDS},
    };
    return read_keys(path, object, KEYS(keys));
}

static int read_cost(const char *path, json_t *object, struct workload *to)
{
    const struct key keys[] = {
        {"kappa", &to->cost.kappa, 0},           {"c_mid_s", &to->cost.middle_s, 0},
        {"c_bp_s", &to->cost.breakpoint_s, 0},   {"c_meet_s", &to->cost.meeting_s, 0},
        {"late_s", &to->cost.late_s, 0},         {"grace_s", &to->cost.grace_s, 0},
        {"h", to->cost.weight, BENCH_KINDS - 1}, {"D_s", to->cost.bound_s, BENCH_KINDS - 1},
    };
    return read_keys(path, object, KEYS(keys));
}

static int read_phases(const char *path, json_t *object, struct workload *to)
{
    const struct key keys[] = {
        {"calm_mean_s", &to->calm_mean_s, 0},
        {"burst_mean_s", &to->burst_mean_s, 0},
        {"burst_scale", &to->burst_scale, 0},
    };
    to->phased = json_is_object(object);
    return json_is_null(object) ? 0 : read_keys(path, object, KEYS(keys));
}

/* ---- agents and calendar ----------------------------------------------------------------------------- */

static int read_calendar(const char *path, const json_t *list, struct workload *to)
{
    if (!json_is_array(list) || json_array_size(list) > ABSENCES_MAX)
        return refuse(path, "calendar");
    to->n_calendar = (int)json_array_size(list);
    for (int i = 0; i < to->n_calendar; i++) {
        const char *why = NULL;
        if (json_unpack(json_array_get(list, (size_t)i), "{s:s, s:F, s:F}", "why", &why, "start_s",
                        &to->calendar[i].start_s, "len_s", &to->calendar[i].length_s) != 0 ||
            (strcmp(why, "meeting") != 0 && strcmp(why, "lunch") != 0))
            return refuse(path, "calendar");
        to->calendar[i].why = strcmp(why, "lunch") == 0 ? ABSENCE_LUNCH : ABSENCE_MEETING;
    }
    return 0;
}

static int read_mix(const char *path, json_t *object, double *mix)
{
    struct key keys[BENCH_KINDS];
    for (int i = 0; i < BENCH_KINDS; i++) {
        mix[i] = 0;
        keys[i] = (struct key){bench_kind_names[i], &mix[i], 0};
    }
    return read_keys(path, object, KEYS(keys));
}

/* Some agents of a kind: {"n","median_s","sigma","mix"?,"sub_per_h"?}, or the file itself. */
static int read_class(const char *path, json_t *object, const char *count, const double *mix,
                      struct workload *to)
{
    double own[BENCH_KINDS], median_s, sigma, sub_per_h = to->noise.sub_per_h, sum = 0;
    json_int_t n;
    json_t *own_mix = json_object_get(object, "mix");
    if (json_unpack(object, "{s:I, s:F, s:F, s?F}", count, &n, "median_s", &median_s, "sigma",
                    &sigma, "sub_per_h", &sub_per_h) != 0 ||
        n < 0 || n > AGENTS_MAX - to->n_agents)
        return refuse(path, count);
    memcpy(own, mix, sizeof own);
    if (own_mix && read_mix(path, own_mix, own) != 0)
        return -1;
    for (json_int_t i = 0; i < n; i++) {
        int a = to->n_agents++;
        to->agent[a].median_ms = median_s * 1000.0;
        to->agent[a].sigma = sigma;
        to->agent[a].sub_per_h = sub_per_h;
        sum = 0;
        for (int k = 0; k < BENCH_KINDS; k++) {
            sum += own[k];
            to->agent[a].cumulative[k] = sum;
        }
        for (int k = 0; k < BENCH_KINDS; k++)
            to->agent[a].cumulative[k] /= sum;
    }
    return 0;
}

static int read_agents(const char *path, json_t *file, struct workload *to)
{
    double mix[BENCH_KINDS];
    json_t *classes = json_object_get(file, "classes"), *own = json_object_get(file, "mix"), *one;
    size_t i;
    memcpy(mix, default_mix, sizeof mix);
    if (own && read_mix(path, own, mix) != 0)
        return -1;
    if (!classes)
        return read_class(path, file, "agents", mix, to);
    json_array_foreach(classes, i, one)
    {
        if (read_class(path, one, "n", mix, to) != 0)
            return -1;
    }
    return 0;
}

/* ---- the file ---------------------------------------------------------------------------------------- */

static int read_part(const char *path, const char *name, json_t *value, struct workload *to)
{
    static const char *const elsewhere[] = {"agents",  "median_s", "sigma",
                                            "classes", "mix",      "about"};
    if (strcmp(name, "name") == 0 && json_is_string(value)) {
        snprintf(to->name, sizeof to->name, "%s", json_string_value(value));
        return 0;
    }
    if (strcmp(name, "calendar") == 0)
        return read_calendar(path, value, to);
    if (strcmp(name, "cal_jitter_s") == 0 && json_is_number(value)) {
        to->calendar_jitter_s = json_number_value(value);
        return 0;
    }
    if (strcmp(name, "repos") == 0 && json_is_integer(value) && json_integer_value(value) > 0) {
        to->repositories = (int)json_integer_value(value);
        return 0;
    }
    if (strcmp(name, "noise") == 0)
        return read_noise(path, value, to);
    if (strcmp(name, "human") == 0)
        return read_human(path, value, to);
    if (strcmp(name, "cost") == 0)
        return read_cost(path, value, to);
    if (strcmp(name, "phases") == 0)
        return read_phases(path, value, to);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        if (strcmp(name, elsewhere[i]) == 0)
            return 0;
    }
    if (strcmp(name, "repos") == 0 || strcmp(name, "cal_jitter_s") == 0)
        return refuse(path, name);
    ignore(path, name);
    return 0;
}

int workload_read(const char *path, struct workload *workload)
{
    json_error_t error;
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error), *value;
    const char *name;
    int rc = 0;
    if (!file) {
        fprintf(stderr, "attnbench: %s:%d: %s\n", path, error.line, error.text);
        return -1;
    }
    *workload = defaults;
    json_object_foreach(file, name, value)
    {
        if (rc == 0)
            rc = read_part(path, name, value, workload);
    }
    if (rc == 0)
        rc = read_agents(path, file, workload);
    if (rc == 0 && workload->n_agents == 0)
        rc = refuse(path, "agents");
    if (rc == 0 && workload->repositories == 0)
        workload->repositories = workload->n_agents / 2 > 1 ? workload->n_agents / 2 : 1;
    json_decref(file);
    return rc;
}
