/*
 * touched.h: check and describe a file of touched pages (abi/touched.h). Hostile, like a
 * snapshot: what it says came from what a guest did. Pure; nothing allocates. Any thread.
 */
#ifndef MF_IMAGE_TOUCHED_H
#define MF_IMAGE_TOUCHED_H

#include <stddef.h>
#include <stdint.h>

#include "abi/touched.h"
#include "base/err.h"

/* Borrows the bytes it was parsed from. Every run obeys abi/touched.h. */
struct touched {
    const struct mf_touched *head; /* NULL: none */
    const struct mf_touched_run *runs;
};

/* Decode a whole file of bytes (aligned to 8). Checks everything but the digest. MF_EFORMAT
 * with the reason. */
MF_CHECKED mf_err touched_parse(const void *file, size_t bytes, struct touched *touched,
                                struct mf_why *why);

/* How many pages all runs have together. */
uint32_t touched_pages(const struct touched *touched);

/* The pages that both lists have, to out (room MF_TOUCHED_RUNS_MAX); how many runs. The lists obey abi/touched.h. */
uint32_t touched_common(const struct mf_touched_run *a, uint32_t a_count,
                        const struct mf_touched_run *b, uint32_t b_count,
                        struct mf_touched_run *out);

/* touched_digest.c, the only part that needs the hash's library. */
void touched_digest(const struct touched *touched, uint8_t digest[MF_SNAPSHOT_HASH_BYTES]);

#endif
