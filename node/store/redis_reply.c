/*
 * redis_reply.c: see redis_reply.h.
 * Guarantees: nothing of a reply is used before its type was looked at.
 */
#include "node/store/redis_reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/store/decimal.h"

/* The script has them as numbers. */
_Static_assert((int)MF_ENOENT == -5 && (int)MF_EEXIST == -6 && (int)MF_EINVAL == -1 && (int)MF_EFULL == -14 &&
                   (int)MF_ETOOBIG == -7,
               "script");
_Static_assert(MF_QUEUE_AGED_MAX == 64u && MF_EXPIRED_PER_CHANGE_MAX == 16u &&
                   MF_SCAN_BYTES_MAX == 8388608u && MF_QUEUE_BATCH_BYTES_MAX == 16777216u &&
                   MF_QUEUE_DROPPED_MAX == 64u && MF_QUEUE_DROP_LOOKS_MAX == 2048u && MF_QUEUE_ENDED_TOLD_BYTES == 33024u &&
                   MF_NOTES_MAX == 16384u,
               "script");
_Static_assert((int)QUEUE_DROPS == 1 && (int)QUEUE_BURIES == 2, "script");
_Static_assert(1 << STORE_ID_SHIFT == 4 && (int)QUEUE_PRIORITIES == 2, "script");

/* ---- arguments ---- */

void redis_base_of_queue(const struct queue *queue, char base[REDIS_NAME_BYTES])
{
    (void)snprintf(base, REDIS_NAME_BYTES, "mayfly:{%s/%s}:", queue->tenant, queue->name);
}

void redis_arguments_bytes(struct redis_arguments *arguments, struct store_bytes bytes)
{
    mf_assert(arguments->count < REDIS_ARGUMENTS_MAX);
    arguments->argument[arguments->count] = bytes.data ? bytes.data : "";
    arguments->bytes[arguments->count++] = bytes.bytes;
}

void redis_arguments_text(struct redis_arguments *arguments, const char *text)
{
    redis_arguments_bytes(arguments, (struct store_bytes){text, strlen(text)});
}

/* Larger ones than the script can hold are as good as the largest. */
void redis_arguments_number(struct redis_arguments *arguments, uint64_t number)
{
    mf_assert(arguments->numbers < REDIS_NUMBERS_MAX);
    char *text = arguments->number[arguments->numbers++];
    if (number > STORE_DATE_MS_MAX)
        number = STORE_DATE_MS_MAX;
    (void)snprintf(text, sizeof arguments->number[0], "%llu", (unsigned long long)number);
    redis_arguments_text(arguments, text);
}

static void add_flag(struct redis_arguments *arguments, bool flag)
{
    redis_arguments_text(arguments, flag ? "1" : "0");
}

/* What decides whether an append has room. */
static void add_room(struct redis_arguments *a, const struct store_op *op)
{
    const struct queue_settings *settings = &op->queue_settings;
    redis_arguments_number(a, op->priority);
    redis_arguments_number(a, settings->count_max);
    redis_arguments_number(a, settings->bytes_max);
    redis_arguments_number(a, settings->overflow);
    redis_arguments_number(a, settings->dead_max);
    redis_arguments_number(a, settings->tenant_queues_max);
    redis_arguments_number(a, settings->tenant_bytes_max);
}

static void add_queue_arguments(struct redis_arguments *a, const struct store_op *op,
                                const char *node)
{
    const struct queue_settings *settings = &op->queue_settings;
    switch (op->kind) {
    case STORE_APPEND:
        add_room(a, op);
        for (size_t i = 0; i < op->event_count; i++)
            redis_arguments_bytes(a, op->events[i]);
        return;
    case STORE_TAKE:
        redis_arguments_text(a, node);
        redis_arguments_number(a, op->count_max);
        redis_arguments_number(a, op->bytes_max);
        redis_arguments_number(a, op->span_ms);
        redis_arguments_number(a, settings->age_ms_max);
        redis_arguments_number(a, settings->dead_max);
        return;
    case STORE_ACK:
    case STORE_NACK:
    case STORE_EXTEND:
    case STORE_BURY:
        redis_arguments_number(a, op->id);
        redis_arguments_number(a, op->attempts);
        if (op->kind == STORE_BURY)
            redis_arguments_bytes(a, op->reason);
        else
            redis_arguments_number(a, op->span_ms);
        redis_arguments_number(a, settings->dead_max);
        if (op->kind == STORE_ACK || op->kind == STORE_BURY) {
            redis_arguments_bytes(a, op->key);
            redis_arguments_bytes(a, op->value);
        }
        return;
    case STORE_PEEK:
    case STORE_PURGE:
        add_flag(a, op->dead);
        if (op->kind == STORE_PEEK)
            redis_arguments_number(a, op->id);
        redis_arguments_number(a, op->count_max);
        if (op->kind == STORE_PEEK)
            redis_arguments_number(a, op->bytes_max);
        if (op->kind == STORE_PURGE)
            redis_arguments_number(a, settings->tenant_queues_max);
        return;
    case STORE_SIBLINGS:
        redis_arguments_number(a, op->count_max);
        return;
    case STORE_REDRIVE:
        redis_arguments_number(a, op->count_max);
        redis_arguments_number(a, settings->count_max);
        redis_arguments_number(a, settings->bytes_max);
        return;
    default:
        return;
    }
}

/* ZRANGEBYLEX begins at "[prefix", "(after" or, from the first of all, "-". */
static void add_from(struct redis_arguments *a, const struct store_op *op)
{
    struct store_bytes from = op->prefix;
    size_t least = op->after.bytes < op->prefix.bytes ? op->after.bytes : op->prefix.bytes;
    int order = least ? memcmp(op->after.data, op->prefix.data, least) : 0;
    bool after = op->after.bytes && (order > 0 || (order == 0 && op->after.bytes >= op->prefix.bytes));
    if (after)
        from = op->after;
    if (!from.bytes) {
        redis_arguments_text(a, "-");
        return;
    }
    a->from[0] = after ? '(' : '[';
    memcpy(a->from + 1, from.data, from.bytes);
    redis_arguments_bytes(a, (struct store_bytes){a->from, from.bytes + 1});
}

static void add_space_arguments(struct redis_arguments *a, const struct store_op *op)
{
    uint64_t bytes_max = op->space_settings.bytes_max;
    redis_arguments_bytes(a, op->key); /* of a scan: the prefix */
    switch (op->kind) {
    case STORE_SET:
    case STORE_COMPARE:
        redis_arguments_bytes(a, op->value);
        redis_arguments_number(a, op->span_ms);
        redis_arguments_number(a, bytes_max);
        add_flag(a, !op->absent);
        redis_arguments_bytes(a, op->expected);
        return;
    case STORE_INCREMENT:
        (void)snprintf(a->number[a->numbers], sizeof a->number[0], "%lld", (long long)op->by);
        redis_arguments_text(a, a->number[a->numbers++]);
        redis_arguments_number(a, bytes_max);
        return;
    case STORE_READ:
        redis_arguments_number(a, op->bytes_max);
        return;
    case STORE_SCAN:
        add_from(a, op);
        redis_arguments_number(a, op->count_max);
        redis_arguments_number(a, op->bytes_max);
        add_flag(a, op->values);
        return;
    default:
        return;
    }
}

/* KEYS, their number first. Where ARGV begins. */
static int add_bases(struct redis_arguments *a, const struct store_op *op)
{
    uint64_t count = 1;
    if (op->queue)
        redis_base_of_queue(op->queue, a->base[0]);
    else
        (void)snprintf(a->base[0], sizeof a->base[0], "mayfly:{%s}:", op->space->tenant);
    for (const struct store_op *child = op->also; child; child = child->also)
        redis_base_of_queue(child->queue, a->base[count++]);
    redis_arguments_number(a, count);
    for (uint64_t i = 0; i < count; i++)
        redis_arguments_text(a, a->base[i]);
    return a->count;
}

/* Behind all others; where they begin stands last. */
static void add_also(struct redis_arguments *a, const struct store_op *op, int first)
{
    for (const struct store_op *child = op->also; child; child = child->also) {
        add_room(a, child);
        redis_arguments_bytes(a, child->events[0]);
    }
    redis_arguments_number(a, (uint64_t)first);
}

void redis_arguments_operation(struct redis_arguments *arguments, const struct store_op *op,
                               const char *node)
{
    static const char *const names[] = {
        [STORE_TAKE] = "take",     [STORE_EXTEND] = "extend",       [STORE_STAT] = "stat",
        [STORE_SIBLINGS] = "siblings",
        [STORE_PEEK] = "peek",     [STORE_READ] = "read",           [STORE_SCAN] = "scan",
        [STORE_NOTE] = "note",
        [STORE_APPEND] = "append", [STORE_ACK] = "ack",             [STORE_NACK] = "nack",
        [STORE_BURY] = "bury",     [STORE_REDRIVE] = "redrive",     [STORE_PURGE] = "purge",
        [STORE_SET] = "set",       [STORE_DELETE] = "delete",       [STORE_INCREMENT] = "increment",
        [STORE_COMPARE] = "compare"};
    int first = add_bases(arguments, op);
    redis_arguments_text(arguments, names[op->kind]);
    redis_arguments_number(arguments, op->now_ms);
    if (op->queue)
        add_queue_arguments(arguments, op, node);
    else
        add_space_arguments(arguments, op);
    if (op->also)
        add_also(arguments, op, arguments->count - first + 1);
}

/* ---- replies ---- */

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

/* What the operation's own append has dropped, or one beside it; what its take found too old. */
static mf_err read_ended(struct store_op *op, const redisReply *list)
{
    struct reader reader = {.array = list, .end = list->elements};
    mf_err err = MF_OK;
    while (!err && !reader.bad && reader.at < reader.end) {
        struct store_op *which = op;
        for (uint64_t i = next_count(&reader); i > 0 && which; i--)
            which = which->also;
        struct queue_entry entry = {.id = next_id(&reader)};
        entry.priority = store_id_priority(entry.id);
        entry.enqueued_ms = next_count(&reader);
        entry.attempts = (uint32_t)next_count(&reader);
        entry.event = next_bytes(&reader);
        reader.bad |= !which || (which->kind != STORE_APPEND && which->kind != STORE_TAKE);
        if (reader.bad)
            break;
        bool old = which->kind == STORE_TAKE;
        entry.died_ms = old ? op->now_ms : 0;
        entry.reason = old ? (struct store_bytes){QUEUE_TOO_OLD, sizeof QUEUE_TOO_OLD - 1}
                           : (struct store_bytes){QUEUE_WAS_FULL, sizeof QUEUE_WAS_FULL - 1};
        err = store_op_ended(which, &entry);
    }
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
