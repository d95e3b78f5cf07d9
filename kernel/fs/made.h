/*
 * made.h: files that the kernel makes: /proc, /sys, /dev, what the image has none of in /etc, and
 * the places of the file systems in memory. A tree of its own, of which the root folder shows
 * parts (image.h).
 */
#ifndef KERNEL_FS_MADE_H
#define KERNEL_FS_MADE_H

#include "kernel/fs/place.h"

struct place made_root(void);
struct place made_etc(void);

/* Of a folder that the image has, too: does the kernel's entry of that name stand before the
 * image's? Those of its root folder do, but for /etc. */
bool made_covers(const struct place *folder, struct name name);

/* The name under which a file system in memory (tmp.h) is shown, and in which folder. */
uint32_t made_mount_name(uint32_t mount, char *to, struct place *parent);

/* Which descriptor's file it is, for an open of /proc/self/fd/N. False: it is none. */
bool made_descriptor(const struct place *place, uint32_t *fd);

#endif
