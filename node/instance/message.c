/*
 * message.c: see message.h.
 * Guarantees: what it lets through keeps every rule of its type. Owns nothing.
 */
#include "node/instance/message.h"

#include "abi/event.h"
#include "abi/log.h"
#include "abi/snapshot.h"

/* What a message's type allows; direction, END and limits of abi/channel.h as data. */
struct message_rule {
    bool known;
    bool to_guest;
    bool may_end;   /* MF_MSG_END may be set  */
    bool has_event; /* id must not be 0       */
    bool of_streams; /* in the rings of those */
    uint32_t head_bytes_max;
    uint32_t data_bytes_max;
    uint64_t arg_min, arg_max;
};

/* Two of the columns above, for what follows. */
#define STREAMS(to_guest, may_end) true, to_guest, may_end, true, true, 0 /* head_bytes_max */

#define RULE_COUNT (MF_MSG_NAME + 1)
static const struct message_rule rule[RULE_COUNT] = {
    [MF_MSG_INVOKE] = {true, true, true, true, false, MF_HEAD_BYTES_MAX, MF_CHUNK_BYTES_MAX, 0, UINT64_MAX},
    [MF_MSG_BODY] = {true, true, true, true, false, 0, MF_CHUNK_BYTES_MAX, 0, MF_BODY_BYTES_MAX},
    [MF_MSG_CANCEL] = {true, true, false, true, false, 0, 0, 0, 0},
    [MF_MSG_DRAIN] = {true, true, false, false, false, 0, 0, 0, 0},
    [MF_MSG_REPLY] = {true, false, true, true, false, MF_HEAD_BYTES_MAX, MF_CHUNK_BYTES_MAX, MF_STATUS_MIN,
                      MF_STATUS_MAX},
    [MF_MSG_REPLY_BODY] = {true, false, true, true, false, 0, MF_CHUNK_BYTES_MAX, 0, 0},
    [MF_MSG_ERROR] = {true, false, true, true, false, 0, MF_ERROR_BYTES_MAX, MF_ERROR_HANDLER,
                      MF_ERROR_ANSWER},
    [MF_MSG_LOG] = {true, false, false, false, false, 0, MF_LOG_BYTES_MAX, 0, MF_LOG_LEVEL_COUNT - 1},
    [MF_MSG_FROZEN] = {true, false, false, false, false, 0,
                       MF_SNAPSHOT_RANGES_MAX * sizeof(struct mf_range), 0, 0},
    [MF_MSG_OPERATION] = {true, false, false, true, false, 0, MF_CHUNK_BYTES_MAX, 1ull << 32, UINT64_MAX},
    [MF_MSG_OPEN] = {STREAMS(true, false), sizeof(struct mf_stream_address), 1, UINT16_MAX},
    [MF_MSG_OPENED] = {STREAMS(true, false), 0, 0, 0},
    [MF_MSG_RECEIVED] = {STREAMS(true, true), MF_CHUNK_BYTES_MAX, 0, 0},
    [MF_MSG_GRANT] = {STREAMS(true, false), 0, 1, MF_STREAM_CREDIT_MAX},
    [MF_MSG_CLOSED] = {STREAMS(true, false), 0, 0, MF_STREAM_ERRNO_MAX},
    [MF_MSG_NAMED] = {STREAMS(true, false), 16 * MF_NAME_ADDRESSES_MAX, 0, MF_NAME_COUNT - 1},
    [MF_MSG_CONNECT] = {STREAMS(false, false), sizeof(struct mf_stream_address), 0, 0},
    [MF_MSG_SENT] = {STREAMS(false, true), MF_CHUNK_BYTES_MAX, 0, 0},
    [MF_MSG_CREDIT] = {STREAMS(false, false), 0, 1, MF_STREAM_CREDIT_MAX},
    [MF_MSG_CLOSE] = {STREAMS(false, false), 0, 0, MF_STREAM_ERRNO_MAX},
    [MF_MSG_NAME] = {STREAMS(false, false), MF_NAME_LOOKUP_BYTES_MAX, 4, 6},
};

bool message_is_nodes(uint16_t type, bool of_streams)
{
    return type < RULE_COUNT && rule[type].to_guest && rule[type].of_streams == of_streams;
}

mf_err message_decode(const struct mf_desc *desc, bool of_streams, struct channel_message *message,
                      struct mf_why *why)
{
    if (desc->type >= RULE_COUNT || !rule[desc->type].known || rule[desc->type].to_guest)
        return mf_why(why, MF_EPROTO, "channel: message type %u is none a guest may send",
                      desc->type);
    const struct message_rule *allows = &rule[desc->type];
    if (desc->flags & ~(allows->may_end ? MF_MSG_END : 0u))
        return mf_why(why, MF_EPROTO, "channel: flags %#x in a message of type %u", desc->flags,
                      desc->type);
    if (desc->data_bytes > allows->data_bytes_max)
        return mf_why(why, MF_EPROTO, "channel: %u bytes in a message of type %u, limit %u",
                      desc->data_bytes, desc->type, allows->data_bytes_max);
    if (desc->data_offset > MF_CHANNEL_DATA_BYTES ||
        desc->data_bytes > MF_CHANNEL_DATA_BYTES - desc->data_offset)
        return mf_why(why, MF_EPROTO, "channel: data at %u, %u bytes, outside an area of %u",
                      desc->data_offset, desc->data_bytes, MF_CHANNEL_DATA_BYTES);
    if (desc->head_bytes > desc->data_bytes || desc->head_bytes > allows->head_bytes_max)
        return mf_why(why, MF_EPROTO, "channel: %u bytes of fields in %u of a message of type %u",
                      desc->head_bytes, desc->data_bytes, desc->type);
    if (desc->arg < allows->arg_min || desc->arg > allows->arg_max)
        return mf_why(why, MF_EPROTO, "channel: argument %llu in a message of type %u",
                      (unsigned long long)desc->arg, desc->type);
    if (allows->has_event && desc->id == 0)
        return mf_why(why, MF_EPROTO, "channel: a message of type %u for no event", desc->type);
    if (allows->of_streams != of_streams)
        return mf_why(why, MF_EPROTO, "channel: a message of type %u in the other ring", desc->type);
    *message = (struct channel_message){
        .id = desc->id,
        .type = (enum mf_message)desc->type,
        .end = desc->type == MF_MSG_ERROR || (desc->flags & MF_MSG_END) != 0,
        .head_bytes = desc->head_bytes,
        .data_bytes = desc->data_bytes,
        .arg = desc->arg,
    };
    return MF_OK;
}
