/* tell.h: what happens to files in memory, told to those who watch them or their folders (watch.h). mask: IN_… */
#ifndef KERNEL_FS_TELL_H
#define KERNEL_FS_TELL_H

#include "kernel/fs/node.h"
#include "kernel/fs/open.h"

/* To a name, which its folder hears of. */
void tell_name(const struct entry *entry, uint32_t mask);
/* A name of the node's has become another one; what it replaced there, or NULL. */
void tell_moved(const struct entry *old, const struct entry *now, const struct node *replaced);
/* To a node: itself, the folder that its newest name is in, too, or nobody else. */
void tell(const struct node *node, uint32_t mask);
void tell_itself(const struct node *node, uint32_t mask);
/* To one that is open, by the name that it was opened by, if it is still one, or has none any more. */
void tell_opened(const struct opened *opened, uint32_t mask);

#endif
