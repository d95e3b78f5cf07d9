/*
 * netlink.c: see netlink.h.
 * Guarantees: an answer is a message of its own, as Linux's are, and of bounded size; a request that is none is
 * not answered, one that is not served is refused.
 * Leaves to others: the buffer (datagram.c). Owns nothing.
 */
#include "kernel/socket/netlink.h"

#include <asm/errno.h>
#include <asm/sockios.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stddef.h>

#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/socket/limits.h"
#include "kernel/socket/transfer.h"

/* IFF_… of net/if.h */
#define UP 0x1u
#define BROADCAST 0x2u
#define LOOPBACK 0x8u
#define RUNNING 0x40u
#define LOWER_UP 0x10000u

#define INTERFACE_NAME_BYTES 16u /* IFNAMSIZ */
#define MAC_BYTES 6u
#define OPER_UP 6u /* IF_OPER_UP, RFC 2863 */
#define ANSWER_BYTES_MAX 256u
#define ATTRIBUTES_MAX 5u /* of one answer, none of more than a word each for its head and four for its value */

static const struct {
    const char *name;
    uint32_t flags, mtu, name_bytes;
    uint16_t type;
} interfaces[] = {
    {"lo", UP | LOOPBACK | RUNNING | LOWER_UP, 65536, sizeof "lo", ARPHRD_LOOPBACK},
    {"eth0", UP | BROADCAST | RUNNING | LOWER_UP, 1500, sizeof "eth0", ARPHRD_ETHER},
};
#define INTERFACES (sizeof interfaces / sizeof interfaces[0])

static const struct {
    uint8_t interface, family, prefix, scope, bytes;
    uint8_t data[ADDRESS_INET_BYTES];
} addresses[] = {
    {0, FAMILY_INET, 8, RT_SCOPE_HOST, 4, {127, 0, 0, 1}},
    {1, FAMILY_INET, 15, RT_SCOPE_UNIVERSE, 4, {198, 18, 0, 2}},              /* RFC 2544, lookup_own() */
    {0, FAMILY_INET6, 128, RT_SCOPE_HOST, 16, {[15] = 1}},
    {1, FAMILY_INET6, 48, RT_SCOPE_UNIVERSE, 16, {0x20, 1, 0, 2, [15] = 2}}, /* RFC 5180, likewise */
};
#define ADDRESSES (sizeof addresses / sizeof addresses[0])

/* One answer, on its way. */
struct answer {
    struct socket *to;
    const struct nlmsghdr *request;
    uint32_t bytes;
    _Alignas(struct nlmsghdr) uint8_t data[ANSWER_BYTES_MAX];
};

/* Where an address has nl_pid, behind its family. */
#define NAME_AT (offsetof(struct sockaddr_nl, nl_pid) - sizeof(uint16_t))

static uint32_t name_of(const struct socket *socket)
{
    uint32_t name;
    memcpy(&name, socket->local.data + NAME_AT, sizeof name);
    return name;
}

static void *put(struct answer *answer, const void *data, uint32_t bytes)
{
    void *at = answer->data + answer->bytes;
    memset(at, 0, NLMSG_ALIGN(bytes));
    memcpy(at, data, bytes);
    answer->bytes += NLMSG_ALIGN(bytes);
    return at;
}
_Static_assert(ANSWER_BYTES_MAX >= sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg) + ATTRIBUTES_MAX * 20, "all attributes fit");

static void put_attribute(struct answer *answer, uint16_t type, const void *data, uint32_t bytes)
{
    const struct rtattr head = {.rta_len = (uint16_t)(sizeof head + bytes), .rta_type = type};
    (void)put(answer, &head, sizeof head);
    (void)put(answer, data, bytes);
}

static void begin(struct answer *answer, uint16_t type, bool of_many)
{
    const uint32_t own = name_of(answer->to);
    const struct nlmsghdr head = {.nlmsg_type = type,
                                  .nlmsg_flags = of_many ? NLM_F_MULTI : 0,
                                  .nlmsg_seq = answer->request->nlmsg_seq,
                                  .nlmsg_pid = own};
    answer->bytes = 0;
    (void)put(answer, &head, sizeof head);
}

static int end(struct answer *answer)
{
    const struct address kernel = address_any(FAMILY_NETLINK);
    struct io io;
    ((struct nlmsghdr *)(void *)answer->data)->nlmsg_len = answer->bytes;
    io_kernel(&io, answer->data, answer->bytes);
    int error = datagram_deliver(answer->to, &kernel, &io, NULL);
    return error == -EAGAIN ? -ENOBUFS : error;
}

static int tell_interface(struct answer *answer, uint32_t i, bool of_many)
{
    static const uint8_t address[][MAC_BYTES] = {{0}, {2, 0, 198, 18, 0, 2}}; /* a local one's first byte is 2 */
    static const uint8_t all[][MAC_BYTES] = {{0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    const struct ifinfomsg info = {
        .ifi_type = interfaces[i].type, .ifi_index = (int32_t)i + 1, .ifi_flags = interfaces[i].flags};
    const uint8_t state = OPER_UP;
    begin(answer, RTM_NEWLINK, of_many);
    (void)put(answer, &info, sizeof info);
    put_attribute(answer, IFLA_IFNAME, interfaces[i].name, interfaces[i].name_bytes);
    put_attribute(answer, IFLA_MTU, &interfaces[i].mtu, sizeof interfaces[i].mtu);
    put_attribute(answer, IFLA_OPERSTATE, &state, sizeof state);
    put_attribute(answer, IFLA_ADDRESS, address[i], MAC_BYTES);
    put_attribute(answer, IFLA_BROADCAST, all[i], MAC_BYTES);
    return end(answer);
}

static int tell_address(struct answer *answer, uint32_t i)
{
    const uint32_t interface = addresses[i].interface;
    const struct ifaddrmsg info = {.ifa_family = addresses[i].family,
                                   .ifa_prefixlen = addresses[i].prefix,
                                   .ifa_flags = IFA_F_PERMANENT,
                                   .ifa_scope = addresses[i].scope,
                                   .ifa_index = interface + 1};
    begin(answer, RTM_NEWADDR, true);
    (void)put(answer, &info, sizeof info);
    put_attribute(answer, IFA_ADDRESS, addresses[i].data, addresses[i].bytes);
    if (addresses[i].family == FAMILY_INET) {
        put_attribute(answer, IFA_LOCAL, addresses[i].data, addresses[i].bytes);
        put_attribute(answer, IFA_LABEL, interfaces[interface].name, interfaces[interface].name_bytes);
    }
    return end(answer);
}

/* error 0: it was done, or is all. */
static int tell_end(struct answer *answer, bool of_many, int error)
{
    const struct nlmsgerr refusal = {.error = error, .msg = *answer->request};
    const int32_t none = 0;
    begin(answer, of_many ? NLMSG_DONE : NLMSG_ERROR, of_many);
    if (of_many)
        (void)put(answer, &none, sizeof none);
    else
        (void)put(answer, &refusal, sizeof refusal);
    return end(answer);
}

/* The interface that a request means, by index or name. */
static uint32_t meant(const uint8_t *body, uint32_t bytes)
{
    struct ifinfomsg info;
    uint32_t at = NLMSG_ALIGN(sizeof info);
    if (bytes < sizeof info)
        return INTERFACES;
    memcpy(&info, body, sizeof info);
    if (info.ifi_index > 0)
        return (uint32_t)info.ifi_index - 1 < INTERFACES ? (uint32_t)info.ifi_index - 1 : INTERFACES;
    for (struct rtattr head; at <= bytes && bytes - at >= sizeof head; at += NLMSG_ALIGN(head.rta_len)) {
        memcpy(&head, body + at, sizeof head);
        if (head.rta_len < sizeof head || head.rta_len > bytes - at)
            break;
        for (uint32_t i = 0; head.rta_type == IFLA_IFNAME && i < INTERFACES; i++)
            if (head.rta_len - sizeof head >= interfaces[i].name_bytes &&
                memcmp(body + at + sizeof head, interfaces[i].name, interfaces[i].name_bytes) == 0)
                return i;
    }
    return INTERFACES;
}

static int serve(struct answer *answer, const uint8_t *body, uint32_t bytes)
{
    const struct nlmsghdr *request = answer->request;
    const uint8_t family = bytes ? body[0] : FAMILY_UNSPEC;
    const bool all = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
    int error = 0;
    if (!(request->nlmsg_flags & NLM_F_REQUEST) || request->nlmsg_type < NLMSG_MIN_TYPE)
        return 0;
    if (request->nlmsg_type == RTM_GETLINK && !all) {
        uint32_t i = meant(body, bytes);
        return i < INTERFACES ? tell_interface(answer, i, false) : tell_end(answer, false, -ENODEV);
    }
    for (uint32_t i = 0; request->nlmsg_type == RTM_GETLINK && i < INTERFACES && !error; i++)
        error = tell_interface(answer, i, true);
    for (uint32_t i = 0; request->nlmsg_type == RTM_GETADDR && all && i < ADDRESSES && !error; i++)
        if (family == FAMILY_UNSPEC || family == addresses[i].family)
            error = tell_address(answer, i);
    if (error)
        return error;
    bool asks = request->nlmsg_type % 4 == RTM_GETLINK % 4; /* of each kind: new, delete, get, set */
    if (all && asks) /* of routes and neighbours there are none */
        return tell_end(answer, true, 0);
    return tell_end(answer, false, asks ? -EOPNOTSUPP : -EPERM);
}

void netlink_name(struct socket *socket)
{
    static uint32_t last;
    if (name_of(socket) == 0 && ++last)
        memcpy(socket->local.data + NAME_AT, &last, sizeof last);
}

int64_t netlink_control(uint64_t request, uint64_t argument)
{
    struct {
        char name[INTERFACE_NAME_BYTES];
        int32_t value;
    } asked;
    const uint32_t which = (uint32_t)request;
    if (which != SIOCGIFINDEX && which != SIOCGIFNAME && which != SIOCGIFFLAGS)
        return -ENOTTY;
    if (user_read(&asked, argument, sizeof asked) != 0)
        return -EFAULT;
    uint32_t i = 0;
    while (i < INTERFACES && (which == SIOCGIFNAME
                                  ? asked.value != (int32_t)i + 1
                                  : memcmp(asked.name, interfaces[i].name, interfaces[i].name_bytes) != 0))
        i++;
    if (i == INTERFACES)
        return -ENODEV;
    if (which == SIOCGIFNAME)
        memcpy(asked.name, interfaces[i].name, interfaces[i].name_bytes);
    else
        asked.value = which == SIOCGIFINDEX ? (int32_t)i + 1 : (int32_t)(interfaces[i].flags & 0xffff);
    return user_write(argument, &asked, sizeof asked);
}

int64_t netlink_ask(struct socket *socket, struct io *io)
{
    uint8_t requests[NETLINK_REQUEST_BYTES_MAX];
    const uint32_t bytes = (uint32_t)io->bytes;
    struct nlmsghdr request;
    int error = 0;
    if (io->bytes > sizeof requests)
        return -EMSGSIZE;
    if (io_get(io, requests, bytes) != 0)
        return -EFAULT;
    netlink_name(socket);
    for (uint32_t at = 0; !error && at <= bytes && bytes - at >= sizeof request; at += NLMSG_ALIGN(request.nlmsg_len)) {
        memcpy(&request, requests + at, sizeof request);
        if (request.nlmsg_len < sizeof request || request.nlmsg_len > bytes - at)
            break;
        struct answer answer = {.to = socket, .request = &request};
        error = serve(&answer, requests + at + sizeof request, request.nlmsg_len - (uint32_t)sizeof request);
    }
    return error ? error : (int64_t)bytes;
}
