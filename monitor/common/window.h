/*
 * window.h: an image in memory. The same for both monitors; base is where the
 * window's address 0 stands in this process: NULL under the process monitor
 * (guest address = host address), the start of a reservation under KVM.
 */
#ifndef MF_MONITOR_COMMON_WINDOW_H
#define MF_MONITOR_COMMON_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"
#include "monitor/monitor.h"

/* Map over [base + from, base + to), whatever was there: anonymous, private, not
 * reserved, zero, with protection prot (mmap's). Page-aligned. */
MF_CHECKED mf_err window_anonymous(uint8_t *base, uint64_t from, uint64_t to, int prot,
                                   struct mf_why *why);

/* Map the segments [first, end) of the image private at base + address. Where this process becomes
 * the guest, with protection as a segment's flags say, and zeros behind their file part;
 * else read and write, since page tables then say what the guest may do, and zeros are there. The ranges between the segments are left as they are. */
MF_CHECKED mf_err window_load(uint8_t *base, const struct monitor_start *start, uint32_t first,
                              uint32_t end, bool becomes_guest, struct mf_why *why);

/* Read all of [from, from + bytes) of the file to base + address, into memory that is there
 * and may be written. what: of which file, for the sentence. */
MF_CHECKED mf_err window_read(uint8_t *base, uint64_t address, int fd, uint64_t from,
                              uint64_t bytes, const char *what, struct mf_why *why);

/* Let each page of [address, address + bytes), page-aligned, be one of this process's own now
 * rather than by a fault at its first use: a hint, which a system may not know (before Linux
 * 5.14) or refuse where nothing may be written; then pages come by faults. */
void window_own(uint8_t *base, uint64_t address, uint64_t bytes);

/* After window_load: what start's snapshot adds. Where this process becomes the guest,
 * ranges get their protection here, too; else that is for the page tables. */
MF_CHECKED mf_err window_restore(uint8_t *base, const struct monitor_start *start,
                                 bool becomes_guest, struct mf_why *why);

/* Pages that are to be written and executed are read and executed at first, where this process becomes
 * the guest: its own calls make them both. */
static inline bool window_defers(uint32_t prot)
{
    return prot == (MF_PROT_READ | MF_PROT_WRITE | MF_PROT_EXECUTE);
}

/* Of an instance that is restored: where nothing was open when it was frozen, the host may give memory in
 * large pages, so that a program that wants a hundred MiB does not pay a fault for each 4 KiB. What was
 * open stays in small ones: an instance that needs no more has no more. */
void window_large(uint8_t *base, const struct monitor_start *start);

/* After window_restore: the pages that the first event is going to write. They hold what they
 * would hold when it does. */
void window_prepare(uint8_t *base, const struct touched *touched);

/* Map the channel shared, read-write, at base + channel_base. */
MF_CHECKED mf_err window_channel(uint8_t *base, uint64_t channel_base, int channel,
                                 struct mf_why *why);

#endif
