/*
 * store.c: a store and its queues and spaces, as all back ends have them.
 * Guarantees: the same object for the same name, for as long as anybody has it.
 * Leaves to others: operations (store_queue.c, store_space.c), to keep anything (store_*.c).
 * Owns queues and spaces. Loop thread only.
 */
#include "node/store/store.h"

#include <stdlib.h>
#include <string.h>

#include "node/store/store_op.h"

static bool is_name(const char *name);

mf_err store_open(uv_loop_t *loop, const struct store_options *options, struct store **store,
                  struct mf_why *why)
{
    const char *url = options->url ? options->url : "lmdb:";
    *store = NULL;
    if (strcmp(url, "memory:") == 0)
        return store_memory_open(loop, store, why);
    if (strcmp(url, "lmdb:") == 0)
        return store_lmdb_open(loop, options, store, why);
    if (strncmp(url, "redis", 5) == 0)
        return store_redis_open(loop, options, store, why);
    return mf_why(why, MF_EINVAL,
                  "\"%.60s\" is no store; there are lmdb:, redis://HOST[:PORT], redis+unix:PATH "
                  "and memory:", url);
}

void store_init(struct store *store, const struct store_kind *kind, uv_loop_t *loop)
{
    store->kind = kind;
    store->loop = loop;
    link_init(&store->queues);
    link_init(&store->spaces);
}

void store_quiet(struct store *store)
{
    store->quiet = true;
}

bool store_busy(const struct store *store)
{
    return store->waiting > 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store->quiet = true;
    store->handles++; /* until all are being closed */
    store->kind->close(store);
    mf_assert(store->waiting == 0);
    mf_assert(list_empty(&store->queues) && list_empty(&store->spaces));
    store->closed = true;
    if (--store->handles == 0)
        free(store);
}

static void handle_closed(uv_handle_t *handle)
{
    struct store *store = handle->data;
    if (--store->handles == 0 && store->closed)
        free(store);
}

void store_close_handle(struct store *store, uv_handle_t *handle)
{
    handle->data = store;
    uv_close(handle, handle_closed);
}

/* ---- queues and spaces ---- */

struct queue *store_find_queue(struct store *store, const char *tenant, const char *name)
{
    list_each(at, &store->queues) {
        struct queue *queue = list_of(at, struct queue, link);
        if (strcmp(queue->tenant, tenant) == 0 && strcmp(queue->name, name) == 0)
            return queue;
    }
    return NULL;
}

static uint64_t or_default(uint64_t value, uint64_t usual)
{
    return value ? value : usual;
}

mf_err queue_get(struct store *store, const char *tenant, const char *name,
                 const struct queue_settings *settings, struct queue **out)
{
    if (!is_name(tenant) || !is_name(name))
        return MF_EINVAL;
    struct queue *queue = store_find_queue(store, tenant, name);
    if (!queue) {
        queue = calloc(1, sizeof *queue);
        if (!queue)
            return MF_ENOMEM;
        queue->store = store;
        memcpy(queue->tenant, tenant, strlen(tenant));
        memcpy(queue->name, name, strlen(name));
        link_init(&queue->link);
        link_init(&queue->watches);
        list_append(&store->queues, &queue->link);
    }
    queue->settings = (struct queue_settings){
        .durability = settings->durability,
        .count_max = or_default(settings->count_max, MF_QUEUE_COUNT_DEFAULT),
        .bytes_max = or_default(settings->bytes_max, MF_QUEUE_BYTES_DEFAULT),
        .dead_max = or_default(settings->dead_max, MF_QUEUE_DEAD_DEFAULT),
        .age_ms_max = settings->age_ms_max,
        .overflow = settings->overflow,
        .tenant_queues_max = settings->tenant_queues_max,
        .tenant_bytes_max = settings->tenant_bytes_max,
        .note_of = settings->note_of};
    queue->references++;
    *out = queue;
    return MF_OK;
}

struct queue *queue_again(struct queue *queue)
{
    queue->references++;
    return queue;
}

void queue_put(struct queue *queue)
{
    mf_assert(queue->references > 0);
    if (--queue->references > 0)
        return;
    mf_assert(list_empty(&queue->watches));
    list_remove(&queue->link);
    free(queue);
}

void queue_watch(struct queue *queue, struct queue_watch *watch)
{
    bool first = list_empty(&queue->watches);
    link_init(&watch->link);
    list_append(&queue->watches, &watch->link);
    if (first && queue->store->kind->watched)
        queue->store->kind->watched(queue->store, queue, true);
}

void queue_unwatch(struct queue *queue, struct queue_watch *watch)
{
    list_remove(&watch->link);
    if (list_empty(&queue->watches) && queue->store->kind->watched)
        queue->store->kind->watched(queue->store, queue, false);
}

static void hint(struct queue *queue)
{
    list_each_safe(at, &queue->watches)
        list_of(at, struct queue_watch, link)->ready(list_of(at, struct queue_watch, link));
}

void store_tell_ended(const struct store_op *op)
{
    if (!op->ended_count || op->answer.err)
        return;
    list_each(at, &op->queue->watches) {
        struct queue_watch *watch = list_of(at, struct queue_watch, link);
        if (watch->ended)
            watch->ended(watch, op->ended, op->ended_count);
    }
}

void store_hint(struct store *store, struct queue *queue)
{
    if (queue) {
        hint(queue);
        return;
    }
    for (struct link *at = store->queues.next; at != &store->queues;) {
        struct queue *each = list_of(at, struct queue, link);
        each->references++; /* a watcher may put it */
        hint(each);
        at = at->next;
        queue_put(each);
    }
}

mf_err space_get(struct store *store, const char *tenant, const struct space_settings *settings,
                 struct space **out)
{
    struct space *space = NULL;
    if (!is_name(tenant))
        return MF_EINVAL;
    list_each(at, &store->spaces)
        if (strcmp(list_of(at, struct space, link)->tenant, tenant) == 0)
            space = list_of(at, struct space, link);
    if (!space) {
        space = calloc(1, sizeof *space);
        if (!space)
            return MF_ENOMEM;
        space->store = store;
        memcpy(space->tenant, tenant, strlen(tenant));
        link_init(&space->link);
        list_append(&store->spaces, &space->link);
    }
    space->settings = (struct space_settings){
        .durability = settings->durability,
        .bytes_max = or_default(settings->bytes_max, MF_SPACE_BYTES_DEFAULT)};
    space->references++;
    *out = space;
    return MF_OK;
}

void space_put(struct space *space)
{
    mf_assert(space->references > 0);
    if (--space->references > 0)
        return;
    list_remove(&space->link);
    free(space);
}

static bool is_name(const char *name)
{
    size_t bytes = strnlen(name, MF_NAME_BYTES_MAX + 1);
    if (bytes == 0 || bytes > MF_NAME_BYTES_MAX || name[0] == '-' || name[bytes - 1] == '-')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == bytes;
}
