/* test_kernel_random.c: ChaCha20 against RFC 8439's vector; the generator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/core/random.h"

static void block_is_that_of_rfc_8439(void **state)
{
    (void)state;
    uint8_t key_bytes[32], out[64];
    uint32_t key[8];
    for (unsigned i = 0; i < sizeof key_bytes; i++)
        key_bytes[i] = (uint8_t)i;
    memcpy(key, key_bytes, sizeof key);
    const uint32_t nonce[3] = {0x09000000, 0x4a000000, 0};
    static const uint8_t expected[64] = { /* 2.3.2 */
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
        0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
        0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
        0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
        0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
    };
    chacha20_block(key, 1, nonce, out);
    assert_memory_equal(out, expected, sizeof out);
}

static void equal_seeds_give_equal_bytes_and_others_do_not(void **state)
{
    (void)state;
    uint8_t seed[RANDOM_SEED_BYTES] = {1, 2, 3};
    uint8_t a[200], b[200];
    random_start(seed);
    random_fill(a, sizeof a);
    random_start(seed);
    random_fill(b, sizeof b);
    assert_memory_equal(a, b, sizeof a);
    seed[RANDOM_SEED_BYTES - 1] ^= 1;
    random_start(seed);
    random_fill(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void nothing_is_handed_out_twice(void **state)
{
    (void)state;
    const uint8_t seed[RANDOM_SEED_BYTES] = {9};
    uint8_t word[512][8];
    random_start(seed);
    for (unsigned i = 0; i < 512; i++)
        random_fill(word[i], sizeof word[i]);
    for (unsigned i = 0; i < 512; i++)
        for (unsigned k = 0; k < i; k++)
            assert_memory_not_equal(word[i], word[k], sizeof word[i]);
}

static void writes_as_much_as_asked_and_no_more(void **state)
{
    (void)state;
    const uint8_t seed[RANDOM_SEED_BYTES] = {5};
    random_start(seed);
    for (size_t bytes = 0; bytes < 300; bytes++) {
        uint8_t out[304];
        memset(out, 0xee, sizeof out);
        random_fill(out, bytes);
        for (size_t i = bytes; i < sizeof out; i++)
            assert_int_equal(out[i], 0xee);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_is_that_of_rfc_8439),
        cmocka_unit_test(equal_seeds_give_equal_bytes_and_others_do_not),
        cmocka_unit_test(nothing_is_handed_out_twice),
        cmocka_unit_test(writes_as_much_as_asked_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
