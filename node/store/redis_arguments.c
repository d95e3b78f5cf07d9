/* redis_arguments.c: see redis_arguments.h. */
#include "node/store/redis_arguments.h"

#include <stdio.h>
#include <string.h>

/* The script has them as numbers. */
_Static_assert(MF_QUEUE_AGED_MAX == 64u && MF_EXPIRED_PER_CHANGE_MAX == 16u &&
                   MF_SCAN_BYTES_MAX == 8388608u && MF_QUEUE_BATCH_BYTES_MAX == 16777216u &&
                   MF_QUEUE_DROPPED_MAX == 64u && MF_QUEUE_DROP_LOOKS_MAX == 2048u && MF_QUEUE_ENDED_TOLD_BYTES == 33024u &&
                   MF_NOTES_MAX == 16384u,
               "script");
_Static_assert((int)QUEUE_DROPS == 1 && (int)QUEUE_BURIES == 2, "script");

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

/* Of one entry that was taken: how its lease ends, or goes on. */
static void add_end(struct redis_arguments *a, const struct store_op *op)
{
    redis_arguments_number(a, op->id);
    redis_arguments_number(a, op->attempts);
    if (op->kind == STORE_BURY)
        redis_arguments_bytes(a, op->reason);
    else
        redis_arguments_number(a, op->span_ms);
    redis_arguments_number(a, op->queue_settings.dead_max);
    if (op->kind == STORE_ACK || op->kind == STORE_BURY) {
        redis_arguments_bytes(a, op->key);
        redis_arguments_bytes(a, op->value);
    }
}

/* What is there, to be seen or to be thrown away. */
static void add_look(struct redis_arguments *a, const struct store_op *op)
{
    add_flag(a, op->dead);
    if (op->kind == STORE_PEEK)
        redis_arguments_number(a, op->id);
    redis_arguments_number(a, op->count_max);
    redis_arguments_number(a, op->kind == STORE_PEEK ? op->bytes_max : op->queue_settings.tenant_queues_max);
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
        add_end(a, op);
        return;
    case STORE_PEEK:
    case STORE_PURGE:
        add_look(a, op);
        return;
    case STORE_SIBLINGS:
        redis_arguments_number(a, op->count_max);
        redis_arguments_bytes(a, op->after);
        redis_arguments_number(a, settings->tenant_queues_max);
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
