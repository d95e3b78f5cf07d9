/*
 * clock.c: clock_gettime(2) and getrandom(2) by system calls of our own, in place of the C
 * library's, which ask the vDSO, which makes the call itself (the time where the clock is no
 * time-stamp counter; random bytes, glibc 2.41 and later, where it has no fresh seed): the
 * filter that the spawner and its blanks live under knows no such place
 * (monitor/process/filter.h).
 */
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time)
{
    return (int)syscall(SYS_clock_gettime, clock, time);
}

ssize_t getrandom(void *data, size_t bytes, unsigned flags)
{
    return syscall(SYS_getrandom, data, bytes, flags);
}
