/* setup_agents.c: where an agent's files lie on this machine, whether it is here at all, and by which name the
 * hook client is called. What is needed of each agent stands in its mapping file (setup_install.c). */
#include "setup.h"

#include "host.h"
#include "rules/text.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- where they are ------------------------------------------------------------------------------------ */

static char *joined(const char *folder, const char *rest)
{
    size_t size = strlen(folder) + strlen(rest) + 2;
    char *path = must_alloc(size);
    snprintf(path, size, "%s/%s", folder, rest);
    return path;
}

static const char *home(void)
{
    const char *named = host_env("HOME");
    if (named && named[0] == '/')
        return named;
    const struct passwd *user = getpwuid(geteuid());
    return user && user->pw_dir && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
}

char *setup_agent_folder(const struct setup_agent *agent)
{
    static const char config[] = ".config/";
    const char *named = agent->home_env ? host_env(agent->home_env) : NULL;
    const char *xdg = host_env("XDG_CONFIG_HOME"), *base = home();

    if (!agent->home)
        return NULL;
    if (named && named[0] == '/')
        return agent->home_below ? joined(named, agent->home_below) : must_copy(named);
    if (xdg && xdg[0] == '/' && strncmp(agent->home, config, sizeof config - 1) == 0)
        return joined(xdg, agent->home + sizeof config - 1);
    return base ? joined(base, agent->home) : NULL;
}

char *setup_agent_file(const struct setup_agent *agent)
{
    char *folder = agent->file ? setup_agent_folder(agent) : NULL;
    char *file = folder ? joined(folder, agent->file) : NULL;
    free(folder);
    return file;
}

char *setup_on_path(const char *program)
{
    const char *path = host_env("PATH");

    for (const char *p = path ? path : ""; *p;) {
        size_t n = strcspn(p, ":");
        char folder[PATH_MAX];
        if (n > 0 && n < sizeof folder && *p == '/') {
            struct stat status;
            snprintf(folder, sizeof folder, "%.*s", (int)n, p);
            char *file = joined(folder, program);
            if (access(file, X_OK) == 0 && stat(file, &status) == 0 && S_ISREG(status.st_mode))
                return file;
            free(file);
        }
        p += n + (p[n] == ':');
    }
    return NULL;
}

bool setup_agent_here(const struct setup_agent *agent)
{
    struct stat status;
    char *folder = setup_agent_folder(agent);
    bool here = folder && stat(folder, &status) == 0 && S_ISDIR(status.st_mode);
    free(folder);
    if (here)
        return true;
    char *program = agent->program ? setup_on_path(agent->program) : NULL;
    here = program != NULL;
    free(program);
    return here;
}

/* ---- the hook client ----------------------------------------------------------------------------------- */

char *setup_hook_path(void)
{
    static const char name[] = "quietbell-hook";
    char self[PATH_MAX];
    struct stat beside, linked;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n <= 0)
        return NULL;
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash)
        return NULL;
    *slash = '\0';
    char *hook = joined(self, name), *named = setup_on_path(name);
    bool there = access(hook, X_OK) == 0 && stat(hook, &beside) == 0 && S_ISREG(beside.st_mode);
    bool same = there && named && stat(named, &linked) == 0 && linked.st_dev == beside.st_dev &&
                linked.st_ino == beside.st_ino;
    char *best = same ? must_copy(named) : there ? must_copy(hook) : NULL;
    free(hook);
    free(named);
    return best;
}
