/*
 * fuzz_store_reply.c: any answer of a Redis server, to every operation; and any text as its
 * address. Input: a byte for the operation, then the answer: a byte for the type of each
 * element, one for a string's length, bytes or a number. A list holds all that comes behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "node/store/redis_arguments.h"
#include "node/store/redis_reply.h"
#include "node/store/redis_url.h"

#define ELEMENTS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct queue queue = {.tenant = "a", .name = "b"};
static struct space space = {.tenant = "a"};

static size_t make(const uint8_t *data, size_t bytes, redisReply *reply, char *text)
{
    static const int types[] = {REDIS_REPLY_STRING, REDIS_REPLY_INTEGER, REDIS_REPLY_NIL,
                                REDIS_REPLY_STATUS, REDIS_REPLY_ERROR, REDIS_REPLY_ARRAY};
    reply->type = types[data[0] % 6];
    reply->elements = 0;
    reply->str = text;
    reply->len = bytes > 1 ? data[1] : 0;
    if (reply->len > bytes - 1)
        reply->len = bytes - 1;
    memcpy(text, data + 1, reply->len);
    text[reply->len] = 0;
    reply->integer = (signed char)(bytes > 1 ? data[1] : 0);
    return 1 + reply->len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static redisReply element[ELEMENTS_MAX], *elements[ELEMENTS_MAX];
    static char text[ELEMENTS_MAX][257];
    static struct redis_arguments arguments;
    static struct store_bytes event = {"event", 5};
    redisReply whole = {.type = REDIS_REPLY_ARRAY, .element = elements};
    struct redis_url url;
    struct mf_why why = {{0}};
    if (bytes == 0)
        return 0;
    char *address = strndup((const char *)data, bytes);
    mf_err err = redis_url_read(address, &url, &why);
    mf_assert(err || url.host[0] || url.path[0]);
    free(address);
    struct store_op op = {.kind = (enum store_op_kind)(data[0] % (STORE_COMPARE + 1)), .events = &event,
                          .event_count = 1, .count_max = 5, .bytes_max = 10, .now_ms = 1};
    if (op.kind == STORE_READ || op.kind == STORE_SCAN || op.kind >= STORE_SET)
        op.space = &space;
    else
        op.queue = &queue;
    memset(&arguments, 0, sizeof arguments);
    redis_arguments_operation(&arguments, &op, "node");
    for (data++, bytes--; bytes && whole.elements < ELEMENTS_MAX; whole.elements++) {
        size_t i = whole.elements;
        size_t used = make(data, bytes, &element[i], text[i]);
        elements[i] = &element[i];
        data += used;
        bytes -= used;
    }
    for (size_t i = whole.elements; i-- > 0;)
        if (element[i].type == REDIS_REPLY_ARRAY) {
            element[i].element = &elements[i + 1];
            element[i].elements = whole.elements - i - 1;
            whole.elements = i + 1;
        }
    redis_reply_read(&op, &whole);
    mf_assert(op.ended_count <= MF_QUEUE_BATCH_MAX);
    mf_assert(op.answer.count <= 5 || !op.entries);
    store_op_reset(&op);
    if (whole.elements && element[0].type != REDIS_REPLY_ARRAY) {
        redis_reply_read(&op, &element[0]);
        store_op_reset(&op);
    }
    return 0;
}
