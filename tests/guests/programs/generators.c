/* generators.c: see generators.h. */
#define _GNU_SOURCE
#include "generators.h"

#include <errno.h>
#include <mayfly.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096u
#define MARKS (PAGE / sizeof(uint64_t) - 2)

struct generator {
    uint64_t seeded; /* a page of zeros is not */
    uint64_t state;
    uint64_t marks[MARKS];
};

static struct generator *kept, *wiped;
static struct generator by_pid;
static pid_t pid_of_seed, pid_at_init, tid_at_init;
static volatile sig_atomic_t signals;

static uint64_t draw(struct generator *generator)
{
    if (!generator->seeded)
        mayfly_random(&generator->state, sizeof generator->state);
    generator->seeded = 1;
    generator->state = generator->state * 6364136223846793005u + 1442695040888963407u;
    return generator->state;
}

static uint64_t draw_by_pid(void)
{
    if (pid_of_seed != getpid())
        by_pid.seeded = 0;
    pid_of_seed = getpid();
    return draw(&by_pid);
}

static struct generator *page_of_its_own(uint64_t mark)
{
    struct generator *generator =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (generator == MAP_FAILED)
        return NULL;
    for (unsigned i = 0; i < MARKS; i++)
        generator->marks[i] = mark + i;
    (void)draw(generator);
    return generator;
}

static void note(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    signals += info->si_pid == getpid();
}

int generators_begin(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    kept = page_of_its_own(MARK_KEPT);
    wiped = page_of_its_own(MARK_WIPED);
    if (!kept || !wiped || madvise(wiped, PAGE, MADV_WIPEONFORK) != 0)
        return 1;
    (void)draw_by_pid();
    pid_at_init = getpid();
    tid_at_init = (pid_t)syscall(SYS_gettid);
    return sigaction(SIGUSR1, &action, NULL);
}

void generators_show(struct mayfly_reply *reply)
{
    mayfly_printf(reply, "%016llx %016llx %016llx %d", (unsigned long long)draw(kept),
                  (unsigned long long)draw(wiped), (unsigned long long)draw_by_pid(),
                  (int)getpid());
}

void signals_show(struct mayfly_reply *reply)
{
    pid_t pid = getpid(), tid = (pid_t)syscall(SYS_gettid);
    int failed = raise(SIGUSR1); /* by the thread's number that the C library has kept */
    failed |= kill(pid, SIGUSR1);
    failed |= kill(pid_at_init, SIGUSR1);
    failed |= kill(-pid, SIGUSR1);
    failed |= (int)syscall(SYS_tgkill, pid, tid, SIGUSR1);
    failed |= (int)syscall(SYS_tgkill, pid, tid_at_init, SIGUSR1);
    failed |= (int)syscall(SYS_tgkill, pid_at_init, tid_at_init, SIGUSR1);
    int others = kill(pid + 1, SIGUSR1) == -1 && errno == ESRCH && kill(1, 0) == -1 &&
                 syscall(SYS_tgkill, pid, pid + 1, SIGUSR1) == -1;
    mayfly_printf(reply, "signals %d failed %d others %d one thread %d new %d", (int)signals, failed,
                  others, pid == tid && pid == syscall(SYS_getpgrp),
                  pid != pid_at_init && pid > 2 && pid < 1 << 22);
}
