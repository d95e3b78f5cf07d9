/*
 * channel.h: the shared memory between node and guest. Two rings of fixed
 * descriptors, each single-producer and single-consumer, and a data area for
 * either direction. The node trusts nothing in it: copy once, decode, act.
 *
 *   0x0000  struct mf_channel_head (control words)
 *   0x1000  descriptors node → guest   (MF_RING_SLOTS)
 *   0x2000  descriptors guest → node   (MF_RING_SLOTS)
 *   0x4000  data node → guest          (MF_CHANNEL_DATA_BYTES)
 *           data guest → node          (MF_CHANNEL_DATA_BYTES)
 *           result of an operation     (operation.h)
 *
 * Ring indices run freely (mod 2^32); slot = index % MF_RING_SLOTS. A consumer
 * copies a descriptor and its data before it publishes head = index + 1; that
 * alone releases both. The producer places data where nothing unreleased lies,
 * contiguously, and starts again at offset 0 whenever the ring is empty, so one
 * small event after the other uses the same page.
 *
 * Sleeping, on either side: set own `sleeping` = 1, look at the ring once more,
 * then sleep. Waking: after publishing tail (or, for a producer that waits for
 * room, head), exchange the peer's `sleeping` with 0; if it was 1, node → guest:
 * add 1 to `in.bell`, FUTEX_WAKE it; guest → node: hypercall `ring`. All accesses
 * are atomic: acquire on the peer's words, release on one's own, sequentially
 * consistent between `sleeping` and the indices. A guest that sleeps while more of
 * a body is to come rings first: the node may wait for the room it has made.
 *
 * Events are handled in their order, one at a time. Each INVOKE is ended once, by
 * the END of its reply or by ERROR, one cancelled before it began too. An event may
 * end before its body did: the node then ends that with an empty BODY.
 */
#ifndef MF_ABI_CHANNEL_H
#define MF_ABI_CHANNEL_H

#include <stdint.h>

#include "abi/layout.h"

#define MF_RING_SLOTS         128u
#define MF_CHANNEL_DATA_BYTES 0x40000u /* 256 KiB each way */
#define MF_CHUNK_BYTES_MAX    0x10000u /* data of one descriptor */
#define MF_CHANNEL_BYTES      0x95000u
#define MF_CHANNEL_TO_GUEST_SLOTS 0x1000u
#define MF_CHANNEL_TO_NODE_SLOTS  0x2000u
#define MF_CHANNEL_TO_GUEST_DATA  0x4000u
#define MF_CHANNEL_TO_NODE_DATA   (0x4000u + MF_CHANNEL_DATA_BYTES)
#define MF_CHANNEL_RESULT         (0x4000u + 2 * MF_CHANNEL_DATA_BYTES)
#define MF_CHANNEL_RESULT_BYTES   0x11000u

#define MF_EVENTS_AHEAD_MAX 16u         /* events in one instance's ring        */
#define MF_BODY_BYTES_MAX (6u << 20)    /* body of one event, of one reply      */
#define MF_LOG_BYTES_MAX 4096u          /* text of one log record               */
#define MF_ERROR_BYTES_MAX 4096u        /* message of one handler error         */
#define MF_ERROR_HANDLER 0u             /* ERROR: the handler said so                 */
#define MF_ERROR_ANSWER 1u              /* ERROR: what it answered cannot be passed on */

/* One direction's control words; producer's and consumer's cache lines apart. */
struct mf_ring {
    uint32_t tail;          /* producer: descriptors published          */
    uint32_t producer_pad[15];
    uint32_t head;          /* consumer: descriptors consumed           */
    uint32_t consumer_pad[15];
};

struct mf_channel_head {
    struct mf_ring to_guest;
    struct mf_ring to_node;
    uint32_t guest_sleeping; /* guest sets 1; node takes it              */
    uint32_t bell;           /* node adds 1; the guest's `wait` watches  */
    uint32_t guest_pad[14];
    uint32_t node_sleeping;  /* node sets 1; guest takes it, then `ring` */
    uint32_t node_pad[15];
};
_Static_assert(sizeof(struct mf_channel_head) == 384, "ABI: mf_channel_head");

struct mf_desc {
    uint64_t id;          /* the event it belongs to, the node's choice; 0 = none      */
    uint16_t type;        /* MF_MSG_…                                                  */
    uint16_t flags;       /* MF_MSG_END or 0                                           */
    uint32_t head_bytes;  /* of the data, how much is fields (event.h); the rest: body */
    uint32_t data_offset; /* within the direction's data area                          */
    uint32_t data_bytes;  /* at most MF_CHUNK_BYTES_MAX; head_bytes <= data_bytes      */
    uint64_t arg;         /* the type's own                                            */
};
_Static_assert(sizeof(struct mf_desc) == 32, "ABI: mf_desc");
_Static_assert(sizeof(struct mf_desc) * MF_RING_SLOTS <= MF_PAGE_BYTES, "a page of slots");

#define MF_MSG_END 1u /* nothing of this event's body follows */

/* X(number, NAME, direction, what, meaning of arg) */
#define MF_MESSAGES(X)                                                                          \
    X(1, INVOKE, to_guest, "an event: fields, then the start of its body",                      \
      "deadline, CLOCK_MONOTONIC ns")                                                           \
    X(2, BODY, to_guest, "more of the body of the event announced last",                        \
      "how many bytes of it follow this message")                                               \
    X(3, CANCEL, to_guest, "nobody waits for this event any more", "0")                         \
    X(4, DRAIN, to_guest, "answer what is here, then halt", "0")                                \
    X(16, REPLY, to_node, "reply: header fields, then the start of its body", "HTTP status")    \
    X(17, REPLY_BODY, to_node, "more of the reply's body", "0")                                 \
    X(18, ERROR, to_node, "the handler failed: data is its message; ends the event",            \
      "MF_ERROR_HANDLER or MF_ERROR_ANSWER")                                                    \
    X(19, LOG, to_node, "a log record: data is text, id the event or 0", "level, log.h")        \
    X(20, FROZEN, to_node, "parked for good: data are its ranges, snapshot.h", "0")           \
    X(21, OPERATION, to_node, "a request of the event that runs: operation.h",                  \
      "operation | number << 32")

#define MF_MSG_ENUM(nr, NAME, direction, what, arg) MF_MSG_##NAME = nr,
enum mf_message { MF_MESSAGES(MF_MSG_ENUM) };

#endif
