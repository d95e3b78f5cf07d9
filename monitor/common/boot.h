/* boot.h: fill the boot page (abi/boot.h). */
#ifndef MF_MONITOR_COMMON_BOOT_H
#define MF_MONITOR_COMMON_BOOT_H

#include "monitor/monitor.h"

/* Write page and environment to area: MF_BOOT_BYTES, writable, zero. hwcap, hwcap2:
 * what the guest may see (abi/boot.h). The times and the seed are fresh. */
MF_CHECKED mf_err boot_fill(void *area, const struct monitor_start *start, uint64_t hwcap,
                            uint64_t hwcap2, struct mf_why *why);

/* The page of a guest that begins anew: another seed and generation. */
MF_CHECKED mf_err boot_renew(void *area, struct mf_why *why);
/* The times are now. */
void boot_stamp(void *area);

#endif
