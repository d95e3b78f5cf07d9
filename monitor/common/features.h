/* features.h: a digest of what of the processor a guest can see. Any thread, no effect. */
#ifndef MF_MONITOR_COMMON_FEATURES_H
#define MF_MONITOR_COMMON_FEATURES_H

#include <stddef.h>
#include <stdint.h>

#define FEATURES_NONE 0xcbf29ce484222325ull /* FNV-1a, 64 bits: the digest of nothing */

/* The digest of what `digest` was of, and then these bytes. */
static inline uint64_t features_add(uint64_t digest, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    while (bytes--)
        digest = (digest ^ *at++) * 0x100000001b3ull;
    return digest;
}

/* What the host shows to an ordinary program, whichever processor it runs on. */
uint64_t features_host(void);

#endif
