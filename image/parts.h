/*
 * parts.h: which parts of the library OS an image's kernel has: the folders of kernel/ and how
 * many of their files. For a person; nothing relies on it, and whoever made the image may have
 * written it. Any thread.
 */
#ifndef MF_IMAGE_PARTS_H
#define MF_IMAGE_PARTS_H

#include <stddef.h>

#include "base/limits.h"
#include "image/image.h"

/* In the kernel, and in the image behind ".kernel": names of source files, each with its NUL. */
#define MF_PARTS_SECTION ".parts"

struct image_part {
    char folder[MF_PART_NAME_BYTES_MAX]; /* as "linux/many" */
    uint32_t files;
};

/* Fills at most MF_PARTS_MAX; how many it were, 0 if the image does not tell. Names that are none
 * are left out. */
size_t image_parts(const struct image_file *file, struct image_part part[MF_PARTS_MAX]);

#endif
