/*
 * window.h: an image in memory. The same for both monitors; base is where the
 * window's address 0 stands in this process: NULL under the process monitor
 * (guest address = host address), the start of a reservation under KVM.
 */
#ifndef MF_MONITOR_COMMON_WINDOW_H
#define MF_MONITOR_COMMON_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/monitor.h"

/* Map over [base + from, base + to), whatever was there: anonymous, private, not
 * reserved, zero, with protection prot (mmap's). Page-aligned. */
MF_CHECKED mf_err window_anonymous(uint8_t *base, uint64_t from, uint64_t to, int prot,
                                   struct mf_why *why);

/* Map every segment from number first on (those before are there already) private from the image at base + address, zeros behind its file
 * part, within the last file page too. Protection as the segment's flags say where this
 * process becomes the guest; else read and write, since page tables then say what the
 * guest may do. The ranges between the segments are left as they are. */
MF_CHECKED mf_err window_load(uint8_t *base, const struct monitor_start *start, uint32_t first,
                              bool becomes_guest, struct mf_why *why);

/* After window_load: what start's snapshot adds. Where this process becomes the guest,
 * ranges get their protection here, too; else that is for the page tables. */
MF_CHECKED mf_err window_restore(uint8_t *base, const struct monitor_start *start,
                                 bool becomes_guest, struct mf_why *why);

/* Map the channel shared, read-write, at base + channel_base. */
MF_CHECKED mf_err window_channel(uint8_t *base, uint64_t channel_base, int channel,
                                 struct mf_why *why);

#endif
