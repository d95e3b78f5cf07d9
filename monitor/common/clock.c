/*
 * clock.c: clock_gettime(2) by a system call of our own, in place of the C library's, which
 * asks the vDSO, which on some machines (a clock that is no time-stamp counter) makes the
 * call itself: the filter that the spawner and its blanks live under knows no such place
 * (monitor/process/filter.h).
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time)
{
    return (int)syscall(SYS_clock_gettime, clock, time);
}
