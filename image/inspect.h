/*
 * inspect.h: all that can be told of an image, or of a snapshot, without running it, as
 * JSON. For `mayfly inspect` and whoever shows them. Any thread.
 */
#ifndef MF_IMAGE_INSPECT_H
#define MF_IMAGE_INSPECT_H

#include <jansson.h>

#include "image/image.h"
#include "image/snapshot.h"

/* A new reference; NULL on no memory. A hash that does not hold, or a manifest that is
 * refused, is told in the result (hash.holds; manifest_refused), not an error. */
json_t *inspect_image(const struct image_file *file);

/* The same of a snapshot (digest.holds). */
json_t *inspect_snapshot(const struct snapshot_copy *copy);

#endif
