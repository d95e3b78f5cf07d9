/*
 * nonsense.c: every system call with whatever arguments, by several threads. What is not the
 * program's own (its text, its stacks) is spared, so that it lives long enough to ask much.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <mayfly.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "nonsense.h"

#define ARENA_BYTES (4u << 20)
#define CALLS 4000
#define NUMBERS 460
#define THREADS 5 /* of which one is about files only */
#define FILE_CALLS 8000

static uint8_t *arena;
static atomic_uint calls_made, finished;

uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t argument(uint64_t *state)
{
    static const uint64_t edges[] = {
        0, 1, 2, 4095, 4096, 0x10000, 0x20000, 0x30000, 0x100000, 0x120000, 0x3fffff, 0x80000000,
        0x7fffffff, 0xffffffff, 1ull << 47, 1ull << 63, UINT64_MAX, UINT64_MAX - 4095,
    };
    uint64_t kind = next(state) % 16, value = next(state);
    switch (kind) {
    case 0: case 1: case 2: case 3:
        return (uint64_t)arena + value % ARENA_BYTES;
    case 4: case 5:
        return (uint64_t)arena + (value % ARENA_BYTES & ~4095ull);
    case 6: case 7: case 8:
        return value % 16;
    case 9:
        return value % 8192;
    case 10:
        return 1ull << value % 64;
    case 11:
        return value;
    case 12: /* near the window's end, where the kernel keeps its own */
        return 0x4000000 - value % 0x1000000;
    case 13:
        return -(value % 4096);
    default:
        return edges[value % (sizeof edges / sizeof *edges)];
    }
}

/* Of Linux itself since 6.11 and 6.18: whoever makes one is ended by SIGILL, and no filter is asked
 * (kernel/seccomp.c). */
#define SYS_URETPROBE 335
#define SYS_UPROBE 336

/* Calls that end or stop the thread by what they are for, now and then only. */
static int spares(long number, uint64_t *state)
{
    static const long ends[] = {SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_kill, SYS_tkill,
                                SYS_tgkill, SYS_clone, SYS_clone3, SYS_pause, SYS_rt_sigsuspend,
                                SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_arch_prctl,
                                SYS_close, SYS_sigaltstack, SYS_brk, SYS_set_robust_list,
                                SYS_set_tid_address};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (number == ends[i])
            return next(state) % 500 != 0;
    return 0;
}

static void wake(int number)
{
    (void)number; /* whatever waits is interrupted */
}

void set_wake(void)
{
    const struct sigaction action = {.sa_handler = wake};
    const struct itimerval often = {{0, 3000}, {0, 3000}};
    sigset_t none;
    sigemptyset(&none);
    sigaction(SIGALRM, &action, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}

static void *calls(void *seed)
{
    uint64_t state = (uint64_t)seed;
    for (unsigned i = 0; i < CALLS; i++) {
        long number = (long)(next(&state) % NUMBERS);
        if (i % 16 == 0)
            set_wake();
        if (number == SYS_URETPROBE || number == SYS_UPROBE || spares(number, &state))
            continue;
        if (number == SYS_nanosleep || number == SYS_clock_nanosleep || number == SYS_futex)
            memset(arena, 0, 4096);
        (void)syscall(number, argument(&state), argument(&state), argument(&state),
                      argument(&state), argument(&state), argument(&state));
        calls_made++;
    }
    finished++;
    return NULL;
}

static void *calls_on_files(void *seed)
{
    file_calls((uint64_t)seed, FILE_CALLS, arena, ARENA_BYTES / 64);
    calls_made += FILE_CALLS;
    finished++;
    return NULL;
}

int mayfly_init(void)
{
    arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return arena == MAP_FAILED;
}

/* Some may have made themselves wait for ever, deaf to signals: as they like. */
void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    pthread_t thread;
    uint64_t seed = strtoull(mayfly_path(event) + 1, NULL, 10) * 0x9e3779b97f4a7c15ull + 1;
    const struct timespec moment = {0, 1000000};
    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&thread, NULL, i ? calls : calls_on_files, (void *)(seed + i)) != 0)
            break;
    for (unsigned i = 0; i < 1000 && finished < THREADS; i++) {
        set_wake();
        nanosleep(&moment, NULL);
    }
    mayfly_printf(reply, "%s", calls_made > CALLS ? "many calls" : "few calls");
}
