/* snapshot_sample.h: the smallest snapshot there is, for tests: one page of content. */
#ifndef MF_TESTS_SNAPSHOT_SAMPLE_H
#define MF_TESTS_SNAPSHOT_SAMPLE_H

#include <stdint.h>

#include "abi/snapshot.h"

#define SAMPLE_PAGE (MF_KERNEL_BASE / MF_PAGE_BYTES + 3)
#define SAMPLE_BYTES ((SAMPLE_PAGE + 1) * MF_PAGE_BYTES)

/* In a window of MF_WINDOW_DEFAULT, its page full of content; to fd, digest included. */
void snapshot_sample_write(int fd, const uint8_t key[MF_SNAPSHOT_HASH_BYTES],
                           const uint8_t image[MF_SNAPSHOT_HASH_BYTES], uint8_t content);

#endif
