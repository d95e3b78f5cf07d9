/*
 * set_clock.c: preloaded into a node, has somebody set its wall clock: the file MF_SET_CLOCK holds, as
 * eight bytes, by how many seconds it is wrong. Timers of the wall clock are told as the kernel
 * tells them: a read ends with ECANCELED.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift_s;
static int timer_fd = -1;
static int64_t armed_s; /* the shift when it was */
static int (*next_gettime)(clockid_t, struct timespec *);
static ssize_t (*next_read)(int, void *, size_t);
static int (*next_create)(clockid_t, int);
static int (*next_settime)(int, int, const struct itimerspec *, struct itimerspec *);

/* dlsym() gives functions as data; POSIX says how they become functions again. */
static void find(void)
{
    *(void **)&next_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    *(void **)&next_read = dlsym(RTLD_NEXT, "read");
    *(void **)&next_create = dlsym(RTLD_NEXT, "timerfd_create");
    *(void **)&next_settime = dlsym(RTLD_NEXT, "timerfd_settime");
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("MF_SET_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    find();
    if (fd < 0)
        return;
    void *place = mmap(NULL, sizeof *shift_s, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (place != MAP_FAILED)
        shift_s = place;
}

static int64_t shift(void)
{
    return shift_s ? *shift_s : 0;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (!next_gettime)
        find();
    int result = next_gettime(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME)
        time->tv_sec += shift();
    return result;
}

int timerfd_create(int clock, int flags)
{
    int fd = next_create(clock, flags);
    if (clock == CLOCK_REALTIME)
        timer_fd = fd;
    return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *before)
{
    struct itimerspec kernels = *when;
    if (fd == timer_fd && when->it_value.tv_sec) {
        armed_s = shift();
        kernels.it_value.tv_sec -= armed_s;
    }
    return next_settime(fd, flags, &kernels, before);
}

ssize_t read(int fd, void *room, size_t bytes)
{
    if (!next_read)
        find();
    if (fd >= 0 && fd == timer_fd && armed_s != shift()) {
        errno = ECANCELED;
        return -1;
    }
    return next_read(fd, room, bytes);
}
