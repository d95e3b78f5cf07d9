/*
 * content.h: where the window's pages have their contents from before the guest writes:
 * the snapshot's runs first, then the image's segments; everything else is zeros. Pure.
 */
#ifndef MF_MONITOR_KVM_CONTENT_H
#define MF_MONITOR_KVM_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"
#include "image/snapshot.h"

/* Borrows all it points to. Zeros: nothing of a file anywhere. */
struct content {
    const struct image *image;
    struct snapshot snapshot;      /* head NULL: none                                 */
    const uint8_t *image_file;     /* both files, mapped to be read; needed by nobody */
    const uint8_t *snapshot_file;  /*   but who asks for an extent's bytes            */
};

struct extent {
    uint64_t from, to;    /* addresses, whole pages                             */
    const uint8_t *bytes; /* what the file has there; NULL: it is not mapped    */
};

/* The first stretch of pages within [from, to) that one file fills. False: none. */
bool content_next(const struct content *content, uint64_t from, uint64_t to,
                  struct extent *extent);

#endif
