/*
 * memory.h: the guest's memory as this process holds it: the window at a fixed host
 * address, so that the filter can name it, and the page tables that say what of it
 * the guest may touch. The window is readable and writable here throughout; for the
 * guest the page tables alone decide.
 *
 * Owns both mappings for the life of the process. One thread; never while the vCPU runs.
 */
#ifndef MF_MONITOR_KVM_MEMORY_H
#define MF_MONITOR_KVM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/common/boot.h"
#include "monitor/kvm/content.h"
#include "monitor/kvm/pagetable.h"
#include "monitor/monitor.h"

#define MEMORY_HOST MF_WINDOW_HOST_KVM /* where the window's address 0 stands; low word 0 */

struct staged;

struct memory {
    uint8_t *window;
    uint8_t *cpu; /* the processor's, with the page tables (cpu.h) */
    uint64_t window_bytes;
    uint64_t slot_bytes;   /* of the window's slot that the blank has made */
    uint64_t channel_base;
    const struct staged *staged; /* the library OS of this build that stands in the window (staged.h) */
    struct content content;      /* borrowed from the start, for good                 */
    bool shadowed;               /* cpu_is_shadowed()                                */
    bool large;                  /* what the guest opens may come in large pages     */
    struct boot_host host;       /* for the boot page                                */
    bool jit;                    /* `protect` may make pages executable (abi/boot.h) */
    bool edited;                 /* by `protect` or `discard`, since reset.c cleared it */
    struct pagetable_undo *undo; /* where `protect` keeps what it changes; NULL: nowhere */
};

/* Reserve a window of the largest size (addresses, no pages) and the processor's memory,
 * and map what the start will find where it is if its window is one of window_bytes: the boot
 * page and the channel. channel stays the caller's. */
MF_CHECKED mf_err memory_open(struct memory *memory, uint64_t window_bytes, int channel,
                              struct mf_why *why);

/* Pages of those that a small event uses. A blank's vCPU reads a byte of each, so that
 * KVM has its translation before the start: a page's first use can cost 30 us. */
#define MEMORY_USED 6u
void memory_used(const struct memory *memory, uint32_t used[MEMORY_USED]);

/* Give vm its slots: the processor's, and the window. A start with a larger one gets a slot
 * more, which a KVM that shadows page tables makes tables for: 0.46 ms for 1 GiB. */
MF_CHECKED mf_err memory_slots(const struct memory *memory, int vm, struct mf_why *why);

/* The image, with its snapshot where there is one, the channel and the boot page, here
 * and in the page tables. start is borrowed for good. */
MF_CHECKED mf_err memory_load(struct memory *memory, int vm, const struct monitor_start *start,
                              int channel, struct mf_why *why);

/* The calls `protect` and `discard`, arguments checked. 0 or -errno. */
int memory_protect(struct memory *memory, uint64_t address, uint64_t bytes, uint32_t prot);
int memory_discard(struct memory *memory, uint64_t address, uint64_t bytes);

/* After an edit of entries that were present: the processor forgets them. 0 or -errno. */
int memory_forget(const struct memory *memory, uint64_t from, uint64_t to);

#endif
