/* stage_policy.c: policies by hand, for tests that need no YAML (stage.h). */
#include "stage.h"

#include "rules/text.h"

#include <string.h>

int policy_receiver(struct policy *policy, const char *name, bool updates, int fallback,
                    int64_t give_up_ms)
{
    policy->receivers[policy->n_receivers] = (struct policy_receiver){.name = must_copy(name),
                                                                      .give_up_ms = give_up_ms,
                                                                      .fallback = fallback,
                                                                      .updates = updates,
                                                                      .withdraws = updates};
    return policy->n_receivers++;
}

struct policy *plain_policy(void)
{
    struct policy *policy = policy_new();
    policy_receiver(policy, "popup", true, -1, 10 * MINUTE);
    return policy;
}

int policy_focus(struct policy *policy, const char *name, const struct span *times, int n)
{
    struct policy_focus *focus = &policy->focuses[policy->n_focuses];
    focus->name = must_copy(name);
    focus->n_times = n;
    if (n > 0) {
        focus->times = must_alloc((size_t)n * sizeof *times);
        memcpy(focus->times, times, (size_t)n * sizeof *times);
    }
    return policy->n_focuses++;
}

struct rule *policy_rule(struct policy *policy, const char *name)
{
    policy->rules = must_grow(policy->rules, (size_t)(policy->n_rules + 1) * sizeof *policy->rules);
    struct rule *rule = &policy->rules[policy->n_rules++];
    *rule =
        (struct rule){.name = must_copy(name), .file = must_copy("by hand"), .line = policy->n_rules};
    return rule;
}

void policy_match(struct match *match, enum match_field field, const char *glob)
{
    struct globs *globs = &match->field[field];
    globs->glob = must_grow(globs->glob, (size_t)(globs->n + 1) * sizeof *globs->glob);
    globs->glob[globs->n++] = must_copy(glob);
}
