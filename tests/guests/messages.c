/*
 * messages.c: nonsense on the channel: every field of a descriptor at every value that
 * could matter, impossible indices, replies twice, never, late and too large, fields
 * that lie, memory that changes while it is read.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "abi/event.h"
#include "abi/log.h"
#include "base/clock.h"
#include "harness.h"

#define TEXT "hello"
#define TEXT_BYTES 5u
#define DATA MF_CHANNEL_DATA_BYTES

static const struct mf_desc good_reply = {.id = ORDER_OWN_ID, .type = MF_MSG_REPLY, .flags = MF_MSG_END,
                                          .data_bytes = TEXT_BYTES, .arg = 200};

/* The rules of abi/channel.h and abi/event.h once more, for a single message that is
 * the guest's first for its event, with TEXT at offset 0 of the data. */
static const char *expected_of(const struct mf_desc *m)
{
    bool reply = m->type == MF_MSG_REPLY, error = m->type == MF_MSG_ERROR;
    bool log = m->type == MF_MSG_LOG;
    if (!reply && !error && !log) /* a body before its reply among them */
        return "dies protocol";
    if (m->flags & ~(log ? 0u : MF_MSG_END))
        return "dies protocol";
    uint32_t most = reply ? MF_CHUNK_BYTES_MAX : error ? MF_ERROR_BYTES_MAX : MF_LOG_BYTES_MAX;
    if (m->data_bytes > most || m->data_offset > DATA || m->data_bytes > DATA - m->data_offset)
        return "dies protocol";
    if (m->head_bytes > m->data_bytes || m->head_bytes > (reply ? MF_HEAD_BYTES_MAX : 0))
        return "dies protocol";
    if (log)
        return m->arg < MF_LOG_LEVEL_COUNT ? "dies timeout" : "dies protocol";
    if (m->id != ORDER_OWN_ID)
        return "dies protocol";
    if (error)
        return m->arg > MF_ERROR_ANSWER ? "dies protocol" : "fails *";
    if (m->arg < MF_STATUS_MIN || m->arg > MF_STATUS_MAX)
        return "dies protocol";
    if (m->head_bytes) /* TEXT, or zeros, are no fields */
        return "dies protocol";
    if (!(m->flags & MF_MSG_END))
        return "dies timeout";
    return m->arg == 200 ? "replies *" : "status *";
}

static void try_message(struct harness *harness, const struct mf_desc *message, const char *field,
                        uint64_t value)
{
    struct order order = {.kind = ORDER_MESSAGE, .message = *message, .text = TEXT};
    struct answer answer;
    char outcome[OUTCOME_BYTES], detail[64];
    const char *expected = expected_of(message);
    (void)victim_order_anew(harness, &order, limit_of(expected), &answer, outcome);
    snprintf(detail, sizeof detail, "type=%u %s=0x%llx", message->type, field,
             (unsigned long long)value);
    judge(harness, "message", detail, outcome, expected);
}

#define VARY(base, member, ...)                                                       \
    do {                                                                              \
        static const uint64_t values[] = {__VA_ARGS__};                               \
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {               \
            struct mf_desc message = base;                                            \
            message.member = (__typeof__(message.member))values[i];                   \
            try_message(harness, &message, #member, values[i]);                       \
        }                                                                             \
    } while (0)

static void every_field(struct harness *harness)
{
    static const uint16_t types[] = {MF_MSG_REPLY, MF_MSG_REPLY_BODY, MF_MSG_ERROR, MF_MSG_LOG};
    group_begin(harness);
    VARY(good_reply, type, 0, 1, 2, 3, 4, 5, 15, 16, 17, 18, 19, 20, 255, 256, 32767, 65535);
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        struct mf_desc base = good_reply;
        base.type = types[t];
        if (base.type != MF_MSG_REPLY)
            base.arg = 0;
        if (base.type == MF_MSG_LOG)
            base.flags = 0;
        VARY(base, flags, 0, 1, 2, 3, 0x8000, 0xffff);
        VARY(base, id, 0, ORDER_OWN_ID, 0x7fffffff, 0x100000000, UINT64_MAX - 1, UINT64_MAX);
        VARY(base, head_bytes, 0, 1, 4, 5, 6, 7, 8, MF_HEAD_BYTES_MAX, MF_HEAD_BYTES_MAX + 1,
             0x7fffffff, 0x80000000, UINT32_MAX);
        VARY(base, data_offset, 0, 1, DATA - TEXT_BYTES, DATA - TEXT_BYTES + 1, DATA - 1, DATA, DATA + 1,
             0x7fffffff, 0x80000000, UINT32_MAX - 4, UINT32_MAX);
        VARY(base, data_bytes, 0, 1, 4095, 4096, 4097, MF_CHUNK_BYTES_MAX - 1, MF_CHUNK_BYTES_MAX,
             MF_CHUNK_BYTES_MAX + 1, DATA, DATA + 1, 0x7fffffff, 0x80000000, UINT32_MAX);
        VARY(base, arg, 0, 1, 3, 4, 100, 199, 200, 204, 304, 404, 599, 600, 1000, 0xffffffff,
             0x1000000c8, UINT64_MAX);
    }
    group_end(harness, "message fields");
}

/* The words for a victim some time after its event's outcome. */
static void settle(struct harness *harness, bool lives, char outcome[OUTCOME_BYTES])
{
    uint64_t until_ns = mf_monotonic_ns() + (lives ? HANG_NS : CASE_NS);
    while (victim_alive(harness) && mf_monotonic_ns() < until_ns)
        session_step(&harness->host, until_ns);
    snprintf(outcome, OUTCOME_BYTES, "%s%s", victim_alive(harness) ? "lives" : "dies ",
             victim_alive(harness) ? "" : harness->victim.cause);
}

static void sequence(struct harness *harness, const char *name, const struct mf_desc *messages,
                     uint32_t count, const char *expected, const char *afterwards)
{
    struct order order = {.kind = ORDER_SEQUENCE, .sequence_count = count, .text = TEXT};
    struct answer answer;
    char outcome[OUTCOME_BYTES];
    memcpy(order.sequence, messages, count * sizeof *messages);
    victim_close(harness);
    (void)victim_order_anew(harness, &order, CASE_NS, &answer, outcome);
    if (!outcome_matches(outcome, expected)) {
        judge(harness, name, "", outcome, expected);
        return;
    }
    settle(harness, strcmp(afterwards, "lives") == 0, outcome);
    judge(harness, name, "", outcome, afterwards);
}

static void sequences(struct harness *harness)
{
    const struct mf_desc end = good_reply;
    struct mf_desc begin = end, body = end, last = end, error = end, log = end, stray = end;
    begin.flags = 0;
    body.type = MF_MSG_REPLY_BODY, body.flags = 0, body.arg = 0;
    last = body, last.flags = MF_MSG_END;
    error.type = MF_MSG_ERROR, error.arg = 0;
    log.type = MF_MSG_LOG, log.flags = 0, log.arg = 1, log.id = 0;
    stray.id = 77;
#define SEQUENCE(name, expected, afterwards, ...)                                      \
    do {                                                                               \
        const struct mf_desc m[] = {__VA_ARGS__};                                      \
        if (wanted(harness, name))                                                     \
            sequence(harness, name, m, sizeof m / sizeof m[0], expected, afterwards);  \
    } while (0)
    SEQUENCE("reply in pieces", "replies hellohellohello", "lives", begin, body, last);
    SEQUENCE("reply with a log inside", "replies hellohello", "lives", log, begin, log, last, log);
    SEQUENCE("reply twice", "replies *|dies protocol", "dies protocol", end, end);
    SEQUENCE("reply begun twice", "dies protocol", "dies protocol", begin, begin);
    SEQUENCE("body after the end", "replies *|dies protocol", "dies protocol", end, body);
    SEQUENCE("error after the end", "replies *|dies protocol", "dies protocol", end, error);
    SEQUENCE("error twice", "fails *|dies protocol", "dies protocol", error, error);
    SEQUENCE("error in the middle", "fails hello", "lives", begin, body, error);
    SEQUENCE("reply for another event", "dies protocol", "dies protocol", stray);
    SEQUENCE("reply, then for another", "replies *|dies protocol", "dies protocol", end, stray);
}

static uint8_t *add_field(uint8_t *at, uint16_t kind, uint16_t name_bytes, uint32_t value_bytes,
                          const char *text)
{
    struct mf_field field = {kind, name_bytes, value_bytes};
    memcpy(at, &field, sizeof field);
    memcpy(at + sizeof field, text, strlen(text));
    return at + sizeof field + strlen(text);
}

static void lying_fields(struct harness *harness)
{
    static const struct {
        const char *name;
        uint16_t kind, name_bytes;
        uint32_t value_bytes;
        const char *text;
        const char *expected;
    } cases[] = {
        {"header", MF_FIELD_HEADER, 3, 1, "x-av", "replies *"},
        {"header injection", MF_FIELD_HEADER, 3, 8, "x-av\r\nb: c", "dies protocol"},
        {"header with a bare LF", MF_FIELD_HEADER, 3, 3, "x-av\nb", "dies protocol"},
        {"header name in capitals", MF_FIELD_HEADER, 3, 1, "X-Av", "dies protocol"},
        {"header name with a colon", MF_FIELD_HEADER, 3, 1, "x:av", "dies protocol"},
        {"header name with a space", MF_FIELD_HEADER, 3, 1, "x av", "dies protocol"},
        {"header without a name", MF_FIELD_HEADER, 0, 4, "x-av", "dies protocol"},
        {"header past the end", MF_FIELD_HEADER, 3, 2, "x-av", "dies protocol"},
        {"header of 4 GiB", MF_FIELD_HEADER, 3, UINT32_MAX, "x-av", "dies protocol"},
        {"header name of 64 KiB", MF_FIELD_HEADER, UINT16_MAX, 1, "x-av", "dies protocol"},
        {"method in a reply", MF_FIELD_METHOD, 0, 4, "POST", "dies protocol"},
        {"path in a reply", MF_FIELD_PATH, 0, 1, "/", "dies protocol"},
        {"field of kind 0", 0, 0, 1, "v", "dies protocol"},
        {"field of kind 65535", UINT16_MAX, 0, 1, "v", "dies protocol"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct order order = {.kind = ORDER_MESSAGE, .message = good_reply};
        struct answer answer;
        char outcome[OUTCOME_BYTES];
        if (!wanted(harness, cases[i].name))
            continue;
        uint8_t *end = add_field(order.text, cases[i].kind, cases[i].name_bytes,
                                 cases[i].value_bytes, cases[i].text);
        order.message.head_bytes = order.message.data_bytes = (uint32_t)(end - order.text);
        (void)victim_order_anew(harness, &order, CASE_NS, &answer, outcome);
        judge(harness, cases[i].name, "", outcome, cases[i].expected);
    }
}

/* Words of struct mf_channel_head, and whose they are. */
static void indices(struct harness *harness)
{
    static const uint32_t values[] = {0, 1, 2, MF_RING_SLOTS, MF_RING_SLOTS + 3, 0x7fffffff, 0x80000000,
                                      UINT32_MAX - 1, UINT32_MAX};
    group_begin(harness);
    for (uint32_t at = 0; at < sizeof(struct mf_channel_head); at += 4)
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            struct order order = {.kind = ORDER_WORD, .address = at, .number = values[i]};
            struct order next = {.kind = ORDER_NOTHING};
            struct answer answer;
            char outcome[OUTCOME_BYTES], detail[64];
            bool guests = at == offsetof(struct mf_channel_head, to_guest.head) ||
                          at == offsetof(struct mf_channel_head, to_node.tail) ||
                          at == offsetof(struct mf_channel_head, streams_to_guest.head) ||
                          at == offsetof(struct mf_channel_head, streams_to_node.tail);
            bool confuses = at == offsetof(struct mf_channel_head, to_guest.tail) ||
                            at == offsetof(struct mf_channel_head, to_node.head);
            const char *expected = guests     ? "answers|dies protocol"
                                   : confuses ? "answers|dies protocol|dies timeout"
                                              : "answers";
            if (at % 64 >= 8) /* padding, once a line */
                continue;
            victim_close(harness);
            (void)victim_order_anew(harness, &order, limit_of(expected), &answer, outcome);
            if (victim_alive(harness))
                (void)victim_order(harness, &next, limit_of(expected), &answer, outcome);
            snprintf(detail, sizeof detail, "word %u=0x%x", at, values[i]);
            judge(harness, "index", detail, outcome, expected);
        }
    victim_close(harness);
    group_end(harness, "channel words");
}

/* An impossible tail, nothing after it: must be noticed by itself. A head that runs
 * ahead or back: at the next event at the latest. */
static void impossible(struct harness *harness)
{
    struct order tail = {.kind = ORDER_WORD, .last = 1,
                         .address = offsetof(struct mf_channel_head, to_node.tail),
                         .number = MF_RING_SLOTS + 1};
    struct order head = {.kind = ORDER_WORD, .number = 9,
                         .address = offsetof(struct mf_channel_head, to_guest.head)};
    struct order next = {.kind = ORDER_NOTHING};
    struct answer answer;
    char outcome[OUTCOME_BYTES];
    victim_close(harness);
    (void)victim_order_anew(harness, &tail, CASE_NS, &answer, outcome);
    judge(harness, "tail outside the ring", "", outcome, "dies protocol");
    (void)victim_order_anew(harness, &head, CASE_NS, &answer, outcome);
    (void)victim_order_anew(harness, &next, CASE_NS, &answer, outcome);
    judge(harness, "head ahead of the tail", "", outcome, "dies protocol");
    (void)victim_order_anew(harness, &next, CASE_NS, &answer, outcome);
    head.number = UINT32_MAX;
    (void)victim_order_anew(harness, &head, CASE_NS, &answer, outcome);
    (void)victim_order_anew(harness, &next, CASE_NS, &answer, outcome);
    judge(harness, "head before what it released", "", outcome, "dies protocol");
}

static void sizes(struct harness *harness)
{
    struct order order = {.kind = ORDER_LARGE_REPLY, .number = MF_BODY_BYTES_MAX};
    struct answer answer;
    char outcome[OUTCOME_BYTES];
    (void)victim_order_anew(harness, &order, CASE_NS, &answer, outcome);
    if (harness->victim.body.bytes == MF_BODY_BYTES_MAX)
        snprintf(outcome, sizeof outcome, "replies all of it");
    judge(harness, "largest reply", "", outcome, "replies all of it");
    order.number++;
    (void)victim_order_anew(harness, &order, CASE_NS, &answer, outcome);
    judge(harness, "reply one byte too large", "", outcome, "dies protocol");
    order.number = UINT64_MAX;
    (void)victim_order_anew(harness, &order, CASE_NS, &answer, outcome);
    judge(harness, "reply without end", "", outcome, "dies protocol");
}

/* Events 1: served, 2: cancelled in silence, 3: what is published now. A cancelled event
 * is to be ended like any other, once and before the next (abi/channel.h). */
static void after_cancel(struct harness *harness, const char *name, uint64_t first, uint64_t second,
                         const char *expected)
{
    static const struct order nothing = {.kind = ORDER_NOTHING}, silence = {.kind = ORDER_SILENCE};
    struct order late = {.kind = ORDER_SEQUENCE, .sequence_count = 2, .text = TEXT,
                         .sequence = {good_reply, good_reply}};
    struct answer answer;
    char outcome[OUTCOME_BYTES];
    victim_close(harness);
    (void)victim_order_anew(harness, &nothing, CASE_NS, &answer, outcome);
    if (victim_begin(harness, &silence, CASE_NS))
        session_step(&harness->host, mf_monotonic_ns() + HANG_NS);
    session_cancel(&harness->victim);
    late.sequence[0].id = first;
    late.sequence[1].id = second;
    (void)victim_order(harness, &late, CASE_NS, &answer, outcome);
    judge(harness, name, "", outcome, expected);
}

static void late_and_never(struct harness *harness)
{
    struct order silence = {.kind = ORDER_SILENCE};
    struct answer answer;
    char outcome[OUTCOME_BYTES];
    (void)victim_order_anew(harness, &silence, HANG_NS, &answer, outcome);
    judge(harness, "no reply", "", outcome, "dies timeout");
    after_cancel(harness, "reply after cancel", 2, 3, "replies hello");
    after_cancel(harness, "two replies after cancel", 2, 2, "dies protocol");
    after_cancel(harness, "next event before it", 3, 2, "dies protocol");
    after_cancel(harness, "reply to an ended event", 1, 3, "dies protocol");
    after_cancel(harness, "reply to a future event", 2, 4, "dies protocol");
}

/* Descriptors that change between the node's check and its use, if it had two looks. */
static void flips(struct harness *harness)
{
    static const struct mf_desc bad[] = {
        {.type = MF_MSG_LOG, .data_bytes = UINT32_MAX, .arg = 1},
        {.type = MF_MSG_LOG, .data_bytes = 8, .data_offset = DATA - 4, .arg = 1},
        {.type = MF_MSG_LOG, .data_bytes = MF_LOG_BYTES_MAX, .data_offset = DATA - 8, .arg = 1},
        {.type = MF_MSG_REPLY, .data_bytes = 8, .head_bytes = UINT32_MAX, .arg = 200},
        {.type = UINT16_MAX, .data_bytes = 8, .arg = UINT64_MAX},
    };
    group_begin(harness);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct order order = {.kind = ORDER_FLIP, .number = 2000, .message = bad[i], .text = TEXT};
        struct answer answer;
        char outcome[OUTCOME_BYTES], detail[32];
        snprintf(detail, sizeof detail, "variant %zu", i);
        for (unsigned again = 0; again < 5; again++) {
            (void)victim_order_anew(harness, &order, CASE_NS, &answer, outcome);
            judge(harness, "flip", detail, outcome, "answers|dies protocol");
        }
    }
    group_end(harness, "changed while it is read");
}

void test_messages(struct harness *harness)
{
    if (wanted(harness, "message fields"))
        every_field(harness);
    sequences(harness);
    lying_fields(harness);
    if (wanted(harness, "channel words"))
        indices(harness);
    if (wanted(harness, "impossible"))
        impossible(harness);
    if (wanted(harness, "sizes"))
        sizes(harness);
    if (wanted(harness, "late"))
        late_and_never(harness);
    if (wanted(harness, "flip"))
        flips(harness);
}
