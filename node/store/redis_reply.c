/*
 * redis_reply.c: see redis_reply.h.
 * Guarantees: nothing of a reply is used before its type was looked at.
 */
#include "node/store/redis_reply.h"

#include <string.h>

#include "node/store/decimal.h"

/* The script has them as numbers. */
_Static_assert((int)MF_ENOENT == -5 && (int)MF_EEXIST == -6 && (int)MF_EINVAL == -1 && (int)MF_EFULL == -14 &&
                   (int)MF_ETOOBIG == -7,
               "script");
_Static_assert(1 << STORE_ID_SHIFT == 4 && (int)QUEUE_PRIORITIES == 2, "script");

/* Takes elements one after the other; once one is not as expected, `bad` stays. */
struct reader {
    const redisReply *array;
    size_t at, end; /* of its elements */
    bool bad;
};

static const redisReply *next(struct reader *reader)
{
    static const redisReply none = {.type = REDIS_REPLY_NIL};
    if (reader->at >= reader->end || !reader->array->element[reader->at]) {
        reader->bad = true;
        return &none;
    }
    return reader->array->element[reader->at++];
}

static int64_t next_number(struct reader *reader)
{
    const redisReply *each = next(reader);
    int64_t number = 0;
    if (each->type == REDIS_REPLY_INTEGER)
        return each->integer;
    if (each->type != REDIS_REPLY_STRING ||
        !decimal_read((struct store_bytes){each->str, each->len}, &number))
        reader->bad = true;
    return number;
}

static uint64_t next_count(struct reader *reader)
{
    int64_t number = next_number(reader);
    reader->bad |= number < 0;
    return number < 0 ? 0 : (uint64_t)number;
}

/* -1 stands for never. */
static uint64_t next_time(struct reader *reader)
{
    int64_t number = next_number(reader);
    reader->bad |= number < -1;
    return number < 0 ? STORE_NEVER : (uint64_t)number;
}

static struct store_bytes next_bytes(struct reader *reader)
{
    const redisReply *each = next(reader);
    if (each->type == REDIS_REPLY_STRING)
        return (struct store_bytes){each->str, each->len};
    reader->bad = true;
    return (struct store_bytes){"", 0};
}

static uint64_t next_id(struct reader *reader)
{
    uint64_t id = next_count(reader);
    reader->bad |= store_id_priority(id) >= QUEUE_PRIORITIES;
    return id;
}

/* What every answer tells of an entry first. */
static struct queue_entry next_entry(struct reader *reader)
{
    struct queue_entry entry = {.id = next_id(reader)};
    entry.priority = store_id_priority(entry.id);
    entry.enqueued_ms = next_count(reader);
    entry.due_ms = next_count(reader);
    entry.attempts = (uint32_t)next_count(reader);
    return entry;
}

static mf_err read_taken(struct store_op *op, struct reader *reader)
{
    mf_err err = MF_OK;
    op->answer.due_ms = next_time(reader);
    while (!err && !reader->bad && reader->at < reader->end) {
        struct queue_entry entry = next_entry(reader);
        entry.event = next_bytes(reader);
        reader->bad |= op->answer.count == op->count_max;
        if (!reader->bad)
            err = store_op_entry(op, &entry);
    }
    return err;
}

static mf_err read_peeked(struct store_op *op, struct reader *reader)
{
    mf_err err = MF_OK;
    op->answer.more = next_count(reader) != 0;
    while (!err && !reader->bad && reader->at < reader->end) {
        struct queue_entry entry = next_entry(reader);
        entry.died_ms = next_count(reader);
        uint64_t bytes = next_count(reader);
        entry.event = next_bytes(reader);
        entry.reason = next_bytes(reader);
        if (bytes > op->bytes_max)
            entry.event = (struct store_bytes){NULL, bytes};
        reader->bad |= op->answer.count == op->count_max;
        if (!reader->bad)
            err = store_op_entry(op, &entry);
    }
    return err;
}

static mf_err read_pairs(struct store_op *op, struct reader *reader)
{
    mf_err err = MF_OK;
    op->answer.more = next_count(reader) != 0;
    while (!err && !reader->bad && reader->at < reader->end) {
        struct space_pair pair = {.key = next_bytes(reader)};
        pair.expires_ms = next_time(reader);
        pair.value = next_bytes(reader);
        reader->bad |= op->answer.count == op->count_max;
        if (!reader->bad)
            err = store_op_pair(op, &pair);
    }
    return err;
}

static struct queue_stat next_stat(struct reader *reader)
{
    struct queue_stat stat = {.count = next_count(reader)};
    stat.bytes = next_count(reader);
    stat.dead_count = next_count(reader);
    stat.dead_bytes = next_count(reader);
    return stat;
}

static mf_err read_siblings(struct store_op *op, struct reader *reader)
{
    mf_err err = MF_OK;
    op->answer.more = next_count(reader) != 0;
    while (!err && !reader->bad && reader->at < reader->end) {
        struct space_pair pair = {.key = next_bytes(reader)};
        const struct queue_stat stat = next_stat(reader);
        pair.value = (struct store_bytes){&stat, sizeof stat};
        reader->bad |= op->answer.count == op->count_max;
        if (!reader->bad)
            err = store_op_pair(op, &pair);
    }
    return err;
}

static mf_err read_fields(struct store_op *op, struct reader *reader)
{
    mf_err err = MF_OK;
    switch (op->kind) {
    case STORE_APPEND:
        for (size_t i = 0; i < op->event_count && !err; i++)
            err = store_op_id(op, next_id(reader));
        if (reader->at < reader->end) /* where some were dropped, or buried */
            op->answer.number = (int64_t)next_count(reader);
        return err;
    case STORE_TAKE:
        return read_taken(op, reader);
    case STORE_PEEK:
        return read_peeked(op, reader);
    case STORE_SCAN:
        return read_pairs(op, reader);
    case STORE_STAT:
        op->answer.stat = next_stat(reader);
        return MF_OK;
    case STORE_SIBLINGS:
        return read_siblings(op, reader);
    case STORE_REDRIVE:
    case STORE_PURGE:
        op->answer.count = next_count(reader);
        reader->bad |= op->answer.count > op->count_max;
        return MF_OK;
    case STORE_READ:
        err = store_op_value(op, next_bytes(reader));
        op->answer.expires_ms = next_time(reader);
        return err;
    case STORE_NOTE:
        return store_op_value(op, next_bytes(reader));
    case STORE_INCREMENT:
        op->answer.number = next_number(reader);
        return MF_OK;
    default:
        return MF_OK;
    }
}

static bool ends_entries(const struct store_op *op)
{
    return op && (op->kind == STORE_APPEND || op->kind == STORE_TAKE || op->kind == STORE_PURGE);
}

static struct store_bytes reason_of_end(enum store_op_kind kind)
{
    return kind == STORE_TAKE    ? (struct store_bytes){QUEUE_TOO_OLD, sizeof QUEUE_TOO_OLD - 1}
           : kind == STORE_PURGE ? (struct store_bytes){QUEUE_PURGED, sizeof QUEUE_PURGED - 1}
                                 : (struct store_bytes){QUEUE_WAS_FULL, sizeof QUEUE_WAS_FULL - 1};
}

/* One that was ended by an operation, or by an append beside it, which became a dead letter itself if it may. */
static mf_err read_one_ended(struct store_op *op, struct reader *reader)
{
    struct store_op *which = op;
    for (uint64_t i = next_count(reader); i > 0 && which; i--)
        which = which->also;
    struct queue_entry entry = {.id = next_id(reader)};
    entry.priority = store_id_priority(entry.id);
    entry.enqueued_ms = next_count(reader);
    entry.attempts = (uint32_t)next_count(reader);
    entry.event = next_bytes(reader);
    reader->bad |= !ends_entries(which);
    if (reader->bad)
        return MF_OK;
    if (which != op && which->queue_settings.overflow == QUEUE_BURIES) {
        which->answer.number = 1;
        return MF_OK;
    }
    entry.died_ms = which->kind == STORE_TAKE ? op->now_ms : 0;
    entry.reason = reason_of_end(which->kind);
    return store_op_ended(which, &entry);
}

/* What the operation's own append has dropped, or one beside it; what its take found too old; what it purged. */
static mf_err read_ended(struct store_op *op, const redisReply *list)
{
    struct reader reader = {.array = list, .end = list->elements};
    mf_err err = MF_OK;
    while (!err && !reader.bad && reader.at < reader.end)
        err = read_one_ended(op, &reader);
    return reader.bad ? MF_EPROTO : err;
}

/* It is the last element, if there is any. */
static mf_err take_ended(struct store_op *op, struct reader *reader)
{
    const redisReply *last = reader->end ? reader->array->element[reader->end - 1] : NULL;
    if (!last || last->type != REDIS_REPLY_ARRAY)
        return MF_OK;
    reader->end--;
    return read_ended(op, last);
}

/* Words of the server's own, before the first space of an error. */
static mf_err error_of(const redisReply *reply)
{
    static const struct {
        const char *word;
        mf_err err;
    } known[] = {{"OOM", MF_EFULL},       {"MISCONF", MF_EFULL},      {"NOAUTH", MF_EDENIED},
                 {"NOPERM", MF_EDENIED},  {"WRONGPASS", MF_EDENIED},  {"LOADING", MF_EDEAD},
                 {"READONLY", MF_EDEAD},  {"MASTERDOWN", MF_EDEAD},   {"WRONGTYPE", MF_EFORMAT}};
    size_t bytes = strcspn(reply->str, " ");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (bytes == strlen(known[i].word) && strncmp(reply->str, known[i].word, bytes) == 0)
            return known[i].err;
    return MF_EIO;
}

void redis_reply_read(struct store_op *op, const redisReply *reply)
{
    struct reader reader = {.array = reply};
    mf_err err = MF_EPROTO;
    if (!reply)
        err = MF_EDEAD;
    else if (reply->type == REDIS_REPLY_ERROR)
        err = error_of(reply);
    else if (reply->type == REDIS_REPLY_ARRAY) {
        reader.end = reply->elements;
        mf_err dropped = take_ended(op, &reader);
        int64_t said = next_number(&reader);
        if (dropped)
            reader.bad |= dropped == MF_EPROTO;
        if (said == MF_OK)
            err = dropped ? dropped : read_fields(op, &reader);
        else if (said == MF_EEXIST && op->kind == STORE_COMPARE) {
            err = store_op_value(op, next_bytes(&reader));
            op->answer.expires_ms = next_time(&reader);
            err = err ? err : MF_EEXIST;
        } else if (said == MF_ENOENT || said == MF_EFULL || said == MF_EINVAL || said == MF_ETOOBIG)
            err = (mf_err)said;
        else
            reader.bad = true;
        err = reader.bad ? MF_EPROTO : err;
    }
    if (err == MF_EPROTO || err == MF_ENOMEM) /* half an answer is none */
        store_op_reset(op);
    op->answer.err = err;
    op->answer.bounded = err == MF_EFULL && reply->type == REDIS_REPLY_ARRAY; /* else the server is full */
}
