/*
 * floor_kvm.c: what a KVM sandbox is made of: the VM, its memory slot, its vCPU, and the
 * way out and back by a port. x86-64. Exits with 77 where /dev/kvm cannot be used.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/layout.h"
#include "bench/floor/floor.h"

#define ROUNDS 100
#define EXITS 1000

static int kvm;

static struct vm {
    int vm, vcpu;
    uint8_t *window;
    struct kvm_run *run;
    size_t run_bytes;
    uint64_t vm_ns, slot_ns, vcpu_ns;
} machine;

static void machine_open(struct vm *vm)
{
    uint64_t at_ns = mf_monotonic_ns();
    vm->vm = ioctl(kvm, KVM_CREATE_VM, 0);
    FLOOR_NEED(vm->vm >= 0, "KVM_CREATE_VM");
    vm->vm_ns = mf_monotonic_ns() - at_ns;
    vm->window = mmap(NULL, MF_WINDOW_DEFAULT, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    FLOOR_NEED(vm->window != MAP_FAILED, "mmap");
    struct kvm_userspace_memory_region region = {
        .memory_size = MF_WINDOW_DEFAULT, .userspace_addr = (uint64_t)(uintptr_t)vm->window};
    at_ns = mf_monotonic_ns();
    FLOOR_NEED(ioctl(vm->vm, KVM_SET_USER_MEMORY_REGION, &region) == 0, "memory slot");
    vm->slot_ns = mf_monotonic_ns() - at_ns;
    at_ns = mf_monotonic_ns();
    vm->vcpu = ioctl(vm->vm, KVM_CREATE_VCPU, 0);
    vm->run_bytes = (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    FLOOR_NEED(vm->vcpu >= 0, "KVM_CREATE_VCPU");
    vm->run = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
    FLOOR_NEED(vm->run != MAP_FAILED, "mmap of the vCPU");
    vm->vcpu_ns = mf_monotonic_ns() - at_ns;
}

static void machine_close(struct vm *vm)
{
    munmap(vm->run, vm->run_bytes);
    close(vm->vcpu);
    close(vm->vm);
    munmap(vm->window, MF_WINDOW_DEFAULT);
}

static uint64_t go_vm(void)
{
    machine_open(&machine);
    machine_close(&machine);
    return machine.vm_ns;
}

static uint64_t go_slot(void)
{
    machine_open(&machine);
    machine_close(&machine);
    return machine.slot_ns;
}

static uint64_t go_vcpu(void)
{
    machine_open(&machine);
    machine_close(&machine);
    return machine.vcpu_ns;
}

static uint64_t go_all(void)
{
    uint64_t from_ns = mf_monotonic_ns();
    machine_open(&machine);
    uint64_t took_ns = mf_monotonic_ns() - from_ns;
    machine_close(&machine);
    return took_ns;
}

static uint64_t go_close(void)
{
    machine_open(&machine);
    uint64_t from_ns = mf_monotonic_ns();
    machine_close(&machine);
    return mf_monotonic_ns() - from_ns;
}

/* Real mode at 0x1000: out %al, $0x10; jmp back. */
static uint64_t go_exits(void)
{
    static const uint8_t code[] = {0xe6, 0x10, 0xeb, 0xfc};
    struct kvm_sregs sregs;
    machine_open(&machine);
    memcpy(machine.window + 0x1000, code, sizeof code);
    FLOOR_NEED(ioctl(machine.vcpu, KVM_GET_SREGS, &sregs) == 0, "KVM_GET_SREGS");
    sregs.cs.base = 0;
    sregs.cs.selector = 0;
    struct kvm_regs regs = {.rip = 0x1000, .rflags = 2};
    FLOOR_NEED(ioctl(machine.vcpu, KVM_SET_SREGS, &sregs) == 0, "KVM_SET_SREGS");
    FLOOR_NEED(ioctl(machine.vcpu, KVM_SET_REGS, &regs) == 0, "KVM_SET_REGS");
    FLOOR_NEED(ioctl(machine.vcpu, KVM_RUN, 0) == 0, "KVM_RUN");
    uint64_t from_ns = mf_monotonic_ns();
    for (int i = 0; i < EXITS; i++) {
        FLOOR_NEED(ioctl(machine.vcpu, KVM_RUN, 0) == 0, "KVM_RUN");
        FLOOR_NEED(machine.run->exit_reason == KVM_EXIT_IO, "port write");
    }
    uint64_t took_ns = mf_monotonic_ns() - from_ns;
    machine_close(&machine);
    return took_ns / EXITS;
}

int main(void)
{
    kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    FLOOR_NEED(kvm >= 0, "/dev/kvm");
    printf("%-52s %9s %9s\n", "", "median us", "p99 us");
    floor_measure("KVM_CREATE_VM", ROUNDS, go_vm);
    floor_measure("memory slot of a window", ROUNDS, go_slot);
    floor_measure("KVM_CREATE_VCPU", ROUNDS, go_vcpu);
    floor_measure("VM, slot and vCPU", ROUNDS, go_all);
    floor_measure("closing them", ROUNDS, go_close);
    floor_measure("port write, exit and back (real mode)", 20, go_exits);
    return 0;
}
