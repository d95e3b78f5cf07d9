/* floor_vm.c: see floor_vm.h. */
#include "bench/floor/x86_64/floor_vm.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/layout.h"
#include "bench/floor/floor.h"

#define CPUIDS 200

/* The guest's memory: tables and TSS low, code, then its data. */
#define PML4 0x1000u
#define PDPT 0x2000u
#define PD 0x3000u
#define TSS 0x20000u /* its I/O bitmap, all zeros, follows it */
#define CODE 0x10000u
#define STACK 0x80000u
#define TABLES 0x100000u /* the lowest, where pages are small */
#define TABLE_BITS 0x67u /* present, writable, user, accessed, dirty */
#define LARGE 0x80u
#define LARGE_BITS 21
#define TABLE_ENTRIES 512u
#define IOPL_3 0x3002u
#define PORT 0x3fa

static struct {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entry[CPUIDS];
} cpuid;

static uint64_t *table_at(const struct floor_vm *at, uint64_t address)
{
    return (uint64_t *)(void *)(at->image + address);
}

static void make_tables(const struct floor_vm *at, bool small)
{
    table_at(at, PML4)[0] = PDPT | TABLE_BITS;
    table_at(at, PDPT)[0] = PD | TABLE_BITS;
    for (uint64_t i = 0; i < MF_WINDOW_DEFAULT >> LARGE_BITS; i++) {
        uint64_t table = TABLES + i * MF_PAGE_BYTES;
        table_at(at, PD)[i] = small ? table | TABLE_BITS : i << LARGE_BITS | TABLE_BITS | LARGE;
        for (uint64_t k = 0; small && k < TABLE_ENTRIES; k++)
            table_at(at, table)[k] = ((i << LARGE_BITS) + k * MF_PAGE_BYTES) | TABLE_BITS;
    }
}

void floor_vm_init(struct floor_vm *at, const uint8_t *code, size_t code_bytes,
                   size_t content_bytes, bool small)
{
    *at = (struct floor_vm){.vm = -1, .vcpu = -1};
    at->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    FLOOR_NEED(at->kvm >= 0, "/dev/kvm");
    at->run_bytes = (size_t)ioctl(at->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    cpuid.head.nent = CPUIDS;
    FLOOR_NEED(ioctl(at->kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) == 0, "KVM_GET_SUPPORTED_CPUID");
    at->file = memfd_create("snapshot", MFD_CLOEXEC);
    FLOOR_NEED(at->file >= 0 && ftruncate(at->file, MF_WINDOW_DEFAULT) == 0, "memfd_create");
    at->image = mmap(NULL, MF_WINDOW_DEFAULT, PROT_READ | PROT_WRITE, MAP_SHARED, at->file, 0);
    FLOOR_NEED(at->image != MAP_FAILED, "mmap");
    memset(at->image + FLOOR_DATA, 1, content_bytes - FLOOR_DATA);
    make_tables(at, small);
    at->image[TSS + 102] = 104; /* the bitmap's offset */
    memcpy(at->image + CODE, code, code_bytes);
}

static void set_segments(const struct floor_vm *at)
{
    struct kvm_sregs sregs;
    FLOOR_NEED(ioctl(at->vcpu, KVM_GET_SREGS, &sregs) == 0, "KVM_GET_SREGS");
    sregs.cr0 = 0x80050033;
    sregs.cr3 = PML4;
    sregs.cr4 = 0x620;
    sregs.efer = 0xd01;
    sregs.tr = (struct kvm_segment){
        .base = TSS, .limit = 0xffff, .selector = 0x30, .present = 1, .type = 11};
    sregs.cs = (struct kvm_segment){
        .limit = ~0u, .selector = 0x33, .present = 1, .type = 11, .dpl = 3, .s = 1, .l = 1, .g = 1};
    sregs.ss = (struct kvm_segment){
        .limit = ~0u, .selector = 0x2b, .present = 1, .type = 3, .dpl = 3, .s = 1, .db = 1, .g = 1};
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss;
    FLOOR_NEED(ioctl(at->vcpu, KVM_SET_SREGS, &sregs) == 0, "KVM_SET_SREGS");
}

void floor_vm_open(struct floor_vm *at)
{
    at->vm = ioctl(at->kvm, KVM_CREATE_VM, 0);
    FLOOR_NEED(at->vm >= 0, "KVM_CREATE_VM");
    at->window = mmap(NULL, MF_WINDOW_DEFAULT, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    FLOOR_NEED(at->window != MAP_FAILED, "mmap");
    struct kvm_userspace_memory_region slot = {
        .memory_size = MF_WINDOW_DEFAULT, .userspace_addr = (uint64_t)(uintptr_t)at->window};
    FLOOR_NEED(ioctl(at->vm, KVM_SET_USER_MEMORY_REGION, &slot) == 0, "memory slot");
    at->vcpu = ioctl(at->vm, KVM_CREATE_VCPU, 0);
    FLOOR_NEED(at->vcpu >= 0, "KVM_CREATE_VCPU");
    at->run = mmap(NULL, at->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, at->vcpu, 0);
    FLOOR_NEED(at->run != MAP_FAILED, "mmap of the vCPU");
    FLOOR_NEED(ioctl(at->vcpu, KVM_SET_CPUID2, &cpuid) == 0, "KVM_SET_CPUID2");
    set_segments(at);
}

void floor_vm_close(struct floor_vm *at)
{
    munmap(at->run, at->run_bytes);
    close(at->vcpu);
    close(at->vm);
    munmap(at->window, MF_WINDOW_DEFAULT);
}

void floor_vm_restore(struct floor_vm *at, size_t from, size_t to)
{
    FLOOR_NEED(mmap(at->window + from, to - from, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, at->file,
                    (off_t)from) == at->window + from, "restore");
}

struct kvm_regs floor_vm_first(uint64_t rdi, uint64_t rsi, uint64_t rcx)
{
    return (struct kvm_regs){
        .rip = CODE, .rsp = STACK, .rflags = IOPL_3, .rcx = rcx, .rdi = rdi, .rsi = rsi};
}

void floor_vm_run(struct floor_vm *at, uint64_t rdi, uint64_t rsi, uint64_t rcx)
{
    const struct kvm_regs regs = floor_vm_first(rdi, rsi, rcx);
    FLOOR_NEED(ioctl(at->vcpu, KVM_SET_REGS, &regs) == 0, "KVM_SET_REGS");
    FLOOR_NEED(ioctl(at->vcpu, KVM_RUN, 0) == 0, "KVM_RUN");
    FLOOR_NEED(at->run->exit_reason == KVM_EXIT_IO && at->run->io.port == PORT, "port write");
}
