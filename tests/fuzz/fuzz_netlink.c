/*
 * fuzz_netlink.c: a program that asks by netlink for anything (kernel/socket/netlink.c): each input is one
 * message, as it is. No expectation but: no crash, each answer is one message of the length that it says, its
 * attributes follow one another within it, and nothing is left at the end.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "kernel/socket/limits.h"
#include "kernel/socket/socket.h"
#include "tests/unit/kernel_stubs.h"
#include "tests/unit/socket_rig.h"

#define MUST(fact) ((fact) ? (void)0 : abort())

static void check(const uint8_t *answer, size_t bytes)
{
    struct nlmsghdr head;
    struct rtattr attribute;
    MUST(bytes >= sizeof head);
    memcpy(&head, answer, sizeof head);
    MUST(head.nlmsg_len == bytes && head.nlmsg_pid != 0);
    size_t at = head.nlmsg_type == RTM_NEWLINK   ? NLMSG_LENGTH(sizeof(struct ifinfomsg))
                : head.nlmsg_type == RTM_NEWADDR ? NLMSG_LENGTH(sizeof(struct ifaddrmsg))
                                                 : bytes;
    MUST(at < bytes || head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR);
    for (; at < bytes; at += RTA_ALIGN(attribute.rta_len)) {
        MUST(bytes - at >= sizeof attribute);
        memcpy(&attribute, answer + at, sizeof attribute);
        MUST(attribute.rta_len > sizeof attribute && attribute.rta_len <= bytes - at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static uint8_t request[NETLINK_REQUEST_BYTES_MAX], answer[NETLINK_REQUEST_BYTES_MAX];
    struct socket *socket;
    struct io io;
    MUST(socket_create(FAMILY_NETLINK, SOCKET_RAW, NETLINK_ROUTE, 0, &socket) == 0);
    bytes = bytes < sizeof request ? bytes : sizeof request;
    memcpy(request, data, bytes);
    io_kernel(&io, request, bytes);
    MUST(socket_send(socket, &io, NULL, NULL) == (int64_t)bytes);
    for (;;) {
        uint32_t flags = 0;
        struct address from;
        io_kernel(&io, answer, sizeof answer);
        const int64_t got_bytes = socket_receive(socket, &io, &flags, &from, NULL);
        if (got_bytes < 0)
            break;
        MUST(flags == 0 && from.family == FAMILY_NETLINK);
        check(answer, (size_t)got_bytes);
    }
    close_socket(socket);
    MUST(stub_heap_used == 0);
    return 0;
}
