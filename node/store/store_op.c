/*
 * store_op.c: an operation on its way: the bound on what waits, done(), hints, and the memory behind
 * an answer.
 * Guarantees: done() is called exactly once.
 * Owns operations. Loop thread, but for what adds to an answer.
 */
#include "node/store/store_op.h"

#include <stdlib.h>
#include <string.h>

/* ---- from the call to done() ---- */

mf_err store_op_begin(struct store *store, enum store_op_kind kind, const struct store_ask *ask,
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

struct store_bytes store_op_keep(uint8_t **at, struct store_bytes bytes)
{
    struct store_bytes kept = {*at, bytes.bytes};
    if (bytes.bytes)
        memcpy(*at, bytes.data, bytes.bytes);
    *at += bytes.bytes;
    return kept;
}

mf_err store_op_submit_beside(struct store_op *op, const struct store_beside *beside)
{
    mf_err err = beside ? store_op_attach(op, beside) : MF_OK;
    if (!err) {
        store_op_submit(op);
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

void store_op_submit(struct store_op *op)
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
    for (const struct store_op *each = op; each && !op->answer.err; each = each->also)
        store_tell_ended(each);
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
    free(op->ended);
    op->ended = NULL;
    op->ended_count = op->ended_room = op->ended_bytes = 0;
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
    *bytes = store_op_keep(&at, *bytes);
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

mf_err store_op_ended(struct store_op *op, const struct queue_entry *entry)
{
    struct queue_entry own = *entry;
    if (op->ended_count == (op->kind == STORE_PURGE ? MF_QUEUE_BATCH_MAX : MF_QUEUE_AGED_MAX))
        return MF_EPROTO;
    if (op->ended_count == op->ended_room) {
        const size_t room = op->ended_room ? 2 * op->ended_room : 8;
        struct queue_entry *larger = realloc(op->ended, room * sizeof *op->ended);
        if (!larger)
            return MF_ENOMEM;
        op->ended = larger;
        op->ended_room = room;
    }
    if (own.event.bytes > MF_QUEUE_ENDED_TOLD_BYTES)
        own.event.bytes = MF_QUEUE_ENDED_TOLD_BYTES;
    mf_err err = copy(op, &own.event);
    if (err)
        return err;
    op->ended[op->ended_count++] = own;
    op->ended_bytes += own.event.bytes;
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
