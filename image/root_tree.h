/*
 * root_tree.h: a root file system that is being put together, name by name, from a folder or
 * from layers of an archive, until it becomes the one of an image (root_write.h). Paths are
 * hostile: they are names in this tree and never reach a file system of ours. One owner, one thread.
 */
#ifndef MF_IMAGE_ROOT_TREE_H
#define MF_IMAGE_ROOT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/root.h"
#include "base/err.h"
#include "base/limits.h"
#include "image/root_names.h"

/* A folder, a file or a link; whoever has it as a root_name counts in names. */
struct root_node {
    uint32_t mode; /* abi/root.h's: type and permissions         */
    uint32_t names;
    int64_t modified_s;
    uint64_t content_at;    /* file: in the tree's store */
    uint64_t bytes;         /* file                      */
    uint64_t loaded_at;     /* file: abi/root.h          */
    char *target;           /* link: heap                */
    struct root_names folder; /* folder: what is in it                         */
    struct root_node *parent; /* folder: the one it stands in; the root itself */
    uint32_t number;          /* as an inode: root_write.c's */
};

struct root_tree {
    struct root_node *root;
    uint32_t name_total;  /* names in all folders                                     */
    int store_fd;         /* contents, one after the other, in a file without a name  */
    uint64_t store_bytes;
    const uint8_t *store; /* root_tree_contents(); NULL before                        */
};

/* A file in TMPDIR that has no name, so that nothing is left of it. -1: errno says why. */
int root_store_open(void);

MF_CHECKED mf_err root_tree_open(struct root_tree *tree, struct mf_why *why);
void root_tree_close(struct root_tree *tree); /* safe on a zeroed one, and on a half-open one */

/* What stands at path, for the calls below: relative to the root; "." and empty parts count for
 * nothing, ".." and a way through a link are refused, folders on the way that are not there are
 * made. What is there already makes room, but a folder stays one, with what is in it, and takes
 * the new mode. mode: permissions; what abi/root.h has no bit for is left out.
 * MF_EFORMAT: not such a path; MF_ETOOBIG: past a bound of base/limits.h. */
MF_CHECKED mf_err root_tree_folder(struct root_tree *tree, const char *path, uint32_t mode,
                                   struct mf_why *why);
MF_CHECKED mf_err root_tree_link(struct root_tree *tree, const char *path, const char *target,
                                 struct mf_why *why);
/* An empty one; *node is valid until the path is given to something else. */
MF_CHECKED mf_err root_tree_file(struct root_tree *tree, const char *path, uint32_t mode,
                                 int64_t modified_s, struct root_node **node, struct mf_why *why);
/* Another name of a file or a link that is there. */
MF_CHECKED mf_err root_tree_another(struct root_tree *tree, const char *path, const char *existing,
                                    struct mf_why *why);

/* Add to the file that root_tree_file() made last. */
MF_CHECKED mf_err root_tree_append(struct root_tree *tree, struct root_node *node,
                                   const void *data, size_t bytes, struct mf_why *why);

/* Forget what is at path; nothing there is no error. */
MF_CHECKED mf_err root_tree_remove(struct root_tree *tree, const char *path, struct mf_why *why);
/* The same of all that is in the folder at path. */
MF_CHECKED mf_err root_tree_empty(struct root_tree *tree, const char *path, struct mf_why *why);

/* What stands at an absolute path, links followed as inside the root; NULL: nothing, or a circle. */
struct root_node *root_tree_find(const struct root_tree *tree, const char *path);

/* Make tree->store hold all contents; nothing is added after that. */
MF_CHECKED mf_err root_tree_contents(struct root_tree *tree, struct mf_why *why);

#endif
