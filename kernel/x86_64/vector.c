/* vector.c: see vector.h. Owns nothing. */
#include "kernel/x86_64/vector.h"

#include "kernel/core/string.h"
#include "kernel/x86_64/cpu.h"

#define ID_FEATURES 1u        /* CPUID leaf */
#define ID_OSXSAVE (1u << 27) /* … its ECX */
#define ID_XSAVE 0xdu         /* CPUID leaf: sizes and places of components */
#define COMPONENTS 0xe7u      /* x87, SSE, AVX, opmask, ZMM: Intel SDM volume 1, 13.1 */
#define COMPONENTS_LEGACY 3u  /* x87 and SSE */
#define COMPONENT_LAST 7u
#define CONTROL_X87 0x37fu    /* exceptions masked, as a System V program starts */
#define CONTROL_SSE 0x1f80u   /* likewise, MXCSR ... */
#define MXCSR_AT 24           /* ... in FXSAVE's part */

int xstate_restore(const void *area, uint64_t components); /* entry.S */

struct vector vector_find(uint32_t most)
{
    struct vector vector = {.bytes = VECTOR_LEGACY_BYTES};
    if (!(cpu_id(ID_FEATURES, 0).ecx & ID_OSXSAVE))
        return vector;
    vector.components = cpu_xcr0() & COMPONENTS;
    vector.bytes = VECTOR_LEGACY_BYTES + VECTOR_HEADER_BYTES;
    for (uint32_t i = 2; i <= COMPONENT_LAST; i++) {
        struct cpu_id place = cpu_id(ID_XSAVE, i); /* EAX bytes from EBX on */
        if (vector.components >> i & 1 && place.eax + place.ebx > vector.bytes)
            vector.bytes = place.eax + place.ebx;
    }
    if (vector.bytes > most) {
        vector.components &= COMPONENTS_LEGACY;
        vector.bytes = VECTOR_LEGACY_BYTES + VECTOR_HEADER_BYTES;
    }
    return vector;
}

void vector_begin(const struct vector *vector, void *area)
{
    memset(area, 0, vector->bytes); /* a header of zeros: all components as at a reset */
    memcpy(area, &(uint16_t){CONTROL_X87}, sizeof(uint16_t));
    memcpy((uint8_t *)area + MXCSR_AT, &(uint32_t){CONTROL_SSE}, sizeof(uint32_t));
}

void vector_save(const struct vector *vector, void *area)
{
    if (vector->components)
        __asm__ volatile("xsave64 (%0)"
                         :
                         : "r"(area), "a"((uint32_t)vector->components),
                           "d"((uint32_t)(vector->components >> 32))
                         : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

int vector_restore(const struct vector *vector, const void *area)
{
    return xstate_restore(area, vector->components);
}
