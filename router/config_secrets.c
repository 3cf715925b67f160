/* config_secrets.c: secrets of a receiver: written in place, or read from a file or the environment.
 *
 * The one place that sees them. Nothing here may put one into a problem: a problem names the file or the
 * variable, never what it holds; and a text that may be a secret in the wrong key is not shown either. */
#include "config_parts.h"
#include "host.h"
#include "rules/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A path as the configuration means it: relative to its folder. Heap. */
char *path_of(const struct reading *reading, const char *name)
{
    char *path = NULL;
    if (*name == '/')
        return must_copy(name);
    while (strncmp(name, "./", 2) == 0)
        name += 2;
    if (asprintf(&path, "%s/%s", reading->base_dir, name) < 0)
        abort();
    return path;
}

/* Cuts the white space around a secret; why it is none, or NULL. */
static const char *secret_trim(char *text, size_t len)
{
    if (strlen(text) != len)
        return "holds a NUL byte";
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        text[--len] = 0;
    size_t lead = strspn(text, " \t\r\n");
    memmove(text, text + lead, len - lead + 1);
    if (!*text)
        return "is empty";
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return "holds more than one line";
    }
    return NULL;
}

/* Reads KEY_file. NULL: reported. Heap. */
static char *secret_from_file(const struct receiver_reading *slot, const struct yaml_node *node,
                              const char *name)
{
    const struct yaml *yaml = slot->source->yaml;
    char *path = path_of(slot->reading, name), *text = NULL, *hint = NULL;
    const char *wrong = NULL;
    size_t len = 0;
    struct stat st;
    int result = yaml_read_file(path, CONFIG_SECRET_MAX, &text, &len);
    if (asprintf(&hint, "put the secret alone into %s and run: chmod 600 %s", path, path) < 0)
        abort();
    if (result < 0)
        yaml_problem(yaml, node, hint, "%s cannot be read: %s", path,
                     result == -EFBIG    ? "larger than 8 KiB"
                     : result == -EINVAL ? "this is no file"
                                         : strerror(-result));
    else if (stat(path, &st) == 0 && (st.st_mode & 022) != 0) /* who can write it can redirect the alerts */
        yaml_problem(yaml, node, strstr(hint, "chmod"), "%s can be written by other users (mode %03o)",
                     path, (unsigned)st.st_mode & 0777);
    else if ((wrong = secret_trim(text, len)) != NULL)
        yaml_problem(yaml, node, hint, "%s %s", path, wrong);
    else {
        free(path);
        free(hint);
        return text;
    }
    if (text)
        explicit_bzero(text, len);
    free(text);
    free(path);
    free(hint);
    return NULL;
}

static char *secret_from_env(const struct receiver_reading *slot, const struct yaml_node *node,
                             const char *name)
{
    const char *value = host_env(name);
    if (!value || !*value) {
        yaml_problem(slot->source->yaml, node,
                     "set it where quietbelld is started, or use a file instead",
                     "the environment has no %s, or an empty one", name);
        return NULL;
    }
    char *text = must_copy(value);
    const char *wrong = secret_trim(text, strlen(text));
    if (wrong) {
        yaml_problem(slot->source->yaml, node, NULL, "the environment's %s %s", name, wrong);
        free(text);
        return NULL;
    }
    return text;
}

/* A web address of http or https with a host, or why not. */
static const char *url_wrong(const char *url)
{
    size_t scheme = strncasecmp(url, "https://", 8) == 0  ? 8
                    : strncasecmp(url, "http://", 7) == 0 ? 7
                                                          : 0;
    if (scheme == 0)
        return "does not begin with https:// or http://";
    if (!url[scheme] || strchr("/?#:@", url[scheme]))
        return "names no host";
    for (const char *p = url; *p; p++) {
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || strchr("\"<>\\^`{|}", *p))
            return "holds a character that no URL can hold";
    }
    return NULL;
}

/* The KEY, KEY_file or KEY_env of one secret, whichever is there: exactly one may be. */
const struct yaml_node *secret_node(const struct receiver_reading *slot, const char *key, bool report)
{
    static const char *const tails[] = {"", "_file", "_env"};
    const struct yaml_node *found = NULL;
    for (int i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", key, tails[i]);
        const struct yaml_node *node = yaml_find(slot->node, name);
        if (node && found && report)
            yaml_problem_key(slot->source->yaml, node, "keep one of them",
                             "%s is given as %s already", key, found->key);
        if (node && !found)
            found = node;
    }
    return found;
}

void secret_read(const struct receiver_reading *slot, const char *key, bool url)
{
    struct yaml *yaml = slot->source->yaml;
    const struct yaml_node *node = secret_node(slot, key, true);
    const char *text, *wrong = NULL;
    char *secret = NULL;
    if (!node || !yaml_text(yaml, node, &text))
        return;
    bool file = strlen(node->key) > 5 && strcmp(node->key + strlen(node->key) - 5, "_file") == 0;
    bool env = !file && strcmp(node->key, key) != 0;
    size_t name = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    if ((file && strstr(text, "://")) || (env && (text[name] || (*text >= '0' && *text <= '9')))) {
        yaml_problem(yaml, node, url ? "did you mean url: ?" : NULL, "this is no name of %s",
                     file ? "a file" : "an environment variable"); /* likely the secret itself: not shown */
        return;
    }
    if (file || env)
        yaml_public(yaml, node);
    if (slot->reading->flags & CONFIG_RECORDED)
        return;
    secret = file  ? secret_from_file(slot, node, text)
             : env ? secret_from_env(slot, node, text)
                   : must_copy(text);
    if (secret && !file && !env)
        wrong = secret_trim(secret, strlen(secret));
    if (secret && !wrong && url)
        wrong = url_wrong(secret);
    json_t *value = secret && !wrong ? json_string(secret) : NULL;
    if (secret && !wrong && !value)
        wrong = "is no UTF-8";
    if (wrong)
        yaml_problem(yaml, node, url ? "write a whole address: https://host/path" : NULL,
                     "the %s here %s", key, wrong);
    else if (value)
        json_object_set_new(slot->receiver->settings, key, value);
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}
