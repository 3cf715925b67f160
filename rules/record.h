/* record.h: what the nouns of the core have in common: they are kept.
 *
 * The tables of the store are a snapshot of the core. So that the core knows nothing of SQL and the
 * store nothing of the core, every kept noun describes its fields in a table, and starts with a struct
 * record. A step marks what it changed; the shell walks the changed records after the step, writes them
 * in the same transaction as the inputs, and says rules_committed(). A new field is a row in a table. */
#ifndef RULES_RECORD_H
#define RULES_RECORD_H

#include "word.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
    FIELD_INT,  /* int64_t; instants and durations too */
    FIELD_ID,   /* uint64_t, 0: none */
    FIELD_MASK, /* uint32_t */
    FIELD_BOOL, /* bool */
    FIELD_WORD, /* an enum (int), written as its name */
    FIELD_TEXT, /* char *, heap, NULL and "" are the same */
};

struct field {
    const char *name; /* the column */
    enum field_type type;
    size_t offset;
    const struct words *words; /* FIELD_WORD */
};

struct noun {
    const char *name; /* the table */
    size_t size;
    const struct field *fields;
    int n_fields;
};

#define FIELD(type, kind, member)                                                                  \
    {                                                                                              \
#member, kind, offsetof(struct type, member), NULL                                         \
    }
#define FIELD_NAMED(type, member, names)                                                           \
    {                                                                                              \
#member, FIELD_WORD, offsetof(struct type, member), names                                  \
    }

struct record {
    const struct noun *noun;
    uint64_t id;  /* the primary key, unique within its noun */
    bool changed; /* is in the list of changed records */
    bool gone;    /* to be deleted from the store, freed by rules_committed() */
    struct record *next_changed;
};

/* Ids are `<opening seq>.<n>`: the sequence number of the input that made the thing, and a count within
 * it. Packed: seq << 20 | n. */
#define ID_SEQ(id) ((id) >> 20)
#define ID_N(id) ((unsigned)((id)&0xfffff))
enum { ID_TEXT_MAX = 32 };
/* Writes "17.2" (or "" for 0) into buf and returns it. */
const char *id_text(uint64_t id, char buf[ID_TEXT_MAX]);
/* Reads "17.2"; 0 if it is none. */
uint64_t id_parse(const char *text);

#endif
