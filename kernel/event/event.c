/*
 * event.c: the current event: its body and its end, and lines of the log.
 * Guarantees: every event gets exactly one end (END or ERROR) before the next one
 * begins, one cancelled before it was begun included; messages leave in order.
 * Leaves to others: replies (reply.c), waiting and waking (wire.c), lines of output (output.c).
 * Owns the event's state.
 */
#include "kernel/event/event.h"

#include <asm/errno.h>

#include "abi/boot.h"
#include "kernel/core/clock.h"
#include "kernel/core/fault.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/event/operation.h"
#include "kernel/event/output.h"
#include "kernel/event/reply.h"
#include "kernel/event/wire.h"

static struct {
    uint64_t id;          /* the current event; 0: none                       */
    uint64_t announced;   /* the event whose body may still come; 0: complete */
    struct mf_desc chunk; /* the oldest message, held while body is left      */
    uint32_t chunk_at;    /* body bytes from here to chunk.data_bytes         */
    bool chunk_held;
    bool cancelled;
    bool restored;        /* no event has begun since                         */
} now;

static void log_in(const struct ring_place *place, enum mf_log_level level, const void *text,
                   size_t bytes);
static bool take_invoke(const struct mf_desc *desc);
static int64_t begin(const struct mf_desc *desc, uint64_t event, const struct event_data *buffer);
static int64_t take_body(const struct event_data *buffer);
static int64_t next_chunk(void);
static void end_chunk(void);
static bool cancelled_ahead(uint64_t id);
static void fail(uint64_t id, const char *message, size_t bytes);
static _Noreturn void out_of_order(void);

void event_start(uint64_t channel_base, uint32_t boot_flags)
{
    memset(&now, 0, sizeof now);
    now.restored = boot_flags & MF_BOOT_RESTORED;
    wire_start(channel_base, boot_flags & MF_BOOT_WAIT_RINGS);
}

int64_t event_next(uint64_t event, const struct event_data *buffer)
{
    static const char no_answer[] = "the handler returned without an answer";
    output_flush();
    if (now.id)
        fail(now.id, no_answer, sizeof no_answer - 1);
    for (;;) {
        struct mf_desc desc;
        if (now.chunk_held)
            end_chunk();
        if (!wire_peek(0, &desc)) {
            int64_t waits = event_await();
            if (waits)
                return waits;
            continue;
        }
        if (desc.type == MF_MSG_INVOKE && take_invoke(&desc))
            return begin(&desc, event, buffer);
        if (desc.type == MF_MSG_DRAIN) {
            event_flush();
            hypercall_halt();
        }
        if (desc.type == MF_MSG_BODY && desc.flags & MF_MSG_END)
            now.announced = 0;
        if (desc.type == MF_MSG_CANCEL && desc.id == now.announced)
            now.announced = 0;
        if (desc.type != MF_MSG_INVOKE)
            wire_release();
    }
}

int64_t event_body(const struct event_data *buffer)
{
    if (!now.id)
        return -ENOENT;
    if (buffer->bytes == 0)
        return 0;
    while (!now.chunk_held) {
        int64_t got = next_chunk();
        if (got <= 0)
            return got;
    }
    return take_body(buffer);
}

int64_t event_fail(const struct event_data *message)
{
    if (!now.id)
        return -ENOENT;
    output_flush();
    uint32_t bytes =
        message->bytes < MF_ERROR_BYTES_MAX ? (uint32_t)message->bytes : MF_ERROR_BYTES_MAX;
    struct ring_place place = wire_reserve(bytes, bytes);
    if (bytes && user_read(place.data, message->address, bytes) != 0)
        return -EFAULT;
    struct mf_desc desc = {.id = now.id, .type = MF_MSG_ERROR, .data_bytes = bytes};
    wire_publish(&desc, &place);
    event_end(false);
    return 0;
}

int64_t event_cancelled(void)
{
    if (!now.id)
        return -ENOENT;
    if (!now.cancelled)
        now.cancelled = cancelled_ahead(now.id);
    return now.cancelled;
}

bool event_data_there(const struct event_data *data)
{
    return data->bytes == 0 || user_range(data->address, data->bytes);
}

uint64_t event_current(void)
{
    return now.id;
}

void event_current_set(uint64_t id)
{
    now.id = id;
}

void event_end(bool next_follows)
{
    now.id = 0;
    wire_ring_before(next_follows);
}

void event_log(enum mf_log_level level, const void *text, size_t bytes)
{
    struct ring_place place = wire_reserve((uint32_t)bytes, (uint32_t)bytes);
    log_in(&place, level, text, bytes);
    wire_ring_line(level >= MF_LOG_WARN);
}

bool event_is_owed(void)
{
    struct mf_desc desc;
    if (now.id)
        return true;
    for (uint32_t ahead = 0; wire_peek(ahead, &desc); ahead++)
        if (desc.type == MF_MSG_INVOKE && !cancelled_ahead(desc.id))
            return true;
    return false;
}

void event_sleep(uint64_t deadline_ns)
{
    output_flush();
    wire_sleep_until(deadline_ns);
}

void event_flush(void)
{
    output_flush();
    wire_ring();
}

void event_flush_now(void)
{
    for (unsigned i = 0; i < OUTPUT_STREAMS; i++) {
        enum mf_log_level level;
        const char *text;
        size_t bytes = output_take(i, &level, &text);
        struct ring_place place;
        if (bytes && wire_try_reserve((uint32_t)bytes, &place))
            log_in(&place, level, text, bytes);
    }
    wire_ring();
}

static void log_in(const struct ring_place *place, enum mf_log_level level, const void *text,
                   size_t bytes)
{
    struct mf_desc desc = {.id = now.id,
                           .type = MF_MSG_LOG,
                           .data_bytes = (uint32_t)bytes,
                           .arg = (uint64_t)level};
    memcpy(place->data, text, bytes);
    wire_publish(&desc, place);
}

/* Release and end an event that was cancelled while it waited: false. */
static bool take_invoke(const struct mf_desc *desc)
{
    static const char cancelled[] = "cancelled before it began";
    if (now.announced) /* bodies come whole, one after the other */
        out_of_order();
    now.announced = desc->flags & MF_MSG_END ? 0 : desc->id;
    if (!cancelled_ahead(desc->id))
        return true;
    wire_release();
    fail(desc->id, cancelled, sizeof cancelled - 1);
    return false;
}

static int64_t begin(const struct mf_desc *desc, uint64_t event, const struct event_data *buffer)
{
    static const char too_big[] = "the event's fields are larger than the handler takes";
    static const char bad_buffer[] = "the handler's buffer for events is not there";
    struct mf_call_event header = {
        .id = desc->id, .deadline_ns = desc->arg ? clock_of_host(desc->arg) : 0, .field_bytes = desc->head_bytes};

    now.id = desc->id;
    now.cancelled = false;
    reply_reset();
    operation_reset();
    now.chunk = *desc;
    now.chunk_at = 0;
    now.chunk_held = true;
    if (desc->head_bytes > buffer->bytes) {
        fail(now.id, too_big, sizeof too_big - 1);
        return -E2BIG;
    }
    int64_t taken = take_body(buffer); /* fields first, as they lie in the ring */
    header.body_bytes = taken < 0 ? 0 : (uint32_t)taken - desc->head_bytes;
    header.flags = (now.chunk_held || now.announced ? 0 : MF_CALL_END) |
                   (now.restored ? MF_CALL_RESTORED : 0);
    now.restored = false;
    if (taken < 0 || user_write(event, &header, sizeof header) != 0) {
        fail(now.id, bad_buffer, sizeof bad_buffer - 1);
        return -EFAULT;
    }
    return 0;
}

/* Of the chunk that is held, what fits: its bytes, or -EFAULT. */
static int64_t take_body(const struct event_data *buffer)
{
    uint32_t left = now.chunk.data_bytes - now.chunk_at;
    uint32_t bytes = buffer->bytes < left ? (uint32_t)buffer->bytes : left;
    const uint8_t *from = wire_data(&now.chunk) + now.chunk_at;
    if (bytes && user_write(buffer->address, from, bytes) != 0)
        return -EFAULT;
    now.chunk_at += bytes;
    if (now.chunk_at == now.chunk.data_bytes)
        end_chunk();
    return bytes;
}

/* More of the current event's body: 1 and now.chunk; 0 at its end; -ECANCELED. */
static int64_t next_chunk(void)
{
    struct mf_desc desc;
    if (now.announced != now.id)
        return now.cancelled ? -ECANCELED : 0;
    if (!wire_peek(0, &desc)) {
        wire_wait(false);
        return 1;
    }
    switch (desc.type) {
    case MF_MSG_BODY:
        if (desc.id != now.id)
            out_of_order();
        now.chunk = desc;
        now.chunk_at = 0;
        now.chunk_held = true;
        if (desc.flags & MF_MSG_END)
            now.announced = 0;
        if (desc.data_bytes == 0)
            end_chunk();
        return 1;
    case MF_MSG_CANCEL:
        wire_release();
        if (desc.id == now.id) {
            now.cancelled = true;
            now.announced = 0;
        }
        return 1;
    case MF_MSG_DRAIN: /* stays, for event_next() */
        return -ECANCELED;
    default:
        out_of_order();
    }
}

static void end_chunk(void)
{
    now.chunk_held = false;
    wire_release();
}

static bool cancelled_ahead(uint64_t id)
{
    struct mf_desc desc;
    for (uint32_t ahead = 0; wire_peek(ahead, &desc); ahead++)
        if (desc.type == MF_MSG_CANCEL && desc.id == id)
            return true;
    return false;
}

static void fail(uint64_t id, const char *message, size_t bytes)
{
    struct ring_place place = wire_reserve((uint32_t)bytes, (uint32_t)bytes);
    memcpy(place.data, message, bytes);
    struct mf_desc desc = {
        .id = id, .type = MF_MSG_ERROR, .data_bytes = (uint32_t)bytes};
    wire_publish(&desc, &place);
    event_end(false);
}

static void out_of_order(void)
{
    fault_words(MF_CAUSE_PROTOCOL, "messages from the node out of order");
}
