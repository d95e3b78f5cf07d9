/*
 * root.h: read the root file system of an image (abi/root.h) where it lies. Pure functions on
 * bytes; only root_open() doubts them.
 */
#ifndef KERNEL_FS_ROOT_H
#define KERNEL_FS_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/root.h"

struct root {
    const uint8_t *base; /* NULL: there is none */
    const struct mf_root_inode *inodes;
    const struct mf_root_entry *entries;
    const char *names;
    uint32_t inode_count;
};

/* Check all of it. NULL, or what is wrong; then *root is as none. base: page-aligned. */
const char *root_open(struct root *root, const void *base, uint64_t bytes);

static inline uint32_t root_type(const struct mf_root_inode *inode)
{
    return inode->mode & MF_ROOT_TYPE;
}

/* Of a folder: the number of the inode of that name. False: there is none. */
bool root_find(const struct root *root, uint32_t folder, const char *name, size_t bytes,
               uint32_t *inode);
/* The name of a folder in its parent, not NUL-ended; of the root: empty. */
const char *root_name(const struct root *root, uint32_t folder, size_t *bytes);

static inline const struct mf_root_entry *root_entry(const struct root *root, uint32_t folder,
                                                     uint64_t index)
{
    return &root->entries[root->inodes[folder].at + index];
}

static inline const char *root_target(const struct root *root, const struct mf_root_inode *link)
{
    return root->names + link->at;
}

static inline const uint8_t *root_content(const struct root *root,
                                          const struct mf_root_inode *file)
{
    return root->base + file->at;
}

#endif
