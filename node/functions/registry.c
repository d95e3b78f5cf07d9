/* registry.c: a hash table of functions with chains. Owns one reference to each. */
#include "node/functions/registry.h"

#include <stdlib.h>
#include <string.h>

#include "node/functions/function.h"

static void grow(struct registry *registry);

/* FNV-1a; names are the owner's, not a stranger's. */
static struct link *bucket_of(const struct registry *registry, const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return &registry->bucket[hash & (registry->buckets - 1)];
}

void registry_init(struct registry *registry)
{
    (void)pthread_mutex_init(&registry->names, NULL);
    registry->bucket = registry->first;
    registry->buckets = REGISTRY_BUCKETS_FIRST;
    registry->count = 0;
    link_init(&registry->all);
    link_init(&registry->cursors);
    for (uint32_t i = 0; i < REGISTRY_BUCKETS_FIRST; i++)
        link_init(&registry->first[i]);
}

void registry_close(struct registry *registry)
{
    mf_assert(registry->count == 0 && list_empty(&registry->cursors));
    if (registry->bucket != registry->first)
        free(registry->bucket);
    registry->bucket = NULL;
    registry->buckets = 0;
    (void)pthread_mutex_destroy(&registry->names);
}

struct function *registry_find(const struct registry *registry, const char *name)
{
    list_each(at, bucket_of(registry, name)) {
        struct function *function = list_of(at, struct function, by_name);
        if (strcmp(function->name, name) == 0)
            return function;
    }
    return NULL;
}

bool registry_knows(struct registry *registry, const char *name)
{
    (void)pthread_mutex_lock(&registry->names);
    bool known = registry_find(registry, name) != NULL;
    (void)pthread_mutex_unlock(&registry->names);
    return known;
}

void registry_add(struct registry *registry, struct function *function)
{
    (void)pthread_mutex_lock(&registry->names);
    if (registry->count >= registry->buckets)
        grow(registry);
    list_append(bucket_of(registry, function->name), &function->by_name);
    (void)pthread_mutex_unlock(&registry->names);
    list_append(&registry->all, &function->in_order);
    registry->count++;
}

void registry_remove(struct registry *registry, struct function *function)
{
    list_each(at, &registry->cursors) {
        struct registry_cursor *cursor = list_of(at, struct registry_cursor, link);
        if (cursor->next == &function->in_order)
            cursor->next = function->in_order.next;
    }
    list_remove(&function->in_order);
    (void)pthread_mutex_lock(&registry->names);
    list_remove(&function->by_name);
    (void)pthread_mutex_unlock(&registry->names);
    registry->count--;
    function_put(function);
}

void registry_each(struct registry *registry,
                   void (*visit)(struct function *function, void *context), void *context)
{
    list_each_safe(at, &registry->all)
        visit(list_of(at, struct function, in_order), context);
}

void registry_cursor_open(struct registry *registry, struct registry_cursor *cursor)
{
    cursor->registry = registry;
    cursor->next = registry->all.next;
    link_init(&cursor->link);
    list_append(&registry->cursors, &cursor->link);
}

struct function *registry_next(struct registry_cursor *cursor)
{
    struct link *at = cursor->next;
    if (at == &cursor->registry->all)
        return NULL;
    cursor->next = at->next;
    return list_of(at, struct function, in_order);
}

void registry_cursor_close(struct registry_cursor *cursor)
{
    list_remove(&cursor->link);
}

/* Without memory for it chains get longer, that is all. */
static void grow(struct registry *registry)
{
    struct registry more = {.buckets = 2 * registry->buckets};
    more.bucket = calloc(more.buckets, sizeof *more.bucket);
    if (!more.bucket)
        return;
    for (uint32_t i = 0; i < more.buckets; i++)
        link_init(&more.bucket[i]);
    for (uint32_t i = 0; i < registry->buckets; i++) {
        list_each_safe(at, &registry->bucket[i]) {
            struct function *function = list_of(at, struct function, by_name);
            list_append(bucket_of(&more, function->name), at);
        }
    }
    if (registry->bucket != registry->first)
        free(registry->bucket);
    registry->bucket = more.bucket;
    registry->buckets = more.buckets;
}
