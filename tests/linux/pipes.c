/* pipes.c: pipes, eventfds and timerfds, and all that waits for them: poll, select, epoll, threads. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}
#define SAY(call) say(#call, (long)(call))

static int ends[2];
static char data[200000];

static void *write_later(void *argument)
{
    usleep(20000);
    (void)!write(*(int *)argument, "later", 5);
    return NULL;
}

static void *read_all(void *argument)
{
    long total = 0, got;
    static char part[7000];
    while ((got = read(*(int *)argument, part, sizeof part)) > 0)
        total += got;
    return (void *)total;
}

static void plain(void)
{
    pthread_t thread;
    void *total;
    char text[16] = "";
    int left;
    SAY(pipe2(ends, 0x12345));
    SAY(pipe(ends));
    SAY(write(ends[1], "hello", 5));
    SAY(ioctl(ends[0], FIONREAD, &left));
    SAY(left);
    SAY(read(ends[0], text, 16));
    SAY(read(ends[1], text, 1));
    SAY(write(ends[0], text, 1));
    SAY(lseek(ends[0], 0, SEEK_SET));
    SAY(pread(ends[0], text, 1, 0));
    SAY(fcntl(ends[0], F_GETPIPE_SZ));
    pthread_create(&thread, NULL, write_later, &ends[1]);
    SAY(read(ends[0], text, 16)); /* waits */
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, read_all, &ends[0]);
    SAY(write(ends[1], data, sizeof data)); /* waits, and again */
    close(ends[1]);
    pthread_join(thread, &total);
    SAY((long)total);
    SAY(fsync(ends[0]));
    SAY(fdatasync(ends[0]));
    SAY(posix_fadvise(ends[0], 0, 0, POSIX_FADV_NORMAL) == ESPIPE);
    SAY(fcntl(ends[0], F_SETPIPE_SZ, -1));
    close(ends[0]);
    SAY(pipe2(ends, O_NONBLOCK | O_CLOEXEC));
    SAY(fcntl(ends[0], F_GETFD));
    SAY(read(ends[0], text, 1));
    SAY(write(ends[1], data, sizeof data));
    SAY(write(ends[1], data, 1));
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    SAY(write(ends[1], data, 1));
    close(ends[1]);
}

static void counters(void)
{
    uint64_t count = 3;
    int fd = eventfd(2, EFD_NONBLOCK);
    SAY(write(fd, &count, 8));
    SAY(read(fd, &count, 8));
    SAY(count);
    SAY(read(fd, &count, 8));
    SAY(read(fd, &count, 4));
    close(fd);
    fd = eventfd(2, EFD_SEMAPHORE);
    SAY(read(fd, &count, 8));
    SAY(count);
    close(fd);
    fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    SAY(read(fd, &count, 8));
    struct itimerspec spec = {{0, 0}, {0, 20000000}}, now;
    SAY(timerfd_settime(fd, 0, &spec, NULL));
    SAY(timerfd_gettime(fd, &now));
    SAY(now.it_value.tv_sec == 0 && now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 20000000);
    struct pollfd entry = {fd, POLLIN, 0};
    SAY(poll(&entry, 1, -1));
    SAY(entry.revents);
    SAY(read(fd, &count, 8));
    SAY(count);
    spec.it_interval.tv_nsec = 5000000;
    SAY(timerfd_settime(fd, 0, &spec, NULL));
    usleep(60000);
    SAY(read(fd, &count, 8));
    SAY(count >= 5);
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    close(fd);
    fd = timerfd_create(CLOCK_REALTIME, 0);
    spec = (struct itimerspec){{0, 0}, {at.tv_sec, at.tv_nsec}};
    SAY(timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL));
    SAY(read(fd, &count, 8)); /* it has been */
    close(fd);
    fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    spec = (struct itimerspec){{0, 0}, {0, 1}};
    SAY(timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL));
    long got = -1;
    for (unsigned i = 0; i < 1000000 && got < 0; i++) /* no time to wait for; natively an interrupt */
        got = read(fd, &count, 8);
    SAY(got);
    close(fd);
    SAY(timerfd_create(99, 0));
}

static void polls(void)
{
    pthread_t thread;
    char text[16];
    pipe(ends);
    struct pollfd entries[4] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {-1, POLLIN, 7},
                                {999, POLLIN, 0}};
    SAY(poll(entries, 4, 0));
    printf("%d %d %d %d\n", entries[0].revents, entries[1].revents, entries[2].revents,
           entries[3].revents);
    SAY(poll(entries, 1, 10));
    pthread_create(&thread, NULL, write_later, &ends[1]);
    SAY(poll(entries, 1, 5000));
    printf("%d\n", entries[0].revents);
    pthread_join(thread, NULL);
    SAY(read(ends[0], text, 16));
    fd_set reads, writes;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_SET(ends[0], &reads);
    FD_SET(ends[1], &writes);
    SAY(select(ends[1] + 1, &reads, &writes, NULL, NULL));
    SAY(FD_ISSET(ends[0], &reads));
    SAY(FD_ISSET(ends[1], &writes) != 0);
    FD_SET(ends[0], &reads);
    struct timeval timeout = {0, 10000};
    SAY(select(ends[0] + 1, &reads, NULL, NULL, &timeout));
    SAY(FD_ISSET(ends[0], &reads));
    FD_SET(ends[0], &reads);
    pthread_create(&thread, NULL, write_later, &ends[1]);
    SAY(pselect(ends[0] + 1, &reads, NULL, NULL, NULL, NULL));
    SAY(FD_ISSET(ends[0], &reads) != 0);
    pthread_join(thread, NULL);
    SAY(read(ends[0], text, 16));
    close(ends[1]);
    SAY(poll(entries, 1, -1));
    printf("%d\n", entries[0].revents);
    close(ends[0]);
    FD_SET(200, &reads);
    SAY(select(201, &reads, NULL, NULL, NULL));
    SAY(poll(NULL, 0, 10));
    SAY(ppoll(NULL, 0, &(struct timespec){0, 1000}, NULL));
}

static void take(int epoll, int timeout_ms)
{
    struct epoll_event events[8];
    int count = epoll_wait(epoll, events, 8, timeout_ms);
    printf("epoll: %d", count);
    for (int i = 0; i < count; i++)
        printf(" %u:%x", events[i].data.u32, events[i].events);
    printf("\n");
}

static void add(int epoll, int operation, int fd, uint32_t events, uint32_t name)
{
    struct epoll_event event = {.events = events, .data.u32 = name};
    SAY(epoll_ctl(epoll, operation, fd, &event));
}

static void epolls(void)
{
    pthread_t thread;
    char text[16];
    int epoll = epoll_create1(EPOLL_CLOEXEC), outer = epoll_create1(0);
    pipe(ends);
    add(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN, 1);
    add(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN, 1);
    add(epoll, EPOLL_CTL_ADD, ends[1], EPOLLOUT | EPOLLET, 2);
    add(epoll, EPOLL_CTL_ADD, 999, EPOLLIN, 1);
    add(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN, 1);
    add(epoll, EPOLL_CTL_MOD, outer, EPOLLIN, 1);
    add(epoll, EPOLL_CTL_DEL, outer, EPOLLIN, 1);
    add(ends[0], EPOLL_CTL_ADD, ends[1], EPOLLIN, 1);
    int file = open("/dev/null", O_RDONLY);
    add(epoll, EPOLL_CTL_ADD, file, EPOLLIN, 1);
    close(file);
    take(epoll, 0);
    take(epoll, 0);
    add(outer, EPOLL_CTL_ADD, epoll, EPOLLIN, 7);
    add(epoll, EPOLL_CTL_ADD, outer, EPOLLIN, 7);
    take(outer, 10);
    pthread_create(&thread, NULL, write_later, &ends[1]);
    take(outer, -1);
    pthread_join(thread, NULL);
    take(epoll, -1);
    take(epoll, -1);
    add(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET, 3);
    take(epoll, -1);
    take(epoll, 0);
    write(ends[1], "x", 1);
    take(epoll, 0);
    add(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 4);
    take(epoll, 0);
    write(ends[1], "x", 1);
    take(epoll, 0);
    add(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 5);
    take(epoll, 0);
    SAY(read(ends[0], text, 16));
    int copy = dup(ends[0]);
    close(ends[0]);
    close(ends[1]);
    add(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN, 6);
    take(epoll, 0); /* the file is there under another number, but the one-shot is over */
    close(copy);
    take(epoll, 20);
    SAY(epoll_wait(epoll, NULL, 0, 0));
    SAY(epoll_wait(0, NULL, 1, 0));
    close(epoll);
    close(outer);
}

static void handler(int number)
{
    (void)number;
}

static void *interrupt(void *argument)
{
    usleep(20000);
    pthread_kill(*(pthread_t *)argument, SIGUSR1);
    return NULL;
}

static void signals(void)
{
    pthread_t self = pthread_self(), thread;
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    char text[16];
    sigaction(SIGUSR1, &action, NULL);
    pipe(ends);
    pthread_create(&thread, NULL, interrupt, &self);
    SAY(poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, -1));
    pthread_join(thread, NULL);
    int epoll = epoll_create1(0);
    pthread_create(&thread, NULL, interrupt, &self);
    take(epoll, -1);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, interrupt, &self);
    pthread_t writer;
    usleep(1);
    pthread_create(&writer, NULL, write_later, &ends[1]);
    SAY(read(ends[0], text, 16)); /* begins again */
    pthread_join(thread, NULL);
    pthread_join(writer, NULL);
    action.sa_flags = 0;
    sigaction(SIGUSR1, &action, NULL);
    pthread_create(&thread, NULL, interrupt, &self);
    SAY(read(ends[0], text, 16));
    pthread_join(thread, NULL);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0); /* a wait in the middle of a line would end it */
    plain();
    counters();
    polls();
    epolls();
    signals();
    return 0;
}
