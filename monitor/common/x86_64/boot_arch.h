/* boot_arch.h: what the boot page says of an x86-64. */
#ifndef MF_MONITOR_COMMON_X86_64_BOOT_ARCH_H
#define MF_MONITOR_COMMON_X86_64_BOOT_ARCH_H

#include <stdint.h>

#include "abi/boot.h"

#define HWCAP2_FSGSBASE 2u /* Linux, asm/hwcap2.h: wrfsbase and its like, and what they set is kept */

/* Where nothing else is known of the processor. */
static inline uint32_t boot_arch_flags(uint64_t hwcap2)
{
    return hwcap2 & HWCAP2_FSGSBASE ? 0 : MF_BOOT_SEGMENTS;
}

#endif
