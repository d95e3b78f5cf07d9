/*
 * boot.h: the boot page, which the monitor writes and the guest only reads.
 *
 * The kernel is entered at mf_image_info.kernel_entry with
 *   rdi (x0) = MF_BOOT_BASE, rsp = 0, interrupts of no kind, ring 3 (EL0),
 * everything else zero. It must set up a stack of its own before it touches one.
 *
 * With MF_BOOT_FREEZE it parks itself when it first waits for an event: all that it
 * needs to go on lies in its memory, it sends FROZEN (channel.h), rings, and waits for
 * ever; the node reads the memory and ends it. With MF_BOOT_RESTORED it is entered in
 * the same way, but finds its memory as it was then (snapshot.h); seed, generation,
 * times and instance_id are new, the channel is empty. With MF_BOOT_WAIT_RINGS the monitor
 * sees to `node_sleeping` and rings (channel.h) when the guest waits and is idle, so that
 * this is one exit, and the guest need not. With MF_BOOT_SEGMENTS the processor has no wrfsbase
 * and its like, or the host loses what they set: the bases of FS and GS, 0 at first, are set by
 * the hypercall `segment`. With MF_BOOT_JIT the function's settings say `jit: true`: `protect`
 * may make memory of the program's executable.
 *
 * Where the host trusts its processors' time-stamp counter, the guest may go by it from a known
 * time on, for a second or so: the host's clock is adjusted now and then, and what adjusts it is
 * not here. A guest that did otherwise would only deceive itself.
 */
#ifndef MF_ABI_BOOT_H
#define MF_ABI_BOOT_H

#include <stdint.h>

#include "abi/layout.h"

#define MF_BOOT_MAGIC 0x31746f6f6279616dull /* "mayboot1", little-endian */
#define MF_BOOT_FREEZE   1u /* flags: park at the first wait for an event */
#define MF_BOOT_RESTORED 2u /* flags: the memory is a snapshot's          */
#define MF_BOOT_WAIT_RINGS 4u /* flags: `wait` with idle rings for the guest */
#define MF_BOOT_SEGMENTS 8u   /* flags: FS and GS bases by the hypercall `segment` */
#define MF_BOOT_JIT 16u       /* flags: memory may become executable             */
#define MF_BOOT_SEED_BYTES 48u
#define MF_BOOT_ENV_MAX (MF_BOOT_BYTES - MF_PAGE_BYTES)

struct mf_boot {
    uint64_t magic;         /* MF_BOOT_MAGIC                                     */
    uint32_t abi_version;   /* MF_ABI_VERSION                                    */
    uint32_t boot_bytes;    /* sizeof(struct mf_boot)                            */
    uint64_t window_bytes;  /* size of the window, channel included              */
    uint64_t channel_base;  /* window_bytes - MF_CHANNEL_BYTES                   */
    uint64_t program_entry; /* the program's e_entry                             */
    uint64_t program_phdr;  /* address of its program headers; 0 = not loaded    */
    uint32_t program_phnum; /* how many                                          */
    uint32_t program_phent; /* bytes of one                                      */
    uint64_t program_end;   /* first free byte after the program and its root    */
    uint64_t instance_id;   /* unique while the node runs                        */
    uint64_t monotonic_ns;  /* CLOCK_MONOTONIC when the page was written         */
    uint64_t realtime_ns;   /* CLOCK_REALTIME then                               */
    uint64_t hwcap;         /* AT_HWCAP and AT_HWCAP2 as a native program here   */
    uint64_t hwcap2;        /*   would see them                                  */
    uint32_t env_offset;    /* from MF_BOOT_BASE: NAME=value strings, NUL ended  */
    uint32_t env_bytes;     /* all of them, their NULs included                  */
    uint32_t env_count;     /* how many                                          */
    uint32_t flags;         /* MF_BOOT_…                                         */
    uint64_t generation;    /* another one at every start, restore and reset of
                               this node: clones of one snapshot differ by it    */
    uint64_t root_base;     /* root.h: address of the root file system; 0: none  */
    uint64_t root_bytes;    /* all of it; 0: none                                */
    uint64_t tsc_scale;     /* nanoseconds of monotonic_ns to a tick of the guest's
                               time-stamp counter, times 2^32; 0: not to be used */
    uint64_t tsc;           /* the guest's counter at monotonic_ns; 0: not known */
    uint8_t seed[MF_BOOT_SEED_BYTES]; /* fresh random bytes for this start       */
};
_Static_assert(sizeof(struct mf_boot) == 208, "ABI: mf_boot");
_Static_assert(sizeof(struct mf_boot) <= MF_PAGE_BYTES, "the boot struct is one page");

#endif
