/* features.c: CPUID (Intel SDM 2, CPUID; AMD APM 3, appendix E), XCR0, and what the boot
 * page says of both. */
#include "monitor/common/features.h"

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/auxv.h>

#define OSXSAVE (1u << 27)          /* leaf 1, ECX */
#define APIC_ID_SHIFT 24            /* leaf 1, EBX: which processor this is, not which kind */
#define APIC_ID_MASK (~0u << APIC_ID_SHIFT)

/* Vendor; family and features; more features; the layout of XSAVE's area, whose parts
 * are its subleaves; AMD's features and sizes of addresses. */
static const struct {
    uint32_t leaf, subleaves;
} shown[] = {{0, 1}, {1, 1}, {7, 3}, {0xd, 20}, {0x14, 2}, {0x19, 1}, {0x24, 1},
             {0x80000001, 1}, {0x80000007, 1}, {0x80000008, 1}, {0x80000021, 1}};

static uint64_t xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

uint64_t features_host(void)
{
    uint64_t digest = FEATURES_NONE;
    bool xsave = false;
    for (uint32_t i = 0; i < sizeof shown / sizeof *shown; i++)
        for (uint32_t sub = 0; sub < shown[i].subleaves; sub++) {
            uint32_t r[4] = {0};
            (void)__get_cpuid_count(shown[i].leaf, sub, &r[0], &r[1], &r[2], &r[3]);
            if (shown[i].leaf == 1) {
                r[1] &= ~APIC_ID_MASK;
                xsave = r[2] & OSXSAVE;
            }
            digest = features_add(digest, r, sizeof r);
        }
    const uint64_t rest[] = {xsave ? xcr0() : 0, getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
    return features_add(digest, rest, sizeof rest);
}
