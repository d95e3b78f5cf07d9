/*
 * store.c: the part of the store that all back ends share: checks of what is asked, one
 * struct for each operation, the bound on what waits, answers and hints.
 * Guarantees: what a back end gets is within every limit; done() is called exactly once.
 * Leaves to others: to keep anything (store_*.c).
 * Owns queues, spaces and operations. Loop thread, but for store_op_*().
 */
#include "node/store/store.h"

#include <stdlib.h>
#include <string.h>

#include "node/store/store_op.h"

_Static_assert(MF_KEY_BYTES_MAX + MF_VALUE_BYTES_MAX <= MF_SCAN_BYTES_MAX, "a scan gets past any value");

static bool is_name(const char *name);
static bool counts(uint64_t count, uint64_t max);
static mf_err begin(struct store *store, enum store_op_kind kind, const struct store_ask *ask,
                    size_t bytes, struct store_op **op);
static struct store_bytes keep(uint8_t **at, struct store_bytes bytes);
static mf_err submit_beside(struct store_op *op, const struct store_beside *beside);
static void submit(struct store_op *op);

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
        .tenant_bytes_max = settings->tenant_bytes_max};
    queue->references++;
    *out = queue;
    return MF_OK;
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

/* ---- operations on queues ---- */

static mf_err begin_queue(struct queue *queue, enum store_op_kind kind,
                          const struct store_ask *ask, size_t bytes, struct store_op **op)
{
    mf_err err = begin(queue->store, kind, ask, bytes, op);
    if (err)
        return err;
    queue->references++;
    (*op)->queue = queue;
    (*op)->queue_settings = queue->settings;
    return MF_OK;
}

mf_err queue_append(struct queue *queue, enum queue_priority priority,
                    const struct store_bytes *events, size_t count, const struct store_ask *ask)
{
    return queue_append_beside(queue, priority, events, count, NULL, ask);
}

mf_err queue_append_beside(struct queue *queue, enum queue_priority priority,
                           const struct store_bytes *events, size_t count,
                           const struct store_beside *beside, const struct store_ask *ask)
{
    struct store_op *op;
    size_t bytes = 0;
    if (!counts(count, MF_QUEUE_BATCH_MAX) || (unsigned)priority >= QUEUE_PRIORITIES)
        return MF_EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (events[i].bytes > MF_EVENT_BYTES_MAX)
            return MF_ETOOBIG;
        bytes += events[i].bytes;
    }
    if (bytes > MF_QUEUE_BATCH_BYTES_MAX)
        return MF_ETOOBIG;
    size_t list_bytes = count * sizeof *events;
    mf_err err = begin_queue(queue, STORE_APPEND, ask, list_bytes + bytes, &op);
    if (err)
        return err;
    uint8_t *at = op->bytes + list_bytes;
    op->priority = priority;
    op->events = (struct store_bytes *)(void *)op->bytes;
    op->event_count = count;
    for (size_t i = 0; i < count; i++)
        op->events[i] = keep(&at, events[i]);
    return submit_beside(op, beside);
}

mf_err queue_take(struct queue *queue, uint32_t count_max, size_t bytes_max, uint64_t lease_ms,
                  const struct store_ask *ask)
{
    struct store_op *op;
    if (!counts(count_max, MF_QUEUE_BATCH_MAX) || !counts(lease_ms, MF_QUEUE_LEASE_MS_MAX))
        return MF_EINVAL;
    mf_err err = begin_queue(queue, STORE_TAKE, ask, 0, &op);
    if (err)
        return err;
    op->count_max = count_max;
    op->bytes_max = bytes_max;
    op->span_ms = lease_ms;
    submit(op);
    return MF_OK;
}

/* What ends or changes a lease. */
static mf_err end_lease(struct queue *queue, enum store_op_kind kind, uint64_t id,
                        uint32_t attempts, uint64_t span_ms, struct store_bytes reason,
                        const struct store_beside *beside, const struct store_ask *ask)
{
    struct store_op *op;
    if (store_id_priority(id) >= QUEUE_PRIORITIES)
        return MF_EINVAL;
    mf_err err = begin_queue(queue, kind, ask, reason.bytes, &op);
    if (err)
        return err;
    uint8_t *at = op->bytes;
    op->id = id;
    op->attempts = attempts;
    op->span_ms = span_ms;
    op->reason = keep(&at, reason);
    return submit_beside(op, beside);
}

mf_err queue_ack(struct queue *queue, uint64_t id, uint32_t attempts, const struct store_ask *ask)
{
    return queue_ack_beside(queue, id, attempts, NULL, ask);
}

mf_err queue_ack_beside(struct queue *queue, uint64_t id, uint32_t attempts,
                        const struct store_beside *beside, const struct store_ask *ask)
{
    return end_lease(queue, STORE_ACK, id, attempts, 0, (struct store_bytes){0}, beside, ask);
}

mf_err queue_nack(struct queue *queue, uint64_t id, uint32_t attempts, uint64_t delay_ms,
                  const struct store_ask *ask)
{
    if (delay_ms > MF_QUEUE_DELAY_MS_MAX)
        return MF_EINVAL;
    return end_lease(queue, STORE_NACK, id, attempts, delay_ms, (struct store_bytes){0}, NULL, ask);
}

mf_err queue_extend(struct queue *queue, uint64_t id, uint32_t attempts, uint64_t lease_ms,
                    const struct store_ask *ask)
{
    if (!counts(lease_ms, MF_QUEUE_LEASE_MS_MAX))
        return MF_EINVAL;
    return end_lease(queue, STORE_EXTEND, id, attempts, lease_ms, (struct store_bytes){0}, NULL, ask);
}

mf_err queue_bury(struct queue *queue, uint64_t id, uint32_t attempts, struct store_bytes reason,
                  const struct store_ask *ask)
{
    if (reason.bytes > MF_QUEUE_REASON_BYTES_MAX)
        return MF_ETOOBIG;
    return end_lease(queue, STORE_BURY, id, attempts, 0, reason, NULL, ask);
}

mf_err queue_stat(struct queue *queue, const struct store_ask *ask)
{
    struct store_op *op;
    mf_err err = begin_queue(queue, STORE_STAT, ask, 0, &op);
    if (!err)
        submit(op);
    return err;
}

static mf_err on_many(struct queue *queue, enum store_op_kind kind, bool dead, uint64_t after_id,
                      uint32_t count_max, size_t bytes_max, const struct store_ask *ask)
{
    struct store_op *op;
    if (!counts(count_max, MF_QUEUE_BATCH_MAX) || store_id_priority(after_id) >= QUEUE_PRIORITIES)
        return MF_EINVAL;
    mf_err err = begin_queue(queue, kind, ask, 0, &op);
    if (err)
        return err;
    op->dead = dead;
    op->id = after_id;
    op->count_max = count_max;
    op->bytes_max = bytes_max;
    submit(op);
    return MF_OK;
}

mf_err queue_peek(struct queue *queue, bool dead, uint64_t after_id, uint32_t count_max,
                  size_t body_max, const struct store_ask *ask)
{
    return on_many(queue, STORE_PEEK, dead, after_id, count_max, body_max, ask);
}

mf_err queue_redrive(struct queue *queue, uint32_t count_max, const struct store_ask *ask)
{
    return on_many(queue, STORE_REDRIVE, true, 0, count_max, 0, ask);
}

mf_err queue_purge(struct queue *queue, bool dead, uint32_t count_max, const struct store_ask *ask)
{
    return on_many(queue, STORE_PURGE, dead, 0, count_max, 0, ask);
}

/* ---- operations on spaces ---- */

static mf_err begin_space(struct space *space, enum store_op_kind kind, struct store_bytes key,
                          size_t more_bytes, const struct store_ask *ask, struct store_op **op,
                          uint8_t **at)
{
    if (kind != STORE_SCAN && key.bytes == 0)
        return MF_EINVAL;
    if (key.bytes > MF_KEY_BYTES_MAX)
        return MF_ETOOBIG;
    mf_err err = begin(space->store, kind, ask, key.bytes + more_bytes, op);
    if (err)
        return err;
    space->references++;
    (*op)->space = space;
    (*op)->space_settings = space->settings;
    *at = (*op)->bytes;
    (*op)->key = keep(at, key);
    return MF_OK;
}

mf_err space_read(struct space *space, struct store_bytes key, size_t bytes_max,
                  const struct store_ask *ask)
{
    struct store_op *op;
    uint8_t *at;
    mf_err err = begin_space(space, STORE_READ, key, 0, ask, &op, &at);
    if (err)
        return err;
    op->bytes_max = bytes_max;
    submit(op);
    return MF_OK;
}

mf_err space_delete(struct space *space, struct store_bytes key, const struct store_ask *ask)
{
    return space_delete_beside(space, key, NULL, ask);
}

mf_err space_delete_beside(struct space *space, struct store_bytes key,
                           const struct store_beside *beside, const struct store_ask *ask)
{
    struct store_op *op;
    uint8_t *at;
    mf_err err = begin_space(space, STORE_DELETE, key, 0, ask, &op, &at);
    return err ? err : submit_beside(op, beside);
}

mf_err space_increment(struct space *space, struct store_bytes key, int64_t by,
                       const struct store_ask *ask)
{
    return space_increment_beside(space, key, by, NULL, ask);
}

mf_err space_increment_beside(struct space *space, struct store_bytes key, int64_t by,
                              const struct store_beside *beside, const struct store_ask *ask)
{
    struct store_op *op;
    uint8_t *at;
    mf_err err = begin_space(space, STORE_INCREMENT, key, 0, ask, &op, &at);
    if (err)
        return err;
    op->by = by;
    return submit_beside(op, beside);
}

/* life_ms so large that its end is no date any more is as good as forever. */
static mf_err set(struct space *space, enum store_op_kind kind, struct store_bytes key,
                  const struct store_bytes *expected, struct store_bytes value, uint64_t life_ms,
                  const struct store_beside *beside, const struct store_ask *ask)
{
    struct store_op *op;
    uint8_t *at;
    size_t expected_bytes = expected ? expected->bytes : 0;
    if (value.bytes > MF_VALUE_BYTES_MAX || expected_bytes > MF_VALUE_BYTES_MAX)
        return MF_ETOOBIG;
    mf_err err = begin_space(space, kind, key, value.bytes + expected_bytes, ask, &op, &at);
    if (err)
        return err;
    op->value = keep(&at, value);
    op->absent = !expected;
    if (expected)
        op->expected = keep(&at, *expected);
    op->span_ms = life_ms >= STORE_DATE_MS_MAX ? 0 : life_ms;
    return submit_beside(op, beside);
}

mf_err space_set(struct space *space, struct store_bytes key, struct store_bytes value,
                 uint64_t life_ms, const struct store_ask *ask)
{
    return space_set_beside(space, key, value, life_ms, NULL, ask);
}

mf_err space_set_beside(struct space *space, struct store_bytes key, struct store_bytes value,
                        uint64_t life_ms, const struct store_beside *beside,
                        const struct store_ask *ask)
{
    return set(space, STORE_SET, key, NULL, value, life_ms, beside, ask);
}

mf_err space_compare_and_set(struct space *space, struct store_bytes key,
                             const struct store_bytes *expected, struct store_bytes value,
                             uint64_t life_ms, const struct store_ask *ask)
{
    return space_compare_and_set_beside(space, key, expected, value, life_ms, NULL, ask);
}

mf_err space_compare_and_set_beside(struct space *space, struct store_bytes key,
                                    const struct store_bytes *expected, struct store_bytes value,
                                    uint64_t life_ms, const struct store_beside *beside,
                                    const struct store_ask *ask)
{
    return set(space, STORE_COMPARE, key, expected, value, life_ms, beside, ask);
}

mf_err space_scan(struct space *space, struct store_bytes prefix, struct store_bytes after,
                  uint32_t count_max, size_t bytes_max, bool values, const struct store_ask *ask)
{
    struct store_op *op;
    uint8_t *at;
    if (!counts(count_max, MF_SCAN_COUNT_MAX))
        return MF_EINVAL;
    if (after.bytes > MF_KEY_BYTES_MAX)
        return MF_ETOOBIG;
    mf_err err = begin_space(space, STORE_SCAN, prefix, after.bytes, ask, &op, &at);
    if (err)
        return err;
    op->prefix = op->key;
    op->after = keep(&at, after);
    op->count_max = count_max;
    op->bytes_max = bytes_max < MF_SCAN_BYTES_MAX ? bytes_max : MF_SCAN_BYTES_MAX;
    op->values = values;
    submit(op);
    return MF_OK;
}

/* ---- from the call to done() ---- */

static bool is_name(const char *name)
{
    size_t bytes = strnlen(name, MF_NAME_BYTES_MAX + 1);
    if (bytes == 0 || bytes > MF_NAME_BYTES_MAX || name[0] == '-' || name[bytes - 1] == '-')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == bytes;
}

static bool counts(uint64_t count, uint64_t max)
{
    return count > 0 && count <= max;
}

static mf_err begin(struct store *store, enum store_op_kind kind, const struct store_ask *ask,
                    size_t bytes, struct store_op **out)
{
    if (store->quiet)
        return MF_EDEAD;
    if (ask->now_ms == 0 || ask->now_ms >= STORE_DATE_MS_MAX)
        return MF_EINVAL;
    if (store->waiting >= MF_STORE_WAITING_MAX ||
        bytes > MF_STORE_WAITING_BYTES_MAX - store->waiting_bytes)
        return MF_EAGAIN;
    struct store_op *op = calloc(1, sizeof *op + bytes);
    if (!op)
        return MF_ENOMEM;
    link_init(&op->link);
    op->kind = kind;
    op->now_ms = ask->now_ms;
    op->done = ask->done;
    op->context = ask->context;
    op->held_bytes = bytes;
    *out = op;
    return MF_OK;
}

static struct store_bytes keep(uint8_t **at, struct store_bytes bytes)
{
    struct store_bytes kept = {*at, bytes.bytes};
    if (bytes.bytes)
        memcpy(*at, bytes.data, bytes.bytes);
    *at += bytes.bytes;
    return kept;
}

/* With what is appended beside it, which may be NULL. An error: it was not submitted, and is gone. */
static mf_err submit_beside(struct store_op *op, const struct store_beside *beside)
{
    mf_err err = beside ? store_op_attach(op, beside) : MF_OK;
    if (!err) {
        submit(op);
        return MF_OK;
    }
    store_op_detach(op, false);
    if (op->queue)
        queue_put(op->queue);
    else
        space_put(op->space);
    free(op);
    return err;
}

static void submit(struct store_op *op)
{
    struct store *store = op->queue ? op->queue->store : op->space->store;
    store->waiting++;
    store->waiting_bytes += op->held_bytes;
    store->kind->submit(store, op);
}

static bool gives_hint(const struct store_op *op)
{
    return !op->answer.err && (op->kind == STORE_APPEND || op->kind == STORE_NACK ||
                               (op->kind == STORE_REDRIVE && op->answer.count > 0));
}

void store_finish(struct store_op *op)
{
    struct queue *queue = op->queue;
    struct space *space = op->space;
    struct store *store = queue ? queue->store : space->store;
    bool tells = !store->kind->watched, appended = tells && !op->answer.err;
    bool hints = queue && tells && gives_hint(op);
    store->waiting--;
    store->waiting_bytes -= op->held_bytes;
    op->answer.ids = op->ids;
    op->answer.entries = op->entries;
    op->answer.pairs = op->pairs;
    if (op->done)
        op->done(op->context, &op->answer);
    store_op_reset(op);
    store_op_detach(op, appended);
    free(op);
    if (hints)
        store_hint(store, queue);
    if (queue)
        queue_put(queue);
    else
        space_put(space);
}

/* ---- answers ---- */

struct piece {
    struct piece *next;
    uint8_t bytes[];
};

void store_op_reset(struct store_op *op)
{
    while (op->pieces) {
        struct piece *piece = op->pieces;
        op->pieces = piece->next;
        free(piece);
    }
    free(op->ids);
    free(op->entries);
    free(op->pairs);
    op->ids = NULL;
    op->entries = NULL;
    op->pairs = NULL;
    op->list_room = op->list_bytes = 0;
    op->aged_count = 0;
    op->answer = (struct store_answer){0};
}

static mf_err grow(struct store_op *op, void **list, size_t each_bytes)
{
    if (op->answer.count < op->list_room)
        return MF_OK;
    size_t room = op->list_room ? op->list_room * 2 : 8;
    void *larger = realloc(*list, room * each_bytes);
    if (!larger)
        return MF_ENOMEM;
    *list = larger;
    op->list_room = room;
    return MF_OK;
}

/* *bytes becomes a copy of what it was; of what has no data, nothing. */
static mf_err copy(struct store_op *op, struct store_bytes *bytes)
{
    if (!bytes->data)
        return MF_OK;
    struct piece *piece = malloc(sizeof *piece + bytes->bytes);
    if (!piece)
        return MF_ENOMEM;
    piece->next = op->pieces;
    op->pieces = piece;
    uint8_t *at = piece->bytes;
    *bytes = keep(&at, *bytes);
    return MF_OK;
}

mf_err store_op_id(struct store_op *op, uint64_t id)
{
    void *list = op->ids;
    mf_err err = grow(op, &list, sizeof *op->ids);
    op->ids = list;
    if (err)
        return err;
    op->ids[op->answer.count++] = id;
    return MF_OK;
}

mf_err store_op_entry(struct store_op *op, const struct queue_entry *entry)
{
    void *list = op->entries;
    struct queue_entry own = *entry;
    mf_err err = grow(op, &list, sizeof *op->entries);
    op->entries = list;
    if (!err)
        err = copy(op, &own.event);
    if (!err)
        err = copy(op, &own.reason);
    if (err)
        return err;
    op->list_bytes += own.event.data ? own.event.bytes : 0;
    op->entries[op->answer.count++] = own;
    return MF_OK;
}

mf_err store_op_pair(struct store_op *op, const struct space_pair *pair)
{
    void *list = op->pairs;
    struct space_pair own = *pair;
    mf_err err = grow(op, &list, sizeof *op->pairs);
    op->pairs = list;
    if (!err)
        err = copy(op, &own.key);
    if (!err)
        err = copy(op, &own.value);
    if (err)
        return err;
    op->list_bytes += own.key.bytes + own.value.bytes;
    op->pairs[op->answer.count++] = own;
    return MF_OK;
}

mf_err store_op_value(struct store_op *op, struct store_bytes value)
{
    mf_err err = copy(op, &value);
    if (!err)
        op->answer.value = value;
    return err;
}
