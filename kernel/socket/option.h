/* option.h: options of sockets (socket(7), ip(7), ipv6(7), tcp(7)): those that mean
 * something here, and those that programs set and may read back. */
#ifndef KERNEL_SOCKET_OPTION_H
#define KERNEL_SOCKET_OPTION_H

#include <stdbool.h>
#include <stdint.h>

/*
 * X(NAME, level, option, of which sockets, value at first, least, most): an integer that is
 * kept. Of a stream of IP's: T; of IP's: I; of version 6: 6; of all: A.
 */
#define SOCKET_OPTIONS_KEPT(X)                                         \
    X(REUSEADDR, SOL_SOCKET, SO_REUSEADDR, A, 0, 0, 1)                 \
    X(REUSEPORT, SOL_SOCKET, SO_REUSEPORT, A, 0, 0, 1)                 \
    X(KEEPALIVE, SOL_SOCKET, SO_KEEPALIVE, A, 0, 0, 1)                 \
    X(BROADCAST, SOL_SOCKET, SO_BROADCAST, A, 0, 0, 1)                 \
    X(DONTROUTE, SOL_SOCKET, SO_DONTROUTE, A, 0, 0, 1)                 \
    X(OOBINLINE, SOL_SOCKET, SO_OOBINLINE, A, 0, 0, 1)                 \
    X(PASSCRED, SOL_SOCKET, SO_PASSCRED, A, 0, 0, 1)                   \
    X(TIMESTAMP, SOL_SOCKET, SO_TIMESTAMP, A, 0, 0, 1)                 \
    X(PRIORITY, SOL_SOCKET, SO_PRIORITY, A, 0, 0, 6)                   \
    X(MARK, SOL_SOCKET, SO_MARK, A, 0, INT32_MIN, INT32_MAX)           \
    X(BUSY_POLL, SOL_SOCKET, SO_BUSY_POLL, A, 0, 0, INT32_MAX)         \
    X(NODELAY, IPPROTO_TCP, TCP_NODELAY, T, 0, 0, 1)                   \
    X(CORK, IPPROTO_TCP, TCP_CORK, T, 0, 0, 1)                         \
    X(QUICKACK, IPPROTO_TCP, TCP_QUICKACK, T, 1, 0, 1)                 \
    X(KEEPIDLE, IPPROTO_TCP, TCP_KEEPIDLE, T, 7200, 1, 32767)          \
    X(KEEPINTVL, IPPROTO_TCP, TCP_KEEPINTVL, T, 75, 1, 32767)          \
    X(KEEPCNT, IPPROTO_TCP, TCP_KEEPCNT, T, 9, 1, 127)                 \
    X(SYNCNT, IPPROTO_TCP, TCP_SYNCNT, T, 6, 1, 127)                   \
    X(USER_TIMEOUT, IPPROTO_TCP, TCP_USER_TIMEOUT, T, 0, 0, INT32_MAX) \
    X(DEFER_ACCEPT, IPPROTO_TCP, TCP_DEFER_ACCEPT, T, 0, 0, INT32_MAX) \
    X(FASTOPEN, IPPROTO_TCP, TCP_FASTOPEN, T, 0, 0, INT32_MAX)         \
    X(NOTSENT, IPPROTO_TCP, TCP_NOTSENT_LOWAT, T, 0, 0, INT32_MAX)     \
    X(LINGER2, IPPROTO_TCP, TCP_LINGER2, T, 60, -1, INT32_MAX)         \
    X(TOS, IPPROTO_IP, IP_TOS, I, 0, 0, 255)                           \
    X(TTL, IPPROTO_IP, IP_TTL, I, 64, 1, 255)                          \
    X(MTU_DISCOVER, IPPROTO_IP, IP_MTU_DISCOVER, I, 1, 0, 5)           \
    X(RECVERR, IPPROTO_IP, IP_RECVERR, I, 0, 0, 1)                     \
    X(PKTINFO, IPPROTO_IP, IP_PKTINFO, I, 0, 0, 1)                     \
    X(MULTICAST_TTL, IPPROTO_IP, IP_MULTICAST_TTL, I, 1, 1, 255)       \
    X(MULTICAST_LOOP, IPPROTO_IP, IP_MULTICAST_LOOP, I, 1, 0, 1)       \
    X(TCLASS, IPPROTO_IPV6, IPV6_TCLASS, 6, 0, -1, 255)                \
    X(UNICAST_HOPS, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 6, 64, -1, 255)   \
    X(RECVERR6, IPPROTO_IPV6, IPV6_RECVERR, 6, 0, 0, 1)                \
    X(RECVPKTINFO, IPPROTO_IPV6, IPV6_RECVPKTINFO, 6, 0, 0, 1)         \
    X(MTU_DISCOVER6, IPPROTO_IPV6, IPV6_MTU_DISCOVER, 6, 1, 0, 5)

#define SOCKET_OPTION_ENUM(NAME, level, option, whose, first, least, most) OPTION_##NAME,
enum socket_option { SOCKET_OPTIONS_KEPT(SOCKET_OPTION_ENUM) OPTIONS_KEPT };

struct socket_options {
    int32_t value[OPTIONS_KEPT];
    int32_t send_bytes, receive_bytes; /* SO_SNDBUF, SO_RCVBUF: told only */
    bool only_v6;
    bool lingers;
    int32_t linger_s;
    uint64_t receive_timeout_ns, send_timeout_ns; /* 0: none */
};

struct socket;

void socket_options_start(struct socket_options *options);

/* setsockopt and getsockopt with pointers of the program's. 0 or -errno. */
int socket_option_set(struct socket *socket, int level, int name, uint64_t from, uint32_t bytes);
int socket_option_get(struct socket *socket, int level, int name, uint64_t to, uint64_t bytes_at);

#endif
