/* names.h: which sockets have which addresses, of IP and of AF_UNIX. */
#ifndef KERNEL_SOCKET_NAMES_H
#define KERNEL_SOCKET_NAMES_H

#include "kernel/socket/socket.h"

/* The socket's own from now on, in socket->local; port 0 of IP is any that is free, no name of
 * AF_UNIX likewise; a path is a file, too (path.h). -EADDRINUSE, and what path_make() says. */
int name_take(struct socket *socket, const struct address *address);
void name_give(struct socket *socket);

/* Another port for a connection that the program does not name. */
uint16_t name_free_port(void);

/* Who listens there; NULL: nobody. */
struct socket *name_listener(const struct address *address);
/* Who takes datagrams there, sent from there. file: the one that was found by the path then, or NULL. */
struct socket *name_receiver(const struct address *address, const struct address *from,
                             const struct place *file);
/* Of AF_UNIX: why there is nobody for a socket of this type. -ECONNREFUSED, -EPROTOTYPE: one of another type;
 * what path_find() says. */
int name_refusal(const struct address *address, enum socket_type type);
/* Does the name exist, of IP, whoever has it? */
bool name_exists(const struct address *address);

#endif
