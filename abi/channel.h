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
 *           descriptors and data of a second pair of rings, for streams (below)
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
 *
 * Streams (docs/adr/0009-streams.md) are connections of the outside with sockets of the program. Their
 * messages, from OPEN and CONNECT on, have rings of their own, so that neither waits for the
 * other. The node opens one to a port of the program (OPEN, an even id), the guest one to an
 * address outside (CONNECT, an odd id; the node says OPENED when it stands). Ids are small: at
 * most MF_STREAM_ID_MAX, not 0, and free again when both sides have closed.
 *   Bytes: at most as many as the receiver has given credit for. Both begin with
 * MF_STREAM_WINDOW of it; CREDIT and GRANT give more, never so much that more than
 * MF_STREAM_CREDIT_MAX is unused. MF_MSG_END with them, or with none, ends that direction.
 *   Room: a guest that sleeps has rung for its first release since its start, and then for each quarter of the
 * slots, or of the data, that it has released; for less the node does not wait.
 *   The end: each side sends CLOSED or CLOSE once, its last message of that id, with 0 or the errno for
 * which the connection is reset, and soon after it has had the other's. It has then dropped what it
 * may still get. Of an id that it closed the guest sends nothing, of one that it does not have
 * no more; else the instance ends, as a breach of protocol. So it does for credit that was not
 * there, or was too much, and for bytes behind the end.
 *   Before the first event of an instance that is to be frozen a guest may have streams; none
 * outlives the freeze, or a rollback.
 */
#ifndef MF_ABI_CHANNEL_H
#define MF_ABI_CHANNEL_H

#include <stdint.h>

#include "abi/layout.h"

#define MF_RING_SLOTS         128u
#define MF_CHANNEL_DATA_BYTES 0x40000u /* 256 KiB each way */
#define MF_CHUNK_BYTES_MAX    0x10000u /* data of one descriptor */
#define MF_CHANNEL_BYTES      0x117000u
#define MF_CHANNEL_TO_GUEST_SLOTS 0x1000u
#define MF_CHANNEL_TO_NODE_SLOTS  0x2000u
#define MF_CHANNEL_TO_GUEST_DATA  0x4000u
#define MF_CHANNEL_TO_NODE_DATA   (0x4000u + MF_CHANNEL_DATA_BYTES)
#define MF_CHANNEL_RESULT         (0x4000u + 2 * MF_CHANNEL_DATA_BYTES)
#define MF_CHANNEL_RESULT_BYTES   0x11000u
#define MF_STREAMS_TO_GUEST_SLOTS 0x95000u
#define MF_STREAMS_TO_NODE_SLOTS  0x96000u
#define MF_STREAMS_TO_GUEST_DATA  0x97000u
#define MF_STREAMS_TO_NODE_DATA   (0x97000u + MF_CHANNEL_DATA_BYTES)

#define MF_EVENTS_AHEAD_MAX 16u         /* events in one instance's ring        */
#define MF_BODY_BYTES_MAX (6u << 20)    /* body of one event, of one reply      */
#define MF_LOG_BYTES_MAX 4096u          /* text of one log record               */
#define MF_ERROR_BYTES_MAX 4096u        /* message of one handler error         */
#define MF_STREAMS_MAX 4096u            /* of one instance, opened by either side      */
#define MF_STREAM_ID_MAX (2 * MF_STREAMS_MAX)
#define MF_STREAM_WINDOW 0x10000u       /* credit of either side at first, bytes       */
#define MF_STREAM_CREDIT_MAX 0x100000u  /* unused, at most                             */
#define MF_STREAM_ERRNO_MAX 4095u
#define MF_NAME_LOOKUP_BYTES_MAX 253u   /* of a name, RFC 1035                         */
#define MF_NAME_ADDRESSES_MAX 16u       /* of one answer                               */
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
    struct mf_ring streams_to_guest;
    struct mf_ring streams_to_node;
};
_Static_assert(sizeof(struct mf_channel_head) == 640, "ABI: mf_channel_head");

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

#define MF_MSG_END 1u /* nothing of this event's body, or this stream's bytes, follows */

/* Where one end of a stream is: data of OPEN and CONNECT. */
struct mf_stream_address {
    uint8_t address[16]; /* of IPv6, or of 4 within it (RFC 4291, 2.5.5.2) */
    uint16_t port;       /* not 0 */
    uint16_t reserved[3];
};
_Static_assert(sizeof(struct mf_stream_address) == 24, "ABI: mf_stream_address");

/* X(number, NAME, meaning): how a name was looked up */
#define MF_NAMES(X)                                                                         \
    X(0, FOUND, "it has these addresses, 16 bytes each, perhaps none of that family")       \
    X(1, NONE, "there is no such name, or the function's settings do not name it")          \
    X(2, FAILED, "who knows does not answer")
#define MF_NAME_ENUM(nr, NAME, meaning) MF_NAME_##NAME = nr,
enum mf_name { MF_NAMES(MF_NAME_ENUM) MF_NAME_COUNT };

/* X(number, NAME, direction, what, meaning of arg) */
#define MF_MESSAGES(X)                                                                          \
    X(1, INVOKE, to_guest, "an event: fields, then the start of its body",                      \
      "deadline, CLOCK_MONOTONIC ns")                                                           \
    X(2, BODY, to_guest, "more of the body of the event announced last",                        \
      "how many bytes of it follow this message")                                               \
    X(3, CANCEL, to_guest, "nobody waits for this event any more", "0")                         \
    X(4, DRAIN, to_guest, "answer what is here, then halt", "0")                                \
    X(5, OPEN, to_guest, "a stream to a port of the program: data is who connects", "the port") \
    X(6, OPENED, to_guest, "the connection that the guest asked for stands", "0")               \
    X(7, RECEIVED, to_guest, "bytes of a stream", "0")                                          \
    X(8, GRANT, to_guest, "credit for a stream's bytes to the node", "bytes")                   \
    X(9, CLOSED, to_guest, "the node's end of a stream is closed", "0 or an errno")             \
    X(10, NAMED, to_guest, "the answer to the NAME with this id: data are addresses",           \
      "MF_NAME_…")                                                                              \
    X(16, REPLY, to_node, "reply: header fields, then the start of its body", "HTTP status")    \
    X(17, REPLY_BODY, to_node, "more of the reply's body", "0")                                 \
    X(18, ERROR, to_node, "the handler failed: data is its message; ends the event",            \
      "MF_ERROR_HANDLER or MF_ERROR_ANSWER")                                                    \
    X(19, LOG, to_node, "a log record: data is text, id the event or 0", "level, log.h")        \
    X(20, FROZEN, to_node, "parked for good: data are its ranges, snapshot.h", "0")           \
    X(21, OPERATION, to_node, "a request of the event that runs: operation.h",                  \
      "operation | number << 32")                                                                \
    X(22, CONNECT, to_node, "open a stream to the address that the data is", "0")               \
    X(23, SENT, to_node, "bytes of a stream", "0")                                              \
    X(24, CREDIT, to_node, "credit for a stream's bytes to the guest", "bytes")                 \
    X(25, CLOSE, to_node, "the guest's end of a stream is closed", "0 or an errno")             \
    X(26, NAME, to_node, "look a name up: data is the name, id the guest's choice", "4 or 6")

#define MF_MSG_ENUM(nr, NAME, direction, what, arg) MF_MSG_##NAME = nr,
enum mf_message { MF_MESSAGES(MF_MSG_ENUM) };

#endif
