/* transfer.h: within the folder, sending and receiving: streams (stream.c) and datagrams
 * (datagram.c). Arguments are as in socket.h. */
#ifndef KERNEL_SOCKET_TRANSFER_H
#define KERNEL_SOCKET_TRANSFER_H

#include "kernel/socket/rights.h"
#include "kernel/socket/socket.h"

/* Two ends of a connection, both new ones or bound. */
void stream_join(struct socket *a, struct socket *b);
int64_t stream_send(struct socket *socket, struct io *io, struct rights **rights);
int64_t stream_receive(struct socket *socket, struct io *io, uint32_t *flags, struct rights **rights);
/* Who looks for room in vain is told when there is some, as who sends in vain. */
uint32_t stream_ready(struct socket *socket);
/* It is closed: the other side hears of it. */
void stream_close(struct socket *socket);
/* The other side is gone, and what is written to it lost. */
void stream_reset(struct socket *socket, int error);

int64_t datagram_send(struct socket *socket, struct io *io, const struct address *to, struct rights **rights);
int64_t datagram_receive(struct socket *socket, struct io *io, uint32_t *flags,
                         struct address *from, struct rights **rights);
/* To its receiver, from there. -EAGAIN: no room; -ENOMEM, -EFAULT. */
int datagram_deliver(struct socket *to, const struct address *from, struct io *io, struct rights **rights);
uint32_t datagram_ready(struct socket *socket);
/* Bytes of the oldest, of a connection of all together; 0: none. */
uint32_t datagram_bytes(const struct socket *socket);

/* Of socket.c: a new one, of nobody's descriptor yet. NULL: no memory. */
struct socket *socket_make(uint16_t family, enum socket_type type, uint32_t flags);
/* One line in the log for an address outside, of a program that wants to go there. */
void socket_outside(const struct address *address, const char *what);

#endif
