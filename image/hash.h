/* hash.h: compute an image's content hash. Any thread. */
#ifndef MF_IMAGE_HASH_H
#define MF_IMAGE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "abi/image.h"

/* Of the whole file with the hash field, at hash_offset and inside it, as zeros. */
void image_hash(const uint8_t *file, size_t bytes, uint64_t hash_offset,
                uint8_t hash[MF_IMAGE_HASH_BYTES]);

#endif
