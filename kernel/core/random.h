/* random.h: the instance's random numbers. */
#ifndef KERNEL_CORE_RANDOM_H
#define KERNEL_CORE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define RANDOM_SEED_BYTES 40u /* key, then nonce */

void random_start(const uint8_t seed[RANDOM_SEED_BYTES]);
/* Nothing of the state stays; random_start() comes before the next fill. */
void random_forget(void);
void random_fill(void *to, size_t bytes);

/* One block of ChaCha20 (RFC 8439, 2.3), for the generator and its test. */
void chacha20_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3],
                    uint8_t out[64]);

#endif
