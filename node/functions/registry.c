/* registry.c: a hash table of functions with chains. Owns one reference to each. */
#include "node/functions/registry.h"

#include <string.h>

#include "node/functions/function.h"

/* FNV-1a; names are the owner's, not a stranger's. */
static uint32_t bucket_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash % REGISTRY_BUCKETS;
}

void registry_init(struct registry *registry)
{
    registry->count = 0;
    for (uint32_t i = 0; i < REGISTRY_BUCKETS; i++)
        link_init(&registry->bucket[i]);
}

struct function *registry_find(const struct registry *registry, const char *name)
{
    list_each(at, &registry->bucket[bucket_of(name)]) {
        struct function *function = list_of(at, struct function, by_name);
        if (strcmp(function->name, name) == 0)
            return function;
    }
    return NULL;
}

void registry_add(struct registry *registry, struct function *function)
{
    list_append(&registry->bucket[bucket_of(function->name)], &function->by_name);
    registry->count++;
}

void registry_remove(struct registry *registry, struct function *function)
{
    list_remove(&function->by_name);
    registry->count--;
    function_put(function);
}

void registry_each(struct registry *registry,
                   void (*visit)(struct function *function, void *context), void *context)
{
    for (uint32_t i = 0; i < REGISTRY_BUCKETS; i++)
        list_each_safe(at, &registry->bucket[i])
            visit(list_of(at, struct function, by_name), context);
}
