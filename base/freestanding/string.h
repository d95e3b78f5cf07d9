/* string.h: memory and strings for what has no C library: the library OS, and the process
 * monitor's trampoline. The four functions that compilers call on their own, and one more, as
 * C has them. Needs nothing else of base/. */
#ifndef MF_BASE_FREESTANDING_STRING_H
#define MF_BASE_FREESTANDING_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);

#endif
