/*
 * address.c: see address.h.
 * Tables of ranges: IANA's registries of special-purpose addresses (RFC 6890 and what it names).
 */
#include "node/egress/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

struct range4 {
    uint32_t first;
    unsigned bits;
    enum address_kind kind;
};

struct range6 {
    uint8_t first[16];
    unsigned bits;
    enum address_kind kind;
};

static const struct range4 ranges4[] = {
    {0x00000000, 8, ADDRESS_NEVER},       /* 0/8: this network (RFC 791); Linux: loopback */
    {0x7f000000, 8, ADDRESS_LOOPBACK},    /* 127/8                                        */
    {0xa9fe0000, 16, ADDRESS_LINK_LOCAL}, /* 169.254/16 (RFC 3927)                        */
    {0x0a000000, 8, ADDRESS_PRIVATE},     /* 10/8, 172.16/12, 192.168/16 (RFC 1918)       */
    {0xac100000, 12, ADDRESS_PRIVATE},
    {0xc0a80000, 16, ADDRESS_PRIVATE},
    {0x64400000, 10, ADDRESS_PRIVATE},    /* 100.64/10: behind carriers (RFC 6598)        */
    {0xc6120000, 15, ADDRESS_PRIVATE},    /* 198.18/15: benches (RFC 2544)                */
    {0xc0000000, 24, ADDRESS_PRIVATE},    /* 192.0.0/24: protocols (RFC 6890)             */
    {0xe0000000, 4, ADDRESS_NEVER},       /* 224/4: multicast                             */
    {0xf0000000, 4, ADDRESS_NEVER},       /* 240/4: reserved, with the broadcast address  */
};

static const struct range6 ranges6[] = {
    {{[15] = 1}, 128, ADDRESS_LOOPBACK},
    {{0}, 128, ADDRESS_NEVER},
    {{0xfe, 0x80}, 10, ADDRESS_LINK_LOCAL},
    {{0xfe, 0xc0}, 10, ADDRESS_PRIVATE}, /* site-local, before RFC 3879 */
    {{0xfc}, 7, ADDRESS_PRIVATE},        /* RFC 4193                    */
    {{0xff}, 8, ADDRESS_NEVER},          /* multicast                   */
    /* 64:ff9b:1::/48: a network's own NAT64 (RFC 8215); where the IPv4 address stands, it alone knows */
    {{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48, ADDRESS_PRIVATE},
};

/* Where an IPv4 address stands in an IPv6 one that begins so. */
static const struct {
    uint8_t first[16];
    unsigned bits, at;
} carriers[] = {
    {{[10] = 0xff, [11] = 0xff}, 96, 12},   /* ::ffff:0:0/96: mapped (RFC 4291)      */
    {{[8] = 0xff, [9] = 0xff}, 96, 12},     /* ::ffff:0:0:0/96: translated (RFC 2765) */
    {{0}, 96, 12},                          /* ::/96: compatible                     */
    {{0x20, 0x02}, 16, 2},                  /* 2002::/16: 6to4 (RFC 3056)            */
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12},     /* 64:ff9b::/96: NAT64 (RFC 6052)        */
};

static enum address_kind kind4(uint32_t address)
{
    for (size_t i = 0; i < sizeof ranges4 / sizeof ranges4[0]; i++)
        if ((address ^ ranges4[i].first) >> (32 - ranges4[i].bits) == 0)
            return ranges4[i].kind;
    return ADDRESS_PUBLIC;
}

static bool begins_with(const uint8_t *address, const uint8_t *first, unsigned bits)
{
    unsigned rest = bits % 8;
    return memcmp(address, first, bits / 8) == 0 &&
           (rest == 0 || (address[bits / 8] ^ first[bits / 8]) >> (8 - rest) == 0);
}

static enum address_kind kind6(const uint8_t *address)
{
    for (size_t i = 0; i < sizeof ranges6 / sizeof ranges6[0]; i++)
        if (begins_with(address, ranges6[i].first, ranges6[i].bits))
            return ranges6[i].kind;
    for (size_t i = 0; i < sizeof carriers / sizeof carriers[0]; i++) {
        if (!begins_with(address, carriers[i].first, carriers[i].bits))
            continue;
        const uint8_t *at = address + carriers[i].at;
        return kind4((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
    }
    return ADDRESS_PUBLIC;
}

enum address_kind address_kind(const struct sockaddr *address, socklen_t bytes)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (bytes >= sizeof v4 && address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        return kind4(ntohl(v4.sin_addr.s_addr));
    }
    if (bytes >= sizeof v6 && address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        return kind6(v6.sin6_addr.s6_addr);
    }
    return ADDRESS_NEVER;
}

uint16_t address_port(const struct sockaddr *address, socklen_t bytes)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (bytes >= sizeof v4 && address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        return ntohs(v4.sin_port);
    }
    if (bytes >= sizeof v6 && address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        return ntohs(v6.sin6_port);
    }
    return 0;
}

/* Only what is local can be bound; the routes that say so may name more than the interfaces do. */
bool address_is_local(const struct sockaddr *address, socklen_t bytes)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } from = {0};
    enum address_kind kind = address_kind(address, bytes);
    if (kind == ADDRESS_LOOPBACK || kind == ADDRESS_NEVER || bytes > sizeof from)
        return true;
    memcpy(&from, address, bytes);
    if (from.any.sa_family == AF_INET)
        from.v4.sin_port = 0;
    else
        from.v6.sin6_port = 0;
    int probe = socket(from.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return true;
    bool local = bind(probe, &from.any, bytes) == 0 || errno != EADDRNOTAVAIL;
    (void)close(probe);
    return local;
}

const char *address_text(const struct sockaddr *address, socklen_t bytes, char *text)
{
    uint8_t ip[IP_BYTES] = {[10] = 0xff, [11] = 0xff}; /* 4 within 6 */
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (bytes >= sizeof v4 && address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        memcpy(ip + 12, &v4.sin_addr, sizeof v4.sin_addr);
    } else if (bytes >= sizeof v6 && address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        memcpy(ip, &v6.sin6_addr, sizeof ip);
    } else {
        text[0] = '?';
        text[1] = 0;
        return text;
    }
    ip_text(ip, address_port(address, bytes), text);
    return text;
}
