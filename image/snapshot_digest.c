/* snapshot_digest.c: the content hash of a snapshot, BLAKE2b-256 as for images. */
#include <sodium/crypto_generichash.h>
#include <string.h>

#include "image/snapshot.h"

void snapshot_digest(const struct snapshot *snapshot, const uint8_t *data,
                     uint8_t digest[MF_SNAPSHOT_HASH_BYTES])
{
    crypto_generichash_state state;
    struct mf_snapshot head = *snapshot->head;
    memset(head.digest, 0, sizeof head.digest);
    (void)crypto_generichash_init(&state, NULL, 0, MF_SNAPSHOT_HASH_BYTES);
    (void)crypto_generichash_update(&state, (const uint8_t *)&head, sizeof head);
    (void)crypto_generichash_update(&state, (const uint8_t *)snapshot->ranges,
                                    head.head_bytes - sizeof head);
    for (uint32_t i = 0; i < head.run_count; i++)
        (void)crypto_generichash_update(&state,
                                        data + (uint64_t)snapshot->runs[i].page * MF_PAGE_BYTES,
                                        (uint64_t)snapshot->runs[i].pages * MF_PAGE_BYTES);
    (void)crypto_generichash_final(&state, digest, MF_SNAPSHOT_HASH_BYTES);
}
