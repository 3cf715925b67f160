/* config.c: the whole configuration: top-level keys, the preset under it, and the result.
 *
 * The way: parse the person's text and the preset it names → receivers of both (config_receivers.c) →
 * focuses and rules of both (config_rules.c) → the text for the record. The person's receivers come first
 * ("first in the file" is the default `to`), the preset's rules do: later rules win. Every step reports
 * what it finds and goes on, so that one check shows all; a single problem refuses the whole. */
#include "config.h"

#include "config_parts.h"
#include "embedded.h"
#include "rules/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum top {
    TOP_PRESET,
    TOP_RECEIVERS,
    TOP_FOCUS,
    TOP_RULES,
    TOP_ACCEPT_UIDS,
    TOP_WATCH,
    TOP_POLICY,
    TOP_PRESENCE
};
static const char *const top_names[] = {"preset",      "receivers", "focus",  "rules",
                                        "accept_uids", "watch",     "policy", "presence"};
static const struct words word_top = {"key", sizeof top_names / sizeof *top_names, top_names};

#define PRESET_DEFAULT "default"

void not_yet(const struct source *source, const struct yaml_node *item, const char *meanwhile)
{
    yaml_problem_key(source->yaml, item, meanwhile, "not yet: this version does not know %s",
                     item->key);
}

bool presence_bits(const struct source *source, const struct yaml_node *node, uint32_t *bits)
{
    const char **texts;
    int n, word;
    if (!yaml_texts(source->yaml, node, &texts, &n))
        return false;
    for (int i = 0; i < n; i++) {
        if (yaml_word(source->yaml, yaml_item(node, i), &word_presence, &word))
            *bits |= 1u << word;
    }
    free(texts);
    if (n == 0)
        yaml_problem(source->yaml, node, "name one, or leave it out", "no presence is named here");
    return n > 0;
}

/* ---- presets -------------------------------------------------------------------------------------- */

static const struct embedded *preset_find(const char *name)
{
    char path[80];
    snprintf(path, sizeof path, "presets/%s.yaml", name);
    for (const struct embedded *file = embedded_files; file->name; file++) {
        if (strcmp(file->name, path) == 0)
            return file;
    }
    return NULL;
}

/* The preset the person wants; a wrong one is reported, and the default taken to go on with. */
static const char *preset_name(const struct source *own)
{
    static const char *const known[] = {"default", "eager", "deep-focus", "on-call", "none"};
    const struct yaml_node *node = yaml_find(yaml_root(own->yaml), "preset");
    const char *name;
    if (!node || !yaml_text(own->yaml, node, &name))
        return PRESET_DEFAULT;
    if (strcmp(name, "none") == 0 || (strlen(name) < 40 && !strchr(name, '/') && preset_find(name)))
        return name;
    yaml_unknown(own->yaml, node, "unknown preset", known, sizeof known / sizeof *known);
    return PRESET_DEFAULT;
}

/* ---- top level ------------------------------------------------------------------------------------ */

static void uids_read(struct reading *reading, const struct source *source, const struct yaml_node *node)
{
    struct config *config = reading->config;
    if (!yaml_is(source->yaml, node, YAML_SEQUENCE))
        return;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        int64_t uid;
        if (config->n_accept_uids == CONFIG_UIDS_MAX) {
            yaml_problem(source->yaml, item, NULL, "too many users (at most %d)", CONFIG_UIDS_MAX);
            return;
        }
        if (yaml_int(source->yaml, item, 0, UINT32_MAX - 1, &uid))
            config->accept_uids[config->n_accept_uids++] = (uint32_t)uid;
    }
}

/* Reports top-level keys that are none, and reads those that stand alone. */
static void top_read(struct reading *reading, struct source *source)
{
    for (const struct yaml_node *item = yaml_root(source->yaml)->first; item; item = item->next) {
        int key = yaml_key(source->yaml, item, &word_top);
        if (key == TOP_ACCEPT_UIDS)
            uids_read(reading, source, item);
    }
}

typedef void (*part_read)(struct reading *, struct source *, const struct yaml_node *);

static void part(struct reading *reading, struct source *source, enum top key, part_read read)
{
    const struct yaml_node *node =
        source->yaml ? yaml_find(yaml_root(source->yaml), top_names[key]) : NULL;
    if (node && !yaml_null(node))
        read(reading, source, node);
}

static void read_all(struct reading *reading)
{
    struct source *own = &reading->own, *preset = &reading->preset;
    top_read(reading, own);
    part(reading, own, TOP_RECEIVERS, receivers_read);
    part(reading, preset, TOP_RECEIVERS, receivers_read);
    receivers_join(reading);
    part(reading, own, TOP_FOCUS, focuses_read);
    part(reading, preset, TOP_FOCUS, focuses_read);
    part(reading, own, TOP_POLICY, policy_read);
    part(reading, own, TOP_PRESENCE, presence_read);
    part(reading, own, TOP_WATCH, watch_read_all);
    part(reading, preset, TOP_RULES, rules_read);
    part(reading, own, TOP_RULES, rules_read);
}

static bool preset_load(struct reading *reading, char file[64])
{
    struct config *config = reading->config;
    config->preset = must_copy(preset_name(&reading->own));
    if (strcmp(config->preset, "none") == 0)
        return true;
    const struct embedded *text = preset_find(config->preset);
    if (!text) { /* a build without presets */
        struct problem_at at = {.file = config->file};
        problem_set(reading->problems, &at, NULL, "the preset %s is not in this program",
                    config->preset);
        return false;
    }
    snprintf(file, 64, "preset %s", config->preset);
    reading->preset.file = file;
    reading->preset.yaml = yaml_load(text->text, text->len, file, NULL, reading->problems);
    return reading->preset.yaml != NULL;
}

/* The folder that names in the configuration are relative to, absolute where that may be asked. Heap. */
static char *folder_of(const char *base_dir, unsigned flags)
{
    char *here = NULL, *folder = NULL;
    if (!base_dir)
        base_dir = ".";
    if (*base_dir == '/' || (flags & CONFIG_RECORDED) || !(here = getcwd(NULL, 0)))
        return must_copy(base_dir);
    if (asprintf(&folder, strcmp(base_dir, ".") == 0 ? "%s" : "%s/%s", here, base_dir) < 0)
        abort();
    free(here);
    return folder;
}

int config_parse(struct config **out, const char *text, size_t len, const char *name,
                 const char *base_dir, unsigned flags, struct problems *problems)
{
    int before = problems->n, more = problems->more;
    char preset_file[64] = "";
    struct config *config = must_alloc(sizeof *config);
    config->watch_agents = true;
    config->presence = json_object();
    char *folder = folder_of(base_dir, flags);
    struct reading reading = {
        .config = config, .problems = problems, .base_dir = folder, .flags = flags};
    config->policy = policy_new();
    config->file = must_copy(name);
    reading.own.file = name;
    reading.own.yaml = yaml_load(text, len, name, "receivers", problems);
    if (reading.own.yaml && yaml_is(reading.own.yaml, yaml_root(reading.own.yaml), YAML_MAPPING) &&
        preset_load(&reading, preset_file)) {
        read_all(&reading);
        config->text = yaml_blanked(reading.own.yaml);
        snprintf(config->hash, sizeof config->hash, "%016llx",
                 (unsigned long long)text_hash(TEXT_HASH, config->text));
    }
    yaml_free(reading.own.yaml);
    yaml_free(reading.preset.yaml);
    free(folder);
    if (problems->n > before || problems->more > more) {
        problems_sort(problems, before);
        config_free(config);
        return -EINVAL;
    }
    *out = config;
    return 0;
}

char *config_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : must_copy(".");
    if (!folder)
        abort();
    return folder;
}

int config_load(struct config **out, const char *path, struct problems *problems)
{
    if (!path)
        return config_parse(out, "", 0, "preset " PRESET_DEFAULT, NULL, 0, problems);
    char *text;
    size_t len;
    int result = yaml_read_file(path, YAML_SIZE_MAX, &text, &len);
    if (result < 0) {
        struct problem_at at = {.file = path};
        if (result == -EFBIG)
            problem_set(problems, &at, NULL, "too large (at most %d KiB)", YAML_SIZE_MAX / 1024);
        else
            problem_set(problems, &at, NULL, "cannot be read: %s",
                        result == -EINVAL ? "this is no file" : strerror(-result));
        return result;
    }
    char *folder = config_folder(path);
    result = config_parse(out, text, len, path, folder, 0, problems);
    explicit_bzero(text, len);
    free(text);
    free(folder);
    return result;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    policy_free(config->policy);
    watches_free(config);
    for (int i = 0; i < config->n_calendars; i++) {
        free(config->calendars[i].focus);
        free(config->calendars[i].path);
    }
    json_decref(config->presence);
    for (int i = 0; i < config->n_receivers; i++) {
        free(config->receivers[i].name);
        free(config->receivers[i].plugin);
        json_decref(config->receivers[i].settings);
    }
    free(config->preset);
    free(config->file);
    free(config->text);
    free(config);
}
