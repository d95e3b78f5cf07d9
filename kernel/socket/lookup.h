/*
 * lookup.h: a resolver (RFC 1035) at every address outside, port 53, and at the instance's own
 * where nobody else takes datagrams there: a question for A or AAAA becomes a NAME to the node
 * (abi/channel.h), its answer a datagram. Only in the kernel for Linux programs.
 */
#ifndef KERNEL_SOCKET_LOOKUP_H
#define KERNEL_SOCKET_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/channel.h"
#include "kernel/file/io.h"
#include "kernel/socket/address.h"

struct socket;

/* The machine that the node runs on, as programs see it, and the resolver that resolv.conf names;
 * what a program's own end has outside. From RFC 2544's network, which is nobody's. */
#define LOOKUP_HOST_NAME "host.mayfly.internal"
#define LOOKUP_HOST_TEXT "198.18.0.1"
#define LOOKUP_SERVER_TEXT "198.18.0.3"
struct address lookup_host(void);
struct address lookup_own(uint16_t family, uint16_t port);

/* Is it the resolver? */
bool lookup_is_at(const struct address *address);
/* A datagram to it, from a socket that has a name: all its bytes, or -errno. */
int64_t lookup_ask(struct socket *socket, struct io *io, const struct address *server);
/* The socket is closed. */
void lookup_forget(const struct socket *socket);

/* Of outside.c: NAMED has come; is any waited for; a snapshot is made. */
void lookup_answered(uint64_t id, enum mf_name how, const uint8_t *addresses, uint32_t bytes);
bool lookup_waits(void);
void lookup_cut(void);

#endif
