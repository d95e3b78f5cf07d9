/*
 * operation.h: what a function asks of the node while it handles an event: key-values,
 * queues, HTTP and MQTT to the outside, secrets. Read by both sides.
 *
 * The guest sends one OPERATION (channel.h) of its current event: arg = operation |
 * number << 32, data = the operation's struct and behind it its parts, in the order and
 * with the lengths that the struct says, nothing between them and nothing left over. The
 * number is the guest's choice, not 0. Before it sends, it sets result.number to 0.
 *
 * The answer does not come in the ring, where other events may stand before it, but in the
 * channel's result area (MF_CHANNEL_RESULT): one struct mf_result, then its data. The node
 * writes all else first and publishes `number` last, then wakes the guest as for the ring.
 * So a guest waits until result.number is its own, and reads the rest then.
 *
 * One operation at a time for each instance, and only of an event that has begun and has not
 * ended. A second one, one of another event, an event that ends before its operation is
 * answered, or data that is no request: the instance ends, as a breach of protocol.
 * What a request says (a name that is none, a key that is too long) is answered instead.
 */
#ifndef MF_ABI_OPERATION_H
#define MF_ABI_OPERATION_H

#include <stdint.h>

#include "abi/channel.h"

/* X(number, NAME, name, parts in their order, what it does, data of the result) */
#define MF_OPERATIONS(X)                                                                          \
    X(1, GET, get, "key", "the value of a key", "the value; number: ms until it expires, 0: never") \
    X(2, SET, set, "key, value", "set it", "")                                                    \
    X(3, DELETE, delete, "key", "remove it", "")                                                  \
    X(4, INCREMENT, increment, "key", "add to a decimal number, 0 where there is none",           \
      "number: the sum")                                                                          \
    X(5, COMPARE_AND_SET, compare_and_set, "key, expected, value",                                \
      "set it if its value is the one expected", "EXISTS: the value that is there")               \
    X(6, SCAN, scan, "prefix, after", "keys that begin with prefix and come behind `after`",      \
      "struct mf_pair, key, value, again and again; MORE: ask again after the last key")          \
    X(7, PUSH, push, "queue, content type, event type, data", "append an event to a queue",       \
      "the event's id")                                                                           \
    X(8, POP, pop, "queue", "take the oldest event of a queue, and acknowledge it",               \
      "its fields (event.h), head_bytes of them, then its body")                                  \
    X(9, FETCH, fetch, "method, url, fields, body", "an HTTP request; fields as in a reply",      \
      "number: the status; head_bytes of fields (event.h), then the body")                        \
    X(10, PUBLISH, publish, "topic, payload", "publish to the MQTT broker", "")                   \
    X(11, SECRET, secret, "name", "a secret that is kept outside the image", "its value")

#define MF_OPERATION_ENUM(nr, NAME, name, parts, what, result) MF_OPERATION_##NAME = nr,
enum mf_operation { MF_OPERATIONS(MF_OPERATION_ENUM) MF_OPERATION_END };

/* X(number, NAME, word, meaning) */
#define MF_RESULTS(X)                                                                       \
    X(0, OK, "ok", "done; a change is as durable as the store promises")                    \
    X(1, NOT_FOUND, "not-found", "no such key, nothing in the queue, no such secret")       \
    X(2, EXISTS, "exists", "another value is there than the one expected")                  \
    X(3, DENIED, "denied", "the function's settings (`allow`) do not name it")              \
    X(4, TOO_LARGE, "too-large", "the request, a part of it or the answer is past a limit") \
    X(5, FULL, "full", "the disk, or the tenant's or the queue's bound")                    \
    X(6, INVALID, "invalid", "not a key, a number, a name, a URL or a topic")               \
    X(7, UNAVAILABLE, "unavailable", "the store, the broker or the peer does not answer")   \
    X(8, BUSY, "busy", "too much waits already: later")                                     \
    X(9, TIMED_OUT, "timed-out", "no answer in the time that was given")

#define MF_RESULT_ENUM(nr, NAME, word, meaning) MF_RESULT_##NAME = nr,
enum mf_result_error { MF_RESULTS(MF_RESULT_ENUM) MF_RESULT_COUNT };

/* The result area's first bytes; its data follow at once. With any error but EXISTS the data
 * are words for a person, perhaps none. */
struct mf_result {
    uint32_t number;     /* of the operation that this answers; published last  */
    uint32_t error;      /* MF_RESULT_…                                         */
    uint32_t data_bytes; /* at most MF_CHUNK_BYTES_MAX                          */
    uint32_t head_bytes; /* of the data, how much is fields (event.h)           */
    int64_t value;       /* the operation's own                                 */
    uint32_t flags;      /* MF_RESULT_MORE or 0                                 */
    uint32_t reserved;   /* 0                                                   */
};
_Static_assert(sizeof(struct mf_result) == 32, "ABI: mf_result");
_Static_assert(sizeof(struct mf_result) + MF_CHUNK_BYTES_MAX <= MF_CHANNEL_RESULT_BYTES, "it fits");

#define MF_RESULT_MORE 1u /* flags: of SCAN */

/* The requests. Each says of its parts how long they are, in their order. */

struct mf_op_get {
    uint32_t key_bytes;
    uint32_t reserved; /* 0 */
};
struct mf_op_set {
    uint64_t life_ms; /* gone after so long; 0: stays */
    uint32_t key_bytes;
    uint32_t value_bytes;
};
struct mf_op_delete {
    uint32_t key_bytes;
    uint32_t reserved; /* 0 */
};
struct mf_op_increment {
    int64_t by;
    uint32_t key_bytes;
    uint32_t reserved; /* 0 */
};
struct mf_op_compare_and_set {
    uint64_t life_ms; /* as of set */
    uint32_t key_bytes;
    uint32_t expected_bytes; /* 0 where none is expected */
    uint32_t value_bytes;
    uint32_t flags; /* MF_OP_EXPECTED, or 0: the key is not to be there */
};
struct mf_op_scan {
    uint32_t prefix_bytes;
    uint32_t after_bytes; /* 0: from the first */
    uint32_t count;       /* at most so many */
    uint32_t flags;       /* MF_OP_VALUES: with their values; or 0 */
};
struct mf_op_push {
    uint32_t queue_bytes;
    uint32_t content_type_bytes; /* 0: none said */
    uint32_t event_type_bytes;   /* 0: none said */
    uint32_t data_bytes;
    uint32_t flags;    /* MF_OP_URGENT or 0 */
    uint32_t reserved; /* 0 */
};
struct mf_op_pop {
    uint32_t queue_bytes;
    uint32_t reserved; /* 0 */
};
struct mf_op_fetch {
    uint32_t method_bytes;
    uint32_t url_bytes;
    uint32_t field_bytes;
    uint32_t body_bytes;
    uint32_t timeout_ms; /* 0: as the node likes */
    uint32_t reserved;   /* 0 */
};
struct mf_op_publish {
    uint32_t topic_bytes;
    uint32_t payload_bytes;
    uint32_t qos;   /* 0, 1, 2 */
    uint32_t flags; /* MF_OP_RETAIN or 0 */
};
struct mf_op_secret {
    uint32_t name_bytes;
    uint32_t reserved; /* 0 */
};
_Static_assert(sizeof(struct mf_op_get) == 8 && sizeof(struct mf_op_delete) == 8 &&
                   sizeof(struct mf_op_pop) == 8 && sizeof(struct mf_op_secret) == 8 &&
                   sizeof(struct mf_op_set) == 16 && sizeof(struct mf_op_increment) == 16 &&
                   sizeof(struct mf_op_scan) == 16 && sizeof(struct mf_op_publish) == 16 &&
                   sizeof(struct mf_op_compare_and_set) == 24 && sizeof(struct mf_op_push) == 24 &&
                   sizeof(struct mf_op_fetch) == 24,
               "ABI: requests");

#define MF_OP_EXPECTED 1u
#define MF_OP_VALUES   1u
#define MF_OP_URGENT   1u
#define MF_OP_RETAIN   1u

/* One key of a SCAN's answer; key and value follow. Unaligned. */
struct mf_pair {
    uint32_t key_bytes;
    uint32_t value_bytes; /* 0 without MF_OP_VALUES */
};
_Static_assert(sizeof(struct mf_pair) == 8, "ABI: mf_pair");

#define MF_OPERATION_PARTS_MAX 4u

#endif
