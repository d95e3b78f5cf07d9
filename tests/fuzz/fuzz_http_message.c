/*
 * fuzz_http_message.c: what a program's server (or client) sends. Read whole and read in
 * pieces it is the same message; its fields keep the rules of a reply; its body is within
 * what it was read from. First byte: what is read, and how it is cut.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "kernel/contract/http_message.h"
#include "kernel/event/fields.h"

struct reading {
    struct http_message message;
    struct http_room room;
    size_t taken, body_bytes;
    uint32_t body_sum;
};

static void read_in_pieces(struct reading *reading, uint8_t how, const uint8_t *data, size_t bytes,
                           size_t cut)
{
    struct http_message *message = &reading->message;
    reading->taken = reading->body_bytes = 0;
    reading->body_sum = 1;
    http_message_begin(message, how & 1 ? HTTP_REQUEST : HTTP_RESPONSE, how & 2, &reading->room);
    while (reading->taken < bytes && message->state < HTTP_DONE) {
        struct http_piece piece;
        size_t left = bytes - reading->taken;
        const uint8_t *from = data + reading->taken;
        size_t got = http_message_take(message, from, left < cut ? left : cut, &piece);
        mf_assert(got > 0 && got <= left);
        mf_assert(piece.bytes == 0 ||
                  (piece.data >= from && piece.data + piece.bytes == from + got));
        for (size_t i = 0; i < piece.bytes; i++)
            reading->body_sum = reading->body_sum * 31 + piece.data[i];
        reading->body_bytes += piece.bytes;
        reading->taken += got;
    }
    mf_assert(message->at == reading->taken && message->body_bytes >= reading->body_bytes);
    http_message_end(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct reading whole, cut;
    if (bytes == 0)
        return 0;
    read_in_pieces(&whole, data[0], data + 1, bytes - 1, SIZE_MAX);
    read_in_pieces(&cut, data[0], data + 1, bytes - 1, 1 + (data[0] >> 2));
    mf_assert(whole.message.state == cut.message.state);
    mf_assert(whole.message.state >= HTTP_DONE || whole.message.head_done == cut.message.head_done);
    if (whole.message.state == HTTP_WRONG)
        return 0;
    mf_assert(whole.taken == cut.taken && whole.body_bytes == cut.body_bytes &&
              whole.body_sum == cut.body_sum);
    mf_assert(whole.message.field_bytes == cut.message.field_bytes &&
              memcmp(whole.room.fields, cut.room.fields, cut.message.field_bytes) == 0);
    mf_assert(http_message_keeps(&whole.message) == http_message_keeps(&cut.message));
    mf_assert(fields_valid_reply(whole.room.fields, whole.message.field_bytes));
    mf_assert(whole.message.kind == HTTP_REQUEST ||
              (whole.message.status >= MF_STATUS_MIN && whole.message.status <= MF_STATUS_MAX));
    return 0;
}
