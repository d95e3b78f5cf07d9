/*
 * rights.h: descriptors beside a message of AF_UNIX (SCM_RIGHTS, unix(7)): files that are on their way to
 * who receives it. Each is counted from when it is taken from the sender's descriptors until it is the receiver's, or
 * dropped with what it came with; sockets that nobody can reach but by each other's messages are found and dropped.
 */
#ifndef KERNEL_SOCKET_RIGHTS_H
#define KERNEL_SOCKET_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/file/file.h"
#include "kernel/socket/limits.h"

struct socket;

struct rights {
    struct rights *next; /* of the same receiver: what comes later */
    struct rights *way_next, *way_previous; /* of all that are on their way */
    struct socket *to;                      /* NULL: not sent yet, or received */
    uint64_t from, end; /* of a stream: the bytes that they came with, counted as read_bytes */
    uint32_t count, room;
    struct file *file[]; /* counted */
};

/* Without files, for so many. NULL: no memory. */
struct rights *rights_create(uint32_t room);
/* One more, counted. -EINVAL: there is no room. */
int rights_add(struct rights *rights, struct file *file);
/* All files are given up. NULL: nothing to do. */
void rights_drop(struct rights *rights);

/* May it be sent? -ETOOMANYREFS: too many are on their way. */
int rights_may_send(const struct rights *rights);
/* They go to the socket, behind all others there; of a stream beside the bytes from, to end. */
void rights_send(struct rights *rights, struct socket *to, uint64_t from, uint64_t end);
/* The socket's oldest, the caller's from now on. */
struct rights *rights_receive(struct socket *socket);
/* Others of the same files. NULL: no memory. */
struct rights *rights_copy(const struct rights *rights);

/* A descriptor of the socket is about to be closed: drop what can be reached no more then. NULL: of none. */
void rights_collect(const struct socket *closing);

#endif
