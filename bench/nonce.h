/*
 * nonce.h: what a program that is started by a bench answers, so that no answer can have
 * been prepared: a transform of the request's nonce by a page of data of its own, which
 * the bench draws at random for every function and patches into a copy of the image. Read
 * by the bench, by the functions and by the servers that it compares with.
 */
#ifndef MF_BENCH_NONCE_H
#define MF_BENCH_NONCE_H

#include <stdint.h>

#define OWN_MARK "own data 4 KiB:" /* once in a program's file */
#define OWN_WORDS 510u
#define OWN_ROUNDS 4u

#define NONCE_PARAMETER "n"
#define NONCE_FORMAT "%016llx" /* of nonce and answer */
#define NONCE_BYTES 16u

/* A whole page. Volatile: a compiler must not use what the source says it holds. */
struct own_data {
    char mark[16];
    uint64_t word[OWN_WORDS];
};
_Static_assert(sizeof(struct own_data) == 4096, "a page of its own");

#define OWN_DATA                                               \
    static volatile struct own_data own_data                   \
        __attribute__((aligned(sizeof(struct own_data)))) = { \
            .mark = OWN_MARK, .word = {1, 2, 3}}

/* Which words are read depends on the nonce: the whole page has to be there. */
static inline uint64_t nonce_answer(const volatile struct own_data *own, uint64_t nonce)
{
    uint64_t x = nonce;
    for (unsigned i = 0; i < OWN_ROUNDS; i++) {
        x ^= own->word[x % OWN_WORDS];
        x *= 0x9e3779b97f4a7c15u;
        x ^= x >> 32;
    }
    return x;
}

#endif
