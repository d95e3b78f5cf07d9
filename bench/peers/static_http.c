/*
 * static_http.c: the small static HTTP server that we compare with: what a bare
 * process, or one in a container, needs to answer a nonce (nonce.h), or "ok" where there
 * is none. Any number of connections, a request at a time each, or one on standard input and
 * output. musl, no threads, no heap.
 *
 *   static_http --passed   serves the listening socket given as descriptor 3
 *   static_http --stdio    answers what comes on standard input
 *   static_http PORT       listens itself, on 127.0.0.1
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../nonce.h"

#define REQUEST_BYTES_MAX 4096
#define EVENTS_PER_WAIT 64

#define PARAMETER "?" NONCE_PARAMETER "="
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "

OWN_DATA;

/* Read up to the blank line of a request without a body. */
static bool read_request(int fd, char request[static REQUEST_BYTES_MAX])
{
    size_t bytes = 0;
    while (bytes < REQUEST_BYTES_MAX - 1) {
        ssize_t got = read(fd, request + bytes, REQUEST_BYTES_MAX - 1 - bytes);
        if (got <= 0)
            return false;
        bytes += (size_t)got;
        request[bytes] = 0;
        if (bytes >= 4 && memcmp(request + bytes - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

/* One request. False: the connection is over. */
static bool serve(int in, int out)
{
    char request[REQUEST_BYTES_MAX], reply[256];
    if (!read_request(in, request))
        return false;
    const char *nonce = strstr(request, PARAMETER);
    int bytes = sizeof HEAD "2\r\n\r\nok" - 1;
    memcpy(reply, HEAD "2\r\n\r\nok", (size_t)bytes);
    if (nonce)
        bytes = snprintf(reply, sizeof reply, HEAD "16\r\n\r\n" NONCE_FORMAT,
                         (unsigned long long)nonce_answer(
                             &own_data, strtoull(nonce + sizeof PARAMETER - 1, NULL, 16)));
    return write(out, reply, (size_t)bytes) == bytes;
}

/* Requests are small: what is there at all is there as a whole. */
static int serve_all(int listener)
{
    int epoll = epoll_create1(0);
    struct epoll_event event[EVENTS_PER_WAIT], add = {.events = EPOLLIN, .data.fd = listener};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &add) != 0)
        return 1;
    for (;;) {
        int ready = epoll_wait(epoll, event, EVENTS_PER_WAIT, -1);
        for (int i = 0; i < ready; i++) {
            int fd = event[i].data.fd;
            if (fd != listener) {
                if (!serve(fd, fd))
                    close(fd);
                continue;
            }
            add.data.fd = accept(listener, NULL, NULL);
            if (add.data.fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, add.data.fd, &add) != 0)
                return 1;
        }
    }
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1024) != 0)
        return -1;
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    if (getpid() != 1) /* in a container its parent, the run-time, goes away */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (strcmp(argv[1], "--stdio") == 0) {
        while (serve(STDIN_FILENO, STDOUT_FILENO))
            ;
        return 0;
    }
    return serve_all(strcmp(argv[1], "--passed") == 0 ? 3 : listen_on((uint16_t)atoi(argv[1])));
}
