/*
 * floor_touched_kvm.c: what it is worth to prepare the pages that an event will touch, in the
 * KVM sandbox: a snapshot of 16 MiB of heap, mapped private over the slot; of it an event in
 * ring 3 reads some pages and writes half as many, scattered in pieces. Before it, by turns:
 * nothing; the pages it writes made own (MADV_POPULATE_WRITE); the pages it reads mapped,
 * too; all made own; and where two of a group of eight are touched, all of the group, which
 * is what a KVM that shadows page tables can add at a time. The figure has mapping,
 * preparation and event. No code of mayfly, no request. docs/adr/0005 has the conclusions.
 * Exits with 77 where /dev/kvm cannot be used.
 */
#include <string.h>
#include <sys/mman.h>

#include "abi/layout.h"
#include "bench/floor/floor.h"
#include "bench/floor/x86_64/floor_vm.h"

#define ROUNDS 41
#define HEAP_PAGES 4096u
#define HEAP_BYTES ((size_t)HEAP_PAGES * MF_PAGE_BYTES)
#define PAGES_MAX 1500u
#define STEP 1237u /* odd: goes through all the pieces before it comes to one again */
#define GROUP 8u
#define POPULATE_READ 22
#define POPULATE_WRITE 23

extern const uint8_t guest_begin[], guest_end[];
__asm__(".pushsection .rodata\n"
        "guest_begin:\n" FLOOR_PAGES_CODE "guest_end:\n"
        ".popsection\n");

enum way { NOTHING, WRITTEN, WRITTEN_AND_READ, ALL_OWN, GROUPS_OWN, WAYS };
static const char *const way_name[WAYS] = {"nothing prepared", "written pages",
                                           "written and read pages", "all made own",
                                           "groups of eight"};

static struct floor_vm vm;
static enum way way;
static unsigned reads, writes, near;
static uint32_t address[PAGES_MAX]; /* those read, then those written */

static void choose(void)
{
    for (unsigned i = 0; i < reads + writes; i++) {
        unsigned page = i / near * STEP % (HEAP_PAGES / near) * near + i % near;
        address[i] = FLOOR_DATA + page * MF_PAGE_BYTES;
    }
    memcpy(vm.image + FLOOR_LIST, address, sizeof address);
}

static void populate(const uint32_t *list, unsigned count, int advice)
{
    for (unsigned i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && list[end] == list[end - 1] + MF_PAGE_BYTES;)
            end++;
        FLOOR_NEED(madvise(vm.window + list[i], (end - i) * MF_PAGE_BYTES, advice) == 0,
                   "MADV_POPULATE");
    }
}

static void populate_groups(void)
{
    uint8_t touched[HEAP_PAGES / GROUP] = {0};
    for (unsigned i = 0; i < reads + writes; i++)
        touched[(address[i] - FLOOR_DATA) / MF_PAGE_BYTES / GROUP]++;
    for (unsigned i = 0; i < HEAP_PAGES / GROUP; i++)
        if (touched[i] > 1)
            FLOOR_NEED(madvise(vm.window + FLOOR_DATA + (size_t)i * GROUP * MF_PAGE_BYTES,
                               (size_t)GROUP * MF_PAGE_BYTES, POPULATE_WRITE) == 0,
                       "MADV_POPULATE_WRITE");
}

static void prepare(void)
{
    if (way == WRITTEN || way == WRITTEN_AND_READ)
        populate(address + reads, writes, POPULATE_WRITE);
    if (way == WRITTEN_AND_READ)
        populate(address, reads, POPULATE_READ);
    if (way == ALL_OWN)
        populate(address, reads + writes, POPULATE_WRITE);
    if (way == GROUPS_OWN)
        populate_groups();
}

static uint64_t go(void)
{
    floor_vm_open(&vm);
    floor_vm_restore(&vm, 0, FLOOR_DATA); /* as in a blank, which has run: what is low is there */
    floor_vm_run(&vm, FLOOR_LIST, 0, 0);
    uint64_t from_ns = mf_monotonic_ns();
    floor_vm_restore(&vm, FLOOR_DATA, FLOOR_DATA + HEAP_BYTES);
    prepare();
    floor_vm_run(&vm, FLOOR_LIST, writes, reads);
    uint64_t took_ns = mf_monotonic_ns() - from_ns;
    floor_vm_close(&vm);
    return took_ns;
}

/* By turns, so that what else the machine does falls on all alike. */
static void measure(void)
{
    struct samples us[WAYS] = {0};
    choose();
    for (unsigned round = 0; round < ROUNDS; round++)
        for (way = 0; way < WAYS; way++)
            if (samples_add(&us[way], (double)go() / (double)MF_NS_PER_US))
                exit(1);
    for (unsigned i = 0; i < WAYS; i++) {
        printf("%4u read, %4u written, %u together, %-23s %9.2f %9.2f\n", reads, writes, near,
               way_name[i], samples_percentile(&us[i], 50), samples_percentile(&us[i], 99));
        samples_close(&us[i]);
    }
}

int main(void)
{
    static const unsigned counts[] = {0, 50, 200, 1000};
    floor_vm_init(&vm, guest_begin, (size_t)(guest_end - guest_begin), FLOOR_DATA + HEAP_BYTES,
                  true);
    printf("%-61s %9s %9s\n", "", "median us", "p99 us");
    for (near = 1; near <= GROUP; near *= GROUP)
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            reads = counts[i];
            writes = counts[i] / 2;
            measure();
        }
    return 0;
}
