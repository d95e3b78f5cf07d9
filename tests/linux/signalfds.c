/* signalfds.c: signals that are read from a descriptor: one thread's, the process's, in epoll, with a
 * mask that changes. Agreement: every line. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void show(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

static sigset_t set_of(int one, int two)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, one);
    sigaddset(&set, two);
    return set;
}

static void take(int fd)
{
    struct signalfd_siginfo info[3];
    memset(info, 0, sizeof info);
    long bytes = read(fd, info, sizeof info);
    show("read", bytes < 0 ? bytes : bytes / (long)sizeof info[0]);
    for (long i = 0; i < bytes / (long)sizeof info[0]; i++)
        printf("  %u code %d int %d mine %d\n", info[i].ssi_signo, info[i].ssi_code, info[i].ssi_int,
               info[i].ssi_pid == (uint32_t)getpid());
}

static void *sender(void *thread)
{
    usleep(20000);
    kill(getpid(), SIGUSR1);
    usleep(20000);
    pthread_kill(*(pthread_t *)thread, SIGUSR2);
    return NULL;
}

int main(void)
{
    sigset_t both = set_of(SIGUSR1, SIGUSR2), real = set_of(SIGRTMIN, SIGRTMIN + 1);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    pthread_t self = pthread_self(), other;
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigprocmask(SIG_BLOCK, &both, NULL);
    sigprocmask(SIG_BLOCK, &real, NULL);
    int fd = signalfd(-1, &both, SFD_NONBLOCK | SFD_CLOEXEC), watch = epoll_create1(0);
    show("epoll_ctl", epoll_ctl(watch, EPOLL_CTL_ADD, fd, &event));
    take(fd);
    show("epoll_wait", epoll_wait(watch, &event, 1, 0));
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    show("epoll_wait", epoll_wait(watch, &event, 1, 0));
    take(fd);
    take(fd);
    for (int i = 0; i < 5; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
    take(fd);
    show("the same", signalfd(fd, &real, 0) == fd);
    take(fd);
    take(fd);
    take(fd);
    struct pollfd polled = {.fd = fd, .events = POLLIN | POLLOUT};
    show("poll", poll(&polled, 1, 0));
    signalfd(fd, &both, 0);
    pthread_create(&other, NULL, sender, &self);
    show("poll, waiting", poll(&polled, 1, -1));
    take(fd);
    int waits = signalfd(-1, &both, 0);
    take(waits);
    pthread_join(other, NULL);
    show("short", read(fd, &polled, sizeof polled));
    show("write", write(fd, &polled, sizeof polled));
    show("none", signalfd(watch, &both, 0));
    show("closed", signalfd(99, &both, 0));
    show("flags", signalfd(-1, &both, 1));
    return 0;
}
