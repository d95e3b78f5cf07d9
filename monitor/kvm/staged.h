/*
 * staged.h: a library OS of this build, in its place in the window of every blank, with
 * KVM's translations of its pages made: 5 to 30 us each, on some hosts, that no start pays. An
 * image that has the same library OS, as nearly all have, finds it there: that of C functions
 * in a window of the usual size, that of Linux programs in others.
 *
 * Nothing of any function is in it. Text and constants are the spawner's own file, shared by
 * all blanks. One thread; never while the vCPU runs.
 */
#ifndef MF_MONITOR_KVM_STAGED_H
#define MF_MONITOR_KVM_STAGED_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/kvm/memory.h"

#define STAGED_PAGES_MAX 80u

/* In the blank: put it into the window and its page tables. Adds the pages to read once to
 * pages (room STAGED_PAGES_MAX); how many. Where this build has none: none. */
MF_CHECKED mf_err staged_open(struct memory *memory, uint32_t *pages, uint32_t *count,
                              struct mf_why *why);

/* At the start: how many of the image's first segments are there already; 0: it has another
 * library OS, and ours is gone from the window. */
MF_CHECKED mf_err staged_keep(struct memory *memory, const struct monitor_start *start,
                              uint32_t *segments, struct mf_why *why);

#endif
