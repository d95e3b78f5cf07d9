/*
 * touched.h: which pages the first event of a restored instance writes, as a small file
 * beside the snapshot (snapshot.h). The node records them, from outside; a monitor prepares
 * them before it enters the guest, so that the event does not pay for a fault each.
 *
 * All of it is a hint. What a window holds is the same whatever stands here, and whether it
 * stands here or not; a monitor may leave out what it likes.
 */
#ifndef MF_ABI_TOUCHED_H
#define MF_ABI_TOUCHED_H

#include <stdint.h>

#include "abi/layout.h"
#include "abi/snapshot.h"

#define MF_TOUCHED_MAGIC 0x3168637479616dull /* "maytch1", little-endian */
#define MF_TOUCHED_RUNS_MAX 2048u
#define MF_TOUCHED_PAGES_MAX 2048u /* of all runs together: what a start can be made to do */
#define MF_TOUCHED_SAMPLES 2u      /* instances that were looked at, at least, before anything is
                                      prepared: pages are those that all of them touched */

/* Pages [page, page + pages), numbered from address 0: as a run of a snapshot. */
struct mf_touched_run {
    uint32_t page;
    uint32_t pages;
};
_Static_assert(sizeof(struct mf_touched_run) == 8, "ABI: mf_touched_run");

struct mf_touched {
    uint64_t magic;       /* MF_TOUCHED_MAGIC                                        */
    uint32_t abi_version; /* MF_ABI_VERSION                                          */
    uint32_t run_count;   /* at most MF_TOUCHED_RUNS_MAX; they follow, to the byte   */
    uint32_t samples;     /* 1 to MF_TOUCHED_SAMPLES; that, if there were more       */
    uint32_t reserved;    /* 0                                                       */
    uint64_t window_bytes;
    uint8_t snapshot[MF_SNAPSHOT_HASH_BYTES]; /* digest of the one that it belongs to */
    uint8_t digest[MF_SNAPSHOT_HASH_BYTES];   /* of the head with zeros here, then of the runs */
};
_Static_assert(sizeof(struct mf_touched) == 96, "ABI: mf_touched");

#define MF_TOUCHED_BYTES_MAX \
    (sizeof(struct mf_touched) + MF_TOUCHED_RUNS_MAX * sizeof(struct mf_touched_run))

#endif
