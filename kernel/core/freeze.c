/*
 * freeze.c: see freeze.h.
 * Guarantees: what is frozen holds no state of the processor, no key of the random
 * generator, no message, nothing that the program wants wiped (MADV_WIPEONFORK); FS and
 * GS base and vector state are in memory, the other registers in the frame of the system
 * call on the kernel's stack.
 * Leaves to others: reading the memory (the node), restoring it (a monitor).
 * A program's other secrets and stack canaries are copied with it: docs/THREATS.md.
 * Owns what was parked.
 */
#include "kernel/core/freeze.h"

#include <stdint.h>

#include "abi/snapshot.h"
#include "kernel/core/boot.h"
#include "kernel/core/clock.h"
#include "kernel/core/fault.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/limits.h"
#include "kernel/core/random.h"
#include "kernel/core/space.h"
#include "kernel/event/event.h"
#include "kernel/event/wire.h"
#include "kernel/x86_64/segment.h"
#include "kernel/x86_64/vector.h"

static struct {
    uint64_t fs_base, gs_base, monotonic_ns;
    struct vector vector;
} parked;

/* Behind the stack, so that the beginning, usually all of it that is not zero, shares a
 * page with the stack's top, which every start writes (kernel.lds). */
extern uint8_t kernel_parked[];

#define RANGES (REGIONS_MAX < MF_SNAPSHOT_RANGES_MAX ? REGIONS_MAX : MF_SNAPSHOT_RANGES_MAX)
#define RANGES_BYTES (RANGES * (uint32_t)sizeof(struct mf_range))
_Static_assert(RANGES_BYTES <= MF_CHUNK_BYTES_MAX, "all ranges fit into FROZEN");
_Static_assert(PARKED_BYTES % VECTOR_ALIGN == 0, "kernel.lds");

bool freeze_is_wanted(void)
{
    return boot_page()->flags & MF_BOOT_FREEZE;
}

void freeze_here(void)
{
    if (!freeze_is_wanted())
        return;
    uint64_t realtime_ns;
    hypercall_clock(&parked.monotonic_ns, &realtime_ns);
    clock_stop();
    parked.fs_base = segment_base(MF_SEGMENT_FS);
    parked.gs_base = segment_base(MF_SEGMENT_GS);
    parked.vector = vector_find(PARKED_BYTES);
    vector_save(&parked.vector, kernel_parked);
    random_forget();
    if (space_wipe() != 0)
        fault_words(MF_CAUSE_KERNEL_BUG, "memory that is to be wiped for the snapshot cannot be");
    struct ring_place place = wire_reserve(RANGES_BYTES, RANGES_BYTES);
    uint32_t count = space_ranges((struct mf_range *)(void *)place.data, RANGES);
    if (count > RANGES)
        fault_words(MF_CAUSE_NO_MEMORY, "the program's memory is in more pieces than a snapshot can have");
    space_frozen((const struct mf_range *)(const void *)place.data, count);
    struct mf_desc desc = {.type = MF_MSG_FROZEN,
                           .data_bytes = count * (uint32_t)sizeof(struct mf_range)};
    wire_publish(&desc, &place);
    for (;;)
        wire_wait(false); /* for ever: the node has no more for this one */
}

void freeze_resume(void)
{
    const struct mf_boot *boot = boot_page();
    const char *wrong = boot_decode(boot);
    if (wrong)
        fault_words(MF_CAUSE_PROTOCOL, wrong);
    clock_resume(parked.monotonic_ns, boot->monotonic_ns);
    clock_start(boot);
    random_start(boot->seed);
    event_start(boot->channel_base, boot->flags);
    /* GS's is 0 so far, as it is with most programs, and to set it may be an exit. */
    if (segment_set_base(MF_SEGMENT_FS, parked.fs_base) != 0 ||
        (parked.gs_base && segment_set_base(MF_SEGMENT_GS, parked.gs_base) != 0))
        fault_words(MF_CAUSE_KERNEL_BUG, "the monitor refuses the FS or GS base of the snapshot");
    if (vector_restore(&parked.vector, kernel_parked) != 0)
        fault_words(MF_CAUSE_KERNEL_BUG, "the processor refuses the vector state of the snapshot");
}
