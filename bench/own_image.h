/*
 * own_image.h: copies of a program, each with random data of its own (nonce.h): other
 * bytes, another hash, other pages, another answer to every nonce. One owner, one thread.
 */
#ifndef MF_BENCH_OWN_IMAGE_H
#define MF_BENCH_OWN_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "bench/nonce.h"

#define OWN_PLACES_MAX 2u /* as loaded, and in the root file system of an image */

/* Zero-initialised: not open. */
struct own_image {
    struct mf_buf file;   /* the copy made last          */
    size_t data_offset[OWN_PLACES_MAX]; /* of struct own_data in it */
    uint32_t places;
    bool hashed;          /* a mayfly image, with a hash */
    uint64_t hash_offset;
    uint64_t secret;      /* of this run                 */
};

/* Read the program: a mayfly image, or any other file, that has OWN_MARK, once in the
 * program and once more where an image has the program in its root file system, too. */
MF_CHECKED mf_err own_image_open(struct own_image *own, const char *path, struct mf_why *why);
void own_image_close(struct own_image *own);

/* The data of copy number `copy`; the same as often as it is asked for. */
void own_image_data(const struct own_image *own, uint32_t copy, struct own_data *data);

/* What the copy answers to a nonce. */
uint64_t own_image_answer(const struct own_image *own, uint32_t copy, uint64_t nonce);

/* Write copy number `copy`, executable. */
MF_CHECKED mf_err own_image_write(struct own_image *own, uint32_t copy, const char *path,
                                  struct mf_why *why);

#endif
