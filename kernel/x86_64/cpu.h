/* cpu.h: single instructions of x86-64 that C has no words for. */
#ifndef KERNEL_X86_64_CPU_H
#define KERNEL_X86_64_CPU_H

#include <stdint.h>

struct cpu_id {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpu_id cpu_id(uint32_t leaf, uint32_t part)
{
    struct cpu_id id;
    __asm__ volatile("cpuid"
                     : "=a"(id.eax), "=b"(id.ebx), "=c"(id.ecx), "=d"(id.edx)
                     : "a"(leaf), "c"(part));
    return id;
}

/* XCR0: the vector state that the monitor has enabled. Needs OSXSAVE. */
static inline uint64_t cpu_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* The time-stamp counter, not before what comes before (Intel SDM, RDTSC). */
static inline uint64_t cpu_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

#endif
