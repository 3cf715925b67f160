/* policy.h: what the person wrote, as the core reads it: receivers, focuses, rules.
 *
 * The shell parses the configuration (router/config.c), fills a struct policy and hands it over with
 * rules_step(INPUT_POLICY): the core owns it from then on and frees it with policy_free(). Everything in
 * it is heap memory. Indexes into receivers and focuses are positions in this very policy. */
#ifndef RULES_POLICY_H
#define RULES_POLICY_H

#include "defer.h"
#include "word.h"

#include <stdbool.h>
#include <stdint.h>

enum { POLICY_RECEIVERS_MAX = 24, POLICY_FOCUSES_MAX = 24, POLICY_RULES_MAX = 256 };

struct policy_receiver {
    char *name;
    int64_t give_up_ms; /* 10m; for critical alerts never more than 60 s */
    int fallback;       /* index, or -1: nobody */
    bool updates;       /* can edit what it has shown; a plugin's manifest corrects it */
    bool withdraws;     /* can take back what it has shown */
    int budget;         /* rings in an hour, 0: no limit */
};

/* One line of a focus's schedule, in local time: [from, to) on the days named; to <= from: overnight,
 * and the night belongs to the day it begins on. 24:00 is minute 1440. */
struct span {
    uint8_t days; /* bit 0 Monday … bit 6 Sunday */
    int16_t from_min, to_min;
};

enum follow {
    FOLLOW_NONE,
    FOLLOW_DESKTOP,    /* the desktop's own do-not-disturb */
    FOLLOW_MICROPHONE, /* a microphone is in use: a call */
    FOLLOWS
};

struct policy_focus {
    char *name;
    struct span *times;
    int n_times;
    uint32_t presence;  /* bits of enum presence: on while the person is so */
    enum follow follow; /* on while this is, which a sensor tells */
    char *calendar; /* on while this file says busy, as written; NULL: none. The core never opens it */
};

enum match_field {
    MATCH_AGENT,
    MATCH_KIND,
    MATCH_REPOSITORY,
    MATCH_WORKTREE,
    MATCH_BRANCH,
    MATCH_HOST,
    MATCH_TOOL,
    MATCH_TITLE,
    MATCH_SESSION,
    MATCH_URGENCY,
    MATCH_FIELDS
};

struct globs {
    char **glob; /* any of them on the whole value: * ? [a-z] */
    int n;       /* 0: no condition */
};

struct match {
    struct globs field[MATCH_FIELDS];
};

enum during { DURING_ALWAYS, DURING_NAMED, DURING_ANY, DURING_NONE };

/* The keys of `set`; a rule sets those whose bit is in `sets`. */
enum set_key {
    SET_URGENCY,
    SET_TO,
    SET_ALSO,
    SET_SETTLE,
    SET_SLOT, /* hold, batch and digest: one slot */
    SET_AT_MOST,
    SET_GROUP_BY,
    SET_SILENT,
    SET_EXPIRE,
    SET_INHIBIT,
    SET_REPEAT,
    SET_ESCALATE,
    SET_KEYS
};

/* bits of inhibit: the session's place is in front; the person answers from the board */
enum inhibit { INHIBIT_SESSION = 1, INHIBIT_BOARD = 2 };

/* bits of group_by, in the order of the names below */
enum group_by {
    GROUP_REPOSITORY = 1,
    GROUP_WORKTREE = 2,
    GROUP_BRANCH = 4,
    GROUP_HOST = 8,
    GROUP_AGENT = 16,
    GROUP_KIND = 32,
    GROUP_SESSION = 64
};

enum { RULE_TIMES_MAX = 12, RULE_STEPS_MAX = 4 };

struct rule {
    char *name; /* never NULL: "rule 3" where the person gave none */
    char *file; /* never NULL; "preset eager" for embedded ones */
    int line;
    struct match match;
    struct match unless; /* none of its fields may hold */
    enum during during;
    uint32_t focuses;  /* DURING_NAMED: bits of focus indexes */
    uint32_t presence; /* bits of enum presence, 0: however the person is */
    bool stop;

    uint32_t sets; /* bits of enum set_key */
    enum urgency urgency;
    uint32_t to, also; /* bits of receiver indexes */
    int64_t settle_ms;
    enum slot slot;
    int64_t batch_ms;                  /* SLOT_BATCH */
    int16_t times_min[RULE_TIMES_MAX]; /* SLOT_TIMES, SLOT_DIGEST: minutes of the local day */
    int n_times;
    int64_t at_most_ms;
    uint32_t group_by;
    bool silent;
    int64_t expire_ms;
    uint32_t inhibit;  /* bits of enum inhibit */
    int64_t repeat_ms; /* 0: never again */
    int repeat_times;
    struct {
        int64_t after_ms; /* from the first tell, rising */
        uint32_t to;      /* bits of receiver indexes */
    } escalate[RULE_STEPS_MAX];
    int n_escalate;
};

struct policy {
    struct policy_receiver receivers[POLICY_RECEIVERS_MAX];
    int n_receivers;
    struct policy_focus focuses[POLICY_FOCUSES_MAX];
    int n_focuses;
    struct rule *rules; /* n_rules of them, allocated together */
    int n_rules;
    struct deferral deferral;
};

/* An empty policy: all zero but the deferral, which has its defaults. */
struct policy *policy_new(void);
/* NULL is allowed. */
void policy_free(struct policy *policy);

extern const struct words word_follow, word_match, word_set, word_group_by, word_inhibit;

#endif
