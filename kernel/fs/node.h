/*
 * node.h: what files in memory are made of: a node is a file, folder or link; an entry is a name for
 * one. Of tmp.c, which owns nodes, and of folder.c, which owns entries.
 */
#ifndef KERNEL_FS_NODE_H
#define KERNEL_FS_NODE_H

#include <linux/stat.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/fs/content.h"
#include "kernel/fs/place.h"

struct node;

struct entry {
    struct entry *next;  /* in the folder */
    struct entry *other; /* of the node   */
    struct node *folder, *node;
    uint64_t serial; /* ascending in the folder: its place in a list that changes */
    uint32_t name_bytes;
    char name[];
};

struct node {
    uint32_t mode, links, holds;
    uint64_t number;
    int64_t accessed_ns, modified_ns, changed_ns;
    struct entry *names;           /* its own, the newest first; none: a root, or removed */
    struct entry *entries, **last; /* folder: by serial                                   */
    struct content content;        /* file; link: its target                              */
    struct pipe *pipe;             /* named pipe: while somebody has it open              */
    struct watch *watches;
};

/* Of a place in memory. */
static inline struct node *node_of(const struct place *place)
{
    return (struct node *)place->id;
}

static inline bool node_is_folder(const struct node *node)
{
    return (node->mode & S_IFMT) == S_IFDIR;
}

/* Of a folder; NULL: a root, or removed. */
static inline struct node *node_parent(const struct node *node)
{
    return node->names ? node->names->folder : NULL;
}

#endif
