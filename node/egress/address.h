/*
 * address.h: what kind of place an IP address is, and whether it is one of this machine's.
 * An IPv6 address that carries an IPv4 one (mapped, compatible, 6to4, NAT64) is of the kind of
 * that one, if that is the more dangerous. Pure functions, but for address_is_local().
 */
#ifndef MF_NODE_EGRESS_ADDRESS_H
#define MF_NODE_EGRESS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/freestanding/ip_text.h"

enum address_kind {
    ADDRESS_PUBLIC,
    ADDRESS_PRIVATE,    /* RFC 1918, 6598, 4193, 2544: a network of one's own        */
    ADDRESS_LOOPBACK,   /* this machine                                              */
    ADDRESS_LINK_LOCAL, /* this wire: what configures machines and clouds            */
    ADDRESS_NEVER,      /* unspecified (Linux takes it for loopback), multicast,
                           broadcast, reserved; or no IP address                     */
};

enum address_kind address_kind(const struct sockaddr *address, socklen_t bytes);
uint16_t address_port(const struct sockaddr *address, socklen_t bytes); /* 0: none */

/* Would a connection to it end on this machine? Asks the kernel; when in doubt: yes. */
bool address_is_local(const struct sockaddr *address, socklen_t bytes);

/* "127.0.0.1:80", "[::1]:80", for a log; "?": no address of IP. */
#define ADDRESS_TEXT_BYTES IP_TEXT_BYTES
const char *address_text(const struct sockaddr *address, socklen_t bytes, char *text);

#endif
