/*
 * inspect.h: all that can be told of an image, or of a snapshot, without running it, as
 * JSON. For `mayfly inspect` and whoever shows them. Any thread.
 */
#ifndef MF_IMAGE_INSPECT_H
#define MF_IMAGE_INSPECT_H

#include <jansson.h>

#include "image/image.h"
#include "image/snapshot.h"
#include "image/touched.h"

/* A new reference; NULL on no memory. A hash that does not hold, or a manifest that is
 * refused, is told in the result (hash.holds; manifest_refused), not an error. */
json_t *inspect_image(const struct image_file *file);

/* The same of a snapshot (digest.holds). */
json_t *inspect_snapshot(const struct snapshot_copy *copy);

/* The same of the touched pages of a snapshot (holds: the digest does, and it is that
 * snapshot's; only then a start uses them). */
json_t *inspect_touched(const struct touched *touched, const struct snapshot *snapshot);

#endif
