/* interfaces.c: which interfaces and addresses there are, as C libraries ask by netlink; of lo only, which all
 * machines have. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As netlink(7) and rtnetlink(7) have them; musl brings no such headers. */
#define NETLINK_ROUTE 0
#define NLM_F_REQUEST 1
#define NLMSG_ERROR 2
#define RTM_GETLINK 18
struct sockaddr_nl {
    sa_family_t nl_family;
    uint16_t nl_pad;
    uint32_t nl_pid, nl_groups;
};
struct nlmsghdr {
    uint32_t nlmsg_len;
    uint16_t nlmsg_type, nlmsg_flags;
    uint32_t nlmsg_seq, nlmsg_pid;
};
struct ifinfomsg {
    uint8_t ifi_family, ifi_pad;
    uint16_t ifi_type;
    int32_t ifi_index;
    uint32_t ifi_flags, ifi_change;
};

static void say(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}
#define SAY(call) say(#call, (long)(call))

static void list(void)
{
    struct ifaddrs *first;
    SAY(getifaddrs(&first));
    unsigned others = 0;
    for (struct ifaddrs *at = first; at; at = at->ifa_next) {
        char text[INET_ADDRSTRLEN] = "", mask[INET_ADDRSTRLEN] = "";
        if (strcmp(at->ifa_name, "lo") != 0)
            others++;
        else if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET)
            printf("lo %x %s %s\n", at->ifa_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_BROADCAST),
                   inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)at->ifa_addr)->sin_addr, text, sizeof text),
                   inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)at->ifa_netmask)->sin_addr, mask, sizeof mask));
    }
    freeifaddrs(first);
    SAY(if_nametoindex("lo"));
    SAY(if_nametoindex("none"));
    char name[IF_NAMESIZE];
    puts(if_indextoname(1, name) ? name : "none");
    puts(if_indextoname(99, name) ? name : "none");
    struct if_nameindex *names = if_nameindex();
    SAY(names && names->if_index == 1 && strcmp(names->if_name, "lo") == 0);
    if_freenameindex(names);
}

static void ask(int fd, uint16_t type, uint16_t flags, int index, unsigned bytes)
{
    struct {
        struct nlmsghdr head;
        struct ifinfomsg body;
    } request = {{sizeof request, type, flags, 77, 0}, {.ifi_index = index}};
    struct {
        struct nlmsghdr head;
        int32_t error;
        char rest[8192];
    } answer;
    struct sockaddr_nl own, from = {.nl_pid = 1};
    socklen_t own_bytes = sizeof own, from_bytes = sizeof from;
    const struct nlmsghdr *head = &answer.head;
    getsockname(fd, (struct sockaddr *)&own, &own_bytes);
    SAY(send(fd, &request, bytes, 0));
    long got = recvfrom(fd, &answer, sizeof answer, MSG_DONTWAIT, (struct sockaddr *)&from, &from_bytes);
    if (got < (long)sizeof *head) {
        say("no answer", got);
        return;
    }
    printf("type %d, seq %u, own %d, from %u of %u bytes\n", head->nlmsg_type, head->nlmsg_seq, head->nlmsg_pid == own.nl_pid,
           from.nl_pid, (unsigned)from_bytes);
    if (head->nlmsg_type == NLMSG_ERROR)
        printf("error %d\n", answer.error);
}

int main(void)
{
    struct sockaddr_nl name = {.nl_family = AF_NETLINK};
    socklen_t bytes = sizeof name;
    list();
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    SAY(bind(fd, (struct sockaddr *)&name, 4));
    SAY(bind(fd, (struct sockaddr *)&name, sizeof name));
    SAY(getsockname(fd, (struct sockaddr *)&name, &bytes));
    SAY(bytes);
    SAY(name.nl_pid != 0);
    ask(fd, RTM_GETLINK, NLM_F_REQUEST, 1, 32);
    ask(fd, RTM_GETLINK, NLM_F_REQUEST, 9999, 32);
    ask(fd, RTM_GETLINK, 0, 1, 32);
    ask(fd, RTM_GETLINK, NLM_F_REQUEST, 1, 20); /* cut short */
    ask(fd, RTM_GETLINK, NLM_F_REQUEST, 1, 3);
    close(fd);
    SAY(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE));
    SAY(socket(AF_NETLINK, SOCK_RAW, 99));
    return 0;
}
