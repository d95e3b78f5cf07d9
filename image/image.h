/*
 * image.h: read a mayfly image (abi/image.h). The file is hostile. Nothing here
 * allocates; image_open() maps. The monitor uses it before lock-down, the node at
 * deploy, the CLI for inspect.
 */
#ifndef MF_IMAGE_IMAGE_H
#define MF_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/image.h"
#include "base/err.h"

/* A PT_LOAD segment, already checked: everything page-aligned, file part inside
 * the file, memory part inside [MF_KERNEL_BASE, window - channel), no overlap with
 * another one, ascending, not writable and executable at once. */
struct image_segment {
    uint64_t address;      /* in the window                     */
    uint64_t memory_bytes; /* > 0                               */
    uint64_t file_offset;
    uint64_t file_bytes;   /* <= memory_bytes; the rest is zeros */
    uint32_t flags;        /* PF_R | PF_W | PF_X                */
    uint32_t reserved;
};

struct image {
    struct mf_image_info info; /* a copy */
    struct image_segment segment[MF_IMAGE_SEGMENTS_MAX];
    uint32_t segment_count;
    uint64_t manifest_offset; /* in the file; info.manifest_bytes long */
    uint64_t hash_offset;     /* of info.hash in the file              */
};

/* Decode file (bytes long) into *image. Checks everything but the hash and the
 * manifest's text. MF_EFORMAT with the reason in why. Borrows file only for the
 * call. Any thread. */
MF_CHECKED mf_err image_parse(const uint8_t *file, size_t bytes, struct image *image,
                              struct mf_why *why);
/* The same from the file's first head_bytes; MF_IMAGE_HEAD_BYTES of them are enough. */
MF_CHECKED mf_err image_parse_head(const uint8_t *head, size_t head_bytes, size_t file_bytes,
                                   struct image *image, struct mf_why *why);

/* May it run in a window of this size? Checks layout.h's bounds, and the room that
 * the program leaves. image_parse() has checked info.window_bytes itself. */
MF_CHECKED mf_err image_fits(const struct image *image, uint64_t window_bytes,
                             struct mf_why *why);

/* Of a checked segment: the kernel's, or the program's? */
static inline bool image_segment_is_kernel(const struct image_segment *segment)
{
    return segment->address < MF_KERNEL_LIMIT;
}

/* Recompute the content hash and compare. MF_EFORMAT: differs. */
MF_CHECKED mf_err image_verify_hash(const uint8_t *file, size_t bytes, const struct image *image,
                                    struct mf_why *why);

/* A whole image file, mapped read-only, parsed and (if asked) hash-checked. */
struct image_file {
    const uint8_t *data; /* NULL: not open */
    size_t bytes;
    struct image image;
};

MF_CHECKED mf_err image_open(int fd, bool check_hash, struct image_file *file, struct mf_why *why);
void image_close(struct image_file *file);

/* The nearest symbol at or below address: name (borrowed from the file) and the
 * distance. False where the image has no symbol that covers it. */
bool image_symbol(const struct image_file *file, uint64_t address, const char **name,
                  uint64_t *distance);

/* How many symbols there are; looks at all of them. */
struct image_symbol_counts {
    uint64_t kernel, program;
};
struct image_symbol_counts image_count_symbols(const struct image_file *file);

#endif
