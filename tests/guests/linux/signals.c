/* signals.c: handlers, masks, faults, long jumps. Agreement: every line. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t seen[65];
static sigjmp_buf back;
static void *volatile where; /* the next fault is to be */

static void note(int number)
{
    seen[number]++;
}

static void install(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    printf("sigaction %d: %d\n", number, sigaction(number, &action, NULL));
}

static double kept(double x)
{
    double y = x * 3;
    raise(SIGUSR1);
    return y + x;
}

static void spoils_vectors(int number, siginfo_t *info, void *context)
{
    volatile double a = 1.5, b = 2.5;
    (void)context;
    a = a * b + number;
    seen[number] += info->si_signo == number;
}

static void fault(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    printf("fault: signal %d code %d trap %lld\n", number, info->si_code,
           (long long)u->uc_mcontext.gregs[REG_TRAPNO]);
    if (number == SIGSEGV)
        printf("where it was to be: %d\n", info->si_addr == where);
    siglongjmp(back, number);
}

static void skip(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    (void)info;
    seen[number]++;
    u->uc_mcontext.gregs[REG_RIP] += 2; /* past ud2 */
    u->uc_mcontext.gregs[REG_RBX] = 0x1234;
}

static void nested(int number, siginfo_t *info, void *context)
{
    static int depth;
    (void)info;
    (void)context;
    int mine = ++depth;
    if (mine < 4)
        raise(number);
    printf("depth %d leaves\n", mine);
}

static void on_other_stack(int number, siginfo_t *info, void *context)
{
    stack_t now;
    (void)info;
    (void)context;
    sigaltstack(NULL, &now);
    printf("signal %d on the other stack: %d\n", number, now.ss_flags == SS_ONSTACK);
}

static void masks(void)
{
    sigset_t set, old, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    signal(SIGUSR2, note);
    printf("block: %d\n", sigprocmask(SIG_BLOCK, &set, &old));
    raise(SIGUSR2);
    raise(SIGUSR2);
    sigpending(&pending);
    printf("seen %d, pending %d\n", (int)seen[SIGUSR2], sigismember(&pending, SIGUSR2));
    printf("unblock: %d\n", sigprocmask(SIG_SETMASK, &old, NULL));
    printf("seen %d\n", (int)seen[SIGUSR2]);
    kill(getpid(), SIGUSR2);
    printf("seen %d\n", (int)seen[SIGUSR2]);
    signal(SIGUSR2, SIG_IGN);
    raise(SIGUSR2);
    raise(SIGCHLD);
    raise(SIGWINCH);
    printf("ignored: %d\n", (int)seen[SIGUSR2]);
    printf("kill signal 0: %d\n", kill(getpid(), 0));
    int got = kill(getpid(), 99);
    printf("bad signal: %d %s\n", got, strerror(errno));
    struct sigaction action = {.sa_handler = note};
    got = sigaction(SIGKILL, &action, NULL);
    printf("SIGKILL: %d %s\n", got, strerror(errno));
}

int main(void)
{
    static char stack[65536];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    volatile int zero = 0;
    int caught;

    masks();
    install(SIGUSR1, spoils_vectors, 0);
    printf("kept: %.3f, seen %d\n", kept(1.25), (int)seen[SIGUSR1]);
    install(SIGSEGV, fault, 0);
    install(SIGFPE, fault, 0);
    install(SIGTRAP, fault, 0);
    where = (void *)0x10;
    if ((caught = sigsetjmp(back, 1)) == 0)
        *(volatile int *)where = 1;
    printf("back with %d\n", caught);
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    where = page + 100;
    if ((caught = sigsetjmp(back, 1)) == 0)
        page[100] = 1;
    if ((caught = sigsetjmp(back, 1)) == 0)
        printf("%d\n", 5 / zero);
    printf("back with %d\n", caught);
    install(SIGILL, skip, 0);
    unsigned long rbx;
    __asm__ volatile("ud2" : "=b"(rbx));
    printf("skipped: %d, rbx %#lx\n", (int)seen[SIGILL], rbx);
    install(SIGUSR1, nested, SA_NODEFER);
    raise(SIGUSR1);
    printf("alternate stack: %d\n", sigaltstack(&other, NULL));
    install(SIGUSR1, on_other_stack, SA_ONSTACK);
    raise(SIGUSR1);
    install(SIGUSR1, on_other_stack, SA_ONSTACK | SA_RESETHAND);
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    printf("reset: %d\n", now.sa_handler == SIG_DFL);
    return 0;
}
