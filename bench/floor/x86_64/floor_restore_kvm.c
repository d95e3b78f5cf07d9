/*
 * floor_restore_kvm.c: what the system alone asks for a cold start by a snapshot in the KVM
 * sandbox, and for a reset: the file mapped over the slot of a VM that is there already, one
 * run in ring 3 that writes so many pages, the exit by a port; then the search for the pages
 * written (PAGEMAP_SCAN, Linux 6.7) and their copies back. No code of mayfly, no request.
 * Exits with 77 where /dev/kvm cannot be used.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/layout.h"
#include "bench/floor/floor.h"

#define ROUNDS 200
#define CPUIDS 200

/* The guest's memory: tables and TSS low, code, then the pages it writes, one in four. */
#define PML4 0x1000u
#define PDPT 0x2000u
#define PD 0x3000u
#define TSS 0x20000u /* its I/O bitmap, all zeros, follows it */
#define CODE 0x10000u
#define STACK 0x80000u
#define DATA 0x800000u
#define APART (4 * MF_PAGE_BYTES)
#define CONTENT_BYTES 0xc00000u
#define RESET_PAGES 10u
#define PORT 0x3fa
#define TABLE_BITS 0x67u /* present, writable, user, accessed, dirty */
#define LARGE 0x80u
#define IOPL_3 0x3002u

/* PAGEMAP_SCAN, of linux/fs.h since 6.7. */
struct region {
    uint64_t start, end, categories;
};
struct scan {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted,
        category_mask, category_anyof_mask, return_mask;
};
#define SCAN _IOWR('f', 16, struct scan)
#define POPULATE_WRITE 23 /* MADV_POPULATE_WRITE, since 5.14 */
#define PAGE_IS_FILE (1u << 2)
#define PAGE_IS_PRESENT (1u << 3)

/* Write to rcx pages from rdi on, rsi bytes apart; leave by the port; once more. */
extern const uint8_t guest_begin[], guest_end[];
__asm__(".pushsection .rodata\n"
        "guest_begin:\n"
        "    test %rcx, %rcx\n"
        "    jz 2f\n"
        "1:  movb $2, (%rdi)\n"
        "    add %rsi, %rdi\n"
        "    dec %rcx\n"
        "    jnz 1b\n"
        "2:  mov $0x3fa, %edx\n"
        "    out %al, (%dx)\n"
        "    jmp 2b\n"
        "guest_end:\n"
        ".popsection\n");

static struct {
    int kvm, file, vm, vcpu, pagemap;
    uint8_t *image; /* the file, shared */
    uint8_t *window;
    struct kvm_run *run;
    size_t run_bytes;
    unsigned pages; /* that the next run writes */
    size_t apart;   /* they are, in bytes          */
    bool prepared;  /* by madvise, before the run   */
} at;

static struct {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entry[CPUIDS];
} cpuid;

static void make_snapshot(void)
{
    at.file = memfd_create("snapshot", MFD_CLOEXEC);
    FLOOR_NEED(at.file >= 0 && ftruncate(at.file, MF_WINDOW_DEFAULT) == 0, "memfd_create");
    at.image = mmap(NULL, MF_WINDOW_DEFAULT, PROT_READ | PROT_WRITE, MAP_SHARED, at.file, 0);
    FLOOR_NEED(at.image != MAP_FAILED, "mmap");
    memset(at.image + DATA, 1, CONTENT_BYTES - DATA);
    uint64_t *pml4 = (uint64_t *)(void *)(at.image + PML4);
    uint64_t *pdpt = (uint64_t *)(void *)(at.image + PDPT);
    uint64_t *pd = (uint64_t *)(void *)(at.image + PD);
    pml4[0] = PDPT | TABLE_BITS;
    pdpt[0] = PD | TABLE_BITS;
    for (uint64_t i = 0; i < MF_WINDOW_DEFAULT >> 21; i++)
        pd[i] = i << 21 | TABLE_BITS | LARGE;
    at.image[TSS + 102] = 104; /* the bitmap's offset */
    memcpy(at.image + CODE, guest_begin, (size_t)(guest_end - guest_begin));
}

static void set_segments(void)
{
    struct kvm_sregs sregs;
    FLOOR_NEED(ioctl(at.vcpu, KVM_GET_SREGS, &sregs) == 0, "KVM_GET_SREGS");
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
    FLOOR_NEED(ioctl(at.vcpu, KVM_SET_SREGS, &sregs) == 0, "KVM_SET_SREGS");
}

static void blank_open(void)
{
    at.vm = ioctl(at.kvm, KVM_CREATE_VM, 0);
    FLOOR_NEED(at.vm >= 0, "KVM_CREATE_VM");
    at.window = mmap(NULL, MF_WINDOW_DEFAULT, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    FLOOR_NEED(at.window != MAP_FAILED, "mmap");
    struct kvm_userspace_memory_region slot = {
        .memory_size = MF_WINDOW_DEFAULT, .userspace_addr = (uint64_t)(uintptr_t)at.window};
    FLOOR_NEED(ioctl(at.vm, KVM_SET_USER_MEMORY_REGION, &slot) == 0, "memory slot");
    at.vcpu = ioctl(at.vm, KVM_CREATE_VCPU, 0);
    FLOOR_NEED(at.vcpu >= 0, "KVM_CREATE_VCPU");
    at.run = mmap(NULL, at.run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, at.vcpu, 0);
    FLOOR_NEED(at.run != MAP_FAILED, "mmap of the vCPU");
    FLOOR_NEED(ioctl(at.vcpu, KVM_SET_CPUID2, &cpuid) == 0, "KVM_SET_CPUID2");
    set_segments();
}

static void blank_close(void)
{
    munmap(at.run, at.run_bytes);
    close(at.vcpu);
    close(at.vm);
    munmap(at.window, MF_WINDOW_DEFAULT);
}

static void run_guest(void)
{
    const struct kvm_regs regs = {
        .rip = CODE, .rsp = STACK, .rflags = IOPL_3, .rcx = at.pages, .rdi = DATA, .rsi = at.apart};
    FLOOR_NEED(ioctl(at.vcpu, KVM_SET_REGS, &regs) == 0, "KVM_SET_REGS");
    FLOOR_NEED(ioctl(at.vcpu, KVM_RUN, 0) == 0, "KVM_RUN");
    FLOOR_NEED(at.run->exit_reason == KVM_EXIT_IO && at.run->io.port == PORT, "port write");
}

static void restore(void)
{
    FLOOR_NEED(mmap(at.window, MF_WINDOW_DEFAULT, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, at.file, 0) == at.window, "restore");
    if (at.prepared)
        FLOOR_NEED(madvise(at.window + DATA, at.pages * at.apart, POPULATE_WRITE) == 0,
                   "MADV_POPULATE_WRITE");
    run_guest();
}

static uint64_t go_blank(void)
{
    uint64_t from_ns = mf_monotonic_ns();
    blank_open();
    uint64_t took_ns = mf_monotonic_ns() - from_ns;
    blank_close();
    return took_ns;
}

static uint64_t go_restore(void)
{
    blank_open();
    uint64_t from_ns = mf_monotonic_ns();
    restore();
    uint64_t took_ns = mf_monotonic_ns() - from_ns;
    blank_close();
    return took_ns;
}

/* Pages that are no longer the file's get its content again; they stay mapped. */
static unsigned copy_back(void)
{
    static struct region region[1024];
    struct scan scan = {.size = sizeof scan,
                        .start = (uintptr_t)at.window,
                        .end = (uintptr_t)at.window + MF_WINDOW_DEFAULT,
                        .vec = (uintptr_t)region,
                        .vec_len = sizeof region / sizeof region[0],
                        .category_inverted = PAGE_IS_FILE,
                        .category_mask = PAGE_IS_FILE | PAGE_IS_PRESENT,
                        .return_mask = PAGE_IS_PRESENT};
    int count = ioctl(at.pagemap, SCAN, &scan);
    FLOOR_NEED(count >= 0, "PAGEMAP_SCAN");
    unsigned copied = 0;
    for (int i = 0; i < count; i++) {
        size_t from = region[i].start - (uintptr_t)at.window;
        size_t bytes = region[i].end - region[i].start;
        memcpy(at.window + from, at.image + from, bytes);
        copied += (unsigned)(bytes / MF_PAGE_BYTES);
    }
    return copied;
}

/* State of a processor as it was: general, special and vector registers. */
static struct {
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_xsave xsave;
} saved;

static void registers_save(void)
{
    FLOOR_NEED(ioctl(at.vcpu, KVM_GET_REGS, &saved.regs) == 0, "KVM_GET_REGS");
    FLOOR_NEED(ioctl(at.vcpu, KVM_GET_SREGS, &saved.sregs) == 0, "KVM_GET_SREGS");
    FLOOR_NEED(ioctl(at.vcpu, KVM_GET_XSAVE, &saved.xsave) == 0, "KVM_GET_XSAVE");
}

static void registers_restore(void)
{
    FLOOR_NEED(ioctl(at.vcpu, KVM_SET_SREGS, &saved.sregs) == 0, "KVM_SET_SREGS");
    FLOOR_NEED(ioctl(at.vcpu, KVM_SET_XSAVE, &saved.xsave) == 0, "KVM_SET_XSAVE");
    FLOOR_NEED(ioctl(at.vcpu, KVM_SET_REGS, &saved.regs) == 0, "KVM_SET_REGS");
}

/* The VM of these three stays. */
static uint64_t go_event(void)
{
    uint64_t from_ns = mf_monotonic_ns();
    run_guest();
    return mf_monotonic_ns() - from_ns;
}

static uint64_t go_reset_memory(void)
{
    run_guest();
    uint64_t from_ns = mf_monotonic_ns();
    FLOOR_NEED(copy_back() >= RESET_PAGES, "pages written");
    return mf_monotonic_ns() - from_ns;
}

static uint64_t go_reset_all(void)
{
    run_guest();
    uint64_t from_ns = mf_monotonic_ns();
    FLOOR_NEED(copy_back() >= RESET_PAGES, "pages written");
    registers_restore();
    return mf_monotonic_ns() - from_ns;
}

static uint64_t go_event_after_reset(void)
{
    (void)copy_back();
    registers_restore();
    return go_event();
}

static void measure_reset(void)
{
    at.pages = RESET_PAGES;
    at.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    FLOOR_NEED(at.pagemap >= 0, "pagemap");
    blank_open();
    restore();
    registers_save();
    at.pages = 0;
    floor_measure("run and exit, nothing else", ROUNDS, go_event);
    at.pages = RESET_PAGES;
    floor_measure("event of 10 pages, memory as it left it", ROUNDS, go_event);
    floor_measure("reset: PAGEMAP_SCAN, 10 pages copied back", ROUNDS, go_reset_memory);
    floor_measure("reset: the same, and all registers", ROUNDS, go_reset_all);
    floor_measure("event of 10 pages after a reset", ROUNDS, go_event_after_reset);
    blank_close();
}

int main(void)
{
    static const unsigned counts[] = {0, 16, 32, 64};
    char what[64];
    at.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    FLOOR_NEED(at.kvm >= 0, "/dev/kvm");
    at.run_bytes = (size_t)ioctl(at.kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    cpuid.head.nent = CPUIDS;
    FLOOR_NEED(ioctl(at.kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) == 0, "KVM_GET_SUPPORTED_CPUID");
    at.apart = APART;
    make_snapshot();
    printf("%-52s %9s %9s\n", "", "median us", "p99 us");
    floor_measure("blank: VM, slot, vCPU, its registers", ROUNDS, go_blank);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        at.pages = counts[i];
        (void)snprintf(what, sizeof what, "restore: map over the slot, run, %u pages, exit",
                       at.pages);
        floor_measure(what, ROUNDS, go_restore);
    }
    at.apart = MF_PAGE_BYTES;
    floor_measure("the same, 64 pages one after the other", ROUNDS, go_restore);
    at.prepared = true;
    floor_measure("the same, prepared by MADV_POPULATE_WRITE", ROUNDS, go_restore);
    at.prepared = false;
    at.apart = APART;
    measure_reset();
    return 0;
}
