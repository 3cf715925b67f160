/* client_doctor.c: `quietbell doctor`: is all of the way there, from an agent's hook to the person?
 * It looks and asks, and changes nothing. */
#include "client.h"

#include "config.h"
#include "doctor.h"
#include "host.h"
#include "paths.h"
#include "plain.h"
#include "rules/text.h"
#include "setup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define START "systemctl --user start quietbelld.socket"
#define START_ANYHOW "start it with `quietbelld` in a terminal, or `" START "`"

static const char *const level_names[] = {"ok", "warn", "bad"};

void doctor_find(struct doctor *doctor, enum finding level, const char *about, const char *mend,
                 const char *format, ...)
{
    char what[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    json_t *finding = json_pack("{s:s, s:s, s:o}", "level", level_names[level], "about", about,
                                "what", plain_json(what));
    if (mend)
        json_object_set_new(finding, "mend", plain_json(mend));
    json_array_append_new(doctor->findings, finding);
    doctor->n[level]++;
}

/* ---- the hooks ------------------------------------------------------------------------------------------ */

/* The hook client itself. */
static void look_at_hook(struct doctor *doctor, const char *hook)
{
    char output[DOCTOR_OUTPUT];
    const char *const argv[] = {hook, "--version", NULL};

    if (!hook) {
        doctor_find(doctor, FINDING_BAD, "hook client", "install quietbell again (`make install`)",
                    "quietbell-hook is not beside quietbell");
        return;
    }
    if (doctor_run(argv, output) != 0)
        doctor_find(doctor, FINDING_BAD, "hook client", "install quietbell again (`make install`)",
                    "%s does not run", hook);
    else if (!strstr(output, QUIETBELL_VERSION))
        doctor_find(doctor, FINDING_WARN, "hook client", "install quietbell again (`make install`)",
                    "%s is another version than this quietbell", hook);
    else
        doctor_find(doctor, FINDING_OK, "hook client", NULL, "%s runs", hook);
}

/* Some agents run a hook only once the person trusts it, and name those in a file (Codex:
 * [hooks.state."FILE:EVENT:GROUP:INDEX"] in config.toml). */
static void look_at_trust(struct doctor *doctor, const struct setup_plan *plan)
{
    char unheard[SETUP_REASON], *folder = setup_agent_folder(plan->agent);
    size_t size = strlen(folder) + strlen(plan->agent->trusted_in) + 2, n = strlen(plan->file.path);
    char *path = must_alloc(size);
    struct setup_file file;
    int trusted = 0;

    snprintf(path, size, "%s/%s", folder, plan->agent->trusted_in);
    if (setup_file_read(&file, path, unheard) == 0 && file.exists) {
        for (const char *p = file.text.bytes; (p = strstr(p, plan->file.path)); p += n)
            trusted += p[n] == ':';
    }
    if (trusted < plan->found.hooks)
        doctor_find(doctor, FINDING_WARN, plan->agent->name, plan->agent->todo,
                    "%s trusts %d of %d hooks, and skips the others silently", plan->agent->title,
                    trusted, plan->found.hooks);
    setup_file_release(&file);
    free(path);
    free(folder);
}

/* Hooks are there: do they lead anywhere? */
static void look_at_plan(struct doctor *doctor, const struct setup_plan *plan, const char *mend)
{
    const struct setup_agent *agent = plan->agent;
    const char *command = plan->found.command ? plan->found.command : "";

    if (access(command, X_OK) != 0)
        doctor_find(doctor, FINDING_BAD, agent->name, mend, "%s calls %s, which is not there",
                    agent->title, command);
    else if (plan->change)
        doctor_find(doctor, FINDING_WARN, agent->name, mend,
                    "the hooks of %s are not those of this version", agent->title);
    else
        doctor_find(doctor, FINDING_OK, agent->name, NULL, "%s is connected (%s)", agent->title,
                    plan->file.path);
    if (plan->found.off)
        doctor_find(doctor, FINDING_BAD, agent->name,
                    agent->off_when ? "set it to false" : "set it to true",
                    "%s runs no hooks: \"%s\" in %s", agent->title, agent->off, plan->file.path);
    if (agent->trusted_in)
        look_at_trust(doctor, plan);
}

/* `without`: how bad it is if it is not connected. */
static void look_at_agent(struct doctor *doctor, const struct setup_agent *agent, const char *hook,
                          enum finding without)
{
    struct setup_plan plan;
    char mend[128];

    snprintf(mend, sizeof mend, "quietbell setup --agent %s", agent->name);
    if (agent->shape == SETUP_HAND) {
        doctor_find(doctor, FINDING_OK, agent->name, mend, "%s is connected by hand, if at all",
                    agent->title);
        return;
    }
    int error = setup_plan_make(&plan, agent, hook ? hook : "quietbell-hook", false);
    const struct problem *problem = plan.problems.n ? &plan.problems.list[0] : NULL;
    if (problem)
        doctor_find(doctor, FINDING_BAD, agent->name, "mend the file, then look again",
                    "%s cannot read its file: %s:%d:%d: %s", agent->title, problem->file,
                    problem->line, problem->column, problem->message);
    else if (plan.found.hooks > 0)
        look_at_plan(doctor, &plan, mend);
    else if (error)
        doctor_find(doctor, without, agent->name, mend, "%s is not connected: %s", agent->title,
                    plan.reason);
    else
        doctor_find(doctor, without, agent->name, mend, "%s is not connected", agent->title);
    setup_plan_clear(&plan);
}

/* Whether an agent has hooks of ours at all. */
static bool is_connected(const struct setup_agent *agent)
{
    struct setup_plan plan;
    bool connected = false;

    if (agent->shape != SETUP_HAND) {
        setup_plan_make(&plan, agent, "quietbell-hook", true);
        connected = plan.found.hooks > 0;
        setup_plan_clear(&plan);
    }
    return connected;
}

static void look_at_agents(struct doctor *doctor)
{
    struct problems problems = {0};
    char *hook = setup_hook_path();
    int n = 0, connected = 0;

    if (setup_agents_load(&problems) != 0)
        doctor_find(doctor, FINDING_BAD, "agents", "mend the mapping file", "%s:%d:%d: %s",
                    problems.list[0].file, problems.list[0].line, problems.list[0].column,
                    problems.list[0].message);
    problems_clear(&problems);
    look_at_hook(doctor, hook);
    for (const struct setup_agent *agent = NULL; (agent = setup_agent_next(agent));)
        connected += setup_agent_here(agent) && is_connected(agent);
    for (const struct setup_agent *agent = NULL; (agent = setup_agent_next(agent));) {
        if (!setup_agent_here(agent))
            continue;
        /* Of several agents one may be left out on purpose. */
        look_at_agent(doctor, agent, hook, connected ? FINDING_WARN : FINDING_BAD);
        n++;
    }
    if (n == 0)
        doctor_find(doctor, FINDING_WARN, "agents", "quietbell setup --agent NAME",
                    "no agent was found on this machine");
    free(hook);
}

/* ---- the daemon ----------------------------------------------------------------------------------------- */

/* 0 if something answers at a socket, or a negative errno. */
static int knock(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int error = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN
                    ? 0
                    : -errno;
    close(fd);
    return error;
}

/* Whether a daemon listens where the client and the hook client look; else why not at the first place where
 * something stands. */
static bool is_there(const struct client *client, char reason[512])
{
    bool there = false, told = false;

    for (int i = 0; !there; i++) {
        char *path = client->socket ? i == 0 ? must_copy(client->socket) : NULL : paths_socket(i);
        if (!path)
            break;
        int error = knock(path);
        there = error == 0;
        if (!there && (i == 0 || (!told && error != -ENOENT))) {
            snprintf(reason, 512, "%s: %s", path, error == -ENOENT ? "no socket" : strerror(-error));
            told = error != -ENOENT;
        }
        free(path);
    }
    return there;
}

static void look_at_troubles(struct doctor *doctor, const json_t *status)
{
    size_t i;
    const json_t *trouble;

    json_array_foreach(json_object_get(status, "troubles"), i, trouble)
    {
        const char *todo = client_text(trouble, "todo");
        doctor_find(doctor, FINDING_BAD, "daemon", *todo ? todo : NULL, "%s",
                    client_text(trouble, "what"));
    }
}

static void look_at_receivers(struct doctor *doctor, const json_t *status)
{
    size_t i;
    const json_t *receiver;

    json_array_foreach(json_object_get(status, "receivers"), i, receiver)
    {
        const char *name = client_text(receiver, "receiver"), *state = client_text(receiver, "state");
        const char *reason = client_text(receiver, "trouble");
        char mend[160];
        snprintf(mend, sizeof mend, "quietbell test %s", name);
        if (!*reason)
            reason = client_text(receiver, "reason");
        if (!client_flag(receiver, "up") || (*state && strcmp(state, "serving") != 0))
            doctor_find(doctor, strcmp(state, "starting") == 0 ? FINDING_WARN : FINDING_BAD,
                        "receiver", mend, "receiver %s is %s%s%s", name,
                        *state && strcmp(state, "serving") ? state : "down", *reason ? ": " : "",
                        reason);
        else
            doctor_find(doctor, FINDING_OK, "receiver", NULL, "receiver %s serves", name);
    }
    if (json_array_size(json_object_get(status, "receivers")) == 0)
        doctor_find(doctor, FINDING_BAD, "receiver", "quietbell check", "there is no receiver");
}

/* What the presence sensor sees, and what it could see. */
static void look_at_presence(struct doctor *doctor, const json_t *presence)
{
    const char *name, *focus_events = "`set -g ", *line;
    const json_t *value;
    char seen[512] = "", unseen[256] = "";

    json_object_foreach((json_t *)json_object_get(presence, "signals"), name, value)
    {
        line = json_string_value(value) ? json_string_value(value) : "";
        bool there = strncmp(line, "no ", 3) != 0;
        char *list = there ? seen : unseen;
        size_t size = there ? sizeof seen : sizeof unseen, len = strlen(list);
        snprintf(list + len, size - len, "%s%s%s%s%s", len ? ", " : "", name, there ? " (" : "",
                 there ? line : "", there ? ")" : "");
        if (strstr(line, focus_events))
            doctor_find(doctor, FINDING_WARN, "presence", "set -g focus-events on, in tmux.conf",
                        "tmux does not tell which of its terminals is in front");
    }
    if (json_object_get(presence, "signals"))
        doctor_find(doctor, FINDING_OK, "presence", NULL, "you are seen by %s%s%s",
                    *seen ? seen : "nothing", *unseen ? "; not by " : "", unseen);
    else
        doctor_find(doctor, FINDING_OK, "presence", NULL, "nobody looks whether you are there");
}

static void look_at_status(struct doctor *doctor, const json_t *status)
{
    const char *version = client_text(status, "version");
    int64_t apart_ms = client_number(status, "now_ms") - host_wall_ms();
    const json_t *config = json_object_get(status, "config");

    doctor_find(doctor, FINDING_OK, "daemon", NULL, "quietbelld answers (pid %lld)",
                (long long)client_number(status, "pid"));
    if (strcmp(version, QUIETBELL_VERSION) != 0)
        doctor_find(doctor, FINDING_WARN, "daemon", "systemctl --user restart quietbelld",
                    "quietbelld is version %s, this is %s", version, QUIETBELL_VERSION);
    if (*client_text(config, "problem"))
        doctor_find(doctor, FINDING_BAD, "configuration", "quietbell check, then quietbell reload",
                    "the newest configuration is not in force: %s", client_text(config, "problem"));
    if (apart_ms > 2000 || apart_ms < -2000)
        doctor_find(doctor, FINDING_WARN, "clock", "restart quietbelld",
                    "quietbelld's clock is %lld s apart from this one", (long long)(apart_ms / 1000));
    look_at_receivers(doctor, status);
    look_at_presence(doctor, json_object_get(status, "presence"));
    look_at_troubles(doctor, status);
}

/* True if it answers. */
static bool look_at_daemon(struct doctor *doctor, struct client *client)
{
    char reason[512] = "it does not run";
    json_t *answer = NULL;
    bool json = client->json;

    if (!is_there(client, reason)) {
        doctor_find(doctor, FINDING_BAD, "daemon", START_ANYHOW, "quietbelld is not reachable: %s",
                    reason);
        return false;
    }
    client->json = false; /* one document is printed, at the end */
    int code = client_talk(client, client_command("status"), &answer);
    client->json = json;
    if (code)
        doctor_find(doctor, FINDING_BAD, "daemon", "systemctl --user restart quietbelld",
                    "quietbelld does not answer");
    else if (!client_flag(answer, "ok"))
        doctor_find(doctor, FINDING_BAD, "daemon", "systemctl --user restart quietbelld",
                    "quietbelld refuses to answer: %s", client_text(answer, "error"));
    else
        look_at_status(doctor, json_object_get(answer, "status"));
    json_decref(answer);
    return code == CLIENT_OK;
}

/* ---- configuration and desktop ------------------------------------------------------------------------------ */

static void look_at_config(struct doctor *doctor, const struct paths *paths)
{
    struct problems problems = {0};
    struct config *config = NULL;
    bool there = paths->config && access(paths->config, F_OK) == 0;
    bool popups = false, only = true;

    if (config_load(&config, there ? paths->config : NULL, &problems) != 0)
        doctor_find(doctor, FINDING_BAD, "configuration", "quietbell check", "%s:%d:%d: %s",
                    problems.list[0].file, problems.list[0].line, problems.list[0].column,
                    problems.list[0].message);
    else
        doctor_find(doctor, FINDING_OK, "configuration", NULL, "%s",
                    there ? paths->config : "no configuration file, so the preset default holds");
    for (int i = 0; config && i < config->n_receivers; i++) {
        bool popup = strcmp(config->receivers[i].plugin, "desktop") == 0 ||
                     strcmp(config->receivers[i].plugin, "auto") == 0;
        popups = popups || popup;
        only = only && strcmp(config->receivers[i].plugin, "desktop") == 0;
    }
    if (popups)
        doctor_desktop(doctor, only ? FINDING_BAD : FINDING_WARN);
    problems_clear(&problems);
    config_free(config);
}

/* ---- folders and clock ---------------------------------------------------------------------------------------- */

/* How many messages lie in a folder, and how old the oldest is. */
static int count_messages(const char *folder, int64_t *oldest_ms)
{
    DIR *dir = folder ? opendir(folder) : NULL;
    int n = 0;

    *oldest_ms = 0;
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name);
        struct stat status;
        if (entry->d_name[0] == '.' || len < 5 || strcmp(entry->d_name + len - 5, ".json") != 0)
            continue;
        if (fstatat(dirfd(dir), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        int64_t age_ms = host_wall_ms() - (int64_t)status.st_mtim.tv_sec * 1000;
        *oldest_ms = age_ms > *oldest_ms ? age_ms : *oldest_ms;
        n++;
    }
    if (dir)
        closedir(dir);
    return n;
}

static void look_at_folders(struct doctor *doctor, const struct paths *paths, bool answers)
{
    struct stat status;
    int64_t oldest_ms;
    char mend[512], age[32];
    const char *state = paths->state ? paths->state : "";
    int n = count_messages(paths->spool, &oldest_ms);

    if (n > 0 && (!answers || oldest_ms > 5000))
        doctor_find(doctor, answers ? FINDING_BAD : FINDING_WARN, "spool",
                    answers ? "systemctl --user restart quietbelld" : START_ANYHOW,
                    "%d message%s wait%s in %s, the oldest for %s", n, n == 1 ? "" : "s",
                    n == 1 ? "s" : "", paths->spool, plain_age(oldest_ms, age, sizeof age));
    else
        doctor_find(doctor, FINDING_OK, "spool", NULL, "no message waits in the spool");
    n = count_messages(paths->quarantine, &oldest_ms);
    snprintf(mend, sizeof mend, "read `cat %s/*.reason`, then remove what is of no use",
             paths->quarantine);
    if (n > 0)
        doctor_find(doctor, FINDING_WARN, "quarantine", mend, "%d message%s could not be read", n,
                    n == 1 ? "" : "s");
    else
        doctor_find(doctor, FINDING_OK, "quarantine", NULL, "the quarantine is empty");
    if (stat(state, &status) != 0)
        return;
    snprintf(mend, sizeof mend, "chmod 700 %s", state);
    if (status.st_mode & 077)
        doctor_find(doctor, FINDING_WARN, "folders", mend, "%s can be read by others", state);
    else if (access(state, W_OK) != 0)
        doctor_find(doctor, FINDING_BAD, "folders", mend, "%s cannot be written", state);
}

static void look_at_clock(struct doctor *doctor)
{
    const int64_t written_ms = INT64_C(1764547200000),
                  far_ms = INT64_C(4102444800000); /* December 2025, 2100 */
    int64_t now_ms = host_wall_ms();

    if (now_ms < written_ms || now_ms > far_ms)
        doctor_find(doctor, FINDING_BAD, "clock", "timedatectl set-ntp true",
                    "the clock of this machine is wrong");
    else
        doctor_find(doctor, FINDING_OK, "clock", NULL, "the clock is plausible");
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

static void print_findings(const struct client *client, const struct doctor *doctor)
{
    static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
    size_t i;
    const json_t *finding;

    json_array_foreach(doctor->findings, i, finding)
    {
        const char *level = client_text(finding, "level"), *mend = client_text(finding, "mend");
        int n = *level == 'o' ? FINDING_OK : *level == 'w' ? FINDING_WARN : FINDING_BAD;
        printf("%s%-4s%s  %s%s%s\n", client->colour ? colours[n] : "", level,
               client->colour ? "\033[0m" : "", client_text(finding, "what"),
               *mend ? "; mend it: " : "", mend);
    }
    if (doctor->n[FINDING_BAD] + doctor->n[FINDING_WARN] == 0)
        puts("All is well.");
    else
        printf("%d bad, %d to look at.\n", doctor->n[FINDING_BAD], doctor->n[FINDING_WARN]);
}

int client_doctor(struct client *client, int argc, char **argv)
{
    struct doctor doctor = {0};
    struct paths paths;

    (void)argv;
    if (argc > 0)
        return client_usage(client, "takes no argument");
    doctor.findings = json_array();
    paths_init(&paths);
    look_at_agents(&doctor);
    bool answers = look_at_daemon(&doctor, client);
    look_at_config(&doctor, &paths);
    look_at_folders(&doctor, &paths, answers);
    look_at_clock(&doctor);
    paths_release(&paths);
    int code = doctor.n[FINDING_BAD] ? CLIENT_REFUSED : CLIENT_OK;
    if (client->json)
        client_print_json(json_pack("{s:b, s:o}", "ok", code == CLIENT_OK, "findings", doctor.findings));
    else {
        print_findings(client, &doctor);
        json_decref(doctor.findings);
    }
    return code;
}
