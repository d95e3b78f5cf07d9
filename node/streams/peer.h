/*
 * peer.h: the connection of a stream: its descriptor, what was read of it into the ring, what it has not
 * taken yet. Nothing here is said to the guest but bytes; what is due stands in the stream. Loop
 * thread only.
 */
#ifndef MF_NODE_STREAMS_PEER_H
#define MF_NODE_STREAMS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/streams/stream.h"

struct function;
struct instance;

#define PEER_READ_LEAST 2048u /* less room in the ring than this: better wait than cut so small */

/* May the function have another descriptor? Its share, and that of all. */
bool peer_has_room(const struct function *function);
/* This one, which was accepted or connects, becomes the stream's, to be heard through ready. MF_ENOMEM
 * and others: it stays the caller's. */
MF_CHECKED mf_err peer_attach(struct stream *stream, struct function *function, int fd,
                              void (*ready)(struct watch *watch, uint32_t events));

/* One without a connection; NULL: no memory. */
struct stream *peer_create(struct node *node);

/* Closed in good order, or as a reset. Harmless without a connection. */
void peer_hang_up(struct node *node, struct stream *stream);
void peer_reset(struct node *node, struct stream *stream);
/* It has no more than a window any longer, nor waits more than that: it is not counted as wide. */
void peer_not_wide(struct stream *stream);
/* It cannot go on, for this errno: reset, and due to be told. */
void peer_fail(struct stream *stream, int error);

/* Is somebody there who may get or send something yet? */
bool peer_is_live(const struct stream *stream);

/* Nothing is, before the guest runs: until then its connections may go to another instance. */
bool peer_may_be_read(const struct instance *instance);
/* From the peer into the ring. False: no room there, or not yet. */
bool peer_read(struct stream *stream);
/* To the peer, as many as it takes now: how many. */
size_t peer_write(struct stream *stream, const uint8_t *data, size_t bytes);
/* What it does not take now. False: there is no memory for it. */
bool peer_keep(struct stream *stream, const uint8_t *data, size_t bytes);
/* What it had not taken, and the end behind it. */
void peer_flush(struct stream *stream);

/* Has it still to take something? */
bool peer_lingers(const struct stream *stream);
/* The stream's guest has closed: it is the peer's alone for a while, then freed; or at once. */
void peer_linger(struct node *node, struct stream *stream);

#endif
