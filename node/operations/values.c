/*
 * values.c: key-values of a function's tenant: the store's operations, its answers in a
 * guest's words.
 * Guarantees: a change that is answered OK is on the disk.
 * Leaves to others: keys' names and who may (before), the store's own bounds.
 */
#include <string.h>

#include "base/buf.h"
#include "node/functions/function.h"
#include "node/operations/operations.h"
#include "node/shard.h"

static mf_err ask(struct operation *operation, struct space *space, const struct store_ask *ask);
static void answer_read(struct operation *operation, const struct store_answer *answer);
static void answer_pairs(struct operation *operation, const struct store_answer *answer);

static struct store_bytes bytes_of(const struct operation_part *part)
{
    return (struct store_bytes){part->data, part->bytes};
}

void operation_value(struct operation *operation)
{
    const struct delivery *delivery = &operation->shard->delivery;
    const struct space_settings settings = {.durability = STORE_POWER_LOSS};
    const struct store_ask as = {delivery_now_ms(delivery), operation_value_done, operation};
    struct space *space;
    mf_err err = delivery->store ? space_get(delivery->store, operation->version->settings.tenant,
                                             &settings, &space)
                                 : MF_EDEAD;
    if (!err) {
        err = ask(operation, space, &as);
        space_put(space);
    }
    if (err)
        operation_refuse(operation, operation_error(err), mf_err_words(err));
}

void operation_value_done(void *context, const struct store_answer *answer)
{
    struct operation *operation = context;
    enum mf_result_error error = operation_error(answer->err);
    if (answer->err == MF_EINVAL && operation->request.kind == MF_OPERATION_INCREMENT)
        operation_refuse(operation, error, "the value is no whole number, or the sum would not fit");
    else if (answer->err == MF_EEXIST)
        operation_answer(operation, &(struct operation_reply){.error = error,
                                                              .data = answer->value.data,
                                                              .data_bytes = answer->value.bytes});
    else if (answer->err)
        operation_refuse(operation, error,
                         error == MF_RESULT_NOT_FOUND ? NULL : mf_err_words(answer->err));
    else if (operation->request.kind == MF_OPERATION_GET)
        answer_read(operation, answer);
    else if (operation->request.kind == MF_OPERATION_SCAN)
        answer_pairs(operation, answer);
    else
        operation_answer(operation, &(struct operation_reply){.value = answer->number});
}

static mf_err ask(struct operation *operation, struct space *space, const struct store_ask *as)
{
    const struct operation_request *request = &operation->request;
    const struct operation_part *part = request->part;
    struct store_bytes key = bytes_of(&part[PART_KEY]), expected = bytes_of(&part[PART_EXPECTED]);
    switch (request->kind) {
    case MF_OPERATION_GET:
        return space_read(space, key, as);
    case MF_OPERATION_SET:
        return space_set(space, key, bytes_of(&part[PART_SET_VALUE]), request->set.life_ms, as);
    case MF_OPERATION_DELETE:
        return space_delete(space, key, as);
    case MF_OPERATION_INCREMENT:
        return space_increment(space, key, request->increment.by, as);
    case MF_OPERATION_COMPARE_AND_SET:
        return space_compare_and_set(space, key,
                                     request->compare_and_set.flags & MF_OP_EXPECTED ? &expected
                                                                                     : NULL,
                                     bytes_of(&part[PART_NEW_VALUE]),
                                     request->compare_and_set.life_ms, as);
    case MF_OPERATION_SCAN:
        return space_scan(space, key, bytes_of(&part[PART_AFTER]), request->scan.count,
                          request->scan.flags & MF_OP_VALUES, as);
    default:
        return MF_EINVAL;
    }
}

static void answer_read(struct operation *operation, const struct store_answer *answer)
{
    uint64_t now_ms = delivery_now_ms(&operation->shard->delivery);
    struct operation_reply reply = {.data = answer->value.data, .data_bytes = answer->value.bytes};
    if (answer->expires_ms != STORE_NEVER) /* 0 would mean: never */
        reply.value = answer->expires_ms > now_ms ? (int64_t)(answer->expires_ms - now_ms) : 1;
    operation_answer(operation, &reply);
}

/* As many as fit. One that does not fit alone: nothing after it could ever be reached. */
static void answer_pairs(struct operation *operation, const struct store_answer *answer)
{
    struct mf_buf out = {0};
    bool values = operation->request.scan.flags & MF_OP_VALUES;
    bool more = answer->more;
    mf_err err = MF_OK;
    for (size_t i = 0; i < answer->count && !err; i++) {
        const struct space_pair *pair = &answer->pairs[i];
        size_t value_bytes = values ? pair->value.bytes : 0;
        if (sizeof(struct mf_pair) + pair->key.bytes + value_bytes > MF_CHUNK_BYTES_MAX - out.bytes) {
            err = i == 0 ? MF_ETOOBIG : MF_OK;
            more = true;
            break;
        }
        const struct mf_pair head = {(uint32_t)pair->key.bytes, (uint32_t)value_bytes};
        err = mf_buf_add(&out, &head, sizeof head);
        if (!err)
            err = mf_buf_add(&out, pair->key.data, pair->key.bytes);
        if (!err && value_bytes)
            err = mf_buf_add(&out, pair->value.data, value_bytes);
    }
    if (err)
        operation_refuse(operation, operation_error(err), mf_err_words(err));
    else
        operation_answer(operation, &(struct operation_reply){.flags = more ? MF_RESULT_MORE : 0,
                                                              .value = 0,
                                                              .data = out.data,
                                                              .data_bytes = out.bytes});
    mf_buf_close(&out);
}
