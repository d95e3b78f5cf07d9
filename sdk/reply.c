/*
 * reply.c: what a handler says, checked (abi/event.h, abi/channel.h) and handed
 * over in as few calls as possible. There is one reply at a time: the buffers are
 * static, and a page of them is touched only when it is used.
 */
#include "sdk/reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/large.h"
#include "sdk/port.h"

/* Most replies are small: they touch no page of the large buffers. */
static uint8_t field_small[FIELDS_SMALL_BYTES];
static uint8_t body_small[REPLY_SMALL_BYTES];
static uint8_t field_data[MF_HEAD_BYTES_MAX] SDK_LARGE;
static uint8_t body_data[REPLY_BUFFER_BYTES] SDK_LARGE;
static char fault_text[MF_ERROR_BYTES_MAX + 1] SDK_LARGE;

void reply_open(struct mayfly_reply *reply)
{
    *reply = (struct mayfly_reply){.status = 200,
                                   .fields.data = field_small,
                                   .buffer = body_small,
                                   .room = sizeof body_small,
                                   .fault = fault_text};
}

/* So many more of a header, or of the body, than have room in the small buffer. */
static void outgrow_fields(struct mayfly_reply *reply, size_t bytes)
{
    struct fields *fields = &reply->fields;
    if (fields->data != field_small || bytes <= sizeof field_small - fields->bytes)
        return;
    memcpy(field_data, field_small, fields->bytes);
    fields->data = field_data;
}

static void outgrow_body(struct mayfly_reply *reply, size_t bytes)
{
    if (reply->buffer != body_small || bytes <= sizeof body_small - reply->buffered)
        return;
    memcpy(body_data, body_small, reply->buffered);
    reply->buffer = body_data;
    reply->room = sizeof body_data;
}

static void fault_set(struct mayfly_reply *reply, int printed)
{
    size_t bytes = printed > 0 ? (size_t)printed : 0;
    if (bytes > MF_ERROR_BYTES_MAX)
        bytes = MF_ERROR_BYTES_MAX;
    if (!bytes)
        bytes = (size_t)snprintf(reply->fault, MF_ERROR_BYTES_MAX, "the handler failed");
    reply->fault_bytes = bytes;
}

void reply_break(struct mayfly_reply *reply, const char *message)
{
    if (reply->fault_bytes)
        return;
    fault_set(reply, snprintf(reply->fault, MF_ERROR_BYTES_MAX + 1, "%s", message));
    mayfly_log(MAYFLY_ERROR, "%s", reply->fault);
}

/* The first failure is the one that tells; the kernel's refusals are named by errno. */
static void sent(struct mayfly_reply *reply, long result)
{
    if (result >= 0)
        return;
    reply->refused = true;
    if (result == -EFBIG)
        reply_break(reply, "the reply's body is larger than 6 MiB");
    else
        reply_break(reply, "the reply could not be handed over");
}

static void hand_over(struct mayfly_reply *reply, const void *data, size_t bytes, unsigned flags)
{
    if (reply->refused)
        return;
    if (reply->begun) {
        sent(reply, port_write(data, bytes, flags));
    } else {
        reply->begun = true;
        sent(reply, port_reply(reply->status, reply->fields.data, reply->fields.bytes, data, bytes,
                               flags));
    }
}

static void flush(struct mayfly_reply *reply)
{
    if (reply->buffered)
        hand_over(reply, reply->buffer, reply->buffered, 0);
    reply->buffered = 0;
}

void reply_end(struct mayfly_reply *reply)
{
    if (!reply->fault_bytes)
        hand_over(reply, reply->buffer, reply->buffered, MF_CALL_END | MF_CALL_NEXT);
    if (reply->fault_bytes)
        (void)port_fail(reply->fault, reply->fault_bytes);
}

void mayfly_set_status(struct mayfly_reply *reply, unsigned status)
{
    if (reply->begun)
        reply_break(reply, "mayfly_set_status() after the reply's head was sent");
    else if (status < MF_STATUS_MIN || status > MF_STATUS_MAX)
        reply_break(reply, "mayfly_set_status(): a status is 200 to 599");
    else
        reply->status = status;
}

void mayfly_add_header(struct mayfly_reply *reply, const char *name, const char *value)
{
    const char *fault = "the reply's head was sent before";
    size_t name_bytes = strlen(name), value_bytes = strlen(value);
    outgrow_fields(reply, sizeof(struct mf_field) + name_bytes + value_bytes);
    if (!reply->begun)
        fault = fields_add(&reply->fields, MF_FIELD_HEADER, name, name_bytes, value, value_bytes);
    if (!fault)
        return;
    char text[256];
    (void)snprintf(text, sizeof text, "mayfly_add_header(\"%.40s\", \"%.40s\"): %s", name, value,
                   fault);
    reply_break(reply, text);
}

/* Count what a handler writes; false: past what a reply may have, or broken anyway. */
static bool may_write(struct mayfly_reply *reply, size_t bytes)
{
    if (reply->fault_bytes || reply->refused)
        return false;
    if (bytes > MF_BODY_BYTES_MAX - reply->body_bytes) {
        reply_break(reply, "the reply's body is larger than 6 MiB");
        return false;
    }
    reply->body_bytes += bytes;
    return true;
}

void mayfly_write(struct mayfly_reply *reply, const void *data, size_t bytes)
{
    if (!bytes || !may_write(reply, bytes))
        return;
    if (bytes > REPLY_BUFFER_BYTES - reply->buffered)
        flush(reply);
    if (bytes > REPLY_BUFFER_BYTES) {
        hand_over(reply, data, bytes, 0); /* large already: no copy */
        return;
    }
    outgrow_body(reply, bytes);
    memcpy(reply->buffer + reply->buffered, data, bytes);
    reply->buffered += bytes;
}

void mayfly_puts(struct mayfly_reply *reply, const char *text)
{
    mayfly_write(reply, text, strlen(text));
}

/* Into the buffer if it fits there; else by way of a block of its own. */
static void write_formatted(struct mayfly_reply *reply, const char *format, va_list args)
{
    size_t room = reply->room - reply->buffered;
    va_list again;
    va_copy(again, args);
    int printed = vsnprintf((char *)reply->buffer + reply->buffered, room, format, args);
    size_t bytes = printed > 0 ? (size_t)printed : 0;
    if (bytes >= room && reply->buffer == body_small) {
        va_list large;
        outgrow_body(reply, bytes + 1);
        room = reply->room - reply->buffered;
        va_copy(large, again);
        (void)vsnprintf((char *)reply->buffer + reply->buffered, room, format, large);
        va_end(large);
    }
    if (printed < 0) {
        reply_break(reply, "mayfly_printf(): the format could not be printed");
    } else if (bytes < room) {
        if (may_write(reply, bytes))
            reply->buffered += bytes;
    } else {
        char *block = malloc(bytes + 1);
        if (block) {
            (void)vsnprintf(block, bytes + 1, format, again);
            mayfly_write(reply, block, bytes);
        } else {
            reply_break(reply, "mayfly_printf(): out of memory");
        }
        free(block);
    }
    va_end(again);
}

void mayfly_printf(struct mayfly_reply *reply, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_formatted(reply, format, args);
    va_end(args);
}

void mayfly_answer(struct mayfly_reply *reply, unsigned status, const char *content_type,
                   const char *format, ...)
{
    mayfly_set_status(reply, status);
    mayfly_add_header(reply, "content-type", content_type);
    va_list args;
    va_start(args, format);
    write_formatted(reply, format, args);
    va_end(args);
}

void mayfly_fail(struct mayfly_reply *reply, const char *format, ...)
{
    if (reply->fault_bytes)
        return;
    va_list args;
    va_start(args, format);
    fault_set(reply, vsnprintf(reply->fault, MF_ERROR_BYTES_MAX + 1, format, args));
    va_end(args);
}
