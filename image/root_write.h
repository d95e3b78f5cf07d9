/*
 * root_write.h: a tree (root_tree.h) as abi/root.h has it. Equal trees give equal bytes.
 */
#ifndef MF_IMAGE_ROOT_WRITE_H
#define MF_IMAGE_ROOT_WRITE_H

#include "base/buf.h"
#include "image/root_tree.h"

/* Add the root file system to *out, whose size is a multiple of a page. *bytes: how much it is, a
 * multiple of a page, too. MF_ETOOBIG: past the bound of an image. */
MF_CHECKED mf_err root_write(struct root_tree *tree, struct mf_buf *out, uint64_t *bytes,
                             struct mf_why *why);

#endif
