/* names.h: of files in memory, the operations of place.h that change names. */
#ifndef KERNEL_FS_NAMES_H
#define KERNEL_FS_NAMES_H

#include "kernel/fs/place.h"

/* -ENOSPC: no memory for a node or a name. */
int names_make(const struct place *folder, struct name name, uint32_t mode, const char *target,
               struct place *made);
int names_remove(const struct place *folder, struct name name, bool is_folder);
int names_rename(const struct place *from, struct name old, const struct place *to, struct name new,
                 uint32_t flags);
int names_link(const struct place *file, const struct place *folder, struct name name);

#endif
