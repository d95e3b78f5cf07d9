/* touched_digest.c: the content hash of a file of touched pages, BLAKE2b-256 as for others. */
#include <sodium/crypto_generichash.h>
#include <string.h>

#include "image/touched.h"

void touched_digest(const struct touched *touched, uint8_t digest[MF_SNAPSHOT_HASH_BYTES])
{
    crypto_generichash_state state;
    struct mf_touched head = *touched->head;
    memset(head.digest, 0, sizeof head.digest);
    (void)crypto_generichash_init(&state, NULL, 0, MF_SNAPSHOT_HASH_BYTES);
    (void)crypto_generichash_update(&state, (const uint8_t *)&head, sizeof head);
    (void)crypto_generichash_update(&state, (const uint8_t *)touched->runs,
                                    head.run_count * sizeof *touched->runs);
    (void)crypto_generichash_final(&state, digest, MF_SNAPSHOT_HASH_BYTES);
}
