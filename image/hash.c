/* hash.c: an image's content hash, BLAKE2b-256 over the file with the hash as zeros. */
#include "image/hash.h"

#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>
#include <string.h>

#include "image/elf.h"
#include "image/image.h"

void image_hash(const uint8_t *file, size_t bytes, uint64_t hash_offset,
                uint8_t hash[MF_IMAGE_HASH_BYTES])
{
    mf_assert(elf_within(hash_offset, MF_IMAGE_HASH_BYTES, bytes));
    static const uint8_t zeros[MF_IMAGE_HASH_BYTES];
    uint64_t rest = hash_offset + MF_IMAGE_HASH_BYTES;
    crypto_generichash_state state;
    /* Without a key none of these can fail. */
    (void)crypto_generichash_init(&state, NULL, 0, MF_IMAGE_HASH_BYTES);
    (void)crypto_generichash_update(&state, file, hash_offset);
    (void)crypto_generichash_update(&state, zeros, sizeof zeros);
    (void)crypto_generichash_update(&state, file + rest, bytes - rest);
    (void)crypto_generichash_final(&state, hash, MF_IMAGE_HASH_BYTES);
}

mf_err image_verify_hash(const uint8_t *file, size_t bytes, const struct image *image,
                         struct mf_why *why)
{
    if (!elf_within(image->hash_offset, MF_IMAGE_HASH_BYTES, bytes))
        return mf_why(why, MF_EFORMAT, "cut short before its hash: %zu bytes", bytes);
    uint8_t hash[MF_IMAGE_HASH_BYTES];
    image_hash(file, bytes, image->hash_offset, hash);
    if (memcmp(hash, image->info.hash, sizeof hash) == 0)
        return MF_OK;
    char says[2 * MF_IMAGE_HASH_BYTES + 1], is[2 * MF_IMAGE_HASH_BYTES + 1];
    sodium_bin2hex(says, sizeof says, image->info.hash, sizeof hash);
    sodium_bin2hex(is, sizeof is, hash, sizeof hash);
    return mf_why(why, MF_EFORMAT, "the content hash is %s, the image says %s: damaged or changed; "
                  "build or copy it again", is, says);
}
