/* scratch.h: a folder of our own in $TMPDIR (or /tmp), for as long as a subject lives. */
#ifndef MF_BENCH_SCRATCH_H
#define MF_BENCH_SCRATCH_H

#include "base/err.h"

/* Short: the path of a Unix socket in it has 107 bytes at most. */
#define SCRATCH_BYTES 80

struct scratch {
    char path[SCRATCH_BYTES]; /* "": none */
};

MF_CHECKED mf_err scratch_open(struct scratch *scratch, struct mf_why *why);
void scratch_close(struct scratch *scratch); /* removes it with all it holds */

#endif
