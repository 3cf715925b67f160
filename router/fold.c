/* fold.c: see fold.h. */
#include "router/fold.h"

#include "router/row.h"
#include "rules/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct key {
    const struct noun *noun;
    uint64_t id;
};

static uint64_t hash_of(const struct noun *noun, uint64_t id)
{
    return table_mix(id ^ (uint64_t)(uintptr_t)noun << 20);
}

static bool same_key(const void *item, const void *arg)
{
    const struct record *record = item;
    const struct key *key = arg;
    return record->id == key->id && record->noun == key->noun;
}

static struct record *find(const struct fold *fold, const struct noun *noun, uint64_t id)
{
    return table_find(&fold->live, hash_of(noun, id), same_key, &(struct key){noun, id});
}

static void keep(struct fold *fold, struct record *record)
{
    table_add(&fold->live, hash_of(record->noun, record->id), record);
    fold->rows++;
}

static const struct noun *noun_named(const char *name)
{
    int n;
    const struct noun *const *nouns = rules_nouns(&n);
    for (int i = 0; i < n; i++) {
        if (strcmp(nouns[i]->name, name) == 0)
            return nouns[i];
    }
    return NULL;
}

/* ---- rows ---------------------------------------------------------------------------------------- */

void fold_open(struct fold *fold)
{
    *fold = (struct fold){.rules = rules_new()};
}

void fold_close(struct fold *fold)
{
    table_clear(&fold->live);
    rules_free(fold->rules);
    fold->rules = NULL;
}

int fold_row(struct fold *fold, const char *name, uint64_t id, const json_t *fields)
{
    const struct noun *noun = noun_named(name);
    if (!noun)
        return -EINVAL;
    struct record *record = rules_restore(fold->rules, noun);
    record->id = id;
    int error = row_read(fields, record);
    keep(fold, record);
    return error;
}

int fold_begin(struct fold *fold)
{
    return rules_restored(fold->rules) ? -EUCLEAN : 0;
}

int fold_reload(struct fold *fold)
{
    struct rules *old = fold->rules;
    struct table table = fold->live;
    fold->rules = rules_new();
    fold->live = (struct table){0};
    fold->rows = 0;
    fold->has_policy = false;
    for (size_t i = 0; i < table.capacity; i++) {
        const struct record *from = table.slots[i].item;
        if (!from)
            continue;
        struct record *to = rules_restore(fold->rules, from->noun);
        row_copy(from, to);
        keep(fold, to);
    }
    table_clear(&table);
    rules_free(old);
    return fold_begin(fold);
}

/* ---- steps --------------------------------------------------------------------------------------- */

const struct effects *fold_step(struct fold *fold, const struct moment *now, const struct input *input)
{
    const struct effects *effects = rules_step(fold->rules, now, input);
    for (struct record *record = rules_changed(fold->rules); record; record = record->next_changed) {
        bool known = find(fold, record->noun, record->id) == record;
        if (record->gone && known) {
            table_remove(&fold->live, hash_of(record->noun, record->id), record);
            fold->rows--;
        } else if (!record->gone && !known) {
            keep(fold, record);
        }
    }
    rules_committed(fold->rules);
    return effects;
}

int fold_policy(struct fold *fold, const struct moment *now, uint64_t seq, const char *text,
                const char *file, struct config **out, const struct effects **effects,
                struct problems *problems)
{
    struct config *config = NULL;
    char *folder = config_folder(text_or(file, ""));
    int error = config_parse(&config, text, strlen(text),
                             text_empty(file) ? "the recorded configuration" : file, folder,
                             CONFIG_RECORDED, problems);
    free(folder);
    if (error)
        return error;
    const struct effects *made = fold_step(
        fold, now, &(struct input){.seq = seq, .type = INPUT_POLICY, .policy = config->policy});
    config->policy = NULL;
    fold->has_policy = true;
    if (effects)
        *effects = made;
    if (out)
        *out = config;
    else
        config_free(config);
    return 0;
}

/* A copy of every record, or NULL where there is none, in the order of the table. */
static struct record **copy_all(const struct fold *fold)
{
    struct record **copies = must_alloc((fold->live.capacity + 1) * sizeof(struct record *));
    for (size_t i = 0; i < fold->live.capacity; i++) {
        const struct record *from = fold->live.slots[i].item;
        if (!from)
            continue;
        copies[i] = must_alloc(from->noun->size);
        copies[i]->noun = from->noun;
        row_copy(from, copies[i]);
    }
    return copies;
}

int fold_resume(struct fold *fold, const struct moment *now, uint64_t seq, const char *text,
                const char *file, struct problems *problems)
{
    size_t n = fold->live.capacity;
    struct record **copies = copy_all(fold);
    int error = fold_policy(fold, now, seq, text, file, NULL, NULL, problems);
    for (size_t i = 0; i < n; i++) {
        struct record *now_there = copies[i] ? find(fold, copies[i]->noun, copies[i]->id) : NULL;
        if (now_there)
            row_copy_values(copies[i], now_there);
        if (copies[i])
            row_free(copies[i]);
    }
    free(copies);
    return error;
}

/* ---- the check ----------------------------------------------------------------------------------- */

bool fold_check(struct fold *fold, const char *name, uint64_t id, const json_t *fields, char *what,
                size_t size)
{
    const struct noun *noun = noun_named(name);
    struct record *mine = noun ? find(fold, noun, id) : NULL;
    char id_buf[ID_TEXT_MAX], a[80], b[80];
    fold->checked++;
    fold->differ++;
    if (!mine) {
        snprintf(what, size, "%s %s is in the store, and not here", name, id_text(id, id_buf));
        return false;
    }
    struct record *theirs = must_alloc(noun->size);
    theirs->noun = noun;
    theirs->id = id;
    int error = row_read(fields, theirs);
    const struct field *field = error ? NULL : row_differs(mine, theirs);
    if (error)
        snprintf(what, size, "%s %s cannot be read", name, id_text(id, id_buf));
    else if (field)
        snprintf(what, size, "%s %s: %s is %s in the store, and %s here", name, id_text(id, id_buf),
                 field->name, row_value(theirs, field, a, sizeof a),
                 row_value(mine, field, b, sizeof b));
    else
        fold->differ--;
    row_free(theirs);
    return !error && !field;
}
