/*
 * floor_large_kvm.c: what large pages are worth in the KVM sandbox: 48 MiB that the host has not
 * given yet are written in ring 3, a byte of each page, with page tables of either size over memory
 * of either size, by turns. And slots: all of a window of 1 GiB at a start, or only what a program
 * in Go has open in it, in pieces of 16 MiB. Processor time of this thread, which the VM runs in, so
 * that it says something on a busy machine, too. No code of mayfly. docs/adr/0011 has the conclusions.
 * Exits with 77 where /dev/kvm cannot be used.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "abi/layout.h"
#include "bench/floor/floor.h"
#include "bench/floor/x86_64/floor_vm.h"

#define ROUNDS 21
#define PAGES ((48u << 20) / MF_PAGE_BYTES)
#define PIECES 7u
#define PIECE_BYTES (16ull << 20)
#define SLOT_AT (1ull << 30) /* guest-physical; what is there of the host's does not matter */

/* Write rcx pages from rdi on; leave by the port. */
extern const uint8_t guest_begin[], guest_end[];
__asm__(".pushsection .rodata\n"
        "guest_begin:\n"
        "1:  incb (%rdi)\n"
        "    add $4096, %rdi\n"
        "    dec %rcx\n"
        "    jnz 1b\n"
        "    " FLOOR_PORT_OUT
        "guest_end:\n"
        ".popsection\n");

static struct floor_vm small, large; /* by their page tables */

static uint64_t used_ns(void)
{
    struct timespec now;
    FLOOR_NEED(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0, "clock_gettime");
    return (uint64_t)now.tv_sec * MF_NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t write_all(struct floor_vm *vm, int advice)
{
    floor_vm_open(vm);
    floor_vm_restore(vm, 0, FLOOR_DATA);
    FLOOR_NEED(madvise(vm->window + FLOOR_DATA, (size_t)PAGES * MF_PAGE_BYTES, advice) == 0, "madvise");
    uint64_t from_ns = used_ns();
    floor_vm_run(vm, FLOOR_DATA, 0, PAGES);
    uint64_t took_ns = used_ns() - from_ns;
    floor_vm_close(vm);
    return took_ns;
}

static uint64_t go_small_small(void)
{
    return write_all(&small, MADV_NOHUGEPAGE);
}

static uint64_t go_small_large(void)
{
    return write_all(&small, MADV_HUGEPAGE);
}

static uint64_t go_large_small(void)
{
    return write_all(&large, MADV_NOHUGEPAGE);
}

static uint64_t go_large_large(void)
{
    return write_all(&large, MADV_HUGEPAGE);
}

static uint64_t add_slots(uint32_t count, uint64_t bytes)
{
    floor_vm_open(&small);
    uint64_t from_ns = used_ns();
    for (uint32_t i = 0; i < count; i++) {
        struct kvm_userspace_memory_region slot = {.slot = i + 1,
                                                   .guest_phys_addr = SLOT_AT + 2 * i * bytes,
                                                   .memory_size = bytes,
                                                   .userspace_addr = (uintptr_t)small.window};
        FLOOR_NEED(ioctl(small.vm, KVM_SET_USER_MEMORY_REGION, &slot) == 0, "memory slot");
    }
    uint64_t took_ns = used_ns() - from_ns;
    floor_vm_close(&small);
    return took_ns;
}

static uint64_t go_one_slot(void)
{
    return add_slots(1, (1ull << 30) - MF_WINDOW_DEFAULT);
}

static uint64_t go_pieces(void)
{
    return add_slots(PIECES, PIECE_BYTES);
}

int main(void)
{
    const size_t code_bytes = (size_t)(guest_end - guest_begin);
    floor_vm_init(&small, guest_begin, code_bytes, FLOOR_DATA, true);
    floor_vm_init(&large, guest_begin, code_bytes, FLOOR_DATA, false);
    printf("%-52s %9s %9s\n", "processor time", "median us", "p99 us");
    floor_measure("48 MiB, small entries, small pages", ROUNDS, go_small_small);
    floor_measure("48 MiB, small entries, large pages", ROUNDS, go_small_large);
    floor_measure("48 MiB, large entries, small pages", ROUNDS, go_large_small);
    floor_measure("48 MiB, large entries, large pages", ROUNDS, go_large_large);
    floor_measure("a slot of 960 MiB", ROUNDS, go_one_slot);
    floor_measure("seven slots of 16 MiB", ROUNDS, go_pieces);
    return 0;
}
