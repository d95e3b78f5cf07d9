/* boot.h: fill the boot page (abi/boot.h). */
#ifndef MF_MONITOR_COMMON_BOOT_H
#define MF_MONITOR_COMMON_BOOT_H

#include <stdbool.h>

#include "monitor/common/tsc.h"
#include "monitor/monitor.h"

/* What the page says of the host. */
struct boot_host {
    uint64_t hwcap, hwcap2;  /* what the guest may see (abi/boot.h)          */
    uint32_t flags;          /* MF_BOOT_SEGMENTS, or 0                       */
    struct tsc_moment since; /* the spawner's start                          */
    bool same_counter;       /* the guest's time-stamp counter is the host's */
};

/* Write page and environment to area: MF_BOOT_BYTES, writable, zero. The times and the seed
 * are fresh. */
MF_CHECKED mf_err boot_fill(void *area, const struct monitor_start *start,
                            const struct boot_host *host, struct mf_why *why);

/* The page of a guest that begins anew: another seed and generation. */
MF_CHECKED mf_err boot_renew(void *area, struct mf_why *why);
/* The times are now. */
void boot_stamp(void *area, const struct boot_host *host);

#endif
