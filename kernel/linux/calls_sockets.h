/* calls_sockets.h: calls on sockets, of kernel-linux.elf. */
#ifndef KERNEL_LINUX_CALLS_SOCKETS_H
#define KERNEL_LINUX_CALLS_SOCKETS_H

#define LINUX_CALLS_SOCKETS(X)                                                                   \
    X(socket, partial, "streams and datagrams of IP and AF_UNIX, SOCK_SEQPACKET of AF_UNIX; datagrams to the outside: DNS only; " \
      "netlink: which interfaces and addresses there are") \
    X(socketpair, done, "")                                                                      \
    X(bind, partial, "loopback and any address; a path is a file in memory: of the image EROFS") \
    X(listen, done, "")                                                                          \
    X(accept, done, "")                                                                          \
    X(accept4, done, "")                                                                         \
    X(connect, partial, "to the outside: what allow.http names, else EACCES and a line in the log") \
    X(getsockname, done, "")                                                                     \
    X(getpeername, done, "")                                                                     \
    X(shutdown, done, "")                                                                        \
    X(sendto, done, "no urgent data")                                                            \
    X(recvfrom, done, "likewise")                                                                \
    X(sendmsg, partial, "control data of AF_UNIX: SCM_RIGHTS, 1,024 descriptors on their way together, "  \
      "and SCM_CREDENTIALS; of IP it is not looked at")                                          \
    X(recvmsg, partial, "likewise")                                                              \
    X(sendmmsg, partial, "likewise")                                                             \
    X(recvmmsg, partial, "the timeout has no effect")                                            \
    X(setsockopt, partial, "those that runtimes set are kept; buffer sizes are told only")       \
    X(getsockopt, partial, "likewise; of TCP_INFO the state")

#endif
