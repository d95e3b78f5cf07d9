/* splices.c: splice, tee, vmsplice and sendfile: what moves between pipes, files and sockets, what stays,
 * who waits, what is refused. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MANY 300000u /* more than a pipe or a socket takes at once */

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

static int file_with(const char *text, size_t bytes)
{
    char path[] = "/tmp/splicesXXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    if (fd < 0 || write(fd, text, bytes) != (ssize_t)bytes || lseek(fd, 0, SEEK_SET))
        exit(1);
    return fd;
}

static void pair_of_ip(int pair[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, bytes) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&address, &bytes))
        exit(2);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(pair[0], (struct sockaddr *)&address, bytes))
        exit(3);
    pair[1] = accept(listener, NULL, NULL);
    close(listener);
}

static void print_read(const char *what, int fd)
{
    char text[64] = "";
    ssize_t got = read(fd, text, sizeof text - 1);
    printf("%s: %s \"%s\"\n", what, result(got), text);
}

static void files(void)
{
    int pipes[2], in = file_with("0123456789abcdef", 16), out = file_with("................", 16);
    off64_t at = 10;
    if (pipe(pipes))
        exit(4);
    printf("file to pipe: %s", result(splice(in, NULL, pipes[1], NULL, 4, 0)));
    printf(" at an offset: %s", result(splice(in, &at, pipes[1], NULL, 3, SPLICE_F_MOVE)));
    printf(", %lld, position %lld\n", (long long)at, (long long)lseek(in, 0, SEEK_CUR));
    at = 2;
    printf("pipe to file: %s", result(splice(pipes[0], NULL, out, &at, 5, SPLICE_F_MORE)));
    printf(", %lld, position %lld;", (long long)at, (long long)lseek(out, 0, SEEK_CUR));
    printf(" the rest: %s", result(splice(pipes[0], NULL, out, NULL, 100, 0)));
    printf(", position %lld\n", (long long)lseek(out, 0, SEEK_CUR));
    lseek(out, 0, SEEK_SET);
    print_read("file", out);
    at = 100;
    printf("past the end: %s", result(splice(in, &at, pipes[1], NULL, 4, 0)));
    printf(", nothing wanted: %s\n", result(splice(-1, NULL, -1, NULL, 0, 255)));
    printf("empty, not waiting: %s\n", result(splice(pipes[0], NULL, out, NULL, 4, SPLICE_F_NONBLOCK)));
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    printf("empty, O_NONBLOCK: %s\n", result(splice(pipes[0], NULL, out, NULL, 4, 0)));
    close(pipes[1]);
    printf("end: %s\n", result(splice(pipes[0], NULL, out, NULL, 4, 0)));
    close(pipes[0]);
    close(in);
    close(out);
}

static void refused(void)
{
    int pipes[2], pair[2], file = file_with("0123456789", 10), event = eventfd(1, 0);
    int folder = open("/tmp", O_RDONLY);
    off64_t at = 0;
    if (pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        exit(5);
    (void)!write(pipes[1], "abc", 3);
    printf("flags: %s", result(splice(file, NULL, pipes[1], NULL, 1, 16)));
    printf(" no pipe: %s", result(splice(file, NULL, pair[0], NULL, 1, 0)));
    printf(" itself: %s", result(splice(pipes[0], NULL, pipes[1], NULL, 1, 0)));
    printf(" ends: %s", result(splice(file, NULL, pipes[0], NULL, 1, 0)));
    printf(" closed: %s\n", result(splice(-1, NULL, pipes[1], NULL, 1, 0)));
    printf("offset of a pipe: %s", result(splice(file, NULL, pipes[1], &at, 1, 0)));
    printf(" %s", result(splice(pipes[0], &at, file, NULL, 1, 0)));
    printf(" of a socket: %s", result(splice(pair[0], &at, pipes[1], NULL, 1, 0)));
    at = -1;
    printf(" negative: %s\n", result(splice(file, &at, pipes[1], NULL, 1, 0)));
    printf("eventfd: %s", result(splice(event, NULL, pipes[1], NULL, 8, 0)));
    printf(" %s", result(splice(pipes[0], NULL, event, NULL, 8, 0)));
    printf(" folder: %s\n", result(splice(folder, NULL, pipes[1], NULL, 8, 0)));
    fcntl(file, F_SETFL, O_APPEND);
    printf("O_APPEND: %s\n", result(splice(pipes[0], NULL, file, NULL, 1, 0)));
    print_read("nothing is lost", pipes[0]);
    close(pipes[0]);
    printf("no reader: %s\n", result(splice(file, NULL, pipes[1], NULL, 1, 0)));
    close(pair[1]);
    close(pipes[1]);
    if (pipe(pipes))
        exit(6);
    (void)!write(pipes[1], "abc", 3);
    printf("no other end: %s\n", result(splice(pipes[0], NULL, pair[0], NULL, 3, 0)));
    print_read("nothing is lost", pipes[0]);
    close(pair[0]);
    close(pipes[0]);
    close(pipes[1]);
    close(file);
    close(event);
    close(folder);
}

static void tees(void)
{
    int a[2], b[2];
    char first[] = "vector, ", second[] = "and another";
    char in[8] = "", rest[32] = "";
    struct iovec out[2] = {{first, 8}, {second, 11}}, to[2] = {{in, 7}, {rest, 31}};
    if (pipe(a) || pipe(b))
        exit(7);
    (void)!write(a[1], "hello", 5);
    printf("tee: %s", result(tee(a[0], b[1], 3, 0)));
    printf(" %s", result(tee(a[0], b[1], 100, 0)));
    printf(" itself %s", result(tee(a[0], a[1], 1, 0)));
    printf(" flags %s", result(tee(a[0], b[1], 1, 16)));
    printf(" end %s\n", result(tee(a[1], b[1], 1, 0)));
    print_read("stays", a[0]);
    print_read("copy", b[0]);
    printf("empty: %s\n", result(tee(a[0], b[1], 1, SPLICE_F_NONBLOCK)));
    (void)!write(a[1], "over", 4);
    printf("pipe to pipe: %s\n", result(splice(a[0], NULL, b[1], NULL, 100, 0)));
    print_read("moved", b[0]);
    printf("vmsplice: %s", result(vmsplice(a[1], out, 2, 0)));
    printf(" %s \"%s\" \"%s\"", result(vmsplice(a[0], to, 2, 0)), in, rest);
    printf(" nothing %s", result(vmsplice(a[0], to, 2, SPLICE_F_NONBLOCK)));
    printf(" flags %s", result(vmsplice(a[0], to, 2, 16)));
    printf(" file %s", result(vmsplice(-1, to, 2, 0)));
    close(b[0]);
    (void)!write(a[1], "x", 1);
    printf(" for nobody %s %s\n", result(tee(a[0], b[1], 1, 0)), result(vmsplice(b[1], out, 1, 0)));
    close(a[0]);
    close(a[1]);
    close(b[1]);
}

/* Takes all that comes, and adds it up. */
static void *drain(void *argument)
{
    static unsigned long sum;
    static char part[5000];
    sum = 0;
    for (ssize_t got; (got = read(*(int *)argument, part, sizeof part)) > 0;)
        for (ssize_t i = 0; i < got; i++)
            sum += (unsigned char)part[i] + 1u;
    return &sum;
}

static void *fill(void *argument)
{
    static char part[7000];
    int fd = *(int *)argument;
    for (unsigned done = 0; done < MANY; done += sizeof part)
        for (size_t at = 0, bytes = MANY - done < sizeof part ? MANY - done : sizeof part; at < bytes;) {
            for (size_t i = at; i < bytes; i++)
                part[i] = (char)(done + i);
            ssize_t put = write(fd, part + at, bytes - at);
            if (put <= 0)
                return NULL;
            at += (size_t)put;
        }
    close(fd);
    return NULL;
}

/* As proxies do: from one connection to the other, by a pipe. */
static void connections(const char *what, void make(int pair[2]))
{
    int from[2], to[2], pipes[2];
    unsigned long in = 0, out = 0;
    pthread_t writer, reader;
    void *sum;
    make(from);
    make(to);
    if (pipe(pipes) || pthread_create(&writer, NULL, fill, &from[0]) ||
        pthread_create(&reader, NULL, drain, &to[1]))
        exit(8);
    for (ssize_t got; (got = splice(from[1], NULL, pipes[1], NULL, 1 << 20, 0)) > 0; in += (unsigned long)got)
        for (ssize_t put; got > 0 && (put = splice(pipes[0], NULL, to[0], NULL, (size_t)got, SPLICE_F_MORE)) > 0;) {
            out += (unsigned long)put;
            in += (unsigned long)put;
            got -= put;
        }
    shutdown(to[0], SHUT_WR);
    pthread_join(writer, NULL);
    pthread_join(reader, &sum);
    printf("%s: in %lu out %lu sum %lu\n", what, in, out, *(unsigned long *)sum);
    close(from[1]);
    close(to[0]);
    close(to[1]);
    close(pipes[0]);
    close(pipes[1]);
}

static void unix_pair(int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        exit(9);
}

static void sockets(void)
{
    int pair[2], pipes[2];
    unix_pair(pair);
    if (pipe(pipes))
        exit(10);
    printf("socket, empty: %s", result(splice(pair[0], NULL, pipes[1], NULL, 10, SPLICE_F_NONBLOCK)));
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    printf(" %s", result(splice(pair[0], NULL, pipes[1], NULL, 10, 0)));
    (void)!write(pair[1], "ping", 4);
    printf(" then %s", result(splice(pair[0], NULL, pipes[1], NULL, 10, 0)));
    printf(" and on %s\n", result(splice(pipes[0], NULL, pair[0], NULL, 10, 0)));
    print_read("back", pair[1]);
    close(pair[1]);
    printf("socket, ended: %s\n", result(splice(pair[0], NULL, pipes[1], NULL, 10, 0)));
    close(pair[0]);
    close(pipes[0]);
    close(pipes[1]);
}

/* A socket that waits takes all of it, in one call. */
static void sends(void)
{
    static char content[MANY];
    int pair[2], pipes[2], file;
    off_t at = 1000;
    pthread_t reader;
    void *sum;
    memset(content, 7, sizeof content);
    file = file_with(content, sizeof content);
    unix_pair(pair);
    if (pipe(pipes) || pthread_create(&reader, NULL, drain, &pair[1]))
        exit(11);
    printf("sendfile: %s", result(sendfile(pair[0], file, &at, MANY)));
    printf(", offset %lld, position %lld;", (long long)at, (long long)lseek(file, 0, SEEK_CUR));
    printf(" of its position %s", result(sendfile(pair[0], file, NULL, 100)));
    printf(", position %lld\n", (long long)lseek(file, 0, SEEK_CUR));
    close(pair[0]);
    pthread_join(reader, &sum);
    printf("sum %lu;", *(unsigned long *)sum);
    close(pair[1]);
    unix_pair(pair);
    printf(" from a socket %s", result(sendfile(pair[1], pair[0], NULL, 1)));
    printf(", an offset of one %s", result(sendfile(pipes[1], pair[0], &at, 1)));
    printf(", to a reader %s", result(sendfile(pipes[0], file, NULL, 1)));
    printf(", to a pipe %s\n", result(sendfile(pipes[1], file, NULL, 5)));
    close(pair[0]);
    close(pair[1]);
    close(pipes[0]);
    close(pipes[1]);
    close(file);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    files();
    refused();
    tees();
    sockets();
    connections("tcp", pair_of_ip);
    connections("unix", unix_pair);
    sends();
    return 0;
}
