/*
 * floor_wake.c: what waking costs where all have slept: the chain of a cold start without
 * its work. A client writes a request on a TCP connection; a server that waits in
 * epoll_wait(2) sends a byte to a third process over a Unix socket; that rings an eventfd;
 * the server answers; the client's read(2) returns. Then everybody rests for so long, as
 * `bench cold` does. Four wake-ups.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/floor/floor.h"

#define ROUNDS 200

static int client, server, pair[2], bell;
static long rest_ms;

static void connect_pair(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    const int yes = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    FLOOR_NEED(bind(listener, (const struct sockaddr *)&address, bytes) == 0 && listen(listener, 1) == 0 &&
               getsockname(listener, (struct sockaddr *)&address, &bytes) == 0, "listen");
    client = socket(AF_INET, SOCK_STREAM, 0);
    FLOOR_NEED(connect(client, (const struct sockaddr *)&address, bytes) == 0, "connect");
    server = accept(listener, NULL, NULL);
    FLOOR_NEED(server >= 0, "accept");
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    close(listener);
}

static _Noreturn void work(void)
{
    const uint64_t one = 1;
    char byte;
    while (read(pair[1], &byte, 1) == 1)
        if (write(bell, &one, sizeof one) != sizeof one)
            break;
    _exit(0);
}

static _Noreturn void serve(void)
{
    int epoll = epoll_create1(0);
    struct epoll_event on_request = {.events = EPOLLIN, .data.fd = server};
    struct epoll_event on_bell = {.events = EPOLLIN, .data.fd = bell}, event;
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, server, &on_request);
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, bell, &on_bell);
    while (epoll_wait(epoll, &event, 1, -1) == 1) {
        char byte;
        uint64_t rung;
        if (event.data.fd == server && (read(server, &byte, 1) != 1 || write(pair[0], &byte, 1) != 1))
            break;
        if (event.data.fd == bell && (read(bell, &rung, sizeof rung) != sizeof rung || write(server, "x", 1) != 1))
            break;
    }
    _exit(0);
}

/* A child that ends with us. */
static pid_t start(void (*run)(void))
{
    pid_t pid = fork();
    FLOOR_NEED(pid >= 0, "fork");
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        run();
    }
    return pid;
}

static uint64_t go_chain(void)
{
    char byte;
    nanosleep(&(struct timespec){.tv_nsec = rest_ms * 1000000}, NULL);
    uint64_t from_ns = mf_monotonic_ns();
    FLOOR_NEED(write(client, "x", 1) == 1 && read(client, &byte, 1) == 1, "the chain");
    return mf_monotonic_ns() - from_ns;
}

int main(void)
{
    bell = eventfd(0, 0);
    FLOOR_NEED(bell >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, "sockets");
    connect_pair();
    pid_t child[] = {start(serve), start(work)};
    rest_ms = 0;
    floor_measure("four wake-ups in a chain, one after the other", ROUNDS, go_chain);
    rest_ms = 20;
    floor_measure("the same, everybody rested 20 ms before", ROUNDS, go_chain);
    for (size_t i = 0; i < 2; i++) {
        kill(child[i], SIGKILL);
        waitpid(child[i], NULL, 0);
    }
    return 0;
}
