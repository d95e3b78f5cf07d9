/*
 * made.h: files that the kernel makes: /proc, /sys, /dev, what the image has none of in /etc, and
 * the places of the file systems in memory. A tree of its own, of which the root folder shows
 * parts (image.h).
 */
#ifndef KERNEL_FS_MADE_H
#define KERNEL_FS_MADE_H

#include "kernel/fs/place.h"

struct place made_root(void);
bool made_is(const struct place *place);

/* Folders of the root that the image may have, too: both's entries stand in them. */
enum made_shared { MADE_SHARED_ETC, MADE_SHARED_VAR, MADE_SHARED };
struct place made_shared(enum made_shared which);
/* Its name in the root folder. */
const char *made_shared_name(enum made_shared which);

/* Of a folder that the image has, too: does the kernel's entry of that name stand before the
 * image's? Those of its root folder do, but for the shared ones; and those of /var. */
bool made_covers(const struct place *folder, struct name name);

/* The name under which a file system is shown (made_table.h, MOUNT), and in which folder. */
uint32_t made_mount_name(uint32_t mount, char *to, struct place *parent);

/* Which descriptor's file it is, for an open of /proc/self/fd/N. False: it is none. */
bool made_descriptor(const struct place *place, uint32_t *fd);

#endif
