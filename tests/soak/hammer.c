/*
 * hammer.c: hammer PORT PATH THREADS COUNT: requests with a nonce each, over connections that
 * are kept, until COUNT were answered as they should be: 200 with the nonce (the function
 * echoes its body). Whatever breaks on the way is counted by kind, and the connection made
 * anew. Prints the counts as JSON. Exit code 1: an answer was another request's, or nobody
 * listened for a minute.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64
#define STATUS_MAX 600
#define REPLY_BYTES 4096
#define CONNECT_TRIES 12000 /* a minute */
#define RETRY_NS 5000000
#define NONCE_BYTES 16

static struct sockaddr_in address;
static const char *path;
static atomic_ullong wanted;            /* of good answers, not yet begun    */
static atomic_ullong good, broken;      /* broken: no answer came back       */
static atomic_ullong by_status[STATUS_MAX]; /* answers that are not 200       */
static atomic_bool failed;

static void rest(void)
{
    const struct timespec time = {.tv_nsec = RETRY_NS};
    (void)nanosleep(&time, NULL);
}

static int reach(void)
{
    const int one = 1;
    for (int tries = 0; tries < CONNECT_TRIES && !failed; tries++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            return fd;
        }
        if (fd >= 0)
            (void)close(fd);
        rest();
    }
    fprintf(stderr, "hammer: nobody listens\n");
    failed = true;
    return -1;
}

/* A whole reply: its status, 0 if none came. The body's beginning goes to body. */
static int read_reply(int fd, char body[NONCE_BYTES + 1])
{
    char reply[REPLY_BYTES + 1];
    size_t bytes = 0;
    for (;;) {
        ssize_t got = read(fd, reply + bytes, REPLY_BYTES - bytes);
        if (got <= 0)
            return 0;
        bytes += (size_t)got;
        reply[bytes] = 0;
        const char *end = strstr(reply, "\r\n\r\n");
        const char *length = strcasestr(reply, "\r\nContent-Length:");
        if (end && !length)
            return 0;
        if (!end || bytes - (size_t)(end + 4 - reply) < strtoul(length + 17, NULL, 10))
            continue;
        (void)snprintf(body, NONCE_BYTES + 1, "%s", end + 4);
        return atoi(reply + sizeof "HTTP/1.1");
    }
}

/* One request. False: the connection is of no more use. */
static bool ask(int fd, uint64_t nonce)
{
    char request[512], sent[NONCE_BYTES + 1], body[NONCE_BYTES + 1] = "";
    (void)snprintf(sent, sizeof sent, "%016llx", (unsigned long long)nonce);
    int bytes = snprintf(request, sizeof request,
                         "POST %s HTTP/1.1\r\nHost: soak\r\nContent-Length: %d\r\n\r\n%s", path,
                         NONCE_BYTES, sent);
    int status = 0;
    if (send(fd, request, (size_t)bytes, MSG_NOSIGNAL) == bytes)
        status = read_reply(fd, body);
    if (status == 200 && strcmp(body, sent) == 0) {
        good++;
        return true;
    }
    wanted++;
    if (status == 0)
        broken++;
    else if (status == 200 || status < 0 || status >= STATUS_MAX) {
        fprintf(stderr, "hammer: %s was answered %s\n", sent, body);
        failed = true;
    } else {
        by_status[status]++;
        rest();
    }
    return status != 0;
}

static void *work(void *context)
{
    uint64_t nonce = (uint64_t)(uintptr_t)context << 56;
    int fd = -1;
    while (!failed) {
        unsigned long long left = wanted;
        while (left && !atomic_compare_exchange_weak(&wanted, &left, left - 1))
            ;
        if (!left)
            break;
        if (fd < 0)
            fd = reach();
        if (fd >= 0 && !ask(fd, nonce++)) {
            (void)close(fd);
            fd = -1;
        }
    }
    if (fd >= 0)
        (void)close(fd);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread[THREADS_MAX];
    int threads = argc == 5 ? atoi(argv[3]) : 0;
    if (threads < 1 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: hammer PORT PATH THREADS COUNT (threads: 1 to %d)\n", THREADS_MAX);
        return 2;
    }
    address = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)atoi(argv[1])),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    path = argv[2];
    wanted = strtoull(argv[4], NULL, 10);
    for (intptr_t i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, work, (void *)(i + 1)) != 0)
            return 1;
    for (int i = 0; i < threads; i++)
        (void)pthread_join(thread[i], NULL);
    printf("{\"good\": %llu, \"broken\": %llu, \"statuses\": {", good, broken);
    const char *comma = "";
    for (int i = 0; i < STATUS_MAX; i++)
        if (by_status[i]) {
            printf("%s\"%d\": %llu", comma, i, by_status[i]);
            comma = ", ";
        }
    printf("}}\n");
    return failed;
}
