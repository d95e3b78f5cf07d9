/* clocks.c: clocks and sleeps, as relations between them. Agreement: every line. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long ns(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        return -1;
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(void)
{
    long long a = ns(CLOCK_MONOTONIC), b = ns(CLOCK_MONOTONIC);
    printf("monotonic: %d\n", a > 0 && b >= a);
    printf("realtime after 2023: %d\n", ns(CLOCK_REALTIME) > 1672531200ll * 1000000000ll);
    struct timeval tv;
    printf("gettimeofday: %d\n", gettimeofday(&tv, NULL));
    long long apart = ns(CLOCK_REALTIME) - (tv.tv_sec * 1000000000ll + tv.tv_usec * 1000ll);
    printf("near realtime: %d\n", apart >= 0 && apart < 1000000000ll);
    printf("time: %d\n", time(NULL) - tv.tv_sec <= 1);
    a = ns(CLOCK_MONOTONIC);
    struct timespec nap = {.tv_nsec = 20000000};
    printf("nanosleep: %d\n", nanosleep(&nap, NULL));
    printf("long enough: %d\n", ns(CLOCK_MONOTONIC) - a >= 20000000);
    struct timespec at;
    a = ns(CLOCK_MONOTONIC); /* before: whatever passes between the two does not count against us */
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += 10000000;
    if (at.tv_nsec >= 1000000000)
        at.tv_sec++, at.tv_nsec -= 1000000000;
    printf("until: %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL));
    printf("long enough: %d\n", ns(CLOCK_MONOTONIC) - a >= 9000000);
    printf("in the past: %d\n", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &nap, NULL));
    nap.tv_nsec = 1000000000;
    int got = nanosleep(&nap, NULL);
    printf("bad time: %d %s\n", got, strerror(errno));
    got = (int)ns(77);
    printf("bad clock: %d %s\n", got, strerror(errno));
    struct timespec resolution;
    got = clock_getres(CLOCK_MONOTONIC, &resolution);
    printf("resolution: %d %d\n", got,
           resolution.tv_sec == 0 && resolution.tv_nsec >= 1);
    printf("processor time: %d\n", ns(CLOCK_PROCESS_CPUTIME_ID) > 0);
    struct tm tm = {0};
    time_t when = 1521033171;
    printf("%s", asctime(gmtime_r(&when, &tm)));
    return 0;
}
