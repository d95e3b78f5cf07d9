/* calls_sockets.h: calls on sockets, of kernel-linux.elf. */
#ifndef KERNEL_LINUX_CALLS_SOCKETS_H
#define KERNEL_LINUX_CALLS_SOCKETS_H

#define LINUX_CALLS_SOCKETS(X)

#endif
