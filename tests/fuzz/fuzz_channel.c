/*
 * fuzz_channel.c: a guest that writes anything anywhere in the channel, between
 * the node's takes and puts. The input is a little program: an opcode byte, then
 * its operands. No expectation but: no crash, every message within the ABI.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/event.h"
#include "node/instance/channel.h"
#include "node/instance/event.h"
#include "tests/fuzz/input.h"
#include "tests/guests/raw/ring.h"

#define STEPS_MAX 4096

static void check(const struct channel_message *message, const uint8_t *scratch)
{
    mf_assert(message->type >= MF_MSG_REPLY && message->type <= MF_MSG_LOG);
    mf_assert(message->data_bytes <= MF_CHUNK_BYTES_MAX);
    mf_assert(message->head_bytes <= message->data_bytes);
    mf_assert(message->data == scratch);
    if (message->type != MF_MSG_REPLY)
        return;
    mf_assert(message->arg >= MF_STATUS_MIN && message->arg <= MF_STATUS_MAX);
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, message->data, message->head_bytes, true);
    while (field_next(&reader, &field) == MF_OK)
        ;
}

static void guest_writes(struct input *input, struct raw_ring *guest)
{
    uint32_t at;
    switch (number(input, 1) % 4) {
    case 0: /* a control word */
        at = (uint32_t)number(input, 1) * 4 % sizeof(struct mf_channel_head);
        *(uint32_t *)(void *)(guest->base + at) = (uint32_t)number(input, 4);
        break;
    case 1: { /* a descriptor, field by field */
        struct mf_desc desc = {.id = number(input, 1)};
        desc.type = (uint16_t)number(input, 1);
        desc.flags = (uint16_t)number(input, 1);
        desc.head_bytes = (uint32_t)number(input, 4);
        desc.data_offset = (uint32_t)number(input, 4);
        desc.data_bytes = (uint32_t)number(input, 4);
        desc.arg = number(input, 2);
        *raw_out_slot(guest, guest->out_tail++) = desc;
        raw_control(guest)->to_node.tail = guest->out_tail;
        break;
    }
    case 2: /* an honest message, with data */
        at = (uint32_t)number(input, 1);
        at = at > input->bytes ? (uint32_t)input->bytes : at;
        (void)raw_put(guest,
                      &(struct mf_desc){.id = 1, .type = MF_MSG_REPLY, .arg = 200,
                                        .data_bytes = at, .head_bytes = at},
                      input->data);
        input->data += at;
        input->bytes -= at;
        break;
    case 3:
        raw_release(guest);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static int memfd = -1;
    static uint8_t scratch[MF_CHUNK_BYTES_MAX], body[MF_CHUNK_BYTES_MAX];
    static struct channel channel;
    if (memfd < 0) {
        memfd = memfd_create("channel", MFD_CLOEXEC);
        mf_assert(memfd >= 0 && ftruncate(memfd, MF_CHANNEL_BYTES) == 0);
    }
    mf_assert(channel_open(memfd, &channel) == MF_OK);
    struct raw_ring guest = {.base = channel.base};
    struct input input = {data, bytes};
    struct channel_message message;
    struct mf_why why;
    bool dead = false;
    for (unsigned step = 0; step < STEPS_MAX && input.bytes && !dead; step++) {
        switch (number(&input, 1) % 4) {
        case 0:
        case 1:
            guest_writes(&input, &guest);
            break;
        case 2: {
            mf_err err = channel_take(&channel, scratch, &message, &why);
            if (err == MF_OK)
                check(&message, scratch);
            dead = err == MF_EPROTO;
            (void)channel_sleep(&channel);
            break;
        }
        case 3: {
            struct mf_desc desc = {.id = 1, .type = MF_MSG_BODY};
            desc.data_bytes = (uint32_t)number(&input, 3) % (MF_CHUNK_BYTES_MAX + 1);
            uint32_t room = channel_room(&channel, 0);
            mf_err err = channel_put(&channel, &desc, NULL, body);
            mf_assert(err != MF_OK || desc.data_bytes <= room || desc.data_bytes == 0);
            dead = err == MF_EPROTO;
            channel_bell(&channel);
            break;
        }
        }
    }
    channel_close(&channel);
    return 0;
}
