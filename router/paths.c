/* paths.c: where everything lies. See paths.h. */
#include "paths.h"

#include "host.h"
#include "rules/text.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "a/b" out of parts, or NULL if the first is NULL. */
static char *joined(const char *folder, const char *rest)
{
    if (!folder)
        return NULL;
    size_t size = strlen(folder) + strlen(rest) + 2;
    char *path = must_alloc(size);
    snprintf(path, size, "%s%s%s", folder, *rest ? "/" : "", rest);
    return path;
}

/* The XDG specification: a relative path in one of its variables is invalid, and ignored. */
static const char *absolute_env(const char *name)
{
    const char *value = host_env(name);
    return value && value[0] == '/' ? value : NULL;
}

static char *home(void)
{
    const char *named = absolute_env("HOME");
    if (named)
        return must_copy(named);
    struct passwd *user = getpwuid(geteuid());
    return user && user->pw_dir && user->pw_dir[0] == '/' ? must_copy(user->pw_dir) : NULL;
}

/* $VARIABLE/rest, else ~/otherwise/rest. */
static char *xdg(const char *variable, const char *otherwise, const char *rest)
{
    const char *named = absolute_env(variable);
    if (named)
        return joined(named, rest);
    char *base = home();
    char *folder = joined(base, otherwise);
    char *path = joined(folder, rest);
    free(folder);
    free(base);
    return path;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* logind's folder, if it is there and ours. */
static char *run_user(void)
{
    char folder[64];
    struct stat st;
    snprintf(folder, sizeof folder, "/run/user/%lu", (unsigned long)geteuid());
    if (lstat(folder, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
        return NULL;
    return must_copy(folder);
}

char *paths_socket(int nth)
{
    const char *named = host_env("QUIETBELL_SOCKET");
    if (named && *named)
        return nth == 0 ? must_copy(named) : NULL;

    const char *runtime = absolute_env("XDG_RUNTIME_DIR");
    if (runtime && nth-- == 0)
        return joined(runtime, "quietbell/sock");
    char *ours = run_user();
    if (ours && nth-- == 0) {
        char *path = joined(ours, "quietbell/sock");
        free(ours);
        return path;
    }
    free(ours);
    return nth == 0 ? xdg("XDG_STATE_HOME", ".local/state", "quietbell/sock") : NULL;
}

/* The first candidate whose folder, or the one above it, is there; else the last one. */
static char *socket_to_use(void)
{
    char *best = NULL;
    for (int i = 0;; i++) {
        char *candidate = paths_socket(i);
        if (!candidate)
            return best;
        free(best);
        best = candidate;
        char *folder = must_copy(candidate);
        for (int up = 0; up < 2; up++) {
            char *slash = strrchr(folder, '/');
            if (slash && slash > folder)
                *slash = '\0';
        }
        bool usable = is_folder(folder) && access(folder, W_OK) == 0;
        free(folder);
        if (usable)
            return best;
    }
}

static char *find_libexec(void)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return NULL;
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash)
        return NULL;
    *slash = '\0';
    char *here = joined(self, "libexec/quietbell");
    if (is_folder(here))
        return here;
    free(here);
    slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    return joined(self, "libexec/quietbell");
}

char *paths_program(const char *libexec, const char *plugin)
{
    return strchr(plugin, '/') ? must_copy(plugin) : joined(text_or(libexec, "."), plugin);
}

void paths_init(struct paths *paths)
{
    paths->socket = socket_to_use();
    paths->config = xdg("XDG_CONFIG_HOME", ".config", "quietbell/quietbell.yaml");
    paths->agents = xdg("XDG_CONFIG_HOME", ".config", "quietbell/agents");
    paths->state = xdg("XDG_STATE_HOME", ".local/state", "quietbell");
    paths->database = joined(paths->state, "quietbell.db");
    paths->spool = joined(paths->state, "spool");
    paths->quarantine = joined(paths->state, "quarantine");
    paths->libexec = find_libexec();
}

void paths_release(struct paths *paths)
{
    free(paths->socket);
    free(paths->config);
    free(paths->agents);
    free(paths->state);
    free(paths->database);
    free(paths->spool);
    free(paths->quarantine);
    free(paths->libexec);
    memset(paths, 0, sizeof *paths);
}

int paths_make(const char *folder)
{
    char *path = must_copy(folder);
    int error = 0;

    for (char *p = path + 1;; p++) {
        char was = *p;
        if (was != '/' && was != '\0')
            continue;
        *p = '\0';
        error = mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
        /* What stands above may be unwritable or hidden and yet be there. */
        if (error && is_folder(path))
            error = 0;
        *p = was;
        if (error || was == '\0')
            break;
    }
    if (!error && !is_folder(path))
        error = -ENOTDIR;
    free(path);
    return error;
}

int paths_make_above(const char *file)
{
    char *path = must_copy(file);
    char *slash = strrchr(path, '/');
    int error = 0;
    if (slash && slash > path) {
        *slash = '\0';
        error = paths_make(path);
    }
    free(path);
    return error;
}
