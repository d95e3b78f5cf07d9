/*
 * build.h: from sources to an image, for `build` and for the commands that take a
 * project's folder instead of an image.
 */
#ifndef MF_CLI_BUILD_H
#define MF_CLI_BUILD_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/image.h"
#include "base/limits.h"

struct build {
    char *const *input;   /* a project's folder, or C files; none: the folder we are in */
    size_t input_count;
    const char *program;  /* a ready static executable instead of C; NULL: none         */
    const char *oci;      /* a container image that becomes it; NULL: none */
    const char *rootfs;   /* a folder that becomes the root file system; then program is a path in
                             it; NULL: none */
    const char *contract; /* NULL: function.yml's; else the SDK's for its programs, http for others */
    const char *name;     /* of the function; NULL: as function.yml, folder or file say */
    const char *out;      /* the image; NULL: NAME.mf where we are                      */
    const char *compiler; /* NULL: musl-gcc                                             */
};

struct built {
    char name[MF_NAME_BYTES_MAX + 1];
    char path[PATH_MAX]; /* of the image */
    uint64_t image_bytes;
    const char *contract; /* its name, static */
    uint8_t hash[MF_IMAGE_HASH_BYTES];
};

/* Compile, link, pack, write. Returns a cli_exit; every failure has been explained on
 * standard error, the compiler's by the compiler. Nothing is left but the image. */
int build_image(const struct build *build, struct built *built);

#endif
