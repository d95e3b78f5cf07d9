/*
 * segment.h: the bases of FS and GS, which are the program's: how its threads find what is
 * their own. Set by the processor's own instruction, or by one hypercall where that does not
 * hold (abi/boot.h, MF_BOOT_SEGMENTS).
 */
#ifndef KERNEL_X86_64_SEGMENT_H
#define KERNEL_X86_64_SEGMENT_H

#include <stdint.h>

#include "abi/hypercall.h"

/* which: MF_SEGMENT_FS or MF_SEGMENT_GS. */
uint64_t segment_base(uint32_t which);

/* 0, or -errno of the hypercall: the base is what it was. base must be canonical. */
int segment_set_base(uint32_t which, uint64_t base);

#endif
