/* limits.h: bounds of sockets. */
#ifndef KERNEL_SOCKET_LIMITS_H
#define KERNEL_SOCKET_LIMITS_H

#define SOCKET_BUFFER_BYTES_MIN 4096u      /* of what a socket has received, at first */
#define SOCKET_BUFFER_BYTES_MAX 0x40000u   /* then the other side waits               */
#define SOCKET_BUFFER_KEPT_BYTES 0x10000u  /* an empty one larger than this goes back */
#define SOCKET_BACKLOG_MAX 4096u           /* net.core.somaxconn                      */
#define SOCKET_DATAGRAM_BYTES_MAX 65507u   /* RFC 768 in IPv4                         */
#define SOCKET_MESSAGE_BYTES_MAX 212960u   /* of AF_UNIX: net.core.wmem_default, less Linux's own 32 */
#define SOCKET_PORT_FIRST 32768u           /* net.ipv4.ip_local_port_range            */
#define SOCKET_PORT_LAST 60999u
#define SOCKET_OUTSIDE_TOLD_MAX 16u        /* lines in the log about addresses outside */
#define SOCKET_CONTROL_BYTES_MAX 4096u     /* of ancillary data that a message brings */
#define SOCKET_MESSAGES_MAX 1024u          /* of sendmmsg and recvmmsg, UIO_MAXIOV    */
#define RIGHTS_MAX 253u                    /* descriptors beside a message, Linux's SCM_MAX_FD */
#define RIGHTS_ON_WAY_MAX 1024u            /* together; Linux has RLIMIT_NOFILE's     */
#define NETLINK_REQUEST_BYTES_MAX 1024u    /* of all in one message                   */
#define LOOKUPS_MAX 64u                    /* names that are looked up at once        */

#endif
