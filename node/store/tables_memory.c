/*
 * tables_memory.c: an ordered map as a skip list (Pugh, 1990).
 * Owns its nodes. One thread.
 */
#include <stdlib.h>
#include <string.h>

#include "node/store/tables.h"

#define LEVELS 20

struct node {
    struct node **next; /* levels of them, behind the key */
    uint8_t *value;
    size_t value_bytes, key_bytes;
    uint8_t levels;
    uint8_t key[];
};

struct memory_tables {
    struct tables tables;
    struct node *first[LEVELS];
    uint64_t random;
};

static int compare(const struct node *node, struct store_bytes key)
{
    size_t least = node->key_bytes < key.bytes ? node->key_bytes : key.bytes;
    int order = least ? memcmp(node->key, key.data, least) : 0;
    if (order)
        return order;
    return node->key_bytes < key.bytes ? -1 : node->key_bytes > key.bytes;
}

/* The first that is not less; before[]: the links that lead past its place. */
static struct node *find(struct memory_tables *map, struct store_bytes key,
                         struct node **before[LEVELS])
{
    struct node **links = map->first;
    for (int level = LEVELS - 1; level >= 0; level--) {
        while (links[level] && compare(links[level], key) < 0)
            links = links[level]->next;
        before[level] = &links[level];
    }
    return links[0];
}

static struct node *find_exactly(struct memory_tables *map, struct store_bytes key,
                                 struct node **before[LEVELS])
{
    struct node *node = find(map, key, before);
    return node && compare(node, key) == 0 ? node : NULL;
}

/* Two nodes in a hundred and more levels than eight are as rare as they should be. */
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
    struct node **before[LEVELS];
    struct node *node = find_exactly((struct memory_tables *)tables, key, before);
    if (!node)
        return MF_ENOENT;
    *value = (struct store_bytes){node->value, node->value_bytes};
    return MF_OK;
}

static struct node *make(struct memory_tables *map, struct store_bytes key)
{
    uint8_t levels = some_levels(map);
    size_t key_room = (key.bytes + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
    size_t head = (sizeof(struct node) + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
    struct node *node = calloc(1, head + key_room + levels * sizeof(struct node *));
    if (!node)
        return NULL;
    node->next = (struct node **)(void *)((uint8_t *)node + head + key_room);
    node->levels = levels;
    node->key_bytes = key.bytes;
    memcpy(node->key, key.data, key.bytes);
    return node;
}

static mf_err memory_put(struct tables *tables, struct store_bytes key, size_t bytes,
                         uint8_t **room)
{
    struct memory_tables *map = (struct memory_tables *)tables;
    struct node **before[LEVELS];
    struct node *node = find_exactly(map, key, before);
    uint8_t *value = malloc(bytes + 1);
    if (!value)
        return MF_ENOMEM;
    if (!node) {
        node = make(map, key);
        if (!node) {
            free(value);
            return MF_ENOMEM;
        }
        for (uint8_t level = 0; level < node->levels; level++) {
            node->next[level] = *before[level];
            *before[level] = node;
        }
    }
    free(node->value);
    node->value = value;
    node->value_bytes = bytes;
    *room = value;
    return MF_OK;
}

static mf_err memory_remove(struct tables *tables, struct store_bytes key)
{
    struct node **before[LEVELS];
    struct node *node = find_exactly((struct memory_tables *)tables, key, before);
    if (!node)
        return MF_ENOENT;
    for (uint8_t level = 0; level < node->levels; level++)
        *before[level] = node->next[level];
    free(node->value);
    free(node);
    return MF_OK;
}

static mf_err memory_seek(struct tables *tables, struct store_bytes key, struct store_bytes *found,
                          struct store_bytes *value)
{
    struct node **before[LEVELS];
    struct node *node = find((struct memory_tables *)tables, key, before);
    if (!node)
        return MF_ENOENT;
    *found = (struct store_bytes){node->key, node->key_bytes};
    *value = (struct store_bytes){node->value, node->value_bytes};
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
    struct node *node = map ? map->first[0] : NULL;
    while (node) {
        struct node *next = node->next[0];
        free(node->value);
        free(node);
        node = next;
    }
    free(map);
}
