/* tsc_arch.h: the time-stamp counter of x86-64. */
#ifndef MF_MONITOR_COMMON_X86_64_TSC_ARCH_H
#define MF_MONITOR_COMMON_X86_64_TSC_ARCH_H

#include <stdint.h>

static inline uint64_t tsc_arch_read(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

#endif
