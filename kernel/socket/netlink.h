/*
 * netlink.h: sockets of NETLINK_ROUTE (rtnetlink(7)), by which C libraries and runtimes ask for interfaces and
 * addresses: there are lo, and eth0 with the program's own end of connections to the outside. Nothing changes, and nothing
 * can be changed.
 */
#ifndef KERNEL_SOCKET_NETLINK_H
#define KERNEL_SOCKET_NETLINK_H

#include "kernel/socket/socket.h"

/* It has a name from now on, if it had none. */
void netlink_name(struct socket *socket);

/* What was sent is a request, or several: the answers lie in the socket's own buffer. Bytes sent, -EFAULT, -ENOMEM,
 * -ENOBUFS: the answers that are there are not read. */
int64_t netlink_ask(struct socket *socket, struct io *io);

/* The same by ioctl (netdevice(7)): an interface's index, name and flags, of any socket. -ENODEV, -EFAULT, and
 * -ENOTTY: another request. */
int64_t netlink_control(uint64_t request, uint64_t argument);

#endif
