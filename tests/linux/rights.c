/* rights.c: descriptors and credentials beside messages of AF_UNIX: what arrives, what is cut off, what is refused,
 * and that nothing stays open that nobody has. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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

union beside {
    struct cmsghdr head;
    char room[CMSG_SPACE(300 * sizeof(int))];
};

static long send_fds(int to, const char *text, const int *fd, unsigned count)
{
    static union beside beside;
    struct iovec data = {(void *)(uintptr_t)text, strlen(text)};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &beside,
                             .msg_controllen = CMSG_SPACE(count * sizeof *fd)};
    beside.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(count * sizeof *fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&beside.head), fd, count * sizeof *fd);
    return syscall(SYS_sendmsg, to, &message, MSG_NOSIGNAL); /* musl's takes no more than 1,024 bytes */
}

/* With room for so many; fd: those that came. */
static int receive_fds(int from, const char *what, int *fd, unsigned room, int flags)
{
    static union beside beside;
    char text[32] = "";
    struct iovec data = {text, sizeof text - 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room ? &beside : NULL,
                             .msg_controllen = room ? CMSG_LEN(room * sizeof *fd) : 0};
    memset(&beside, 0, sizeof beside);
    long got = recvmsg(from, &message, flags);
    printf("%s: %s", what, result(got));
    if (got < 0) {
        printf("\n");
        return 0;
    }
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    int count = head ? (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof *fd) : 0;
    printf(" \"%s\" flags %#x, beside %zu bytes: %d\n", text, (unsigned)message.msg_flags, (size_t)message.msg_controllen, count);
    if (head)
        memcpy(fd, CMSG_DATA(head), (size_t)count * sizeof *fd);
    return count;
}

/* Nobody has the pipe's reading end any more. */
static int is_closed(int writes)
{
    struct pollfd one = {.fd = writes, .events = POLLOUT};
    return poll(&one, 1, 0) == 1 && one.revents & POLLERR;
}

static int free_number(void)
{
    int fd = dup(0);
    close(fd);
    return fd;
}

static void passes(const char *what, int type)
{
    int pair[2], pipes[2], fd[8];
    char byte = 0;
    printf("%s\n", what);
    if (socketpair(AF_UNIX, type, 0, pair) || pipe(pipes))
        exit(1);
    printf("send: %s", result(send_fds(pair[0], "one", pipes, 2)));
    printf(" %s", result(send(pair[0], "two", 3, 0)));
    printf(" %s\n", result(send_fds(pair[0], "three", pipes + 1, 1)));
    int count = receive_fds(pair[1], "receive", fd, 8, MSG_CMSG_CLOEXEC);
    printf("the same: %d cloexec %d, %s", count == 2, fcntl(fd[0], F_GETFD), result(write(fd[1], "x", 1)));
    printf(" %s", result(read(pipes[0], &byte, 1)));
    printf(" '%c'\n", byte);
    close(fd[0]);
    close(fd[1]);
    count = receive_fds(pair[1], "receive", fd, 8, 0);
    if (type != SOCK_STREAM) /* of a stream it came with what was before it */
        count = receive_fds(pair[1], "receive", fd, 8, 0);
    printf("cloexec %d\n", count == 1 ? fcntl(fd[0], F_GETFD) : -1);
    close(fd[0]);
    int number = free_number();
    (void)send_fds(pair[0], "cut", (int[]){pipes[0], pipes[0], pipes[0]}, 3);
    count = receive_fds(pair[1], "room for two", fd, 2, 0);
    while (count)
        close(fd[--count]);
    (void)send_fds(pair[0], "none", pipes, 1);
    (void)receive_fds(pair[1], "room for none", fd, 0, 0);
    (void)send_fds(pair[0], "read", pipes, 1);
    printf("read: %s\n", result(read(pair[1], (char[8]){0}, 8)));
    (void)send_fds(pair[0], "looked at", pipes, 1);
    count = receive_fds(pair[1], "peek", fd, 8, MSG_PEEK);
    while (count)
        close(fd[--count]);
    count = receive_fds(pair[1], "after", fd, 8, 0);
    while (count)
        close(fd[--count]);
    printf("all closed: %d", number == free_number());
    (void)send_fds(pair[0], "on its way", pipes, 1);
    close(pipes[0]);
    printf(", on its way: %d", !is_closed(pipes[1]));
    close(pair[1]);
    printf(", lost: %d\n", is_closed(pipes[1]));
    close(pair[0]);
    close(pipes[1]);
}

static void refused(void)
{
    int pair[2], fd[300];
    for (unsigned i = 0; i < 300; i++)
        fd[i] = 1;
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
        exit(2);
    printf("not open: %s", result(send_fds(pair[0], "x", (int[]){0, 777}, 2)));
    printf(", too many: %s", result(send_fds(pair[0], "x", fd, 254)));
    printf(", most: %s", result(send_fds(pair[0], "x", fd, 253)));
    printf(", none: %s\n", result(send_fds(pair[0], "x", fd, 0)));
    int count = receive_fds(pair[1], "many", fd, 300, 0);
    while (count)
        close(fd[--count]);
    (void)receive_fds(pair[1], "none", fd, 4, 0);
    union beside beside;
    struct iovec data = {"x", 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &beside, .msg_controllen = 20};
    beside.head = (struct cmsghdr){.cmsg_len = 24, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    printf("short: %s", result(sendmsg(pair[0], &message, 0)));
    beside.head.cmsg_len = 15;
    printf(" %s", result(sendmsg(pair[0], &message, 0)));
    beside.head = (struct cmsghdr){.cmsg_len = 20, .cmsg_level = SOL_SOCKET, .cmsg_type = 99};
    printf(" unknown: %s", result(sendmsg(pair[0], &message, 0)));
    beside.head.cmsg_level = 99;
    printf(" another level: %s\n", result(sendmsg(pair[0], &message, 0)));
    close(pair[0]);
    close(pair[1]);
}

/* Sockets that only messages to each other have: they are closed, so there is never an end of it. */
static void circles(void)
{
    int pair[2], pipes[2];
    long sent = 0;
    for (int i = 0; i < 3000; i++) {
        if (socketpair(AF_UNIX, i % 2 ? SOCK_STREAM : SOCK_DGRAM, 0, pair) || (i == 0 && pipe(pipes)))
            exit(3);
        sent += send_fds(pair[0], "x", (int[]){pair[1], pair[0], i ? 1 : pipes[0]}, 3);
        sent += send_fds(pair[1], "x", pair, 2);
        close(pair[0]);
        close(pair[1]);
    }
    close(pipes[0]);
    for (int i = 0; i < 1000 && !is_closed(pipes[1]); i++) { /* Linux looks later, when another one is closed */
        close(socket(AF_UNIX, SOCK_STREAM, 0));
        usleep(10000);
    }
    printf("circles: %ld, closed %d\n", sent, is_closed(pipes[1]));
    close(pipes[1]);
    /* A chain: each in the one before it. */
    int last;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        exit(4);
    last = pair[0];
    int end = pair[1];
    for (int i = 0; i < 500; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
            exit(5);
        (void)send_fds(pair[0], "x", &end, 1);
        close(end);
        close(pair[0]);
        end = pair[1];
    }
    close(end);
    printf("chain: %d\n", poll(&(struct pollfd){.fd = last, .events = POLLRDHUP}, 1, 10000));
    close(last);
}

static void credentials(void)
{
    int pair[2], on = 1;
    union beside beside;
    char text[8];
    struct ucred who = {0};
    struct iovec data = {text, sizeof text};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &beside, .msg_controllen = sizeof beside};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on))
        exit(6);
    (void)send_fds(pair[0], "abc", &pair[0], 1);
    printf("credentials: %s", result(recvmsg(pair[1], &message, 0)));
    struct cmsghdr *head = CMSG_FIRSTHDR(&message), *next = CMSG_NXTHDR(&message, head);
    memcpy(&who, CMSG_DATA(head), sizeof who);
    printf(" %zu bytes: type %d, own %d; then type %d\n", (size_t)message.msg_controllen, head->cmsg_type,
           who.pid == getpid() && who.uid == getuid() && who.gid == getgid(), next ? next->cmsg_type : -1);
    message = (struct msghdr){.msg_iov = &data, .msg_iovlen = 1, .msg_control = &beside, .msg_controllen = CMSG_SPACE(sizeof who)};
    beside.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof who), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
    printf("its own: %s", result(sendmsg(pair[0], &message, 0)));
    beside.head.cmsg_len--;
    printf(", short: %s", result(sendmsg(pair[0], &message, 0)));
    (void)send(pair[0], "z", 1, 0);
    printf(", no room: %s", result(recv(pair[1], text, 8, 0)));
    (void)send(pair[0], "z", 1, 0);
    message.msg_controllen = 20;
    printf(" %s", result(recvmsg(pair[1], &message, 0)));
    printf(" %zu bytes, flags %#x\n", (size_t)message.msg_controllen, (unsigned)message.msg_flags);
    close(pair[0]);
    close(pair[1]);
}

/* A stream's bytes before it, it, its rest, and what comes after it. */
static void parts(void)
{
    int pair[2], fd[4];
    char text[8];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        exit(7);
    (void)!write(pair[0], "ab", 2);
    (void)send_fds(pair[0], "cdefgh", pair, 1);
    (void)!write(pair[0], "ij", 2);
    printf("one: %s\n", result(read(pair[1], text, 1)));
    struct iovec data = {text, 3};
    union beside beside;
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &beside, .msg_controllen = sizeof beside};
    printf("its first: %s", result(recvmsg(pair[1], &message, MSG_WAITALL)));
    printf(" beside %zu bytes\n", (size_t)message.msg_controllen);
    int count = receive_fds(pair[1], "the rest", fd, 4, MSG_DONTWAIT);
    (void)send_fds(pair[0], "kl", pair, 1);
    (void)!write(pair[0], "mn", 2);
    count += receive_fds(pair[1], "up to its end", fd, 4, MSG_WAITALL);
    printf("%d; then %s\n", count, result(read(pair[1], text, 8)));
    close(pair[0]);
    close(pair[1]);
}

static void *receives(void *argument)
{
    int fd[4], count = receive_fds(*(int *)argument, "thread", fd, 4, 0);
    printf("writes there: %d %s\n", count, result(count == 1 ? write(fd[0], "hello", 5) : 0));
    close(fd[0]);
    return NULL;
}

static void between_threads(void)
{
    int pair[2], pipes[2];
    char text[8] = "";
    pthread_t thread;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) || pipe(pipes) || pthread_create(&thread, NULL, receives, &pair[1]))
        exit(8);
    usleep(10000);
    (void)send_fds(pair[0], "here", &pipes[1], 1);
    close(pipes[1]);
    pthread_join(thread, NULL);
    printf("read: %s", result(read(pipes[0], text, 8)));
    printf(" \"%s\"", text);
    printf(" then %s\n", result(read(pipes[0], text, 8)));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    passes("stream", SOCK_STREAM);
    passes("datagrams", SOCK_DGRAM);
    passes("packets", SOCK_SEQPACKET);
    refused();
    circles();
    credentials();
    parts();
    between_threads();
    return 0;
}
