/* table.h: a hash table of pointers (open addressing, no tombstones). The items are the caller's. */
#ifndef RULES_TABLE_H
#define RULES_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot {
    uint64_t hash;
    void *item; /* NULL: free */
};

struct table {
    struct table_slot *slots;
    size_t capacity, n; /* capacity: a power of two */
};

typedef bool (*table_same)(const void *item, const void *key);

/* The item with this hash that `same` accepts, or NULL. */
void *table_find(const struct table *table, uint64_t hash, table_same same, const void *key);
/* The item must not be in it yet. */
void table_add(struct table *table, uint64_t hash, void *item);
void table_remove(struct table *table, uint64_t hash, const void *item);
void table_clear(struct table *table);
/* Spreads a small integer over 64 bits. */
uint64_t table_mix(uint64_t value);

#endif
