/*
 * floor_restore_kvm.c: what the system alone asks for a cold start by a snapshot in the KVM
 * sandbox, and for a reset: the file mapped over the slot of a VM that is there already, one
 * run in ring 3 that writes so many pages, the exit by a port; then the search for the pages
 * written (PAGEMAP_SCAN, Linux 6.7) and their copies back. No code of mayfly, no request.
 * Exits with 77 where /dev/kvm cannot be used.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/layout.h"
#include "base/pagemap.h"
#include "bench/floor/floor.h"
#include "bench/floor/x86_64/floor_vm.h"

#define ROUNDS 200
#define APART (4 * MF_PAGE_BYTES)
#define CONTENT_BYTES 0xc00000u
#define RESET_PAGES 10u

#define POPULATE_WRITE 23 /* MADV_POPULATE_WRITE, since 5.14 */

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
        "2:  " FLOOR_PORT_OUT
        "    jmp 2b\n"
        "guest_end:\n"
        ".popsection\n");

static struct floor_vm vm;
static int pagemap;
static unsigned pages; /* that the next run writes   */
static size_t apart;   /* they are, in bytes         */
static bool prepared;  /* by madvise, before the run */

static void run_guest(void)
{
    floor_vm_run(&vm, FLOOR_DATA, apart, pages);
}

static void restore(void)
{
    floor_vm_restore(&vm, 0, MF_WINDOW_DEFAULT);
    if (prepared)
        FLOOR_NEED(madvise(vm.window + FLOOR_DATA, pages * apart, POPULATE_WRITE) == 0,
                   "MADV_POPULATE_WRITE");
    run_guest();
}

static uint64_t go_blank(void)
{
    uint64_t from_ns = mf_monotonic_ns();
    floor_vm_open(&vm);
    uint64_t took_ns = mf_monotonic_ns() - from_ns;
    floor_vm_close(&vm);
    return took_ns;
}

static uint64_t go_restore(void)
{
    floor_vm_open(&vm);
    uint64_t from_ns = mf_monotonic_ns();
    restore();
    uint64_t took_ns = mf_monotonic_ns() - from_ns;
    floor_vm_close(&vm);
    return took_ns;
}

/* Pages that are no longer the file's get its content again; they stay mapped. */
static unsigned copy_back(void)
{
    static struct pagemap_region region[1024];
    struct pagemap_scan scan = {.size = sizeof scan,
                                .start = (uintptr_t)vm.window,
                                .end = (uintptr_t)vm.window + MF_WINDOW_DEFAULT,
                                .vec = (uintptr_t)region,
                                .vec_len = sizeof region / sizeof region[0],
                                .category_inverted = PAGEMAP_IS_FILE,
                                .category_mask = PAGEMAP_IS_FILE | PAGEMAP_IS_PRESENT,
                                .return_mask = PAGEMAP_IS_PRESENT};
    int count = ioctl(pagemap, PAGEMAP_SCAN_CALL, &scan);
    FLOOR_NEED(count >= 0, "PAGEMAP_SCAN");
    unsigned copied = 0;
    for (int i = 0; i < count; i++) {
        size_t from = region[i].start - (uintptr_t)vm.window;
        size_t bytes = region[i].end - region[i].start;
        memcpy(vm.window + from, vm.image + from, bytes);
        copied += (unsigned)(bytes / MF_PAGE_BYTES);
    }
    return copied;
}

/* State of a processor as it was: general, special and vector registers. */
static struct {
    struct kvm_regs regs, first; /* as it left the guest; before its first instruction */
    struct kvm_sregs sregs;
    struct kvm_xsave xsave;
} saved;

static void registers_save(void)
{
    FLOOR_NEED(ioctl(vm.vcpu, KVM_GET_REGS, &saved.regs) == 0, "KVM_GET_REGS");
    FLOOR_NEED(ioctl(vm.vcpu, KVM_GET_SREGS, &saved.sregs) == 0, "KVM_GET_SREGS");
    FLOOR_NEED(ioctl(vm.vcpu, KVM_GET_XSAVE, &saved.xsave) == 0, "KVM_GET_XSAVE");
}

static void registers_restore(void)
{
    FLOOR_NEED(ioctl(vm.vcpu, KVM_SET_SREGS, &saved.sregs) == 0, "KVM_SET_SREGS");
    FLOOR_NEED(ioctl(vm.vcpu, KVM_SET_XSAVE, &saved.xsave) == 0, "KVM_SET_XSAVE");
    FLOOR_NEED(ioctl(vm.vcpu, KVM_SET_REGS, &saved.regs) == 0, "KVM_SET_REGS");
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

/* One event after the other, with as little as it takes: general and special registers go in
 * with KVM_RUN, so that a rollback makes no call on the vCPU. */
static uint64_t go_rolled_event(void)
{
    uint64_t from_ns = mf_monotonic_ns();
    vm.run->s.regs.regs = saved.first;
    vm.run->s.regs.sregs = saved.sregs;
    vm.run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
    FLOOR_NEED(ioctl(vm.vcpu, KVM_RUN, 0) == 0, "KVM_RUN");
    FLOOR_NEED(vm.run->exit_reason == KVM_EXIT_IO && vm.run->kvm_dirty_regs == 0, "port write");
    FLOOR_NEED(copy_back() >= RESET_PAGES, "pages written");
    return mf_monotonic_ns() - from_ns;
}

static void measure_reset(void)
{
    pages = RESET_PAGES;
    pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    FLOOR_NEED(pagemap >= 0, "pagemap");
    floor_vm_open(&vm);
    restore();
    registers_save();
    pages = 0;
    floor_measure("run and exit, nothing else", ROUNDS, go_event);
    pages = RESET_PAGES;
    floor_measure("event of 10 pages, memory as it left it", ROUNDS, go_event);
    floor_measure("reset: PAGEMAP_SCAN, 10 pages copied back", ROUNDS, go_reset_memory);
    floor_measure("reset: the same, and all registers", ROUNDS, go_reset_all);
    floor_measure("event of 10 pages after a reset", ROUNDS, go_event_after_reset);
    saved.first = floor_vm_first(FLOOR_DATA, apart, pages);
    floor_measure("event and reset, registers with KVM_RUN", ROUNDS, go_rolled_event);
    floor_vm_close(&vm);
}

int main(void)
{
    static const unsigned counts[] = {0, 16, 32, 64};
    char what[64];
    floor_vm_init(&vm, guest_begin, (size_t)(guest_end - guest_begin), CONTENT_BYTES, false);
    apart = APART;
    printf("%-52s %9s %9s\n", "", "median us", "p99 us");
    floor_measure("blank: VM, slot, vCPU, its registers", ROUNDS, go_blank);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        pages = counts[i];
        (void)snprintf(what, sizeof what, "restore: map over the slot, run, %u pages, exit",
                       pages);
        floor_measure(what, ROUNDS, go_restore);
    }
    apart = MF_PAGE_BYTES;
    floor_measure("the same, 64 pages one after the other", ROUNDS, go_restore);
    prepared = true;
    floor_measure("the same, prepared by MADV_POPULATE_WRITE", ROUNDS, go_restore);
    prepared = false;
    apart = APART;
    measure_reset();
    return 0;
}
