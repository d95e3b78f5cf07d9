/*
 * snapshot.h: read and check a snapshot file (abi/snapshot.h). The head is hostile: what
 * a guest said of itself is in it. Nothing but snapshot_load() allocates. Any thread.
 */
#ifndef MF_IMAGE_SNAPSHOT_H
#define MF_IMAGE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/snapshot.h"
#include "base/err.h"

/* Borrows the bytes it was parsed from. Every range and run obeys abi/snapshot.h. */
struct snapshot {
    const struct mf_snapshot *head;
    const struct mf_range *ranges;
    const struct mf_run *runs;
    bool executes; /* some pages are executable: only for a function with MF_BOOT_JIT */
};

/* The rules of a list of ranges in a window of so many bytes; jit: of a function whose memory may
 * become executable. MF_EFORMAT with the first range that breaks one. */
MF_CHECKED mf_err snapshot_check_ranges(const struct mf_range *ranges, uint32_t count,
                                        uint64_t window_bytes, bool jit, struct mf_why *why);

/* Decode bytes of head (aligned to 8) of a file of file_bytes. Checks everything but the
 * digest, and but whether pages may be executable: `executes` tells. MF_EFORMAT with the reason. */
MF_CHECKED mf_err snapshot_parse(const void *head, size_t bytes, uint64_t file_bytes,
                                 struct snapshot *snapshot, struct mf_why *why);

/* May it be restored in an instance with, or without, jit? MF_EFORMAT with the reason. */
MF_CHECKED mf_err snapshot_allowed(const struct snapshot *snapshot, bool jit, struct mf_why *why);

/* How many pages all runs have together. */
uint64_t snapshot_pages(const struct snapshot *snapshot);

/* A whole file in memory, at the offsets that it has in the file. snapshot_load.c. */
struct snapshot_copy {
    uint8_t *data; /* NULL: none */
    uint64_t bytes;
    struct snapshot snapshot;
};
/* Read and decode the file. MF_EFORMAT with the reason. */
MF_CHECKED mf_err snapshot_load(int fd, struct snapshot_copy *copy, struct mf_why *why);
bool snapshot_holds(const struct snapshot_copy *copy); /* its digest does */
void snapshot_unload(struct snapshot_copy *copy);

/* Recompute the digest of a whole file, which lies at data (the snapshot parsed from its
 * beginning). snapshot_digest.c; the only part that needs the hash's library. */
void snapshot_digest(const struct snapshot *snapshot, const uint8_t *data,
                     uint8_t digest[MF_SNAPSHOT_HASH_BYTES]);

#endif
