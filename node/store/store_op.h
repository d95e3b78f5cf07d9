/*
 * store_op.h: one operation on its way, and what a back end is. For the back ends.
 * An operation belongs to whoever works on it: the loop's thread until submit(), then the
 * back end (perhaps in another thread), the loop's thread again from store_finish() on.
 */
#ifndef MF_NODE_STORE_STORE_OP_H
#define MF_NODE_STORE_STORE_OP_H

#include "node/store/store.h"

enum store_op_kind {
    /* questions; a take and an extension change only what does not outlive the process */
    STORE_TAKE,
    STORE_EXTEND,
    STORE_STAT,
    STORE_SIBLINGS,
    STORE_PEEK,
    STORE_READ,
    STORE_SCAN,
    STORE_NOTE,
    /* changes */
    STORE_APPEND,
    STORE_ACK,
    STORE_NACK,
    STORE_BURY,
    STORE_REDRIVE,
    STORE_PURGE,
    STORE_SET,
    STORE_DELETE,
    STORE_INCREMENT,
    STORE_COMPARE,
};

static inline bool store_op_changes(enum store_op_kind kind)
{
    return kind >= STORE_APPEND;
}

struct queue {
    struct link link; /* in store.queues */
    struct store *store;
    uint32_t references;
    struct queue_settings settings; /* no zeros for "default" in it any more */
    struct link watches;
    char tenant[MF_NAME_BYTES_MAX + 1], name[MF_NAME_BYTES_MAX + 1];
};

struct space {
    struct link link; /* in store.spaces */
    struct store *store;
    uint32_t references;
    struct space_settings settings;
    char tenant[MF_NAME_BYTES_MAX + 1];
};

struct piece;

struct store_op {
    struct link link; /* the back end's */
    enum store_op_kind kind;
    struct queue *queue; /* one of the two; a reference */
    struct space *space;
    struct queue_settings queue_settings; /* as of submit() */
    struct space_settings space_settings;
    uint64_t now_ms;
    store_done done;
    void *context;
    /* arguments: those that the operation has */
    enum queue_priority priority;
    uint64_t id;
    uint64_t span_ms; /* lease, delay, life */
    uint32_t attempts;
    uint32_t count_max;
    size_t bytes_max;
    int64_t by;
    bool dead, values, absent; /* absent: compare with nothing */
    bool judged; /* of `also`: its tenant's bounds, before anything of the step was written */
    /* an end's note is `key` and `value`; no key: none */
    struct store_bytes reason, key, value, expected, prefix, after;
    struct store_bytes *events;
    size_t event_count;
    struct store_op *also; /* appends in the same step: a list, by this member; owned */
    size_t held_bytes; /* counted in store.waiting_bytes, with those of `also` */
    /* the answer, and the memory behind it */
    struct store_answer answer;
    uint64_t *ids;
    struct queue_entry *entries;
    struct space_pair *pairs;
    size_t list_room;
    size_t list_bytes;    /* of what the entries or pairs hold        */
    struct piece *pieces; /* copies of what the answer points to      */
    struct queue_entry *ended; /* by the store itself: for who watches the queue; NULL: none */
    size_t ended_count, ended_room;
    size_t ended_bytes; /* of what is told of these */
    uint64_t aged[MF_QUEUE_AGED_MAX]; /* a take's: to become dead letters; an append's: dropped */
    uint32_t aged_count;
    uint32_t queue_number; /* the ledger's, from one step to the next */
    uint8_t bytes[]; /* what was passed in */
};

struct store_kind {
    void (*submit)(struct store *store, struct store_op *op); /* cannot fail: the answer does */
    void (*watched)(struct store *store, struct queue *queue, bool is); /* NULL: hints are given for it */
    void (*close)(struct store *store); /* every operation is finished when it returns */
};

struct store {
    const struct store_kind *kind;
    uv_loop_t *loop;
    struct link queues, spaces;
    uint32_t waiting;
    uint64_t waiting_bytes;
    uint32_t handles; /* of libuv, open: the memory goes with the last */
    bool quiet, closed;
};

void store_init(struct store *store, const struct store_kind *kind, uv_loop_t *loop);

/* For those who ask (store_queue.c, store_space.c). Begin: a new one with so many bytes of room for
 * what is passed in; its queue or space is the caller's to set. */
MF_CHECKED mf_err store_op_begin(struct store *store, enum store_op_kind kind,
                                 const struct store_ask *ask, size_t bytes, struct store_op **op);
/* Copy to *at, which moves on. */
struct store_bytes store_op_keep(uint8_t **at, struct store_bytes bytes);
void store_op_submit(struct store_op *op);
/* With what is appended beside it, which may be NULL. An error: it was not submitted, and is gone. */
MF_CHECKED mf_err store_op_submit_beside(struct store_op *op, const struct store_beside *beside);

static inline bool store_counts(uint64_t count, uint64_t max)
{
    return count > 0 && count <= max;
}

/* Call done(), give hints, free it. Loop thread. */
void store_finish(struct store_op *op);

/* Make op->also from what was asked; what is there is to be detached in any case. And end it,
 * with hints to those who watch. */
MF_CHECKED mf_err store_op_attach(struct store_op *op, const struct store_beside *beside);
void store_op_detach(struct store_op *op, bool hints);

/* All who watch the queue, which may be NULL: all queues. */
void store_hint(struct store *store, struct queue *queue);
/* What the operation has dropped, or found too old, to all who watch its queue. */
void store_tell_ended(const struct store_op *op);
struct queue *store_find_queue(struct store *store, const char *tenant, const char *name);

/* Close a handle of a back end; the last one frees the store, once it is closed. */
void store_close_handle(struct store *store, uv_handle_t *handle);

/* To the answer; copies of what they point to. MF_ENOMEM: nothing was added. Any thread. */
MF_CHECKED mf_err store_op_id(struct store_op *op, uint64_t id);
MF_CHECKED mf_err store_op_entry(struct store_op *op, const struct queue_entry *entry);
/* One that an append has dropped, a take found too old, or a purge removed; of its event the beginning. Its reason lives
 * as long as the program. MF_EPROTO: too many. */
MF_CHECKED mf_err store_op_ended(struct store_op *op, const struct queue_entry *entry);
MF_CHECKED mf_err store_op_pair(struct store_op *op, const struct space_pair *pair);
MF_CHECKED mf_err store_op_value(struct store_op *op, struct store_bytes value);
/* As if nothing had been answered yet. */
void store_op_reset(struct store_op *op);

/* An id is a counter and the priority. */
#define STORE_ID_SHIFT 2
static inline uint64_t store_id(uint64_t counter, enum queue_priority priority)
{
    return counter << STORE_ID_SHIFT | (uint64_t)priority;
}
static inline enum queue_priority store_id_priority(uint64_t id)
{
    return (enum queue_priority)(id & ((1u << STORE_ID_SHIFT) - 1));
}
_Static_assert(QUEUE_PRIORITIES <= 1 << STORE_ID_SHIFT, "a priority fits into an id");

_Static_assert(MF_QUEUE_DROPPED_MAX <= MF_QUEUE_AGED_MAX, "store_op.aged holds either");

/* The back ends. */
MF_CHECKED mf_err store_memory_open(uv_loop_t *loop, struct store **store, struct mf_why *why);
MF_CHECKED mf_err store_lmdb_open(uv_loop_t *loop, const struct store_options *options,
                                  struct store **store, struct mf_why *why);
MF_CHECKED mf_err store_redis_open(uv_loop_t *loop, const struct store_options *options,
                                   struct store **store, struct mf_why *why);

#endif
