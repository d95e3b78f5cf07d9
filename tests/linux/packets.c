/* packets.c: SOCK_SEQPACKET, connections of messages: pairs and names, where a message ends, what ends, what is
 * refused; and what read and write do that are no calls of sockets. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static const char *result(long value)
{
    static char text[4][48];
    static unsigned turn;
    char *to = text[turn++ % 4];
    if (value < 0)
        (void)snprintf(to, sizeof text[0], "%s", strerror(errno));
    else
        (void)snprintf(to, sizeof text[0], "%ld", value);
    return to;
}

static unsigned ready(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    return poll(&one, 1, 0) < 0 ? 0xffff : (unsigned)one.revents;
}

static volatile sig_atomic_t signals;

static void count(int number)
{
    signals += number == SIGPIPE;
}

static void pairs(void)
{
    int pair[2], type = 0, waiting = 0;
    socklen_t bytes = sizeof type;
    char text[16] = "", rest[16] = "";
    struct iovec parts[2] = {{text, 3}, {rest, 2}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    printf("pair: %s", result(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)));
    (void)getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &type, &bytes);
    printf(" type %d, ready %#x %#x\n", type, ready(pair[0]), ready(pair[1]));
    printf("send: %s", result(send(pair[0], "hello, ", 7, 0)));
    printf(" %s", result(write(pair[0], "world", 5)));
    printf(" empty %s;", result(send(pair[0], "", 0, 0)));
    (void)ioctl(pair[1], FIONREAD, &waiting);
    printf(" ready %#x, waiting %d\n", ready(pair[1]), waiting);
    printf("peek %s,", result(recv(pair[1], text, 2, MSG_PEEK | MSG_TRUNC)));
    printf(" in parts %s", result(recvmsg(pair[1], &message, 0)));
    printf(" \"%s\" \"%s\" flags %#x\n", text, rest, (unsigned)message.msg_flags);
    message = (struct msghdr){.msg_iov = parts, .msg_iovlen = 1};
    parts[0].iov_len = sizeof text;
    printf("next: %s", result(recvmsg(pair[1], &message, 0)));
    printf(" \"%s\" flags %#x,", text, (unsigned)message.msg_flags);
    printf(" empty %s,", result(recv(pair[1], text, 8, 0)));
    printf(" none %s\n", result(recv(pair[1], text, 8, MSG_DONTWAIT)));
    printf("cut off: %s", result(send(pair[0], "abcdef", 6, 0)));
    printf(" %s", result(send(pair[0], "next", 4, 0)));
    printf(" %s", result(read(pair[1], text, 2)));
    printf(" %s\n", result(read(pair[1], text, 16)));
    static char large[300000];
    printf("too large: %s,", result(send(pair[0], large, sizeof large, 0)));
    printf(" large: %s", result(send(pair[0], large, 100000, 0)));
    printf(" %s\n", result(recv(pair[1], large, sizeof large, 0)));
    (void)!send(pair[0], "last", 4, 0);
    printf("shut: %s", result(shutdown(pair[0], SHUT_WR)));
    printf(", ready %#x", ready(pair[1]));
    printf(" %s", result(recv(pair[1], text, 8, 0)));
    printf(" end %s,", result(recv(pair[1], text, 8, 0)));
    printf(" other way %s", result(send(pair[1], "yes", 3, 0)));
    printf(" %s\n", result(recv(pair[0], text, 8, 0)));
    close(pair[0]);
    close(pair[1]);
}

static void ends(void)
{
    int pair[2];
    char text[8];
    (void)!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
    (void)!send(pair[1], "kept", 4, 0);
    close(pair[1]);
    printf("closed: ready %#x", ready(pair[0]));
    printf(" %s", result(recv(pair[0], text, 8, 0)));
    printf(" end %s", result(recv(pair[0], text, 8, 0)));
    printf(" send %s", result(send(pair[0], "x", 1, 0)));
    printf(" write %s", result(write(pair[0], "x", 1)));
    printf(" signals %d\n", (int)signals);
    close(pair[0]);
    (void)!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
    (void)!send(pair[0], "unread", 6, 0);
    close(pair[1]);
    printf("unread: ready %#x", ready(pair[0]));
    printf(" %s", result(recv(pair[0], text, 8, 0)));
    printf(" then %s\n", result(recv(pair[0], text, 8, 0)));
    close(pair[0]);
}

static void names(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0mayfly-packets"}, other;
    socklen_t bytes = sizeof name.sun_family + 15, size = sizeof other;
    int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0), client = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    int stream = socket(AF_UNIX, SOCK_STREAM, 0);
    char text[8] = "";
    printf("new: ready %#x", ready(client));
    printf(" recv %s", result(recv(client, text, 8, 0)));
    printf(" send %s\n", result(send(client, "x", 1, 0)));
    printf("name: %s", result(bind(listener, (struct sockaddr *)&name, bytes)));
    printf(" %s", result(listen(listener, 2)));
    printf(" ready %#x", ready(listener));
    printf(" a stream: %s\n", result(connect(stream, (struct sockaddr *)&name, bytes)));
    printf("connect: %s", result(connect(client, (struct sockaddr *)&name, bytes)));
    printf(" ready %#x", ready(listener));
    printf(" again: %s,", result(connect(client, (struct sockaddr *)&name, bytes)));
    printf(" sent before: %s\n", result(sendto(client, "early", 5, 0, (struct sockaddr *)&name, bytes)));
    int server = accept(listener, (struct sockaddr *)&other, &size);
    printf("accepted: %d, its name of %u bytes, %s", server >= 0, size, result(recv(server, text, 8, 0)));
    size = sizeof other;
    (void)!getpeername(client, (struct sockaddr *)&other, &size);
    printf(" \"%s\", the other's of %u\n", text, size);
    printf("back: %s", result(send(server, "back", 4, MSG_EOR)));
    printf(" %s\n", result(recv(client, text, 8, 0)));
    close(listener);
    close(server);
    printf("nobody: %s\n", result(connect(stream, (struct sockaddr *)&name, bytes)));
    close(client);
    close(stream);
    printf("of IP: %s\n", result(socket(AF_INET, SOCK_SEQPACKET, 0)));
}

static void *reads_late(void *argument)
{
    static char part[5000];
    static long sum;
    usleep(20000);
    sum = 0;
    for (long got; (got = recv(*(int *)argument, part, sizeof part, 0)) > 0;)
        sum += got;
    return &sum;
}

/* Who sends waits for room, and each message arrives whole. */
static void waits(void)
{
    static char part[4000];
    int pair[2];
    pthread_t thread;
    void *sum;
    (void)!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
    (void)!pthread_create(&thread, NULL, reads_late, &pair[1]);
    long sent = 0;
    for (int i = 0; i < 500; i++)
        sent += send(pair[0], part, sizeof part, 0);
    close(pair[0]);
    pthread_join(thread, &sum);
    printf("waited: sent %ld received %ld\n", sent, *(long *)sum);
    close(pair[1]);
}

static void by_read(void)
{
    const struct timeval timeout = {.tv_usec = 1000};
    int pair[2];
    char byte;
    (void)!socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    (void)!setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    printf("read with a timeout: %s\n", result(read(pair[0], &byte, 1)));
    close(pair[0]);
    close(pair[1]);
    (void)!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    printf("nothing written: %s", result(write(pair[0], "", 0)));
    printf(" received %s\n", result(recv(pair[1], &byte, 1, MSG_DONTWAIT)));
    (void)!shutdown(pair[1], SHUT_RD);
    signals = 0;
    printf("datagram for nobody: %s", result(write(pair[0], "x", 1)));
    printf(" signals %d\n", (int)signals);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    signal(SIGPIPE, count);
    pairs();
    ends();
    names();
    waits();
    by_read();
    return 0;
}
