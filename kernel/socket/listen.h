/* listen.h: within the folder, listeners (listen.c); accepting is socket.h's. */
#ifndef KERNEL_SOCKET_LISTEN_H
#define KERNEL_SOCKET_LISTEN_H

#include "kernel/socket/socket.h"

/* The socket's other end, of what it connects to, waits at the listener to be accepted. -ENOMEM. */
int listener_join(struct socket *socket, struct socket *listener, const struct address *to);

/* It listens no more: those that wait are reset. */
void listener_close(struct socket *socket);

#endif
