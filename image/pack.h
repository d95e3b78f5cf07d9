/*
 * pack.h: kernel + program + manifest → one image (abi/image.h). The program's ELF
 * and the manifest are hostile. Same input, same bytes. Any thread.
 */
#ifndef MF_IMAGE_PACK_H
#define MF_IMAGE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "image/root_tree.h"

struct pack_input {
    const uint8_t *kernel; /* kernel.elf, with its symbols */
    size_t kernel_bytes;
    const uint8_t *program; /* a static Linux executable, PIE or not */
    size_t program_bytes;
    struct root_tree *root; /* the root file system; NULL: none */
    /* Of it: the file that the program above is; and what that loads if it is a dynamic loader, the
     * program proper. Or NULL. */
    struct root_node *started, *dynamic;
    /* Its other programs can be executed, too, in the place of the first one (execve): those that are
     * position-independent, and one of fixed addresses if the started ones are none: this, or if it is
     * NULL, the largest. */
    bool programs;
    struct root_node *wanted;
    const char *manifest; /* settings as JSON text (settings.h) */
    size_t manifest_bytes;
};

/* Add the image to *out, which must be empty. MF_EFORMAT, MF_EINVAL (manifest) or
 * MF_ETOOBIG with the reason; *out is empty then. */
MF_CHECKED mf_err pack_image(const struct pack_input *input, struct mf_buf *out,
                             struct mf_why *why);

/* Is this executable linked with the SDK? A hostile one may say so and be wrong. */
bool pack_program_is_sdk(const uint8_t *file, size_t bytes);

/* Read a whole regular file of at most bytes_max into *out (empty before). */
MF_CHECKED mf_err pack_read_file(const char *path, size_t bytes_max, struct mf_buf *out,
                                 struct mf_why *why);

/* Write by temporary file beside path, and rename: path holds all or what it held. */
MF_CHECKED mf_err pack_write_file(const char *path, const struct mf_buf *content,
                                  struct mf_why *why);

#endif
