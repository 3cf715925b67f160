/* setup.c: the plan for one agent: what its file is, what it is to be, and why not. See setup.h.
 *
 * Taking out gives the old bytes back where it can be proven that nothing else changed: the backup with our
 * hooks put in must be the very file. Else only our hooks go. */
#include "setup.h"

#include "rules/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether two paths lead to the same program, which is there. */
static bool same_program(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino && access(a, X_OK) == 0;
}

static int look(struct setup_plan *plan)
{
    const struct setup_file *file = &plan->file;

    if (plan->agent->shape == SETUP_PLUGIN) {
        plan->found = (struct setup_found){0};
        plan->found.hooks = setup_plugin_ours(&file->text, &plan->found.command);
        return 0;
    }
    return setup_hooks_look(plan->agent, &file->text, file->path, &plan->found, &plan->problems);
}

/* `text` with our hooks in it. */
static int with_hooks(struct setup_plan *plan, const struct setup_text *text,
                      struct setup_text *out, struct problems *problems)
{
    if (plan->agent->shape != SETUP_PLUGIN)
        return setup_hooks_add(plan->agent, plan->command, text, plan->file.path, out, problems);
    char *whole = setup_plugin_text(plan->agent, plan->command);
    setup_text_set(out, whole, strlen(whole));
    free(whole);
    return 0;
}

/* Whether `old`, with our hooks put in, is what is there now. */
static bool is_origin(struct setup_plan *plan, const struct setup_text *old)
{
    struct setup_text then = {0};
    struct problems unheard = {0};
    bool same =
        with_hooks(plan, old, &then, &unheard) == 0 && setup_text_same(&then, &plan->file.text);
    setup_text_clear(&then);
    problems_clear(&unheard);
    return same;
}

/* The backup, if it is from before our hooks came. */
static bool read_backup(struct setup_plan *plan, struct setup_text *old)
{
    char *path = setup_backup_path(plan->file.path), unheard[SETUP_REASON];
    struct setup_file backup;
    struct setup_found found = {0};
    struct problems problems = {0};
    bool good = setup_file_read(&backup, path, unheard) == 0 && backup.exists;

    if (good && plan->agent->shape != SETUP_PLUGIN)
        good = setup_hooks_look(plan->agent, &backup.text, path, &found, &problems) == 0 &&
               found.hooks == 0;
    if (good)
        setup_text_set(old, backup.text.bytes, backup.text.len);
    free(found.command);
    problems_clear(&problems);
    setup_file_release(&backup);
    free(path);
    return good;
}

static int plan_remove(struct setup_plan *plan)
{
    struct setup_text old = {0};
    const struct setup_text none = {0};

    if (plan->found.hooks == 0) {
        if (plan->file.exists)
            setup_text_set(&plan->after, plan->file.text.bytes, plan->file.text.len);
        return 0;
    }
    if (plan->agent->shape == SETUP_PLUGIN) {
        plan->restores = is_origin(plan, &none);
        return 0;
    }
    if (read_backup(plan, &old) && is_origin(plan, &old)) {
        plan->restores = true;
        plan->after = old;
        return 0;
    }
    setup_text_clear(&old);
    plan->restores = is_origin(plan, &none);
    if (plan->restores)
        return 0;
    return setup_hooks_strip(plan->agent, &plan->file.text, plan->file.path, &plan->after,
                             &plan->problems);
}

static int plan_add(struct setup_plan *plan)
{
    if (plan->agent->shape == SETUP_PLUGIN && plan->found.hooks == 0 && plan->file.text.len > 0) {
        snprintf(plan->reason, sizeof plan->reason,
                 "%.300s is not quietbell's; move it away and run this again", plan->file.path);
        return -EEXIST;
    }
    return with_hooks(plan, &plan->file.text, &plan->after, &plan->problems);
}

int setup_plan_make(struct setup_plan *plan, const struct setup_agent *agent, const char *hook,
                    bool remove)
{
    *plan = (struct setup_plan){.agent = agent};
    char *path = setup_agent_file(agent);

    if (!path) {
        snprintf(plan->reason, sizeof plan->reason, "there is no home folder: HOME is not set");
        return plan->error = -ENOENT;
    }
    plan->error = setup_file_read(&plan->file, path, plan->reason);
    free(path);
    if (!plan->error)
        plan->error = look(plan);
    if (plan->error)
        return plan->error;
    /* The line that is there stays as it is while it leads to the same program: an agent may trust the very
     * words of it. */
    const char *there = plan->found.command;
    plan->command = must_copy(there && (remove || same_program(there, hook)) ? there : hook);
    plan->error = remove ? plan_remove(plan) : plan_add(plan);
    if (plan->error)
        return plan->error;
    plan->change = !setup_text_same(&plan->after, &plan->file.text);
    if (plan->change)
        plan->error = setup_file_writable(&plan->file, plan->reason);
    return plan->error;
}

/* A folder that only our file was in goes with it: plugin/ and hooks/, never the agent's own. */
static void remove_folder(const struct setup_plan *plan)
{
    const char *slash = strchr(plan->agent->file, '/');
    char *folder = slash ? setup_agent_folder(plan->agent) : NULL;
    if (!folder)
        return;
    size_t size = strlen(folder) + strlen(plan->agent->file) + 2;
    char *below = must_alloc(size);
    snprintf(below, size, "%s/%.*s", folder, (int)(slash - plan->agent->file), plan->agent->file);
    rmdir(below);
    free(below);
    free(folder);
}

int setup_plan_apply(struct setup_plan *plan)
{
    if (plan->error || !plan->change)
        return plan->error;
    /* The backup is the file before our hooks: a change of our hooks leaves an older one as it is. */
    char *backup = setup_backup_path(plan->file.path);
    bool keep = !plan->restores &&
                (plan->found.hooks == 0 || !plan->after.bytes || access(backup, F_OK) != 0);
    plan->error = setup_file_write(&plan->file, &plan->after, keep, plan->reason);
    if (!plan->error && plan->restores) {
        unlink(backup); /* its bytes are the file again */
        if (!plan->after.bytes)
            remove_folder(plan);
    }
    free(backup);
    return plan->error;
}

void setup_plan_clear(struct setup_plan *plan)
{
    setup_file_release(&plan->file);
    setup_text_clear(&plan->after);
    free(plan->found.command);
    free(plan->command);
    problems_clear(&plan->problems);
    *plan = (struct setup_plan){0};
}
