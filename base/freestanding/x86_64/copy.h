/* copy.h: the processor's own loops over bytes, for string.c. */
#ifndef MF_BASE_FREESTANDING_X86_64_COPY_H
#define MF_BASE_FREESTANDING_X86_64_COPY_H

#include <stddef.h>
#include <stdint.h>

static inline void copy_bytes(void *to, const void *from, size_t bytes)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

static inline void copy_bytes_down(void *to, const void *from, size_t bytes)
{
    uint8_t *last_to = (uint8_t *)to + bytes - 1;
    const uint8_t *last_from = (const uint8_t *)from + bytes - 1;
    __asm__ volatile("std; rep movsb; cld"
                     : "+D"(last_to), "+S"(last_from), "+c"(bytes)
                     :
                     : "memory", "cc");
}

static inline void fill_bytes(void *to, uint8_t value, size_t bytes)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
}

#endif
