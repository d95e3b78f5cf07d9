/* open.h: files and folders of file systems, opened: what descriptors of them refer to. */
#ifndef KERNEL_FS_OPEN_H
#define KERNEL_FS_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/fs/place.h"

struct opened {
    struct file file;
    struct place place;  /* held                                      */
    struct place folder; /* held: where it was found, under that name */
    void *content;       /* the file system's own                     */
    size_t content_bytes, content_room;
    uint32_t name_bytes;
    char name[]; /* not NUL-ended */
};

/* flags: those that stay with the file (file.h). name: bytes 0 for a folder that was not
 * found by name. One reference, the caller's. */
int open_place(const struct place *place, const struct place *folder, struct name name,
               uint32_t flags, struct file **file);

/* The file's path now, NUL-ended; to has room for PATH_BYTES_MAX. Bytes with the NUL. -ENOENT: it
 * has none. */
int64_t open_path(struct file *file, char *to);

/* Where a file's content lies that cannot change, from `at` on, and how many bytes of it: at most as many
 * as asked for, 0 at its end. NULL: it can change, or lies nowhere. */
const uint8_t *open_content(struct file *file, uint64_t at, uint64_t *bytes);

/* NULL: it is none of a file system. */
struct opened *open_opened(struct file *file);

#endif
