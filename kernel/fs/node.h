/*
 * node.h: what files in memory are made of: a node is a file, folder, link or named pipe; an entry is a
 * name for one. Of node.c, which owns nodes, and of folder.c, which owns entries.
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
    int64_t accessed_ns, modified_ns, changed_ns; /* CLOCK_REALTIME */
    struct entry *names;           /* its own, the newest first; none: a root, or removed */
    struct entry *entries, **last; /* folder: by serial                                   */
    struct content content;        /* file; link: its target                              */
    struct pipe *pipe;             /* named pipe: while somebody has it open              */
    struct watch *watches;
};

/* Without a name or a holder, of this moment. NULL: no memory, or TMP_NODES_MAX. */
struct node *node_create(uint32_t mode);
/* Give it back, if nobody has it any more. */
void node_forget(struct node *node);

/* A file system's root (tmp.h), which stays. */
struct node *node_root(uint32_t which, bool *is_new);
bool node_is_root(const struct node *node);
uint32_t node_root_number(const struct node *root);

/* CLOCK_REALTIME, for the times of nodes. */
int64_t node_now_ns(void);

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
