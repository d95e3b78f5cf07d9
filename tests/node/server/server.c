/*
 * server.c: a server of HTTP/1.1 that knows nothing of mayfly, good and bad, by its path. One
 * thread, one connection after the other, each kept while its client keeps it. It listens on
 * $SERVER_PORT, else on $PORT.
 *
 *   /echo         the request's body            /size?n=N     so many bytes
 *   /head         the request's head, as text   /chunked      a body in chunks, with a trailer
 *   /count        how many requests before      /close        a body until the connection's end
 *   /connection   how many connections before   /idle         answers, then closes
 *   /garbage      no HTTP                       /early        closes within its body
 *   /silent       closes without a byte         /huge         a head that is too large
 *   /extra        more than its response        /exit?n=N     ends the process
 *   /slow         never answers; counts ends    /ends         connections that the client ended
 *   /init, /run   as an OpenWhisk action
 *   /file         what the file named by the body holds, or "errno N" (404)
 *   /once         answers, then ends the process the next time it is asked
 *   /outside      answers after an attempt to connect to another machine
 *   /large        maps 16 MiB, writes them, changes parts of them; what is found to be wrong
 *
 * With $FILL its buffer for bodies is full from the start.
 * Before it listens it reads the file $READ_AT_START, and prints its first line, or "errno N".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_MAX 65536
#define BODY_MAX (7u << 20)

static char head[HEAD_MAX + 1];
static char body[BODY_MAX + 1];
static size_t head_bytes, body_bytes;
static unsigned requests, connections, ends;

static int send_all(int fd, const void *data, size_t bytes)
{
    const char *at = data;
    while (bytes) {
        ssize_t sent = send(fd, at, bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            return -1;
        at += sent;
        bytes -= (size_t)sent;
    }
    return 0;
}

static int send_text(int fd, const char *text)
{
    return send_all(fd, text, strlen(text));
}

static int answer(int fd, const void *data, size_t bytes)
{
    char start[128];
    (void)snprintf(start, sizeof start,
                   "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", bytes);
    return send_text(fd, start) || send_all(fd, data, bytes);
}

static int answer_number(int fd, unsigned number)
{
    char text[16];
    return answer(fd, text, (size_t)snprintf(text, sizeof text, "%u", number));
}

/* 1: a request; 0: the end; -1: it broke off. */
static int read_request(int fd)
{
    char *end;
    head_bytes = body_bytes = 0;
    head[0] = 0;
    while (!(end = strstr(head, "\r\n\r\n"))) {
        ssize_t got = recv(fd, head + head_bytes, HEAD_MAX - head_bytes, 0);
        if (got <= 0)
            return head_bytes || got < 0 ? -1 : 0;
        head_bytes += (size_t)got;
        head[head_bytes] = 0;
    }
    size_t begun = (size_t)(end + 4 - head);
    const char *length = strstr(head, "content-length: ");
    size_t whole = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
    if (whole > sizeof body)
        return -1;
    body_bytes = head_bytes - begun < whole ? head_bytes - begun : whole;
    memcpy(body, head + begun, body_bytes);
    head_bytes = begun;
    head[head_bytes] = 0;
    while (body_bytes < whole) {
        ssize_t got = recv(fd, body + body_bytes, whole - body_bytes, 0);
        if (got <= 0)
            return -1;
        body_bytes += (size_t)got;
    }
    return 1;
}

static int is_path(const char *path)
{
    const char *at = strchr(head, ' ');
    size_t bytes = strlen(path);
    return at && strncmp(at + 1, path, bytes) == 0 && strchr(" ?", at[1 + bytes]);
}

static size_t parameter(void)
{
    const char *at = strstr(head, "?n=");
    return at ? strtoul(at + 3, NULL, 10) : 0;
}

static void wait_for_end(int fd)
{
    char byte;
    while (recv(fd, &byte, 1, 0) > 0)
        ;
    ends++;
}

static int misbehave(int fd)
{
    if (is_path("/garbage"))
        (void)send_text(fd, "220 mail.example ESMTP\r\n");
    else if (is_path("/early"))
        (void)send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot so many");
    else if (is_path("/huge"))
        (void)send_text(fd, "HTTP/1.1 200 OK\r\nX: "), (void)send_all(fd, body, 40000);
    else if (is_path("/slow"))
        wait_for_end(fd);
    else if (is_path("/exit"))
        exit((int)parameter());
    return -1;
}

/* As an action of OpenWhisk's: what came with /init, and with this /run. */
static int act(int fd)
{
    static char init[4096] = "null", both[2 * sizeof init];
    if (is_path("/init")) {
        (void)snprintf(init, sizeof init, "%.*s", (int)body_bytes, body);
        return answer(fd, "{\"ok\":true}", 11);
    }
    int bytes = snprintf(both, sizeof both, "{\"init\":%s,\"run\":%.*s}", init, (int)body_bytes, body);
    return answer(fd, both, (size_t)bytes);
}

/* An address of documentation (RFC 5737): nobody is there. */
static int answer_outside(int fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
    (void)inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)!connect(other, (struct sockaddr *)&address, sizeof address);
    close(other);
    return answer_number(fd, requests - 1);
}

static int answer_once(int fd)
{
    static int asked;
    if (asked++)
        exit(1);
    return answer_number(fd, requests - 1);
}

/* A file's bytes go to head; how many, or -errno. */
static ssize_t read_file(const char *path)
{
    size_t bytes = 0;
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && bytes < sizeof head && (got = read(fd, head + bytes, sizeof head - bytes)) > 0)
        bytes += (size_t)got;
    ssize_t result = fd < 0 || got < 0 ? -errno : (ssize_t)bytes;
    if (fd >= 0)
        close(fd);
    return result;
}

static int answer_file(int fd)
{
    struct stat stat_of;
    char text[96];
    body[body_bytes] = 0;
    ssize_t bytes = read_file(body);
    if (bytes >= 0 && (stat(body, &stat_of) != 0 || stat_of.st_size != (off_t)bytes))
        return send_text(fd, "HTTP/1.1 500 Size\r\nContent-Length: 0\r\n\r\n");
    if (bytes >= 0)
        return answer(fd, head, (size_t)bytes);
    int digits = snprintf(text, sizeof text, "errno %zd", -bytes);
    (void)snprintf(text, sizeof text, "HTTP/1.1 404 None\r\nContent-Length: %d\r\n\r\nerrno %zd",
                   digits, -bytes);
    return send_text(fd, text);
}

#define PAGE 4096u
#define LARGE (2u << 20)
#define LARGE_BYTES (8 * LARGE)

static sigjmp_buf refused;

static void on_fault(int signal)
{
    (void)signal;
    siglongjmp(refused, 1);
}

/* What a page holds; -1: it may not be read, or not written where that is asked. */
static int look(volatile unsigned char *page, int write)
{
    if (sigsetjmp(refused, 1))
        return -1;
    int value = *page;
    if (write)
        *page = (unsigned char)value;
    return value;
}

/* Pages of a piece that hold another value than this. */
static unsigned others(volatile unsigned char *from, size_t bytes, int value)
{
    unsigned count = 0;
    for (size_t at = 0; at < bytes; at += PAGE)
        count += look(from + at, 1) != value;
    return count;
}

/* Memory that a host gives 2 MiB at a time: each page of it is as if it came alone. */
static int answer_large(int fd)
{
    char text[256];
    signal(SIGSEGV, on_fault);
    unsigned char *a = mmap(NULL, LARGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (a == MAP_FAILED)
        return -1;
    unsigned fresh = others(a, LARGE_BYTES, 0);
    for (size_t at = 0; at < LARGE_BYTES; at += PAGE)
        a[at] = 7;
    int error = mprotect(a + LARGE + 3 * PAGE, 2 * PAGE, PROT_NONE) |
                mprotect(a + LARGE + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE) |
                mprotect(a + 3 * LARGE, 3 * PAGE, PROT_READ) |
                mprotect(a + 3 * LARGE + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE) |
                munmap(a + 5 * LARGE - PAGE, 3 * PAGE) | madvise(a + 6 * LARGE + PAGE, PAGE, MADV_DONTNEED);
    unsigned kept = others(a, LARGE + 3 * PAGE, 7) +
                    others(a + LARGE + 4 * PAGE, 2 * LARGE - 4 * PAGE, 7) +
                    others(a + 3 * LARGE + 2 * PAGE, 2 * LARGE - 3 * PAGE, 7) +
                    others(a + 5 * LARGE + 2 * PAGE, LARGE - PAGE, 7) +
                    others(a + 6 * LARGE + 2 * PAGE, 2 * LARGE - 2 * PAGE, 7);
    int bytes = snprintf(text, sizeof text, "%d, %u %u, none %d, read %d %d, away %d, discarded %d", error, fresh, kept,
                         look(a + LARGE + 3 * PAGE, 0), look(a + 3 * LARGE, 0), look(a + 3 * LARGE + PAGE, 1),
                         look(a + 5 * LARGE, 0), look(a + 6 * LARGE + PAGE, 1));
    error = mprotect(a + LARGE + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE);
    bytes += snprintf(text + bytes, sizeof text - (size_t)bytes, ", again %d", look(a + LARGE + 3 * PAGE, 1) + error);
    (void)munmap(a, LARGE_BYTES);
    return answer(fd, text, (size_t)bytes);
}

static void read_at_start(const char *path)
{
    ssize_t bytes = path ? read_file(path) : 0;
    if (bytes < 0)
        printf("errno %zd\n", -bytes);
    else if (path)
        printf("%.*s\n", (int)bytes, head);
}

/* 0: the connection goes on. */
static int serve(int fd)
{
    if (is_path("/init") || is_path("/run"))
        return act(fd);
    if (is_path("/echo"))
        return answer(fd, body, body_bytes);
    if (is_path("/size")) {
        size_t bytes = parameter();
        for (size_t i = 0; i < bytes && i < sizeof body; i++)
            body[i] = (char)('a' + i % 26);
        return answer(fd, body, bytes < sizeof body ? bytes : sizeof body);
    }
    if (is_path("/head"))
        return answer(fd, head, head_bytes);
    if (is_path("/count"))
        return answer_number(fd, requests - 1);
    if (is_path("/connection"))
        return answer_number(fd, connections - 1);
    if (is_path("/ends"))
        return answer_number(fd, ends);
    if (is_path("/chunked"))
        return send_text(fd, "HTTP/1.1 203 Fine\r\nTransfer-Encoding: chunked\r\nX-Mine: yes\r\n\r\n"
                             "6;a=b\r\nhello,\r\n7\r\n chunks\r\n0\r\nX-Trailer: no\r\n\r\n");
    if (is_path("/close"))
        return send_text(fd, "HTTP/1.0 200 OK\r\n\r\nuntil the end") || 1;
    if (is_path("/idle"))
        return answer(fd, "bye", 3) || 1;
    if (is_path("/extra"))
        return send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok, and more");
    if (is_path("/file"))
        return answer_file(fd);
    if (is_path("/once"))
        return answer_once(fd);
    if (is_path("/outside"))
        return answer_outside(fd);
    if (is_path("/large"))
        return answer_large(fd);
    return misbehave(fd);
}

int main(void)
{
    const char *other = getenv("SERVER_PORT"), *port = other ? other : getenv("PORT");
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port ? port : "8080"))};
    read_at_start(getenv("READ_AT_START"));
    if (getenv("FILL"))
        memset(body, 'b', sizeof body);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 16) != 0) {
        perror("listen");
        return 1;
    }
    printf("listening\n");
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            return 2;
        connections++;
        while (read_request(fd) == 1) {
            requests++;
            if (serve(fd) != 0)
                break;
        }
        close(fd);
    }
}
