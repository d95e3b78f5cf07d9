/*
 * hammer.c: requests to tests/soak/soaked by many threads, over connections that are kept,
 * until COUNT were answered as they should be.
 *
 *     hammer PORT PATH THREADS COUNT once|often DRAWS
 *         once: each answer must be its instance's first. The random numbers of the answers
 *         are appended to the file DRAWS. Prints counts as JSON, and each call that was
 *         lost: whose it was, when it began and ended (CLOCK_MONOTONIC), its status (0: no
 *         answer came), the cause that the answer names. Another one is made in its place.
 *     hammer unique DRAWS
 *         exit code 1: a number is there twice. Of 2.5 million numbers of 64 bits two are
 *         alike by chance once in six million runs.
 *
 * Exit code 1: an answer was wrong or of a kind that no kill explains, one that nobody
 * asked for came, none came for ANSWER_S, or nobody listened for a minute.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64
#define LOST_MAX 65536
#define CONNECT_TRIES 12000 /* a minute */
#define RETRY_NS 5000000
#define ANSWER_S 120
#define NONCE_BYTES 16
#define HEAD_BYTES 512
#define LARGE_EVERY 256    /* calls of a thread; its body comes and goes in pieces  */
#define LARGE_BYTES 262144 /* at most                                              */
#define HANG_UP_EVERY 1000 /* calls of a thread: it does not wait for the answer   */
#define REPLY_BYTES (LARGE_BYTES + 4096)
#define CAUSE_BYTES 32

struct lost {
    uint64_t caller, from_ns, until_ns;
    int status; /* 0: no answer */
    char cause[CAUSE_BYTES];
};

struct caller {
    pthread_t thread;
    int fd;
    uint64_t number, calls, begun_ns;
    char request[HEAD_BYTES + NONCE_BYTES + LARGE_BYTES];
    char reply[REPLY_BYTES + 1];
};

static struct sockaddr_in address;
static const char *path;
static bool once;
static unsigned long long count;
static uint64_t *draws;                 /* count of them                  */
static atomic_ullong wanted;            /* good answers, not yet begun    */
static atomic_ullong good, firsts, large, hung_up;
static struct lost lost[LOST_MAX];
static atomic_uint lost_count;
static atomic_bool failed;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void rest(void)
{
    const struct timespec time = {.tv_nsec = RETRY_NS};
    (void)nanosleep(&time, NULL);
}

static bool fail(const char *what, const char *more)
{
    fprintf(stderr, "hammer %s: %s%.600s\n", path, what, more);
    failed = true;
    return false;
}

/* Who has closed a connection between two calls has lost nothing: it is made anew. From
 * begun_ns on the node may have the call. */
static bool reach(struct caller *caller)
{
    const int one = 1;
    const struct timeval patience = {.tv_sec = ANSWER_S};
    char byte;
    caller->begun_ns = now_ns();
    if (caller->fd >= 0) {
        ssize_t got = recv(caller->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (got > 0)
            return fail("an answer that nobody asked for", "");
        (void)close(caller->fd);
        caller->fd = -1;
    }
    for (int tries = 0; tries < CONNECT_TRIES && !failed; tries++) {
        caller->begun_ns = now_ns();
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
            caller->fd = fd;
            return true;
        }
        if (fd >= 0)
            (void)close(fd);
        rest();
    }
    return failed ? false : fail("nobody listens", "");
}

static char filler(uint64_t nonce)
{
    return (char)('a' + nonce % 26);
}

static bool send_all(int fd, const char *data, size_t bytes)
{
    while (bytes) {
        ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        bytes -= (size_t)sent;
    }
    return true;
}

static bool send_request(struct caller *caller, uint64_t nonce, size_t more)
{
    int head = snprintf(caller->request, HEAD_BYTES + NONCE_BYTES,
                        "POST %s HTTP/1.1\r\nHost: soak\r\nContent-Length: %zu\r\n\r\n%016llx",
                        path, NONCE_BYTES + more, (unsigned long long)nonce);
    memset(caller->request + head, filler(nonce), more);
    return send_all(caller->fd, caller->request, (size_t)head + more);
}

/* A whole reply: its status, 0 if none came; *body is where its body begins. */
static int read_reply(struct caller *caller, const char **body, size_t *body_bytes)
{
    char *reply = caller->reply, *end = NULL;
    size_t bytes = 0;
    for (;;) {
        ssize_t got = bytes < REPLY_BYTES ? read(caller->fd, reply + bytes, REPLY_BYTES - bytes) : 0;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            (void)fail("no answer came", "");
        if (got <= 0)
            return 0;
        bytes += (size_t)got;
        reply[bytes] = 0;
        if (!end && !(end = strstr(reply, "\r\n\r\n")))
            continue;
        const char *length = strcasestr(reply, "\r\nContent-Length:");
        if (!length || length > end)
            return 0;
        *body = end + 4;
        *body_bytes = strtoul(length + 17, NULL, 10);
        if (bytes - (size_t)(*body - reply) >= *body_bytes)
            return atoi(reply + sizeof "HTTP/1.1");
    }
}

static bool is_good(const char *body, size_t body_bytes, uint64_t nonce, size_t more)
{
    char *at;
    if (strtoull(body, &at, 16) != nonce || at != body + NONCE_BYTES)
        return fail("answered with another's nonce: ", body);
    unsigned long long served = strtoull(at, &at, 10), drawn = strtoull(at, &at, 16);
    if (*at++ != '\n' || served == 0 || body_bytes - (size_t)(at - body) != more)
        return fail("a strange answer: ", body);
    for (size_t i = 0; i < more; i++)
        if (at[i] != filler(nonce))
            return fail("another's bytes in the answer: ", at + i);
    if (once && served != 1)
        return fail("an instance that was not clean: ", body);
    firsts += served == 1;
    large += more > 0;
    draws[good++] = drawn;
    return true;
}

static void note_loss(const struct caller *caller, int status, const char *body)
{
    unsigned at = lost_count++;
    if (at >= LOST_MAX) {
        (void)fail("more calls were lost than there is room for", "");
        return;
    }
    lost[at] = (struct lost){caller->number, caller->begun_ns, now_ns(), status, ""};
    const char *cause = status ? strstr(body, "\"cause\":\"") : NULL;
    if (cause) {
        cause += strlen("\"cause\":\"");
        (void)snprintf(lost[at].cause, CAUSE_BYTES, "%.*s", (int)strcspn(cause, "\""), cause);
    }
    if (status && strcmp(lost[at].cause, "killed") != 0 && strcmp(lost[at].cause, "spawner-lost") != 0)
        (void)fail("an answer that no kill explains: ", caller->reply);
}

static void drop(struct caller *caller)
{
    (void)close(caller->fd);
    caller->fd = -1;
}

static void call(struct caller *caller)
{
    /* As no other call of this soak that still may be answered. */
    uint64_t nonce = (uint64_t)getpid() << 40 | caller->number << 32 | ++caller->calls;
    size_t more = caller->calls % LARGE_EVERY ? 0 : nonce * 2654435761u % LARGE_BYTES;
    const char *body = "";
    size_t body_bytes = 0;
    if (!reach(caller))
        return;
    int status = 0;
    if (send_request(caller, nonce, more)) {
        if (caller->calls % HANG_UP_EVERY == 0) {
            hung_up++;
            wanted++;
            drop(caller);
            return;
        }
        status = read_reply(caller, &body, &body_bytes);
    }
    if (status == 200 && is_good(body, body_bytes, nonce, more))
        return;
    note_loss(caller, status, body);
    wanted++;
    if (status == 0)
        drop(caller);
    else
        rest();
}

static void *work(void *context)
{
    struct caller *caller = context;
    while (!failed) {
        unsigned long long left = wanted;
        while (left && !atomic_compare_exchange_weak(&wanted, &left, left - 1))
            ;
        if (!left)
            break;
        call(caller);
    }
    if (caller->fd >= 0)
        drop(caller);
    return NULL;
}

static void print(void)
{
    printf("{\"good\": %llu, \"firsts\": %llu, \"large\": %llu, \"hung_up\": %llu, \"lost\": [", good,
           firsts, large, hung_up);
    for (unsigned i = 0; i < lost_count && i < LOST_MAX; i++)
        printf("%s[%llu, %llu, %llu, %d, \"%s\"]", i ? ", " : "",
               (unsigned long long)lost[i].caller, (unsigned long long)lost[i].from_ns,
               (unsigned long long)lost[i].until_ns, lost[i].status, lost[i].cause);
    printf("]}\n");
}

static int hammer(char **argv)
{
    int threads = atoi(argv[3]);
    FILE *file = fopen(argv[6], "ab");
    path = argv[2];
    wanted = count = strtoull(argv[4], NULL, 10);
    once = strcmp(argv[5], "once") == 0;
    draws = calloc(count ? count : 1, sizeof *draws);
    if (threads < 1 || threads > THREADS_MAX || !file || !draws)
        return 2;
    address = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)atoi(argv[1])),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct caller *callers = calloc((size_t)threads, sizeof *callers);
    for (int i = 0; callers && i < threads; i++) {
        callers[i].number = (uint64_t)i + 1;
        callers[i].fd = -1;
        if (pthread_create(&callers[i].thread, NULL, work, &callers[i]) != 0)
            return 1;
    }
    for (int i = 0; callers && i < threads; i++)
        (void)pthread_join(callers[i].thread, NULL);
    free(callers);
    if (fwrite(draws, sizeof *draws, good, file) != good || fclose(file) != 0)
        failed = true;
    free(draws);
    print();
    return failed;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int unique(const char *name)
{
    struct stat about;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0)
        return 2;
    size_t bytes = (size_t)about.st_size, have = 0;
    uint64_t *all = malloc(bytes + sizeof *all);
    for (ssize_t got = 1; all && got > 0; have += (size_t)(got > 0 ? got : 0))
        got = read(fd, (char *)all + have, bytes - have);
    (void)close(fd);
    if (!all || have != bytes)
        return 2;
    qsort(all, bytes / sizeof *all, sizeof *all, by_value);
    int twice = 0;
    for (size_t i = 1; i < bytes / sizeof *all; i++)
        twice += all[i] == all[i - 1];
    free(all);
    printf("%zu random numbers, %d of them twice\n", bytes / sizeof *all, twice);
    return twice > 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "unique") == 0)
        return unique(argv[2]);
    if (argc == 7)
        return hammer(argv);
    fprintf(stderr, "usage: hammer PORT PATH THREADS COUNT once|often DRAWS, or: hammer unique DRAWS\n");
    return 2;
}
