/* address.h: addresses of sockets (ip(7), ipv6(7), unix(7), netlink(7)), decoded. */
#ifndef KERNEL_SOCKET_ADDRESS_H
#define KERNEL_SOCKET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/core/text.h"

/* AF_… */
#define FAMILY_UNSPEC 0
#define FAMILY_UNIX 1
#define FAMILY_INET 2
#define FAMILY_INET6 10
#define FAMILY_NETLINK 16

#define ADDRESS_INET_BYTES 16u
#define ADDRESS_NETLINK_BYTES 10u
#define ADDRESS_NAME_BYTES_MAX 108u

struct address {
    uint16_t family;
    uint16_t port;  /* of IP */
    uint16_t bytes; /* of data; FAMILY_UNIX: 0: it has no name */
    uint8_t data[ADDRESS_NAME_BYTES_MAX]; /* IP: of version 6, or 4 within it; or a name; netlink: all behind the family */
};

/* A program's sockaddr. 0, -EFAULT, -EINVAL; -EAFNOSUPPORT: none of the above families. */
int address_read(struct address *address, uint64_t from, uint64_t bytes);
/* To a program's buffer, cut to the size that stands at bytes_at, which becomes the whole's.
 * to 0: nothing is wanted. 0, -EFAULT, -EINVAL. */
int address_write(const struct address *address, uint64_t to, uint64_t bytes_at);
/* The same with the size known; *whole is what it would take. */
int address_put(const struct address *address, uint64_t to, uint32_t room, uint32_t *whole);

struct address address_any(uint16_t family);
struct address address_loopback(uint16_t family, uint16_t port);

bool address_same(const struct address *a, const struct address *b);
bool address_is_any(const struct address *address);    /* 0.0.0.0, :: */
bool address_is_v4(const struct address *address);     /* or 4 within 6 */
bool address_is_local(const struct address *address);  /* any, or loopback */
/* As one of family FAMILY_INET6 or FAMILY_INET, where it is both. */
struct address address_as(const struct address *address, uint16_t family);

/* For the log, of IP: 192.0.2.1:80, [2001:db8::1]:80. */
void address_text(const struct address *address, struct text *line);

#endif
