/*
 * stream.h: one connection of the outside with a guest, and the rules of abi/channel.h for what the
 * guest may say of it. No system call, no memory: the table of an instance's streams by id,
 * and what each message means there. Everything that comes in is hostile.
 *
 *   node's:   OPEN ──▶ OPEN, both directions ──┬─ CLOSE of the guest's ─┬─▶ free
 *   guest's:  CONNECT ──▶ CONNECTS ──▶ OPENED ─┘  CLOSED of the node's ─┘
 *
 * Loop thread only.
 */
#ifndef MF_NODE_STREAMS_STREAM_H
#define MF_NODE_STREAMS_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "abi/channel.h"
#include "base/buf.h"
#include "base/err.h"
#include "node/instance/channel.h"
#include "node/loop/list.h"
#include "node/loop/watch.h"

struct function;
struct hold;
struct node;
struct streams;

struct stream {
    /* stream.c's: what the guest may do. */
    uint32_t id;            /* 0: none yet, or none any more                         */
    uint32_t to_guest;      /* credit: bytes that we may send                        */
    uint32_t to_node;       /* credit: bytes that the guest may send                 */
    bool connects;          /* asked for by the guest, not OPENED yet                */
    bool guest_ended;       /* END of its bytes, or CLOSE                            */
    bool guest_closed, node_closed; /* CLOSE taken, CLOSED sent                      */

    /* streams.c's: the connection. */
    struct node *node;
    struct function *function; /* counted, and its descriptor; NULL: without one  */
    struct watch watch;
    struct link link;       /* waits for room in the ring; or for an instance, or lingers */
    struct streams *streams; /* its instance's; NULL: none                           */
    struct hold *hold;      /* of the node's; NULL: the guest's                      */
    struct sockaddr_storage peer;
    bool readable, writable, hung_up;
    bool ended;             /* its peer sends nothing more, and the guest has been told */
    bool shut;              /* we have told the peer that the guest does not         */
    bool open_due, opened_due, end_due, close_due, moved;
    uint16_t error;         /* to say with CLOSED                                    */
    uint32_t owed;          /* bytes that the peer has taken, not granted again yet  */
    uint32_t at_once;       /* bytes in a row that its peer took at once, up to MF_STREAM_WIDE_AFTER */
    uint32_t width;         /* credit that the guest has beyond MF_STREAM_WINDOW     */
    bool wide;              /* it has, or more than a window may wait: counted       */
    struct mf_buf pending;  /* that it has not; its room is of the node's budget      */
};

/* Of one instance. Zero is one without streams. */
struct stream_table {
    struct stream **by_id;  /* heap */
    uint32_t room;          /* of by_id */
    uint32_t count[2];      /* of even ids, of odd ones */
    uint32_t last[2];
};

void stream_table_close(struct stream_table *table); /* not the streams */
struct stream *stream_find(const struct stream_table *table, uint64_t id); /* NULL: none */
/* An id of the node's for it, with its first credit. MF_EFULL, MF_ENOMEM. */
MF_CHECKED mf_err stream_add(struct stream_table *table, struct stream *stream);
/* It is closed on both sides, or its instance is gone. */
void stream_remove(struct stream_table *table, struct stream *stream);

/* What the guest says, checked; nothing is done yet. MF_EPROTO: it may not, and why; MF_ENOENT: of one
 * that we have closed, to be passed over. CONNECT has no stream yet: *stream is NULL. */
MF_CHECKED mf_err stream_check(const struct stream_table *table,
                               const struct channel_message *message, struct stream **stream,
                               struct mf_why *why);
/* The id of a CONNECT that was checked. */
MF_CHECKED mf_err stream_add_asked(struct stream_table *table, struct stream *stream, uint64_t id);

/* The address of a CONNECT, from bytes that were copied. MF_EINVAL: port 0. */
MF_CHECKED mf_err stream_address_decode(const struct mf_stream_address *from,
                                        struct sockaddr_storage *address, socklen_t *bytes);
void stream_address_encode(const struct sockaddr_storage *address, struct mf_stream_address *to);

#endif
