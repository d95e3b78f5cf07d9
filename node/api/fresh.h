/*
 * fresh.h: images that came in this life of the node, until something uses them. A deployment that fails
 * leaves those that it had sent; they have a bound, and their room is given back where there is none left. The
 * next start collects them anyway. Loop thread only.
 */
#ifndef MF_NODE_API_FRESH_H
#define MF_NODE_API_FRESH_H

#include <stddef.h>

#include "base/limits.h"
#include "node/functions/image_store.h"

struct api;

struct fresh_images {
    char hash[MF_FRESH_IMAGES_MAX][IMAGE_HASH_HEX + 1]; /* the oldest first */
    size_t count;
};

/* It is on the disk. The oldest goes for it where there are as many as may be. */
void fresh_came(struct api *api, const char *hash);
/* Those that nothing uses are removed, unless a change is under way, which may be about to. */
void fresh_drop(struct api *api);

#endif
