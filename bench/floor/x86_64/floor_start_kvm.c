/*
 * floor_start_kvm.c: what the system alone asks for a start of the server in Go (bench/paper/hello) in
 * the KVM sandbox, of a blank that is ready: so many mappings of image and snapshot over the slot, the pages
 * that its first event writes made own, and one run in ring 3 that reads and writes as many pages as that does.
 * Numbers are those of a trace of its start (docs/LIMITS.md). Of no code of mayfly, without the lock-down, no
 * request. Each row has those above it in it. Exits with 77 where /dev/kvm cannot be used.
 */
#include <string.h>
#include <sys/mman.h>

#include "abi/layout.h"
#include "bench/floor/floor.h"
#include "bench/floor/x86_64/floor_vm.h"

#define ROUNDS 101
#define POPULATE_WRITE 23 /* MADV_POPULATE_WRITE, since 5.14 */
#define MAPPINGS 21u
#define STRETCHES 38u /* of written pages: one, two, one, ... */
#define READ 75u
#define GROUP_BYTES (8u * MF_PAGE_BYTES) /* none of them comes with another one's entry (floor_touched_kvm.c) */
#define WRITTEN_MAX (2 * STRETCHES)
#define DATA_BYTES ((size_t)(READ + STRETCHES) * GROUP_BYTES)

extern const uint8_t guest_begin[], guest_end[];
__asm__(".pushsection .rodata\n"
        "guest_begin:\n" FLOOR_PAGES_CODE "guest_end:\n"
        ".popsection\n");

enum step { RUN, MAP, OWN, TOUCH, STEPS };
static const char *const step_name[STEPS] = {"run and exit", "21 mappings, the same", "57 pages in 38 stretches made own, too",
                                             "75 pages read and those written, too"};

static struct floor_vm vm;
static uint32_t address[READ + WRITTEN_MAX];
static unsigned written;

static uint32_t stretch(unsigned number)
{
    return FLOOR_DATA + (READ + number) * GROUP_BYTES;
}

static void choose(void)
{
    for (unsigned i = 0; i < READ; i++)
        address[i] = FLOOR_DATA + i * GROUP_BYTES;
    for (unsigned i = 0; i < STRETCHES; i++)
        for (unsigned page = 0; page <= i % 2; page++)
            address[READ + written++] = stretch(i) + page * MF_PAGE_BYTES;
    memcpy(vm.image + FLOOR_LIST, address, sizeof address);
}

static void map(void)
{
    const size_t each = DATA_BYTES / MAPPINGS / MF_PAGE_BYTES * MF_PAGE_BYTES;
    for (unsigned i = 0; i < MAPPINGS; i++)
        floor_vm_restore(&vm, FLOOR_DATA + i * each, i + 1 < MAPPINGS ? FLOOR_DATA + (i + 1) * each : FLOOR_DATA + DATA_BYTES);
}

static void own(void)
{
    for (unsigned i = 0; i < STRETCHES; i++)
        FLOOR_NEED(madvise(vm.window + stretch(i), (1 + i % 2) * MF_PAGE_BYTES, POPULATE_WRITE) == 0,
                   "MADV_POPULATE_WRITE");
}

static uint64_t go(enum step step)
{
    floor_vm_open(&vm);
    floor_vm_restore(&vm, 0, FLOOR_DATA); /* as in a blank, which has run: what is low is there */
    floor_vm_run(&vm, FLOOR_LIST, 0, 0);
    uint64_t from_ns = mf_monotonic_ns();
    if (step >= MAP)
        map();
    if (step >= OWN)
        own();
    floor_vm_run(&vm, FLOOR_LIST, step == TOUCH ? written : 0, step == TOUCH ? READ : 0);
    uint64_t took_ns = mf_monotonic_ns() - from_ns;
    floor_vm_close(&vm);
    return took_ns;
}

int main(void)
{
    struct samples us[STEPS] = {0};
    floor_vm_init(&vm, guest_begin, (size_t)(guest_end - guest_begin), FLOOR_DATA + DATA_BYTES, true);
    choose();
    printf("%-52s %9s %9s\n", "", "median us", "p99 us");
    for (unsigned round = 0; round < ROUNDS; round++)
        for (enum step step = RUN; step < STEPS; step++)
            if (samples_add(&us[step], (double)go(step) / (double)MF_NS_PER_US))
                return 1;
    for (unsigned i = 0; i < STEPS; i++) {
        printf("%-52s %9.2f %9.2f\n", step_name[i], samples_percentile(&us[i], 50),
               samples_percentile(&us[i], 99));
        samples_close(&us[i]);
    }
    return 0;
}
