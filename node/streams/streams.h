/*
 * streams.h: the streams of running instances (abi/channel.h): bytes between connections of the
 * outside and guests. Nothing is stored here but what a slow peer has not taken of the credit
 * that its guest had; what comes from a peer is read into the ring, or not yet.
 *
 *   a peer ─ recv ──▶ ring ──▶ guest       only with the guest's credit, and room in the ring
 *   a peer ◀── send ─ ring ◀── guest       what it does not take waits, and is not granted again
 *
 * Loop thread only.
 */
#ifndef MF_NODE_STREAMS_STREAMS_H
#define MF_NODE_STREAMS_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "node/loop/list.h"
#include "node/streams/stream.h"

struct function;
struct hold;
struct instance;
struct node;

/* Of one instance; made with its first stream. */
struct streams {
    struct stream_table table;
    struct instance *instance;
    struct link stalled;  /* streams that wait for room in the ring          */
    struct link lookups;  /* names that it waits for                          */
    struct hold *over;    /* its last connection has ended                    */
    bool broken;          /* the guest has broken the ring                    */
};

/* Of the node. */
struct streaming {
    struct node *node;
    struct link lingering; /* connections whose guest has closed: peers that have not taken all */
    uint32_t lingering_count;
    struct resolving *resolving; /* names.c; NULL: nothing was looked up yet       */
    struct link lookups, lookups_waiting; /* under way; for their turn, oldest first   */
    uint32_t lookup_count;       /* under way                                       */
    uint64_t opened, asked, denied;
    uint32_t wide_count;         /* streams that are wide                           */
    uint32_t descriptors, descriptors_max;
    bool begun, quiet;
};

void streaming_open(struct streaming *streaming, struct node *node);
void streaming_begin(struct streaming *streaming); /* the node's own ports are taken: listen */
void streaming_quiet(struct streaming *streaming); /* nobody listens any more */
void streaming_close(struct streaming *streaming); /* after the pool */

/* Take what the guest has said about streams; true if there was something. May end the instance. */
bool streams_take(struct instance *instance);
/* What waits for room in the ring. True if something was put. May end the instance. */
bool streams_continue(struct instance *instance);
bool streams_could_continue(const struct instance *instance);
/* The instance is dead, or rolled back: all its connections are reset. */
void streams_lost(struct instance *instance);

/* Connections of an instance that lives, into its ring: those of its hold, or one more. */
MF_CHECKED mf_err streams_open(struct instance *instance, struct stream *stream);
/* A connection that was accepted; NULL: no memory. Its descriptor is the stream's, or closed. */
struct stream *stream_accepted(struct function *function, int fd, const struct sockaddr_storage *peer);
/* Close and free one that no instance has. */
void stream_drop(struct stream *stream);

#endif
