/* policy.c: making and freeing what the person wrote, and the names of its parts. */
#include "policy.h"

#include "text.h"

#include <stdlib.h>

static const char *const match_names[] = {"agent", "kind", "repository", "worktree", "branch",
                                          "host",  "tool", "title",      "session",  "urgency"};
static const char *const set_names[] = {"urgency", "to",      "also",     "settle",
                                        "hold",    "at_most", "group_by", "silent",
                                        "expire",  "inhibit", "repeat",   "escalate"};
static const char *const group_by_names[] = {"repository", "worktree", "branch", "host",
                                             "agent",      "kind",     "session"};

#define COUNT(names) ((int)(sizeof(names) / sizeof *(names)))
_Static_assert(COUNT(match_names) == MATCH_FIELDS, "every match field has a name");
_Static_assert(COUNT(set_names) == SET_KEYS, "every key of set has a name");
_Static_assert(1 << COUNT(group_by_names) == GROUP_SESSION * 2, "every bit of group_by has a name");

const struct words word_match = {"condition", COUNT(match_names), match_names};
const struct words word_set = {"key of set", COUNT(set_names), set_names};
static const char *const inhibit_names[] = {"session", "board"};
const struct words word_inhibit = {"inhibit", COUNT(inhibit_names), inhibit_names};
static const char *const follow_names[] = {"nothing", "desktop", "microphone"};
_Static_assert(COUNT(follow_names) == FOLLOWS, "everything to follow has a name");
const struct words word_follow = {"switch", COUNT(follow_names), follow_names};
const struct words word_group_by = {"group", COUNT(group_by_names), group_by_names};

struct policy *policy_new(void)
{
    struct policy *policy = must_alloc(sizeof *policy);
    policy->deferral = defer_defaults;
    return policy;
}

static void match_release(struct match *match)
{
    for (int i = 0; i < MATCH_FIELDS; i++) {
        struct globs *globs = &match->field[i];
        for (int j = 0; j < globs->n; j++)
            free(globs->glob[j]);
        free(globs->glob);
    }
}

void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    for (int i = 0; i < policy->n_receivers; i++)
        free(policy->receivers[i].name);
    for (int i = 0; i < policy->n_focuses; i++) {
        free(policy->focuses[i].name);
        free(policy->focuses[i].times);
        free(policy->focuses[i].calendar);
    }
    for (int i = 0; i < policy->n_rules; i++) {
        struct rule *rule = &policy->rules[i];
        free(rule->name);
        free(rule->file);
        match_release(&rule->match);
        match_release(&rule->unless);
    }
    free(policy->rules);
    free(policy);
}
