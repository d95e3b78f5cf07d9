/*
 * exchange.c: see exchange.h.
 * Guarantees: an event that was begun is ended once; messages leave in order, and lines of
 * output that were begun before the reply belong to the event.
 * Leaves to others: what the bytes mean (http.c and its like), waking the node (contract.c).
 * Owns the event's way through the channel.
 */
#include "kernel/contract/exchange.h"

#include "abi/channel.h"
#include "kernel/core/assert.h"
#include "kernel/core/clock.h"
#include "kernel/core/fault.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/string.h"
#include "kernel/event/event.h"
#include "kernel/event/output.h"
#include "kernel/event/wire.h"
#include "kernel/socket/outside.h"

#define CHUNK_LEAST 8192u /* less room than this: better wait than cut so small */

static struct {
    uint64_t id;          /* the event; 0: none                                  */
    uint64_t announced;   /* the event whose body may still come; 0: none        */
    struct mf_desc chunk; /* the oldest message, held while its body is not used */
    uint32_t chunk_at;
    bool chunk_held, first_held;
    bool message_begun;   /* of the reply, not sent yet */
    struct mf_desc message;
    struct ring_place place;
} now;

static bool take_invoke(const struct mf_desc *desc);
static bool body_length(const struct mf_desc *desc, uint64_t *bytes);
static bool cancelled_ahead(uint64_t id);
static void next_chunk(void);
static void end_chunk(void);
static void open_message(enum mf_message type, uint64_t arg, uint64_t bytes);
static void publish(uint16_t flags);
static void end_event(void);

static _Noreturn void out_of_order(void)
{
    fault_words(MF_CAUSE_PROTOCOL, "messages from the node out of order");
}

bool exchange_begin(struct exchange_event *event)
{
    struct mf_desc desc;
    mf_assert(!now.id);
    while (wire_peek(0, &desc)) {
        switch (desc.type) {
        case MF_MSG_INVOKE:
            if (!body_length(&desc, &event->body_bytes))
                return false;
            if (!take_invoke(&desc))
                continue;
            event->id = desc.id;
            event->deadline_ns = desc.arg ? clock_of_host(desc.arg) : 0;
            event->fields = wire_data(&desc);
            event->field_bytes = desc.head_bytes;
            return true;
        case MF_MSG_DRAIN:
            if (outside_holds())
                return false; /* when these connections have ended */
            event_flush();
            hypercall_halt();
        default:
            if ((desc.type == MF_MSG_BODY && desc.flags & MF_MSG_END) ||
                (desc.type == MF_MSG_CANCEL && desc.id == now.announced))
                now.announced = 0;
            wire_release();
        }
    }
    return false;
}

/* If it does not come in one, the first message of the rest says how much there is. */
static bool body_length(const struct mf_desc *desc, uint64_t *bytes)
{
    struct mf_desc more;
    *bytes = desc->data_bytes - desc->head_bytes;
    if (desc->flags & MF_MSG_END || cancelled_ahead(desc->id))
        return true;
    for (uint32_t ahead = 1; wire_peek(ahead, &more); ahead++) {
        if (more.type != MF_MSG_BODY)
            continue;
        if (more.id != desc->id || more.arg > MF_BODY_BYTES_MAX)
            out_of_order();
        *bytes += more.data_bytes + more.arg;
        return true;
    }
    return false;
}

/* Release and end an event that was cancelled while it waited: false. */
static bool take_invoke(const struct mf_desc *desc)
{
    if (now.announced) /* bodies come whole, one after the other */
        out_of_order();
    now.announced = desc->flags & MF_MSG_END ? 0 : desc->id;
    now.id = desc->id;
    event_current_set(desc->id);
    if (cancelled_ahead(desc->id)) {
        wire_release();
        exchange_fail(MF_ERROR_HANDLER, "cancelled before it began");
        return false;
    }
    now.chunk = *desc;
    now.chunk_at = desc->head_bytes;
    now.chunk_held = now.first_held = true;
    return true;
}

uint32_t exchange_body(const uint8_t **data)
{
    if (!now.chunk_held)
        next_chunk();
    if (!now.chunk_held)
        return 0;
    *data = wire_data(&now.chunk) + now.chunk_at;
    return now.chunk.data_bytes - now.chunk_at;
}

void exchange_body_use(uint32_t bytes)
{
    mf_assert(now.chunk_held && bytes <= now.chunk.data_bytes - now.chunk_at);
    now.chunk_at += bytes;
    if (now.chunk_at == now.chunk.data_bytes && !now.first_held)
        end_chunk();
}

void exchange_body_again(void)
{
    mf_assert(now.first_held);
    now.chunk_at = now.chunk.head_bytes;
}

void exchange_body_let_go(void)
{
    if (!now.first_held)
        return;
    now.first_held = false;
    if (now.chunk_at == now.chunk.data_bytes)
        end_chunk();
}

/* More of the event's body, if it is here. */
static void next_chunk(void)
{
    struct mf_desc desc;
    if (now.announced != now.id)
        return;
    while (wire_peek(0, &desc) && desc.type == MF_MSG_CANCEL && desc.id != now.id)
        wire_release(); /* of an event that was answered before it came */
    if (!wire_peek(0, &desc) || desc.type != MF_MSG_BODY)
        return;
    if (desc.id != now.id)
        out_of_order();
    if (desc.flags & MF_MSG_END)
        now.announced = 0;
    now.chunk = desc;
    now.chunk_at = 0;
    now.chunk_held = true;
    if (desc.data_bytes == 0)
        end_chunk();
}

static void end_chunk(void)
{
    now.chunk_held = now.first_held = false;
    wire_release();
}

bool exchange_cancelled(void)
{
    return cancelled_ahead(now.id);
}

static bool cancelled_ahead(uint64_t id)
{
    struct mf_desc desc;
    for (uint32_t ahead = 0; wire_peek(ahead, &desc); ahead++)
        if (desc.type == MF_MSG_CANCEL && desc.id == id)
            return true;
    return false;
}

void exchange_reply(uint32_t status, const uint8_t *fields, uint32_t field_bytes)
{
    mf_assert(now.id && !now.message_begun);
    open_message(MF_MSG_REPLY, status, field_bytes + CHUNK_LEAST);
    memcpy(now.place.data, fields, field_bytes);
    now.message.head_bytes = now.message.data_bytes = field_bytes;
}

void exchange_put(const void *data, uint64_t bytes)
{
    struct io io;
    io_kernel(&io, (void *)(uintptr_t)data, bytes); /* to be read */
    (void)exchange_put_io(&io, bytes);
}

uint64_t exchange_put_io(struct io *io, uint64_t bytes)
{
    uint64_t left = bytes;
    while (left) {
        if (!now.message_begun)
            open_message(MF_MSG_REPLY_BODY, 0, left < CHUNK_LEAST ? left : CHUNK_LEAST);
        uint32_t room = now.place.bytes - now.message.data_bytes;
        uint32_t part = left < room ? (uint32_t)left : room;
        if (io_get(io, now.place.data + now.message.data_bytes, part) != 0)
            break;
        now.message.data_bytes += part;
        left -= part;
        if (now.message.data_bytes == now.place.bytes) {
            publish(0);
            wire_ring_early();
        }
    }
    return bytes - left;
}

void exchange_flush(void)
{
    if (now.message_begun)
        publish(0);
}

void exchange_end(void)
{
    if (!now.message_begun)
        open_message(MF_MSG_REPLY_BODY, 0, 0);
    publish(MF_MSG_END);
    end_event();
}

void exchange_fail(uint64_t error, const char *message)
{
    uint32_t bytes = (uint32_t)strlen(message);
    mf_assert(now.id && bytes <= MF_ERROR_BYTES_MAX);
    exchange_flush();
    open_message(MF_MSG_ERROR, error, bytes);
    memcpy(now.place.data, message, bytes);
    now.message.data_bytes = bytes;
    publish(0);
    end_event();
}

/* As large as can be, so many bytes at least. No lines are logged until it is sent. */
static void open_message(enum mf_message type, uint64_t arg, uint64_t bytes)
{
    output_flush();
    now.place = wire_reserve((uint32_t)bytes, MF_CHUNK_BYTES_MAX);
    now.message = (struct mf_desc){.id = now.id, .type = (uint16_t)type, .arg = arg};
    now.message_begun = true;
}

static void publish(uint16_t flags)
{
    now.message.flags = flags;
    wire_publish(&now.message, &now.place);
    now.message_begun = false;
}

static void end_event(void)
{
    if (now.chunk_held)
        end_chunk();
    now.id = 0;
    event_current_set(0);
}
