/* process.c: what a process may ask of itself and of its memory: limits, children, locks,
 * schedules. Agreement: every line. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static void show(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

static void memory(void)
{
    unsigned char there[4] = {0};
    char *four = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(four, 1, 4 * PAGE);
    show("mlock", mlock(four, 4 * PAGE));
    show("munlock", munlock(four + 100, PAGE));
    show("mincore", mincore(four, 4 * PAGE, there));
    printf("there: %d %d %d %d\n", there[0] & 1, there[1] & 1, there[2] & 1, there[3] & 1);
    show("mincore, odd", mincore(four + 1, PAGE, there));
    show("msync", msync(four, 4 * PAGE, MS_SYNC));
    show("msync, both", msync(four, 4 * PAGE, MS_SYNC | MS_ASYNC));
    show("munmap", munmap(four + PAGE, PAGE));
    show("mlock, a hole", mlock(four, 4 * PAGE));
    show("mincore, a hole", mincore(four, 4 * PAGE, there));
    show("msync, a hole", msync(four, 4 * PAGE, MS_ASYNC));
    show("mlockall, nothing", mlockall(0));
    show("munlockall", munlockall());
    /* a reservation, opened by parts, as runtimes have their heaps */
    char *reserved = mmap((void *)0xc000000000, 32 << 20, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    printf("reserved: %d\n", reserved != MAP_FAILED);
    for (size_t at = 0; at < 32 << 20; at += 8 << 20) {
        char *part = mmap(reserved + at, PAGE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        printf("part: %d, zero %d\n", part == reserved + at, part[PAGE - 1] == 0);
        part[0] = 1;
    }
    show("madvise", madvise(reserved, PAGE, MADV_DONTNEED));
    printf("gone: %d\n", reserved[0]);
    show("mprotect", mprotect(reserved + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE));
    reserved[2 * PAGE] = 1;
    show("munmap", munmap(reserved, 32 << 20));
}

/* Memory in many pieces, as V8 has its heap. */
static void pieces(void)
{
    const unsigned all = 1500;
    unsigned good = 0;
    char *reserved = mmap(NULL, 2 * all * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (unsigned i = 0; i < all; i++) {
        char *piece = reserved + 2 * i * PAGE;
        if (mprotect(piece, PAGE, PROT_READ | PROT_WRITE) != 0)
            break;
        piece[i] = 1;
        good++;
    }
    printf("pieces: %u\n", good);
    show("munmap", munmap(reserved, 2 * all * PAGE));
    char *aligned = mmap((void *)0x7e5500040000, 264 << 10, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("aligned: %d\n", (uintptr_t)aligned % (256 << 10) == 0);
}

static void limits(void)
{
    struct rlimit limit, again, wrong;
    for (int i = RLIMIT_CPU; i <= RLIMIT_RTPRIO; i++) {
        int got = getrlimit(i, &limit);
        printf("limit %d: %d, in order %d, set as it is %d\n", i, got, limit.rlim_cur <= limit.rlim_max,
               prlimit(0, i, &limit, &again));
    }
    show("no limit", getrlimit(99, &limit));
    getrlimit(RLIMIT_NOFILE, &limit);
    wrong = (struct rlimit){.rlim_cur = 100, .rlim_max = 10};
    show("wrong", setrlimit(RLIMIT_NOFILE, &wrong));
    printf("enough: %d\n", limit.rlim_cur >= 1024);
    show("nobody's", prlimit(0x3ffffff0, RLIMIT_CPU, NULL, &limit));
}

static void family(void)
{
    uid_t real, effective, saved;
    show("wait", waitpid(-1, NULL, WNOHANG));
    show("waitid", waitid(P_ALL, 0, NULL, WEXITED | WNOHANG));
    show("getresuid", getresuid(&real, &effective, &saved));
    printf("one: %d\n", real == getuid() && effective == geteuid() && saved == real);
    show("setresuid", setresuid(real, effective, -1));
    printf("groups of one: %d\n", getpgid(0) == getpgrp() && getpgid(getpid()) == getpgrp());
    show("nobody's group", getpgid(0x3ffffff0));
    show("personality", syscall(SYS_personality, 0xffffffffu));
}

static void schedules(void)
{
    struct sched_param parameter = {.sched_priority = 7};
    unsigned processor = 99, node = 99;
    cpu_set_t set;
    printf("scheduler %d\n", (int)syscall(SYS_sched_getscheduler, 0));
    printf("getparam %d", (int)syscall(SYS_sched_getparam, 0, &parameter));
    printf(" %d\n", parameter.sched_priority);
    printf("priorities %d %d %d %d\n", sched_get_priority_min(SCHED_OTHER),
           sched_get_priority_max(SCHED_OTHER), sched_get_priority_min(SCHED_RR),
           sched_get_priority_max(SCHED_RR));
    show("no policy", sched_get_priority_max(77));
    show("getcpu", syscall(SYS_getcpu, &processor, &node, NULL));
    printf("it is one: %d %u\n", processor < 1024, node);
    CPU_ZERO(&set);
    show("no processor", sched_setaffinity(0, sizeof set, &set));
    show("nobody's", syscall(SYS_sched_getscheduler, 0x3ffffff0));
    show("its parent's", syscall(SYS_sched_getscheduler, getppid()));
    show("of none", syscall(SYS_sched_getaffinity, -1, sizeof set, &set));
    struct timespec slice = {-1, -1};
    show("slice", sched_rr_get_interval(0, &slice));
    printf("it is some time: %d\n", slice.tv_sec >= 0 && slice.tv_nsec >= 0);
    show("of none", sched_rr_get_interval(-1, &slice));
    show("of nobody", sched_rr_get_interval(0x3ffffff0, &slice));
    show("the least", setpriority(PRIO_PROCESS, 0, 19));
    show("nice", getpriority(PRIO_PROCESS, 0));
    show("beyond", setpriority(PRIO_PROCESS, getpid(), 1000));
    show("of nobody", setpriority(PRIO_PROCESS, 0x3ffffff0, 19));
    show("of what is none", setpriority(PRIO_USER + 1, 0, 19));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    memory();
    pieces();
    limits();
    family();
    schedules();
    return 0;
}
