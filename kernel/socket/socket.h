/*
 * socket.h: sockets: streams and datagrams of IP's loopback, and of names (AF_UNIX), within the
 * instance, and streams of the outside (outside.h). What is sent lies at once in the receiver's
 * buffer, which is bounded, or in the channel; nothing is lost but datagrams that nobody is
 * there for. Of datagrams to the outside there are only those to a resolver (lookup.h).
 *
 *   a stream, or connection of messages:
 *              NEW ──▶ LISTENS            accept() gives it others that are CONNECTED
 *              NEW ──▶ CONNECTED ──▶ ENDED   the other side is closed
 *              NEW ──▶ CONNECTS ──▶ CONNECTED, or NEW and an error: to the outside
 *
 * No function waits: -EAGAIN, and file_changed() when that may be different. Addresses of
 * the program's are decoded already. Only in the kernel for Linux programs.
 */
#ifndef KERNEL_SOCKET_SOCKET_H
#define KERNEL_SOCKET_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/file/file.h"
#include "kernel/fs/place.h"
#include "kernel/socket/address.h"
#include "kernel/socket/buffer.h"
#include "kernel/socket/option.h"

enum socket_type { SOCKET_STREAM = 1, SOCKET_DATAGRAM = 2, SOCKET_RAW = 3, SOCKET_PACKETS = 5 };
/* SOCK_…; none is RAW in the end; PACKETS: SOCK_SEQPACKET, a connection of messages, of AF_UNIX only */
enum socket_state { SOCKET_NEW, SOCKET_LISTENS, SOCKET_CONNECTS, SOCKET_CONNECTED, SOCKET_ENDED };

/* Flags of transfers, MSG_… */
#define SOCKET_PEEK 0x2u
#define SOCKET_TRUNCATED 0x20u    /* MSG_TRUNC: what was cut off counts */

struct socket {
    struct file file;
    uint16_t family;
    uint8_t type, state;
    bool bound;           /* its address is in the table of names     */
    bool read_shut;       /* nothing more is received                 */
    bool write_shut;      /* nothing more is sent                     */
    bool finished;        /* the other side sends nothing more        */
    bool wants_room;      /* saw that there is none; cleared when told */
    bool reset_next;      /* a stream of IP that was closed takes one more write */
    bool begun;           /* a connect that did not wait: the next one is told its end */
    int error;            /* what the next call is to say: an errno   */
    struct address local, remote;
    struct place path;    /* bound to a path: its file, held. fs NULL: it is not */
    struct place remote_path; /* the same of a datagram socket that is connected */
    struct socket *peer;  /* of a stream, or a pair; NULL: none any more */
    struct outside *outside; /* the other end, where it is outside; NULL */
    struct buffer received;
    struct rights *rights; /* what came beside it, oldest first (rights.h) */
    uint32_t on_way;       /* in how many messages it is itself */
    bool reached;          /* of rights_collect() */
    /* Of the library OS's own end: bytes that it takes where their writer has them, past the buffer, with
     * what stands in that before them; 0: none now; or -EFAULT. It may close the connection. NULL: all
     * go by the buffer. */
    int64_t (*take)(struct io *io);
    uint64_t read_bytes;  /* of a stream, all that was ever read from it */
    uint64_t peer_read_bytes; /* the same of the other end, when that was closed */
    struct socket *waiting, *waiting_last; /* LISTENS: not accepted yet, oldest first */
    struct socket *waiting_next;
    struct socket *listener; /* it waits there */
    uint32_t waiting_count, backlog;
    struct socket *name_next, *name_previous;
    struct socket_options options;
};

/* The socket of a file; NULL: it is none. */
struct socket *socket_of(struct file *file);

/* flags: O_NONBLOCK or 0. -EAFNOSUPPORT, -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -ENOMEM. */
int socket_create(int family, int type, int protocol, uint32_t flags, struct socket **socket);
int socket_pair(int family, int type, int protocol, uint32_t flags, struct socket *pair[2]);

int socket_bind(struct socket *socket, const struct address *address);
int socket_listen(struct socket *socket, int backlog);
int socket_accept(struct socket *socket, uint32_t flags, struct socket **accepted);
/* -EINPROGRESS: it CONNECTS, and changes when that has ended. */
int socket_connect(struct socket *socket, const struct address *address);
int socket_shutdown(struct socket *socket, bool read, bool write);

/* Bytes sent, or -errno. to: of a datagram; NULL: where it is connected to. rights: what goes beside them,
 * taken, and NULL then, if they are sent; of AF_UNIX only. -EPIPE of a stream: the program is to have a signal
 * for it. */
int64_t socket_send(struct socket *socket, struct io *io, const struct address *to, struct rights **rights);
/* Bytes received, 0 at the end. flags: as above, in and out. from may be NULL. rights: what came beside
 * them, the caller's, or NULL; without a place for it it is dropped. */
int64_t socket_receive(struct socket *socket, struct io *io, uint32_t *flags,
                       struct address *from, struct rights **rights);

/* What getsockname and getpeername say. -ENOTCONN. */
void socket_name(const struct socket *socket, struct address *address);
int socket_peer_name(const struct socket *socket, struct address *address);

/* The error that is due, taken: an errno, or 0. */
int socket_error_take(struct socket *socket);

/*
 * For the library OS's own end of a connection (contract/): is somebody there, on the
 * loopback; a connection to it, -ECONNREFUSED, -ENOMEM; the oldest bytes received, that lie
 * together; take them away; how many of all that was sent the other end has read.
 */
bool socket_listens_at(uint16_t port);
int socket_open_to(uint16_t port, struct socket **socket);
const uint8_t *socket_oldest(const struct socket *socket, uint32_t *bytes);
void socket_drop(struct socket *socket, uint32_t bytes);
uint64_t socket_peer_read(const struct socket *socket);

/* Of outside.c: a connection from outside for who listens at the port, to be accepted, or
 * -ECONNREFUSED, -ENOMEM; one that was asked for stands, or cannot be had. */
int socket_arrives(uint16_t port, const struct address *client, struct outside *outside,
                   struct socket **socket);
void socket_connected(struct socket *socket);
void socket_connect_failed(struct socket *socket, int error);

#endif
