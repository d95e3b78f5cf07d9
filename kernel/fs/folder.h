/* folder.h: folders in memory: their entries, by name and in their order. */
#ifndef KERNEL_FS_FOLDER_H
#define KERNEL_FS_FOLDER_H

#include "kernel/fs/node.h"

/* In nobody's folder yet. NULL: no memory. */
struct entry *entry_create(struct name name);
void entry_destroy(struct entry *entry);

/* The link to the entry of that name; NULL: there is none. */
struct entry **folder_find(struct node *folder, struct name name);
/* The entry becomes the folder's last, and a name of the node. */
void folder_put(struct node *folder, struct entry *entry, struct node *node);
/* The entry, with nobody's name any more; the caller's. */
struct entry *folder_take(struct node *folder, struct entry **link);
/* Two names change their nodes, which are two. -EINVAL: one would be below itself. */
int folder_exchange(struct entry *a, struct entry *b);

/* Is the node the folder, or somewhere in it? */
bool folder_holds(const struct node *folder, const struct node *node);
/* As in place.h. */
bool folder_list(const struct node *folder, uint64_t *cookie, struct listed *listed);

#endif
