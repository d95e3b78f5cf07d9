/*
 * decode.c: see decode.h.
 * Guarantees: of a request that is decoded every part lies inside the message, in its order,
 * and nothing is left over; flags and reserved words have no bit that nobody knows.
 * Leaves to others: who may ask for it (permit.c).
 */
#include "node/operations/decode.h"

#include <stddef.h>
#include <string.h>

#include "base/limits.h"
#include "image/allow.h"
#include "image/settings.h"
#include "image/topic.h"
#include "node/instance/event.h"

#define METHOD_BYTES_MAX 32u
#define NONE 0xff

/* Of each request's struct: its size, where it says how long its parts are, its flags. */
struct shape {
    uint8_t bytes, parts;
    uint8_t length_at[MF_OPERATION_PARTS_MAX];
    uint8_t flags_at; /* NONE: has no flags */
    uint8_t flags;    /* that there are     */
};
#define AT(name, member) offsetof(struct mf_op_##name, member)
#define SIZE(name) sizeof(struct mf_op_##name)

static const struct shape shape[MF_OPERATION_END] = {
    [MF_OPERATION_GET] = {SIZE(get), 1, {AT(get, key_bytes)}, AT(get, reserved), 0},
    [MF_OPERATION_SET] = {SIZE(set), 2, {AT(set, key_bytes), AT(set, value_bytes)}, NONE, 0},
    [MF_OPERATION_DELETE] = {SIZE(delete), 1, {AT(delete, key_bytes)}, AT(delete, reserved), 0},
    [MF_OPERATION_INCREMENT] = {SIZE(increment), 1, {AT(increment, key_bytes)},
                                AT(increment, reserved), 0},
    [MF_OPERATION_COMPARE_AND_SET] = {SIZE(compare_and_set), 3,
                                      {AT(compare_and_set, key_bytes),
                                       AT(compare_and_set, expected_bytes),
                                       AT(compare_and_set, value_bytes)},
                                      AT(compare_and_set, flags), MF_OP_EXPECTED},
    [MF_OPERATION_SCAN] = {SIZE(scan), 2, {AT(scan, prefix_bytes), AT(scan, after_bytes)},
                           AT(scan, flags), MF_OP_VALUES},
    [MF_OPERATION_PUSH] = {SIZE(push), 4,
                           {AT(push, queue_bytes), AT(push, content_type_bytes),
                            AT(push, event_type_bytes), AT(push, data_bytes)},
                           AT(push, flags), MF_OP_URGENT},
    [MF_OPERATION_POP] = {SIZE(pop), 1, {AT(pop, queue_bytes)}, AT(pop, reserved), 0},
    [MF_OPERATION_FETCH] = {SIZE(fetch), 4,
                            {AT(fetch, method_bytes), AT(fetch, url_bytes), AT(fetch, field_bytes),
                             AT(fetch, body_bytes)},
                            AT(fetch, reserved), 0},
    [MF_OPERATION_PUBLISH] = {SIZE(publish), 2,
                              {AT(publish, topic_bytes), AT(publish, payload_bytes)},
                              AT(publish, flags), MF_OP_RETAIN},
    [MF_OPERATION_SECRET] = {SIZE(secret), 1, {AT(secret, name_bytes)}, AT(secret, reserved), 0},
};

static const char *const names[MF_OPERATION_END] = {
#define NAME(nr, NAME_, name, parts, what, result) [nr] = #name,
    MF_OPERATIONS(NAME)
#undef NAME
};

static const char *const words[MF_RESULT_COUNT] = {
#define WORD(nr, NAME, word, meaning) [nr] = word,
    MF_RESULTS(WORD)
#undef WORD
};

static enum mf_result_error check_key(const struct operation_part *key, struct mf_why *why);
static enum mf_result_error check_queue(const struct operation_part *queue, struct mf_why *why);
static enum mf_result_error check_push(const struct operation_request *request, struct mf_why *why);
static enum mf_result_error check_fetch(const struct operation_request *request, struct mf_why *why);

mf_err operation_decode(uint32_t kind, const void *data, uint32_t bytes,
                        struct operation_request *request, struct mf_why *why)
{
    if (kind == 0 || kind >= MF_OPERATION_END)
        return mf_why(why, MF_EPROTO, "operation %u is none", kind);
    const struct shape *of = &shape[kind];
    if (bytes < of->bytes || bytes > MF_CHUNK_BYTES_MAX)
        return mf_why(why, MF_EPROTO, "operation %s of %u bytes", names[kind], bytes);
    *request = (struct operation_request){.kind = (enum mf_operation)kind};
    uint8_t *head = (uint8_t *)request + offsetof(struct operation_request, get); /* as all do */
    memcpy(head, data, of->bytes);
    uint32_t flags = 0, at = of->bytes;
    if (of->flags_at != NONE)
        memcpy(&flags, head + of->flags_at, sizeof flags);
    if (flags & ~(uint32_t)of->flags)
        return mf_why(why, MF_EPROTO, "operation %s with flags %#x", names[kind], flags);
    if (kind == MF_OPERATION_PUSH && request->push.reserved != 0)
        return mf_why(why, MF_EPROTO, "operation %s with a reserved word", names[kind]);
    for (uint32_t i = 0; i < MF_OPERATION_PARTS_MAX; i++) {
        uint32_t part = 0;
        if (i < of->parts)
            memcpy(&part, head + of->length_at[i], sizeof part);
        if (part > bytes - at)
            return mf_why(why, MF_EPROTO, "operation %s: part %u ends behind its message",
                          names[kind], i + 1);
        request->part[i] = (struct operation_part){(const uint8_t *)data + at, part};
        at += part;
    }
    if (at != bytes)
        return mf_why(why, MF_EPROTO, "operation %s: %u bytes left over", names[kind], bytes - at);
    if (kind == MF_OPERATION_COMPARE_AND_SET && !request->compare_and_set.flags &&
        request->compare_and_set.expected_bytes)
        return mf_why(why, MF_EPROTO, "operation %s: expects a value and none", names[kind]);
    return MF_OK;
}

static enum mf_result_error refuse(struct mf_why *why, enum mf_result_error error, const char *words_of)
{
    (void)mf_why(why, MF_EINVAL, "%s", words_of);
    return error;
}

enum mf_result_error operation_check(const struct operation_request *request, struct mf_why *why)
{
    const struct operation_part *part = request->part;
    switch (request->kind) {
    case MF_OPERATION_GET:
    case MF_OPERATION_SET:
    case MF_OPERATION_DELETE:
    case MF_OPERATION_INCREMENT:
    case MF_OPERATION_COMPARE_AND_SET:
        return check_key(&part[PART_KEY], why);
    case MF_OPERATION_SCAN:
        if (part[PART_PREFIX].bytes > MF_KEY_BYTES_MAX || part[PART_AFTER].bytes > MF_KEY_BYTES_MAX)
            return refuse(why, MF_RESULT_TOO_LARGE, "a prefix or key of more than 256 bytes");
        if (request->scan.count == 0 || request->scan.count > MF_SCAN_COUNT_MAX)
            return refuse(why, MF_RESULT_INVALID, "1 to 1000 keys can be asked for at once");
        return MF_RESULT_OK;
    case MF_OPERATION_PUSH:
        return check_push(request, why);
    case MF_OPERATION_POP:
        return check_queue(&part[PART_QUEUE], why);
    case MF_OPERATION_FETCH:
        return check_fetch(request, why);
    case MF_OPERATION_PUBLISH:
        if (topic_name_check((const char *)part[PART_TOPIC].data, part[PART_TOPIC].bytes, why))
            return MF_RESULT_INVALID;
        return request->publish.qos <= 2 ? MF_RESULT_OK
                                         : refuse(why, MF_RESULT_INVALID, "QoS is 0, 1 or 2");
    case MF_OPERATION_SECRET:
        return allow_entry_valid(ALLOW_SECRETS, (const char *)part[PART_NAME].data,
                                 part[PART_NAME].bytes)
                   ? MF_RESULT_OK
                   : refuse(why, MF_RESULT_INVALID, "not a secret's name: letters, digits, . _ -");
    case MF_OPERATION_END:
        break;
    }
    return refuse(why, MF_RESULT_INVALID, "not an operation");
}

const char *operation_name(enum mf_operation kind)
{
    return (unsigned)kind < MF_OPERATION_END && names[kind] ? names[kind] : "unknown";
}

const char *operation_word(enum mf_result_error error)
{
    return (unsigned)error < MF_RESULT_COUNT ? words[error] : "unknown";
}

static enum mf_result_error check_key(const struct operation_part *key, struct mf_why *why)
{
    if (key->bytes == 0)
        return refuse(why, MF_RESULT_INVALID, "a key of no bytes");
    if (key->bytes > MF_KEY_BYTES_MAX)
        return refuse(why, MF_RESULT_TOO_LARGE, "a key of more than 256 bytes");
    return MF_RESULT_OK;
}

static enum mf_result_error check_queue(const struct operation_part *queue, struct mf_why *why)
{
    if (settings_name_valid((const char *)queue->data, queue->bytes))
        return MF_RESULT_OK;
    return refuse(why, MF_RESULT_INVALID,
                  "not a queue's name: 1 to 63 of a-z, 0-9 and -, no - at either end");
}

/* A value of a header: abi/event.h. */
static bool one_line(const struct operation_part *text)
{
    for (uint32_t i = 0; i < text->bytes; i++)
        if (text->data[i] < ' ' || text->data[i] == 0x7f)
            return false;
    return true;
}

static enum mf_result_error check_push(const struct operation_request *request, struct mf_why *why)
{
    const struct operation_part *part = request->part;
    enum mf_result_error error = check_queue(&part[PART_QUEUE], why);
    if (error)
        return error;
    for (int i = PART_CONTENT_TYPE; i <= PART_EVENT_TYPE; i++) {
        if (part[i].bytes > MF_CONTENT_TYPE_BYTES_MAX)
            return refuse(why, MF_RESULT_TOO_LARGE, "a content type or event type of more than 256 bytes");
        if (!one_line(&part[i]))
            return refuse(why, MF_RESULT_INVALID, "a control character in a content type or event type");
    }
    for (uint32_t i = 0; i < part[PART_EVENT_TYPE].bytes; i++)
        if (part[PART_EVENT_TYPE].data[i] <= ' ' || part[PART_EVENT_TYPE].data[i] > '~')
            return refuse(why, MF_RESULT_INVALID, "an event type has visible ASCII characters only");
    return MF_RESULT_OK;
}

static enum mf_result_error check_fetch(const struct operation_request *request, struct mf_why *why)
{
    const struct operation_part *part = request->part;
    if (part[PART_METHOD].bytes == 0 || part[PART_METHOD].bytes > METHOD_BYTES_MAX)
        return refuse(why, MF_RESULT_INVALID, "a method has 1 to 32 letters");
    for (uint32_t i = 0; i < part[PART_METHOD].bytes; i++)
        if (part[PART_METHOD].data[i] < 'A' || part[PART_METHOD].data[i] > 'Z')
            return refuse(why, MF_RESULT_INVALID, "a method has letters from A to Z only");
    if (part[PART_URL].bytes == 0 || !one_line(&part[PART_URL]))
        return refuse(why, MF_RESULT_INVALID, "not a URL");
    if (part[PART_URL].bytes > MF_URL_BYTES_MAX)
        return refuse(why, MF_RESULT_TOO_LARGE, "a URL of more than 4096 bytes");
    struct field_reader reader;
    struct field field;
    mf_err err;
    field_reader_init(&reader, part[PART_FIELDS].data, part[PART_FIELDS].bytes, true);
    while ((err = field_next(&reader, &field)) == MF_OK)
        ;
    if (err != MF_ENOENT)
        return refuse(why, MF_RESULT_INVALID, "a header that HTTP does not allow, or too many");
    return MF_RESULT_OK;
}
