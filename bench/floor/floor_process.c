/*
 * floor_process.c: what a process sandbox is made of: fork, namespaces, mappings,
 * copy-on-write faults, a seccomp filter, waking.
 */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/layout.h"
#include "bench/floor/floor.h"

#define ROUNDS 200
#define PAGES 64

/* What a child may tell us. */
static struct shared {
    _Atomic uint32_t bell;
    _Atomic uint64_t at_ns;
    uint64_t took_ns;
} *shared;

static uint64_t forked(unsigned long flags, void (*child)(void))
{
    uint64_t from_ns = mf_monotonic_ns();
    atomic_store(&shared->at_ns, 0);
    pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        atomic_store(&shared->at_ns, mf_monotonic_ns());
        if (child)
            child();
        _exit(0);
    }
    FLOOR_NEED(pid > 0, "clone");
    while (waitpid(pid, NULL, 0) < 0) {
    }
    return atomic_load(&shared->at_ns) - from_ns;
}

static uint64_t go_fork(void) { return forked(0, NULL); }
static uint64_t go_pid_namespace(void) { return forked(CLONE_NEWPID, NULL); }
static uint64_t go_all_namespaces(void)
{
    return forked(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET, NULL);
}

static uint64_t go_fork_and_reap(void)
{
    uint64_t from_ns = mf_monotonic_ns();
    (void)forked(0, NULL);
    return mf_monotonic_ns() - from_ns;
}

static uint64_t go_mmap(void)
{
    uint64_t from_ns = mf_monotonic_ns();
    void *window = mmap(NULL, MF_WINDOW_DEFAULT, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    uint64_t took_ns = mf_monotonic_ns() - from_ns;
    FLOOR_NEED(window != MAP_FAILED, "mmap");
    munmap(window, MF_WINDOW_DEFAULT);
    return took_ns;
}

static uint64_t touch(int fd, int how)
{
    size_t bytes = (size_t)PAGES * MF_PAGE_BYTES;
    volatile char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    FLOOR_NEED(memory != MAP_FAILED, "mmap");
    uint64_t from_ns = mf_monotonic_ns();
    for (size_t page = 0; page < PAGES; page++) {
        if (how == PROT_WRITE)
            memory[page * MF_PAGE_BYTES] = 1;
        else
            (void)memory[page * MF_PAGE_BYTES];
    }
    uint64_t took_ns = mf_monotonic_ns() - from_ns;
    munmap((void *)(uintptr_t)memory, bytes);
    return took_ns / PAGES;
}

static int image; /* of PAGES pages, in the page cache */

static uint64_t go_anonymous(void) { return touch(-1, PROT_WRITE); }
static uint64_t go_copy_on_write(void) { return touch(image, PROT_WRITE); }
static uint64_t go_read_file(void) { return touch(image, PROT_READ); }

/* A short filter that begins as ours do: the instruction pointer first, or Linux tries all of
 * it with every call's number when it is attached, 2 us for each instruction. */
static void attach_filter(void)
{
    struct sock_filter filter[30] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer)),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    size_t n = 2;
    for (uint32_t call = 1000; n < 28; call++)
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = (unsigned short)n, .filter = filter};
    uint64_t from_ns = mf_monotonic_ns();
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    shared->took_ns = mf_monotonic_ns() - from_ns;
}

static uint64_t go_seccomp(void)
{
    (void)forked(0, attach_filter);
    return shared->took_ns;
}

static void pin(size_t cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

/* From the wake-up call to the first instruction of a sleeper on processor cpu. */
static uint64_t wake(size_t cpu)
{
    pin(0);
    atomic_store(&shared->bell, 0);
    pid_t pid = fork();
    FLOOR_NEED(pid >= 0, "fork");
    if (pid == 0) {
        pin(cpu);
        (void)syscall(SYS_futex, &shared->bell, FUTEX_WAIT, 0, NULL, NULL, 0);
        atomic_store(&shared->at_ns, mf_monotonic_ns());
        _exit(0);
    }
    usleep(2000);
    uint64_t from_ns = mf_monotonic_ns();
    atomic_store(&shared->bell, 1);
    (void)syscall(SYS_futex, &shared->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
    while (waitpid(pid, NULL, 0) < 0) {
    }
    return atomic_load(&shared->at_ns) - from_ns;
}

static uint64_t go_wake_here(void) { return wake(0); }
static uint64_t go_wake_there(void) { return wake(1); }

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    image = memfd_create("image", MFD_CLOEXEC);
    char page[MF_PAGE_BYTES];
    memset(page, 1, sizeof page);
    FLOOR_NEED(shared != MAP_FAILED && image >= 0, "memory");
    for (int i = 0; i < PAGES; i++)
        FLOOR_NEED(write(image, page, sizeof page) == (ssize_t)sizeof page, "memfd");
    printf("%-52s %9s %9s\n", "", "median us", "p99 us");
    floor_measure("fork, to the child's first instruction", ROUNDS, go_fork);
    floor_measure("fork, _exit, waitpid", ROUNDS, go_fork_and_reap);
    floor_measure("mmap of a window", ROUNDS, go_mmap);
    floor_measure("first write to an anonymous page", ROUNDS, go_anonymous);
    floor_measure("first write to a private page of a file", ROUNDS, go_copy_on_write);
    floor_measure("first read of a page of a file", ROUNDS, go_read_file);
    floor_measure("seccomp filter of 30 instructions", ROUNDS, go_seccomp);
    floor_measure("futex wake, sleeper on the same processor", ROUNDS, go_wake_here);
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
        floor_measure("futex wake, sleeper on another processor", ROUNDS, go_wake_there);
    if (unshare(geteuid() == 0 ? 0 : CLONE_NEWUSER) != 0)
        floor_refused("unshare");
    floor_measure("fork into a pid namespace of its own", ROUNDS, go_pid_namespace);
    floor_measure("fork into pid, mount, ipc, uts, net namespaces", ROUNDS, go_all_namespaces);
    return 0;
}
