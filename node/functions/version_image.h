/*
 * version_image.h: the image of a version, for those that start from it. A node with ten
 * thousand functions opens no image at its start: a version's is opened by its first
 * instance, stays open while there is one, and is checked before its first use, whole, with
 * its hash, and again if the file has changed since. Loop thread only.
 */
#ifndef MF_NODE_FUNCTIONS_VERSION_IMAGE_H
#define MF_NODE_FUNCTIONS_VERSION_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/image.h"
#include "base/err.h"
#include "node/functions/file_identity.h"

#define IMAGE_HASH_HEX (2 * MF_IMAGE_HASH_BYTES)

struct function;
struct version;

/* fd -1: of a version that nothing was started from yet. */
struct version_image {
    int fd;                        /* read-only; -1: not open                     */
    uint32_t users;                /* instances                                   */
    bool checking;                 /* beside the loop                             */
    bool checked;                  /* identity is that of a file that was looked at */
    struct file_identity identity;
    char *fault;                   /* what is wrong with that file; owned; NULL: nothing */
};

/* It was checked whole, as this file. */
void version_image_checked(struct version *version, const struct file_identity *identity);

/* For an instance of the function's version: image.fd is open until the version_image_put()
 * of it. MF_EAGAIN: it is being checked; dispatch_place() is called when that is over.
 * MF_EFORMAT, MF_ENOENT and others: why says what is wrong, and what to do; it was logged. */
MF_CHECKED mf_err version_image_get(struct function *function, struct version *version,
                                    struct mf_why *why);
void version_image_put(struct version *version);
void version_image_close(struct version_image *image);

#endif
