/*
 * outside.h: sockets whose other end is outside of the instance: streams of the channel
 * (abi/channel.h). What the program sends goes from its memory into the ring; what comes lies in the
 * socket's buffer, as with any other. The node is rung when it sleeps, and the program told when
 * there is credit or room again. Only in the kernel for Linux programs.
 *
 *   OPEN    ──▶ waits to be accepted ──▶ CONNECTED ──▶ CLOSE, CLOSED ──▶ forgotten
 *   connect ──▶ CONNECTS ──▶ OPENED ───────▲
 */
#ifndef KERNEL_SOCKET_OUTSIDE_H
#define KERNEL_SOCKET_OUTSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/file/io.h"
#include "kernel/socket/address.h"

struct outside;
struct socket;

/* Ask for a connection of the socket, which CONNECTS from now on. -ENOBUFS, -ENOMEM, -EAGAIN: as
 * many as may, no memory, no room in the ring. */
int outside_connect(struct socket *socket, const struct address *to);

/* Bytes that are on their way; -EAGAIN: no credit, or no room in the ring. */
int64_t outside_send(struct outside *outside, struct io *io);
/* May it send now? If not, its socket is told of the change. */
bool outside_may_send(struct outside *outside);
/* The program has taken so many bytes. */
void outside_taken(struct outside *outside, uint32_t bytes);
/* It sends nothing more. */
void outside_finish(struct outside *outside);
/* The socket is closed; resets: what came was not all read. */
void outside_close(struct outside *outside, bool resets);

/* Take what has come for streams, send what is due. True: something may be able to run now. */
bool outside_turn(void);

/* Is a stream that the node opened still here? Then an event is under way, as it were. */
bool outside_holds(void);
/* Is a connection or a name waited for? */
bool outside_asks(void);
/* A snapshot is made: all connections are reset. */
void outside_cut(void);

#endif
