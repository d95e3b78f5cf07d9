/*
 * image_store.h: uploaded images in the state directory, named by their hash. All of
 * it may run beside the loop (any thread), one upload by one thread at a time.
 */
#ifndef MF_NODE_FUNCTIONS_IMAGE_STORE_H
#define MF_NODE_FUNCTIONS_IMAGE_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/image.h"
#include "node/functions/file_identity.h"
#include "node/functions/function.h"
#include "node/functions/state_dir.h"

/* An image on its way in. Zeroed with fd -1: closed. */
struct upload {
    const struct state_dir *state;
    int fd;
    uint64_t bytes;
    uint8_t *block;     /* what is not written yet, of a large page that is begun; heap, or NULL */
    size_t block_bytes;
    char temporary[64];
    char hash[IMAGE_HASH_HEX + 1]; /* after upload_finish() */
    json_t *manifest;              /* the same; owned       */
};

MF_CHECKED mf_err upload_open(const struct state_dir *state, uint64_t serial,
                              struct upload *upload, struct mf_why *why);
/* MF_ETOOBIG past MF_IMAGE_BYTES_MAX; MF_EFULL: no room on disk. */
MF_CHECKED mf_err upload_add(struct upload *upload, const void *data, size_t bytes,
                             struct mf_why *why);
/* Check it whole: form, hash, manifest; then give it its name. MF_EFORMAT, MF_EINVAL: it is
 * no good image. */
MF_CHECKED mf_err upload_finish(struct upload *upload, struct mf_why *why);
void upload_close(struct upload *upload); /* what was not finished leaves no trace */

bool image_hash_valid(const char *hash);

/* What a deployment has to know of an image. */
struct stored_image {
    struct file_identity identity; /* as it was checked              */
    struct image image;
    json_t *manifest;              /* what it says, an object; owned */
};
/* An image by its hash, checked whole. MF_ENOENT: it is not here. */
MF_CHECKED mf_err image_fetch(const struct state_dir *state, const char *hash,
                              struct stored_image *stored, struct mf_why *why);

/* Its file, as it is. MF_ENOENT. */
MF_CHECKED mf_err image_store_open(const struct state_dir *state, const char *hash, int *fd,
                                   struct mf_why *why);
/* Is all of that file the image of this hash? *identity: the file that it was; of no file
 * if it cannot be looked at. MF_EFORMAT: damaged, or another one. */
MF_CHECKED mf_err image_check(int fd, const char *hash, struct file_identity *identity,
                              struct mf_why *why);

MF_CHECKED mf_err image_remove(const struct state_dir *state, const char *hash,
                               struct mf_why *why);

#endif
