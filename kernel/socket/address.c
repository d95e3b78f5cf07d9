/*
 * address.c: see address.h.
 * Guarantees: what is read is within the size that the program gave; what was not given is
 * zero. Owns nothing.
 */
#include "kernel/socket/address.h"

#include <asm/errno.h>
#include <stddef.h>

#include "base/freestanding/ip_text.h"
#include "kernel/core/string.h"
#include "kernel/core/user.h"

/* As Linux's ABI has them. */
struct inet_wire {
    uint16_t family;
    uint8_t port[2], address[4], zero[8];
};
struct inet6_wire {
    uint16_t family;
    uint8_t port[2], flow[4], address[16], scope[4];
};
struct unix_wire {
    uint16_t family;
    uint8_t path[ADDRESS_NAME_BYTES_MAX];
};
_Static_assert(ADDRESS_INET_BYTES == IP_BYTES, "one length");
_Static_assert(sizeof(struct inet_wire) == 16 && sizeof(struct inet6_wire) == 28 &&
                   sizeof(struct unix_wire) == 110,
               "Linux's ABI");

union wire {
    uint16_t family;
    struct inet_wire inet;
    struct inet6_wire inet6;
    struct unix_wire local;
};

#define INET6_BYTES_MIN 24u /* RFC 2133 had no scope */
static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291, 2.5.5.2 */

static uint16_t port_of(const uint8_t port[2])
{
    return (uint16_t)(port[0] << 8 | port[1]);
}

int address_read(struct address *address, uint64_t from, uint64_t bytes)
{
    union wire wire;
    memset(&wire, 0, sizeof wire);
    *address = (struct address){.family = FAMILY_UNSPEC};
    if (bytes < sizeof wire.family || bytes > INT32_MAX)
        return -EINVAL;
    int error = user_read(&wire, from, bytes < sizeof wire ? (size_t)bytes : sizeof wire);
    if (error)
        return error;
    address->family = wire.family;
    switch (wire.family) {
    case FAMILY_UNSPEC:
        return 0;
    case FAMILY_INET:
        if (bytes < sizeof wire.inet)
            return -EINVAL;
        address->port = port_of(wire.inet.port);
        memcpy(address->data, mapped, sizeof mapped);
        memcpy(address->data + sizeof mapped, wire.inet.address, sizeof wire.inet.address);
        address->bytes = ADDRESS_INET_BYTES;
        return 0;
    case FAMILY_INET6:
        if (bytes < INET6_BYTES_MIN)
            return -EINVAL;
        address->port = port_of(wire.inet6.port);
        memcpy(address->data, wire.inet6.address, sizeof wire.inet6.address);
        address->bytes = ADDRESS_INET_BYTES;
        return 0;
    case FAMILY_UNIX:
        if (bytes > sizeof wire.local)
            return -EINVAL;
        address->bytes = (uint16_t)(bytes - sizeof wire.family);
        if (address->bytes && wire.local.path[0]) /* a path ends with its NUL, if it has one */
            for (address->bytes = 0;
                 address->bytes < bytes - sizeof wire.family && wire.local.path[address->bytes];)
                address->bytes++;
        memcpy(address->data, wire.local.path, address->bytes);
        return 0;
    case FAMILY_NETLINK: /* two bytes of nothing first */
        if (bytes < sizeof wire.family + ADDRESS_NETLINK_BYTES)
            return -EINVAL;
        memcpy(address->data + 2, wire.local.path + 2, ADDRESS_NETLINK_BYTES - 2);
        address->bytes = ADDRESS_NETLINK_BYTES;
        return 0;
    default:
        return -EAFNOSUPPORT;
    }
}

static uint32_t encode(const struct address *address, union wire *wire)
{
    const uint8_t port[2] = {(uint8_t)(address->port >> 8), (uint8_t)address->port};
    memset(wire, 0, sizeof *wire);
    wire->family = address->family;
    switch (address->family) {
    case FAMILY_INET:
        memcpy(wire->inet.port, port, sizeof port);
        memcpy(wire->inet.address, address->data + sizeof mapped, sizeof wire->inet.address);
        return sizeof wire->inet;
    case FAMILY_INET6:
        memcpy(wire->inet6.port, port, sizeof port);
        memcpy(wire->inet6.address, address->data, sizeof wire->inet6.address);
        return sizeof wire->inet6;
    default:
        memcpy(wire->local.path, address->data, address->bytes);
        uint32_t bytes = (uint32_t)sizeof wire->family + address->bytes;
        bool is_path = address->bytes && address->data[0];
        return is_path && address->bytes < ADDRESS_NAME_BYTES_MAX ? bytes + 1 : bytes;
    }
}

int address_put(const struct address *address, uint64_t to, uint32_t room, uint32_t *whole)
{
    union wire wire;
    *whole = encode(address, &wire);
    uint32_t bytes = *whole < room ? *whole : room;
    return bytes ? user_write(to, &wire, bytes) : 0;
}

int address_write(const struct address *address, uint64_t to, uint64_t bytes_at)
{
    int32_t room;
    uint32_t whole;
    if (to == 0)
        return 0;
    int error = user_read(&room, bytes_at, sizeof room);
    if (error)
        return error;
    if (room < 0)
        return -EINVAL;
    error = address_put(address, to, (uint32_t)room, &whole);
    return error ? error : user_write(bytes_at, &whole, sizeof whole);
}

struct address address_any(uint16_t family)
{
    struct address address = {.family = family};
    if (family == FAMILY_UNIX)
        return address;
    address.bytes = family == FAMILY_NETLINK ? ADDRESS_NETLINK_BYTES : ADDRESS_INET_BYTES;
    if (family == FAMILY_INET)
        memcpy(address.data, mapped, sizeof mapped);
    return address;
}

struct address address_loopback(uint16_t family, uint16_t port)
{
    struct address address = address_any(family);
    address.port = port;
    if (family == FAMILY_INET)
        address.data[12] = 127;
    address.data[15] = 1;
    return address;
}

bool address_same(const struct address *a, const struct address *b)
{
    return a->family == b->family && a->port == b->port && a->bytes == b->bytes &&
           memcmp(a->data, b->data, a->bytes) == 0;
}

bool address_is_v4(const struct address *address)
{
    return memcmp(address->data, mapped, sizeof mapped) == 0;
}

bool address_is_any(const struct address *address)
{
    static const uint8_t zero[ADDRESS_INET_BYTES];
    size_t from = address_is_v4(address) ? sizeof mapped : 0;
    return memcmp(address->data + from, zero + from, ADDRESS_INET_BYTES - from) == 0;
}

bool address_is_local(const struct address *address)
{
    const struct address loopback = address_loopback(FAMILY_INET6, 0);
    if (address_is_any(address))
        return true;
    if (address_is_v4(address))
        return address->data[12] == 127;
    return memcmp(address->data, loopback.data, ADDRESS_INET_BYTES) == 0;
}

struct address address_as(const struct address *address, uint16_t family)
{
    struct address as = *address;
    if (address->family != FAMILY_UNIX && (family == FAMILY_INET6 || address_is_v4(address)))
        as.family = family;
    return as;
}

void address_text(const struct address *address, struct text *line)
{
    char text[IP_TEXT_BYTES];
    ip_text(address->data, address->port, text);
    text_add(line, text);
}
