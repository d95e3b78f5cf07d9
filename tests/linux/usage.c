/* usage.c: processor time: it does not pass in sleep, is a thread's own, and has timers. What is
 * printed does not depend on how fast or busy the machine is. Agreement: every line. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ll
#define WORK_NS 30000000ll

static long long now(clockid_t clock)
{
    struct timespec time = {0};
    if (clock_gettime(clock, &time) != 0)
        printf("clock %d: %s\n", (int)clock, strerror(errno));
    return time.tv_sec * NS_PER_S + time.tv_nsec;
}

static void work(clockid_t clock, long long ns)
{
    long long until = now(clock) + ns;
    while (now(clock) < until)
        continue;
}

static void sleeps(void)
{
    const struct timespec moment = {0, 50000000};
    long long wall = now(CLOCK_MONOTONIC), used = now(CLOCK_PROCESS_CPUTIME_ID);
    nanosleep(&moment, NULL);
    wall = now(CLOCK_MONOTONIC) - wall;
    used = now(CLOCK_PROCESS_CPUTIME_ID) - used;
    printf("asleep: %d\n", used < wall && used >= 0);
}

static clockid_t of_worker;
static atomic_int worked, checked;

static void *works(void *arg)
{
    (void)arg;
    printf("its clock: %d\n", pthread_getcpuclockid(pthread_self(), &of_worker));
    work(CLOCK_THREAD_CPUTIME_ID, WORK_NS);
    worked = 1;
    while (!checked)
        usleep(1000);
    return NULL;
}

static void threads(void)
{
    pthread_t thread;
    struct timespec none;
    long long process = now(CLOCK_PROCESS_CPUTIME_ID), own = now(CLOCK_THREAD_CPUTIME_ID);
    pthread_create(&thread, NULL, works, NULL);
    while (!worked)
        usleep(1000);
    own = now(CLOCK_THREAD_CPUTIME_ID) - own;
    process = now(CLOCK_PROCESS_CPUTIME_ID) - process;
    printf("another's time: %d\n", now(of_worker) >= WORK_NS);
    printf("is the process's: %d, not ours: %d\n", process >= WORK_NS, own < process);
    checked = 1;
    pthread_join(thread, NULL);
    while (clock_gettime(of_worker, &none) == 0) /* who joins may be sooner than the end */
        usleep(1000);
    printf("gone: %s\n", strerror(errno));
    printf("no clock: %d %d\n", clock_gettime(77, &none), clock_gettime(-1, &none));
    clock_getcpuclockid(getpid(), &of_worker);
    printf("by its number: %d\n", now(of_worker) >= WORK_NS);
}

static volatile sig_atomic_t came[2];

static void comes(int number)
{
    came[number == SIGPROF]++;
}

static void timers(void)
{
    const struct sigaction action = {.sa_handler = comes};
    const struct itimerval each = {{0, 5000}, {0, 5000}}, none = {{0, 0}, {0, 0}};
    const struct itimerval wrong = {{0, 0}, {0, 1000000}};
    struct itimerval left;
    sigaction(SIGVTALRM, &action, NULL);
    sigaction(SIGPROF, &action, NULL);
    printf("set: %d %d\n", setitimer(ITIMER_VIRTUAL, &each, NULL), setitimer(ITIMER_PROF, &each, NULL));
    while (came[0] < 2 || came[1] < 2)
        continue;
    printf("get: %d", getitimer(ITIMER_PROF, &left));
    printf(" each %ld us, left %d\n", (long)left.it_interval.tv_usec,
           left.it_value.tv_sec == 0 && left.it_value.tv_usec > 0);
    printf("clear: %d %d\n", setitimer(ITIMER_VIRTUAL, &none, &left), setitimer(ITIMER_PROF, &none, NULL));
    printf("were each %ld us\n", (long)left.it_interval.tv_usec);
    came[0] = came[1] = 0;
    work(CLOCK_PROCESS_CPUTIME_ID, WORK_NS);
    printf("no more: %d %d\n", came[0], came[1]);
    printf("wrong: %d %d\n", setitimer(ITIMER_PROF, &wrong, NULL), getitimer(3, &left));
}

static void sums(void)
{
    struct rusage process, thread, children;
    struct tms times_now;
    printf("getrusage: %d %d %d", getrusage(RUSAGE_SELF, &process), getrusage(RUSAGE_THREAD, &thread),
           getrusage(RUSAGE_CHILDREN, &children));
    printf(" %d\n", getrusage(7, &process));
    work(CLOCK_PROCESS_CPUTIME_ID, WORK_NS);
    getrusage(RUSAGE_SELF, &process);
    printf("used: %d", process.ru_utime.tv_usec + process.ru_stime.tv_usec + process.ru_utime.tv_sec > 0);
    printf(" children %ld, memory %d\n", (long)children.ru_utime.tv_usec, process.ru_maxrss > 0);
    printf("times: %d", times(&times_now) != (clock_t)-1);
    printf(" %d\n", times_now.tms_utime + times_now.tms_stime > 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    sleeps();
    threads();
    timers();
    sums();
    return 0;
}
