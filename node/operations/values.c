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
#include "node/node.h"

static void done(void *context, const struct store_answer *answer);
static void answer_read(struct operation *operation, const struct store_answer *answer);
static void answer_pairs(struct operation *operation, const struct store_answer *answer);

static struct store_bytes bytes_of(const struct operation_part *part)
{
    return (struct store_bytes){part->data, part->bytes};
}

static mf_err change(struct operation *operation, enum key_change_kind kind,
                     const struct store_ask *ask)
{
    const struct operation_request *request = &operation->request;
    struct store_bytes expected = bytes_of(&request->part[PART_EXPECTED]);
    bool compares = kind == KEY_COMPARE_AND_SET, sets = kind == KEY_SET;
    const struct key_change change = {
        .kind = kind,
        .tenant = operation->version->settings.tenant,
        .key = bytes_of(&request->part[PART_KEY]),
        .value = bytes_of(&request->part[compares ? PART_NEW_VALUE : PART_SET_VALUE]),
        .expected = compares && request->compare_and_set.flags & MF_OP_EXPECTED ? &expected : NULL,
        .by = kind == KEY_INCREMENT ? request->increment.by : 0,
        .life_ms = sets ? request->set.life_ms : compares ? request->compare_and_set.life_ms : 0,
        .cause = operation,
    };
    return key_change(operation->node, &change, ask);
}

static mf_err look(struct operation *operation, const struct store_ask *ask)
{
    const struct operation_request *request = &operation->request;
    struct store_bytes first = bytes_of(&request->part[0]);
    struct space *space;
    mf_err err = key_space(operation->node, operation->version->settings.tenant, &space);
    if (err)
        return err;
    if (request->kind == MF_OPERATION_GET)
        err = space_read(space, first, MF_CHUNK_BYTES_MAX, ask);
    else
        err = space_scan(space, first, bytes_of(&request->part[PART_AFTER]), request->scan.count,
                         MF_CHUNK_BYTES_MAX, request->scan.flags & MF_OP_VALUES, ask);
    space_put(space);
    return err;
}

void operation_value(struct operation *operation)
{
    const struct store_ask ask = {delivery_now_ms(&operation->node->delivery), done, operation};
    mf_err err;
    switch (operation->request.kind) {
    case MF_OPERATION_SET:
        err = change(operation, KEY_SET, &ask);
        break;
    case MF_OPERATION_DELETE:
        err = change(operation, KEY_DELETE, &ask);
        break;
    case MF_OPERATION_INCREMENT:
        err = change(operation, KEY_INCREMENT, &ask);
        break;
    case MF_OPERATION_COMPARE_AND_SET:
        err = change(operation, KEY_COMPARE_AND_SET, &ask);
        break;
    default:
        err = look(operation, &ask);
    }
    if (err)
        operation_refuse(operation, operation_error(err), mf_err_words(err));
}

static void done(void *context, const struct store_answer *answer)
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
                         error == MF_RESULT_NOT_FOUND   ? NULL
                         : error == MF_RESULT_TOO_LARGE ? "a value is larger than an answer may be"
                                                        : mf_err_words(answer->err));
    else if (operation->request.kind == MF_OPERATION_GET)
        answer_read(operation, answer);
    else if (operation->request.kind == MF_OPERATION_SCAN)
        answer_pairs(operation, answer);
    else
        operation_answer(operation, &(struct operation_reply){.value = answer->number});
}

static void answer_read(struct operation *operation, const struct store_answer *answer)
{
    uint64_t now_ms = delivery_now_ms(&operation->node->delivery);
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
