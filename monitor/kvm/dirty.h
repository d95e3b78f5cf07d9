/*
 * dirty.h: which pages of the window this process has of its own: all that the guest has
 * written since they were mapped, and those that were copied in. Private mappings, so a
 * page is either the file's, or zeros that were only read, or its own. One thread.
 */
#ifndef MF_MONITOR_KVM_DIRTY_H
#define MF_MONITOR_KVM_DIRTY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pagemap.h"

#define DIRTY_REGIONS 64u /* of one call */
#define DIRTY_WORDS 1024u /* pages, of one read, where the call is missing */

struct dirty {
    int pagemap;
    bool scans;        /* by the call; else by reading a word a page */
    uint8_t *window;
    uint64_t at, to;   /* still to be asked about */
    uint32_t next, count;
    union {
        struct pagemap_region region[DIRTY_REGIONS];
        uint64_t word[DIRTY_WORDS];
    };
};

/* pagemap: of this process. Tries it out on page, which must be the process's own: a
 * descriptor of something else would find nothing. */
MF_CHECKED mf_err dirty_open(struct dirty *dirty, int pagemap, uint8_t *window, uint64_t page,
                             struct mf_why *why);

/* Look through pages [from, to) of the window, from the beginning. */
void dirty_begin(struct dirty *dirty, uint64_t from, uint64_t to);

/* The next stretch of them. 1, 0: no more, or -errno. Makes the calls ioctl(PAGEMAP_SCAN_CALL)
 * or pread(2) on pagemap. */
int dirty_next(struct dirty *dirty, uint64_t *from, uint64_t *to);

#endif
