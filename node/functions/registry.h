/* registry.h: the deployed functions, by name. Loop thread only, but for registry_knows(). */
#ifndef MF_NODE_FUNCTIONS_REGISTRY_H
#define MF_NODE_FUNCTIONS_REGISTRY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "node/loop/list.h"

#define REGISTRY_BUCKETS_FIRST 64u

struct function;

struct registry {
    struct link first[REGISTRY_BUCKETS_FIRST];
    struct link *bucket; /* first, or on the heap: at least one for each function */
    uint32_t buckets;    /* a power of two                                        */
    uint32_t count;
    struct link all;     /* the functions, by their in_order: as they came        */
    struct link cursors;
    pthread_mutex_t names; /* held to change what registry_knows() reads */
};

/* A place in the order of functions that stays good whatever is added or removed. */
struct registry_cursor {
    struct link link;    /* in registry.cursors                        */
    struct link *next;   /* in registry.all, which itself is the end   */
    struct registry *registry;
};

void registry_init(struct registry *registry);
void registry_close(struct registry *registry); /* nothing is in it any more */

/* NULL: none of that name. */
struct function *registry_find(const struct registry *registry, const char *name);

/* Is there one now? Any thread, while the registry is open. */
bool registry_knows(struct registry *registry, const char *name);

/* The registry takes over the caller's reference. */
void registry_add(struct registry *registry, struct function *function);

/* Puts the registry's reference. */
void registry_remove(struct registry *registry, struct function *function);

void registry_cursor_open(struct registry *registry, struct registry_cursor *cursor);
struct function *registry_next(struct registry_cursor *cursor); /* NULL: that was all */
void registry_cursor_close(struct registry_cursor *cursor);

/* All of them at once, as they came. visit may remove its own function. */
void registry_each(struct registry *registry,
                   void (*visit)(struct function *function, void *context), void *context);

#endif
