/* local_serve.c: see local_serve.h. Keys in one ordered list: a run has few. */
#include "sdk/local_serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/clock.h"
#include "sdk/fields.h"

#define HELD_BYTES_MAX (64u << 20) /* of keys and queues together */
#define KEY_BYTES_MAX 256u
#define TYPE_BYTES_MAX 256u
#define NS_PER_MS 1000000u

struct pair {
    struct pair *next;
    uint64_t expires_ms; /* 0: never */
    size_t key_bytes, value_bytes;
    uint8_t data[]; /* key, value */
};

struct message {
    struct message *next;
    size_t queue_bytes, head_bytes, bytes;
    uint8_t data[]; /* queue, fields, body */
};

/* One part of a request. */
struct run {
    const uint8_t *data;
    size_t bytes;
};

static struct pair *pairs;
static struct message *messages;
static size_t held_bytes;
static unsigned pushed;

static uint64_t now_ms(void)
{
    return clock_monotonic_ns() / NS_PER_MS;
}

static int order(const struct pair *pair, struct run key)
{
    size_t least = pair->key_bytes < key.bytes ? pair->key_bytes : key.bytes;
    int by = least ? memcmp(pair->data, key.data, least) : 0;
    return by ? by : (pair->key_bytes > key.bytes) - (pair->key_bytes < key.bytes);
}

static void drop(struct pair **at)
{
    struct pair *pair = *at;
    *at = pair->next;
    held_bytes -= pair->key_bytes + pair->value_bytes;
    free(pair);
}

/* Where the key is, or would be; *found: is it there. */
static struct pair **find(struct run key, struct pair **found)
{
    struct pair **at = &pairs;
    while (*at) {
        if ((*at)->expires_ms && (*at)->expires_ms <= now_ms()) {
            drop(at);
            continue;
        }
        int by = order(*at, key);
        if (by >= 0) {
            *found = by == 0 ? *at : NULL;
            return at;
        }
        at = &(*at)->next;
    }
    *found = NULL;
    return at;
}

static uint32_t put(struct run key, struct run value, uint64_t expires_ms)
{
    struct pair *old;
    if (key.bytes + value.bytes > HELD_BYTES_MAX - held_bytes)
        return MF_RESULT_FULL;
    struct pair *pair = malloc(sizeof *pair + key.bytes + value.bytes);
    if (!pair)
        return MF_RESULT_FULL;
    struct pair **at = find(key, &old);
    if (old)
        drop(at);
    *pair = (struct pair){.next = *at,
                          .expires_ms = expires_ms,
                          .key_bytes = key.bytes,
                          .value_bytes = value.bytes};
    memcpy(pair->data, key.data, key.bytes);
    if (value.bytes)
        memcpy(pair->data + key.bytes, value.data, value.bytes);
    *at = pair;
    held_bytes += key.bytes + value.bytes;
    return MF_RESULT_OK;
}

static uint64_t end_of_life(uint64_t life_ms)
{
    return life_ms ? now_ms() + life_ms : 0;
}

static void give(struct mf_result *result, uint8_t *data, const void *from, size_t bytes)
{
    if (bytes)
        memcpy(data, from, bytes);
    result->data_bytes = (uint32_t)bytes;
}

static void get(struct run key, struct mf_result *result, uint8_t *data)
{
    struct pair *pair;
    (void)find(key, &pair);
    if (!pair) {
        result->error = MF_RESULT_NOT_FOUND;
        return;
    }
    give(result, data, pair->data + pair->key_bytes, pair->value_bytes);
    if (pair->expires_ms)
        result->value = (int64_t)(pair->expires_ms - now_ms());
}

static void increment(struct run key, int64_t by, struct mf_result *result)
{
    struct pair *pair;
    (void)find(key, &pair);
    char text[32] = "0";
    char *end = text;
    uint64_t expires_ms = pair ? pair->expires_ms : 0;
    if (pair && pair->value_bytes < sizeof text) {
        memcpy(text, pair->data + pair->key_bytes, pair->value_bytes);
        text[pair->value_bytes] = 0;
    }
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if ((pair && pair->value_bytes >= sizeof text) || errno || end == text || *end ||
        __builtin_add_overflow(number, (long long)by, &number)) {
        result->error = MF_RESULT_INVALID;
        return;
    }
    int bytes = snprintf(text, sizeof text, "%lld", number);
    result->value = number;
    result->error = put(key, (struct run){(const uint8_t *)text, (size_t)bytes}, expires_ms);
}

static void compare_and_set(const struct mf_op_compare_and_set *head, const struct run part[3],
                            struct mf_result *result, uint8_t *data)
{
    struct pair *pair;
    (void)find(part[0], &pair);
    bool expected = head->flags & MF_OP_EXPECTED;
    bool same = pair && expected && pair->value_bytes == part[1].bytes &&
                memcmp(pair->data + pair->key_bytes, part[1].data, part[1].bytes) == 0;
    if (!pair && expected) {
        result->error = MF_RESULT_NOT_FOUND;
    } else if (pair && !same) {
        result->error = MF_RESULT_EXISTS;
        give(result, data, pair->data + pair->key_bytes, pair->value_bytes);
    } else {
        result->error = put(part[0], part[2], end_of_life(head->life_ms));
    }
}

static void scan(const struct mf_op_scan *head, const struct run part[2], struct mf_result *result,
                 uint8_t *data)
{
    struct run prefix = part[0], after = part[1];
    struct pair *ignored;
    uint32_t count = 0;
    (void)find(prefix, &ignored); /* takes out what has expired before it, at least */
    for (const struct pair *pair = pairs; pair; pair = pair->next) {
        size_t value_bytes = head->flags & MF_OP_VALUES ? pair->value_bytes : 0;
        if (pair->key_bytes < prefix.bytes || memcmp(pair->data, prefix.data, prefix.bytes) != 0 ||
            (after.bytes && order(pair, after) <= 0) ||
            (pair->expires_ms && pair->expires_ms <= now_ms()))
            continue;
        const struct mf_pair said = {(uint32_t)pair->key_bytes, (uint32_t)value_bytes};
        if (count++ == head->count ||
            sizeof said + pair->key_bytes + value_bytes > MF_CHUNK_BYTES_MAX - result->data_bytes) {
            result->flags = MF_RESULT_MORE;
            return;
        }
        memcpy(data + result->data_bytes, &said, sizeof said);
        memcpy(data + result->data_bytes + sizeof said, pair->data, pair->key_bytes + value_bytes);
        result->data_bytes += (uint32_t)(sizeof said + pair->key_bytes + value_bytes);
    }
}

/* For a terminal. */
static void print(const char *what, struct run to, const char *joined, struct run text)
{
    fprintf(stderr, "%s: %.*s%s", what, (int)to.bytes, (const char *)to.data, joined);
    for (size_t i = 0; i < text.bytes; i++)
        fputc(text.data[i] >= ' ' && text.data[i] != 0x7f ? text.data[i] : '.', stderr);
    fputc('\n', stderr);
}

static void push(const struct run part[4], struct mf_result *result, uint8_t *data)
{
    uint8_t room[1024];
    struct fields fields = {.data = room};
    char id[32];
    if (part[1].bytes > TYPE_BYTES_MAX || part[2].bytes > TYPE_BYTES_MAX) {
        result->error = MF_RESULT_TOO_LARGE;
        return;
    }
    static const char usual[] = "mayfly.push";
    int id_bytes = snprintf(id, sizeof id, "run-%u", ++pushed);
    const char *type = part[2].bytes ? (const char *)part[2].data : usual;
    size_t type_bytes = part[2].bytes ? part[2].bytes : sizeof usual - 1;
    const char *wrong = fields_add(&fields, MF_FIELD_TYPE, "", 0, type, type_bytes);
    if (!wrong)
        wrong = fields_add(&fields, MF_FIELD_HEADER, "ce-id", 5, id, (size_t)id_bytes);
    if (!wrong && part[1].bytes)
        wrong = fields_add(&fields, MF_FIELD_HEADER, "content-type", 12, (const char *)part[1].data,
                           part[1].bytes);
    size_t bytes = part[0].bytes + fields.bytes + part[3].bytes;
    struct message *message =
        !wrong && bytes <= HELD_BYTES_MAX - held_bytes ? malloc(sizeof *message + bytes) : NULL;
    if (!message) {
        result->error = wrong ? MF_RESULT_INVALID : MF_RESULT_FULL;
        return;
    }
    *message = (struct message){
        .queue_bytes = part[0].bytes, .head_bytes = fields.bytes, .bytes = bytes};
    memcpy(message->data, part[0].data, part[0].bytes);
    memcpy(message->data + part[0].bytes, room, fields.bytes);
    memcpy(message->data + part[0].bytes + fields.bytes, part[3].data, part[3].bytes);
    struct message **last = &messages;
    while (*last)
        last = &(*last)->next;
    *last = message;
    held_bytes += bytes;
    print("push", part[0], " ", part[3]);
    give(result, data, id, (size_t)id_bytes);
}

static void pop(struct run queue, struct mf_result *result, uint8_t *data)
{
    struct message **at = &messages;
    while (*at && ((*at)->queue_bytes != queue.bytes ||
                   memcmp((*at)->data, queue.data, queue.bytes) != 0))
        at = &(*at)->next;
    struct message *message = *at;
    if (!message) {
        result->error = MF_RESULT_NOT_FOUND;
        return;
    }
    *at = message->next;
    held_bytes -= message->bytes;
    if (message->bytes - queue.bytes > MF_CHUNK_BYTES_MAX) {
        result->error = MF_RESULT_TOO_LARGE;
    } else {
        give(result, data, message->data + queue.bytes, message->bytes - queue.bytes);
        result->head_bytes = (uint32_t)message->head_bytes;
    }
    free(message);
}

static void secret(struct run name, struct mf_result *result, uint8_t *data)
{
    char variable[KEY_BYTES_MAX + 32];
    (void)snprintf(variable, sizeof variable, "MAYFLY_SECRET_%.*s", (int)name.bytes,
                   (const char *)name.data);
    const char *value = getenv(variable);
    if (value && strlen(value) <= MF_CHUNK_BYTES_MAX)
        give(result, data, value, strlen(value));
    else
        result->error = MF_RESULT_NOT_FOUND;
}

/* The parts behind a head, as long as it says; lengths are those of the message's form. */
static void take(const uint8_t **at, struct run *part, uint32_t bytes)
{
    *part = (struct run){*at, bytes};
    *at += bytes;
}

static bool key_fault(struct run key, struct mf_result *result)
{
    if (key.bytes >= 1 && key.bytes <= KEY_BYTES_MAX)
        return false;
    result->error = key.bytes ? MF_RESULT_TOO_LARGE : MF_RESULT_INVALID;
    return true;
}

#define HEAD(name)                       \
    struct mf_op_##name head;            \
    memcpy(&head, message, sizeof head); \
    const uint8_t *at = message + sizeof head

static void serve_keys(unsigned operation, const uint8_t *message, struct mf_result *result,
                       uint8_t *data)
{
    struct run part[3] = {{message, 0}};
    struct pair *found;
    if (operation == MF_OPERATION_GET || operation == MF_OPERATION_DELETE) {
        HEAD(get); /* and DELETE's is the same */
        take(&at, &part[0], head.key_bytes);
        if (key_fault(part[0], result))
            return;
        if (operation == MF_OPERATION_GET) {
            get(part[0], result, data);
            return;
        }
        struct pair **place = find(part[0], &found);
        if (found)
            drop(place);
        result->error = found ? MF_RESULT_OK : MF_RESULT_NOT_FOUND;
    } else if (operation == MF_OPERATION_SET) {
        HEAD(set);
        take(&at, &part[0], head.key_bytes);
        take(&at, &part[1], head.value_bytes);
        if (!key_fault(part[0], result))
            result->error = put(part[0], part[1], end_of_life(head.life_ms));
    } else if (operation == MF_OPERATION_INCREMENT) {
        HEAD(increment);
        take(&at, &part[0], head.key_bytes);
        if (!key_fault(part[0], result))
            increment(part[0], head.by, result);
    } else if (operation == MF_OPERATION_COMPARE_AND_SET) {
        HEAD(compare_and_set);
        take(&at, &part[0], head.key_bytes);
        take(&at, &part[1], head.expected_bytes);
        take(&at, &part[2], head.value_bytes);
        if (!key_fault(part[0], result))
            compare_and_set(&head, part, result, data);
    } else {
        HEAD(scan);
        take(&at, &part[0], head.prefix_bytes);
        take(&at, &part[1], head.after_bytes);
        scan(&head, part, result, data);
    }
}

void local_serve(unsigned operation, const uint8_t *message, size_t bytes, struct mf_result *result,
                 uint8_t *data)
{
    struct run part[4];
    (void)bytes;
    *result = (struct mf_result){.error = MF_RESULT_OK};
    if (operation == MF_OPERATION_PUSH) {
        HEAD(push);
        take(&at, &part[0], head.queue_bytes);
        take(&at, &part[1], head.content_type_bytes);
        take(&at, &part[2], head.event_type_bytes);
        take(&at, &part[3], head.data_bytes);
        push(part, result, data);
    } else if (operation == MF_OPERATION_POP) {
        HEAD(pop);
        take(&at, &part[0], head.queue_bytes);
        pop(part[0], result, data);
    } else if (operation == MF_OPERATION_FETCH) {
        HEAD(fetch);
        take(&at, &part[0], head.method_bytes);
        take(&at, &part[1], head.url_bytes);
        take(&at, &part[2], head.field_bytes);
        take(&at, &part[3], head.body_bytes);
        print("fetch", part[0], " ", part[1]);
        if (part[3].bytes)
            print("fetch", (struct run){part[3].data, 0}, "", part[3]);
        result->value = 204;
    } else if (operation == MF_OPERATION_PUBLISH) {
        HEAD(publish);
        take(&at, &part[0], head.topic_bytes);
        take(&at, &part[1], head.payload_bytes);
        print("publish", part[0], " ", part[1]);
    } else if (operation == MF_OPERATION_SECRET) {
        HEAD(secret);
        take(&at, &part[0], head.name_bytes);
        secret(part[0], result, data);
    } else {
        serve_keys(operation, message, result, data);
    }
}
