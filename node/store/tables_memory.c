/*
 * tables_memory.c: an ordered map as a skip list (Pugh, 1990).
 * Owns its entries. One thread.
 */
#include <stdlib.h>
#include <string.h>

#include "node/store/tables.h"

#define LEVELS 20

struct entry {
    struct entry **next; /* levels of them, behind the key */
    uint8_t *value;
    size_t value_bytes, key_bytes;
    uint8_t levels;
    uint8_t key[];
};

struct memory_tables {
    struct tables tables;
    struct entry *first[LEVELS];
    uint8_t levels; /* the most that an entry has had: above are none */
    uint64_t random;
};

static int compare(const struct entry *entry, struct store_bytes key)
{
    size_t least = entry->key_bytes < key.bytes ? entry->key_bytes : key.bytes;
    int order = least ? memcmp(entry->key, key.data, least) : 0;
    if (order)
        return order;
    return entry->key_bytes < key.bytes ? -1 : entry->key_bytes > key.bytes;
}

/* The first that is not less; before[]: the links that lead past its place, of the levels that there are. */
static struct entry *find(struct memory_tables *map, struct store_bytes key,
                         struct entry **before[LEVELS])
{
    struct entry **links = map->first;
    for (int level = map->levels - 1; level >= 0; level--) {
        while (links[level] && compare(links[level], key) < 0)
            links = links[level]->next;
        before[level] = &links[level];
    }
    return links[0];
}

/* A new entry may have more levels than all before it. */
static void grow(struct memory_tables *map, uint8_t levels, struct entry **before[LEVELS])
{
    for (; map->levels < levels; map->levels++)
        before[map->levels] = &map->first[map->levels];
}

static struct entry *find_exactly(struct memory_tables *map, struct store_bytes key,
                                 struct entry **before[LEVELS])
{
    struct entry *entry = find(map, key, before);
    return entry && compare(entry, key) == 0 ? entry : NULL;
}

/* Two entries in a hundred and more levels than eight are as rare as they should be. */
static uint8_t some_levels(struct memory_tables *map)
{
    uint8_t levels = 1;
    map->random ^= map->random << 13; /* xorshift (Marsaglia, 2003) */
    map->random ^= map->random >> 7;
    map->random ^= map->random << 17;
    for (uint64_t bits = map->random; levels < LEVELS && (bits & 3) == 0; bits >>= 2)
        levels++;
    return levels;
}

static mf_err memory_get(struct tables *tables, struct store_bytes key, struct store_bytes *value)
{
    struct entry **before[LEVELS];
    struct entry *entry = find_exactly((struct memory_tables *)tables, key, before);
    if (!entry)
        return MF_ENOENT;
    *value = (struct store_bytes){entry->value, entry->value_bytes};
    return MF_OK;
}

static struct entry *make(struct memory_tables *map, struct store_bytes key)
{
    uint8_t levels = some_levels(map);
    size_t key_room = (key.bytes + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
    size_t head = (sizeof(struct entry) + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
    struct entry *entry = calloc(1, head + key_room + levels * sizeof(struct entry *));
    if (!entry)
        return NULL;
    entry->next = (struct entry **)(void *)((uint8_t *)entry + head + key_room);
    entry->levels = levels;
    entry->key_bytes = key.bytes;
    memcpy(entry->key, key.data, key.bytes);
    return entry;
}

static mf_err memory_put(struct tables *tables, struct store_bytes key, size_t bytes,
                         uint8_t **room)
{
    struct memory_tables *map = (struct memory_tables *)tables;
    struct entry **before[LEVELS];
    struct entry *entry = find_exactly(map, key, before);
    uint8_t *value = malloc(bytes + 1);
    if (!value)
        return MF_ENOMEM;
    if (!entry) {
        entry = make(map, key);
        if (!entry) {
            free(value);
            return MF_ENOMEM;
        }
        grow(map, entry->levels, before);
        for (uint8_t level = 0; level < entry->levels; level++) {
            entry->next[level] = *before[level];
            *before[level] = entry;
        }
    }
    free(entry->value);
    entry->value = value;
    entry->value_bytes = bytes;
    *room = value;
    return MF_OK;
}

static mf_err memory_remove(struct tables *tables, struct store_bytes key)
{
    struct entry **before[LEVELS];
    struct entry *entry = find_exactly((struct memory_tables *)tables, key, before);
    if (!entry)
        return MF_ENOENT;
    for (uint8_t level = 0; level < entry->levels; level++)
        *before[level] = entry->next[level];
    free(entry->value);
    free(entry);
    return MF_OK;
}

static mf_err memory_seek(struct tables *tables, struct store_bytes key, struct store_bytes *found,
                          struct store_bytes *value)
{
    struct entry **before[LEVELS];
    struct entry *entry = find((struct memory_tables *)tables, key, before);
    if (!entry)
        return MF_ENOENT;
    *found = (struct store_bytes){entry->key, entry->key_bytes};
    *value = (struct store_bytes){entry->value, entry->value_bytes};
    return MF_OK;
}

static const struct tables_kind memory_kind = {
    .get = memory_get, .put = memory_put, .remove = memory_remove, .seek = memory_seek};

struct tables *tables_memory_create(void)
{
    struct memory_tables *map = calloc(1, sizeof *map);
    if (!map)
        return NULL;
    map->tables.kind = &memory_kind;
    map->random = 0x9e3779b97f4a7c15u;
    return &map->tables;
}

void tables_memory_destroy(struct tables *tables)
{
    struct memory_tables *map = (struct memory_tables *)tables;
    struct entry *entry = map ? map->first[0] : NULL;
    while (entry) {
        struct entry *next = entry->next[0];
        free(entry->value);
        free(entry);
        entry = next;
    }
    free(map);
}
