/*
 * walk.h: from a path to a place: folders, links, "." and "..". The process's root and
 * working folder.
 */
#ifndef KERNEL_FS_WALK_H
#define KERNEL_FS_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/fs/place.h"

#define WALK_NOFOLLOW 1u /* a link at the path's end is what is meant */
#define WALK_MAKE 2u     /* the last name need not be there           */

struct walked {
    struct place place;  /* fs NULL: not there, with WALK_MAKE */
    struct place folder; /* that the last name is in           */
    char name[NAME_BYTES_MAX + 1]; /* NUL-ended                */
    uint32_t name_bytes; /* 0: the path ends in ".", "..", or is "/": then name is "" */
    bool folder_only;    /* it ends in '/' */
};

/* from: where a path begins that does not begin with '/'. path: NUL-ended. */
int walk(const struct place *from, const char *path, uint32_t how, struct walked *walked);

/* The path of a folder, or of a name in it (bytes 0: of the folder), NUL-ended; to has room
 * for PATH_BYTES_MAX. Bytes with the NUL, -ENAMETOOLONG, -ENOENT: it is no longer anywhere. */
int64_t walk_path(const struct place *folder, struct name name, char *to);

/* Where "/" is. */
struct place walk_root(void);
struct place walk_here(void);
/* Change the working folder. */
void walk_go(const struct place *folder);

#endif
