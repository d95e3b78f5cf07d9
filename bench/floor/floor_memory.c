/*
 * floor_memory.c: what the system's kernel holds for the things an idle instance is made of:
 * a process, namespaces, a VM, its memory slot, its vCPU, page tables. As root, or wherever
 * a cgroup may be made; exits with 77 elsewhere.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/layout.h"
#include "bench/floor/floor.h"
#include "bench/kernel_memory.h"

#define COUNT 200u
#define SETTLE_US 2500000 /* the kernel sums up its counters once in two seconds */
#define TOUCHED_PAGES 32u

static struct kernel_memory memory;
static int kvm = -1;

/* What each of COUNT children does before it sleeps. False: the machine refuses. */
typedef bool (*becomes)(void);

static bool become_process(void)
{
    return true;
}

static bool become_touching(void)
{
    volatile uint8_t *window = mmap(NULL, MF_WINDOW_DEFAULT, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (window == MAP_FAILED)
        return false;
    for (size_t i = 0; i < TOUCHED_PAGES; i++) /* one in each two MiB: a page table each */
        window[i * (MF_WINDOW_DEFAULT / TOUCHED_PAGES)] = 1;
    return true;
}

static bool become_vm(void)
{
    return ioctl(kvm, KVM_CREATE_VM, 0) >= 0;
}

/* -1: refused. */
static int with_slot(void)
{
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    void *window = mmap(NULL, MF_WINDOW_DEFAULT, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct kvm_userspace_memory_region slot = {
        .memory_size = MF_WINDOW_DEFAULT, .userspace_addr = (uint64_t)(uintptr_t)window};
    bool there = vm >= 0 && window != MAP_FAILED &&
                 ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) == 0;
    return there ? vm : -1;
}

static bool become_vm_with_slot(void)
{
    return with_slot() >= 0;
}

static bool become_vm_with_vcpu(void)
{
    return ioctl(with_slot(), KVM_CREATE_VCPU, 0) >= 0;
}

static bool become_namespaces(void)
{
    return unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET) == 0;
}

_Noreturn static void child_main(becomes become, int ready)
{
    const char *said = become() ? "r" : "x";
    (void)!write(ready, said, 1);
    for (;;)
        pause();
}

/* NAN: refused. */
static double of_one(becomes become, unsigned long flags)
{
    pid_t pid[COUNT];
    int ready[2];
    char byte;
    bool refused = false;
    FLOOR_NEED(pipe(ready) == 0, "pipe");
    usleep(SETTLE_US);
    uint64_t before_kib = kernel_memory_grouped_kib(&memory);
    for (unsigned i = 0; i < COUNT; i++) {
        pid[i] = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
        FLOOR_NEED(pid[i] >= 0, "clone");
        if (pid[i] == 0)
            child_main(become, ready[1]);
        refused |= read(ready[0], &byte, 1) != 1 || byte != 'r';
    }
    usleep(SETTLE_US);
    uint64_t after_kib = kernel_memory_grouped_kib(&memory);
    for (unsigned i = 0; i < COUNT; i++) {
        kill(pid[i], SIGKILL);
        while (waitpid(pid[i], NULL, 0) < 0) {
        }
    }
    close(ready[0]);
    close(ready[1]);
    return refused ? NAN : ((double)after_kib - (double)before_kib) / COUNT;
}

static void tell(const char *what, becomes become, unsigned long flags)
{
    double kib = of_one(become, flags);
    printf("%-52s %9.1f\n", what, kib);
}

int main(void)
{
    struct processes nobody = {.count = 0};
    kernel_memory_open(&memory, &nobody);
    FLOOR_NEED(memory.grouped, "a cgroup of our own");
    printf("%-52s %9s\n", "", "KiB each");
    tell("process", become_process, 0);
    tell("process in a pid namespace of its own", become_process, CLONE_NEWPID);
    tell("process with mount, ipc and net namespaces", become_namespaces, 0);
    tell("process that touched 32 pages, 2 MiB apart", become_touching, 0);
    kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm >= 0) {
        tell("process with a VM", become_vm, 0);
        tell("the same, and a memory slot of a window", become_vm_with_slot, 0);
        tell("the same, and a vCPU", become_vm_with_vcpu, 0);
    }
    kernel_memory_close(&memory);
    return 0;
}
