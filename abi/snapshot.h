/*
 * snapshot.h: a function frozen while it waits for its first event, as a sparse file.
 * Made once, restored in any number of instances, under either monitor.
 *
 * The identity rule: what stands at address A of the window stands at offset A of the
 * file; only pages with content are in it. Its head lies at offset 0, where a window
 * has nothing of its own. Boot page, gate and channel are never in it, nor is any
 * state of a processor or a host: the guest saved its own (boot.h, MF_BOOT_FREEZE).
 *
 * A window is restored in this order:
 *   1. the image's segments, as at any start: text comes from there and nowhere else;
 *   2. each range: these pages allow what `protect` would have made them allow;
 *   3. each run: these pages are the file's, private.
 * Ranges are what the guest said of itself (channel.h, FROZEN). They are worth as much
 * as its calls of `protect`, so they are allowed as much: no page becomes executable but of
 * a function with MF_BOOT_JIT, at MF_PROGRAM_BASE or above.
 */
#ifndef MF_ABI_SNAPSHOT_H
#define MF_ABI_SNAPSHOT_H

#include <stdint.h>

#include "abi/channel.h"
#include "abi/layout.h"

#define MF_SNAPSHOT_MAGIC 0x31706e7379616dull /* "maysnp1", little-endian */
#define MF_SNAPSHOT_HASH_BYTES 32u            /* BLAKE2b-256               */
#define MF_SNAPSHOT_HEAD_BYTES_MAX 0x40000u
#define MF_SNAPSHOT_RANGES_MAX 2048u
#define MF_SNAPSHOT_RUNS_MAX 4096u

/* Pages [page, page + pages), numbered from address 0: not empty, at or above
 * MF_KERNEL_BASE, below the channel; in a list ascending, none overlapping. */
struct mf_range {
    uint32_t page;
    uint32_t pages;
    uint32_t prot;  /* as of `protect` */
};
_Static_assert(sizeof(struct mf_range) == 12, "ABI: mf_range");
_Static_assert(sizeof(struct mf_range) * MF_SNAPSHOT_RANGES_MAX <= MF_CHUNK_BYTES_MAX,
               "FROZEN carries them all");

struct mf_run {
    uint32_t page;  /* as in a range */
    uint32_t pages;
    uint32_t prot;  /* what the pages allow */
    uint32_t flags; /* MF_RUN_… */
};
_Static_assert(sizeof(struct mf_run) == 16, "ABI: mf_run");

/* A first event writes these pages: copying them at the restore is cheaper than a
 * fault for each. A hint; the content is the same either way. */
#define MF_RUN_COPY 1u

struct mf_snapshot {
    uint64_t magic;         /* MF_SNAPSHOT_MAGIC                                     */
    uint32_t abi_version;   /* MF_ABI_VERSION                                        */
    uint32_t head_bytes;    /* this struct, then ranges, then runs; to the byte      */
    uint64_t window_bytes;  /* of the instance that was frozen, and of any restored  */
    uint64_t file_bytes;    /* where the last run ends; shorter: cut off             */
    uint64_t made_at_ns;    /* CLOCK_REALTIME                                        */
    uint32_t range_count;   /* at most MF_SNAPSHOT_RANGES_MAX                        */
    uint32_t run_count;     /* at most MF_SNAPSHOT_RUNS_MAX                          */
    uint8_t key[MF_SNAPSHOT_HASH_BYTES];    /* of all that it depends on: the file's name */
    uint8_t image[MF_SNAPSHOT_HASH_BYTES];  /* hash of the image it was made of      */
    uint8_t digest[MF_SNAPSHOT_HASH_BYTES]; /* of the head with zeros here, then of the
                                               runs' pages in their order            */
};
_Static_assert(sizeof(struct mf_snapshot) == 144, "ABI: mf_snapshot");
_Static_assert(sizeof(struct mf_snapshot) + MF_SNAPSHOT_RANGES_MAX * sizeof(struct mf_range) +
                       MF_SNAPSHOT_RUNS_MAX * sizeof(struct mf_run) <= MF_SNAPSHOT_HEAD_BYTES_MAX &&
                   MF_SNAPSHOT_HEAD_BYTES_MAX <= MF_KERNEL_BASE,
               "the head lies below all content");

#endif
