/* sockets.c: streams and datagrams of the loopback, pairs and names: what arrives, what ends, who
 * is told of it, by one thread and between two. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *result(long value)
{
    static char text[48];
    if (value < 0)
        (void)snprintf(text, sizeof text, "%s", strerror(errno));
    else
        (void)snprintf(text, sizeof text, "%ld", value);
    return text;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listens(struct sockaddr_in *address)
{
    socklen_t bytes = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address = loopback(0);
    if (bind(fd, (struct sockaddr *)address, bytes) || listen(fd, 8) ||
        getsockname(fd, (struct sockaddr *)address, &bytes))
        exit(1);
    return fd;
}

static int connects(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address))
        exit(2);
    return fd;
}

static int ready(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    return poll(&one, 1, 0) < 0 ? -1 : one.revents;
}

/* What the loopback carries arrives when Linux gets round to it, on a busy machine after the call that
 * sent it: ready once one of `events`, an error or the end is there. */
static int ready_when(int fd, short events)
{
    struct pollfd one = {.fd = fd, .events = events};
    return poll(&one, 1, 10000) == 1 ? ready(fd) : -1;
}

static void wait_for_bytes(int fd, int bytes)
{
    for (int waiting = 0; waiting < bytes; usleep(100))
        (void)ioctl(fd, FIONREAD, &waiting);
}

static void streams(void)
{
    struct sockaddr_in address, peer;
    socklen_t bytes = sizeof peer;
    char text[64] = "";
    int listener = listens(&address);
    printf("listener ready: %#x\n", (unsigned)ready(listener));
    int client = connects(&address);
    printf("listener ready: %#x\n", (unsigned)ready_when(listener, POLLIN));
    int server = accept4(listener, (struct sockaddr *)&peer, &bytes, SOCK_CLOEXEC);
    printf("accepted: family %d bytes %u, loopback %d, cloexec %d\n", peer.sin_family, bytes,
           peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK), fcntl(server, F_GETFD));
    printf("again: %s\n", result(connect(client, (struct sockaddr *)&address, sizeof address)));
    printf("client ready: %#x\n", (unsigned)ready(client));
    printf("nothing yet: %s\n", result(recv(client, text, sizeof text, MSG_DONTWAIT)));
    printf("send: %s", result(send(server, "hello, ", 7, 0)));
    printf(" %s\n", result(write(server, "world", 5)));
    wait_for_bytes(client, 12);
    printf("client ready: %#x\n", (unsigned)ready(client));
    int waiting = 0;
    printf("FIONREAD: %s", result(ioctl(client, FIONREAD, &waiting)));
    printf(" %d\n", waiting);
    printf("peek: %s", result(recv(client, text, 5, MSG_PEEK)));
    printf(" read: %s", result(read(client, text, sizeof text)));
    printf(" \"%.12s\"\n", text);
    printf("shut: %s\n", result(shutdown(server, SHUT_WR)));
    printf("client ready: %#x", (unsigned)ready_when(client, POLLRDHUP));
    printf(", end: %s\n", result(recv(client, text, sizeof text, 0)));
    printf("write after: %s\n", result(send(server, "x", 1, MSG_NOSIGNAL)));
    printf("other way: %s", result(send(client, "back", 4, 0)));
    printf(" %s\n", result(recv(server, text, sizeof text, 0)));
    close(client);
    printf("closed: %s", result(recv(server, text, sizeof text, 0)));
    printf(" ready %#x\n", (unsigned)ready(server));
    close(server);
    client = connects(&address);
    server = accept(listener, NULL, NULL);
    (void)!send(client, "unread", 6, 0);
    wait_for_bytes(server, 6);
    close(server);
    printf("reset: ready %#x", (unsigned)ready_when(client, POLLRDHUP));
    printf(" recv %s", result(recv(client, text, sizeof text, 0)));
    printf(" then %s", result(recv(client, text, sizeof text, 0)));
    printf(" send %s\n", result(send(client, "x", 1, MSG_NOSIGNAL)));
    close(client);
    close(listener);
    client = socket(AF_INET, SOCK_STREAM, 0);
    printf("nobody: %s\n", result(connect(client, (struct sockaddr *)&address, sizeof address)));
    printf("not connected: recv %s", result(recv(client, text, 1, 0)));
    printf(" shutdown %s", result(shutdown(client, SHUT_WR)));
    printf(" name %s\n", result(getpeername(client, (struct sockaddr *)&peer, &bytes)));
    close(client);
}

static volatile sig_atomic_t signals;

static void count(int number)
{
    signals += number == SIGPIPE;
}

static void broken_pipes(void)
{
    int pair[2];
    signal(SIGPIPE, count);
    (void)!socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    struct ucred who;
    socklen_t who_bytes = sizeof who;
    printf("whom it is with: %s", result(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &who, &who_bytes)));
    printf(" %d\n", who.pid == getpid() && who.uid == getuid() && who.gid == getgid());
    close(pair[1]);
    printf("SIGPIPE: write %s", result(write(pair[0], "x", 1)));
    printf(" signals %d", (int)signals);
    printf(" send %s", result(send(pair[0], "x", 1, MSG_NOSIGNAL)));
    printf(" signals %d\n", (int)signals);
    close(pair[0]);
    signal(SIGPIPE, SIG_IGN);
}

static void addresses(void)
{
    struct sockaddr_in address, outside = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x08080808)};
    int listener = listens(&address), other = socket(AF_INET, SOCK_STREAM, 0), on = 1, value = 0;
    socklen_t bytes = sizeof value;
    printf("in use: %s\n", result(bind(other, (struct sockaddr *)&address, sizeof address)));
    (void)setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    printf("in use: %s\n", result(bind(other, (struct sockaddr *)&address, sizeof address)));
    printf("not here: %s\n", result(bind(other, (struct sockaddr *)&outside, sizeof outside)));
    printf("short: %s\n", result(bind(other, (struct sockaddr *)&address, 4)));
    printf("reuse: %s", result(getsockopt(other, SOL_SOCKET, SO_REUSEADDR, &value, &bytes)));
    printf(" %d\n", value);
    printf("nodelay: %s", result(setsockopt(other, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on)));
    printf(" %s", result(getsockopt(other, IPPROTO_TCP, TCP_NODELAY, &value, &bytes)));
    printf(" %d\n", value);
    printf("type: %s", result(getsockopt(other, SOL_SOCKET, SO_TYPE, &value, &bytes)));
    printf(" %d, listens:", value);
    printf(" %s", result(getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &value, &bytes)));
    printf(" %d\n", value);
    printf("no such family %s", result(socket(99, SOCK_STREAM, 0)));
    printf(", no such option %s", result(setsockopt(other, SOL_SOCKET, 9999, &on, sizeof on)));
    printf(", no socket %s", result(listen(0, 1)));
    printf(", no descriptor %s\n", result(listen(777, 1)));
    printf("accept of no listener: %s\n", result(accept(other, NULL, NULL)));
    close(other);
    close(listener);
    int six = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    bytes = sizeof any;
    (void)!bind(six, (struct sockaddr *)&any, sizeof any);
    (void)!listen(six, 4);
    (void)!getsockname(six, (struct sockaddr *)&any, &bytes);
    address = loopback(ntohs(any.sin6_port));
    int client = connects(&address), server = accept(six, (struct sockaddr *)&any, &bytes);
    printf("mapped: %d %d\n", server >= 0, IN6_IS_ADDR_V4MAPPED(&any.sin6_addr));
    close(client);
    close(server);
    close(six);
}

static void datagrams(void)
{
    struct sockaddr_in a_at = loopback(0), from;
    socklen_t bytes = sizeof a_at;
    char text[64] = "";
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    (void)!bind(a, (struct sockaddr *)&a_at, sizeof a_at);
    (void)!getsockname(a, (struct sockaddr *)&a_at, &bytes);
    printf("datagram: %s", result(sendto(b, "question", 8, 0, (struct sockaddr *)&a_at, sizeof a_at)));
    printf(" %s", result(sendto(b, "", 0, 0, (struct sockaddr *)&a_at, sizeof a_at)));
    printf(" %s", result(recv(a, text, 4, MSG_TRUNC | MSG_PEEK)));
    printf(" %s", result(recvfrom(a, text, sizeof text, 0, (struct sockaddr *)&from, &bytes)));
    printf(" \"%.8s\"", text);
    printf(" empty %s\n", result(recv(a, text, sizeof text, 0)));
    printf("answer: %s", result(sendto(a, "yes", 3, 0, (struct sockaddr *)&from, bytes)));
    (void)ready_when(b, POLLIN);
    printf(" %s", result(recv(b, text, sizeof text, 0)));
    printf(" %s\n", result(recv(b, text, sizeof text, 0)));
    printf("where to: %s\n", result(send(b, "x", 1, 0)));
    (void)!connect(b, (struct sockaddr *)&a_at, sizeof a_at);
    printf("connected: %s", result(send(b, "xy", 2, 0)));
    printf(" %s\n", result(recv(a, text, sizeof text, 0)));
    close(a);
    printf("gone: %s", result(send(b, "x", 1, 0)));
    (void)ready_when(b, 0);
    printf(" %s\n", result(recv(b, text, sizeof text, 0)));
    close(b);
    int pair[2];
    (void)!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    struct iovec parts[2] = {{"one", 3}, {"two", 3}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    printf("pair: %s", result(sendmsg(pair[0], &message, 0)));
    char first[4] = "", second[16] = "";
    struct iovec into[2] = {{first, 3}, {second, 2}};
    message = (struct msghdr){.msg_iov = into, .msg_iovlen = 2};
    printf(" %s", result(recvmsg(pair[1], &message, 0)));
    printf(" \"%s\" \"%s\" truncated %d\n", first, second, !!(message.msg_flags & MSG_TRUNC));
    close(pair[0]);
    close(pair[1]);
}

static void names(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0mayfly-test"}, other;
    socklen_t bytes = sizeof name.sun_family + 12, size = sizeof other;
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    printf("name: %s", result(bind(listener, (struct sockaddr *)&name, bytes)));
    printf(" %s\n", result(listen(listener, 2)));
    printf("name: %s", result(connect(client, (struct sockaddr *)&name, bytes)));
    int server = accept(listener, (struct sockaddr *)&other, &size);
    printf(" peer without a name: %u\n", size);
    size = sizeof other;
    printf("own name: %s", result(getsockname(listener, (struct sockaddr *)&other, &size)));
    printf(" %u bytes\n", size);
    printf("bytes: %s", result(send(client, "abc", 3, 0)));
    char text[8];
    printf(" %s\n", result(recv(server, text, 8, MSG_WAITALL | MSG_DONTWAIT)));
    close(server);
    printf("gone: %s", result(send(client, "abc", 3, MSG_NOSIGNAL)));
    close(client);
    close(listener);
    client = socket(AF_UNIX, SOCK_STREAM, 0);
    printf(" nobody: %s\n", result(connect(client, (struct sockaddr *)&name, bytes)));
    close(client);
}

/* Datagrams of a socket that has no name. */
static void nameless(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0mayfly-nameless"}, from;
    socklen_t bytes = sizeof name.sun_family + 16, size = sizeof from;
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from};
    int a = socket(AF_UNIX, SOCK_DGRAM, 0), b = socket(AF_UNIX, SOCK_DGRAM, 0);
    char text[8];
    (void)bind(b, (struct sockaddr *)&name, bytes);
    printf("nameless: %s", result(sendto(a, "one", 3, 0, (struct sockaddr *)&name, bytes)));
    printf(" %s", result(sendto(a, "two", 3, 0, (struct sockaddr *)&name, bytes)));
    printf(" %s", result(recvfrom(b, text, 8, 0, (struct sockaddr *)&from, &size)));
    printf(" %s, names of %u", result(recvmsg(b, &message, 0)), size);
    printf(" and %u bytes\n", message.msg_namelen);
    close(a);
    close(b);
}

/* More than is ever under way, to who is gone: not all of it is taken. */
static void much_for_nobody(void)
{
    static char much[32 << 20];
    struct sockaddr_in address;
    int listener = listens(&address), client = connects(&address);
    close(accept(listener, NULL, NULL));
    long sent = send(client, much, sizeof much, MSG_NOSIGNAL);
    printf("for nobody: %d\n", sent < (long)sizeof much);
    printf("and again: %s\n", result(send(client, much, sizeof much, MSG_NOSIGNAL)));
    close(client);
    close(listener);
}

#define MUCH (3u << 20)

static void *sends_much(void *arg)
{
    static unsigned char data[MUCH];
    for (unsigned i = 0; i < MUCH; i++)
        data[i] = (unsigned char)(i * 31 + (i >> 10));
    int fd = *(int *)arg;
    long sent = send(fd, data, MUCH, 0); /* blocks until all is sent */
    shutdown(fd, SHUT_WR);
    printf("sent: %ld\n", sent);
    return NULL;
}

static void between_threads(void)
{
    struct sockaddr_in address;
    int listener = listens(&address), client = connects(&address);
    int server = accept(listener, NULL, NULL);
    pthread_t thread;
    (void)!pthread_create(&thread, NULL, sends_much, &client);
    unsigned char part[10000];
    unsigned at = 0, wrong = 0;
    for (;;) {
        long got = recv(server, part, sizeof part, 0);
        if (got <= 0)
            break;
        for (long i = 0; i < got; i++, at++)
            wrong += part[i] != (unsigned char)(at * 31 + (at >> 10));
    }
    pthread_join(thread, NULL);
    printf("received: %u wrong %u\n", at, wrong);
    close(client);
    close(server);
    close(listener);
}

static void *accepts(void *arg)
{
    char byte;
    int server = accept(*(int *)arg, NULL, NULL);
    long got = recv(server, &byte, 1, 0);
    (void)!send(server, "y", 1, 0);
    printf("thread: got %ld\n", got);
    close(server);
    return NULL;
}

static void waits(void)
{
    struct sockaddr_in address;
    int listener = listens(&address);
    pthread_t thread;
    (void)!pthread_create(&thread, NULL, accepts, &listener);
    int client = connects(&address), epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET | EPOLLRDHUP, .data.u32 = 7};
    (void)!epoll_ctl(epoll, EPOLL_CTL_ADD, client, &event);
    printf("epoll: %s\n", result(epoll_wait(epoll, &event, 1, 0)));
    printf("more than there can be: %s\n", result(epoll_wait(epoll, &event, INT_MAX, 0)));
    (void)!send(client, "x", 1, 0);
    pthread_join(thread, NULL);
    (void)ready_when(client, POLLRDHUP);
    int got = epoll_wait(epoll, &event, 1, -1);
    printf("epoll: %d %u %#x\n", got, event.data.u32, event.events & ~(uint32_t)EPOLLHUP);
    struct timeval timeout = {.tv_usec = 1000};
    char text[4];
    printf("read: %s", result(recv(client, text, 4, 0)));
    printf(" %s\n", result(recv(client, text, 4, 0)));
    close(client);
    client = connects(&address);
    (void)!setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    printf("timeout: %s\n", result(recv(client, text, 4, 0)));
    close(client);
    close(epoll);
    close(listener);
}

static void begun(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = -1;
    socklen_t bytes = sizeof error;
    printf("begun: %s", result(connect(fd, (const struct sockaddr *)address, sizeof *address)));
    printf(" %#x", (unsigned)ready_when(fd, POLLOUT));
    (void)!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
    printf(" %s", strerror(error));
    for (int i = 0; i < 2; i++)
        printf(" %s", result(connect(fd, (const struct sockaddr *)address, sizeof *address)));
    printf(" %#x\n", (unsigned)ready(fd));
    close(fd);
}

/* A connection of IP's, to the instance itself, too, is begun by a call that does not wait, and ends later. */
static void without_waiting(void)
{
    struct sockaddr_in address;
    int listener = listens(&address);
    begun(&address);
    close(listener);
    begun(&address);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0mf-sockets-begun"};
    int named = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)!bind(named, (struct sockaddr *)&name, sizeof name);
    (void)!listen(named, 1);
    printf("of a name: %s", result(connect(fd, (struct sockaddr *)&name, sizeof name)));
    printf(" %s\n", result(connect(fd, (struct sockaddr *)&name, sizeof name)));
    close(named);
    close(fd);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    streams();
    broken_pipes();
    addresses();
    datagrams();
    names();
    nameless();
    much_for_nobody();
    between_threads();
    waits();
    without_waiting();
    return 0;
}
