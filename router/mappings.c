/* mappings.c: the set of mappings: the embedded files, and those of a person's folder; see mapping.h.
 *
 * A person's files are read at once, to say what is wrong with them. The embedded ones are right (the unit tests look
 * at each), and reading them all is a quarter of the daemon's start: each is read when it is first asked for. */
#include "mapping_parts.h"

#include "embedded.h"
#include "rules/text.h"
#include "yaml.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AGENTS_MAX = 64 };

struct entry {
    char *agent;
    struct mapping *mapping;     /* NULL: not read yet, … */
    const struct embedded *file; /* … but here it is */
    bool own;                    /* from the person's folder */
};

struct mappings {
    struct entry *list; /* sorted by agent */
    int n;
    struct mapping *const *watches; /* of the configuration, borrowed; they are no agents */
    int n_watches;
};

/* The agent's entry, a new one if there is none. */
static struct entry *entry_for(struct mappings *mappings, const char *agent)
{
    int i = 0;
    while (i < mappings->n && strcmp(mappings->list[i].agent, agent) < 0)
        i++;
    if (i < mappings->n && strcmp(mappings->list[i].agent, agent) == 0)
        return &mappings->list[i];
    mappings->list = must_grow(mappings->list, (size_t)(mappings->n + 1) * sizeof *mappings->list);
    memmove(&mappings->list[i + 1], &mappings->list[i],
            (size_t)(mappings->n++ - i) * sizeof *mappings->list);
    mappings->list[i] = (struct entry){.agent = must_copy(agent)};
    return &mappings->list[i];
}

/* Takes it over; the same agent's earlier one goes. */
static void add_mapping(struct mappings *mappings, struct mapping *mapping)
{
    struct entry *entry = entry_for(mappings, mapping->agent);
    if (entry->mapping)
        mapping_free(entry->mapping);
    entry->mapping = mapping;
    entry->own = true;
}

/* Of "agents/NAME.yaml". */
static void add_embedded(struct mappings *mappings, const struct embedded *file)
{
    char agent[TEXT_NAME];
    const char *name = text_last_part(file->name);
    snprintf(agent, sizeof agent, "%.*s", (int)strcspn(name, "."), name);
    entry_for(mappings, agent)->file = file;
}

static const struct mapping *mapping_of(struct entry *entry)
{
    struct problems problems = {0};
    if (!entry->mapping)
        entry->mapping =
            mapping_read(entry->file->text, entry->file->len, entry->file->name, &problems);
    if (!entry->mapping || strcmp(entry->mapping->agent, entry->agent) != 0)
        abort(); /* an embedded file that is wrong, or not named after its agent */
    problems_clear(&problems);
    return entry->mapping;
}

static void file_problem(struct problems *problems, const char *path, const char *what)
{
    problem_set(problems, &(struct problem_at){.file = path, .key = ""}, NULL, "%s", what);
}

static int load_file(struct mappings *mappings, const char *path, struct problems *problems)
{
    char *text;
    size_t len;
    int error = yaml_read_file(path, YAML_SIZE_MAX, &text, &len);
    if (error) {
        file_problem(problems, path, strerror(-error));
        return error;
    }
    struct mapping *mapping = mapping_read(text, len, path, problems);
    free(text);
    if (!mapping)
        return -EINVAL;
    add_mapping(mappings, mapping);
    return 0;
}

static int is_mapping_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

static int load_folder(struct mappings *mappings, const char *dir, struct problems *problems)
{
    struct dirent **entries;
    int result = 0, n = scandir(dir, &entries, is_mapping_file, alphasort);
    if (n < 0) {
        result = -errno;
        if (result == -ENOENT || result == -ENOTDIR)
            return 0;
        file_problem(problems, dir, strerror(-result));
        return result;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
        int error = mappings->n < AGENTS_MAX ? load_file(mappings, path, problems) : -E2BIG;
        if (error == -E2BIG)
            file_problem(problems, path, "too many agents");
        if (error)
            result = error;
        free(entries[i]);
    }
    free(entries);
    return result;
}

static int finish(struct mappings **out, struct mappings *mappings, int error)
{
    *out = error ? NULL : mappings;
    if (error)
        mappings_free(mappings);
    return error;
}

int mappings_load(struct mappings **out, const char *dir, struct problems *problems)
{
    struct mappings *mappings = must_alloc(sizeof *mappings);
    for (const struct embedded *file = embedded_files; file->name; file++) {
        if (strncmp(file->name, "agents/", 7) == 0)
            add_embedded(mappings, file);
    }
    return finish(out, mappings, dir ? load_folder(mappings, dir, problems) : 0);
}

int mappings_parse(struct mappings **out, const char *text, size_t len, const char *name,
                   struct problems *problems)
{
    struct mappings *mappings = must_alloc(sizeof *mappings);
    struct mapping *mapping = mapping_read(text, len, name, problems);
    if (mapping)
        add_mapping(mappings, mapping);
    return finish(out, mappings, mapping ? 0 : -EINVAL);
}

void mappings_free(struct mappings *mappings)
{
    if (!mappings)
        return;
    for (int i = 0; i < mappings->n; i++) {
        if (mappings->list[i].mapping)
            mapping_free(mappings->list[i].mapping);
        free(mappings->list[i].agent);
    }
    free(mappings->list);
    free(mappings);
}

/* ---- reading ------------------------------------------------------------------------------------- */

int mappings_count(const struct mappings *mappings)
{
    return mappings->n;
}

const struct mapping *mappings_at(const struct mappings *mappings, int i)
{
    return mapping_of(&mappings->list[i]);
}

json_t *mappings_record(const struct mappings *mappings)
{
    json_t *list = json_array();
    for (int i = 0; i < mappings->n; i++) {
        const struct mapping *mapping = mappings->list[i].mapping;
        if (mappings->list[i].own)
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s#}", "agent", mapping->agent,
                                                  "file", mapping->file, "hash", mapping->hash,
                                                  "text", mapping->text, (int)mapping->len));
    }
    if (json_array_size(list) > 0)
        return list;
    json_decref(list);
    return NULL;
}

void mappings_borrow(struct mappings *mappings, struct mapping *const *watches, int n)
{
    mappings->watches = watches;
    mappings->n_watches = n;
}

int mappings_files_count(const struct mappings *mappings)
{
    return mappings->n_watches + mappings->n;
}

const struct mapping *mappings_files_at(const struct mappings *mappings, int i)
{
    return i < mappings->n_watches ? mappings->watches[i]
                                   : mapping_of(&mappings->list[i - mappings->n_watches]);
}

const struct mapping *mappings_find(const struct mappings *mappings, const char *agent)
{
    for (int i = 0; i < mappings->n; i++) {
        if (strcmp(mappings->list[i].agent, agent) == 0)
            return mapping_of(&mappings->list[i]);
    }
    return NULL;
}

const char *mapping_agent(const struct mapping *mapping)
{
    return mapping->agent;
}

const char *mapping_file(const struct mapping *mapping)
{
    return mapping->file;
}

const char *mapping_text(const struct mapping *mapping, size_t *len)
{
    if (len)
        *len = mapping->len;
    return mapping->text;
}

const char *mapping_hash(const struct mapping *mapping)
{
    return mapping->hash;
}
