/*
 * trace_names.h: names, numbered 0, 1 … in the order in which they first come. One
 * owner, one thread.
 */
#ifndef MF_BENCH_TRACE_NAMES_H
#define MF_BENCH_TRACE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Zero-initialised means empty. */
struct names {
    struct mf_buf text;  /* all of them, one after the other    */
    uint32_t *begin;     /* by number; one more is their end    */
    uint32_t *slot;      /* number + 1 by hash; 0: free         */
    uint32_t slots;      /* a power of two, at most half in use */
    uint32_t count;
};

/* MF_ETOOBIG: more than `most`. */
MF_CHECKED mf_err names_number(struct names *names, const char *name, size_t bytes, uint32_t most,
                               uint32_t *number);
void names_close(struct names *names);

#endif
