/* message.h: read(2) and write(2) of sockets: as recv(2) and send(2) without flags. */
#ifndef KERNEL_LINUX_MESSAGE_H
#define KERNEL_LINUX_MESSAGE_H

#include "kernel/socket/socket.h"

/* Whole calls, waiting included, as a handler's result. */
int64_t message_read(struct socket *socket, struct io *io);
int64_t message_write(struct socket *socket, struct io *io);

#endif
