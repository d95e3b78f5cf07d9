/*
 * image.h: the root folder: what the image has (abi/root.h), read-only; in it the folders that
 * the kernel makes (made.h), and such files of its making as the image has none of.
 */
#ifndef KERNEL_FS_IMAGE_H
#define KERNEL_FS_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/fs/made.h"
#include "kernel/fs/place.h"

/* base 0: the image has none. NULL, or what is wrong with it. */
const char *image_start(uint64_t base, uint64_t bytes);

struct place image_root(void);

/* What the image has under that name in its root folder; the kernel's own if it has no folder there. */
struct place image_shared(enum made_shared which);

/* A file whose segments the image has as loaded (abi/root.h). False: it is none. */
struct image_loaded {
    const uint8_t *content;
    uint64_t bytes;   /* of it */
    uint64_t address; /* where its first segment begins */
};
bool image_is_loaded(const struct place *place, struct image_loaded *loaded);
/* Any file of the image; the address is its segments', or 0. False: it is none. */
bool image_file(const struct place *place, struct image_loaded *file);
/* The one that has its segments there. False: none; then *next is where the next one begins, or
 * UINT64_MAX. */
bool image_loaded_at(uint64_t address, struct place *place, struct image_loaded *loaded, uint64_t *next);
/* By one of its names, as walk_path() has it. */
int64_t image_path(const struct place *file, char *to);

#endif
