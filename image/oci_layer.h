/*
 * oci_layer.h: a layer of a container image (OCI image specification 1.1, layer.md) over a root
 * file system: a tar archive, plain or compressed, hostile. Nothing of it reaches a file system of
 * ours but as bytes in the tree's store.
 */
#ifndef MF_IMAGE_OCI_LAYER_H
#define MF_IMAGE_OCI_LAYER_H

#include <stddef.h>
#include <stdint.h>

#include "image/root_folder.h"
#include "image/root_tree.h"

/* What all layers of one image may still hold; set both to the bounds of base/limits.h at first. */
struct oci_room {
    uint64_t bytes;   /* of archives, unpacked         */
    uint32_t entries; /* of archives, whiteouts included */
};

/* First what its whiteouts say of the layers below, then what it adds; devices and pipes are left out. MF_EFORMAT or MF_ETOOBIG
 * with the entry's name in the reason. */
MF_CHECKED mf_err oci_layer_add(struct root_tree *tree, const uint8_t *layer, size_t bytes,
                                struct oci_room *room, const struct root_ears *ears,
                                struct mf_why *why);

#endif
