/*
 * string.c: memory and strings without vector registers, which in the library OS are the
 * program's, and in the trampoline need not be cleared of anything.
 * Guarantees: what C says of these functions. Leaves to others: whether the memory is there.
 * Owns nothing.
 */
#include "base/freestanding/string.h"

#include <stdint.h>

#include "base/freestanding/x86_64/copy.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    copy_bytes(to, from, bytes);
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    if ((uintptr_t)to - (uintptr_t)from >= bytes)
        copy_bytes(to, from, bytes);
    else
        copy_bytes_down(to, from, bytes);
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    fill_bytes(to, (uint8_t)value, bytes);
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const uint8_t *x = a;
    const uint8_t *y = b;
    for (size_t i = 0; i < bytes; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}

size_t strlen(const char *text)
{
    size_t bytes = 0;
    while (text[bytes])
        bytes++;
    return bytes;
}
