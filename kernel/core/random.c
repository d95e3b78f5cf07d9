/*
 * random.c: a random generator of the fast-key-erasure kind over ChaCha20 (RFC
 * 8439): half of the first block of every call becomes the next key, so memory read
 * later does not tell what was handed out before.
 * Guarantees: fresh numbers for every start, if the monitor's seed is fresh.
 * Owns the generator's state.
 */
#include "kernel/core/random.h"

#include "kernel/core/string.h"

#define KEY_BYTES 32u
#define BLOCK_BYTES 64u

static struct {
    uint32_t key[8];
    uint32_t nonce[3]; /* of the start, then constant */
} state;

void random_start(const uint8_t seed[RANDOM_SEED_BYTES])
{
    memcpy(state.key, seed, KEY_BYTES);
    memcpy(state.nonce, seed + KEY_BYTES, RANDOM_SEED_BYTES - KEY_BYTES);
    state.nonce[2] = 0;
}

void random_forget(void)
{
    memset(&state, 0, sizeof state);
}

void random_fill(void *to, size_t bytes)
{
    uint8_t *out = to;
    uint8_t block[BLOCK_BYTES];
    uint32_t key[8];
    uint32_t counter = 0;

    memcpy(key, state.key, sizeof key);
    chacha20_block(key, counter++, state.nonce, block);
    memcpy(state.key, block, KEY_BYTES);
    size_t from = KEY_BYTES;
    while (bytes) {
        if (from == BLOCK_BYTES) {
            chacha20_block(key, counter++, state.nonce, block);
            from = 0;
        }
        size_t part = BLOCK_BYTES - from < bytes ? BLOCK_BYTES - from : bytes;
        memcpy(out, block + from, part);
        out += part;
        bytes -= part;
        from += part;
    }
    memset(block, 0, sizeof block);
    memset(key, 0, sizeof key);
    __asm__ volatile("" : : "r"(block), "r"(key) : "memory"); /* the wiping stays */
}

static uint32_t rotate(uint32_t x, unsigned by)
{
    return (x << by) | (x >> (32 - by));
}

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b, *d = rotate(*d ^ *a, 16);
    *c += *d, *b = rotate(*b ^ *c, 12);
    *a += *b, *d = rotate(*d ^ *a, 8);
    *c += *d, *b = rotate(*b ^ *c, 7);
}

void chacha20_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3],
                    uint8_t out[64])
{
    uint32_t x[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    uint32_t start[16];

    memcpy(x + 4, key, KEY_BYTES);
    x[12] = counter;
    memcpy(x + 13, nonce, 12);
    memcpy(start, x, sizeof x);
    for (unsigned i = 0; i < 10; i++) {
        for (unsigned k = 0; k < 4; k++)
            quarter_round(&x[k], &x[k + 4], &x[k + 8], &x[k + 12]);
        for (unsigned k = 0; k < 4; k++)
            quarter_round(&x[k], &x[4 + (k + 1) % 4], &x[8 + (k + 2) % 4], &x[12 + (k + 3) % 4]);
    }
    for (unsigned i = 0; i < 16; i++)
        x[i] += start[i];
    memcpy(out, x, BLOCK_BYTES);
}
