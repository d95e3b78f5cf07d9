/* upload.h: images to the node. */
#ifndef MF_CLI_UPLOAD_H
#define MF_CLI_UPLOAD_H

#include <stdbool.h>

#include "abi/image.h"
#include "cli/client.h"
#include "image/image.h"

#define IMAGE_HASH_TEXT (2 * MF_IMAGE_HASH_BYTES + 1)

/* Open and check an image that is to be deployed. path: as the user knows it. Returns a cli_exit,
 * explained. */
int upload_open(const char *path, struct image_file *file);

/* As the node names it. */
void upload_hash(const struct image_file *file, char text[static IMAGE_HASH_TEXT]);

/* Is it on the node? */
int upload_is_there(struct client *client, const char *hash, bool *there);

/* To the node, if it has not got it, or no more; *sent: it was not there. */
int upload_missing(struct client *client, const struct image_file *file, const char *path, bool *sent);

/* POST /v1/images; path: as the user knows it. */
int upload_image(struct client *client, const struct image_file *file, const char *path);

#endif
