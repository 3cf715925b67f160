/* config_receivers.c: `receivers:`: who serves each, its settings for the plugin, its secrets.
 *
 * The way: receivers_read() → receiver_read(): the keys every receiver has, then those of its plugin: a
 * table for the plugins we ship, handed through for any other. Every value below `receivers` is secret
 * to problems until setting_read() or a common key says it is not. */
#include "config_parts.h"
#include "rules/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    GIVE_UP_MS = 600000,
    PATIENCE_MS = 40000, /* a notification server that hangs holds libnotify for 25 s (facts) */
    KEYS_MAX = 16
};

enum common {
    COMMON_PLUGIN,
    COMMON_GIVE_UP,
    COMMON_FALLBACK,
    COMMON_BUDGET,
    COMMON_PATIENCE,
    COMMONS
};
static const char *const common_names[] = {"plugin", "give_up", "fallback", "budget", "patience"};
static const struct words word_common = {"key", COMMONS, common_names};

/* How a plugin's own key is read. A secret KEY may be given as KEY_file or KEY_env instead. */
enum setting {
    SETTING_TEXT,
    SETTING_PATH,
    SETTING_BOOL,
    SETTING_DURATION,
    SETTING_FORMAT,
    SETTING_URL,
    SETTING_SECRET
};

struct plugin_key {
    const char *plugin, *key;
    enum setting setting;
};
// clang-format off
static const struct plugin_key plugin_keys[] = {
    {"auto", "expire", SETTING_DURATION},
    {"auto", "path", SETTING_PATH},
    {"auto", "bell", SETTING_BOOL},
    {"desktop", "expire", SETTING_DURATION},
    {"terminal", "path", SETTING_PATH},
    {"terminal", "bell", SETTING_BOOL},
    {"webhook", "format", SETTING_FORMAT},
    {"webhook", "url", SETTING_URL},
    {"webhook", "token", SETTING_SECRET},
    {"webhook", "secret", SETTING_SECRET},
    {"webhook", "timeout", SETTING_DURATION},
};
// clang-format on
enum { PLUGIN_KEYS = sizeof plugin_keys / sizeof *plugin_keys };

static const char *const shipped[] = {"desktop", "webhook", "terminal", "auto"};
enum { SHIPPED = sizeof shipped / sizeof *shipped };
/* Of plugins we do not know: these may come from files and the environment too. */
static const char *const secret_keys[] = {"url", "token", "secret", "password"};
enum { SECRET_KEYS = sizeof secret_keys / sizeof *secret_keys };

/* ---- names ---------------------------------------------------------------------------------------- */

int name_find(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

int receiver_names(const struct policy *policy, const char *names[POLICY_RECEIVERS_MAX])
{
    for (int i = 0; i < policy->n_receivers; i++)
        names[i] = policy->receivers[i].name;
    return policy->n_receivers;
}

bool name_good(const struct source *source, const struct yaml_node *item, const char *what)
{
    static const char *const letters = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    const char *name = item->key;
    size_t len = strlen(name);
    if (len > 0 && len <= 40 && *name >= 'a' && *name <= 'z' && strspn(name, letters) == len)
        return true;
    char lower[41] = "", hint[64];
    for (size_t i = 0; i < len && len <= 40; i++)
        lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20)
                   : name[i] == ' '                 ? '-'
                                                    : name[i];
    bool guess = *lower >= 'a' && *lower <= 'z' && strspn(lower, letters) == len;
    snprintf(hint, sizeof hint, "did you mean %s?", lower);
    yaml_problem_key(source->yaml, item, guess ? hint : NULL,
                     "a %s's name is a small letter, then at most 39 small letters, digits, - or _",
                     what);
    return false;
}

/* ---- settings of plugins we ship ------------------------------------------------------------------ */

static void format_read(const struct receiver_reading *slot, const struct yaml_node *node)
{
    static const char *const known[] = {"slack", "generic"};
    static const char *const later[] = {"ntfy", "gotify", "discord", "mattermost", "teams"};
    const char *text;
    if (!yaml_text(slot->source->yaml, node, &text))
        return;
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        if (strcmp(text, later[i]) == 0) {
            yaml_problem(slot->source->yaml, node, "known: slack generic (Mattermost reads slack)",
                         "not yet: this version does not know the format %s", text);
            return;
        }
    }
    if (name_find(known, 2, text) < 0)
        yaml_unknown(slot->source->yaml, node, "unknown format", known, 2);
    else
        json_object_set_new(slot->receiver->settings, node->key, json_string(text));
}

static void duration_read(const struct receiver_reading *slot, const struct yaml_node *node)
{
    int64_t ms;
    char key[64];
    if (!yaml_duration(slot->source->yaml, node, &ms))
        return;
    if (ms == 0) {
        yaml_problem(slot->source->yaml, node, NULL, "this has to be longer than nothing");
        return;
    }
    snprintf(key, sizeof key, "%s_ms", node->key);
    json_object_set_new(slot->receiver->settings, node->key, json_string(node->text));
    json_object_set_new(slot->receiver->settings, key, json_integer(ms));
}

static void setting_read(const struct receiver_reading *slot, const struct yaml_node *node,
                         enum setting setting)
{
    const char *text;
    bool yes;
    switch (setting) {
    case SETTING_URL:
    case SETTING_SECRET:
        return; /* secret_read() has them, once per secret */
    case SETTING_FORMAT:
        yaml_public(slot->source->yaml, node);
        format_read(slot, node);
        return;
    case SETTING_BOOL:
        yaml_public(slot->source->yaml, node);
        if (yaml_bool(slot->source->yaml, node, &yes))
            json_object_set_new(slot->receiver->settings, node->key, json_boolean(yes));
        return;
    case SETTING_DURATION:
        yaml_public(slot->source->yaml, node);
        duration_read(slot, node);
        return;
    case SETTING_PATH:
    case SETTING_TEXT:
        yaml_public(slot->source->yaml, node);
        if (yaml_text(slot->source->yaml, node, &text)) {
            char *value = setting == SETTING_PATH ? path_of(slot->reading, text) : must_copy(text);
            json_object_set_new(slot->receiver->settings, node->key, json_string(value));
            free(value);
        }
        return;
    }
}

/* The plugin's own keys, with the forms of its secrets, as words for yaml_key(). */
static int known_keys(const char *plugin, const char *names[COMMONS + PLUGIN_KEYS * 3],
                      const struct plugin_key *rows[COMMONS + PLUGIN_KEYS * 3])
{
    static const char *const forms[][2] = {
        {"url_file", "url_env"}, {"token_file", "token_env"}, {"secret_file", "secret_env"}};
    int n = 0;
    for (; n < COMMONS; n++) {
        names[n] = common_names[n];
        rows[n] = NULL;
    }
    for (int i = 0; i < PLUGIN_KEYS; i++) {
        const struct plugin_key *row = &plugin_keys[i];
        if (strcmp(row->plugin, plugin) != 0)
            continue;
        rows[n] = row;
        names[n++] = row->key;
        for (size_t j = 0; row->setting >= SETTING_URL && j < sizeof forms / sizeof *forms; j++) {
            if (strncmp(forms[j][0], row->key, strlen(row->key)) != 0)
                continue;
            rows[n] = rows[n + 1] = row;
            names[n++] = forms[j][0];
            names[n++] = forms[j][1];
        }
    }
    return n;
}

static void settings_read(const struct receiver_reading *slot)
{
    const char *plugin = slot->receiver->plugin, *names[COMMONS + PLUGIN_KEYS * 3];
    const struct plugin_key *rows[COMMONS + PLUGIN_KEYS * 3];
    char what[64];
    struct words known = {what, known_keys(plugin, names, rows), names};
    snprintf(what, sizeof what, "key of a %s receiver", plugin);
    for (const struct yaml_node *item = slot->node->first; item; item = item->next) {
        int key = yaml_key(slot->source->yaml, item, &known);
        if (key >= COMMONS)
            setting_read(slot, item, rows[key]->setting);
    }
    for (int i = 0; i < PLUGIN_KEYS; i++) {
        const struct plugin_key *row = &plugin_keys[i];
        if (strcmp(row->plugin, plugin) != 0 || row->setting < SETTING_URL)
            continue;
        secret_read(slot, row->key, row->setting == SETTING_URL);
        if (row->setting == SETTING_URL && !secret_node(slot, row->key, false))
            yaml_problem_key(slot->source->yaml, slot->node,
                             "add url_file: NAME of a file with the address (or url_env, or url)",
                             "a %s receiver needs an address", plugin);
    }
}

/* ---- settings of any other plugin: handed through ------------------------------------------------- */

/* A value as JSON; NULL: reported. */
static json_t *value_json(const struct yaml *yaml, const struct yaml_node *node)
{
    json_t *value = NULL;
    char *end;
    if (node->type == YAML_SCALAR) {
        size_t digits = strspn(node->text, "0123456789+-.eE");
        if (yaml_null(node))
            return json_null();
        if (strlen(node->text) != node->len) {
            yaml_problem(yaml, node, NULL, "a text cannot hold \\0");
            return NULL;
        }
        if (node->plain && (!strcmp(node->text, "true") || !strcmp(node->text, "false")))
            return json_boolean(*node->text == 't');
        if (node->plain && !node->text[digits] && strpbrk(node->text, "0123456789")) {
            errno = 0;
            long long whole = strtoll(node->text, &end, 10);
            if (!*end && errno == 0)
                return json_integer(whole);
            double real = strtod(node->text, &end);
            if (!*end && isfinite(real))
                return json_real(real);
        }
        return json_string(node->text);
    }
    value = node->type == YAML_SEQUENCE ? json_array() : json_object();
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        json_t *member = value_json(yaml, item);
        if (member && node->type == YAML_SEQUENCE)
            json_array_append_new(value, member);
        else if (member)
            json_object_set_new(value, item->key, member);
    }
    return value;
}

static bool secret_form(const char *key)
{
    for (int i = 0; i < SECRET_KEYS; i++) {
        size_t len = strlen(secret_keys[i]);
        if (strncmp(key, secret_keys[i], len) == 0 &&
            (!strcmp(key + len, "") || !strcmp(key + len, "_file") || !strcmp(key + len, "_env")))
            return true;
    }
    return false;
}

static void settings_hand_through(const struct receiver_reading *slot)
{
    for (const struct yaml_node *item = slot->node->first; item; item = item->next) {
        if (word_find(&word_common, item->key) >= 0 || secret_form(item->key))
            continue;
        json_t *value = value_json(slot->source->yaml, item);
        if (value)
            json_object_set_new(slot->receiver->settings, item->key, value);
    }
    for (int i = 0; i < SECRET_KEYS; i++)
        secret_read(slot, secret_keys[i], false);
}

/* ---- one receiver --------------------------------------------------------------------------------- */

/* Which program; NULL: reported. Heap. */
static char *plugin_read(struct receiver_reading *slot)
{
    struct yaml *yaml = slot->source->yaml;
    const struct yaml_node *node = yaml_find(slot->node, "plugin");
    const char *name;
    if (!node) {
        yaml_problem_key(yaml, slot->node,
                         "add plugin: desktop (or webhook, terminal, or the path of a program)",
                         "this receiver has no plugin");
        return NULL;
    }
    yaml_public(yaml, node);
    if (slot->source == &slot->reading->own) {
        slot->receiver->line = node->line;
        slot->receiver->column = node->column;
    }
    if (!yaml_text(yaml, node, &name))
        return NULL;
    slot->shipped = name_find(shipped, SHIPPED, name) >= 0;
    if (slot->shipped)
        return must_copy(name);
    if (strchr(name, '/')) {
        if (strlen(name) < CONFIG_PATH_MAX)
            return path_of(slot->reading, name);
        yaml_problem(yaml, node, NULL, "this path is too long");
        return NULL;
    }
    const char *near = strlen(name) >= 5 ? nearest(name, shipped, SHIPPED) : NULL;
    bool slip =
        near && strncmp(name, near, strlen(name) < strlen(near) ? strlen(name) : strlen(near)) != 0;
    if (slip || strlen(name) > 40 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name)) {
        yaml_unknown(yaml, node, "unknown plugin", shipped, SHIPPED);
        return NULL;
    }
    return must_copy(name);
}

/* "4/h": rings in an hour. */
static void budget_read(const struct yaml *yaml, const struct yaml_node *node,
                        struct policy_receiver *receiver)
{
    const char *text;
    int n = 0, digits = 0;
    if (!yaml_text(yaml, node, &text))
        return;
    for (; digits < 3 && text[digits] >= '0' && text[digits] <= '9'; digits++)
        n = n * 10 + text[digits] - '0';
    if (n == 0 || strcmp(text + digits, "/h") != 0)
        yaml_problem(yaml, node, "write 4/h: at most four rings in an hour", "\"%s\" is no budget",
                     text);
    receiver->budget = n;
}

/* The keys that every receiver has. */
static void common_read(const struct receiver_reading *slot, int at)
{
    struct policy_receiver *receiver = &slot->reading->config->policy->receivers[at];
    struct yaml *yaml = slot->source->yaml;
    for (const struct yaml_node *item = slot->node->first; item; item = item->next) {
        int key = word_find(&word_common, item->key);
        if (key < 0)
            continue;
        yaml_public(yaml, item);
        if (key == COMMON_BUDGET)
            budget_read(yaml, item, receiver);
        if (key == COMMON_FALLBACK) {
            slot->reading->fallback[at].yaml = yaml;
            slot->reading->fallback[at].node = item;
        }
        if (key == COMMON_GIVE_UP && yaml_duration(yaml, item, &receiver->give_up_ms) &&
            receiver->give_up_ms < 1000)
            yaml_problem(yaml, item, NULL, "this has to be a second at least");
        if (key == COMMON_PATIENCE && yaml_duration(yaml, item, &slot->receiver->patience_ms) &&
            slot->receiver->patience_ms < 1000)
            yaml_problem(yaml, item, NULL, "this has to be a second at least");
    }
}

static void receiver_read(struct reading *reading, struct source *source, const struct yaml_node *node)
{
    struct config *config = reading->config;
    struct policy *policy = config->policy;
    int at = policy->n_receivers++;
    struct receiver_reading slot = {reading, source, &config->receivers[at], node, false};
    config->n_receivers = policy->n_receivers;
    policy->receivers[at] = (struct policy_receiver){.name = must_copy(node->key),
                                                     .give_up_ms = GIVE_UP_MS,
                                                     .fallback = -1,
                                                     .updates = true,
                                                     .withdraws = true};
    slot.receiver->name = must_copy(node->key);
    slot.receiver->settings = json_object();
    slot.receiver->patience_ms = PATIENCE_MS;
    if (!yaml_is(source->yaml, node, YAML_MAPPING))
        return;
    common_read(&slot, at);
    slot.receiver->plugin = plugin_read(&slot);
    if (!slot.receiver->plugin)
        return;
    if (strcmp(slot.receiver->plugin, "webhook") == 0)
        policy->receivers[at].updates = policy->receivers[at].withdraws = false;
    if (slot.shipped)
        settings_read(&slot);
    else
        settings_hand_through(&slot);
}

void receivers_read(struct reading *reading, struct source *source, const struct yaml_node *node)
{
    const char *names[POLICY_RECEIVERS_MAX];
    if (!yaml_is(source->yaml, node, YAML_MAPPING))
        return;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        int n = receiver_names(reading->config->policy, names);
        if (name_find(names, n, item->key) >= 0 || !name_good(source, item, "receiver"))
            continue; /* a namesake in the preset gives way */
        if (n == POLICY_RECEIVERS_MAX) {
            yaml_problem_key(source->yaml, item, NULL,
                             "too many receivers (at most %d, the preset's among them)",
                             POLICY_RECEIVERS_MAX);
            return;
        }
        receiver_read(reading, source, item);
    }
}

void receivers_join(struct reading *reading)
{
    struct policy *policy = reading->config->policy;
    const char *names[POLICY_RECEIVERS_MAX], *name;
    int n = receiver_names(policy, names);
    for (int i = 0; i < n; i++) {
        const struct yaml *yaml = reading->fallback[i].yaml;
        const struct yaml_node *node = reading->fallback[i].node;
        policy->receivers[i].fallback = n < 2 ? -1 : i == 0 ? 1 : 0;
        if (!node || !yaml_text(yaml, node, &name))
            continue;
        policy->receivers[i].fallback = name_find(names, n, name);
        if (policy->receivers[i].fallback < 0)
            yaml_unknown(yaml, node, "unknown receiver", names, n);
        else if (policy->receivers[i].fallback == i)
            yaml_problem(yaml, node, "name another receiver", "a receiver cannot be its own fallback");
    }
}
