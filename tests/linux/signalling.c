/* signalling.c: signals between threads: masks, waits that they end or that begin again,
 * queues, stacks of their own, timers. Agreement: every line. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { FUTEX_WAIT, FUTEX_WAKE }; /* linux/futex.h, which a C library need not have */

static atomic_int seen[65], ready, stack_is_own;
static atomic_long value, code, thread_of_last;

static void note(int number, siginfo_t *info, void *context)
{
    (void)context;
    int saved = errno;
    seen[number]++;
    value = info->si_value.sival_int;
    code = info->si_code;
    thread_of_last = syscall(SYS_gettid);
    errno = saved;
}

static void install(int number, int flags)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static void moment(void)
{
    struct timespec time = {0, 20000000}, left;
    while (nanosleep(&time, &left) != 0)
        time = left;
}

static void wait_ready(void)
{
    while (!ready)
        sched_yield();
    ready = 0;
    moment();
}

static uint32_t word;

static void *waits(void *kind)
{
    struct timespec time = {5, 0}, left = {0};
    sigset_t set;
    siginfo_t info;
    long result;
    sigemptyset(&set);
    ready = 1;
    switch ((int)(long)kind) {
    case 0:
        result = nanosleep(&time, &left);
        printf("nanosleep: %ld %s, %d s left\n", result, strerror(errno), (int)left.tv_sec);
        break;
    case 1:
        result = syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
        printf("futex: %ld %s\n", result, result ? strerror(errno) : "woken");
        break;
    case 2:
        result = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &time, NULL, 0);
        printf("futex with a timeout: %ld %s\n", result, result ? strerror(errno) : "woken");
        break;
    case 3:
        result = sigsuspend(&set);
        printf("sigsuspend: %ld %s\n", result, strerror(errno));
        break;
    case 4:
        result = pause();
        printf("pause: %ld %s\n", result, strerror(errno));
        break;
    case 5:
        sigaddset(&set, SIGUSR2);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        result = syscall(SYS_rt_sigtimedwait, &set, &info, NULL, 8); /* musl's own begins again */
        printf("sigtimedwait: %ld %s\n", result, strerror(errno));
        break;
    case 6:
        result = clock_nanosleep(CLOCK_REALTIME, 0, &time, &left);
        printf("clock_nanosleep: %ld, %d s left\n", result, (int)left.tv_sec);
        break;
    }
    return NULL;
}

static void interrupting(int flags)
{
    install(SIGUSR1, flags);
    for (long kind = 0; kind < 7; kind++) {
        pthread_t thread;
        pthread_create(&thread, NULL, waits, (void *)kind);
        wait_ready();
        seen[SIGUSR1] = 0;
        int sent = pthread_kill(thread, SIGUSR1);
        while (!seen[SIGUSR1])
            sched_yield();
        moment();
        syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0);
        pthread_join(thread, NULL);
        printf("kill %ld: %d, code %ld\n", kind, sent, (long)code);
    }
}

static void *takes(void *argument)
{
    sigset_t set;
    struct timespec soon = {0, 10000000};
    siginfo_t info;
    (void)argument;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGRTMIN + 1);
    sigaddset(&set, SIGUSR2);
    for (int i = 0; i < 7; i++) {
        int got = sigtimedwait(&set, &info, i < 6 ? NULL : &soon);
        if (got < 0)
            printf("timed out: %s\n", strerror(errno));
        else
            printf("took %d: %d\n", got - SIGRTMIN, info.si_value.sival_int);
    }
    return NULL;
}

static void queueing(void)
{
    sigset_t set, old, pending;
    pthread_t thread;
    sigfillset(&set);
    pthread_sigmask(SIG_SETMASK, &set, &old);
    for (int i = 1; i <= 3; i++) {
        sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i});
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 10 * i});
    }
    pthread_create(&thread, NULL, takes, NULL);
    pthread_join(thread, NULL);
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGUSR2);
    sigpending(&pending);
    printf("pending %d %d\n", sigismember(&pending, SIGUSR2), sigismember(&pending, SIGRTMIN));
    install(SIGUSR2, 0);
    seen[SIGUSR2] = 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    printf("came %d\n", seen[SIGUSR2]);
}

static void *is_elsewhere(void *argument)
{
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
    (void)argument;
    printf("sigaltstack %d\n", sigaltstack(&stack, NULL));
    pthread_kill(pthread_self(), SIGUSR1);
    printf("on a stack of its own: %d\n", stack_is_own);
    return stack.ss_sp;
}

static void looks_at_stack(int number, siginfo_t *info, void *context)
{
    stack_t stack;
    (void)number, (void)info, (void)context;
    sigaltstack(NULL, &stack);
    stack_is_own = stack.ss_flags == SS_ONSTACK && (char *)&stack > (char *)stack.ss_sp &&
                   (char *)&stack < (char *)stack.ss_sp + stack.ss_size;
}

static void stacks(void)
{
    struct sigaction action = {.sa_sigaction = looks_at_stack, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    pthread_t thread;
    void *stack;
    sigaction(SIGUSR1, &action, NULL);
    pthread_create(&thread, NULL, is_elsewhere, NULL);
    pthread_join(thread, &stack);
    free(stack);
    pthread_kill(pthread_self(), SIGUSR1);
    printf("here not: %d\n", stack_is_own);
}

static void *blocks_all(void *argument)
{
    sigset_t set;
    (void)argument;
    sigfillset(&set);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
    ready = 1;
    moment();
    kill(getpid(), SIGUSR1); /* the other one takes it */
    moment();
    printf("mine %d\n", thread_of_last == syscall(SYS_gettid));
    return NULL;
}

static void choosing(void)
{
    pthread_t thread;
    install(SIGUSR1, SA_RESTART);
    seen[SIGUSR1] = 0;
    pthread_create(&thread, NULL, blocks_all, NULL);
    wait_ready();
    pthread_join(thread, NULL);
    printf("main took it: %d %d\n", seen[SIGUSR1], thread_of_last == syscall(SYS_gettid));
    long result = syscall(SYS_tgkill, getpid(), 0x3ffffff0, SIGUSR1);
    printf("nobody: %ld %s\n", result, strerror(errno));
    printf("no signal: %ld\n", syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0));
    result = syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 65);
    printf("bad signal: %ld %s\n", result, strerror(errno));
}

static atomic_int waiting, stayed, taken_meanwhile;

/* This thread blocks SIGUSR2 as long as it is in here: another one takes it. */
static void stays(int number)
{
    (void)number;
    for (int i = 0; i < 100 && !seen[SIGUSR2]; i++)
        moment();
    if (stayed++ == 0)
        taken_meanwhile = seen[SIGUSR2];
}

static void *waits_long(void *argument)
{
    struct timespec time = {5, 0};
    (void)argument;
    waiting++;
    while (!seen[SIGUSR2])
        (void)nanosleep(&time, NULL);
    return NULL;
}

/* Who was woken for a signal of the process may come to block it. */
static void passing_on(void)
{
    pthread_t thread[2];
    sigset_t set, old;
    struct sigaction action = {.sa_handler = stays};
    install(SIGUSR2, 0);
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    seen[SIGUSR2] = 0;
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, waits_long, NULL);
    while (waiting < 2)
        sched_yield();
    moment();
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    kill(getpid(), SIGUSR2);
    pthread_kill(thread[1], SIGUSR1);
    for (int i = 1; i >= 0; i--) {
        pthread_join(thread[i], NULL);
        if (i)
            pthread_kill(thread[0], SIGUSR1); /* it may sleep, if it was not the one */
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    printf("passed on: %d %d\n", taken_meanwhile, seen[SIGUSR2]);
}

static void timers(void)
{
    struct itimerval every = {{0, 5000}, {0, 5000}}, old;
    install(SIGALRM, SA_RESTART);
    seen[SIGALRM] = 0;
    printf("setitimer %d\n", setitimer(ITIMER_REAL, &every, NULL));
    while (seen[SIGALRM] < 5)
        pause();
    every.it_value.tv_usec = every.it_interval.tv_usec = 0;
    setitimer(ITIMER_REAL, &every, &old);
    printf("came, every %ld us\n", (long)old.it_interval.tv_usec);
    int count = seen[SIGALRM];
    moment();
    printf("no more %d\n", seen[SIGALRM] == count);

    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                             .sigev_signo = SIGRTMIN + 3,
                             .sigev_value.sival_int = 42};
    install(SIGRTMIN + 3, SA_RESTART);
    struct itimerspec spec = {{0, 3000000}, {0, 1000000}};
    printf("timer_create %d\n", timer_create(CLOCK_MONOTONIC, &event, &timer));
    printf("timer_settime %d\n", timer_settime(timer, 0, &spec, NULL));
    while (seen[SIGRTMIN + 3] < 4)
        pause();
    printf("value %ld, code %ld\n", (long)value, (long)code);
    sigset_t set, before;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &set, &before);
    moment();
    /* Taken, not handled: a handler's count is another again if the next signal is quick. */
    printf("taken %d\n", sigwaitinfo(&set, &info) == SIGRTMIN + 3);
    const int overruns = timer_getoverrun(timer);
    printf("overruns %d, told %d\n", overruns > 0, overruns == info.si_overrun);
    memset(&spec, 0, sizeof spec);
    printf("stop %d\n", timer_settime(timer, 0, &spec, NULL));
    sigprocmask(SIG_SETMASK, &before, NULL);
    timer_gettime(timer, &spec);
    printf("left %ld %ld\n", (long)spec.it_value.tv_sec, spec.it_value.tv_nsec);
    printf("delete %d\n", timer_delete(timer));
    printf("alarm %u", alarm(100));
    printf(" %u\n", alarm(0));
}

/* Which values the signals have that are pending: a bit each. */
static unsigned take_values(const sigset_t *set)
{
    const struct timespec none = {0, 0};
    siginfo_t info;
    unsigned values = 0;
    while (sigtimedwait(set, &info, &none) > 0)
        values |= 1u << info.si_value.sival_int;
    return values;
}

static timer_t once(int number, int with)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = number, .sigev_value.sival_int = with};
    const struct itimerspec spec = {.it_value.tv_nsec = 1000000};
    timer_t timer;
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    timer_settime(timer, 0, &spec, NULL);
    return timer;
}

/* Each timer has its signal, whatever else is pending of that number; and one that is new is not taken for
 * the one before it. */
static void timers_of_one_signal(int number)
{
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, &before);
    raise(number);
    timer_t first = once(number, 1), second = once(number, 2);
    moment();
    printf("of two timers: %x\n", take_values(&set) & 6);
    timer_delete(second);
    timer_settime(first, 0, &(struct itimerspec){.it_value.tv_nsec = 1000000}, NULL);
    moment();
    timer_delete(first); /* its signal is pending */
    first = once(number, 3);
    moment();
    printf("of the one behind: %x\n", take_values(&set) & 8);
    timer_delete(first);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* What is ignored from now on is pending no more. */
static void ignoring(int number, void (*how)(int))
{
    sigset_t set, before, pending;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, &before);
    raise(number);
    kill(getpid(), number);
    sigpending(&pending);
    printf("pending %d", sigismember(&pending, number));
    signal(number, how);
    sigpending(&pending);
    printf(", ignored %d\n", sigismember(&pending, number));
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(number, SIG_DFL);
}

static atomic_int stop;

static void *computes(void *argument)
{
    volatile unsigned long count = 0;
    (void)argument;
    ready = 1;
    while (!stop) {
        count++;
        if (count % 1000 == 0)
            sched_yield();
    }
    return NULL;
}

/* As Go takes a thread from its work. */
static void preempting(void)
{
    pthread_t thread;
    install(SIGURG, SA_RESTART | SA_ONSTACK);
    pthread_create(&thread, NULL, computes, NULL);
    wait_ready();
    seen[SIGURG] = 0;
    for (int i = 0; i < 100; i++) {
        pthread_kill(thread, SIGURG);
        while (seen[SIGURG] <= i)
            sched_yield();
    }
    stop = 1;
    pthread_join(thread, NULL);
    printf("urgent %d\n", seen[SIGURG]);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    interrupting(0);
    interrupting(SA_RESTART);
    queueing();
    stacks();
    choosing();
    passing_on();
    timers();
    timers_of_one_signal(SIGRTMIN + 4);
    timers_of_one_signal(SIGUSR2);
    ignoring(SIGUSR1, SIG_IGN);
    ignoring(SIGRTMIN + 1, SIG_IGN);
    ignoring(SIGURG, SIG_DFL);
    preempting();
    return 0;
}
