/* table.c: see table.h. Linear probing; removal moves the cluster's tail up, so no tombstones pile up. */
#include "table.h"

#include "text.h"

#include <stdlib.h>

uint64_t table_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

void *table_find(const struct table *table, uint64_t hash, table_same same, const void *key)
{
    if (table->n == 0)
        return NULL;
    size_t mask = table->capacity - 1;
    for (size_t i = hash & mask; table->slots[i].item; i = (i + 1) & mask) {
        if (table->slots[i].hash == hash && same(table->slots[i].item, key))
            return table->slots[i].item;
    }
    return NULL;
}

static void put(struct table *table, uint64_t hash, void *item)
{
    size_t mask = table->capacity - 1, i = hash & mask;
    while (table->slots[i].item)
        i = (i + 1) & mask;
    table->slots[i] = (struct table_slot){hash, item};
}

static void grow(struct table *table)
{
    struct table old = *table;
    table->capacity = old.capacity ? old.capacity * 2 : 64;
    table->slots = must_alloc(table->capacity * sizeof *table->slots);
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].item)
            put(table, old.slots[i].hash, old.slots[i].item);
    }
    free(old.slots);
}

void table_add(struct table *table, uint64_t hash, void *item)
{
    if ((table->n + 1) * 4 > table->capacity * 3)
        grow(table);
    put(table, hash, item);
    table->n++;
}

void table_remove(struct table *table, uint64_t hash, const void *item)
{
    if (table->n == 0)
        return;
    size_t mask = table->capacity - 1, i = hash & mask;
    while (table->slots[i].item && table->slots[i].item != item)
        i = (i + 1) & mask;
    if (!table->slots[i].item)
        return;
    for (size_t j = (i + 1) & mask; table->slots[j].item; j = (j + 1) & mask) {
        size_t home = table->slots[j].hash & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) { /* the hole lies on its way home */
            table->slots[i] = table->slots[j];
            i = j;
        }
    }
    table->slots[i].item = NULL;
    table->n--;
}

void table_clear(struct table *table)
{
    free(table->slots);
    *table = (struct table){0};
}
